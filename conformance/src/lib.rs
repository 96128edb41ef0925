//! Touchstone: drive, record, judge, report.

pub mod judge;
pub mod nearest;
pub mod scenario;
pub mod transcript;
