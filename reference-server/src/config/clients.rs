//! `[clients.NAME]`: who may ask, under the names of OpenID Connect registration, and a few of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;
use url::{Host, Url};

use super::keys::{Algorithm, AssertionAlgorithm};
use super::place::{ConfigError, Source, nearest};
use crate::client_keys::ClientKeys;
use crate::names::{ClientId, ClientSecret, RedirectUri};
use crate::world::outgoing::Whose;

/// How a client authenticates at the token endpoint (Core, section 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// HTTP Basic: the default of registration.
    #[default]
    ClientSecretBasic,
    /// In the form.
    ClientSecretPost,
    /// By an assertion whose MAC is made with the secret.
    ClientSecretJwt,
    /// By an assertion that its own key signs.
    PrivateKeyJwt,
    /// Not at all: a public client.
    None,
}

impl AuthMethod {
    /// All of them, in the order in which discovery names them.
    pub const ALL: [Self; 5] = [Self::ClientSecretBasic, Self::ClientSecretPost, Self::ClientSecretJwt, Self::PrivateKeyJwt, Self::None];

    /// As it is registered.
    pub fn text(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
        }
    }

    /// Whether it takes a secret.
    pub fn needs_secret(self) -> bool {
        match self {
            Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt => true,
            Self::PrivateKeyJwt | Self::None => false,
        }
    }
}

/// Where the public keys of a client are.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// With its metadata: `jwks`.
    Given(Arc<ClientKeys>),
    /// Where it publishes them: `jwks_uri`.
    At(String),
}

/// OpenID Connect Dynamic Client Registration 1.0, section 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// At an https address.
    #[default]
    Web,
    /// On the user's machine: any port of a loopback address will do (RFC 8252, section 7.3).
    Native,
}

/// By which `sub` a client knows its users (Core, section 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// By the same as all others.
    #[default]
    Public,
    /// By one that its sector shares with nobody else.
    Pairwise,
}

/// What access tokens look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// A name that only the provider understands.
    #[default]
    Opaque,
    /// A JWT of RFC 9068.
    Jwt,
}

/// When the user is asked whether the client may have what it asks for. `prompt=consent` always asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// The operator has consented for everybody.
    #[default]
    Never,
    /// Once for each scope.
    Once,
    /// Every time.
    Always,
}

/// A client, checked.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: ClientId,
    /// What pages call it.
    pub name: String,
    /// `client_secret`; there if and only if the method asks for it.
    pub secret: Option<ClientSecret>,
    /// How it authenticates.
    pub auth_method: AuthMethod,
    /// The one algorithm of its assertions; else any that fits its method and its keys.
    pub auth_alg: Option<AssertionAlgorithm>,
    /// Its public keys; there if the method asks for them.
    pub keys: Option<KeySource>,
    /// Grants that it may use.
    pub grant_types: Vec<String>,
    /// Scopes that it may have on its own behalf.
    pub scope: Vec<String>,
    /// Where answers may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where a logout may lead.
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// What its ID tokens and logout tokens are signed with.
    pub id_token_alg: Algorithm,
    /// What its UserInfo answers are signed with, if it wants them signed.
    pub userinfo_alg: Option<Algorithm>,
    /// The sector whose own subjects it gets; none if it gets those of everybody.
    pub pairwise_sector: Option<String>,
    /// Where it wants to be told of a logout.
    pub backchannel_logout_uri: Option<String>,
    /// Whether its logout tokens have to name the session. They all do.
    #[expect(dead_code, reason = "registered metadata, which a client may read back when registration comes")]
    pub backchannel_logout_session_required: bool,
    /// Web or native.
    pub application_type: ApplicationType,
    /// Opaque or JWT.
    pub access_token_format: AccessTokenFormat,
    /// Resources that its access tokens are for, beside the provider itself.
    pub audience: Vec<String>,
    /// Whether it may introspect.
    pub may_introspect: bool,
    /// Whether `offline_access` needs no `prompt=consent`.
    pub offline_access_without_consent: bool,
    /// Whether it gets a refresh token, bound to its session, without `offline_access`.
    pub refresh_without_offline_access: bool,
    /// When the user is asked.
    pub consent: Consent,
    /// Whose word its addresses are.
    pub whose: Whose,
}

impl Client {
    /// Whether it is registered for a grant.
    pub fn may_use(&self, grant_type: &str) -> bool {
        self.grant_types.iter().any(|known| known == grant_type)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientToml {
    client_id: String,
    client_name: Option<String>,
    client_secret: Option<ClientSecret>,
    #[serde(default)]
    token_endpoint_auth_method: AuthMethod,
    token_endpoint_auth_signing_alg: Option<AssertionAlgorithm>,
    jwks: Option<serde_json::Value>,
    jwks_uri: Option<String>,
    #[serde(default = "code_grant")]
    grant_types: Vec<String>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default)]
    post_logout_redirect_uris: Vec<String>,
    #[serde(default)]
    id_token_signed_response_alg: Algorithm,
    userinfo_signed_response_alg: Option<Algorithm>,
    #[serde(default)]
    subject_type: SubjectType,
    sector_identifier_uri: Option<String>,
    backchannel_logout_uri: Option<String>,
    #[serde(default)]
    backchannel_logout_session_required: bool,
    #[serde(default)]
    application_type: ApplicationType,
    #[serde(default)]
    access_token_format: AccessTokenFormat,
    #[serde(default)]
    audience: Vec<String>,
    #[serde(default)]
    may_introspect: bool,
    #[serde(default)]
    offline_access_without_consent: bool,
    #[serde(default)]
    refresh_without_offline_access: bool,
    #[serde(default)]
    consent: Consent,
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
    written: BTreeMap<String, Spanned<ClientToml>>,
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

fn client(name: String, toml: ClientToml) -> Result<Client, String> {
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
        Some(secret) if !vschar(secret.reveal()) => return Err("client_secret has to be visible ASCII".to_owned()),
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
        whose: Whose::Operators,
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
    secret: Option<&ClientSecret>,
    keys: Option<&KeySource>,
) -> Result<(), String> {
    match (method, alg) {
        (AuthMethod::PrivateKeyJwt, _) if keys.is_none() => Err("private_key_jwt needs jwks or jwks_uri".to_owned()),
        (AuthMethod::PrivateKeyJwt, Some(alg)) if alg.mac_octets().is_some() => Err(format!("{} is not for private_key_jwt", alg.text())),
        (AuthMethod::ClientSecretJwt, alg) => {
            let octets = alg.unwrap_or(AssertionAlgorithm::HS256).mac_octets();
            let Some(octets) = octets else { return Err("client_secret_jwt takes HS256, HS384 or HS512".to_owned()) };
            // RFC 7518, section 3.2: the key is as long as the hash at least.
            match secret {
                Some(secret) if secret.reveal().len() < octets => Err(format!("client_secret has to have {octets} octets for its MAC")),
                Some(_) | None => Ok(()),
            }
        }
        (_, _) => Ok(()),
    }
}

/// An address from which something is fetched.
fn check_https(what: &str, uri: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("`{uri}` is no {what}: {why}"));
    let Ok(url) = Url::parse(uri) else { return wrong("it is not absolute") };
    if uri.contains('#') || url.host().is_none() || !url.username().is_empty() || url.password().is_some() {
        return wrong("it has to have a host, and neither fragment nor credentials");
    }
    if url.scheme() == "https" { Ok(()) } else { wrong("it has to be https") }
}

/// RFC 6749, section 3.1.2 (absolute, no fragment); RFC 9700, section 2.6 (http on loopback only); RFC 8252, section 7.1
/// (schemes of a native application's own).
fn check_redirect_uri(uri: &str, native: bool) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("`{uri}` is no redirect URI: {why}"));
    let Ok(url) = Url::parse(uri) else { return wrong("it is not absolute") };
    if uri.contains('#') {
        return wrong("it has a fragment");
    }
    if uri.bytes().any(|byte| !(0x21..=0x7e).contains(&byte)) {
        return wrong("it has characters that an address cannot have");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => wrong("http is for loopback addresses only"),
        "javascript" | "data" | "vbscript" | "file" | "blob" | "about" => wrong("no application answers there"),
        _ if native => Ok(()),
        _ => wrong("a scheme of its own is for native clients"),
    }
}

/// Core, section 8.1: the host of `sector_identifier_uri`, or else the one host of all redirect URIs.
fn sector(redirect_uris: &[String], identifier: Option<&str>) -> Result<String, String> {
    let host = |uri: &str| Url::parse(uri).ok().and_then(|url| url.host_str().map(str::to_owned));
    if let Some(uri) = identifier {
        let https = uri.starts_with("https://");
        return host(uri).filter(|_| https).ok_or_else(|| format!("`{uri}` is no sector_identifier_uri: it has to be https"));
    }
    let hosts: BTreeSet<Option<String>> = redirect_uris.iter().map(|uri| host(uri)).collect();
    match hosts.into_iter().collect::<Vec<_>>().as_slice() {
        [Some(host)] => Ok(host.clone()),
        _ => Err("a pairwise client whose redirect_uris do not share one host needs a sector_identifier_uri".to_owned()),
    }
}

/// Back-Channel Logout 1.0, section 2.2: no fragment; plain http for confidential clients only.
fn check_logout_uri(uri: &str, public: bool) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("`{uri}` is no backchannel_logout_uri: {why}"));
    let Ok(url) = Url::parse(uri) else { return wrong("it is not absolute") };
    if uri.contains('#') || url.host().is_none() {
        return wrong("it has to have a host and no fragment");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if !public => Ok(()),
        _ => wrong("it has to be https"),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
