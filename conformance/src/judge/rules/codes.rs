//! Codes, and names that nobody may guess.

use std::collections::{BTreeMap, BTreeSet};

use super::refreshes::codes_of_others;
use super::{Looks, Rule, Run};
use crate::transcript::tokens::{Kind, Token, one};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "a-code-buys-once",
            asks: "A code buys tokens once.",
            cites: &["rfc6749-4.1.2-code-once"],
            broken_by: &["code-can-be-spent-twice"],
            judge: once,
        },
        Rule {
            id: "a-code-is-for-its-client",
            asks: "A code buys nothing for any client but the one that it was issued to.",
            cites: &["rfc6749-4.1.3-code-client-match", "core-3.1.3.2-code-client-bound"],
            broken_by: &["refused-codes-buy-all-the-same"],
            judge: for_its_client,
        },
        Rule {
            id: "nothing-is-issued-twice",
            asks: "No two authorizations get the same code, no two clients or people the same token.",
            cites: &["rfc6749-10.3-tokens-unguessable"],
            broken_by: &["everybody-gets-the-same-token"],
            judge: never_twice,
        },
        Rule {
            id: "secrets-are-long-enough",
            asks: "Codes and opaque tokens have room for 128 bits of chance.",
            cites: &["rfc6749-10.10-guess-probability"],
            broken_by: &["access-tokens-of-four-digits"],
            judge: long_enough,
        },
        Rule {
            id: "a-code-dies-young",
            asks: "A code that is older than ten minutes buys nothing.",
            cites: &["rfc6749-4.1.2-code-lifetime-10min"],
            broken_by: &["old-code-revived"],
            judge: dies_young,
        },
    ]
}

fn once(run: &Run<'_>, looks: &mut Looks) {
    for walk in &run.walks {
        let mut bought = BTreeMap::<String, Vec<usize>>::new();
        for seen in walk.answers().filter(|s| s.is_token_request()) {
            let form = seen.exchange.request.form();
            let Some(code) = one(&form, "code").filter(|_| one(&form, "grant_type") == Some("authorization_code")) else { continue };
            let success = seen.answer.status == 200 && seen.object().is_some_and(|b| b.contains_key("access_token"));
            let buyers = bought.entry(code.to_owned()).or_default();
            if success {
                buyers.push(seen.index);
            }
        }
        for buyers in bought.values() {
            if let Some(last) = buyers.last() {
                looks.look(walk.at_exchange(*last), buyers.len() == 1, "one success for each code", || {
                    format!("{} successes with one code", buyers.len())
                });
            }
        }
    }
}

fn for_its_client(run: &Run<'_>, looks: &mut Looks) {
    for (seen, code, worked) in codes_of_others(run) {
        looks.look(seen.at(), !worked, "a refusal", || format!("tokens for a code of {}", code.client.as_deref().unwrap_or_default()));
    }
}

fn never_twice(run: &Run<'_>, looks: &mut Looks) {
    let mut codes = BTreeMap::<&str, usize>::new();
    for (walk, code) in run.tokens(Kind::Code) {
        let before = codes.entry(&code.text).or_default();
        *before += 1;
        looks.look(walk.at_token(code), *before == 1, "a code that was never there before", || {
            "the code of an earlier authorization".into()
        });
    }
    // A provider may hand the same client the same token again (as for a refresh without rotation), but nobody else.
    let mut owners = BTreeMap::<&str, (Option<&str>, Option<&str>)>::new();
    for (walk, token) in
        [Kind::AccessToken, Kind::RefreshToken].into_iter().flat_map(|kind| run.tokens(kind)).filter(|(_, t)| t.jws.is_none())
    {
        let owner = (token.client.as_deref(), token.user.as_deref());
        let first = *owners.entry(&token.text).or_insert(owner);
        let other = first.0 != owner.0 || (first.1.is_some() && owner.1.is_some() && first.1 != owner.1);
        looks.look(walk.at_token(token), !other, "a token that nobody else has", || {
            format!("the {} of {}", token.kind.word(), first.0.unwrap_or("nobody"))
        });
    }
}

/// An upper bound: what is shorter than this cannot be hard enough to guess, however it is made.
fn long_enough(run: &Run<'_>, looks: &mut Looks) {
    for kind in [Kind::Code, Kind::AccessToken, Kind::RefreshToken] {
        let opaque: Vec<_> = run.tokens(kind).filter(|(_, t)| t.jws.is_none()).collect();
        let letters = alphabet(opaque.iter().map(|(_, t)| *t));
        for (walk, token) in opaque {
            let bits = token.text.chars().count() as f64 * (letters as f64).log2();
            let got = || format!("{} characters out of {letters}: {bits:.0} bits at most", token.text.chars().count());
            looks.look(walk.at_token(token), bits >= 128.0, "room for 128 bits", got);
        }
    }
}

/// How many characters may stand at one place of a token, judging by all tokens of its kind: whole classes, and each sign that was seen.
fn alphabet<'t>(tokens: impl Iterator<Item = &'t Token>) -> usize {
    let seen: BTreeSet<char> = tokens.flat_map(|t| t.text.chars()).collect();
    let hex = |c: &char| c.is_ascii_hexdigit();
    let class = |of: fn(&char) -> bool, whole: usize| match () {
        () if !seen.iter().any(of) => 0,
        () if seen.iter().filter(|c| of(c)).all(hex) => 6,
        () => whole,
    };
    let digits = if seen.iter().any(char::is_ascii_digit) { 10 } else { 0 };
    let signs = seen.iter().filter(|c| !c.is_ascii_alphanumeric()).count();
    digits + class(char::is_ascii_lowercase, 26) + class(char::is_ascii_uppercase, 26) + signs
}

fn dies_young(run: &Run<'_>, looks: &mut Looks) {
    const TEN_MINUTES: i64 = 600_000;
    for (walk, code) in run.tokens(Kind::Code) {
        for seen in walk.answers().filter(|s| s.is_token_request() && one(&s.exchange.request.form(), "code") == Some(&code.text)) {
            let age = seen.exchange.sent - code.came;
            // Until then a success is no fault and a refusal proves nothing.
            if age > TEN_MINUTES + walk.skew() {
                let success = seen.answer.status == 200 && seen.object().is_some_and(|b| b.contains_key("access_token"));
                looks.look(seen.at(), !success, "a refusal", || format!("tokens for a code that is {} s old", age / 1000));
            }
        }
    }
}
