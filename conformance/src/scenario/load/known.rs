//! What scenarios may name: requirements, defects, clients and users.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::embedded_files;
use crate::requirement::Requirements;

/// Everything outside the scenario files that they can speak of. Plain data, so that a test can make a small one.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    /// What can be cited.
    pub requirements: &'a Requirements,
    /// Ids of the defects on the wire; `None` if nobody knows them, and then any is accepted.
    pub defects: Option<BTreeSet<String>>,
    /// Metadata of the fixtures' clients by name, as in `fixtures/clients.toml`.
    pub clients: BTreeMap<String, Value>,
    /// The fixtures' users by name, as in `fixtures/users.toml`.
    pub users: BTreeMap<String, Value>,
}

impl<'a> Known<'a> {
    /// The clients and users that are compiled into this binary, with these requirements and defects.
    ///
    /// # Errors
    /// If a fixture is no TOML; a test says that none is.
    pub fn embedded<'d>(requirements: &'a Requirements, defects: impl IntoIterator<Item = &'d str>) -> Result<Self, toml::de::Error> {
        Ok(Self {
            requirements,
            defects: Some(defects.into_iter().map(str::to_owned).collect()),
            clients: named("clients")?,
            users: named("users")?,
        })
    }
}

/// The tables `[clients.NAME]` of `clients.toml`.
fn named(what: &str) -> Result<BTreeMap<String, Value>, toml::de::Error> {
    let text = embedded_files::fixture(&format!("{what}.toml")).unwrap_or("");
    let mut file: BTreeMap<String, BTreeMap<String, Value>> = toml::from_str(text)?;
    Ok(file.remove(what).unwrap_or_default())
}
