//! The cookies by which a provider knows browsers. RFC 6265.
//!
//! Nothing is asked of SameSite: a provider that answers `prompt=none` in a frame of its clients needs its cookie there, and no document forbids it.

use cookie::Cookie;
use serde_json::Value;

use super::walk::Seen;
use super::{Looks, Rule, Run};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "cookies-keep-to-tls",
            asks: "A cookie that is set over https has Secure.",
            cites: &["rfc6265-8.3-secure"],
            broken_by: &["a-cookie-without-secure"],
            judge: secure,
        },
        Rule {
            id: "cookies-are-kept-from-scripts",
            asks: "A cookie has HttpOnly, unless the provider has a page whose script reads one.",
            cites: &["rfc6265-4.1.2.6-http-only"],
            broken_by: &["a-cookie-for-scripts"],
            judge: http_only,
        },
    ]
}

/// Every cookie that the target sets. One that takes back an older one, with nothing in it, opens nothing.
fn cookies<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, Cookie<'r>)> {
    let of_the_target = run.answers().filter(|seen| !seen.exchange.origin.is_empty());
    let all = of_the_target.flat_map(|seen| {
        seen.answer.header("set-cookie").filter_map(|header| Cookie::parse(header).ok()).map(move |cookie| (seen, cookie))
    });
    all.filter(|(_, cookie)| !cookie.value().is_empty())
}

fn secure(run: &Run<'_>, looks: &mut Looks) {
    for (seen, cookie) in cookies(run).filter(|(seen, _)| seen.exchange.request.url.starts_with("https://")) {
        looks.look(seen.at(), cookie.secure() == Some(true), "Secure", || format!("the cookie `{}` without it", cookie.name()));
    }
}

fn http_only(run: &Run<'_>, looks: &mut Looks) {
    for (seen, cookie) in cookies(run) {
        if seen.walk.transcript.target.metadata.get("check_session_iframe").is_some_and(Value::is_string) {
            continue;
        }
        looks.look(seen.at(), cookie.http_only() == Some(true), "HttpOnly", || format!("the cookie `{}` without it", cookie.name()));
    }
}
