//! UserInfo: Core, section 5.3, with the errors of RFC 6750.

use hyper::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use hyper::{Method, StatusCode};
use serde_json::{Map, Value};

use crate::claims;
use crate::config::{Algorithm, Client};
use crate::exchange::Answer;
use crate::found;
use crate::jose;
use crate::names::AccessToken;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::state::code::Granted;
use crate::subject;

/// Answers with the claims that the token opens.
pub async fn answer(cx: Cx<'_>) -> Answer {
    let token = match presented(&cx) {
        Ok(Some(token)) => token,
        // RFC 6750, section 3.1: who shows nothing is told no error.
        Ok(None) => return challenge(&cx, StatusCode::UNAUTHORIZED, ""),
        Err(refusal) => return refuse(&cx, &refusal),
    };
    match opened(&cx, &token).await {
        Ok(answer) => answer.never_stored(),
        Err(refusal) => refuse(&cx, &refusal),
    }
}

async fn opened(cx: &Cx<'_>, token: &AccessToken) -> Result<Answer, Refusal> {
    let access = found::access(cx.provider, &cx.origin.issuer, token).await?;
    if !access.is_for(&cx.origin.issuer) {
        return Err(Refusal::TokenInvalid);
    }
    let granted = access.granted.filter(|_| access.scope.has("openid")).ok_or(Refusal::ScopeTooSmall)?;
    // A client that is gone has no good token any more.
    let client = cx.provider.known_client(granted.client_id.as_str()).await?.ok_or(Refusal::TokenInvalid)?;
    let claims = claims_of(cx, &client, &granted, &access.scope)?;
    match client.userinfo_alg {
        None => Ok(Answer::json(StatusCode::OK, &Value::Object(claims))),
        Some(alg) => signed(cx, &client, alg, claims).await,
    }
}

/// Core, section 5.3.2: `sub` always, and the claims that the token opens.
fn claims_of(cx: &Cx<'_>, client: &Client, granted: &Granted, scope: &Scope) -> Result<Map<String, Value>, Refusal> {
    let config = &cx.provider.config;
    // A user who is gone from the configuration has no good token any more.
    let user = config.user(&granted.user_id).ok_or(Refusal::TokenInvalid)?;
    let mut claims = Map::from_iter([("sub".to_owned(), Value::from(subject::of(config, client, &user.id)))]);
    claims.extend(claims::of(user, scope, &granted.claims.userinfo));
    Ok(claims)
}

/// Core, section 5.3.2: as a JWT, with `iss` and `aud`, for a client that has registered an algorithm for it.
async fn signed(cx: &Cx<'_>, client: &Client, alg: Algorithm, claims: Map<String, Value>) -> Result<Answer, Refusal> {
    let mut whole =
        Map::from_iter([("iss".to_owned(), Value::from(cx.origin.issuer.as_str())), ("aud".to_owned(), Value::from(client.id.as_str()))]);
    whole.extend(claims);
    let key = cx.provider.keys.current(&cx.provider.log, alg).await?;
    // No `typ`: Core gives it none, and that of an ID token would make a hint of it (RFC 8725, section 3.12).
    let token = jose::sign(&key, None, &whole)?;
    Ok(Answer { body: token.into(), ..Answer::empty(StatusCode::OK) }.with(CONTENT_TYPE, "application/jwt"))
}

/// The token, from the header or from a form (RFC 6750, sections 2.1 and 2.2), and never from the address.
fn presented(cx: &Cx<'_>) -> Result<Option<AccessToken>, Refusal> {
    if cx.request.headers.get_all(AUTHORIZATION).iter().count() > 1 {
        return Err(Refusal::TwoTokens);
    }
    let header = bearer(cx.request.header(AUTHORIZATION));
    let form = if cx.request.method == Method::POST && cx.request.is_form() {
        cx.request.form_params()?.get("access_token")?.map(AccessToken::new)
    } else {
        None
    };
    match (header, form) {
        (Some(_), Some(_)) => Err(Refusal::TwoTokens),
        (token, None) | (None, token) => Ok(token),
    }
}

/// The token of an `Authorization: Bearer` header; the scheme in any case.
pub fn bearer(header: Option<&str>) -> Option<AccessToken> {
    let (scheme, token) = header?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| AccessToken::new(token.trim()))
}

fn refuse(cx: &Cx<'_>, refusal: &Refusal) -> Answer {
    let code = refusal.code();
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    challenge(cx, status, &format!(", error=\"{}\", error_description=\"{}\"", code.text(), refusal.description()))
}

fn challenge(cx: &Cx<'_>, status: StatusCode, error: &str) -> Answer {
    let challenge = format!("Bearer realm=\"{}\"{error}", cx.origin.issuer);
    Answer::empty(status).never_stored().with_text(WWW_AUTHENTICATE, &challenge)
}
