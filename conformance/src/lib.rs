//! Touchstone: drive, record, judge, report.

pub mod judge;
pub mod report;
pub mod scenario;
pub mod transcript;
