//! What one code bought: the tokens of one client for one user.

use crate::log::{Aggregate, Failure, Log, Payload as _, events};
use crate::names::OidcSessionId;
use crate::scope::Scope;
use crate::state::code::Granted;

events! {
    /// A client has got tokens for a user.
    "oidc_session.added" OidcSessionAdded {
        /// What they stand for.
        #[serde(flatten)]
        granted: Granted,
    }
    /// An access token was issued.
    "oidc_session.access_token.added" AccessTokenAdded {
        /// The hash of the token if it is opaque, its `jti` if it is a JWT.
        token_id: String,
        /// What it is good for.
        scope: Scope,
        /// When it ends, in seconds.
        exp: i64,
        /// What it was issued for: `auth_request`.
        reason: String,
    }
    /// Everything that was issued is void.
    "oidc_session.revoked" OidcSessionRevoked {
        /// Why: `code_reused`.
        reason: String,
    }
}

/// An access token as the log knows it.
#[derive(Clone, Debug)]
pub struct KnownToken {
    /// Its hash, or its `jti`.
    pub token_id: String,
    /// What it is good for.
    pub scope: Scope,
    /// When it ends, in seconds.
    pub exp: i64,
}

/// The tokens of one client for one user.
#[derive(Clone, Debug)]
pub struct OidcSession {
    /// The version of the aggregate.
    pub version: u64,
    /// What they stand for.
    pub granted: Granted,
    /// Access tokens that were issued.
    pub access_tokens: Vec<KnownToken>,
    /// Whether all is void.
    pub revoked: bool,
}

/// The aggregate of these tokens.
pub fn aggregate(id: &OidcSessionId) -> Aggregate {
    Aggregate::new("oidc_session", id.as_str())
}

impl OidcSession {
    /// The tokens of this name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, id: &OidcSessionId) -> Result<Option<Self>, Failure> {
        let mut tokens: Option<Self> = None;
        for event in log.load(&aggregate(id)).await? {
            match (event.kind.as_str(), &mut tokens) {
                (OidcSessionAdded::TYPE, tokens) => {
                    let added: OidcSessionAdded = event.read()?;
                    *tokens = Some(Self { version: 0, granted: added.granted, access_tokens: Vec::new(), revoked: false });
                }
                (AccessTokenAdded::TYPE, Some(tokens)) => {
                    let AccessTokenAdded { token_id, scope, exp, .. } = event.read()?;
                    tokens.access_tokens.push(KnownToken { token_id, scope, exp });
                }
                (OidcSessionRevoked::TYPE, Some(tokens)) => tokens.revoked = true,
                _ => {}
            }
            if let Some(tokens) = &mut tokens {
                tokens.version = event.version;
            }
        }
        Ok(tokens)
    }
}
