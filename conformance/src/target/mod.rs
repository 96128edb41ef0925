//! A provider under test: the one inside this program, or one that a target file describes.

pub mod file;
mod read;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::baseline::Known;
use crate::defect::Defect;
use crate::defect::wire::Facts;
use crate::drive::RunError;
use crate::drive::live::Now;
use crate::drive::site::Site;
use crate::embedded::{Embedded, HAS, POWERS};
use crate::foreign::Foreign;
use crate::judge::verdict::Skip;
use crate::scenario::Check;
use file::OpenError;

/// A provider under test.
pub enum Target {
    /// The one inside this program.
    Embedded(Box<Embedded>),
    /// One that others have written.
    Foreign(Box<Foreign>),
}

impl Target {
    /// The provider inside this program.
    ///
    /// # Errors
    /// What is wrong with fixtures or certificates.
    pub fn embedded() -> Result<Self, String> {
        Embedded::new().map(|e| Self::Embedded(Box::new(e)))
    }

    /// The provider that a target file describes. `now` is the clock on the wall; `slow` lets `advance` wait for it.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn open(path: &Path, now: Now, slow: bool) -> Result<Self, OpenError> {
        Foreign::open(path, now, slow).map(|f| Self::Foreign(Box::new(f)))
    }

    /// How it is called in reports.
    pub fn name(&self) -> &str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Foreign(foreign) => &foreign.file().name,
        }
    }

    /// Features that it lacks, with the reason.
    pub fn lacks(&self) -> &[(String, String)] {
        match self {
            Self::Embedded(_) => &[],
            Self::Foreign(foreign) => &foreign.file().lacks,
        }
    }

    /// What it has beyond what everybody is asked for.
    pub fn has(&self) -> Vec<String> {
        match self {
            Self::Embedded(_) => HAS.iter().map(|h| (*h).to_owned()).collect(),
            Self::Foreign(foreign) => foreign.file().has.clone(),
        }
    }

    /// Failures that one lives with.
    pub fn known(&self) -> &[Known] {
        match self {
            Self::Embedded(_) => &[],
            Self::Foreign(foreign) => &foreign.file().known,
        }
    }

    /// What has to be said of it beside the verdicts, a sentence each: what it is said to lack and announces, and what the harness had to
    /// leave away. Whole only after a run.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Embedded(_) => Vec::new(),
            Self::Foreign(foreign) => foreign.notes(),
        }
    }

    /// What the harness can do to it beside speaking the protocol.
    pub fn powers(&self) -> Vec<String> {
        match self {
            Self::Embedded(_) => POWERS.iter().map(|p| (*p).to_owned()).collect(),
            Self::Foreign(foreign) => foreign.powers(),
        }
    }

    /// Whether `advance` works.
    pub fn time_passes(&self) -> bool {
        match self {
            Self::Embedded(_) => true,
            Self::Foreign(foreign) => foreign.time_passes(),
        }
    }

    /// How many walks may run side by side when so many are asked for.
    pub fn jobs(&self, asked: usize) -> usize {
        match self {
            Self::Embedded(_) => asked.max(1),
            Self::Foreign(foreign) => foreign.jobs(asked),
        }
    }

    /// Whether a check has to run while no other does.
    pub fn alone(&self, check: &Check) -> bool {
        match self {
            Self::Embedded(_) => false,
            Self::Foreign(foreign) => foreign.alone(check),
        }
    }

    /// Why a check cannot be asked of it beside features and powers that it lacks.
    pub fn skip(&self, check: &Check) -> Option<Skip> {
        match self {
            Self::Embedded(_) => None,
            Self::Foreign(foreign) => foreign.skip(check),
        }
    }

    /// Whether anybody answers there; started first, where the harness does that.
    ///
    /// # Errors
    /// [`RunError::Unreachable`], or [`RunError::SetUp`] where it could not be started.
    pub async fn reach(&self) -> Result<(), RunError> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Foreign(foreign) => foreign.reach().await,
        }
    }

    /// Undoes what was done to reach it, when a run ends, however it does.
    pub async fn leave(&self) {
        match self {
            Self::Embedded(_) => {}
            Self::Foreign(foreign) => foreign.leave().await,
        }
    }

    /// What a defect on the wire has to know of the world, where the clients are these.
    pub fn facts(&self, clients: &BTreeMap<String, Value>) -> Facts {
        match self {
            Self::Embedded(embedded) => embedded.facts(clients),
            Self::Foreign(foreign) => foreign.facts(clients),
        }
    }

    /// The target as one check has it before it. `sharing` are the checks that are judged on the same walk.
    ///
    /// # Errors
    /// Why it could not be set up.
    pub async fn site(&self, check: &Check, sharing: &[&Check], seed: [u8; 32], defect: Option<&Arc<Defect>>) -> Result<Site, String> {
        match self {
            Self::Embedded(embedded) => embedded.site(check, seed, defect).await,
            Self::Foreign(foreign) => foreign.site(check, sharing, seed, defect).await,
        }
    }
}
