//! A provider under test: the one inside this program, or one that a target file describes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::defect::Defect;
use crate::defect::wire::Facts;
use crate::drive::RunError;
use crate::drive::site::Site;
use crate::embedded::{Embedded, POWERS};
use crate::scenario::Check;

/// A provider under test.
pub enum Target {
    /// The one inside this program.
    Embedded(Box<Embedded>),
}

impl Target {
    /// The provider inside this program.
    ///
    /// # Errors
    /// What is wrong with fixtures or certificates.
    pub fn embedded() -> Result<Self, String> {
        Embedded::new().map(|e| Self::Embedded(Box::new(e)))
    }

    /// How it is called in reports.
    pub fn name(&self) -> &str {
        match self {
            Self::Embedded(_) => "embedded",
        }
    }

    /// Features that it lacks, with the reason.
    pub fn lacks(&self) -> &[(String, String)] {
        match self {
            Self::Embedded(_) => &[],
        }
    }

    /// What the harness can do to it beside speaking the protocol.
    pub fn powers(&self) -> Vec<String> {
        match self {
            Self::Embedded(_) => POWERS.iter().map(|p| (*p).to_owned()).collect(),
        }
    }

    /// Whether `advance` works.
    pub fn time_passes(&self) -> bool {
        match self {
            Self::Embedded(_) => true,
        }
    }

    /// How many walks may run side by side when so many are asked for.
    pub fn jobs(&self, asked: usize) -> usize {
        match self {
            Self::Embedded(_) => asked.max(1),
        }
    }

    /// Whether anybody answers there.
    ///
    /// # Errors
    /// [`RunError::Unreachable`].
    pub async fn reach(&self) -> Result<(), RunError> {
        match self {
            Self::Embedded(_) => Ok(()),
        }
    }

    /// What a defect on the wire has to know of the world, where the clients are these.
    pub fn facts(&self, clients: &BTreeMap<String, Value>) -> Facts {
        match self {
            Self::Embedded(embedded) => embedded.facts(clients),
        }
    }

    /// The target as one check has it before it.
    ///
    /// # Errors
    /// Why it could not be set up.
    pub async fn site(&self, check: &Check, seed: [u8; 32], defect: Option<&Arc<Defect>>) -> Result<Site, String> {
        match self {
            Self::Embedded(embedded) => embedded.site(check, seed, defect).await,
        }
    }
}
