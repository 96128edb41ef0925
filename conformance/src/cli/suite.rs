//! Everything that can be run, cited or explained, read before anything runs.

use std::path::Path;
use std::sync::Arc;

use super::Stop;
use crate::defect::Defects;
use crate::requirement::Requirements;
use crate::scenario::Check;

/// The suite.
pub struct Suite {
    /// In the order of their ids.
    pub checks: Arc<Vec<Check>>,
    /// In the order of their ids.
    pub rules: Vec<Rule>,
    /// What can be cited.
    pub requirements: Arc<Requirements>,
    /// What can be on the wire.
    pub defects: Arc<Defects>,
}

/// A rule, as far as it can be told without running it.
pub struct Rule {
    /// Its name.
    pub id: String,
    /// The sentence that it asks.
    pub asks: String,
    /// Requirements of one strength, by id.
    pub cites: Vec<String>,
    /// Defects under which it has to be red.
    pub broken_by: Vec<String>,
}

impl Suite {
    /// Reads what is compiled in, and the scenarios of `dir` beside it.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn load(_dir: Option<&Path>) -> Result<Self, Stop> {
        Err(Stop::Usage("not yet".into()))
    }

    /// Ids of checks and rules.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.checks.iter().map(|c| c.id.as_str()).chain(self.rules.iter().map(|r| r.id.as_str()))
    }
}
