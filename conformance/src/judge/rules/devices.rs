//! The device grant: what a device is told, and that it gets tokens once, after a person decided, and nobody else does. RFC 8628.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::walk::Seen;
use super::{Looks, Rule, Run, Walk};
use crate::transcript::Endpoint;
use crate::transcript::jose::repeated_names;
use crate::transcript::tokens::one;

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "a-device-is-told-everything",
            asks: "A device is told its two codes, where the person has to go, and how long it has.",
            cites: &["rfc8628-3.2-device-code", "rfc8628-3.2-user-code", "rfc8628-3.2-verification-uri", "rfc8628-3.2-expires-in"],
            broken_by: &["device-answers-without-an-address"],
            judge: whole,
        },
        Rule {
            id: "device-answers-are-json",
            asks: "What a device is told is a JSON object, labelled so, with status 200.",
            cites: &["rfc8628-3.2-status-200-json"],
            broken_by: &["device-answer-is-labelled-text"],
            judge: json,
        },
        Rule {
            id: "device-answers-are-never-stored",
            asks: "An answer with codes for a device has Cache-Control: no-store.",
            cites: &["rfc8628-3.2-no-store"],
            broken_by: &["device-answer-is-cacheable"],
            judge: never_stored,
        },
        Rule {
            id: "a-device-is-told-nothing-twice",
            asks: "What a device is told has each member once.",
            cites: &["rfc8628-3.1-duplicate-response-member"],
            broken_by: &["a-device-is-told-two-user-codes"],
            judge: nothing_twice,
        },
        Rule {
            id: "each-device-has-codes-of-its-own",
            asks: "No two devices are told the same code.",
            cites: &["rfc8628-3.2-codes-unique"],
            broken_by: &["every-device-gets-the-same-codes"],
            judge: unique,
        },
        Rule {
            id: "a-device-code-is-long-enough",
            asks: "A device code has room for 128 bits of chance.",
            cites: &["rfc8628-5.2-device-code-entropy"],
            broken_by: &["device-codes-of-four-digits"],
            judge: long_enough,
        },
        Rule {
            id: "a-user-code-can-be-read-aloud",
            asks: "No letter or digit of a user code is easily taken for another one.",
            cites: &["rfc8628-6.1-no-confusables"],
            broken_by: &["user-codes-of-zeros-and-ones"],
            judge: no_confusables,
        },
        Rule {
            id: "the-address-to-type-has-no-code-in-it",
            asks: "verification_uri does not contain the user code.",
            cites: &["rfc8628-3.3-user-code-in-uri"],
            broken_by: &["the-address-to-type-has-the-code-in-it"],
            judge: address,
        },
        Rule {
            id: "no-tokens-before-a-person-decides",
            asks: "A device gets no tokens before a person has brought its user code.",
            cites: &["rfc8628-3.5-pending"],
            broken_by: &["pending-polls-bring-tokens"],
            judge: after_a_person,
        },
        Rule {
            id: "a-device-code-buys-once",
            asks: "A device code buys tokens once.",
            cites: &["zitadel-dev-29"],
            broken_by: &["code-can-be-spent-twice"],
            judge: once,
        },
        Rule {
            id: "a-device-code-is-for-its-client",
            asks: "A device code buys nothing for any client but the one that was told it.",
            cites: &["rfc8628-3.4-device-code-client-bound"],
            broken_by: &["device-codes-are-for-every-client"],
            judge: for_its_client,
        },
        Rule {
            id: "answers-to-polls-are-400",
            asks: "authorization_pending, slow_down, access_denied and expired_token come with status 400.",
            cites: &["rfc8628-3.5-error-status"],
            broken_by: &["pending-is-403"],
            judge: status,
        },
    ]
}

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What devices were told.
fn told<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, Map<String, Value>)> {
    run.walks.iter().flat_map(told_in)
}

pub(super) fn told_in<'r>(walk: &'r Walk<'_>) -> impl Iterator<Item = (Seen<'r>, Map<String, Value>)> {
    let good = walk.answers().filter(|s| s.exchange.endpoint == Endpoint::Device && s.answer.status == 200);
    good.filter_map(|s| s.object().map(|body| (s, body)))
}

pub(super) fn text<'b>(body: &'b Map<String, Value>, name: &str) -> &'b str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn whole(run: &Run<'_>, looks: &mut Looks) {
    for (seen, body) in told(run) {
        let empty: Vec<&str> =
            ["device_code", "user_code", "verification_uri"].into_iter().filter(|name| text(&body, name).is_empty()).collect();
        let lives = body.get("expires_in").and_then(Value::as_f64).is_some_and(|s| s > 0.0);
        let apart = text(&body, "device_code") != text(&body, "user_code");
        let fits = empty.is_empty() && lives && apart;
        looks.look(seen.at(), fits, "device_code, user_code and verification_uri, and expires_in, a number", || match () {
            () if !empty.is_empty() => format!("no {}", empty.join(", no ")),
            () if !lives => body.get("expires_in").map_or_else(|| "no expires_in".into(), |v| format!("expires_in {v}")),
            () => "one code for both".into(),
        });
    }
}

fn json(run: &Run<'_>, looks: &mut Looks) {
    let all = run.answers().filter(|s| {
        s.exchange.endpoint == Endpoint::Device && s.exchange.request.method == "POST" && (200..300).contains(&s.answer.status)
    });
    for seen in all {
        let fits = seen.answer.status == 200 && seen.media_type() == "application/json" && seen.object().is_some();
        looks.look(seen.at(), fits, "200, application/json, an object", || format!("{}, {}", seen.answer.status, seen.media_type()));
    }
}

fn never_stored(run: &Run<'_>, looks: &mut Looks) {
    for (seen, _) in told(run) {
        let mut directives = seen.answer.header("cache-control").flat_map(|h| h.split(','));
        let fits = directives.any(|d| d.trim().eq_ignore_ascii_case("no-store"));
        looks.look(seen.at(), fits, "Cache-Control with no-store", || {
            seen.answer.header("cache-control").next().unwrap_or("no Cache-Control").to_owned()
        });
    }
}

fn nothing_twice(run: &Run<'_>, looks: &mut Looks) {
    for seen in run.answers().filter(|s| s.exchange.endpoint == Endpoint::Device && s.object().is_some()) {
        let twice = repeated_names(seen.answer.body.as_bytes());
        looks.look(seen.at(), twice.is_empty(), "each member once", || format!("{} comes twice", twice.join(", ")));
    }
}

fn unique(run: &Run<'_>, looks: &mut Looks) {
    for walk in &run.walks {
        let mut before = BTreeSet::new();
        for (seen, body) in told_in(walk) {
            let again: Vec<&str> = ["device_code", "user_code"]
                .into_iter()
                .filter(|name| !before.insert(((*name).to_owned(), text(&body, name).to_owned())))
                .collect();
            looks.look(seen.at(), again.is_empty(), "codes that no other device was told", || {
                format!("the {} of another", again.join(" and "))
            });
        }
    }
}

/// An upper bound: what is shorter than this cannot be hard enough to guess, however it is made.
fn long_enough(run: &Run<'_>, looks: &mut Looks) {
    let all: Vec<_> = told(run).collect();
    let letters = all.iter().flat_map(|(_, body)| text(body, "device_code").chars()).collect::<BTreeSet<char>>();
    let class = |of: fn(&char) -> bool, whole: usize| if letters.iter().any(of) { whole } else { 0 };
    let signs = letters.iter().filter(|c| !c.is_ascii_alphanumeric()).count();
    let hex = letters.iter().all(char::is_ascii_hexdigit);
    let alphabet = if hex {
        16
    } else {
        class(char::is_ascii_digit, 10) + class(char::is_ascii_lowercase, 26) + class(char::is_ascii_uppercase, 26) + signs
    };
    for (seen, body) in all {
        let length = text(&body, "device_code").chars().count();
        let bits = length as f64 * (alphabet as f64).log2();
        looks.look(seen.at(), bits >= 128.0, "room for 128 bits", || {
            format!("{length} characters out of {alphabet}: {bits:.0} bits at most")
        });
    }
}

fn no_confusables(run: &Run<'_>, looks: &mut Looks) {
    for (seen, body) in told(run) {
        let code = text(&body, "user_code");
        // §6.1: where only digits are there, a zero is no letter.
        let digits = code.chars().filter(char::is_ascii_alphanumeric).all(|c| c.is_ascii_digit());
        let bad: String = code.chars().filter(|c| !digits && matches!(c, '0' | 'O' | 'o' | '1' | 'I' | 'l' | 'i')).collect();
        looks.look(seen.at(), bad.is_empty(), "letters that nobody mistakes", || format!("{bad} in it"));
    }
}

/// Letters and digits alone, in upper case, as a provider compares what people type (§6.1).
pub(super) fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

fn address(run: &Run<'_>, looks: &mut Looks) {
    for (seen, body) in told(run) {
        let (uri, code) = (text(&body, "verification_uri"), text(&body, "user_code"));
        let has = !code.is_empty() && plain(uri).contains(&plain(code));
        looks.look(seen.at(), !has, "an address without the user code", || uri.to_owned());
    }
}

/// A poll, with what its device was told.
struct Poll<'r> {
    seen: Seen<'r>,
    told: Seen<'r>,
    body: Map<String, Value>,
    success: bool,
}

fn polls<'r>(run: &'r Run<'_>) -> impl Iterator<Item = Poll<'r>> {
    run.walks.iter().flat_map(polls_in)
}

fn polls_in<'r>(walk: &'r Walk<'_>) -> impl Iterator<Item = Poll<'r>> {
    walk.answers().filter(|s| s.is_token_request()).filter_map(|seen| {
        let form = seen.exchange.request.form();
        let code = one(&form, "device_code").filter(|_| one(&form, "grant_type") == Some(GRANT))?;
        let (told, body) = told_in(seen.walk).find(|(_, body)| text(body, "device_code") == code)?;
        let success = seen.answer.status == 200 && seen.object().is_some_and(|b| b.contains_key("access_token"));
        Some(Poll { seen, told, body, success })
    })
}

fn after_a_person(run: &Run<'_>, looks: &mut Looks) {
    for poll in polls(run) {
        let code = plain(text(&poll.body, "user_code"));
        // Whoever decides sends the code at least once, typed or in the address.
        let brought = |params: Vec<(String, String)>| params.iter().any(|(_, value)| plain(value) == code);
        let decided = poll.seen.walk.transcript.exchanges.iter().any(|e| {
            let before = e.browser.is_some() && e.sent_seq < poll.seen.exchange.answered_seq;
            before && (brought(e.request.form()) || brought(e.request.query()))
        });
        if !decided {
            looks.look(poll.seen.at(), !poll.success, "a refusal, for nobody has brought the user code", || "tokens".into());
        }
    }
}

fn once(run: &Run<'_>, looks: &mut Looks) {
    for walk in run.walks.iter().filter(|w| w.has("zitadel")) {
        let mut bought = BTreeMap::<String, Vec<usize>>::new();
        for poll in polls_in(walk).filter(|p| p.success) {
            bought.entry(text(&poll.body, "device_code").to_owned()).or_default().push(poll.seen.index);
        }
        for buyers in bought.values() {
            let last = buyers.last().copied().unwrap_or_default();
            looks.look(walk.at_exchange(last), buyers.len() == 1, "one success for each device code", || {
                format!("{} successes with one device code", buyers.len())
            });
        }
    }
}

fn for_its_client(run: &Run<'_>, looks: &mut Looks) {
    for poll in polls(run) {
        let (owner, asks) = (&poll.told.exchange.client, &poll.seen.exchange.client);
        if owner.is_some() && asks.is_some() && owner != asks {
            looks.look(poll.seen.at(), !poll.success, "a refusal", || {
                format!("tokens for a device code of {}", owner.as_deref().unwrap_or_default())
            });
        }
    }
}

fn status(run: &Run<'_>, looks: &mut Looks) {
    for poll in polls(run) {
        let error = poll.seen.object().and_then(|b| b.get("error")?.as_str().map(str::to_owned)).unwrap_or_default();
        if matches!(error.as_str(), "authorization_pending" | "slow_down" | "access_denied" | "expired_token") {
            let status = poll.seen.answer.status;
            looks.look(poll.seen.at(), status == 400, &format!("400 with {error}"), || format!("{status} with {error}"));
        }
    }
}
