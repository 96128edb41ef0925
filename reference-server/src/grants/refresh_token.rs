//! RFC 6749, section 6: a refresh token buys tokens again, and is replaced at every use (RFC 9700, section 4.14.2).

use serde_json::Value;

use crate::config::Client;
use crate::grants::token_exchange;
use crate::log::{Batch, NotWritten};
use crate::names::RefreshToken;
use crate::params::Params;
use crate::permission::{self, Permit};
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::state::oidc_session::{self, Because, OidcSession, Reason, RefreshTokenRenewed};
use crate::state::session::{self, Session};
use crate::state::user::Person;
use crate::tokens::{self, For};
use crate::{found, revoking};

/// Buys tokens with a refresh token.
///
/// # Errors
/// The token is not this client's, was used before, is revoked or has expired, or more is asked for than was granted.
pub async fn answer(cx: &Cx<'_>, client: &Client, params: &Params) -> Result<Value, Refusal> {
    let token = params.need("refresh_token", RefreshToken::new)?;
    let asked = params.get("scope")?;
    // Who comes second loads and decides again, and finds the token spent.
    loop {
        let (id, family, token_id) = found::family(cx.provider, &token).await?;
        let Checked { scope, session, user, permit } = match check(cx, client, &family, &token_id, asked).await {
            Ok(checked) => checked,
            Err(Refusal::RefreshTokenSpent) => {
                // Either a thief or the client is late; nobody can tell which, so both have to begin anew.
                revoking::family(cx.provider, &id, Because::RefreshTokenReused).await?;
                return Err(Refusal::RefreshTokenSpent);
            }
            Err(refusal) => return Err(refusal),
        };
        let wanted =
            For { granted: &family.granted, scope: &scope, nonce: None, reason: Reason::Refresh, format: client.access_token_format };
        let minted = tokens::mint(cx.provider, client, (&id, family.version), &wanted).await?;
        let (next, token_id) = tokens::refresh_token(cx.provider, &id, family.version);
        let tokens = oidc_session::aggregate(&id);
        let mut batch =
            Batch::new().add(&tokens, family.version, &minted.added)?.add(&tokens, family.version, &RefreshTokenRenewed { token_id })?;
        // Whoever locks the user meanwhile has come first.
        batch = user.unchanged(batch);
        if let Some(permit) = permit {
            batch = permit.unchanged(batch);
        }
        if let Some(session) = session {
            // Whoever ends the session meanwhile has come first.
            batch = batch.unchanged(&session::aggregate(&session.id), session.version);
        }
        match cx.provider.log.append(batch, cx.provider.world.now_ms()).await {
            Ok(()) => return Ok(minted.answer(Some(&next))),
            Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => {}
            Err(NotWritten::Failed(failure)) => return Err(failure.into()),
        }
    }
}

/// What may be had, and what it depends on.
struct Checked<'a> {
    scope: Scope,
    session: Option<Session>,
    user: Person<'a>,
    permit: Option<Permit<'a>>,
}

/// Whether the token is good. Whose the token is comes first: another client neither learns of it nor ends it.
async fn check<'a>(
    cx: &'a Cx<'_>,
    client: &Client,
    family: &OidcSession,
    token_id: &str,
    asked: Option<&str>,
) -> Result<Checked<'a>, Refusal> {
    let granted = &family.granted;
    if granted.client_id != client.id {
        return Err(Refusal::RefreshTokenOfAnotherClient);
    }
    if granted.issuer != cx.origin.issuer {
        return Err(Refusal::RefreshTokenUnknown);
    }
    let session = found::refreshes(cx.provider, family, token_id).await?;
    let user = cx.provider.active_user(&granted.user_id).await?.ok_or(Refusal::UserGone)?;
    let first = family.access_tokens.first().map(|token| token.reason);
    if matches!(first, Some(Reason::Exchange | Reason::Impersonation)) && !client.may_use(token_exchange::GRANT_TYPE) {
        return Err(Refusal::OriginNotAllowed);
    }
    let permit = match &granted.actor {
        // What was decided once is decided again each time: so an impersonation can be stopped.
        Some(actor) => Some(permission::impersonation(cx.provider, &actor.user_id, &granted.user_id).await.map_err(over)?),
        None => None,
    };
    Ok(Checked { scope: granted.scope.narrowed(asked)?, session, user, permit })
}

fn over(refusal: Refusal) -> Refusal {
    if matches!(refusal, Refusal::Internal(_)) { refusal } else { Refusal::ImpersonationOver }
}
