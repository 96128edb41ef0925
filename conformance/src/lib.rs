//! Touchstone: drive, record, judge, report.

pub mod baseline;
pub mod cli;
pub mod defect;
pub mod drive;
pub mod embedded;
pub mod embedded_files;
pub mod fixture;
pub mod foreign;
pub mod judge;
pub mod nearest;
pub mod probe;
pub mod proof;
pub mod report;
pub mod requirement;
pub mod scenario;
pub mod target;
pub mod toml_file;
pub mod transcript;
