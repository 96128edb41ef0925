//! The endpoints: a table of paths, and how one is found.

mod admin;
mod authorize;
mod conversation;
mod device;
mod device_authorization;
mod device_verification;
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

use self::device_verification::Verifying;
use self::sign_in::SigningIn;
use crate::config::Origin;
use crate::exchange::{Answer, Request};
use crate::pages;
use crate::provider::{Cx, Provider, Work};

type Later<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// An endpoint.
struct Route {
    /// Below the issuer; `{…}` stands for one segment, and there are two of them at most.
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
const GET_PATCH_AND_DELETE: &[Method] = &[Method::GET, Method::PATCH, Method::DELETE];
const GET_AND_PUT: &[Method] = &[Method::GET, Method::PUT];
const GET_AND_DELETE: &[Method] = &[Method::GET, Method::DELETE];
const PUT_AND_DELETE: &[Method] = &[Method::PUT, Method::DELETE];
const DELETE: &[Method] = &[Method::DELETE];

static ROUTES: &[Route] = &[
    Route { path: "/.well-known/openid-configuration", methods: GET, cors: true, answer: |cx| Box::pin(well_known::metadata(cx)) },
    Route { path: "/.well-known/oauth-authorization-server", methods: GET, cors: true, answer: |cx| Box::pin(well_known::metadata(cx)) },
    Route { path: "/keys", methods: GET, cors: true, answer: |cx| Box::pin(well_known::keys(cx)) },
    Route { path: "/authorize", methods: GET_AND_POST, cors: false, answer: |cx| Box::pin(authorize::answer(cx)) },
    Route { path: "/sign-in/{id}", methods: GET, cors: false, answer: |cx| Box::pin(conversation::page::<SigningIn>(cx)) },
    Route {
        path: "/sign-in/{id}/password",
        methods: GET_AND_POST,
        cors: false,
        answer: |cx| Box::pin(conversation::password::<SigningIn>(cx)),
    },
    Route { path: "/sign-in/{id}/account", methods: POST, cors: false, answer: |cx| Box::pin(conversation::account::<SigningIn>(cx)) },
    Route { path: "/sign-in/{id}/consent", methods: POST, cors: false, answer: |cx| Box::pin(conversation::consent::<SigningIn>(cx)) },
    Route { path: "/device_authorization", methods: POST, cors: true, answer: |cx| Box::pin(device_authorization::answer(cx)) },
    Route { path: "/device", methods: GET_AND_POST, cors: false, answer: |cx| Box::pin(device::answer(cx)) },
    Route { path: "/device/connected", methods: GET, cors: false, answer: |cx| Box::pin(device_verification::connected(cx)) },
    Route { path: "/device/declined", methods: GET, cors: false, answer: |cx| Box::pin(device_verification::declined(cx)) },
    Route { path: "/device/{id}", methods: GET, cors: false, answer: |cx| Box::pin(conversation::page::<Verifying>(cx)) },
    Route {
        path: "/device/{id}/password",
        methods: GET_AND_POST,
        cors: false,
        answer: |cx| Box::pin(conversation::password::<Verifying>(cx)),
    },
    Route { path: "/device/{id}/account", methods: POST, cors: false, answer: |cx| Box::pin(conversation::account::<Verifying>(cx)) },
    Route { path: "/device/{id}/consent", methods: POST, cors: false, answer: |cx| Box::pin(conversation::consent::<Verifying>(cx)) },
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
    Route { path: "/admin", methods: GET, cors: false, answer: |cx| Box::pin(admin::admin(cx)) },
    Route { path: "/admin/password", methods: POST, cors: false, answer: |cx| Box::pin(admin::admin_password(cx)) },
    Route { path: "/admin/consent", methods: POST, cors: false, answer: |cx| Box::pin(admin::admin_canceled(cx)) },
    Route { path: "/admin/clients", methods: GET, cors: false, answer: |cx| Box::pin(admin::admin_clients(cx)) },
    Route { path: "/admin/clients/{client_id}", methods: GET_AND_POST, cors: false, answer: |cx| Box::pin(admin::admin_client(cx)) },
    Route { path: "/admin/sessions", methods: GET, cors: false, answer: |cx| Box::pin(admin::admin_sessions(cx)) },
    Route { path: "/admin/sessions/{sid}/end", methods: POST, cors: false, answer: |cx| Box::pin(admin::admin_end_session(cx)) },
    Route { path: "/admin/flags", methods: GET_AND_POST, cors: false, answer: |cx| Box::pin(admin::admin_flags(cx)) },
    Route { path: "/admin/events", methods: GET, cors: false, answer: |cx| Box::pin(admin::admin_events(cx)) },
    Route { path: "/admin/events.json", methods: GET, cors: false, answer: |cx| Box::pin(admin::admin_new_events(cx)) },
    Route { path: "/admin/log.js", methods: GET, cors: false, answer: |cx| Box::pin(admin::admin_script(cx)) },
    Route { path: "/management/sessions", methods: GET, cors: false, answer: |cx| Box::pin(management::sessions(cx)) },
    Route { path: "/management/sessions/{sid}", methods: DELETE, cors: false, answer: |cx| Box::pin(management::terminate(cx)) },
    Route { path: "/management/keys/rotate", methods: POST, cors: false, answer: |cx| Box::pin(management::rotate(cx)) },
    Route { path: "/management/events", methods: GET, cors: false, answer: |cx| Box::pin(management::events(cx)) },
    Route { path: "/management/clients", methods: GET_AND_POST, cors: false, answer: |cx| Box::pin(management::clients(cx)) },
    Route {
        path: "/management/clients/{client_id}",
        methods: GET_PATCH_AND_DELETE,
        cors: false,
        answer: |cx| Box::pin(management::client(cx)),
    },
    Route { path: "/management/openapi.json", methods: GET, cors: false, answer: |cx| Box::pin(management::openapi(cx)) },
    Route { path: "/management/set_up", methods: POST, cors: false, answer: |cx| Box::pin(management::set_up(cx)) },
    Route { path: "/management/flags", methods: GET, cors: false, answer: |cx| Box::pin(management::flags(cx)) },
    Route { path: "/management/flags/{level}/{flag}", methods: PUT_AND_DELETE, cors: false, answer: |cx| Box::pin(management::flag(cx)) },
    Route {
        path: "/management/policies/security",
        methods: GET_AND_PUT,
        cors: false,
        answer: |cx| Box::pin(management::security_policy(cx)),
    },
    Route { path: "/management/users", methods: GET, cors: false, answer: |cx| Box::pin(management::users(cx)) },
    Route { path: "/management/users/{id}", methods: GET_AND_DELETE, cors: false, answer: |cx| Box::pin(management::user(cx)) },
    Route { path: "/management/users/{id}/lock", methods: POST, cors: false, answer: |cx| Box::pin(management::lock(cx)) },
    Route { path: "/management/users/{id}/unlock", methods: POST, cors: false, answer: |cx| Box::pin(management::unlock(cx)) },
    Route { path: "/management/users/{id}/deactivate", methods: POST, cors: false, answer: |cx| Box::pin(management::deactivate(cx)) },
    Route { path: "/management/users/{id}/reactivate", methods: POST, cors: false, answer: |cx| Box::pin(management::reactivate(cx)) },
    Route {
        path: "/management/users/{id}/roles/{role}",
        methods: PUT_AND_DELETE,
        cors: false,
        answer: |cx| Box::pin(management::role(cx)),
    },
];

/// Every path that there is, below an issuer, with the methods that it knows; `{id}` stands for one segment.
pub fn paths() -> impl Iterator<Item = (&'static str, &'static [Method])> {
    ROUTES.iter().map(|route| (route.path, route.methods))
}

/// Answers a request.
pub async fn answer(provider: &Provider, request: &Request, work: Work) -> Answer {
    let Some((origin, path)) = origin_of(&provider.config.origins, request) else {
        return pages::problem(StatusCode::MISDIRECTED_REQUEST, request, |texts| &texts.problem_host);
    };
    let Some((route, in_places)) = ROUTES.iter().find_map(|route| fits(route.path, path).map(|in_places| (route, in_places))) else {
        if management::is_here(path) {
            return management::nothing_here();
        }
        return pages::problem(StatusCode::NOT_FOUND, request, |texts| &texts.problem_page);
    };
    let mut answer = if route.cors && request.method == Method::OPTIONS {
        preflight(route)
    } else if route.methods.contains(&request.method) {
        let (id, second) = (in_places.first().copied(), in_places.get(1).copied());
        (route.answer)(Cx { provider, origin, request, id, second, work }).await
    } else {
        let refused = if management::is_here(path) { management::no_such_method() } else { Answer::empty(StatusCode::METHOD_NOT_ALLOWED) };
        refused.with_text(header::ALLOW, &allow(route))
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

/// Whether a path has this form, and what stands in the places of its `{…}`.
fn fits<'r>(form: &str, path: &'r str) -> Option<Vec<&'r str>> {
    if form.split('/').count() != path.split('/').count() {
        return None;
    }
    let mut in_places = Vec::new();
    for (form, segment) in form.split('/').zip(path.split('/')) {
        match form.starts_with('{') {
            true if !segment.is_empty() => in_places.push(segment),
            false if form == segment => {}
            true | false => return None,
        }
    }
    Some(in_places)
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
        assert_eq!(fits("/keys", "/keys"), Some(vec![]));
        assert_eq!(fits("/sign-in/{id}", "/sign-in/abc"), Some(vec!["abc"]));
        assert_eq!(fits("/sign-in/{id}/account", "/sign-in/abc/account"), Some(vec!["abc"]));
        assert_eq!(fits("/users/{id}/roles/{role}", "/users/a/roles/b"), Some(vec!["a", "b"]));
        for other in ["/sign-in/", "/sign-in/a/b", "/sign-in", "/keys/"] {
            assert_eq!(fits("/sign-in/{id}", other), None, "{other}");
        }
    }

    #[test]
    fn the_management_api_is_described_whole_and_nothing_more() {
        let document: serde_json::Value = serde_json::from_str(management::DOCUMENT).expect("JSON");
        let mut described = std::collections::BTreeSet::new();
        for (path, operations) in document["paths"].as_object().expect("paths") {
            let methods = operations.as_object().expect("operations").keys().filter(|name| *name != "parameters");
            described.extend(methods.map(|method| (format!("/management{path}"), method.to_uppercase())));
        }
        let there = ROUTES.iter().filter(|route| management::is_here(route.path)).flat_map(|route| {
            // HEAD is GET without a body, and needs no description of its own.
            let methods = route.methods.iter().filter(|method| **method != Method::HEAD);
            methods.map(|method| (route.path.to_owned(), method.to_string()))
        });
        assert_eq!(described, there.collect());
    }

    #[test]
    fn no_page_can_be_read_by_scripts_of_others() {
        for route in ROUTES {
            let data = [
                "/.well-known/openid-configuration",
                "/.well-known/oauth-authorization-server",
                "/keys",
                "/device_authorization",
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
