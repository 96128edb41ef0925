//! Answers of the token endpoint, and of the others as far as they have the same form.

use std::collections::BTreeSet;

use serde_json::Value;

use super::walk::Seen;
use super::{Looks, Rule, Run};
use crate::transcript::jose::repeated_names;
use crate::transcript::tokens::Kind;
use crate::transcript::{Answer, Endpoint};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "token-answers-are-never-stored",
            asks: "An answer with an access token has Cache-Control: no-store.",
            cites: &["rfc6749-5.1-cache-control", "core-3.1.3.3-no-store"],
            broken_by: &["token-answer-is-cacheable"],
            judge: never_stored,
        },
        Rule {
            id: "token-answers-are-json",
            asks: "A success of the token endpoint is a JSON object, labelled so, with status 200.",
            cites: &["rfc6749-5.1-status-200-json"],
            broken_by: &["token-answer-is-labelled-text"],
            judge: json,
        },
        Rule {
            id: "token-answers-have-a-type",
            asks: "An answer with an access token says of which type it is.",
            cites: &["rfc6749-5.1-token-type"],
            broken_by: &["token-type-is-missing"],
            judge: have_a_type,
        },
        Rule {
            id: "only-n_a-is-not-bearer",
            asks: "The type is Bearer where nothing else was agreed, or N_A where a token exchange brought no access token.",
            cites: &["core-3.1.3.3-token-type"],
            broken_by: &["token-type-is-mac"],
            judge: bearer,
        },
        Rule {
            id: "lifetimes-are-said",
            asks: "An answer with an access token says how long it lives.",
            cites: &["rfc6749-5.1-expires-in"],
            broken_by: &["expires-in-is-missing"],
            judge: lifetimes,
        },
        Rule {
            id: "bearer-tokens-live-an-hour",
            asks: "An access token lives an hour at most.",
            cites: &["rfc6750-5.3-short-lived"],
            broken_by: &["access-tokens-live-a-year"],
            judge: an_hour,
        },
        Rule {
            id: "a-narrowed-scope-is-said",
            asks: "An answer says which scope was granted, where that is not what was asked for.",
            cites: &["rfc6749-3.3-scope-returned"],
            broken_by: &["scope-narrowed-silently"],
            judge: narrowed_scope,
        },
        Rule {
            id: "no-member-twice",
            asks: "No answer has a member or parameter twice.",
            cites: &["rfc6749-3.1-duplicate-response-param"],
            broken_by: &["member-comes-twice"],
            judge: no_member_twice,
        },
        Rule {
            id: "errors-have-the-form",
            asks: "A refusal of the token endpoint and its neighbours is JSON with a string `error`.",
            cites: &["rfc6749-5.2-json"],
            broken_by: &["error-is-html"],
            judge: errors_have_the_form,
        },
        Rule {
            id: "refusals-are-400-or-401",
            asks: "The errors of RFC 6749 come with status 400, or 401 for a client that is not let in.",
            cites: &["rfc6749-5.2-status-400"],
            broken_by: &["refusal-is-403"],
            judge: status_of_refusals,
        },
        Rule {
            id: "a-basic-failure-is-401",
            asks: "A client that is refused after it used HTTP Basic gets 401 and is asked for Basic.",
            cites: &["rfc6749-5.2-invalid-client-401"],
            broken_by: &["basic-failure-is-400"],
            judge: basic_failure,
        },
        Rule {
            id: "error-texts-keep-to-the-alphabet",
            asks: "`error` and `error_description` keep to the characters that are allowed.",
            cites: &["rfc6749-5.2-error-charset", "rfc6749-4.1.2.1-error-charset"],
            broken_by: &["error-text-in-umlauts"],
            judge: alphabet,
        },
        Rule {
            id: "nothing-is-a-server-error",
            asks: "No answer is a server error, whatever was asked.",
            cites: &["rfc6749-5.2-status-400"],
            broken_by: &["every-third-answer-is-500"],
            judge: server_error,
        },
    ]
}

/// Successes with an access token, of whatever endpoint hands one out.
fn successes<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, serde_json::Map<String, Value>)> {
    let hands_out = |e: Endpoint| matches!(e, Endpoint::Token | Endpoint::Authorize | Endpoint::Device | Endpoint::Page);
    let good = run.answers().filter(move |s| s.answer.status == 200 && hands_out(s.exchange.endpoint));
    good.filter_map(|s| s.object().map(|o| (s, o))).filter(|(_, o)| o.get("access_token").is_some_and(Value::is_string))
}

fn never_stored(run: &Run<'_>, looks: &mut Looks) {
    for (seen, _) in successes(run) {
        let directives: Vec<String> =
            seen.answer.header("cache-control").flat_map(|h| h.split(',')).map(|d| d.trim().to_ascii_lowercase()).collect();
        let got = || if directives.is_empty() { "no Cache-Control".to_owned() } else { directives.join(", ") };
        looks.look(seen.at(), directives.iter().any(|d| d == "no-store"), "Cache-Control with no-store", got);
    }
}

fn json(run: &Run<'_>, looks: &mut Looks) {
    for seen in run.answers().filter(|s| s.is_token_request() && (200..300).contains(&s.answer.status)) {
        let fits = seen.answer.status == 200 && seen.media_type() == "application/json" && seen.object().is_some();
        let object = || if seen.object().is_some() { "an object" } else { "no JSON object" };
        let got = || format!("{}, {}, {}", seen.answer.status, or(&seen.media_type(), "no content type"), object());
        looks.look(seen.at(), fits, "200, application/json, an object", got);
    }
}

fn have_a_type(run: &Run<'_>, looks: &mut Looks) {
    for (seen, body) in successes(run) {
        looks.look(seen.at(), body.get("token_type").is_some_and(Value::is_string), "token_type, a string", || member(&body, "token_type"));
    }
}

fn bearer(run: &Run<'_>, looks: &mut Looks) {
    for (seen, body) in successes(run) {
        // Another type was agreed upon if the client proved that it holds a key (RFC 9449).
        let Some(kind) = body.get("token_type").and_then(Value::as_str).filter(|_| seen.exchange.request.header("dpop").next().is_none())
        else {
            continue;
        };
        let exchange = seen.exchange.request.param("grant_type").as_deref() == Some("urn:ietf:params:oauth:grant-type:token-exchange");
        let fits = kind.eq_ignore_ascii_case("bearer") || (exchange && kind.eq_ignore_ascii_case("n_a"));
        looks.look(seen.at(), fits, "token_type Bearer", || format!("token_type {kind}"));
    }
}

fn lifetimes(run: &Run<'_>, looks: &mut Looks) {
    for (seen, body) in successes(run) {
        looks.look(seen.at(), body.get("expires_in").is_some(), "expires_in", || "no expires_in".into());
    }
}

fn an_hour(run: &Run<'_>, looks: &mut Looks) {
    for (seen, body) in successes(run) {
        let Some(seconds) = body.get("expires_in").and_then(Value::as_f64) else { continue };
        looks.look(seen.at(), seconds <= 3600.0, "expires_in of 3600 at most", || member(&body, "expires_in"));
    }
}

/// The words of a scope, each once.
pub(super) fn words(scope: &str) -> BTreeSet<&str> {
    scope.split(' ').filter(|word| !word.is_empty()).collect()
}

fn narrowed_scope(run: &Run<'_>, looks: &mut Looks) {
    scope_is_said(run, looks, |_| true);
}

/// That an answer names the scope of its token where it is not the one that was asked for, for tokens of these grants.
pub(super) fn scope_is_said(run: &Run<'_>, looks: &mut Looks, of_grant: fn(&str) -> bool) {
    for (walk, token) in run.tokens(Kind::AccessToken).filter(|(_, token)| of_grant(&token.grant_type)) {
        let Some((index, exchange)) = token.exchange.and_then(|i| Some((i, walk.transcript.exchanges.get(i)?))) else { continue };
        // What was asked for: in the request itself, or at the authorization endpoint for a code. A refresh asks for what it had.
        let asked = match token.grant_type.as_str() {
            "authorization_code" => walk.authorization(token).and_then(|a| a.param("scope").map(str::to_owned)),
            "refresh_token" => None,
            _ => exchange.request.param("scope"),
        };
        let Some(asked) = asked else { continue };
        let said = exchange.ok().and_then(Answer::json).and_then(|b| b.get("scope")?.as_str().map(str::to_owned));
        // What was granted: in the token itself, or told by introspection.
        let claims = token.jws.as_ref().filter(|_| walk.has("rfc9068")).map(|jws| &jws.claims);
        let told = walk.introspected(token).find_map(|(_, claims)| claims.get("scope")?.as_str().map(str::to_owned));
        let Some(granted) = claims.and_then(|c| c.get("scope")?.as_str().map(str::to_owned)).or(told) else { continue };
        let fits = said.is_some() || words(&granted) == words(&asked);
        looks.look(walk.at_exchange(index), fits, "scope in the answer, for it is not what was asked for", || {
            format!("no scope, where {asked:?} was asked for and {granted:?} granted")
        });
    }
}

fn no_member_twice(run: &Run<'_>, looks: &mut Looks) {
    let of_the_protocol = |e: Endpoint| !matches!(e, Endpoint::Management | Endpoint::Other);
    for seen in run.answers().filter(|s| of_the_protocol(s.exchange.endpoint)) {
        if seen.object().is_some() {
            let twice = repeated_names(seen.answer.body.as_bytes());
            looks.look(seen.at(), twice.is_empty(), "each member once", || format!("{} comes twice", twice.join(", ")));
        }
    }
    for (walk, authorization, arrived) in run.arrivals() {
        // What the redirect URI brings along in its own query is the client's business.
        let own = authorization.param("redirect_uri").and_then(|u| url::Url::parse(u).ok());
        let own = own.map(|u| crate::transcript::pairs(u.query().unwrap_or(""))).unwrap_or_default();
        let mut names: Vec<&str> =
            arrived.params.iter().filter(|(n, _)| !own.iter().any(|(o, _)| o == n)).map(|(n, _)| n.as_str()).collect();
        names.sort_unstable();
        let twice: Vec<&str> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        looks.look(walk.at_exchange(arrived.exchange), twice.is_empty(), "each parameter once", || {
            format!("{} comes twice", twice.join(", "))
        });
    }
}

/// Answers to a POST of the endpoints whose errors have the form of RFC 6749 §5.2.
fn direct<'r>(run: &'r Run<'_>) -> impl Iterator<Item = Seen<'r>> {
    let alike = |e: Endpoint| matches!(e, Endpoint::Token | Endpoint::Device | Endpoint::Revoke | Endpoint::Introspect);
    run.answers().filter(move |s| alike(s.exchange.endpoint) && s.exchange.request.method == "POST")
}

fn errors_have_the_form(run: &Run<'_>, looks: &mut Looks) {
    // Other statuses (404, 405, 413, 415, 429 …) are HTTP's own, and may come from a server in front.
    for seen in direct(run).filter(|s| matches!(s.answer.status, 400 | 401 | 403)) {
        // RFC 7662 §2.3 says of a failed introspection nothing but its status.
        if seen.exchange.endpoint == Endpoint::Introspect && seen.answer.status == 401 && seen.answer.body.is_empty() {
            continue;
        }
        let body = seen.object();
        let fits = seen.media_type() == "application/json" && body.as_ref().is_some_and(|b| b.get("error").is_some_and(Value::is_string));
        let got = || match &body {
            Some(body) => format!("{}, {}", or(&seen.media_type(), "no content type"), member(body, "error")),
            None => format!("{}, no JSON object", or(&seen.media_type(), "no content type")),
        };
        looks.look(seen.at(), fits, "application/json with a string `error`", got);
    }
}

const ERRORS: [&str; 6] =
    ["invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"];

fn status_of_refusals(run: &Run<'_>, looks: &mut Looks) {
    for seen in direct(run).filter(|s| !matches!(s.answer.status, 404 | 405 | 413 | 415 | 429 | 500..)) {
        let body = seen.object();
        let Some(error) = body.as_ref().and_then(|b| b.get("error")).and_then(Value::as_str).filter(|e| ERRORS.contains(e)) else {
            continue;
        };
        let status = seen.answer.status;
        looks.look(seen.at(), matches!(status, 400 | 401), "400 or 401", || format!("{status} with {error}"));
    }
}

fn basic_failure(run: &Run<'_>, looks: &mut Looks) {
    for seen in direct(run) {
        let scheme = |text: &str| text.trim_start().get(..6).is_some_and(|s| s.eq_ignore_ascii_case("basic "));
        let basic = seen.exchange.request.header("authorization").any(scheme);
        let failed = seen.object().is_some_and(|b| b.get("error").and_then(Value::as_str) == Some("invalid_client"));
        if !basic || !failed {
            continue;
        }
        let challenges: Vec<&str> = seen.answer.header("www-authenticate").collect();
        // Several challenges may stand in one header, with commas between them.
        let asks = challenges
            .iter()
            .flat_map(|c| c.split(','))
            .any(|c| c.trim().split(' ').next().is_some_and(|s| s.eq_ignore_ascii_case("basic")));
        let got = || {
            format!("{}, {}", seen.answer.status, if challenges.is_empty() { "no WWW-Authenticate".into() } else { challenges.join(", ") })
        };
        looks.look(seen.at(), seen.answer.status == 401 && asks, "401 with WWW-Authenticate: Basic", got);
    }
}

fn alphabet(run: &Run<'_>, looks: &mut Looks) {
    // %x20-21 / %x23-5B / %x5D-7E
    let allowed = |text: &str| text.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E));
    let wanted = "printable ASCII without \" and \\";
    for seen in direct(run).filter(|s| s.answer.status >= 400) {
        for (name, text) in seen.object().into_iter().flatten().filter(|(n, _)| n == "error" || n == "error_description") {
            let Some(text) = text.as_str() else { continue };
            looks.look(seen.at(), allowed(text), wanted, || format!("{name} {text:?}"));
        }
    }
    for (walk, _, arrived) in run.arrivals().filter(|(_, _, a)| a.param("error").is_some()) {
        for (name, text) in arrived.params.iter().filter(|(n, _)| n == "error" || n == "error_description") {
            looks.look(walk.at_exchange(arrived.exchange), allowed(text), wanted, || format!("{name} {text:?}"));
        }
    }
}

fn server_error(run: &Run<'_>, looks: &mut Looks) {
    for seen in run.answers().filter(|s| !s.exchange.origin.is_empty()) {
        let status = seen.answer.status;
        // A server may say that it is busy, and that it has never heard of a method.
        let busy = status == 503 && seen.answer.header("retry-after").next().is_some();
        let method = status == 501 && !matches!(seen.exchange.request.method.as_str(), "GET" | "POST");
        looks.look(seen.at(), status < 500 || busy || method, "no server error", || status.to_string());
    }
}

fn or<'t>(text: &'t str, instead: &'t str) -> &'t str {
    if text.is_empty() { instead } else { text }
}

fn member(body: &serde_json::Map<String, Value>, name: &str) -> String {
    body.get(name).map_or_else(|| format!("no {name}"), |v| format!("{name} {v}"))
}
