//! The baseline: what is known of a target, so that a run says only what has changed.
//!
//! `docs/baseline.md` explains the file. It remembers two things: `[[known]]`, what is not green and why one lives with it, and `[last]`,
//! what everything came to when the file was last updated. So what passed is remembered, and what is gone can be told from what never was.

pub mod compare;
mod read;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use crate::judge::verdict::Word;
use crate::toml_file::Problem;
pub use compare::{Against, Standing, compare};
pub use write::{Changes, updated};

/// What begins a reason that nobody has written yet.
pub const UNEXPLAINED: &str = "new, not explained yet";

/// What is known of a target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Baseline {
    /// `[[known]]`, in the order of the file.
    pub known: Vec<Known>,
    /// `[last]`: by id, what it came to when the file was last updated.
    pub last: BTreeMap<String, Word>,
}

/// Something that is not green, and that one lives with. It fails the run on the day it passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The id of a check or a rule.
    pub id: String,
    /// What it comes to. A target file may leave it open: then it is `fail`, `warn` or `blocked`.
    pub verdict: Option<Word>,
    /// Why one lives with it.
    pub because: String,
    /// Where the entry stands, for a complaint about it.
    at: Problem,
}

/// Ids that can be known: those of the suite.
#[derive(Debug, Clone, Default)]
pub struct Ids<'a> {
    /// Checks.
    pub checks: BTreeSet<&'a str>,
    /// Rules.
    pub rules: BTreeSet<&'a str>,
}

impl Ids<'_> {
    fn has(&self, id: &str) -> bool {
        self.checks.contains(id) || self.rules.contains(id)
    }
}

impl Known {
    /// Whether this word is what is known.
    pub fn fits(&self, word: Word) -> bool {
        self.verdict.map_or(matches!(word, Word::Fail | Word::Warn | Word::Blocked), |known| known == word)
    }

    /// `fail`, or what stands for it where the file leaves it open.
    pub fn word(&self) -> &'static str {
        self.verdict.map_or("not green", Word::as_str)
    }

    /// Whether nobody has written the reason yet.
    pub fn is_unexplained(&self) -> bool {
        self.because.starts_with(UNEXPLAINED)
    }
}

impl Baseline {
    /// Reads the text of a baseline that is called `file`. `of_target` is what the target file knows beside it.
    ///
    /// # Errors
    /// Everything that is wrong with it: what cannot be read, and ids that are neither in the suite nor were there at the last update.
    pub fn parse(file: &str, text: &str, ids: &Ids<'_>, of_target: &[Known]) -> Result<Self, Vec<Problem>> {
        let mut baseline = read::read(file, text)?;
        let mut problems: Vec<Problem> = baseline.known.iter().chain(of_target).filter_map(|k| baseline.unknown(k, ids)).collect();
        for known in of_target {
            if let Some(twice) = baseline.known.iter().find(|k| k.id == known.id) {
                let what = format!("`{}` is known in the target file too ({}:{})", known.id, known.at.file, known.at.line);
                problems.push(Problem { what, instead: Some("say it once".into()), ..twice.at.clone() });
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        baseline.known.extend(of_target.iter().cloned());
        Ok(baseline)
    }

    /// What the target file alone knows.
    ///
    /// # Errors
    /// Ids that are not in the suite.
    pub fn of_target(known: &[Known], ids: &Ids<'_>) -> Result<Self, Vec<Problem>> {
        let baseline = Self { known: known.to_vec(), last: BTreeMap::new() };
        let problems: Vec<Problem> = known.iter().filter_map(|k| baseline.unknown(k, ids)).collect();
        if problems.is_empty() { Ok(baseline) } else { Err(problems) }
    }

    /// An id that is not in the suite and never was is a slip; one that was there is gone, which the comparison tells.
    fn unknown(&self, known: &Known, ids: &Ids<'_>) -> Option<Problem> {
        if ids.has(&known.id) || self.last.contains_key(&known.id) {
            return None;
        }
        let all = ids.checks.iter().chain(&ids.rules).copied();
        let near = crate::nearest::nearest(&known.id, all).map(str::to_owned);
        Some(Problem { what: format!("there is no check or rule `{}`", known.id), meant: near, ..known.at.clone() })
    }

    /// What is known of this id.
    pub fn known(&self, id: &str) -> Option<&Known> {
        self.known.iter().find(|known| known.id == id)
    }
}

pub(crate) use read::known as read_known;

#[cfg(test)]
mod tests;
