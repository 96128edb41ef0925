//! Touchstone: drive, record, judge, report.

pub mod cli;
pub mod defect;
pub mod embedded_files;
pub mod judge;
pub mod nearest;
pub mod report;
pub mod requirement;
pub mod scenario;
pub mod transcript;
