//! The ledger: nobody missed, nobody told twice, nobody else told.
//!
//! Deliveries to a client belong to the expected login whose `sub` and `sid` their token carries, as far as it carries them: a token
//! without `sid` (a client that did not ask for it) is matched by `sub` alone. What belongs to one login is one telling, attempt by attempt.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::evidence::{Evidence, Told, shown};
use super::verdict::Finding;
use super::wanted::{Wanted, WantedTelling, at_time};
use crate::scenario::{Expected, Matcher};
use crate::transcript::view;

/// Holds the ledger against what is wanted of it; nothing if the check does not ask for deliveries.
pub fn findings(wanted: &Wanted, evidence: &Evidence) -> Vec<Finding> {
    let Some(clients) = &wanted.deliveries else { return Vec::new() };
    let mut judge = Judge { wanted, evidence, findings: Vec::new() };
    let mut by_client: BTreeMap<&str, Vec<&Told>> = clients.keys().map(|name| (name.as_str(), Vec::new())).collect();
    for told in &evidence.ledger {
        match &told.client {
            Some(client) => by_client.entry(client).or_default().push(told),
            None => {
                judge.add(format!("deliveries.{}", told.at), "nobody is told but the clients named", "told at an address of nobody", told)
            }
        }
    }
    for (client, ledger) in by_client {
        let none = Vec::new();
        judge.client(client, clients.get(client).unwrap_or(&none), &ledger);
    }
    judge.findings
}

struct Judge<'a> {
    wanted: &'a Wanted,
    evidence: &'a Evidence,
    findings: Vec<Finding>,
}

impl Judge<'_> {
    fn add<'t>(&mut self, place: String, wanted: impl Into<String>, got: impl Into<String>, told: impl Into<Option<&'t Told>>) {
        let told: Option<&Told> = told.into();
        self.findings.push(Finding {
            check: self.wanted.check.clone(),
            place,
            wanted: wanted.into(),
            got: got.into(),
            exchange: None,
            delivery: told.map(|t| t.delivery),
        });
    }

    fn client(&mut self, client: &str, tellings: &[WantedTelling], ledger: &[&Told]) {
        let mut attempts: Vec<Vec<&Told>> = vec![Vec::new(); tellings.len()];
        for told in ledger {
            match place_of(told, tellings, &attempts) {
                Some(index) => attempts[index].push(told),
                None => self.stranger(client, told, tellings),
            }
        }
        for (index, (telling, attempts)) in tellings.iter().zip(&attempts).enumerate() {
            self.telling(&format!("deliveries.{client}[{index}]"), telling, attempts);
        }
    }

    /// A delivery that no expected login explains.
    fn stranger(&mut self, client: &str, told: &Told, tellings: &[WantedTelling]) {
        let wanted = match tellings {
            [] => format!("`{client}` is not told"),
            _ => format!("`{client}` is told of {} and of nobody else", names(tellings)),
        };
        self.add(format!("deliveries.{client}"), wanted, format!("told of {}", whom(told)), told);
    }

    fn telling(&mut self, place: &str, telling: &WantedTelling, attempts: &[&Told]) {
        let wanted = answers(telling);
        let Some(first) = attempts.first() else {
            return self.add(format!("{place}.answered"), wanted, "not told", None);
        };
        let seen: Vec<&Value> = attempts.iter().map(|t| &t.answered).collect();
        if !sequence_fits(telling, &seen) {
            let list = seen.iter().map(|v| v.to_string()).collect::<Vec<_>>().join(", ");
            // The first attempt that is not as wanted is the one to look at.
            let odd = (0..seen.len()).find(|i| telling.answered.get(*i).is_none_or(|w| w != seen[*i])).unwrap_or(0);
            self.add(format!("{place}.answered"), wanted, format!("told {}, answered {list}", times(seen.len())), attempts[odd]);
        }
        self.pauses(place, telling, attempts);
        self.address(place, telling, attempts);
        if let Some(before) = telling.before_answer {
            let word = |yes| if yes { "before the question was answered" } else { "after the question was answered" };
            let came = self.evidence.answered_seq.map(|answer| match before {
                // An attempt that has its answer is over; one that hangs has at least begun.
                true => first.over_seq.unwrap_or(first.came_seq) < answer,
                false => first.came_seq < answer,
            });
            match came {
                Some(came) if came == before => {}
                Some(came) => {
                    self.add(format!("{place}.before_answer"), format!("told {}", word(before)), format!("told {}", word(came)), *first)
                }
                None => self.add(format!("{place}.before_answer"), format!("told {}", word(before)), "the question had no answer", *first),
            }
        }
        for told in attempts {
            self.token(&format!("{place}.logout_token"), &telling.logout_token, &told.claims, told);
            self.token(&format!("{place}.logout_token_header"), &telling.logout_token_header, &told.header, told);
        }
    }

    fn pauses(&mut self, place: &str, telling: &WantedTelling, attempts: &[&Told]) {
        for (index, matcher) in telling.pauses.iter().enumerate() {
            let place = format!("{place}.pauses[{index}]");
            let pause = attempts.get(index).zip(attempts.get(index + 1)).map(|(before, after)| {
                let seconds = (after.came - before.over.unwrap_or(before.came)) as f64 / 1000.0;
                (seconds, *after)
            });
            match pause {
                Some((seconds, _)) if matcher.fits(Some(&json!(seconds))) => {}
                Some((seconds, after)) => self.add(place, pause_words(matcher), format!("{seconds} s"), after),
                None => self.add(place, pause_words(matcher), "no attempt came after it", attempts.last().copied()),
            }
        }
    }

    fn address(&mut self, place: &str, telling: &WantedTelling, attempts: &[&Told]) {
        let want = telling.at.as_deref().or(attempts.first().map(|t| t.at.as_str())).unwrap_or_default();
        if let Some(astray) = attempts.iter().find(|t| t.at != want) {
            self.add(format!("{place}.at"), format!("told at the {want} address"), format!("told at {}", astray.at), *astray);
        }
    }

    fn token(&mut self, place: &str, lines: &[Expected], token: &Value, told: &Told) {
        for line in lines {
            let got = view::at(token, &line.path);
            let matcher = at_time(&line.matcher, told.came - self.wanted.skew, told.came + self.wanted.skew);
            if !matcher.fits(got.as_ref()) {
                self.add(format!("{place}.{}", line.place()), matcher.words(), shown(got.as_ref()), told);
            }
        }
    }
}

/// The telling that a delivery belongs to: the first that fits and still waits for an attempt, else the first that fits.
fn place_of(told: &Told, tellings: &[WantedTelling], so_far: &[Vec<&Told>]) -> Option<usize> {
    let fits: Vec<usize> = (0..tellings.len()).filter(|i| belongs(told, &tellings[*i])).collect();
    let waiting = |i: &&usize| so_far[**i].len() < tellings[**i].answered.len();
    let open = |i: &&usize| tellings[**i].at_least;
    fits.iter().find(waiting).or_else(|| fits.iter().find(open)).or(fits.first()).copied()
}

fn belongs(told: &Told, telling: &WantedTelling) -> bool {
    let claim = |name: &str| told.claims.get(name).and_then(Value::as_str);
    let (sub, sid) = (claim("sub"), claim("sid"));
    let agrees = |has: Option<&str>, of: Option<&str>| has.is_none() || has == of;
    (sub.is_some() || sid.is_some()) && agrees(sub, telling.sub.as_deref()) && agrees(sid, telling.sid.as_deref())
}

fn sequence_fits(telling: &WantedTelling, seen: &[&Value]) -> bool {
    let wanted = &telling.answered;
    let begins = seen.len() >= wanted.len() && wanted.iter().zip(seen).all(|(w, s)| &w == s);
    let rest = seen.get(wanted.len()..).unwrap_or_default();
    begins && if telling.at_least { rest.iter().all(|s| Some(*s) == wanted.last()) } else { rest.is_empty() }
}

fn answers(telling: &WantedTelling) -> String {
    let list = telling.answered.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
    let count = times(telling.answered.len());
    let count = if telling.at_least { format!("at least {count}") } else { count };
    format!("told of {} {count}, answered {list}", telling.of)
}

fn names(tellings: &[WantedTelling]) -> String {
    tellings.iter().map(|t| t.of.as_str()).collect::<Vec<_>>().join(", ")
}

fn whom(told: &Told) -> String {
    let claim = |name: &str| told.claims.get(name).map(|v| format!("{name} {}", shown(Some(v))));
    let known: Vec<String> = ["sub", "sid"].into_iter().filter_map(claim).collect();
    if known.is_empty() { "nobody: the token names neither sub nor sid, or cannot be read".into() } else { known.join(", ") }
}

fn times(count: usize) -> String {
    match count {
        1 => "once".into(),
        n => format!("{n} times"),
    }
}

fn pause_words(matcher: &Matcher) -> String {
    format!("a pause of {} s", matcher.words())
}
