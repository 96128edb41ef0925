//! Who an ID token is about, in which session, and how they signed in.

use std::collections::BTreeMap;

use serde_json::Value;

use super::walk::numeric_date;
use super::{At, Looks, Rule, Run};
use crate::transcript::Millis;
use crate::transcript::tokens::Kind;

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "the-nonce-comes-back",
            asks: "The nonce of the request stands in the ID token of its code.",
            cites: &["core-2-nonce-returned"],
            broken_by: &["id-token-of-an-earlier-login"],
            judge: nonce,
        },
        Rule {
            id: "one-person-one-sub",
            asks: "One person has one `sub` at one client, however often they sign in.",
            cites: &["core-2-sub-stable"],
            broken_by: &["sub-changes-with-each-login"],
            judge: one_sub,
        },
        Rule {
            id: "two-people-two-subs",
            asks: "Two people never have one `sub`.",
            cites: &["rfc7519-4.1.2-sub-unique"],
            broken_by: &["everybody-is-one"],
            judge: two_subs,
        },
        Rule {
            id: "two-sessions-two-sids",
            asks: "Sessions in two browsers, or of two people, have different `sid`s.",
            cites: &["bcl-2.1-sid-distinct"],
            broken_by: &["sid-is-constant"],
            judge: two_sids,
        },
        Rule {
            id: "a-sub-is-short",
            asks: "`sub` is a string of 255 ASCII characters at most.",
            cites: &["core-2-sub-length"],
            broken_by: &["sub-is-a-novel"],
            judge: short_sub,
        },
        Rule {
            id: "a-sid-is-a-word",
            asks: "`sid`, if it is there, is a string of visible characters.",
            cites: &["bcl-2.1-sid-string"],
            broken_by: &["sid-is-a-number"],
            judge: sid_word,
        },
        Rule {
            id: "auth_time-when-asked",
            asks: "A request with `max_age` gets an ID token with `auth_time`.",
            cites: &["core-2-auth-time-max-age"],
            broken_by: &["auth-time-is-missing"],
            judge: auth_time,
        },
        Rule {
            id: "a-login-is-no-older-than-asked",
            asks: "The login behind an ID token is no older than `max_age`.",
            cites: &["core-3.1.2.1-max-age-reauth"],
            broken_by: &["auth-time-of-long-ago"],
            judge: max_age,
        },
        Rule {
            id: "amr-is-a-list",
            asks: "`amr`, if it is there, is a list of strings.",
            cites: &["core-2-amr-array"],
            broken_by: &["amr-is-a-string"],
            judge: amr,
        },
        Rule {
            id: "acr-is-a-string",
            asks: "`acr`, if it is there, is a string.",
            cites: &["core-2-acr-string"],
            broken_by: &["acr-is-a-number"],
            judge: acr,
        },
    ]
}

fn text(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".into(), Value::to_string)
}

fn nonce(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in run.jwts(Kind::IdToken).filter(|(_, t, _)| t.grant_type == "authorization_code") {
        let Some(sent) = walk.authorization(token).and_then(|a| a.param("nonce")).filter(|n| !n.is_empty()) else { continue };
        looks.look(walk.at_token(token), jws.claim_str("nonce") == Some(sent), "the nonce that was sent", || {
            if jws.claims.get("nonce").is_some() { "another nonce".into() } else { "no nonce".into() }
        });
    }
}

fn one_sub(run: &Run<'_>, looks: &mut Looks) {
    // Within one walk only: where clients are registered for each check, a person may well have another pairwise `sub` in the next.
    for walk in &run.walks {
        let mut known = BTreeMap::<(&str, &str, &str), &str>::new();
        for token in walk.tokens_of(Kind::IdToken) {
            let Some((jws, (client, user))) = token.jws.as_ref().zip(token.client.as_deref().zip(token.user.as_deref())) else { continue };
            let (Some(iss), Some(sub)) = (jws.claim_str("iss"), jws.claim_str("sub")) else { continue };
            let Some(first) = known.insert((client, user, iss), sub) else { continue };
            looks.look(walk.at_token(token), first == sub, &format!("sub {first:?}, as before"), || format!("sub {sub:?}"));
        }
    }
}

fn two_subs(run: &Run<'_>, looks: &mut Looks) {
    for walk in &run.walks {
        let mut owners = BTreeMap::<(&str, &str), &str>::new();
        let mut people = std::collections::BTreeSet::new();
        for token in walk.tokens_of(Kind::IdToken) {
            let Some((jws, user)) = token.jws.as_ref().zip(token.user.as_deref()) else { continue };
            let (Some(iss), Some(sub)) = (jws.claim_str("iss"), jws.claim_str("sub")) else { continue };
            people.insert(user);
            let owner = *owners.entry((iss, sub)).or_insert(user);
            if people.len() > 1 {
                looks.look(walk.at_token(token), owner == user, &format!("a sub of {user}'s own"), || format!("the sub of {owner}"));
            }
        }
    }
}

fn two_sids(run: &Run<'_>, looks: &mut Looks) {
    for walk in &run.walks {
        let mut sessions = BTreeMap::<(&str, &str), Session<'_>>::new();
        for token in walk.tokens_of(Kind::IdToken) {
            let Some((jws, login)) = token.jws.as_ref().zip(walk.authorization(token)) else { continue };
            let (Some(sid), Some(browser)) = (jws.claim_str("sid"), login.browser.as_deref()) else { continue };
            let here = Session { browser, user: login.user.as_deref() };
            let iss = jws.claim_str("iss").unwrap_or_default();
            let others = sessions.iter().any(|((other, _), session)| *other == iss && session.is_another(&here));
            let owner = *sessions.entry((iss, sid)).or_insert(here);
            if others || owner.is_another(&here) {
                let got = || format!("the sid of {} in browser {}", owner.user.unwrap_or("somebody"), owner.browser);
                looks.look(walk.at_token(token), !owner.is_another(&here), "a sid that no other session has", got);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Session<'a> {
    browser: &'a str,
    user: Option<&'a str>,
}

impl Session<'_> {
    fn is_another(&self, other: &Session<'_>) -> bool {
        self.browser != other.browser || self.user.zip(other.user).is_some_and(|(a, b)| a != b)
    }
}

/// An ID token of an honest request with `max_age`.
struct Aged {
    at: At,
    /// `max_age`, in seconds.
    most: i64,
    /// When the request was sent, at the earliest.
    sent: Millis,
    /// `auth_time` as it stands.
    said: Option<Value>,
    /// `auth_time` if it is a number.
    signed_in: Option<Millis>,
}

fn with_max_age(run: &Run<'_>) -> Vec<Aged> {
    let of_codes = run.jwts(Kind::IdToken).filter(|(_, t, _)| t.grant_type == "authorization_code");
    let aged = of_codes.filter_map(|(walk, token, jws)| {
        let login = walk.authorization(token).filter(|a| a.honest)?;
        Some(Aged {
            at: walk.at_token(token),
            most: login.param("max_age")?.parse().ok()?,
            sent: walk.transcript.exchanges.get(login.exchange)?.sent - walk.skew(),
            said: jws.claims.get("auth_time").cloned(),
            signed_in: numeric_date(jws, "auth_time"),
        })
    });
    aged.collect()
}

fn auth_time(run: &Run<'_>, looks: &mut Looks) {
    for aged in with_max_age(run) {
        looks.look(aged.at, aged.signed_in.is_some(), "auth_time, a number", || format!("auth_time {}", text(aged.said.as_ref())));
    }
}

fn max_age(run: &Run<'_>, looks: &mut Looks) {
    for aged in with_max_age(run) {
        let Some(signed_in) = aged.signed_in else { continue };
        // Both are whole seconds, so the second in which the request was sent counts.
        let earliest = aged.sent.div_euclid(1000) - aged.most;
        let wanted = format!("auth_time {earliest} or later");
        looks.look(aged.at, signed_in >= earliest * 1000, &wanted, || format!("auth_time {}", text(aged.said.as_ref())));
    }
}

fn short_sub(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in run.jwts(Kind::IdToken) {
        let Some(sub) = jws.claims.get("sub") else { continue };
        let fits = sub.as_str().is_some_and(|sub| (1..=255).contains(&sub.len()) && sub.is_ascii());
        looks.look(walk.at_token(token), fits, "sub, a string of 255 ASCII characters at most", || {
            format!("sub of {} characters", sub.as_str().map_or(0, |s| s.chars().count()))
        });
    }
}

fn sid_word(run: &Run<'_>, looks: &mut Looks) {
    for kind in [Kind::IdToken, Kind::LogoutToken] {
        for (walk, token, jws) in run.jwts(kind) {
            let Some(sid) = jws.claims.get("sid") else { continue };
            // RFC 6749 appendix A.1: VSCHAR, which has the space in it.
            let fits = sid.as_str().is_some_and(|sid| !sid.is_empty() && sid.bytes().all(|b| matches!(b, 0x20..=0x7E)));
            looks.look(walk.at_token(token), fits, "sid, a string of visible characters", || format!("sid {sid}"));
        }
    }
}

fn amr(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in run.jwts(Kind::IdToken) {
        let Some(amr) = jws.claims.get("amr") else { continue };
        let fits = amr.as_array().is_some_and(|list| list.iter().all(Value::is_string));
        looks.look(walk.at_token(token), fits, "amr, a list of strings", || format!("amr {amr}"));
    }
}

fn acr(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in run.jwts(Kind::IdToken) {
        let Some(acr) = jws.claims.get("acr") else { continue };
        looks.look(walk.at_token(token), acr.is_string(), "acr, a string", || format!("acr {acr}"));
    }
}
