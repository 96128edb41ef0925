//! From the record of a run to verdicts. Opens no socket and asks no clock.

pub mod verdict;
