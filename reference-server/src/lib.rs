//! The reference provider.

mod seam;

pub use seam::{Handle, Outside, Quiet, start};
