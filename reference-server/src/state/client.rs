//! What the log says of a client: that it has registered itself or that the operator has added it, what it is since then, that it is gone.
//! Of one that is configured it says what has changed.

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
    /// The operator has added a client.
    "client.added" ClientAdded {
        /// Its name from now on.
        client_id: ClientId,
        /// Everything that it is.
        metadata: Map<String, Value>,
        /// What it authenticates with, if it was given a secret.
        secret: Option<KeptSecret>,
    }
    /// It is something else now.
    "client.changed" ClientChanged {
        /// Everything that it is.
        metadata: Map<String, Value>,
        /// What it authenticates with; a configured client without it has the secret of the configuration.
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
        let ClientLog { version, begun, metadata, secret, removed } = ClientLog::load(log, id).await?;
        Ok(match (begun, metadata) {
            (Begun::Registered { issued_at, registered }, Some(metadata)) if !removed => {
                Some(Self { version, issued_at, registered: ClientRegistered { metadata, secret, ..registered } })
            }
            _ => None,
        })
    }
}

/// How the log comes to know a client.
#[derive(Clone, Debug, Default)]
pub enum Begun {
    /// Not at all: it is configured, or there is none.
    #[default]
    Elsewhere,
    /// The operator has added it.
    Added,
    /// It has registered itself.
    Registered {
        /// When, in seconds.
        issued_at: i64,
        /// As what.
        registered: ClientRegistered,
    },
}

/// All that the log says of a client.
#[derive(Clone, Debug, Default)]
pub struct ClientLog {
    /// The version of the aggregate.
    pub version: u64,
    /// How it began.
    pub begun: Begun,
    /// What it is now, if anything was said of that.
    pub metadata: Option<Map<String, Value>>,
    /// What it authenticates with, if anything was said of that.
    pub secret: Option<KeptSecret>,
    /// Whether it is gone.
    pub removed: bool,
}

impl ClientLog {
    /// What is said of the client of this name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, id: &ClientId) -> Result<Self, Failure> {
        let mut client = Self::default();
        for event in log.load(&aggregate(id)).await? {
            client.version = event.version;
            match event.kind.as_str() {
                ClientRegistered::TYPE => {
                    let registered: ClientRegistered = event.read()?;
                    (client.metadata, client.secret) = (Some(registered.metadata.clone()), registered.secret.clone());
                    client.begun = Begun::Registered { issued_at: event.at_ms.div_euclid(1000), registered };
                }
                ClientAdded::TYPE => {
                    let ClientAdded { metadata, secret, .. } = event.read()?;
                    (client.begun, client.metadata, client.secret) = (Begun::Added, Some(metadata), secret);
                }
                ClientChanged::TYPE => {
                    let ClientChanged { metadata, secret } = event.read()?;
                    (client.metadata, client.secret) = (Some(metadata), secret);
                }
                ClientRemoved::TYPE => client.removed = true,
                _ => {}
            }
        }
        Ok(client)
    }
}
