//! What one code bought: the tokens of one client for one user. RFC 9700, section 4.14 calls them a family.

use crate::actor::Actor;
use crate::log::{Aggregate, Failure, Log, Payload as _, events};
use crate::names::OidcSessionId;
use crate::scope::{OFFLINE_ACCESS, Scope};
use crate::state::code::Granted;
use crate::state::stored::stored;

stored! {
    /// What an access token was issued for.
    #[derive(Default)]
    Reason {
        /// Nobody said.
        #[default]
        Unspecified = 0 "unspecified",
        /// A user who has signed in.
        AuthRequest = 1 "auth_request",
        /// A refresh token.
        Refresh = 2 "refresh",
        /// An assertion of a client (RFC 7523, section 2.1).
        JwtProfile = 3 "jwt_profile",
        /// A client, on its own behalf.
        ClientCredentials = 4 "client_credentials",
        /// Another token of the user (RFC 8693).
        Exchange = 5 "exchange",
        /// Another token, or the name, of a user for whom somebody else acts.
        Impersonation = 6 "impersonation",
    }
}

stored! {
    /// Why tokens are void.
    Because {
        /// Their code came a second time (RFC 6749, section 4.1.2).
        CodeReused = 1 "code_reused",
        /// A refresh token came a second time (RFC 9700, section 4.14.2).
        RefreshTokenReused = 2 "refresh_token_reused",
        /// Their client said so (RFC 7009).
        Revoked = 3 "revoked",
    }
}

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
        /// Where it is good.
        audience: Vec<String>,
        /// When it ends, in seconds.
        exp: i64,
        /// What it was issued for.
        #[serde(default)]
        reason: Reason,
        /// Who acts for the user, if somebody does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        actor: Option<Actor>,
    } numbers {
        reason: Reason,
    }
    /// This access token alone is void.
    "oidc_session.access_token.revoked" AccessTokenRevoked {
        /// Its hash, or its `jti`.
        token_id: String,
        /// Why.
        reason: Because,
    } numbers {
        reason: Because,
    }
    /// The first refresh token was issued.
    "oidc_session.refresh_token.added" RefreshTokenAdded {
        /// The hash of the token.
        token_id: String,
    }
    /// A refresh token was used, and this one is in its place.
    "oidc_session.refresh_token.renewed" RefreshTokenRenewed {
        /// The hash of the new token.
        token_id: String,
    }
    /// Everything that was issued is void.
    "oidc_session.revoked" OidcSessionRevoked {
        /// Why.
        reason: Because,
    } numbers {
        reason: Because,
    }
}

/// An access token as the log knows it.
#[derive(Clone, Debug)]
pub struct KnownToken {
    /// Its hash, or its `jti`.
    pub token_id: String,
    /// What it is good for.
    pub scope: Scope,
    /// Where it is good.
    pub audience: Vec<String>,
    /// When it was issued, in seconds.
    pub iat: i64,
    /// When it ends, in seconds.
    pub exp: i64,
    /// What it was issued for.
    pub reason: Reason,
    /// Who acts for the user, if somebody does.
    pub actor: Option<Actor>,
    /// Whether it alone is void.
    pub revoked: bool,
}

/// A refresh token as the log knows it.
#[derive(Clone, Debug)]
pub struct KnownRefreshToken {
    /// Its hash.
    pub token_id: String,
    /// When it was issued, in milliseconds.
    pub issued_ms: i64,
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
    /// Refresh tokens that were issued, one after the other: the last is the good one.
    pub refresh_tokens: Vec<KnownRefreshToken>,
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
                    let OidcSessionAdded { granted } = event.read()?;
                    let (access_tokens, refresh_tokens) = (Vec::new(), Vec::new());
                    *tokens = Some(Self { version: 0, granted, access_tokens, refresh_tokens, revoked: false });
                }
                (AccessTokenAdded::TYPE, Some(tokens)) => tokens.access_tokens.push(KnownToken::new(event.read()?, event.at_ms)),
                (AccessTokenRevoked::TYPE, Some(tokens)) => {
                    let AccessTokenRevoked { token_id, .. } = event.read()?;
                    tokens.access_tokens.iter_mut().filter(|known| known.token_id == token_id).for_each(|known| known.revoked = true);
                }
                (RefreshTokenAdded::TYPE, Some(tokens)) => {
                    let RefreshTokenAdded { token_id } = event.read()?;
                    tokens.refresh_tokens.push(KnownRefreshToken { token_id, issued_ms: event.at_ms });
                }
                (RefreshTokenRenewed::TYPE, Some(tokens)) => {
                    let RefreshTokenRenewed { token_id } = event.read()?;
                    tokens.refresh_tokens.push(KnownRefreshToken { token_id, issued_ms: event.at_ms });
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

    /// Whether they outlive the session in which they were granted (Core, section 11; Back-Channel Logout 1.0, section 2.7).
    pub fn is_offline(&self) -> bool {
        self.granted.scope.has(OFFLINE_ACCESS)
    }
}

impl KnownToken {
    /// What an event says.
    pub fn new(added: AccessTokenAdded, at_ms: i64) -> Self {
        let AccessTokenAdded { token_id, scope, audience, exp, reason, actor } = added;
        Self { token_id, scope, audience, iat: at_ms.div_euclid(1000), exp, reason, actor, revoked: false }
    }
}
