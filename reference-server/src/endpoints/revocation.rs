//! Revocation: RFC 7009. A client gives back what is its own.

use hyper::StatusCode;

use super::token::{form, refuse};
use crate::exchange::Answer;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::{client_auth, found, revoking};

/// Makes a token void.
pub async fn answer(mut cx: Cx<'_>) -> Answer {
    match revoke(&mut cx).await {
        // Section 2.2: the status says it all.
        Ok(()) => Answer::empty(StatusCode::OK).never_stored(),
        Err(refusal) => refuse(&cx, &refusal).await,
    }
}

async fn revoke(cx: &mut Cx<'_>) -> Result<(), Refusal> {
    let params = form(cx)?;
    let client = client_auth::authenticate(cx, &params).await?;
    // A hint would only say where to look first (section 2.1), and a token here says itself where it belongs.
    let text = params.need("token", |text| text)?;
    match found::any(cx.provider, &text).await? {
        Some(found) if *found.client_id() != client.id => Err(Refusal::TokenOfAnotherClient),
        Some(found) if *found.issuer() == cx.origin.issuer => Ok(revoking::token(cx.provider, &text).await?),
        // Section 2.2: what nobody issued here is as void as the client wants it.
        Some(_) | None => Ok(()),
    }
}
