//! Registration: what a client is told of itself, and how a refusal looks. RFC 7591 §3.2, OpenID Connect Registration §3.2 and §3.3.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::walk::Seen;
use super::{Looks, Rule, Run};
use crate::transcript::Endpoint;

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "a-registration-is-201",
            asks: "A client that was registered is told so with status 201.",
            cites: &["rfc7591-3.2.1-status-201"],
            broken_by: &["registration-is-200"],
            judge: created,
        },
        Rule {
            id: "a-registration-names-the-client",
            asks: "A registration brings a `client_id`.",
            cites: &["rfc7591-3.2.1-client-id"],
            broken_by: &["registration-without-client-id"],
            judge: named,
        },
        Rule {
            id: "no-two-clients-have-one-name",
            asks: "No two registrations bring the same `client_id`.",
            cites: &["dcr-3.2-client-id-unique"],
            broken_by: &["registrations-share-a-client-id"],
            judge: |run, looks| unlike(run, looks, "client_id"),
        },
        Rule {
            id: "no-two-clients-have-one-secret",
            asks: "No two registrations bring the same `client_secret`.",
            cites: &["rfc7591-3.2.1-secret-unique", "dcr-3.2-secret-unique"],
            broken_by: &["registrations-share-a-secret"],
            judge: |run, looks| unlike(run, looks, "client_secret"),
        },
        Rule {
            id: "a-secret-says-when-it-ends",
            asks: "Where a registration brings a secret it says when that ends.",
            cites: &["rfc7591-3.2.1-secret-expires-at"],
            broken_by: &["secret-without-an-end"],
            judge: secret_ends,
        },
        Rule {
            id: "a-registration-says-what-was-registered",
            asks: "A registration answers with the redirect URIs that were registered.",
            cites: &["rfc7591-3.2.1-all-metadata-returned"],
            broken_by: &["registration-without-redirect-uris"],
            judge: says_what,
        },
        Rule {
            id: "redirect-uris-are-registered-as-they-were-sent",
            asks: "No registration changes a redirect URI.",
            cites: &["dcr-3.2-redirect-uris-unchanged"],
            broken_by: &["redirect-uris-get-a-slash"],
            judge: unchanged,
        },
        Rule {
            id: "an-address-for-changes-comes-with-its-token",
            asks: "registration_client_uri and registration_access_token come together or not at all.",
            cites: &["dcr-3.2-config-endpoint-pair"],
            broken_by: &["registration-without-its-token"],
            judge: pair,
        },
        Rule {
            id: "registrations-are-never-stored",
            asks: "A registration that brings a secret has Cache-Control: no-store.",
            cites: &["rfc7591-3.2.1-response-no-store"],
            broken_by: &["registration-is-cacheable"],
            judge: never_stored,
        },
        Rule {
            id: "registration-errors-are-400",
            asks: "A registration that is refused for its metadata is answered 400, with a string `error`.",
            cites: &["rfc7591-3.2.2-error-400"],
            broken_by: &["registration-error-is-422"],
            judge: errors,
        },
    ]
}

/// Requests to register a client, and what was answered. Changes of a client go to an address of its own, by another method.
fn requests<'r>(run: &'r Run<'_>) -> impl Iterator<Item = Seen<'r>> {
    run.answers().filter(|s| s.exchange.endpoint == Endpoint::Register && s.exchange.request.method == "POST")
}

/// Successful ones, with what they say.
fn made<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, Map<String, Value>)> {
    requests(run).filter(|s| (200..300).contains(&s.answer.status)).filter_map(|s| Some((s, s.object()?)))
}

fn created(run: &Run<'_>, looks: &mut Looks) {
    for seen in requests(run).filter(|s| (200..300).contains(&s.answer.status)) {
        let fits = seen.answer.status == 201 && seen.object().is_some();
        looks.look(seen.at(), fits, "201 and a JSON object", || seen.answer.status.to_string());
    }
}

fn named(run: &Run<'_>, looks: &mut Looks) {
    for (seen, body) in made(run) {
        let fits = body.get("client_id").and_then(Value::as_str).is_some_and(|id| !id.is_empty());
        looks.look(seen.at(), fits, "a client_id", || "none".into());
    }
}

fn unlike(run: &Run<'_>, looks: &mut Looks, member: &str) {
    for walk in &run.walks {
        let mut before = BTreeMap::<String, usize>::new();
        let own = walk.answers().filter(|s| s.exchange.endpoint == Endpoint::Register && s.exchange.request.method == "POST");
        let own = own.filter(|s| (200..300).contains(&s.answer.status));
        for (seen, value) in own.filter_map(|s| Some((s, s.object()?.get(member)?.as_str()?.to_owned()))) {
            let count = before.entry(value).or_default();
            *count += 1;
            looks.look(seen.at(), *count == 1, &format!("a {member} of its own"), || format!("the {member} of an earlier client"));
        }
    }
}

fn secret_ends(run: &Run<'_>, looks: &mut Looks) {
    for (seen, body) in made(run).filter(|(_, body)| body.contains_key("client_secret")) {
        let ends = body.get("client_secret_expires_at");
        looks.look(seen.at(), ends.is_some_and(|e| e.is_i64() || e.is_u64()), "client_secret_expires_at, a whole number", || {
            ends.map_or_else(|| "none".into(), |e| format!("client_secret_expires_at {e}"))
        });
    }
}

/// The redirect URIs that were sent and those that came back.
fn redirect_uris<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, Vec<Value>, Option<Value>)> {
    made(run).filter_map(|(seen, body)| {
        let sent = seen.exchange.request.json()?.get("redirect_uris")?.as_array().filter(|all| !all.is_empty())?.clone();
        Some((seen, sent, body.get("redirect_uris").cloned()))
    })
}

fn says_what(run: &Run<'_>, looks: &mut Looks) {
    for (seen, _, came) in redirect_uris(run) {
        looks.look(seen.at(), came.as_ref().is_some_and(Value::is_array), "redirect_uris", || "none".into());
    }
}

fn unchanged(run: &Run<'_>, looks: &mut Looks) {
    for (seen, sent, came) in redirect_uris(run) {
        let Some(came) = came.as_ref().and_then(Value::as_array) else { continue };
        // Their order means nothing.
        let fits = came.len() == sent.len() && sent.iter().all(|uri| came.contains(uri));
        let words = |all: &[Value]| Value::from(all.to_vec()).to_string();
        looks.look(seen.at(), fits, &words(&sent), || words(came));
    }
}

fn pair(run: &Run<'_>, looks: &mut Looks) {
    for (seen, body) in made(run) {
        let (uri, token) = (body.contains_key("registration_client_uri"), body.contains_key("registration_access_token"));
        looks.look(seen.at(), uri == token, "both, or neither", || {
            if uri { "an address without a token".into() } else { "a token without an address".into() }
        });
    }
}

fn never_stored(run: &Run<'_>, looks: &mut Looks) {
    let secret = |body: &Map<String, Value>| ["client_secret", "registration_access_token"].into_iter().any(|m| body.contains_key(m));
    for (seen, _) in made(run).filter(|(_, body)| secret(body)) {
        let headers = seen.answer.header("cache-control").flat_map(|h| h.split(','));
        let directives: Vec<String> = headers.map(|d| d.trim().to_ascii_lowercase()).collect();
        looks.look(seen.at(), directives.iter().any(|d| d == "no-store"), "Cache-Control with no-store", || directives.join(", "));
    }
}

fn errors(run: &Run<'_>, looks: &mut Looks) {
    // These are what RFC 7591 §3.2.2 and Registration §3.3 name; what HTTP itself refuses, and tokens that do not open, are other things.
    const ERRORS: [&str; 4] =
        ["invalid_redirect_uri", "invalid_client_metadata", "invalid_software_statement", "unapproved_software_statement"];
    for seen in requests(run).filter(|s| (400..500).contains(&s.answer.status)) {
        let error = seen.object().and_then(|b| b.get("error").cloned());
        let named = error.as_ref().and_then(Value::as_str).is_some_and(|e| ERRORS.contains(&e));
        if named || seen.answer.status == 400 {
            let fits = seen.answer.status == 400 && error.as_ref().is_some_and(Value::is_string);
            looks.look(seen.at(), fits, "400 with a string `error`", || {
                format!("{} with {}", seen.answer.status, error.as_ref().map_or_else(|| "no error".into(), Value::to_string))
            });
        }
    }
}
