//! What a resource says when it does not open: the challenges of RFC 6750 §3, at UserInfo.

use super::walk::Seen;
use super::{Looks, Rule, Run};
use crate::transcript::{Answer, Endpoint};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "a-resource-asks-for-a-bearer-token",
            asks: "UserInfo that answers 401 has WWW-Authenticate with the scheme Bearer.",
            cites: &["rfc6750-3-www-authenticate", "rfc6750-3-challenge-scheme"],
            broken_by: &["userinfo-asks-for-nothing"],
            judge: asks_for_bearer,
        },
        Rule {
            id: "a-challenge-says-each-thing-once",
            asks: "realm, scope, error, error_description and error_uri stand in a challenge once.",
            cites: &["rfc6750-3-realm-once"],
            broken_by: &["challenge-has-two-errors"],
            judge: once,
        },
        Rule {
            id: "challenges-keep-to-the-alphabet",
            asks: "The values in a challenge keep to the characters that are allowed.",
            cites: &["rfc6750-3-charset"],
            broken_by: &["challenge-in-umlauts"],
            judge: alphabet,
        },
        Rule {
            id: "invalid_token-is-401",
            asks: "invalid_token comes with status 401.",
            cites: &["rfc6750-3.1-invalid-token-401"],
            broken_by: &["invalid-token-is-403"],
            judge: |run, looks| status(run, looks, "invalid_token", 401),
        },
        Rule {
            id: "insufficient_scope-is-403",
            asks: "insufficient_scope comes with status 403.",
            cites: &["rfc6750-3.1-insufficient-scope-403"],
            broken_by: &["insufficient-scope-is-401"],
            judge: |run, looks| status(run, looks, "insufficient_scope", 403),
        },
        Rule {
            id: "a-malformed-request-for-a-resource-is-400",
            asks: "invalid_request comes with status 400 where a resource says it.",
            cites: &["rfc6750-3.1-invalid-request-400"],
            broken_by: &["malformed-request-for-userinfo-is-401"],
            judge: |run, looks| status(run, looks, "invalid_request", 400),
        },
        Rule {
            id: "who-shows-no-token-is-told-no-error",
            asks: "Who shows no token is asked for one, and is not told what is wrong with it.",
            cites: &["rfc6750-3.1-no-error-without-token"],
            broken_by: &["no-token-is-an-invalid-one"],
            judge: no_error_without_token,
        },
        Rule {
            id: "who-shows-a-token-is-told-the-error",
            asks: "Who shows a token that does not open is told an error in the challenge.",
            cites: &["rfc6750-3-error-with-token"],
            broken_by: &["challenge-without-an-error"],
            judge: error_with_token,
        },
    ]
}

/// A challenge: its scheme in lower case, and its parameters in their order, their names in lower case.
struct Challenge {
    scheme: String,
    params: Vec<(String, String)>,
}

/// The challenges of an answer (RFC 9110 §11.6.1): several may stand in one header, with commas between them as between parameters.
fn challenges(answer: &Answer) -> Vec<Challenge> {
    let mut all: Vec<Challenge> = Vec::new();
    for element in answer.header("www-authenticate").flat_map(elements) {
        let (first, rest) = element.split_once([' ', '\t']).map_or((element.as_str(), ""), |(a, b)| (a, b.trim()));
        let param = if first.contains('=') {
            element.as_str()
        } else {
            all.push(Challenge { scheme: first.to_ascii_lowercase(), params: Vec::new() });
            rest
        };
        if let (Some((name, value)), Some(challenge)) = (param.split_once('='), all.last_mut()) {
            challenge.params.push((name.trim().to_ascii_lowercase(), unquoted(value.trim())));
        }
    }
    all
}

/// A header at its commas, but for those in quotes.
fn elements(header: &str) -> Vec<String> {
    let (mut elements, mut quoted, mut escaped) = (vec![String::new()], false, false);
    for c in header.chars() {
        match c {
            ',' if !quoted => elements.push(String::new()),
            _ => {
                if c == '"' && !escaped {
                    quoted = !quoted;
                }
                if let Some(last) = elements.last_mut() {
                    last.push(c);
                }
            }
        }
        escaped = c == '\\' && !escaped;
    }
    elements.into_iter().map(|e| e.trim().to_owned()).filter(|e| !e.is_empty()).collect()
}

fn unquoted(value: &str) -> String {
    let Some(inside) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) else { return value.to_owned() };
    let mut text = String::new();
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    text
}

/// Refusals of UserInfo.
fn refusals<'r>(run: &'r Run<'_>) -> impl Iterator<Item = Seen<'r>> {
    run.answers().filter(|s| s.exchange.endpoint == Endpoint::Userinfo && matches!(s.answer.status, 400 | 401 | 403))
}

/// Bearer challenges with their answers.
fn bearer<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, Challenge)> {
    refusals(run).flat_map(|s| challenges(s.answer).into_iter().filter(|c| c.scheme == "bearer").map(move |c| (s, c)))
}

impl Challenge {
    fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

fn asks_for_bearer(run: &Run<'_>, looks: &mut Looks) {
    for seen in refusals(run).filter(|s| s.answer.status == 401) {
        let asked = challenges(seen.answer);
        let got =
            || if asked.is_empty() { "none".to_owned() } else { asked.iter().map(|c| c.scheme.as_str()).collect::<Vec<_>>().join(", ") };
        looks.look(seen.at(), asked.iter().any(|c| c.scheme == "bearer"), "a challenge with the scheme Bearer", got);
    }
}

fn once(run: &Run<'_>, looks: &mut Looks) {
    for (seen, challenge) in bearer(run) {
        let twice = ["realm", "scope", "error", "error_description", "error_uri"]
            .into_iter()
            .find(|name| challenge.params.iter().filter(|(n, _)| n == name).count() > 1);
        looks.look(seen.at(), twice.is_none(), "each attribute once", || format!("{} comes twice", twice.unwrap_or_default()));
    }
}

fn alphabet(run: &Run<'_>, looks: &mut Looks) {
    for (seen, challenge) in bearer(run) {
        for (name, value) in &challenge.params {
            let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
            let fits = match name.as_str() {
                "scope" | "error" | "error_description" => value.bytes().all(|b| b == b' ' || allowed(b)),
                "error_uri" => value.bytes().all(allowed),
                _ => continue,
            };
            looks.look(seen.at(), fits, "printable ASCII without \" and \\", || format!("{name} {value:?}"));
        }
    }
}

fn status(run: &Run<'_>, looks: &mut Looks, error: &str, wanted: u16) {
    for (seen, _) in bearer(run).filter(|(_, challenge)| challenge.param("error") == Some(error)) {
        looks.look(seen.at(), seen.answer.status == wanted, &format!("{wanted} with {error}"), || seen.answer.status.to_string());
    }
}

/// Whether a request shows anything that could be meant for a token.
fn shows_a_token(seen: &Seen<'_>) -> bool {
    let request = &seen.exchange.request;
    request.header("authorization").next().is_some() || request.param("access_token").is_some() || request.json().is_some()
}

fn no_error_without_token(run: &Run<'_>, looks: &mut Looks) {
    for (seen, challenge) in bearer(run).filter(|(seen, _)| seen.answer.status == 401 && !shows_a_token(seen)) {
        let error = challenge.param("error");
        looks.look(seen.at(), error.is_none(), "a challenge without an error", || format!("error {}", error.unwrap_or_default()));
    }
}

fn error_with_token(run: &Run<'_>, looks: &mut Looks) {
    for (seen, challenge) in bearer(run).filter(|(seen, _)| seen.answer.status == 401) {
        let scheme = |h: &str| h.get(..7).is_some_and(|s| s.eq_ignore_ascii_case("bearer "));
        let mut shown = seen.exchange.request.header("authorization").filter(|h| scheme(h) && h.len() > 7);
        if shown.next().is_some() {
            looks.look(seen.at(), challenge.param("error").is_some(), "a challenge with an error", || "a challenge without".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_as_http_has_them() {
        let header = r#"Basic realm="a, b", Bearer realm=c, error="invalid_token", error_description="not \"good\"", DPoP"#;
        let answer = Answer { status: 401, headers: vec![("www-authenticate".into(), header.into())], body: String::new() };
        let all = challenges(&answer);
        assert_eq!(all.iter().map(|c| c.scheme.as_str()).collect::<Vec<_>>(), ["basic", "bearer", "dpop"]);
        assert_eq!((all[0].param("realm"), all[1].param("realm")), (Some("a, b"), Some("c")));
        assert_eq!(all[1].param("error_description"), Some("not \"good\""));
    }
}
