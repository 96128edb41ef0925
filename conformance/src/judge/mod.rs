//! From the record of a run to verdicts. Opens no socket and asks no clock.
//!
//! Two kinds of judgement, one kind of verdict: an expectation belongs to a check ([`expect`]), a rule looks at everything ([`rules`]).

pub mod deliveries;
pub mod events;
pub mod evidence;
pub mod expect;
pub mod rules;
pub mod side_by_side;
pub mod verdict;
pub mod wanted;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::requirement::{Requirements, Strength};
use crate::scenario::Check;
use crate::transcript::{Ended, Transcript};
use verdict::{Finding, Record, Skip, Verdict, Word};

/// What is said of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// One for each check that has a record, in the order of the catalogue.
    pub checks: Vec<Verdict>,
    /// One for each rule, in the order of [`rules::rules`].
    pub rules: Vec<Verdict>,
}

/// Judges every check of the catalogue that has a record, its own or that of the check whose walk it shares, and every rule.
///
/// `controls`: the words that count for controls instead of this run's; `prove` hands in those of its honest run.
pub fn judge(records: &[Record], catalogue: &[Check], requirements: &Requirements, controls: Option<&BTreeMap<String, Word>>) -> Judged {
    let walks: Vec<&Transcript> = records.iter().filter_map(Record::transcript).collect();
    Judged { checks: judge_checks(records, catalogue, requirements, controls), rules: rules::judge_rules(&walks, requirements) }
}

/// The checks alone; see [`judge`].
pub fn judge_checks(
    records: &[Record],
    catalogue: &[Check],
    requirements: &Requirements,
    controls: Option<&BTreeMap<String, Word>>,
) -> Vec<Verdict> {
    let by_id: BTreeMap<&str, &Record> = records.iter().map(|r| (r.check().id.as_str(), r)).collect();
    let record_of = |check: &Check| by_id.get(check.id.as_str()).or_else(|| by_id.get(check.same_walk_as.as_deref()?)).copied();
    let asked: Vec<(&Check, &Record)> = catalogue.iter().filter_map(|check| Some((check, record_of(check)?))).collect();
    let verdicts = side_by_side::map(&asked, |(check, record)| by_itself(check, record, requirements));
    let alone: BTreeMap<&str, Verdict> = asked.iter().map(|(check, _)| check.id.as_str()).zip(verdicts).collect();
    let by_name = catalogue.iter().map(|check| (check.id.as_str(), check)).collect();
    let gate = Gate { alone: &alone, catalogue: by_name, given: controls };
    asked.iter().filter_map(|(check, _)| Some(gate.through(check, alone.get(check.id.as_str())?))).collect()
}

/// The verdict of a check whose controls are all green.
fn by_itself(check: &Check, record: &Record, requirements: &Requirements) -> Verdict {
    let mut verdict = Verdict {
        id: check.id.clone(),
        word: Word::Pass,
        asks: check.title.clone(),
        cites: check.cites.clone(),
        findings: Vec::new(),
        why: None,
        skip: None,
        looked_at: 0,
        watched: 0,
    };
    let transcript = match record {
        Record::Walked(transcript) => transcript,
        Record::Skipped { skip, .. } => {
            verdict.skip(skip);
            return verdict;
        }
    };
    match &transcript.ended {
        Ended::Blocked { why, .. } => verdict.block(why.clone()),
        Ended::Harness(why) => verdict.block(format!("the harness could not do its own part: {why}")),
        Ended::Asked { watched } => {
            verdict.watched = *watched;
            match expect::findings(check, transcript) {
                Err(why) => verdict.block(why),
                Ok(findings) => verdict.find(findings, strength(&check.cites, requirements)),
            }
        }
    }
    verdict
}

/// What its requirements make of a broken check or rule. Loader and tests see to it that all are of one strength and exist.
fn strength<S: AsRef<str>>(cites: &[S], requirements: &Requirements) -> Strength {
    let strengths = cites.iter().filter_map(|id| requirements.get(id.as_ref())).map(|r| r.level.strength());
    strengths.max().unwrap_or(Strength::Must)
}

/// Lets a verdict through if the controls of its check are green.
struct Gate<'a> {
    alone: &'a BTreeMap<&'a str, Verdict>,
    catalogue: BTreeMap<&'a str, &'a Check>,
    given: Option<&'a BTreeMap<String, Word>>,
}

impl Gate<'_> {
    fn through(&self, check: &Check, alone: &Verdict) -> Verdict {
        let mut verdict = alone.clone();
        if verdict.word == Word::Skip || verdict.word == Word::Blocked {
            return verdict;
        }
        for control in controls_of(check) {
            match self.word(control, &mut BTreeSet::new()) {
                (Some(Word::Pass), _) => {}
                // What is not asked of its control cannot be asked of it.
                (Some(Word::Skip), Some(skip)) => {
                    verdict.skip(&skip);
                    break;
                }
                (word, _) => {
                    verdict.block(format!("its control `{control}` {}", control_words(word)));
                    break;
                }
            }
        }
        verdict
    }

    /// The final word on a check, and the skip behind it.
    fn word<'a>(&'a self, id: &'a str, on_the_way: &mut BTreeSet<&'a str>) -> (Option<Word>, Option<Skip>) {
        if let Some(given) = self.given {
            return (given.get(id).copied(), None);
        }
        let (Some(alone), Some(check)) = (self.alone.get(id), self.catalogue.get(id)) else { return (None, None) };
        // The loader refuses controls that go round in a circle; one that slipped through proves nothing.
        if !on_the_way.insert(id) {
            return (Some(Word::Blocked), None);
        }
        if alone.word == Word::Skip || alone.word == Word::Blocked {
            return (Some(alone.word), alone.skip.clone());
        }
        let red = controls_of(check).map(|control| self.word(control, on_the_way)).find(|(word, _)| *word != Some(Word::Pass));
        on_the_way.remove(id);
        match red {
            None => (Some(alone.word), None),
            Some((Some(Word::Skip), skip)) => (Some(Word::Skip), skip),
            Some(_) => (Some(Word::Blocked), None),
        }
    }
}

fn controls_of(check: &Check) -> impl Iterator<Item = &str> {
    let base = check.base.as_deref().filter(|base| !check.control.iter().any(|c| c == base));
    base.into_iter().chain(check.control.iter().map(String::as_str))
}

fn control_words(word: Option<Word>) -> &'static str {
    match word {
        None => "was not asked",
        Some(Word::Pass) => "is green",
        Some(Word::Fail | Word::Warn) => "is red",
        Some(Word::Blocked) => "is blocked",
        Some(Word::Skip | Word::Idle) => "was skipped",
    }
}

impl Verdict {
    fn block(&mut self, why: String) {
        self.word = Word::Blocked;
        self.findings.clear();
        self.why = Some(why);
    }

    fn skip(&mut self, skip: &Skip) {
        self.word = Word::Skip;
        self.findings.clear();
        self.why = Some(match skip {
            Skip::Lacks { feature, because } => format!("the target lacks {feature}: {because}"),
            Skip::Harness { power } => format!("needs {power}"),
        });
        self.skip = Some(skip.clone());
    }

    fn find(&mut self, findings: Vec<Finding>, strength: Strength) {
        self.word = match (findings.is_empty(), strength) {
            (true, _) => Word::Pass,
            (false, Strength::Must) => Word::Fail,
            (false, Strength::Should | Strength::May) => Word::Warn,
        };
        self.findings = findings;
    }
}

impl Record {
    /// The check that was walked or skipped.
    pub fn check(&self) -> &Check {
        match self {
            Self::Walked(transcript) => &transcript.check,
            Self::Skipped { check, .. } => check,
        }
    }

    /// What happened, if anything did.
    pub fn transcript(&self) -> Option<&Transcript> {
        match self {
            Self::Walked(transcript) => Some(transcript),
            Self::Skipped { .. } => None,
        }
    }
}
