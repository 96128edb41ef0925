//! The token endpoint: RFC 6749, section 3.2.

use hyper::StatusCode;
use hyper::header::WWW_AUTHENTICATE;
use serde_json::{Value, json};

use crate::client_auth;
use crate::exchange::Answer;
use crate::grants::GRANTS;
use crate::params::Params;
use crate::provider::Cx;
use crate::refusal::{ErrorCode, Refusal};
use crate::state::features::Flag;

/// Answers a token request.
pub async fn answer(mut cx: Cx<'_>) -> Answer {
    match redeem(&mut cx).await {
        Ok(tokens) => Answer::json(StatusCode::OK, &tokens).never_stored(),
        Err(refusal) => refuse(&cx, &refusal).await,
    }
}

async fn redeem(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let params = form(cx)?;
    let grant_type = params.need("grant_type", |text| text)?;
    let grant = GRANTS.iter().find(|grant| grant.grant_type == grant_type).ok_or(Refusal::GrantUnknown)?;
    let client = client_auth::authenticate(cx, &params).await?;
    if !client.may_use(grant.grant_type) {
        return Err(Refusal::GrantNotAllowed);
    }
    (grant.answer)(cx, &client, &params).await
}

/// The form of a request that a client sends by itself: nothing in the address, and nothing twice.
///
/// # Errors
/// It is not like that.
pub fn form(cx: &Cx<'_>) -> Result<Params, Refusal> {
    if !cx.request.query.is_empty() {
        return Err(Refusal::ParametersInAddress);
    }
    let params = cx.request.form_params()?;
    params.none_repeated()?;
    Ok(params)
}

/// RFC 6749, section 5.2; RFC 7009, section 2.2.1 and RFC 7662, section 2.3 have the same form.
pub async fn refuse(cx: &Cx<'_>, refusal: &Refusal) -> Answer {
    let code = refusal.code();
    let mut body = json!({ "error": code.text(), "error_description": refusal.description() });
    // Where the store cannot even say this, the refusal says as little as it may.
    if cx.provider.is_on(Flag::DebugOidcParentError).await.unwrap_or(false) {
        body["parent"] = json!(format!("{refusal:?}"));
    }
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let answer = Answer::json(status, &body).never_stored();
    match code {
        ErrorCode::InvalidClient => answer.with_text(WWW_AUTHENTICATE, &format!("Basic realm=\"{}\", charset=\"UTF-8\"", cx.origin.issuer)),
        _ => answer,
    }
}
