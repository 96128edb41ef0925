//! What a client says of itself (OpenID Connect Dynamic Client Registration 1.0, section 2; RFC 7591, section 2), and what becomes of it.
//!
//! Metadata that nobody here knows is ignored, and so is not in the answer. What is known and cannot be had is refused, and never
//! replaced by something else.

mod metadata;

use serde_json::{Map, Value};

use self::metadata::Read;
use crate::config::{AuthMethod, Client, Consent, Secret};
use crate::log::{Aggregate, Failure};
use crate::names::{ClientId, ClientSecret};
use crate::provider::{Cx, Provider};
use crate::refusal::Refusal;
use crate::state::client::{ClientRegistered, KeptSecret};
use crate::world::fresh::fingerprint;
use crate::world::outgoing::Whose;

/// What a client may have here that it says of itself.
pub struct Accepted {
    /// Everything that it is, what it did not say included.
    pub metadata: Map<String, Value>,
    /// Whether it authenticates by a secret, and whether that is the key of a MAC.
    pub secret: Wanted,
}

/// What kind of secret a client needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// None.
    Nothing,
    /// One that is compared.
    Compared,
    /// The key of a MAC.
    MacKey,
}

impl Wanted {
    /// The one for a way to authenticate.
    pub fn by(method: AuthMethod) -> Self {
        match method {
            AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => Self::Compared,
            AuthMethod::ClientSecretJwt => Self::MacKey,
            AuthMethod::PrivateKeyJwt | AuthMethod::None => Self::Nothing,
        }
    }

    /// Whether a secret that is kept so will do.
    pub fn is_had(self, kept: Option<&KeptSecret>) -> bool {
        match (self, kept) {
            (Self::Nothing, _) | (Self::Compared, Some(_)) | (Self::MacKey, Some(KeptSecret::MacKey(_))) => true,
            (Self::Compared | Self::MacKey, _) => false,
        }
    }
}

/// Checks what a client says of itself.
///
/// # Errors
/// It cannot be had here.
pub async fn accept(cx: &mut Cx<'_>, said: &Map<String, Value>) -> Result<Accepted, Refusal> {
    let read = Read::from(said)?;
    let keys = cx.provider.keys.algorithms(&cx.provider.log).await?;
    read.check(&keys, cx.provider.world.outgoing.guard(), cx.provider.config.subjects.pairwise_salt.is_some())?;
    if let Some(uri) = read.sector_identifier_uri() {
        in_sector(cx, &uri, &read.redirect_uris()).await?;
    }
    let (metadata, secret) = (read.whole(), read.secret());
    // Once more as it will be read from the log: what is registered is always a client.
    let stand_in = Some(Secret::Hash(String::new()));
    read.client("new", stand_in.filter(|_| secret != Wanted::Nothing)).map_err(Refusal::RegisteredMetadata)?;
    Ok(Accepted { metadata, secret })
}

/// Registration, section 5: the sector vouches for every redirect URI.
async fn in_sector(cx: &mut Cx<'_>, uri: &str, redirect_uris: &[String]) -> Result<(), Refusal> {
    let wrong = |why: &str| Refusal::RegisteredMetadata(format!("sector_identifier_uri: {why}"));
    let listed = cx.fetch(uri, Whose::Strangers).await.ok_or_else(|| wrong("nothing can be had from there"))?;
    let listed: Vec<&str> = listed.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match redirect_uris.iter().find(|uri| !listed.contains(&uri.as_str())) {
        Some(missing) => Err(wrong(&format!("{missing} is not listed there"))),
        None => Ok(()),
    }
}

/// A new secret, and what is kept of it.
pub fn issue(provider: &Provider, aggregate: &Aggregate, version: u64, wanted: Wanted) -> Option<(String, KeptSecret)> {
    let fresh = |purpose: &str| provider.world.fresh.secret(aggregate, version, purpose);
    match wanted {
        Wanted::Nothing => None,
        Wanted::Compared => {
            let secret = fresh("client secret");
            let hash = fingerprint(&secret);
            Some((secret, KeptSecret::Hash(hash)))
        }
        // As long as the longest MAC needs it: 64 octets for HS512 (RFC 7518, section 3.2).
        Wanted::MacKey => {
            let secret = format!("{}{}", fresh("client secret"), fresh("client secret, second half"));
            Some((secret.clone(), KeptSecret::MacKey(secret)))
        }
    }
}

/// A secret as it was kept.
pub fn kept(secret: KeptSecret) -> Secret {
    match secret {
        KeptSecret::Hash(hash) => Secret::Hash(hash),
        KeptSecret::MacKey(key) => Secret::Itself(ClientSecret::new(key)),
    }
}

/// The client that a registration stands for.
///
/// # Errors
/// The log holds what this release, or this configuration, cannot give.
pub fn client(registered: ClientRegistered) -> Result<Client, Failure> {
    let ClientRegistered { client_id, metadata, secret, .. } = registered;
    let secret = secret.map(kept);
    let wrong = |why: String| Failure(format!("client {client_id}: {why}"));
    let read = Read::from(&metadata).map_err(|refusal| wrong(refusal.to_string()))?;
    let client = read.client(client_id.as_str(), secret).map_err(wrong)?;
    // Nobody but the client has vouched for it: the user is asked (RFC 7591, section 5).
    Ok(Client { id: ClientId::new(client_id.as_str()), whose: Whose::Strangers, consent: Consent::Once, ..client })
}
