//! Touchstone: drive, record, judge, report.

pub mod defect;
pub mod judge;
pub mod scenario;
pub mod transcript;
