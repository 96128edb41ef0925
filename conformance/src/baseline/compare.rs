//! Holds a run against a baseline: what is as it was known, and what is not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Baseline, Ids};
use crate::judge::verdict::Word;
use crate::report::exit::INTERRUPTED;
use crate::report::record::Report;

/// How a check or a rule stands to the baseline. One that is green and always was has nothing to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Standing {
    /// It is as it is known: it does not count.
    Known {
        /// The reason.
        because: String,
    },
    /// It is not green, and the baseline has never seen it.
    New,
    /// It passed at the last update, and does so no more.
    Regressed,
    /// It is not green, and other than it is known.
    Changed {
        /// What is known.
        was: String,
        /// The reason.
        because: String,
    },
    /// It is known, and passes: the entry has to go.
    Stale {
        /// What is known.
        was: String,
        /// The reason.
        because: String,
    },
}

/// What comes of the comparison beside the standing of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Against {
    /// How many are as they are known, and do not count.
    pub known: usize,
    /// How many of these have a reason that nobody has written yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unexplained: usize,
    /// How many are not green, and the baseline has never seen them.
    pub new: usize,
    /// How many passed at the last update, and do so no more.
    pub regressed: usize,
    /// How many are other than they are known.
    pub changed: usize,
    /// How many are known, and pass.
    pub stale: usize,
    /// What is in the baseline, and in the suite no more, with what it was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gone: BTreeMap<String, String>,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// The standing of each entry of the report, by id, and the sums. What was not asked in this run is not compared.
pub fn compare(report: &Report, baseline: &Baseline, ids: &Ids<'_>) -> (BTreeMap<String, Standing>, Against) {
    let partial = is_partial(report);
    let mut all = BTreeMap::new();
    let mut against = Against::default();
    for (entry, is_rule) in report.checks.iter().map(|e| (e, false)).chain(report.rules.iter().map(|e| (e, true))) {
        let Some(standing) = standing(&entry.id, entry.verdict, baseline, partial && is_rule) else { continue };
        match &standing {
            Standing::Known { .. } => {
                against.known += 1;
                against.unexplained += usize::from(baseline.known(&entry.id).is_some_and(super::Known::is_unexplained));
            }
            Standing::New => against.new += 1,
            Standing::Regressed => against.regressed += 1,
            Standing::Changed { .. } => against.changed += 1,
            Standing::Stale { .. } => against.stale += 1,
        }
        all.insert(entry.id.clone(), standing);
    }
    against.gone = gone(baseline, ids);
    (all, against)
}

/// A part of the suite shows a rule less than it may need to be red, or to have something to look at.
pub(super) fn is_partial(report: &Report) -> bool {
    !report.run.only.is_empty() || report.exit.code == INTERRUPTED
}

fn standing(id: &str, word: Word, baseline: &Baseline, seen_in_part: bool) -> Option<Standing> {
    if seen_in_part && matches!(word, Word::Pass | Word::Idle) {
        return None;
    }
    if let Some(known) = baseline.known(id) {
        let (was, because) = (known.word().to_owned(), known.because.clone());
        return Some(match word {
            word if known.fits(word) => Standing::Known { because },
            Word::Pass => Standing::Stale { was, because },
            _ => Standing::Changed { was, because },
        });
    }
    match (baseline.last.get(id), word) {
        (_, Word::Pass) => None,
        (Some(Word::Pass), _) => Some(Standing::Regressed),
        (_, Word::Skip | Word::Idle) => None,
        (_, Word::Fail | Word::Warn | Word::Blocked) => Some(Standing::New),
    }
}

/// What passed, or is known. Of what was skipped nobody has said anything.
fn gone(baseline: &Baseline, ids: &Ids<'_>) -> BTreeMap<String, String> {
    let gone = baseline.last.iter().filter(|(id, _)| !ids.has(id));
    let missed = gone.filter(|(id, word)| **word == Word::Pass || baseline.known(id).is_some());
    missed.map(|(id, word)| (id.clone(), word.to_string())).collect()
}
