//! What is said of a check or a rule.

use serde::{Deserialize, Serialize};

use crate::scenario::Check;
use crate::transcript::Transcript;

/// What the drive hands on for one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "nearly all are walks")]
pub enum Record {
    /// It was walked, whatever came of it.
    Walked(Transcript),
    /// It was not asked.
    Skipped {
        /// The check.
        check: Check,
        /// Why not.
        skip: Skip,
    },
}

/// Why a check was not asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// The target file says that the target lacks the feature.
    Lacks {
        /// The feature.
        feature: String,
        /// The target file's reason.
        because: String,
    },
    /// The harness lacks a power over this target.
    Harness {
        /// The power, and what would give it.
        power: String,
    },
}

/// The word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Asked, and seen.
    Pass,
    /// A MUST is broken.
    Fail,
    /// A SHOULD is broken.
    Warn,
    /// The walk or the control did not work: nothing is said about the requirement.
    Blocked,
    /// The target lacks the feature, or the harness a power.
    Skip,
    /// A rule that found nothing to look at.
    Idle,
}

impl Word {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 6] = [Self::Pass, Self::Fail, Self::Warn, Self::Blocked, Self::Skip, Self::Idle];

    /// As it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Blocked => "blocked",
            Self::Skip => "skip",
            Self::Idle => "idle",
        }
    }

    /// The word that is written so.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|word| word.as_str() == text)
    }
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is said of one check or one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Id of the check or rule.
    pub id: String,
    /// The word.
    pub word: Word,
    /// The sentence that it asks.
    pub asks: String,
    /// Requirements cited, by id.
    pub cites: Vec<String>,
    /// What did not fit: for a check line by line, in the order of its expectations; for a rule thing by thing.
    pub findings: Vec<Finding>,
    /// Why it is blocked or skipped, in words.
    pub why: Option<String>,
    /// Which kind of skip it is.
    pub skip: Option<Skip>,
    /// How many things a rule looked at.
    pub looked_at: usize,
    /// For how many milliseconds of wall time an absence was watched (real clocks only).
    pub watched: u64,
}

/// One thing that is not as it has to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The check in whose transcript it was seen.
    pub check: String,
    /// The line of the expectation: `json.token_type`, `refused`, `deliveries.web[0].answered`; for a rule the thing it looked at.
    pub place: String,
    /// In words.
    pub wanted: String,
    /// In words.
    pub got: String,
    /// Index of the exchange in that transcript that shows it.
    pub exchange: Option<usize>,
    /// Index of the delivery in that transcript that shows it.
    pub delivery: Option<usize>,
}
