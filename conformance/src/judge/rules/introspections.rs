//! Introspection and revocation: what is said of a token, to whom, and that a token which was given back is dead. RFC 7662, RFC 7009.

use serde_json::{Map, Value};

use super::walk::Seen;
use super::{Looks, Rule, Run};
use crate::transcript::Endpoint;
use crate::transcript::tokens::{Kind, Token, one};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "introspection-answers-are-json",
            asks: "What introspection says is a JSON object, labelled so.",
            cites: &["rfc7662-2.2-json"],
            broken_by: &["introspection-is-labelled-text"],
            judge: json,
        },
        Rule {
            id: "active-is-a-boolean",
            asks: "Introspection says `active`, and it is true or false.",
            cites: &["rfc7662-2.2-active-boolean"],
            broken_by: &["active-is-a-word"],
            judge: active,
        },
        Rule {
            id: "inactive-says-nothing-more",
            asks: "Of a token that is not active nothing more is said.",
            cites: &["rfc7662-2.2-inactive-no-details"],
            broken_by: &["inactive-with-details"],
            judge: nothing_more,
        },
        Rule {
            id: "introspected-scope-is-a-string",
            asks: "`scope` is one string, with a space between its words.",
            cites: &["rfc7662-2.2-scope-string"],
            broken_by: &["introspected-scope-is-a-list"],
            judge: scope,
        },
        Rule {
            id: "introspected-times-are-whole-seconds",
            asks: "exp, iat and nbf are whole numbers of seconds.",
            cites: &["rfc7662-2.2-times-integer"],
            broken_by: &["introspected-times-are-words"],
            judge: times,
        },
        Rule {
            id: "introspection-agrees-with-the-token",
            asks: "What introspection says of a token is what the token says, and what was said when it was issued.",
            cites: &["rfc7662-2.2-members-truthful"],
            broken_by: &["introspection-names-another-client"],
            judge: agrees,
        },
        Rule {
            id: "an-expired-token-is-not-active",
            asks: "A token whose time is over is not active.",
            cites: &["rfc7662-4-check-expiry"],
            broken_by: &["introspection-knows-no-time"],
            judge: expired,
        },
        Rule {
            id: "nobody-introspects-unasked",
            asks: "Who does not say who it is learns nothing of any token.",
            cites: &["rfc7662-2.1-authorization-required"],
            broken_by: &["introspection-is-open-to-all"],
            judge: authorized,
        },
        Rule {
            id: "a-revoked-token-is-dead",
            asks: "A token that its client has given back opens and buys nothing.",
            cites: &["rfc7009-2.1-immediate"],
            broken_by: &["revocation-is-swallowed"],
            judge: dead,
        },
        Rule {
            id: "a-revoked-token-is-not-active",
            asks: "A token that its client has given back is not active.",
            cites: &["rfc7662-4-check-revoked"],
            broken_by: &["revocation-is-swallowed"],
            judge: not_active,
        },
        Rule {
            id: "a-revoked-grant-ends-its-access-tokens",
            asks: "With a refresh token the access tokens of its grant are given back.",
            cites: &["rfc7009-2.1-cascade-access"],
            broken_by: &["revocation-is-swallowed"],
            judge: cascade,
        },
    ]
}

/// What introspection said, and of which text.
fn said<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, String, Map<String, Value>)> {
    let good = run.answers().filter(|s| s.exchange.endpoint == Endpoint::Introspect && s.answer.status == 200);
    good.filter_map(|s| {
        let text = one(&s.exchange.request.form(), "token")?.to_owned();
        Some((s, text, s.object()?))
    })
}

fn is_active(body: &Map<String, Value>) -> bool {
    body.get("active") == Some(&Value::Bool(true))
}

fn json(run: &Run<'_>, looks: &mut Looks) {
    for seen in run.answers().filter(|s| s.exchange.endpoint == Endpoint::Introspect && s.answer.status == 200) {
        // What a caller asks for in another form is another thing (RFC 9701).
        if seen.media_type() == "application/token-introspection+jwt" {
            continue;
        }
        let fits = seen.media_type() == "application/json" && seen.object().is_some();
        looks.look(seen.at(), fits, "application/json, an object", || {
            format!("{}, {}", seen.media_type(), if seen.object().is_some() { "an object" } else { "no JSON object" })
        });
    }
}

fn active(run: &Run<'_>, looks: &mut Looks) {
    for (seen, _, body) in said(run) {
        let active = body.get("active");
        looks.look(seen.at(), active.is_some_and(Value::is_boolean), "active, true or false", || format!("active {}", text(active)));
    }
}

fn nothing_more(run: &Run<'_>, looks: &mut Looks) {
    for (seen, _, body) in said(run).filter(|(_, _, body)| body.get("active") == Some(&Value::Bool(false))) {
        let more: Vec<&str> = body.keys().map(String::as_str).filter(|name| *name != "active").collect();
        looks.look(seen.at(), more.is_empty(), "active false, alone", || format!("{} as well", more.join(", ")));
    }
}

fn scope(run: &Run<'_>, looks: &mut Looks) {
    for (seen, _, body) in said(run) {
        let Some(scope) = body.get("scope") else { continue };
        looks.look(seen.at(), scope.is_string(), "scope, a string", || format!("scope {scope}"));
    }
}

fn times(run: &Run<'_>, looks: &mut Looks) {
    for (seen, _, body) in said(run) {
        for name in ["exp", "iat", "nbf"] {
            let Some(time) = body.get(name) else { continue };
            looks.look(seen.at(), time.is_i64() || time.is_u64(), &format!("{name}, a whole number"), || format!("{name} {time}"));
        }
    }
}

/// The token of this text, where its client is certain.
fn known<'r>(seen: &Seen<'r>, text: &str) -> Option<&'r Token> {
    let all = [Kind::AccessToken, Kind::RefreshToken].into_iter().flat_map(|kind| seen.walk.tokens_of(kind));
    all.filter(|t| t.text == text && t.seq < seen.exchange.sent_seq).find(|t| t.honest)
}

fn agrees(run: &Run<'_>, looks: &mut Looks) {
    for (seen, token, body) in said(run).filter(|(_, _, body)| is_active(body)) {
        let Some(token) = known(&seen, &token) else { continue };
        let id = seen.walk.client(token.client.as_deref(), "client_id");
        let mut wanted: Vec<(&str, Value)> = id.map(|id| ("client_id", id.clone())).into_iter().collect();
        if let Some(jws) = token.jws.as_ref().filter(|_| seen.walk.has("rfc9068")) {
            let claims = ["iss", "sub", "exp", "iat", "jti"].into_iter().filter_map(|name| Some((name, jws.claims.get(name)?.clone())));
            wanted.extend(claims);
        }
        for (name, wanted) in wanted {
            let Some(told) = body.get(name) else { continue };
            looks.look(seen.at(), *told == wanted, &format!("{name} {wanted}"), || format!("{name} {told}"));
        }
    }
}

fn expired(run: &Run<'_>, looks: &mut Looks) {
    for (seen, text, body) in said(run) {
        let Some(token) = known(&seen, &text).filter(|t| t.kind == Kind::AccessToken) else { continue };
        let issued = token.exchange.and_then(|i| seen.walk.transcript.exchanges.get(i)?.ok()?.json());
        let Some(lives) = issued.and_then(|b| b.get("expires_in")?.as_i64()) else { continue };
        // The second in which it ends counts as its last.
        if seen.exchange.sent > token.came + (lives + 1) * 1000 + seen.walk.skew() {
            looks.look(seen.at(), !is_active(&body), "active false", || format!("active true, {lives} s of life are over"));
        }
    }
}

fn authorized(run: &Run<'_>, looks: &mut Looks) {
    for seen in run.answers().filter(|s| s.exchange.endpoint == Endpoint::Introspect && s.exchange.request.method == "POST") {
        let request = &seen.exchange.request;
        let shown =
            ["client_id", "client_secret", "client_assertion", "access_token"].into_iter().any(|name| request.param(name).is_some());
        if request.header("authorization").next().is_none() && !shown {
            looks.look(seen.at(), seen.answer.status != 200, "a refusal", || "200 for nobody in particular".into());
        }
    }
}

/// Tokens that their own client has given back, with success: each with the exchange.
fn revoked<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, &'r Token)> {
    let good = run.answers().filter(|s| s.exchange.endpoint == Endpoint::Revoke && s.answer.status == 200 && s.exchange.honest());
    good.filter_map(|s| {
        let text = one(&s.exchange.request.form(), "token")?.to_owned();
        let token = known(&s, &text).filter(|t| t.client == s.exchange.client && t.origin == s.exchange.origin)?;
        Some((s, token))
    })
}

/// What a token was tried for after a moment, and whether it worked: `None` where it was only asked about.
fn tried<'r>(of: &Seen<'r>, token: &'r Token) -> impl Iterator<Item = (Seen<'r>, Option<bool>)> {
    let after = of.exchange.answered_seq;
    let text = token.text.clone();
    of.walk.answers().filter(move |s| s.exchange.sent_seq > after).filter_map(move |s| {
        let form = s.exchange.request.form();
        match s.exchange.endpoint {
            Endpoint::Userinfo => {
                let bearer = s.exchange.request.header("authorization").filter_map(|h| h.split_once(' ')).any(|(_, token)| token == text);
                bearer.then_some((s, Some(s.answer.status == 200)))
            }
            Endpoint::Token if one(&form, "refresh_token") == Some(&text) => {
                let worked = s.answer.status == 200 && s.object().is_some_and(|b| b.contains_key("access_token"));
                Some((s, Some(worked)))
            }
            Endpoint::Introspect if one(&form, "token") == Some(&text) && s.answer.status == 200 => Some((s, None)),
            _ => None,
        }
    })
}

fn dead(run: &Run<'_>, looks: &mut Looks) {
    for (revocation, token) in revoked(run) {
        for (seen, worked) in tried(&revocation, token) {
            let Some(worked) = worked else { continue };
            looks.look(seen.at(), !worked, "a refusal", || format!("a success for the {} that was given back", token.kind.word()));
        }
    }
}

fn not_active(run: &Run<'_>, looks: &mut Looks) {
    for (revocation, token) in revoked(run) {
        for (seen, _) in tried(&revocation, token).filter(|(_, worked)| worked.is_none()) {
            let active = seen.object().is_some_and(|b| is_active(&b));
            looks.look(seen.at(), !active, "active false", || format!("active true for the {} that was given back", token.kind.word()));
        }
    }
}

fn cascade(run: &Run<'_>, looks: &mut Looks) {
    for (revocation, refresh) in revoked(run).filter(|(_, t)| t.kind == Kind::RefreshToken && t.authorization.is_some()) {
        let of_grant = |t: &&Token| t.authorization == refresh.authorization && t.seq < revocation.exchange.sent_seq;
        for access in revocation.walk.tokens_of(Kind::AccessToken).filter(of_grant) {
            for (seen, worked) in tried(&revocation, access) {
                let alive = worked.unwrap_or_else(|| seen.object().is_some_and(|b| is_active(&b)));
                looks.look(seen.at(), !alive, "the access token dead as well", || "an access token that lives on".into());
            }
        }
    }
}

fn text(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".into(), Value::to_string)
}
