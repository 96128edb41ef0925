//! Proof: no check that nobody has seen fail.
//!
//! - [`derived`]: the judge is pure, so what was seen can be altered and judged again. *Undone* judges the honest answer by the row's
//!   expectation, *leaf* alters what each line looks at. They need no run of their own.
//! - [`named`]: a check or a rule under a defect on the wire. What has to be driven for it says [`plan`]; the driving is not done here.
//!
//! A proof that is not red is a hole in the suite: the check passes whatever the provider does.

pub mod derived;
mod leaf;
pub mod named;
pub mod plan;
pub mod replay;
pub mod run;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

/// One attempt to make a check or a rule red.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Id of the check or rule.
    pub of: String,
    /// How it was tried.
    pub kind: Kind,
    /// The line of the expectation that was aimed at, as findings name it; for a named defect the place where it was seen.
    pub line: String,
    /// Whether it became red, and there.
    pub red: bool,
    /// What was altered, or what was seen, in words.
    pub says: String,
}

/// How a check was made red.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The honest answer, judged by the row's expectation.
    Undone,
    /// One line's place altered in what was seen.
    Leaf,
    /// A defect on the wire, by name.
    Named(String),
}
