//! An access token that a client has on its own behalf (RFC 6749, section 4.4): no user, no session, no family.

use crate::log::{Aggregate, Failure, Log, Payload as _, events};
use crate::names::{ClientId, ClientTokenId, Issuer};
use crate::state::oidc_session::{AccessTokenAdded, Because, KnownToken, Reason};

events! {
    /// A client has got a token for itself.
    "client_token.added" ClientTokenAdded {
        /// The client.
        client_id: ClientId,
        /// The issuer that was asked.
        issuer: Issuer,
        /// The token.
        #[serde(flatten)]
        token: AccessTokenAdded,
    } numbers {
        reason: Reason,
    }
    /// The token is void.
    "client_token.revoked" ClientTokenRevoked {
        /// Why.
        reason: Because,
    } numbers {
        reason: Because,
    }
}

/// A token of a client for itself.
#[derive(Clone, Debug)]
pub struct ClientToken {
    /// The version of the aggregate.
    pub version: u64,
    /// The client.
    pub client_id: ClientId,
    /// The issuer that was asked.
    pub issuer: Issuer,
    /// The token.
    pub token: KnownToken,
}

/// The aggregate of such a token.
pub fn aggregate(id: &ClientTokenId) -> Aggregate {
    Aggregate::new("client_token", id.as_str())
}

impl ClientToken {
    /// The token of this name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, id: &ClientTokenId) -> Result<Option<Self>, Failure> {
        let mut found: Option<Self> = None;
        for event in log.load(&aggregate(id)).await? {
            match (event.kind.as_str(), &mut found) {
                (ClientTokenAdded::TYPE, found) => {
                    let ClientTokenAdded { client_id, issuer, token } = event.read()?;
                    *found = Some(Self { version: 0, client_id, issuer, token: KnownToken::new(token, event.at_ms) });
                }
                (ClientTokenRevoked::TYPE, Some(found)) => found.token.revoked = true,
                _ => {}
            }
            if let Some(found) = &mut found {
                found.version = event.version;
            }
        }
        Ok(found)
    }
}
