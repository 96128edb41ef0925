//! OpenID Connect Discovery 1.0 and RFC 8414 in one document, and the keys (RFC 7517).

use hyper::StatusCode;
use hyper::header::CACHE_CONTROL;
use serde_json::{Value, json};

use crate::claims;
use crate::client_auth;
use crate::config::RegistrationMode;
use crate::exchange::Answer;
use crate::grants::{GRANTS, token_exchange};
use crate::log::Failure;
use crate::provider::Cx;
use crate::scope;
use crate::state::features::Flag;
use crate::texts;
use crate::tokens::ACR_PASSWORD;

/// Claims of an ID token that are not about a person.
const OF_TOKENS: [&str; 14] =
    ["iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid", "client_id", "act"];

/// The metadata of the issuer. It says what works and nothing else.
pub async fn metadata(cx: Cx<'_>) -> Answer {
    match describe(&cx).await {
        Ok(metadata) => Answer::json(StatusCode::OK, &metadata).with(CACHE_CONTROL, "public, max-age=300"),
        Err(_) => Answer::empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn describe(cx: &Cx<'_>) -> Result<Value, Failure> {
    let at = |path: &str| cx.origin.at(path);
    let algorithms: Vec<&str> = cx.provider.keys.algorithms(&cx.provider.log).await?.into_iter().map(|alg| alg.text()).collect();
    let pairwise = cx.provider.config.subjects.pairwise_salt.as_ref().map(|_| "pairwise");
    let subject_types: Vec<&str> = std::iter::once("public").chain(pairwise).collect();
    let exchanges = cx.provider.is_on(Flag::TokenExchange).await?;
    let grants: Vec<&str> =
        GRANTS.iter().map(|grant| grant.grant_type).filter(|name| exchanges || *name != token_exchange::GRANT_TYPE).collect();
    let mut metadata = json!({
        "issuer": cx.origin.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "device_authorization_endpoint": at("/device_authorization"),
        "userinfo_endpoint": at("/userinfo"),
        "jwks_uri": at("/keys"),
        "introspection_endpoint": at("/introspect"),
        "revocation_endpoint": at("/revoke"),
        "end_session_endpoint": at("/end_session"),
        "scopes_supported": scope::KNOWN,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": grants,
        "subject_types_supported": subject_types,
        "id_token_signing_alg_values_supported": algorithms,
        "userinfo_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": client_auth::methods(),
        "token_endpoint_auth_signing_alg_values_supported": client_auth::algorithms(),
        // Without a secret one may give back a token and not ask about any.
        "introspection_endpoint_auth_methods_supported": client_auth::confidential_methods(),
        "introspection_endpoint_auth_signing_alg_values_supported": client_auth::algorithms(),
        "revocation_endpoint_auth_methods_supported": client_auth::methods(),
        "revocation_endpoint_auth_signing_alg_values_supported": client_auth::algorithms(),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "acr_values_supported": [ACR_PASSWORD],
        "display_values_supported": ["page"],
        "ui_locales_supported": texts::tags(),
        "claim_types_supported": ["normal"],
        "claims_supported": OF_TOKENS.into_iter().chain(claims::STANDARD.iter().map(|(name, _)| *name)).collect::<Vec<_>>(),
        "claims_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    });
    if cx.provider.config.registration.mode != RegistrationMode::Off {
        metadata["registration_endpoint"] = json!(at("/register"));
    }
    if cx.provider.is_on(Flag::EnableBackChannelLogout).await? {
        metadata["backchannel_logout_supported"] = json!(true);
        metadata["backchannel_logout_session_supported"] = json!(true);
    }
    Ok(metadata)
}

/// The keys: those that sign, and those that did until lately.
pub async fn keys(cx: Cx<'_>) -> Answer {
    let retention = cx.provider.config.lifetimes.retired_key.ms();
    match cx.provider.keys.published(&cx.provider.log, cx.provider.world.now_ms(), retention).await {
        Ok(keys) => {
            let keys: Vec<&Value> = keys.iter().map(|key| &key.jwk).collect();
            Answer::json(StatusCode::OK, &json!({ "keys": keys })).with(CACHE_CONTROL, "public, max-age=300")
        }
        Err(_) => Answer::empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
