//! Taking back what was issued, one token or a whole family.

use crate::found::Found;
use crate::log::{Batch, Failure, NotWritten};
use crate::names::OidcSessionId;
use crate::provider::Provider;
use crate::state::client_token::{self, ClientTokenRevoked};
use crate::state::oidc_session::{self, AccessTokenRevoked, Because, OidcSession, OidcSessionRevoked};

/// Makes everything void that a code bought, and that refresh tokens bought after it.
///
/// # Errors
/// The store failed.
pub async fn family(provider: &Provider, id: &OidcSessionId, reason: Because) -> Result<(), Failure> {
    loop {
        let Some(tokens) = OidcSession::load(&provider.log, id).await?.filter(|tokens| !tokens.revoked) else { return Ok(()) };
        let batch = Batch::new().add(&oidc_session::aggregate(id), tokens.version, &OidcSessionRevoked { reason })?;
        if written(provider, batch).await? {
            return Ok(());
        }
    }
}

/// Makes a token void as its client wishes: an access token alone, a refresh token with its family.
///
/// # Errors
/// The store failed.
pub async fn token(provider: &Provider, text: &str) -> Result<(), Failure> {
    let reason = Because::Revoked;
    loop {
        // Found again in every round: somebody else may have refreshed or revoked meanwhile.
        let Some(found) = crate::found::any(provider, text).await? else { return Ok(()) };
        let batch = match &found {
            Found::Refresh(id, ..) => return family(provider, id, reason).await,
            Found::Access(_, tokens, known) if tokens.revoked || known.revoked => return Ok(()),
            Found::OwnAccess(_, own) if own.token.revoked => return Ok(()),
            Found::Access(id, tokens, known) => {
                let revoked = AccessTokenRevoked { token_id: known.token_id.clone(), reason };
                Batch::new().add(&oidc_session::aggregate(id), tokens.version, &revoked)?
            }
            Found::OwnAccess(id, own) => Batch::new().add(&client_token::aggregate(id), own.version, &ClientTokenRevoked { reason })?,
        };
        if written(provider, batch).await? {
            return Ok(());
        }
    }
}

async fn written(provider: &Provider, batch: Batch) -> Result<bool, Failure> {
    match provider.log.append(batch, provider.world.now_ms()).await {
        Ok(()) => Ok(true),
        Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => Ok(false),
        Err(NotWritten::Failed(failure)) => Err(failure),
    }
}
