//! A client that has registered itself: what it is, until it is removed.

use serde_json::{Map, Value};

use crate::log::{Aggregate, Failure, Log, Payload as _, events};
use crate::names::{ClientId, Issuer};

/// What the log keeps of a client's secret.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptSecret {
    /// Its hash: it is only ever compared.
    Hash(String),
    /// The secret itself, for `client_secret_jwt`: it is the key of a MAC, and a hash of it verifies none.
    MacKey(String),
}

events! {
    /// A client has registered itself.
    "client.registered" ClientRegistered {
        /// Its name from now on.
        client_id: ClientId,
        /// Where it did so.
        issuer: Issuer,
        /// Everything that it is, what it did not say included (RFC 7591, section 3.2.1).
        metadata: Map<String, Value>,
        /// What it authenticates with, if it was given a secret.
        secret: Option<KeptSecret>,
        /// The hash of what lets it read, change and remove this.
        registration_token: String,
    }
    /// It is something else now.
    "client.changed" ClientChanged {
        /// Everything that it is.
        metadata: Map<String, Value>,
        /// What it authenticates with.
        secret: Option<KeptSecret>,
    }
    /// It is gone, and its name is never given again.
    "client.removed" ClientRemoved {}
}

/// A client as it stands.
#[derive(Clone, Debug)]
pub struct RegisteredClient {
    /// The version of the aggregate.
    pub version: u64,
    /// When it registered, in seconds.
    pub issued_at: i64,
    /// Who, where, and what it is now.
    pub registered: ClientRegistered,
}

/// The aggregate of a client.
pub fn aggregate(id: &ClientId) -> Aggregate {
    Aggregate::new("client", id.as_str())
}

impl RegisteredClient {
    /// The client of this name, if there is one still.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, id: &ClientId) -> Result<Option<Self>, Failure> {
        let mut client: Option<Self> = None;
        for event in log.load(&aggregate(id)).await? {
            match (event.kind.as_str(), &mut client) {
                (ClientRegistered::TYPE, client) => {
                    *client = Some(Self { version: 0, issued_at: event.at_ms.div_euclid(1000), registered: event.read()? });
                }
                (ClientChanged::TYPE, Some(client)) => {
                    let ClientChanged { metadata, secret } = event.read()?;
                    client.registered = ClientRegistered { metadata, secret, ..client.registered.clone() };
                }
                (ClientRemoved::TYPE, _) => return Ok(None),
                _ => {}
            }
            if let Some(client) = &mut client {
                client.version = event.version;
            }
        }
        Ok(client)
    }
}
