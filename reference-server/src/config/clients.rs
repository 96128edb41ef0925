//! `[clients.NAME]`: who may ask, as it is written under the names of OpenID Connect registration and a few of ours, and whether it fits
//! together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::client::{AccessTokenFormat, ApplicationType, AuthMethod, Client, Consent, KeySource, Secret, SubjectType};
use super::keys::{Algorithm, AssertionAlgorithm};
use super::place::{ConfigError, Source, nearest};
use super::uris::{check_https, check_logout_uri, check_redirect_uri, sector};
use crate::client_keys::ClientKeys;
use crate::names::{ClientId, RedirectUri};
use crate::world::outgoing::Whose;

/// A client as it is written, in the configuration or in a registration.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenClient {
    #[serde(skip_serializing)]
    pub client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    #[serde(skip_serializing)]
    pub client_secret: Option<Secret>,
    #[serde(default)]
    pub token_endpoint_auth_method: AuthMethod,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<AssertionAlgorithm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    #[serde(default = "code_grant")]
    pub grant_types: Vec<String>,
    #[serde(default)]
    pub scope: String,
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    #[serde(default)]
    pub id_token_signed_response_alg: Algorithm,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<Algorithm>,
    #[serde(default)]
    pub subject_type: SubjectType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    #[serde(default)]
    pub backchannel_logout_session_required: bool,
    #[serde(default)]
    pub application_type: ApplicationType,
    #[serde(default)]
    pub access_token_format: AccessTokenFormat,
    #[serde(default)]
    pub audience: Vec<String>,
    #[serde(default)]
    pub may_introspect: bool,
    #[serde(default)]
    pub offline_access_without_consent: bool,
    #[serde(default)]
    pub refresh_without_offline_access: bool,
    #[serde(default)]
    pub consent: Consent,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<i64>,
}

fn code_grant() -> Vec<String> {
    vec!["authorization_code".to_owned()]
}

/// Grants that a client may be registered for; which of them work is said by discovery.
const GRANT_TYPES: [&str; 6] = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
];

pub(super) fn check(
    source: &Source<'_>,
    written: BTreeMap<String, Spanned<WrittenClient>>,
) -> Result<BTreeMap<String, Arc<Client>>, ConfigError> {
    let mut in_order: Vec<_> = written.into_iter().collect();
    in_order.sort_by_key(|(_, client)| client.span().start);
    let mut clients = BTreeMap::new();
    for (name, written) in in_order {
        let span = written.span();
        let client = client(name, written.into_inner()).map_err(|what| source.at(span.clone(), what))?;
        if clients.contains_key(client.id.as_str()) {
            return Err(source.at(span, format!("client_id `{}` is taken by another client", client.id)));
        }
        clients.insert(client.id.as_str().to_owned(), Arc::new(client));
    }
    Ok(clients)
}

/// Checks a client. What pages call it if it does not say is `name`.
///
/// # Errors
/// What does not fit, in words.
pub fn client(name: String, toml: WrittenClient) -> Result<Client, String> {
    let written = Arc::new(toml.clone());
    let public = toml.token_endpoint_auth_method == AuthMethod::None;
    // RFC 6749, appendix A.1 and A.2: visible ASCII and space.
    let vschar = |text: &str| !text.is_empty() && text.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    if !vschar(&toml.client_id) {
        return Err("client_id has to be visible ASCII".to_owned());
    }
    match &toml.client_secret {
        Some(_) if public => return Err("a client that authenticates by `none` has no client_secret".to_owned()),
        None if toml.token_endpoint_auth_method.needs_secret() => {
            return Err("client_secret is missing; a public client says token_endpoint_auth_method = \"none\"".to_owned());
        }
        Some(Secret::Itself(secret)) if !vschar(secret.reveal()) => return Err("client_secret has to be visible ASCII".to_owned()),
        Some(_) | None => {}
    }
    let keys = key_source(toml.jwks, toml.jwks_uri)?;
    check_auth(toml.token_endpoint_auth_method, toml.token_endpoint_auth_signing_alg, toml.client_secret.as_ref(), keys.as_ref())?;
    if let Some(wrong) = toml.grant_types.iter().find(|grant| !GRANT_TYPES.contains(&grant.as_str())) {
        let near = nearest(wrong, GRANT_TYPES.into_iter()).map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
        return Err(format!("unknown grant `{wrong}`{near}"));
    }
    if public && toml.grant_types.iter().any(|grant| grant == "client_credentials") {
        return Err("client_credentials is for clients that authenticate (RFC 6749, section 4.4)".to_owned());
    }
    let scope: Vec<String> = toml.scope.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    // RFC 6749, section 3.3.
    if let Some(wrong) = scope.iter().find(|word| !word.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))) {
        return Err(format!("scope has `{wrong}`, which is no scope: visible ASCII without quotes and backslashes is"));
    }
    if let Some(wrong) = scope.iter().find(|word| crate::scope::KNOWN.contains(&word.as_str())) {
        return Err(format!("scope has `{wrong}`, which only a user can grant"));
    }
    if toml.default_max_age.is_some_and(|age| age < 0) {
        return Err("default_max_age is no age".to_owned());
    }
    let native = toml.application_type == ApplicationType::Native;
    for uri in toml.redirect_uris.iter().chain(&toml.post_logout_redirect_uris) {
        check_redirect_uri(uri, native)?;
    }
    let distinct: BTreeSet<_> = toml.redirect_uris.iter().collect();
    if distinct.len() != toml.redirect_uris.len() {
        return Err("redirect_uris has an entry twice".to_owned());
    }
    if let Some(uri) = &toml.backchannel_logout_uri {
        check_logout_uri(uri, public)?;
    }
    let pairwise_sector = match (toml.subject_type, &toml.sector_identifier_uri) {
        (SubjectType::Public, None) => None,
        (SubjectType::Public, Some(_)) => return Err("sector_identifier_uri is for clients with subject_type = \"pairwise\"".to_owned()),
        (SubjectType::Pairwise, identifier) => Some(sector(&toml.redirect_uris, identifier.as_deref())?),
    };
    Ok(Client {
        id: ClientId::new(toml.client_id),
        name: toml.client_name.unwrap_or(name),
        secret: toml.client_secret,
        auth_method: toml.token_endpoint_auth_method,
        auth_alg: toml.token_endpoint_auth_signing_alg,
        keys,
        grant_types: toml.grant_types,
        scope,
        redirect_uris: toml.redirect_uris.into_iter().map(RedirectUri::new).collect(),
        post_logout_redirect_uris: toml.post_logout_redirect_uris.into_iter().map(RedirectUri::new).collect(),
        id_token_alg: toml.id_token_signed_response_alg,
        userinfo_alg: toml.userinfo_signed_response_alg,
        pairwise_sector,
        backchannel_logout_uri: toml.backchannel_logout_uri,
        backchannel_logout_session_required: toml.backchannel_logout_session_required,
        application_type: toml.application_type,
        access_token_format: toml.access_token_format,
        audience: toml.audience,
        may_introspect: toml.may_introspect,
        offline_access_without_consent: toml.offline_access_without_consent,
        refresh_without_offline_access: toml.refresh_without_offline_access,
        consent: toml.consent,
        default_max_age: toml.default_max_age,
        whose: Whose::Operators,
        written,
    })
}

/// RFC 7591, section 2: keys come by value or by reference, and never both.
fn key_source(jwks: Option<serde_json::Value>, jwks_uri: Option<String>) -> Result<Option<KeySource>, String> {
    match (jwks, jwks_uri) {
        (Some(_), Some(_)) => Err("jwks and jwks_uri are not both there".to_owned()),
        (Some(jwks), None) => Ok(Some(KeySource::Given(Arc::new(ClientKeys::parse(&jwks).map_err(|why| format!("jwks: {why}"))?)))),
        (None, Some(uri)) => {
            check_https("jwks_uri", &uri)?;
            Ok(Some(KeySource::At(uri)))
        }
        (None, None) => Ok(None),
    }
}

/// Whether the client can authenticate as it says it does.
fn check_auth(
    method: AuthMethod,
    alg: Option<AssertionAlgorithm>,
    secret: Option<&Secret>,
    keys: Option<&KeySource>,
) -> Result<(), String> {
    match (method, alg) {
        (AuthMethod::PrivateKeyJwt, _) if keys.is_none() => Err("private_key_jwt needs jwks or jwks_uri".to_owned()),
        (AuthMethod::PrivateKeyJwt, Some(alg)) if alg.mac_octets().is_some() => Err(format!("{} is not for private_key_jwt", alg.text())),
        (AuthMethod::ClientSecretJwt, alg) => {
            let octets = alg.unwrap_or(AssertionAlgorithm::HS256).mac_octets();
            let Some(octets) = octets else { return Err("client_secret_jwt takes HS256, HS384 or HS512".to_owned()) };
            // RFC 7518, section 3.2: the key is as long as the hash at least.
            match secret.and_then(Secret::itself) {
                Some(secret) if secret.reveal().len() < octets => Err(format!("client_secret has to have {octets} octets for its MAC")),
                Some(_) | None => Ok(()),
            }
        }
        (_, _) => Ok(()),
    }
}
