//! Our own TOML files, read so that every complaint has its place: values that know where they stand, and the report of what is wrong.
//!
//! Scenarios, defects and target files are read through this. All problems of a file are told at once, each with the nearest right word.

mod problem;
mod tree;

pub use problem::Problem;
pub(crate) use problem::{Report, Slip};
pub(crate) use tree::{Data, Entry, Node, Span};
