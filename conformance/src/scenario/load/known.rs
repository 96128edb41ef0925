//! What scenarios may name: requirements, defects, clients and users.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Everything outside the scenario files that they can speak of. Plain data, so that a test can make a small one.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// By id.
    pub requirements: BTreeMap<String, Requirement>,
    /// Ids of the defects on the wire; `None` if nobody knows them, and then any is accepted.
    pub defects: Option<BTreeSet<String>>,
    /// Metadata of the fixtures' clients by name, as in `fixtures/clients.toml`.
    pub clients: BTreeMap<String, Value>,
    /// The fixtures' users by name, as in `fixtures/users.toml`.
    pub users: BTreeMap<String, Value>,
    /// Accept verbs whose flow is not built yet.
    pub allow_later: bool,
}

/// What the loader has to know of a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// How binding it is.
    pub strength: Strength,
    /// Whom it binds: `op` or `rp`.
    pub role: String,
    /// Why it is not asked, if it is not.
    pub not_asked: Option<String>,
}

/// How binding a requirement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// MUST, MUST NOT and their like.
    Must,
    /// SHOULD, SHOULD NOT.
    Should,
    /// MAY: it leaves room and cannot be broken.
    May,
}

impl Strength {
    /// The word of RFC 2119.
    pub fn word(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}
