//! Who acts for whom: `act` in tokens and in introspection, through exchanges and refreshes. RFC 8693 §4.1.

use serde_json::Value;

use super::exchanges::{exchanges, subject};
use super::walk::Seen;
use super::{Looks, Rule, Run, Walk};
use crate::transcript::Endpoint;
use crate::transcript::tokens::{Kind, Token, one};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "an-actor-is-an-object",
            asks: "`act` is an object that names somebody, at every depth.",
            cites: &["rfc8693-4.1-act-object"],
            broken_by: &["act-is-a-string"],
            judge: object,
        },
        Rule {
            id: "an-actor-is-identity-alone",
            asks: "`act` says who acts, and nothing of how long or for whom the token is.",
            cites: &["rfc8693-4.1-act-identity-only"],
            broken_by: &["act-has-an-end"],
            judge: identity,
        },
        Rule {
            id: "a-delegation-names-its-actor",
            asks: "A token that was got with an actor token names that actor, outermost.",
            cites: &["rfc8693-4.1-act-on-delegation"],
            broken_by: &["exchange-drops-actor"],
            judge: named,
        },
        Rule {
            id: "an-earlier-actor-is-nested",
            asks: "The actor for whom the actor acts stands within it.",
            cites: &["rfc8693-4.1-act-nesting"],
            broken_by: &["act-is-flat"],
            judge: nested,
        },
        Rule {
            id: "an-actor-is-never-lost",
            asks: "A token that was got with one that has an actor has the same actor, by exchange without an actor token and by refresh.",
            cites: &["rfc8693-4.1-act-on-delegation"],
            broken_by: &["re-exchange-drops-actor", "refresh-drops-actor"],
            judge: never_lost,
        },
        Rule {
            id: "introspection-names-the-actor",
            asks: "Introspection says of a token the `act` that the token has.",
            cites: &["rfc8693-4.1-act-introspection"],
            broken_by: &["introspection-omits-act"],
            judge: introspected,
        },
        Rule {
            id: "an-actor-does-not-manage",
            asks: "The management API answers a token that has an actor with 403.",
            cites: &["zitadel-imp-17"],
            broken_by: &["api-accepts-actors"],
            judge: manages,
        },
    ]
}

/// `act` of every JWT and of every introspection, with where it stands.
fn acts(run: &Run<'_>) -> impl Iterator<Item = (super::At, Value)> {
    let kinds = [Kind::AccessToken, Kind::IdToken].into_iter();
    let tokens =
        kinds.flat_map(|kind| run.jwts(kind)).filter_map(|(walk, t, jws)| Some((walk.at_token(t), jws.claims.get("act")?.clone())));
    let told = run.answers().filter(|s| s.exchange.endpoint == Endpoint::Introspect && s.answer.status == 200);
    tokens.chain(told.filter_map(|s| Some((s.at(), s.object()?.get("act")?.clone()))))
}

/// An actor, and those within it.
fn depths(act: &Value) -> impl Iterator<Item = &Value> {
    std::iter::successors(Some(act), |act| act.get("act"))
}

fn object(run: &Run<'_>, looks: &mut Looks) {
    for (at, act) in acts(run) {
        let names = |act: &Value| act.as_object().is_some_and(|o| o.iter().any(|(name, v)| name != "act" && v.is_string()));
        looks.look(at, depths(&act).all(names), "an object that names the actor, at every depth", || format!("act {act}"));
    }
}

fn identity(run: &Run<'_>, looks: &mut Looks) {
    for (at, act) in acts(run) {
        let found: Vec<&str> = depths(&act).flat_map(|a| ["exp", "nbf", "aud"].into_iter().filter(|name| a.get(name).is_some())).collect();
        looks.look(at, found.is_empty(), "act without exp, nbf and aud", || format!("act with {}", found.join(", ")));
    }
}

/// Who acts by a token: `Some(None)` where nobody does. `None`: the token does not say, and nothing that came with it or was said of it.
fn actor(walk: &Walk<'_>, token: &Token) -> Option<Option<Value>> {
    let claim = |t: &Token| t.jws.as_ref().map(|j| j.claims.get("act").cloned());
    let beside = || walk.tokens_of(Kind::IdToken).find(|t| t.exchange.is_some() && t.exchange == token.exchange).and_then(claim);
    let told = || {
        let alive = walk.introspected(token).find(|(_, body)| body.get("active") == Some(&Value::Bool(true)))?;
        Some(alive.1.get("act").cloned())
    };
    claim(token).or_else(beside).or_else(told)
}

fn text(act: Option<&Value>) -> String {
    act.map_or_else(|| "no act".into(), |act| format!("act {act}"))
}

fn named(run: &Run<'_>, looks: &mut Looks) {
    for exchange in exchanges(run) {
        let walk = exchange.seen.walk;
        let Some(sub) = exchange.given("actor_token").and_then(|t| subject(walk, t)) else { continue };
        for (token, jws) in exchange.brought() {
            let act = jws.claims.get("act");
            let fits = act.and_then(|a| a.get("sub")).and_then(Value::as_str) == Some(&sub);
            looks.look(walk.at_token(token), fits, "act.sub of the actor token", || text(act));
        }
    }
}

fn nested(run: &Run<'_>, looks: &mut Looks) {
    for exchange in exchanges(run) {
        let walk = exchange.seen.walk;
        let Some(before) = exchange.given("actor_token").and_then(|t| actor(walk, t)?) else { continue };
        for (token, jws) in exchange.brought() {
            let act = jws.claims.get("act");
            let fits = act.and_then(|a| a.get("act")) == Some(&before);
            looks.look(walk.at_token(token), fits, &format!("act.act {before}"), || text(act));
        }
    }
}

fn never_lost(run: &Run<'_>, looks: &mut Looks) {
    let plain = exchanges(run).filter(|e| one(&e.form, "actor_token").is_none()).filter_map(|e| Some((e.seen, e.given("subject_token")?)));
    for (seen, given) in plain.chain(refreshes(run)) {
        let walk = seen.walk;
        let Some(before) = actor(walk, given).flatten() else { continue };
        for token in walk.tokens.iter().filter(|t| t.exchange == Some(seen.index) && t.kind != Kind::RefreshToken) {
            let Some(now) = actor(walk, token) else { continue };
            looks.look(walk.at_token(token), now.as_ref() == Some(&before), &format!("act {before}"), || text(now.as_ref()));
        }
    }
}

/// Refreshes that worked, with the refresh token handed in.
fn refreshes<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, &'r Token)> {
    run.answers().filter(|s| s.is_token_request() && s.answer.status == 200).filter_map(|seen| {
        let form = seen.exchange.request.form();
        let text = one(&form, "refresh_token").filter(|_| one(&form, "grant_type") == Some("refresh_token"))?;
        let spent = seen.walk.tokens_of(Kind::RefreshToken).find(|t| t.text == text && t.seq < seen.exchange.sent_seq)?;
        Some((seen, spent))
    })
}

fn introspected(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token) in run.tokens(Kind::AccessToken) {
        let claim = |t: &Token| t.jws.as_ref().map(|j| j.claims.get("act").cloned());
        let beside = || walk.tokens_of(Kind::IdToken).find(|t| t.exchange.is_some() && t.exchange == token.exchange).and_then(claim);
        let Some(Some(act)) = claim(token).or_else(beside) else { continue };
        for (seen, body) in walk.introspected(token).filter(|(_, body)| body.get("active") == Some(&Value::Bool(true))) {
            looks.look(seen.at(), body.get("act") == Some(&act), &format!("act {act}"), || text(body.get("act")));
        }
    }
}

fn manages(run: &Run<'_>, looks: &mut Looks) {
    for seen in run.answers().filter(|s| s.exchange.endpoint == Endpoint::Management && s.walk.has("zitadel")) {
        let shown = seen.exchange.request.header("authorization").find_map(|h| h.split_once(' ').map(|(_, token)| token.to_owned()));
        let Some(token) = shown.and_then(|text| seen.walk.tokens.iter().find(|t| t.text == text)) else { continue };
        if actor(seen.walk, token).flatten().is_some() {
            looks.look(seen.at(), seen.answer.status == 403, "403", || seen.answer.status.to_string());
        }
    }
}
