//! What a user has let a client have, for the next time.

use std::collections::BTreeSet;

use crate::log::{Aggregate, Failure, Log, Payload as _, events};
use crate::names::{ClientId, UserId};
use crate::scope::Scope;
use crate::world::fresh::fingerprint;

events! {
    /// The user agreed.
    "consent.granted" ConsentGranted {
        /// Who.
        user_id: UserId,
        /// To what this client wants.
        client_id: ClientId,
        /// Namely this.
        scope: Scope,
    }
}

/// What a user has agreed to for a client.
#[derive(Clone, Debug, Default)]
pub struct Consented {
    /// The version of the aggregate.
    pub version: u64,
    scopes: BTreeSet<String>,
}

/// The aggregate of a user's consent to a client. Neither name can have the byte that stands between them.
pub fn aggregate(user: &UserId, client: &ClientId) -> Aggregate {
    Aggregate::new("consent", fingerprint(&format!("{user}\n{client}")))
}

impl Consented {
    /// What this user has agreed to for this client.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, user: &UserId, client: &ClientId) -> Result<Self, Failure> {
        let mut consented = Self::default();
        for event in log.load(&aggregate(user, client)).await? {
            consented.version = event.version;
            if event.kind == ConsentGranted::TYPE {
                consented.scopes.extend(event.read::<ConsentGranted>()?.scope.words().map(str::to_owned));
            }
        }
        Ok(consented)
    }

    /// Whether that covers this.
    pub fn covers(&self, scope: &Scope) -> bool {
        scope.words().all(|word| self.scopes.contains(word))
    }
}
