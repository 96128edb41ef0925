//! The endpoints: a table of paths, and how one is found.

mod authorize;
mod end_session;
mod introspection;
mod management;
mod next;
mod registration;
mod revocation;
mod sign_in;
mod token;
mod userinfo;
mod well_known;

use std::pin::Pin;

use hyper::header::{self, HeaderValue};
use hyper::{Method, StatusCode};

use crate::config::Origin;
use crate::exchange::{Answer, Request};
use crate::pages;
use crate::provider::{Cx, Provider, Work};

type Later<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// An endpoint.
struct Route {
    /// Below the issuer; `{id}` stands for one segment.
    path: &'static str,
    /// Methods that it knows.
    methods: &'static [Method],
    /// Whether scripts of other origins may use it (OpenID Connect Discovery 1.0, section 3). Never an endpoint that shows pages.
    cors: bool,
    answer: for<'a> fn(Cx<'a>) -> Later<'a>,
}

const GET: &[Method] = &[Method::GET, Method::HEAD];
/// Without HEAD: these do something when they are asked.
const GET_AND_POST: &[Method] = &[Method::GET, Method::POST];
const POST: &[Method] = &[Method::POST];
const GET_PUT_AND_DELETE: &[Method] = &[Method::GET, Method::PUT, Method::DELETE];
const DELETE: &[Method] = &[Method::DELETE];

static ROUTES: [Route; 22] = [
    Route { path: "/.well-known/openid-configuration", methods: GET, cors: true, answer: |cx| Box::pin(well_known::metadata(cx)) },
    Route { path: "/.well-known/oauth-authorization-server", methods: GET, cors: true, answer: |cx| Box::pin(well_known::metadata(cx)) },
    Route { path: "/keys", methods: GET, cors: true, answer: |cx| Box::pin(well_known::keys(cx)) },
    Route { path: "/authorize", methods: GET_AND_POST, cors: false, answer: |cx| Box::pin(authorize::answer(cx)) },
    Route { path: "/sign-in/{id}", methods: GET, cors: false, answer: |cx| Box::pin(sign_in::page(cx)) },
    Route { path: "/sign-in/{id}/password", methods: GET_AND_POST, cors: false, answer: |cx| Box::pin(sign_in::password(cx)) },
    Route { path: "/sign-in/{id}/account", methods: POST, cors: false, answer: |cx| Box::pin(sign_in::account(cx)) },
    Route { path: "/sign-in/{id}/consent", methods: POST, cors: false, answer: |cx| Box::pin(sign_in::consent(cx)) },
    Route { path: "/token", methods: POST, cors: true, answer: |cx| Box::pin(token::answer(cx)) },
    Route { path: "/introspect", methods: POST, cors: false, answer: |cx| Box::pin(introspection::answer(cx)) },
    Route { path: "/revoke", methods: POST, cors: true, answer: |cx| Box::pin(revocation::answer(cx)) },
    Route { path: "/userinfo", methods: GET_AND_POST, cors: true, answer: |cx| Box::pin(userinfo::answer(cx)) },
    Route { path: "/register", methods: POST, cors: true, answer: |cx| Box::pin(registration::register(cx)) },
    Route { path: "/register/{id}", methods: GET_PUT_AND_DELETE, cors: true, answer: |cx| Box::pin(registration::manage(cx)) },
    Route { path: "/end_session", methods: GET_AND_POST, cors: false, answer: |cx| Box::pin(end_session::answer(cx)) },
    Route { path: "/end_session/confirm", methods: POST, cors: false, answer: |cx| Box::pin(end_session::confirm(cx)) },
    Route { path: "/signed-out", methods: GET, cors: false, answer: |cx| Box::pin(end_session::signed_out(cx)) },
    Route { path: "/style.css", methods: GET, cors: false, answer: |_| Box::pin(std::future::ready(pages::style())) },
    Route { path: "/management/sessions", methods: GET, cors: false, answer: |cx| Box::pin(management::sessions(cx)) },
    Route { path: "/management/sessions/{id}", methods: DELETE, cors: false, answer: |cx| Box::pin(management::terminate(cx)) },
    Route { path: "/management/keys/rotate", methods: POST, cors: false, answer: |cx| Box::pin(management::rotate(cx)) },
    Route { path: "/management/events", methods: GET, cors: false, answer: |cx| Box::pin(management::events(cx)) },
];

/// Answers a request.
pub async fn answer(provider: &Provider, request: &Request, work: Work) -> Answer {
    let Some((origin, path)) = origin_of(&provider.config.origins, request) else {
        return pages::problem(StatusCode::MISDIRECTED_REQUEST, "Nobody of that name lives here.");
    };
    let Some((route, id)) = ROUTES.iter().find_map(|route| fits(route.path, path).map(|id| (route, id))) else {
        return pages::problem(StatusCode::NOT_FOUND, "There is no such page here.");
    };
    let mut answer = if route.cors && request.method == Method::OPTIONS {
        preflight(route)
    } else if route.methods.contains(&request.method) {
        (route.answer)(Cx { provider, origin, request, id, work }).await
    } else {
        Answer::empty(StatusCode::METHOD_NOT_ALLOWED).with_text(header::ALLOW, &allow(route))
    };
    if route.cors {
        answer.headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        answer.headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("WWW-Authenticate"));
    }
    answer
}

/// The origin that is asked, and the path below its issuer.
fn origin_of<'a, 'r>(origins: &'a [Origin], request: &'r Request) -> Option<(&'a Origin, &'r str)> {
    let here = origins.iter().filter(|origin| {
        let default_port = if origin.secure { ":443" } else { ":80" };
        let asked = request.authority.strip_suffix(default_port).unwrap_or(&request.authority);
        asked == origin.authority
    });
    let below = here.filter_map(|origin| {
        if let Some(rest) = request.path.strip_prefix(origin.path.as_str()) {
            return (rest.is_empty() || rest.starts_with('/')).then_some((origin, rest));
        }
        // RFC 8414, section 3.1 puts the well-known part before the path of the issuer.
        let well_known = request.path.strip_suffix(origin.path.as_str())?;
        well_known.starts_with("/.well-known/").then_some((origin, well_known))
    });
    // An issuer may live below another one: the longer path is meant.
    below.max_by_key(|(origin, _)| origin.path.len())
}

/// Whether a path has this form, and what stands in the place of `{id}`.
fn fits<'r>(form: &str, path: &'r str) -> Option<Option<&'r str>> {
    let Some((before, after)) = form.split_once("{id}") else { return (form == path).then_some(None) };
    let id = path.strip_prefix(before)?.strip_suffix(after)?;
    (!id.is_empty() && !id.contains('/')).then_some(Some(id))
}

fn allow(route: &Route) -> String {
    let mut methods: Vec<&str> = route.methods.iter().map(Method::as_str).collect();
    if route.cors {
        methods.push("OPTIONS");
    }
    methods.join(", ")
}

/// The answer to a browser that asks whether a script may send what it is about to send.
fn preflight(route: &Route) -> Answer {
    Answer::empty(StatusCode::NO_CONTENT)
        .with_text(header::ACCESS_CONTROL_ALLOW_METHODS, &allow(route))
        .with(header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type")
        .with(header::ACCESS_CONTROL_MAX_AGE, "7200")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_segment_stands_for_an_id() {
        assert_eq!(fits("/keys", "/keys"), Some(None));
        assert_eq!(fits("/sign-in/{id}", "/sign-in/abc"), Some(Some("abc")));
        assert_eq!(fits("/sign-in/{id}/account", "/sign-in/abc/account"), Some(Some("abc")));
        for other in ["/sign-in/", "/sign-in/a/b", "/sign-in", "/keys/"] {
            assert_eq!(fits("/sign-in/{id}", other), None, "{other}");
        }
    }

    #[test]
    fn no_page_can_be_read_by_scripts_of_others() {
        for route in &ROUTES {
            let data = [
                "/.well-known/openid-configuration",
                "/.well-known/oauth-authorization-server",
                "/keys",
                "/token",
                "/revoke",
                "/userinfo",
                "/register",
                "/register/{id}",
            ];
            assert_eq!(route.cors, data.contains(&route.path), "{}", route.path);
        }
    }
}
