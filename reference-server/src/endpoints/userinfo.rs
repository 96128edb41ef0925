//! UserInfo: Core, section 5.3, with the errors of RFC 6750.

use hyper::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::config::User;
use crate::exchange::Answer;
use crate::names::AccessToken;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::tokens;

/// Answers with the claims that the token opens.
pub async fn answer(cx: Cx<'_>) -> Answer {
    let token = match presented(&cx) {
        Ok(Some(token)) => token,
        // RFC 6750, section 3.1: who shows nothing is told no error.
        Ok(None) => return challenge(&cx, StatusCode::UNAUTHORIZED, ""),
        Err(refusal) => return refuse(&cx, &refusal),
    };
    match claims(&cx, &token).await {
        Ok(claims) => Answer::json(StatusCode::OK, &claims).never_stored(),
        Err(refusal) => refuse(&cx, &refusal),
    }
}

async fn claims(cx: &Cx<'_>, token: &AccessToken) -> Result<Value, Refusal> {
    let access = tokens::find(cx.provider, &cx.origin.issuer, token).await?;
    if !access.scope.has("openid") {
        return Err(Refusal::ScopeTooSmall);
    }
    // A user who is gone from the configuration has no good token any more.
    let user = cx.provider.config.user(&access.granted.user_id).ok_or(Refusal::TokenInvalid)?;
    Ok(Value::Object(claims_of(user, &access.scope)))
}

/// Core, section 5.4. Claims without a value are left out (section 5.3.2).
fn claims_of(user: &User, scope: &Scope) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), json!(user.id));
    let mut add = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            claims.insert(name.to_owned(), json!(value));
        }
    };
    if scope.has("profile") {
        add("name", user.name.as_deref());
        add("given_name", user.given_name.as_deref());
        add("family_name", user.family_name.as_deref());
        add("preferred_username", Some(&user.login));
    }
    if scope.has("email") && user.email.is_some() {
        add("email", user.email.as_deref());
        claims.insert("email_verified".to_owned(), json!(user.email_verified));
    }
    claims
}

/// The token, from the header or from a form (RFC 6750, sections 2.1 and 2.2), and never from the address.
fn presented(cx: &Cx<'_>) -> Result<Option<AccessToken>, Refusal> {
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
