//! Tokens that come back: found in the log, and whether they are good still.
//!
//! A token begins with the name of the aggregate that it belongs to, and so does the `jti` of one that is a JWT. It is then known
//! there by its hash, or by its `jti`.

use serde_json::Value;

use crate::actor::Actor;
use crate::jose;
use crate::log::Failure;
use crate::names::{AccessToken, ClientId, ClientTokenId, Issuer, OidcSessionId, RefreshToken, UserId};
use crate::provider::Provider;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::sessions;
use crate::state::client_token::ClientToken;
use crate::state::code::Granted;
use crate::state::oidc_session::{KnownRefreshToken, KnownToken, OidcSession};
use crate::state::session::Session;
use crate::world::fresh::fingerprint;

/// The names that tokens begin with have this many characters.
const NAME_LENGTH: usize = 22;

/// A token that this provider has issued, good or not.
#[derive(Clone, Debug)]
pub enum Found {
    /// An access token that a user let a client have.
    Access(OidcSessionId, OidcSession, KnownToken),
    /// A refresh token.
    Refresh(OidcSessionId, OidcSession, KnownRefreshToken),
    /// An access token of a client for itself.
    OwnAccess(ClientTokenId, ClientToken),
}

impl Found {
    /// The client that it was issued to.
    pub fn client_id(&self) -> &ClientId {
        match self {
            Self::Access(_, tokens, _) | Self::Refresh(_, tokens, _) => &tokens.granted.client_id,
            Self::OwnAccess(_, found) => &found.client_id,
        }
    }

    /// The user whom it stands for; nobody where a client has it for itself.
    pub fn user_id(&self) -> Option<&UserId> {
        match self {
            Self::Access(_, tokens, _) | Self::Refresh(_, tokens, _) => Some(&tokens.granted.user_id),
            Self::OwnAccess(..) => None,
        }
    }

    /// Who acts for that user by it, if somebody does.
    fn actor(&self) -> Option<&Actor> {
        match self {
            Self::Access(_, _, known) => known.actor.as_ref(),
            Self::Refresh(_, tokens, _) => tokens.granted.actor.as_ref(),
            Self::OwnAccess(..) => None,
        }
    }

    /// The issuer that it is of.
    pub fn issuer(&self) -> &Issuer {
        match self {
            Self::Access(_, tokens, _) | Self::Refresh(_, tokens, _) => &tokens.granted.issuer,
            Self::OwnAccess(_, found) => &found.issuer,
        }
    }

    /// Whether it is good now.
    ///
    /// # Errors
    /// The store failed.
    pub async fn is_good(&self, provider: &Provider) -> Result<bool, Failure> {
        // What a client had goes with it.
        if provider.known_client(self.client_id().as_str()).await?.is_none() {
            return Ok(false);
        }
        // While a user may not sign in, nobody gets anything for them; nothing is revoked by that.
        for user_id in self.user_id().into_iter().chain(self.actor().map(|actor| &actor.user_id)) {
            if provider.active_user(user_id).await?.is_none() {
                return Ok(false);
            }
        }
        match self {
            Self::Access(_, tokens, known) => Ok(lives(provider, known) && stands(provider, tokens).await?),
            Self::Refresh(_, tokens, known) => match refreshes(provider, tokens, &known.token_id).await {
                Ok(_) => Ok(true),
                Err(Refusal::Internal(why)) => Err(Failure(why)),
                Err(_) => Ok(false),
            },
            Self::OwnAccess(_, found) => Ok(lives(provider, &found.token)),
        }
    }
}

/// The token of this text, of whichever kind it is.
///
/// # Errors
/// The store failed.
pub async fn any(provider: &Provider, text: &str) -> Result<Option<Found>, Failure> {
    let (name, token_id) = if text.contains('.') {
        let keys = provider.keys.ever_published(&provider.log).await?;
        let Some(claims) = jose::verify(text, "at+jwt", keys.iter().map(AsRef::as_ref)) else { return Ok(None) };
        let Some(jti) = claims.get("jti").and_then(Value::as_str) else { return Ok(None) };
        (jti.get(..NAME_LENGTH).map(str::to_owned), jti.to_owned())
    } else {
        (text.get(..NAME_LENGTH).map(str::to_owned), fingerprint(text))
    };
    let Some(name) = name else { return Ok(None) };
    let id = OidcSessionId::new(name.as_str());
    if let Some(tokens) = OidcSession::load(&provider.log, &id).await? {
        if let Some(known) = tokens.access_tokens.iter().find(|known| known.token_id == token_id).cloned() {
            return Ok(Some(Found::Access(id, tokens, known)));
        }
        let known = tokens.refresh_tokens.iter().find(|known| known.token_id == token_id).cloned();
        return Ok(known.map(|known| Found::Refresh(id, tokens, known)));
    }
    let id = ClientTokenId::new(name);
    let found = ClientToken::load(&provider.log, &id).await?.filter(|found| found.token.token_id == token_id);
    Ok(found.map(|found| Found::OwnAccess(id, found)))
}

/// What a good access token stands for.
pub struct Access {
    /// What a user granted; nothing where the client has it for itself.
    pub granted: Option<Granted>,
    /// What this token is good for.
    pub scope: Scope,
    /// Where it is good.
    pub audience: Vec<String>,
}

impl Access {
    /// Whether it is good at the provider itself, and not only elsewhere (RFC 9068, section 4).
    pub fn is_for(&self, issuer: &Issuer) -> bool {
        self.audience.iter().any(|name| name == issuer.as_str())
    }
}

/// What an access token opens at this issuer.
///
/// # Errors
/// It is unknown here, expired or revoked, or it was bound to a session that was ended.
pub async fn access(provider: &Provider, issuer: &Issuer, token: &AccessToken) -> Result<Access, Refusal> {
    let found = any(provider, token.reveal()).await?.filter(|found| found.issuer() == issuer).ok_or(Refusal::TokenInvalid)?;
    if !found.is_good(provider).await? {
        return Err(Refusal::TokenInvalid);
    }
    let (granted, KnownToken { scope, audience, .. }) = match found {
        Found::Access(_, tokens, known) => (Some(tokens.granted), known),
        Found::OwnAccess(_, found) => (None, found.token),
        Found::Refresh(..) => return Err(Refusal::TokenInvalid),
    };
    Ok(Access { granted, scope, audience })
}

/// The family of a refresh token, and what it is known by there.
///
/// # Errors
/// Nobody has issued it.
pub async fn family(provider: &Provider, token: &RefreshToken) -> Result<(OidcSessionId, OidcSession, String), Refusal> {
    match any(provider, token.reveal()).await? {
        Some(Found::Refresh(id, tokens, known)) => Ok((id, tokens, known.token_id)),
        Some(Found::Access(..) | Found::OwnAccess(..)) | None => Err(Refusal::RefreshTokenUnknown),
    }
}

/// Whether a refresh token of this family is good now; and the session that it is bound to, if it is bound to one.
///
/// # Errors
/// Why it is not.
pub async fn refreshes(provider: &Provider, tokens: &OidcSession, token_id: &str) -> Result<Option<Session>, Refusal> {
    let (Some(first), Some(last)) = (tokens.refresh_tokens.first(), tokens.refresh_tokens.last()) else {
        return Err(Refusal::RefreshTokenUnknown);
    };
    // First, so that those who lose a race are all told the same, whoever of them was first to end the family.
    if last.token_id != token_id {
        return Err(Refusal::RefreshTokenSpent);
    }
    if tokens.revoked {
        return Err(Refusal::RefreshTokenRevoked);
    }
    let now_ms = provider.world.now_ms();
    if now_ms >= ends_ms(provider, first, last) {
        return Err(Refusal::RefreshTokenExpired);
    }
    if tokens.is_offline() {
        return Ok(None);
    }
    let Some(session_id) = &tokens.granted.session_id else { return Ok(None) };
    let session = Session::load(&provider.log, session_id).await?.ok_or(Refusal::SessionEnded)?;
    if sessions::is_alive(provider, &session, now_ms).await? { Ok(Some(session)) } else { Err(Refusal::SessionEnded) }
}

/// When the last refresh token of a family ends, used or not.
pub fn refresh_ends_ms(provider: &Provider, tokens: &OidcSession) -> i64 {
    let ends = tokens.refresh_tokens.first().zip(tokens.refresh_tokens.last());
    ends.map_or(0, |(first, last)| ends_ms(provider, first, last))
}

fn ends_ms(provider: &Provider, first: &KnownRefreshToken, last: &KnownRefreshToken) -> i64 {
    let lifetimes = &provider.config.lifetimes;
    (last.issued_ms + lifetimes.refresh_token_idle.ms()).min(first.issued_ms + lifetimes.refresh_token_absolute.ms())
}

fn lives(provider: &Provider, known: &KnownToken) -> bool {
    !known.revoked && provider.world.now() < known.exp
}

/// Whether what was granted stands. Access tokens of a session that was ended are void; those of one that merely expired run out by
/// themselves.
async fn stands(provider: &Provider, tokens: &OidcSession) -> Result<bool, Failure> {
    if tokens.revoked || tokens.is_offline() {
        return Ok(!tokens.revoked);
    }
    let Some(session_id) = &tokens.granted.session_id else { return Ok(true) };
    Ok(Session::load(&provider.log, session_id).await?.is_some_and(|session| !session.terminated))
}
