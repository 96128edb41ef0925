//! Introspection: RFC 7662. Who may ask is told what a token is; everybody else that it is not active, and no more.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::token::{form, refuse};
use crate::client_auth;
use crate::config::{AuthMethod, Client};
use crate::exchange::Answer;
use crate::found::{self, Found};
use crate::log::Failure;
use crate::provider::{Cx, Provider};
use crate::refusal::Refusal;
use crate::state::code::Granted;
use crate::state::oidc_session::KnownToken;
use crate::subject;

/// Answers what is known of a token.
pub async fn answer(mut cx: Cx<'_>) -> Answer {
    match ask(&mut cx).await {
        Ok(known) => Answer::json(StatusCode::OK, &known).never_stored(),
        Err(refusal) => refuse(&cx, &refusal).await,
    }
}

async fn ask(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let params = form(cx)?;
    let caller = client_auth::authenticate(cx, &params).await?;
    if caller.auth_method == AuthMethod::None {
        return Err(Refusal::AskerIsPublic);
    }
    // A hint would only say where to look first (section 2.1), and a token here says itself where it belongs.
    let text = params.need("token", |text| text)?;
    let known = match found::any(cx.provider, &text).await? {
        Some(found) if found.issuer() == &cx.origin.issuer && may_ask(&caller, &found) => {
            known(cx.provider, &found, text.contains('.')).await?
        }
        Some(_) | None => None,
    };
    Ok(Value::Object(known.unwrap_or_else(|| Map::from_iter([("active".to_owned(), json!(false))]))))
}

/// Its own client may ask about a token, and about an access token those in its `aud` that are registered for it (section 4).
fn may_ask(caller: &Client, found: &Found) -> bool {
    let audience = match found {
        Found::Access(_, _, token) => &token.audience,
        Found::OwnAccess(_, own) => &own.token.audience,
        Found::Refresh(..) => return *found.client_id() == caller.id,
    };
    *found.client_id() == caller.id || (caller.may_introspect && audience.iter().any(|name| name == caller.id.as_str()))
}

/// Section 2.2, if the token is good.
async fn known(provider: &Provider, found: &Found, jwt: bool) -> Result<Option<Map<String, Value>>, Failure> {
    if !found.is_good(provider).await? {
        return Ok(None);
    }
    let Some(client) = provider.known_client(found.client_id().as_str()).await? else { return Ok(None) };
    let mut said = Map::new();
    let mut say = |name: &str, value: Value| said.insert(name.to_owned(), value);
    say("active", json!(true));
    say("iss", json!(found.issuer()));
    say("client_id", json!(found.client_id()));
    match found {
        Found::Access(_, tokens, token) => {
            if !of_user(provider, &client, &tokens.granted, &mut say) {
                return Ok(None);
            }
            of_access_token(token, jwt, &mut say);
            if let Some(actor) = &token.actor {
                say("act", actor.said(&provider.config, &client));
            }
        }
        Found::OwnAccess(_, own) => {
            say("sub", json!(own.client_id));
            of_access_token(&own.token, jwt, &mut say);
        }
        Found::Refresh(_, tokens, token) => {
            if !of_user(provider, &client, &tokens.granted, &mut say) {
                return Ok(None);
            }
            if let Some(scope) = tokens.granted.scope.said() {
                say("scope", json!(scope));
            }
            if let Some(actor) = &tokens.granted.actor {
                say("act", actor.said(&provider.config, &client));
            }
            say("iat", json!(token.issued_ms.div_euclid(1000)));
            say("exp", json!(found::refresh_ends_ms(provider, tokens).div_euclid(1000)));
        }
    }
    Ok(Some(said))
}

/// What is said of the user, as the token's client knows them; nothing if the user is gone.
fn of_user(provider: &Provider, client: &Client, granted: &Granted, say: &mut impl FnMut(&str, Value) -> Option<Value>) -> bool {
    let Some(user) = provider.config.user(&granted.user_id) else { return false };
    say("sub", json!(subject::of(&provider.config, client, &user.id)));
    if client.pairwise_sector.is_none() {
        // The name is the same for all; whoever gets a subject of their own does not get it.
        say("username", json!(user.login));
    }
    true
}

fn of_access_token(token: &KnownToken, jwt: bool, say: &mut impl FnMut(&str, Value) -> Option<Value>) {
    if let Some(scope) = token.scope.said() {
        say("scope", json!(scope));
    }
    say("token_type", json!("Bearer"));
    say("aud", json!(token.audience));
    say("iat", json!(token.iat));
    say("exp", json!(token.exp));
    if jwt {
        say("jti", json!(token.token_id));
    }
}
