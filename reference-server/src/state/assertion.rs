//! The assertions by which clients have authenticated: each is good once.

use crate::log::{Aggregate, Failure, Log, Payload as _, events};
use crate::names::ClientId;
use crate::world::fresh::fingerprint;

events! {
    /// A client has authenticated by an assertion of this name, which is taken until then.
    "client_assertion.used" AssertionUsed {
        /// Who.
        client_id: ClientId,
        /// Until when, in seconds.
        exp: i64,
    }
}

/// The assertions of one name (`jti`) of one client.
#[derive(Clone, Copy, Debug, Default)]
pub struct UsedAssertion {
    /// The version of the aggregate.
    pub version: u64,
    /// Until when the name is taken, in seconds; 0 if it never was.
    pub until: i64,
}

/// The aggregate of a name. Other clients may use the same name: it is theirs there.
pub fn aggregate(client: &ClientId, jti: &str) -> Aggregate {
    Aggregate::new("client_assertion", fingerprint(&format!("{client}\n{jti}")))
}

impl UsedAssertion {
    /// What is known of a name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, client: &ClientId, jti: &str) -> Result<Self, Failure> {
        let mut used = Self::default();
        for event in log.load(&aggregate(client, jti)).await? {
            used.version = event.version;
            if event.kind == AssertionUsed::TYPE {
                used.until = used.until.max(event.read::<AssertionUsed>()?.exp);
            }
        }
        Ok(used)
    }
}
