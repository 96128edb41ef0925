//! Who acts for a user (RFC 8693, section 4.1): as the log keeps it, and as tokens and introspection say it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::{Client, Config};
use crate::names::{Issuer, UserId};
use crate::subject;

/// An actor as the log keeps it, and behind it the one for whom it acts itself: the newest is outermost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Who acts.
    pub user_id: UserId,
    /// The issuer of the token by which they have shown that.
    pub issuer: Issuer,
    /// Who acted before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Box<Actor>>,
}

impl Actor {
    /// As `act` says it to a client, which knows actors as it knows all users.
    pub fn said(&self, config: &Config, client: &Client) -> Value {
        let mut act = json!({ "sub": subject::of(config, client, &self.user_id), "iss": self.issuer });
        if let Some(before) = &self.actor {
            act["act"] = before.said(config, client);
        }
        act
    }

    /// What `act` in a token of this client says.
    pub fn read(config: &Config, client: &Client, act: &Value) -> Option<Self> {
        let text = |name: &str| act.get(name).and_then(Value::as_str);
        let user_id = subject::user_of(config, client, text("sub")?)?;
        let actor = match act.get("act") {
            Some(before) => Some(Box::new(Self::read(config, client, before)?)),
            None => None,
        };
        Some(Self { user_id, issuer: Issuer::new(text("iss")?), actor })
    }

    /// How many act one for the other.
    pub fn depth(&self) -> usize {
        1 + self.actor.as_ref().map_or(0, |before| before.depth())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_and_the_wire_have_names_of_their_own() {
        let actor = |name: &str, actor| Actor { user_id: UserId::new(name), issuer: Issuer::new("https://op.test"), actor };
        let nested = actor("new", Some(Box::new(actor("old", None))));
        let stored = json!({ "user_id": "new", "issuer": "https://op.test", "actor": { "user_id": "old", "issuer": "https://op.test" } });
        assert_eq!(serde_json::to_value(&nested).ok(), Some(stored.clone()));
        assert_eq!(serde_json::from_value(stored).ok(), Some(nested));
    }
}
