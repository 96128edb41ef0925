//! Logout tokens: whole, true, and nothing more.

use std::collections::BTreeMap;

use serde_json::Value;

use super::id_tokens::has_audience;
use super::walk::{numeric_date, verifies};
use super::{Looks, Rule, Run, Walk};
use crate::transcript::jose::Jws;
use crate::transcript::tokens::{Kind, Token};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "a-logout-token-is-signed",
            asks: "A logout token is a signed JWT.",
            cites: &["bcl-2.4-signed"],
            broken_by: &["logout-token-unsigned"],
            judge: signed,
        },
        Rule {
            id: "a-logout-token-says-when-it-was-made",
            asks: "`iat` of a logout token is a number, and not in the future.",
            cites: &["bcl-2.4-iat"],
            broken_by: &["logout-token-from-the-future"],
            judge: issued_at,
        },
        Rule {
            id: "a-logout-token-says-when-it-ends",
            asks: "`exp` of a logout token is a number, and in the future (since errata set 1).",
            cites: &["bcl-2.4-exp"],
            broken_by: &["logout-token-without-exp"],
            judge: expires,
        },
        Rule {
            id: "a-logout-token-has-an-id",
            asks: "A logout token has a `jti`.",
            cites: &["bcl-2.4-jti"],
            broken_by: &["logout-token-without-jti"],
            judge: has_an_id,
        },
        Rule {
            id: "a-logout-token-names-the-event",
            asks: "`events` of a logout token has the member for back-channel logout.",
            cites: &["bcl-2.4-events"],
            broken_by: &["logout-token-without-events"],
            judge: names_the_event,
        },
        Rule {
            id: "a-logout-event-is-an-object",
            asks: "The event is a JSON object.",
            cites: &["bcl-2.4-events-member-object"],
            broken_by: &["logout-event-is-a-string"],
            judge: event_is_an_object,
        },
        Rule {
            id: "a-logout-event-is-empty",
            asks: "The event is the empty object.",
            cites: &["bcl-2.4-events-member-empty"],
            broken_by: &["logout-event-with-members"],
            judge: event_is_empty,
        },
        Rule {
            id: "a-logout-token-says-whom",
            asks: "A logout token has `sub`, `sid` or both.",
            cites: &["bcl-2.4-sub-or-sid"],
            broken_by: &["logout-token-for-nobody"],
            judge: says_whom,
        },
        Rule {
            id: "sid-where-it-is-required",
            asks: "A client that registered `backchannel_logout_session_required` gets `sid`.",
            cites: &["bcl-2.2-session-required-honoured"],
            broken_by: &["logout-token-without-sid"],
            judge: sid_required,
        },
        Rule {
            id: "a-logout-token-has-no-nonce",
            asks: "A logout token has no `nonce`.",
            cites: &["bcl-2.4-nonce-absent"],
            broken_by: &["logout-token-with-nonce"],
            judge: no_nonce,
        },
        Rule {
            id: "a-logout-token-is-for-its-client",
            asks: "`aud` of a logout token has the client that it comes to.",
            cites: &["bcl-2.4-aud", "bcl-2.5-own-token-per-rp"],
            broken_by: &["delivery-to-the-wrong-client"],
            judge: audience,
        },
        Rule {
            id: "a-logout-token-has-the-known-issuer",
            asks: "`iss` of a logout token is that of an ID token which the client got.",
            cites: &["bcl-2.4-iss"],
            broken_by: &["issuer-of-the-trigger"],
            judge: issuer,
        },
        Rule {
            id: "a-logout-token-has-the-known-sub",
            asks: "`sub` of a logout token is that of an ID token which the client got.",
            cites: &["bcl-2.4-sub-matches-id-token"],
            broken_by: &["logout-token-of-another-user"],
            judge: subject,
        },
        Rule {
            id: "a-logout-token-has-the-known-sid",
            asks: "`sid` of a logout token is that of an ID token which the client got, and that token has its `sub` too.",
            cites: &["bcl-2.1-sid-stable"],
            broken_by: &["logout-token-of-another-session"],
            judge: session,
        },
        Rule {
            id: "a-logout-token-is-signed-by-a-published-key",
            asks: "A logout token verifies under the keys that were published when it came, and under no other.",
            cites: &["bcl-2.4-same-signing-keys"],
            broken_by: &["logout-token-signed-with-a-foreign-key"],
            judge: published_key,
        },
        Rule {
            id: "a-logout-token-has-the-algorithm-of-id-tokens",
            asks: "A logout token is signed with the algorithm of the client's ID tokens.",
            cites: &["bcl-2.4-same-signing-keys"],
            broken_by: &["logout-token-downgraded-to-hs256"],
            judge: algorithm,
        },
        Rule {
            id: "each-logout-token-has-its-own-jti",
            asks: "No two notifications have the same `jti`.",
            cites: &["bcl-2.4-jti-unique"],
            broken_by: &["jti-never-changes"],
            judge: own_id,
        },
        Rule {
            id: "a-logout-token-lives-two-minutes",
            asks: "A logout token ends two minutes after it was made, or sooner.",
            cites: &["bcl-4-short-exp"],
            broken_by: &["logout-token-lives-a-day"],
            judge: short_life,
        },
        Rule {
            id: "a-logout-token-has-its-type",
            asks: "A logout token has the type logout+jwt.",
            cites: &["bcl-2.4-typ"],
            broken_by: &["logout-token-typ-is-jwt"],
            judge: typ,
        },
        Rule {
            id: "a-logout-token-says-nothing-more",
            asks: "A logout token has no claim but iss, sub, aud, iat, exp, jti, events and sid.",
            cites: &["zitadel-bcl-34"],
            broken_by: &["logout-token-with-an-email"],
            judge: nothing_more,
        },
        Rule {
            id: "a-logout-header-says-nothing-more",
            asks: "The header of a logout token is alg, kid and typ.",
            cites: &["zitadel-bcl-33"],
            broken_by: &["logout-token-with-a-content-type"],
            judge: header,
        },
        Rule {
            id: "every-attempt-is-a-fresh-token",
            asks: "A notification that is sent again has a `jti` of its own.",
            cites: &["zitadel-bcl-39"],
            broken_by: &["jti-never-changes"],
            judge: fresh_attempts,
        },
    ]
}

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn text(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".into(), Value::to_string)
}

fn logout_tokens<'r, 't>(run: &'r Run<'t>) -> impl Iterator<Item = (&'r Walk<'t>, &'r Token, &'r Jws)> {
    run.jwts(Kind::LogoutToken)
}

fn signed(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token) in run.tokens(Kind::LogoutToken) {
        // Five segments are an encrypted token, and what is inside nobody can see.
        if token.text.split('.').count() == 5 {
            continue;
        }
        let alg = token.jws.as_ref().and_then(|j| j.header_str("alg"));
        let fits = alg.is_some_and(|a| !a.eq_ignore_ascii_case("none")) && token.jws.as_ref().is_some_and(|j| !j.signature.is_empty());
        looks.look(walk.at_token(token), fits, "a signed JWT", || alg.map_or_else(|| "no JWT".into(), |a| format!("alg {a}")));
    }
}

fn issued_at(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in logout_tokens(run) {
        // It was made for a logout of this walk, so not before the walk began.
        let begun = walk.transcript.exchanges.first().map_or(0, |e| e.sent) - walk.skew();
        let fits = numeric_date(jws, "iat").is_some_and(|iat| iat <= token.came + walk.skew() && iat >= begun - begun.rem_euclid(1000));
        let wanted = format!("iat from {} to {}", begun.div_euclid(1000), (token.came + walk.skew()).div_euclid(1000));
        looks.look(walk.at_token(token), fits, &wanted, || format!("iat {}", text(jws.claims.get("iat"))));
    }
}

fn expires(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in logout_tokens(run) {
        let fits = numeric_date(jws, "exp").is_some_and(|exp| exp > token.came - walk.skew());
        let wanted = format!("exp after {}", token.came.div_euclid(1000));
        looks.look(walk.at_token(token), fits, &wanted, || format!("exp {}", text(jws.claims.get("exp"))));
    }
}

fn has_an_id(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in logout_tokens(run) {
        let fits = jws.claim_str("jti").is_some_and(|jti| !jti.is_empty());
        looks.look(walk.at_token(token), fits, "jti, a string", || format!("jti {}", text(jws.claims.get("jti"))));
    }
}

/// The value under the event's name.
fn event(jws: &Jws) -> Option<&Value> {
    jws.claims.get("events")?.get(EVENT)
}

fn names_the_event(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in logout_tokens(run) {
        looks.look(walk.at_token(token), event(jws).is_some(), &format!("events with {EVENT}"), || {
            format!("events {}", text(jws.claims.get("events")))
        });
    }
}

fn event_is_an_object(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in logout_tokens(run) {
        let Some(event) = event(jws) else { continue };
        looks.look(walk.at_token(token), event.is_object(), "an object", || event.to_string());
    }
}

fn event_is_empty(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in logout_tokens(run) {
        let Some(event) = event(jws).and_then(Value::as_object) else { continue };
        looks.look(walk.at_token(token), event.is_empty(), "{}", || Value::from(event.clone()).to_string());
    }
}

fn says_whom(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in logout_tokens(run) {
        let fits = jws.claim_str("sub").is_some() || jws.claim_str("sid").is_some();
        looks.look(walk.at_token(token), fits, "sub, sid or both", || "neither".into());
    }
}

fn sid_required(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in logout_tokens(run) {
        if walk.client(token.client.as_deref(), "backchannel_logout_session_required") == Some(&Value::Bool(true)) {
            looks.look(walk.at_token(token), jws.claim_str("sid").is_some(), "sid", || format!("sid {}", text(jws.claims.get("sid"))));
        }
    }
}

fn no_nonce(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in logout_tokens(run) {
        looks.look(walk.at_token(token), jws.claims.get("nonce").is_none(), "no nonce", || "a nonce".into());
    }
}

fn audience(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in logout_tokens(run) {
        let Some(id) = walk.client(token.client.as_deref(), "client_id").and_then(Value::as_str) else { continue };
        looks.look(walk.at_token(token), has_audience(jws, id), &format!("aud with {id}"), || {
            format!("aud {}", text(jws.claims.get("aud")))
        });
    }
}

/// Logout tokens whose client got an ID token before, with those ID tokens.
fn with_id_tokens<'r, 't>(run: &'r Run<'t>) -> impl Iterator<Item = (&'r Walk<'t>, &'r Token, &'r Jws, Vec<&'r Jws>)> {
    logout_tokens(run).filter_map(|(walk, token, jws)| {
        let known: Vec<&Jws> = walk.id_tokens_of(token.client.as_deref()?).collect();
        (!known.is_empty()).then_some((walk, token, jws, known))
    })
}

/// A claim of the logout token has to be that of one of the ID tokens.
fn known(run: &Run<'_>, looks: &mut Looks, claim: &str, always: bool) {
    for (walk, token, jws, known) in with_id_tokens(run) {
        let said = jws.claims.get(claim);
        if said.is_none() && !always {
            continue;
        }
        let fits = said.is_some() && known.iter().any(|id_token| id_token.claims.get(claim) == said);
        let mut values: Vec<String> = known.iter().map(|id_token| text(id_token.claims.get(claim))).collect();
        values.sort();
        values.dedup();
        looks.look(walk.at_token(token), fits, &format!("{claim} {}", values.join(" or ")), || format!("{claim} {}", text(said)));
    }
}

fn issuer(run: &Run<'_>, looks: &mut Looks) {
    known(run, looks, "iss", true);
}

fn subject(run: &Run<'_>, looks: &mut Looks) {
    known(run, looks, "sub", false);
}

fn session(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws, known) in with_id_tokens(run) {
        let Some(sid) = jws.claims.get("sid") else { continue };
        // Where no ID token of this client has a sid, there is nothing to compare with.
        if known.iter().all(|id_token| id_token.claims.get("sid").is_none()) {
            continue;
        }
        let sub = jws.claims.get("sub");
        let is_its = |id_token: &&Jws| id_token.claims.get("sid") == Some(sid) && (sub.is_none() || id_token.claims.get("sub") == sub);
        let got = || format!("sid {sid}, sub {}", text(sub));
        looks.look(walk.at_token(token), known.iter().any(is_its), "sid and sub of one ID token of this client", got);
    }
}

fn published_key(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in logout_tokens(run) {
        let Some(verifies) = token.keys.as_ref().and_then(|set| verifies(jws, set)) else { continue };
        let got =
            || format!("alg {}, kid {}, and no key under which it verifies", text(jws.header.get("alg")), text(jws.header.get("kid")));
        looks.look(walk.at_token(token), verifies, "a signature by a published key", got);
    }
}

fn algorithm(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws, known) in with_id_tokens(run) {
        let alg = jws.header_str("alg");
        let mut algs: Vec<&str> = known.iter().filter_map(|id_token| id_token.header_str("alg")).collect();
        algs.dedup();
        looks.look(walk.at_token(token), alg.is_some_and(|a| algs.contains(&a)), &format!("alg {}", algs.join(" or ")), || {
            format!("alg {}", text(jws.header.get("alg")))
        });
    }
}

/// Sent again after a failure, a notification may keep its `jti`; otherwise a `jti` is there once in the run.
fn own_id(run: &Run<'_>, looks: &mut Looks) {
    let mut first = BTreeMap::<(&str, &str), (usize, &Token)>::new();
    for (number, walk) in run.walks.iter().enumerate() {
        for token in walk.tokens_of(Kind::LogoutToken) {
            let Some(jws) = &token.jws else { continue };
            let Some((iss, jti)) = jws.claim_str("iss").zip(jws.claim_str("jti")) else { continue };
            let before = first.insert((iss, jti), (number, token));
            let again = |(walk_before, earlier): (usize, &Token)| walk_before == number && is_again(walk, earlier, token);
            looks.look(walk.at_token(token), before.is_none_or(again), "a jti that was never there before", || {
                let whom = before.and_then(|(_, t)| t.client.as_deref()).unwrap_or("nobody");
                format!("the jti of a notification of {whom}")
            });
        }
    }
}

/// The later one is the earlier one sent again: same client, and the earlier one did not arrive well.
fn is_again(walk: &Walk<'_>, earlier: &Token, later: &Token) -> bool {
    let answered = earlier.delivery.and_then(|i| walk.transcript.deliveries.get(i)).map(|d| &d.answered);
    let well = answered.and_then(Value::as_u64).is_some_and(|status| (200..300).contains(&status) || status == 400);
    earlier.client == later.client && !well
}

fn short_life(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in logout_tokens(run) {
        let Some((iat, exp)) = numeric_date(jws, "iat").zip(numeric_date(jws, "exp")) else { continue };
        looks.look(walk.at_token(token), exp - iat <= 120_000, "exp at most 120 s after iat", || {
            format!("{} s after it", (exp - iat) / 1000)
        });
    }
}

fn typ(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in logout_tokens(run) {
        let typ = jws.header_str("typ").map(str::to_ascii_lowercase);
        let fits = matches!(typ.as_deref(), Some("logout+jwt" | "application/logout+jwt"));
        looks.look(walk.at_token(token), fits, "typ logout+jwt", || format!("typ {}", text(jws.header.get("typ"))));
    }
}

/// Logout tokens of a target that is to behave as the described system does, where the specification leaves more room.
fn strict<'r, 't>(run: &'r Run<'t>) -> impl Iterator<Item = (&'r Walk<'t>, &'r Token, &'r Jws)> {
    logout_tokens(run).filter(|(walk, _, _)| walk.has("zitadel"))
}

fn others(object: &Value, allowed: &[&str]) -> Vec<String> {
    object.as_object().into_iter().flatten().map(|(name, _)| name.clone()).filter(|name| !allowed.contains(&name.as_str())).collect()
}

fn nothing_more(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in strict(run) {
        let more = others(&jws.claims, &["iss", "sub", "aud", "iat", "exp", "jti", "events", "sid", "nonce"]);
        looks.look(walk.at_token(token), more.is_empty(), "no other claim", || more.join(", "));
    }
}

fn header(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in strict(run) {
        let more = others(&jws.header, &["alg", "kid", "typ"]);
        looks.look(walk.at_token(token), more.is_empty(), "alg, kid and typ", || format!("{} too", more.join(", ")));
    }
}

fn fresh_attempts(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in strict(run) {
        let whom = |jws: &Jws| (jws.claims.get("sub").cloned(), jws.claims.get("sid").cloned());
        let earlier = walk.tokens_of(Kind::LogoutToken).filter(|t| t.seq < token.seq && t.client == token.client);
        let before: Vec<&Jws> = earlier.filter_map(|t| t.jws.as_ref()).filter(|earlier| whom(earlier) == whom(jws)).collect();
        if !before.is_empty() {
            let fresh = before.iter().all(|earlier| earlier.claims.get("jti") != jws.claims.get("jti"));
            looks.look(walk.at_token(token), fresh, "a jti of its own", || "the jti of an earlier attempt".into());
        }
    }
}
