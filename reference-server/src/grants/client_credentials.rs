//! RFC 6749, section 4.4: a client on its own behalf.

use serde_json::Value;

use crate::config::{AuthMethod, Client};
use crate::log::{Aggregate, Batch, NotWritten};
use crate::names::ClientTokenId;
use crate::params::Params;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::state::client_token::{self, ClientTokenAdded};
use crate::tokens;

/// Gives a client a token for itself: no refresh token (section 4.4.3), and no ID token, since nobody has signed in.
///
/// # Errors
/// The client does not authenticate, or is not registered for what it asks.
pub async fn answer(cx: &Cx<'_>, client: &Client, params: &Params) -> Result<Value, Refusal> {
    if client.auth_method == AuthMethod::None {
        return Err(Refusal::ClientIsPublic);
    }
    let scope = Scope::of_client(&client.scope, params.get("scope")?)?;
    let world = &cx.provider.world;
    let issuer = &cx.origin.issuer;
    // Nothing of the past is decided upon, so the name is made from where the log is; who finds it taken makes another one.
    let head = cx.provider.log.head();
    let of = Aggregate::new("client", client.id.as_str());
    let mut attempt = 0_u64;
    loop {
        let id = ClientTokenId::new(world.fresh.id(&of, head, &format!("client token {attempt}")));
        let token = tokens::ForClient::new(cx.provider, client, &id, issuer, &scope).await?;
        let added = ClientTokenAdded { client_id: client.id.clone(), issuer: issuer.clone(), token: token.added.clone() };
        let batch = Batch::new().add(&client_token::aggregate(&id), 0, &added)?;
        match cx.provider.log.append(batch, world.now_ms()).await {
            Ok(()) => return Ok(token.sign()?.answer(None)),
            Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => attempt += 1,
            Err(NotWritten::Failed(failure)) => return Err(failure.into()),
        }
    }
}
