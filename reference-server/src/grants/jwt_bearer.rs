//! RFC 7523, section 2.1: a client says by an assertion of its own for which user it wants a token.

use serde_json::Value;

use crate::claims::ClaimsRequest;
use crate::client_jwt;
use crate::config::Client;
use crate::log::{Aggregate, Batch, NotWritten};
use crate::names::OidcSessionId;
use crate::params::Params;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::state::assertion::{self, AssertionUsed, UsedAssertion};
use crate::state::code::Granted;
use crate::state::oidc_session::{self, OidcSessionAdded, Reason};
use crate::tokens::{self, For};

/// Gives a client an access token for the user that its assertion is about: no refresh token, since it can show another assertion (RFC
/// 7521, section 4.1), and no ID token, since nobody has signed in.
///
/// # Errors
/// The assertion does not hold, was used before, or a scope is asked for that cannot be had so.
pub async fn answer(cx: &mut Cx<'_>, client: &Client, params: &Params) -> Result<Value, Refusal> {
    let token = params.need("assertion", |text| text)?;
    let said = client_jwt::verify(cx, client, &token).await.map_err(Refusal::GrantAssertion)?;
    let scope = Scope::of_user(params.get("scope")?.ok_or(Refusal::ScopeMissing)?)?;
    let (provider, world) = (cx.provider, &cx.provider.world);
    let granted = Granted {
        client_id: client.id.clone(),
        user_id: said.user_id.clone(),
        session_id: None,
        issuer: cx.origin.issuer.clone(),
        scope,
        claims: ClaimsRequest::default(),
        auth_time: None,
        amr: Vec::new(),
        audience: None,
        actor: None,
    };
    let of = Aggregate::new("client", client.id.as_str());
    loop {
        let head = provider.log.head();
        let user = provider.active_user(&said.user_id).await?.ok_or(Refusal::UserGone)?;
        let id = OidcSessionId::new(world.fresh.id(&of, head, "jwt bearer"));
        let tokens = oidc_session::aggregate(&id);
        let mut batch = user.unchanged(Batch::new().add(&tokens, 0, &OidcSessionAdded { granted: granted.clone() })?);
        if let Some(jti) = &said.jti {
            // With the token, so that an assertion that has bought nothing can come again.
            let used = UsedAssertion::load(&provider.log, &client.id, jti).await?;
            if used.until > world.now() {
                return Err(Refusal::GrantAssertion("was used before: jti"));
            }
            let event = AssertionUsed { client_id: client.id.clone(), exp: said.exp };
            batch = batch.add(&assertion::aggregate(&client.id, jti), used.version, &event)?;
        }
        let (scope, format) = (&granted.scope, client.access_token_format);
        let wanted = For { granted: &granted, scope, nonce: None, reason: Reason::JwtProfile, format };
        let minted = tokens::mint(provider, client, (&id, 0), &wanted).await?.without_id_token();
        batch = batch.add(&tokens, 0, &minted.added)?;
        match provider.log.append(batch, world.now_ms()).await {
            Ok(()) => return Ok(minted.answer(None)),
            // Whoever took the name has moved the head on.
            Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => {}
            Err(NotWritten::Failed(failure)) => return Err(failure.into()),
        }
    }
}
