//! The provider itself: origins, switches, lifetimes, deliveries.

use serde::Deserialize;
use toml::Spanned;
use url::Url;

use super::client::Client;
use super::duration::Span;
use super::place::{ConfigError, Source};
use crate::names::{InitialAccessToken, Issuer, ManagementToken, PairwiseSalt};

/// One issuer that the provider answers as.
#[derive(Clone, Debug)]
pub struct Origin {
    /// What the configuration calls it.
    pub name: String,
    /// The issuer identifier, as written.
    pub issuer: Issuer,
    /// Host, and port if it is not the scheme's own, in lower case: what `Host` has to say.
    pub authority: String,
    /// The path of the issuer, without a slash at the end; mostly empty.
    pub path: String,
    /// Whether it is reached by TLS. Plain HTTP does not conform.
    pub secure: bool,
}

impl Origin {
    /// An address below the issuer.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.as_str().trim_end_matches('/'))
    }
}

/// `[[origins]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OriginToml {
    name: String,
    issuer: String,
}

/// Where events are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// In memory: they are gone with the process.
    #[default]
    Memory,
    /// In a file, which whoever starts the provider names.
    Durable,
}

/// `[flags]`: features that can be switched. All are off by default, as in the system that this one stands for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Flags {
    /// RFC 8693, for clients that are registered for it.
    pub token_exchange: bool,
    /// Back-Channel Logout: registration at issuance, discovery, and telling.
    pub enable_back_channel_logout: bool,
    /// A logout ends the one session that it names, and not all sessions of the browser.
    pub oidc_single_v1_session_termination: bool,
    /// Refusals of the token endpoint carry the inner reason as `parent`.
    pub debug_oidc_parent_error: bool,
}

/// `[policy]`: what the provider insists on or allows everywhere.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Whether impersonation is allowed at all.
    pub impersonation: bool,
    /// Whether every client has to use PKCE (RFC 7636); a challenge that is sent counts in any case.
    pub pkce_required: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { impersonation: false, pkce_required: true }
    }
}

/// `[subjects]`: by which `sub` clients know their users.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Subjects {
    /// What pairwise subjects are made with. Without it there are none; with another one every client of them has new users.
    pub pairwise_salt: Option<PairwiseSalt>,
}

/// `[lifetimes]`: how long things live.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lifetimes {
    /// From the authorization request to its answer.
    pub sign_in: Span,
    /// An authorization code.
    pub authorization_code: Span,
    /// An access token.
    pub access_token: Span,
    /// An ID token.
    pub id_token: Span,
    /// A refresh token that nobody uses.
    pub refresh_token_idle: Span,
    /// Any refresh token, counted from the first of its family.
    pub refresh_token_absolute: Span,
    /// A session that nobody uses.
    pub session_idle: Span,
    /// Any session.
    pub session_absolute: Span,
    /// A logout token.
    pub logout_token: Span,
    /// The assertion of a client, at most.
    pub client_assertion: Span,
    /// How long a key is published after it has been replaced (Core, section 10.1.1).
    pub retired_key: Span,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            sign_in: Span::from_secs(3600),
            authorization_code: Span::from_secs(60),
            access_token: Span::from_secs(3600),
            id_token: Span::from_secs(3600),
            refresh_token_idle: Span::from_secs(30 * 86_400),
            refresh_token_absolute: Span::from_secs(90 * 86_400),
            session_idle: Span::from_secs(14 * 86_400),
            session_absolute: Span::from_secs(30 * 86_400),
            logout_token: Span::from_secs(120),
            client_assertion: Span::from_secs(3600),
            retired_key: Span::from_secs(30 * 86_400),
        }
    }
}

/// `[delivery]`: how relying parties are told of a logout.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {
    /// How long an answer may take.
    pub limit: Span,
    /// The pause before each further attempt; after the last attempt the delivery has failed.
    pub pauses: Vec<Span>,
    /// How long a browser waits at most for first deliveries that hang.
    pub grace: Span,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { limit: Span::from_secs(5), pauses: [1, 5, 30, 120, 300].map(Span::from_secs).to_vec(), grace: Span::from_secs(1) }
    }
}

/// `[outgoing]`: whom the provider asks or tells where the address is somebody else's word. What stands in the configuration itself
/// is the operator's.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outgoing {
    /// Whether addresses inside are refused that clients have registered themselves.
    pub guard_internal: bool,
    /// Hosts that may be inside all the same.
    pub allowed_hosts: Vec<String>,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self { guard_internal: true, allowed_hosts: Vec::new() }
    }
}

/// Who may register a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationMode {
    /// Nobody: there is no such endpoint.
    #[default]
    Off,
    /// Whoever has the initial access token.
    Token,
    /// Everybody.
    Open,
}

/// `[registration]`: whether clients may register themselves (RFC 7591).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registration {
    /// Who may.
    pub mode: RegistrationMode,
    /// By which bearer token, where one is needed.
    pub initial_access_token: Option<InitialAccessToken>,
}

/// `[password]`: what argon2id is made to cost. The default is that of the OWASP cheat sheet.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for PasswordCost {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

/// `[management]`: who may use the management API beside users with the role `IAM_OWNER`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Management {
    /// A bearer token that is good for it.
    pub token: Option<ManagementToken>,
}

/// The origins that are written, or those of the issuers that are given instead.
pub(super) fn origins(source: &Source<'_>, written: Vec<Spanned<OriginToml>>, issuers: &[String]) -> Result<Vec<Origin>, ConfigError> {
    let mut named = Vec::new();
    if issuers.is_empty() {
        for written in written {
            let span = written.span();
            let OriginToml { name, issuer } = written.into_inner();
            named.push((span, name, issuer));
        }
    } else {
        let names = ["primary".to_owned(), "other".to_owned()].into_iter().chain((3..).map(|nth| format!("origin {nth}")));
        named.extend(issuers.iter().zip(names).map(|(issuer, name)| (0..0, name, issuer.clone())));
    }
    let mut origins: Vec<Origin> = Vec::new();
    for (span, name, issuer) in named {
        let origin = origin(name, issuer).map_err(|what| source.at(span.clone(), what))?;
        if origins.iter().any(|known| known.name == origin.name || (&known.authority, &known.path) == (&origin.authority, &origin.path)) {
            return Err(source.at(span, format!("there is another origin `{}` or another issuer at `{}`", origin.name, origin.issuer)));
        }
        origins.push(origin);
    }
    if origins.is_empty() { Err(source.at(0..0, "there has to be at least one origin")) } else { Ok(origins) }
}

/// OpenID Connect Discovery 1.0, section 3: an https URL without query and fragment.
fn origin(name: String, issuer: String) -> Result<Origin, String> {
    let wrong = || format!("`{issuer}` is no issuer: it has to be an https URL without query, fragment and credentials");
    let url = Url::parse(&issuer).map_err(|_| wrong())?;
    let host = url.host_str().ok_or_else(wrong)?;
    let plain = issuer.contains(['?', '#', '@']) || !matches!(url.scheme(), "https" | "http") || url.cannot_be_a_base();
    // What the URL parser would rewrite could never be compared as text.
    let rewritten = url.as_str().trim_end_matches('/') != issuer.trim_end_matches('/');
    if plain || rewritten || issuer.ends_with("//") {
        return Err(wrong());
    }
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let path = url.path().trim_end_matches('/').to_owned();
    let secure = url.scheme() == "https";
    Ok(Origin { name, authority, path, secure, issuer: Issuer::new(issuer) })
}

/// A salt that can be guessed would let clients find out that they know the same person.
pub(super) fn check_subjects<'c>(
    source: &Source<'_>,
    subjects: &Subjects,
    mut clients: impl Iterator<Item = &'c Client>,
) -> Result<(), ConfigError> {
    let at = source.text.find("[subjects]").unwrap_or(0);
    match &subjects.pairwise_salt {
        Some(salt) if salt.reveal().len() < 32 => Err(source.at(at..at, "pairwise_salt has to have 32 characters at least")),
        Some(_) => Ok(()),
        None => match clients.find(|client| client.pairwise_sector.is_some()) {
            Some(client) => {
                let what = format!("client `{}` is pairwise: [subjects] has to have a pairwise_salt", client.id);
                Err(source.at(at..at, what))
            }
            None => Ok(()),
        },
    }
}

pub(super) fn check_registration(source: &Source<'_>, registration: &Registration) -> Result<(), ConfigError> {
    let at = source.text.find("[registration]").unwrap_or(0);
    match (registration.mode, &registration.initial_access_token) {
        (RegistrationMode::Token, None) => Err(source.at(at..at, "mode = \"token\" needs an initial_access_token")),
        (RegistrationMode::Token, Some(token)) if token.reveal().len() < 32 => {
            Err(source.at(at..at, "initial_access_token has to have 32 characters at least"))
        }
        (RegistrationMode::Off | RegistrationMode::Open | RegistrationMode::Token, _) => Ok(()),
    }
}

pub(super) fn check_password(source: &Source<'_>, cost: &PasswordCost) -> Result<(), ConfigError> {
    match argon2::Params::new(cost.memory_kib, cost.passes, cost.lanes, None) {
        Ok(_) => Ok(()),
        Err(error) => {
            let at = source.text.find("[password]").unwrap_or(0);
            Err(source.at(at..at, format!("these costs are no costs of argon2: {error}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_a_plain_address() {
        let path = origin("a".into(), "https://op.test:8443/tenant".into()).expect("plain");
        assert_eq!((path.authority.as_str(), path.path.as_str()), ("op.test:8443", "/tenant"));
        assert_eq!(path.at("/token"), "https://op.test:8443/tenant/token");
        for wrong in [
            "op.test",
            "https://op.test/?a",
            "https://op.test/#",
            "https://u@op.test",
            "ftp://op.test",
            "https://OP.test",
            "https://op.test:443",
        ] {
            assert!(origin("a".into(), wrong.into()).is_err(), "{wrong}");
        }
    }
}
