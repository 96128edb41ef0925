//! Which clients and people a check is about, so that no more of them are asked for than that.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::scenario::{Check, Verb};
use crate::transcript::view::{Part, references};

/// What of a request says who the client is (RFC 6749 §2.3).
const AUTHENTICATION: [&str; 3] = ["client_id", "client_secret", "header.Authorization"];

/// Names of fixtures.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Clients that sign somebody in, are named, or have to be told.
    pub clients: BTreeSet<String>,
    /// People who sign in or are named.
    pub users: BTreeSet<String>,
    /// What is compared of them: `("alice", "name")`.
    pub facts: BTreeSet<(String, String)>,
    /// What is taken of a client's metadata, as a JSON pointer: `("web", "/post_logout_redirect_uris/0")`.
    pub metadata: BTreeSet<(String, String)>,
    /// Whether something is changed of how a client says who it is.
    pub authentication: bool,
    /// Whether somebody may be told of a logout. Then the client to which nobody signs in has to be there, to see that it is not.
    pub logout: bool,
}

impl Uses {
    /// Those of checks that are judged on one walk.
    pub fn of_all<'c>(checks: impl IntoIterator<Item = &'c Check>) -> Self {
        checks.into_iter().map(Self::of).fold(Self::default(), |mut all, one| {
            all.clients.extend(one.clients);
            all.users.extend(one.users);
            all.facts.extend(one.facts);
            all.metadata.extend(one.metadata);
            all.authentication |= one.authentication;
            all.logout |= one.logout;
            all
        })
    }

    /// Those of a check.
    pub fn of(check: &Check) -> Self {
        let mut uses = Self::default();
        for step in check.steps() {
            for (field, value) in &step.fields {
                uses.field(check, field, value);
            }
            let edits = &step.edits;
            let mut changed = edits.set.keys().chain(&edits.drop).chain(edits.repeat.keys());
            uses.authentication |= changed.any(|path| AUTHENTICATION.contains(&path.as_str()));
            // Without another said, a client's own first address is asked for.
            let named = step.fields.get("client").and_then(Value::as_str);
            if let (Verb::Login | Verb::Authorize, Some(client), false) = (step.verb, named, step.fields.contains_key("redirect_uri")) {
                uses.metadata.insert((client.to_owned(), "/redirect_uris/0".into()));
            }
        }
        uses.read(&json!([check.walk, check.ask, check.then, check.expect, check.with, check.clients]));
        uses.clients.extend(check.clients.keys().cloned());
        uses.clients.extend(check.expect.deliveries.iter().flatten().map(|(client, _)| client.clone()));
        uses.logout = check.expect.deliveries.is_some() || check.steps().any(|s| matches!(s.verb, Verb::EndSession | Verb::Admin));
        uses
    }

    /// A field that names one outright, or through what the row varies.
    fn field(&mut self, check: &Check, field: &str, value: &Value) {
        let Some(text) = value.as_str() else { return };
        let name = match references(text).as_slice() {
            [Part::Reference(path)] => path.strip_prefix("with.").and_then(|with| check.with.get(with)?.as_str()),
            [Part::Text(name)] => Some(*name),
            _ => None,
        };
        let into = match field {
            "client" => &mut self.clients,
            "user" => &mut self.users,
            // `forge` signs with the key of a client.
            "sign" => {
                self.clients.extend(name.and_then(|n| n.strip_prefix("client.")).map(str::to_owned));
                return;
            }
            _ => return,
        };
        into.extend(name.map(str::to_owned));
    }

    /// `{client.NAME.X}`, `{rp.NAME.first}`, `{user.NAME.X}` in any text.
    fn read(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                for part in references(text) {
                    let Part::Reference(path) = part else { continue };
                    if let Some((client, member)) = path.strip_prefix("client.").and_then(|rest| rest.split_once('.')) {
                        self.metadata.insert((client.to_owned(), format!("/{}", member.replace('.', "/"))));
                    }
                    let mut words = path.split('.');
                    match (words.next(), words.next(), words.next()) {
                        (Some("client" | "rp"), Some(name), _) => self.clients.insert(name.to_owned()),
                        (Some("user"), Some(name), None) => self.users.insert(name.to_owned()),
                        (Some("user"), Some(name), Some(fact)) => self.facts.insert((name.to_owned(), fact.to_owned())),
                        _ => false,
                    };
                }
            }
            Value::Array(members) => members.iter().for_each(|m| self.read(m)),
            Value::Object(members) => members.values().for_each(|m| self.read(m)),
            _ => {}
        }
    }
}
