//! The first tokens of a user for a client, whichever way the user was asked.

use serde_json::Value;

use crate::config::Client;
use crate::log::{Batch, Failure};
use crate::names::OidcSessionId;
use crate::provider::{Cx, Provider};
use crate::refusal::Refusal;
use crate::state::code::Granted;
use crate::state::features::Flag;
use crate::state::oidc_session::{self, OidcSessionAdded, Reason, RefreshTokenAdded};
use crate::state::session::{self, Session};
use crate::state::session_logout::{self, Registered, SessionLogout};
use crate::tokens::{self, For};

/// What a user let a client have.
pub struct Wanted<'a> {
    /// What was granted.
    pub granted: &'a Granted,
    /// For the ID token.
    pub nonce: Option<&'a str>,
    /// Whether a refresh token comes with it.
    pub refreshes: bool,
}

/// The answer of RFC 6749, section 5.1, and the batch with everything that has to be written before it is given.
///
/// # Errors
/// The session in which it was granted has ended, its user may not sign in now, or the tokens cannot be made.
pub async fn issue(cx: &Cx<'_>, client: &Client, id: &OidcSessionId, wanted: &Wanted<'_>, batch: Batch) -> Result<(Batch, Value), Refusal> {
    let Wanted { granted, nonce, refreshes } = *wanted;
    let session_id = granted.session_id.as_ref().ok_or(Refusal::SessionEnded)?;
    let session = Session::load(&cx.provider.log, session_id).await?.ok_or(Refusal::SessionEnded)?;
    if session.terminated {
        return Err(Refusal::SessionEnded);
    }
    let user = cx.provider.active_user(&granted.user_id).await?.ok_or(Refusal::UserGone)?;
    let minted = For { granted, scope: &granted.scope, nonce, reason: Reason::AuthRequest, format: client.access_token_format };
    let minted = tokens::mint(cx.provider, client, (id, 0), &minted).await?;
    let refresh = refreshes.then(|| tokens::refresh_token(cx.provider, id, 0));
    let tokens = oidc_session::aggregate(id);
    let mut batch = user
        .unchanged(batch)
        .add(&tokens, 0, &OidcSessionAdded { granted: granted.clone() })?
        .add(&tokens, 0, &minted.added)?
        .unchanged(&session::aggregate(&session.id), session.version);
    if let Some((_, token_id)) = &refresh {
        batch = batch.add(&tokens, 0, &RefreshTokenAdded { token_id: token_id.clone() })?;
    }
    if let Some(registered) = registration(cx.provider, client, granted, id).await? {
        let logout = SessionLogout::load(&cx.provider.log, &session.id).await?;
        batch = batch.add(&session_logout::aggregate(&session.id), logout.version, &registered)?;
    }
    Ok((batch, minted.answer(refresh.as_ref().map(|(token, _)| token))))
}

/// A client that has got an ID token wants to be told when the session ends: at the address that it has now.
async fn registration(provider: &Provider, client: &Client, granted: &Granted, id: &OidcSessionId) -> Result<Option<Registered>, Failure> {
    let wanted = granted.scope.has("openid") && provider.is_on(Flag::EnableBackChannelLogout).await?;
    let address = client.backchannel_logout_uri.clone().filter(|_| wanted);
    Ok(address.map(|back_channel_logout_uri| Registered {
        oidc_session_id: id.clone(),
        user_id: granted.user_id.clone(),
        client_id: client.id.clone(),
        back_channel_logout_uri,
        issuer: granted.issuer.clone(),
    }))
}
