//! Rules: what holds of every exchange, token and delivery, whichever check was at work.
//!
//! A rule answers "fits", "does not fit" or nothing for each thing that it looks at, and it never guesses: where the transcript lacks the
//! facts, it says nothing. A rule that looked at nothing is idle. Requests that a row has spoilt carry a mark, and a rule that presumes an
//! honest request passes over their answers.
//!
//! A new rule is one entry in the list of its file. A new file is a module and a line in [`rules`].

mod actors;
mod answers;
mod codes;
mod cookies;
mod device_pages;
mod devices;
mod exchanges;
mod http;
mod id_tokens;
mod introspections;
mod logout_tokens;
mod metadata;
mod pages;
mod people;
mod redirects;
mod refreshes;
mod registrations;
mod resources;
mod tellings;
mod userinfo;
pub mod walk;

use std::sync::OnceLock;

use crate::judge::verdict::{Finding, Verdict, Word};
use crate::judge::{side_by_side, strength};
use crate::requirement::Requirements;
use crate::transcript::Transcript;
pub use walk::{At, Run, Walk};

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// The sentence that it proves, as a name.
    pub id: &'static str,
    /// The sentence in full.
    pub asks: &'static str,
    /// Requirements of one strength.
    pub cites: &'static [&'static str],
    /// Defects under which it has to be red.
    pub broken_by: &'static [&'static str],
    /// Looks at everything that it applies to.
    pub judge: fn(&Run<'_>, &mut Looks),
}

/// All rules, file by file.
pub fn rules() -> &'static [Rule] {
    static ALL: OnceLock<Vec<Rule>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all = Vec::new();
        all.extend(answers::rules());
        all.extend(http::rules());
        all.extend(cookies::rules());
        all.extend(codes::rules());
        all.extend(exchanges::rules());
        all.extend(actors::rules());
        all.extend(devices::rules());
        all.extend(device_pages::rules());
        all.extend(id_tokens::rules());
        all.extend(people::rules());
        all.extend(refreshes::rules());
        all.extend(introspections::rules());
        all.extend(registrations::rules());
        all.extend(metadata::rules());
        all.extend(resources::rules());
        all.extend(userinfo::rules());
        all.extend(redirects::rules());
        all.extend(pages::rules());
        all.extend(tellings::rules());
        all.extend(logout_tokens::rules());
        all
    })
}

/// Judges every rule over the transcripts of a run.
pub fn judge_rules(walks: &[&Transcript], requirements: &Requirements) -> Vec<Verdict> {
    let run = Run::of(walks);
    side_by_side::map(rules(), |rule| judge_rule(rule, &run, requirements))
}

/// Judges one rule.
pub fn judge_rule(rule: &Rule, run: &Run<'_>, requirements: &Requirements) -> Verdict {
    let mut looks = Looks::default();
    (rule.judge)(run, &mut looks);
    let mut verdict = Verdict {
        id: rule.id.to_owned(),
        word: Word::Idle,
        asks: rule.asks.to_owned(),
        cites: rule.cites.iter().map(|id| (*id).to_owned()).collect(),
        findings: Vec::new(),
        why: None,
        skip: None,
        looked_at: looks.at,
        watched: 0,
    };
    if looks.at > 0 {
        verdict.find(looks.findings, strength(rule.cites, requirements));
    }
    verdict
}

/// What a rule has looked at, and what did not fit.
#[derive(Debug, Default)]
pub struct Looks {
    at: usize,
    findings: Vec<Finding>,
}

impl Looks {
    /// Looks at one thing: whether it fits, and in words what was wanted and what came.
    pub fn look(&mut self, at: At, fits: bool, wanted: &str, got: impl FnOnce() -> String) {
        self.at += 1;
        if !fits {
            let (wanted, got) = (wanted.to_owned(), got());
            self.findings.push(Finding { check: at.check, place: at.place, wanted, got, exchange: at.exchange, delivery: at.delivery });
        }
    }
}

#[cfg(test)]
mod exchange_tests;
#[cfg(test)]
mod flows_tests;
#[cfg(test)]
mod tests;
