//! A client as the provider knows it, checked; and the words of its metadata.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::clients::WrittenClient;
use super::keys::{Algorithm, AssertionAlgorithm};
use crate::client_keys::ClientKeys;
use crate::names::{ClientId, ClientSecret, RedirectUri};
use crate::world::fresh::fingerprint;
use crate::world::outgoing::Whose;

/// How a client authenticates at the token endpoint (Core, section 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
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

/// What is known of a client's secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "ClientSecret")]
pub enum Secret {
    /// The secret itself: configured, or needed for a MAC.
    Itself(ClientSecret),
    /// Its hash, by which it is known again.
    Hash(String),
}

impl From<ClientSecret> for Secret {
    fn from(secret: ClientSecret) -> Self {
        Self::Itself(secret)
    }
}

impl Secret {
    /// Whether this is it.
    pub fn is(&self, shown: &ClientSecret) -> bool {
        match self {
            Self::Itself(known) => known.matches(shown),
            Self::Hash(hash) => *hash == fingerprint(shown.reveal()),
        }
    }

    /// The secret itself, where it is known.
    pub fn itself(&self) -> Option<&ClientSecret> {
        match self {
            Self::Itself(known) => Some(known),
            Self::Hash(_) => None,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// At an https address.
    #[default]
    Web,
    /// On the user's machine: any port of a loopback address will do (RFC 8252, section 7.3).
    Native,
}

/// By which `sub` a client knows its users (Core, section 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// By the same as all others.
    #[default]
    Public,
    /// By one that its sector shares with nobody else.
    Pairwise,
}

/// What access tokens look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// A name that only the provider understands.
    #[default]
    Opaque,
    /// A JWT of RFC 9068.
    Jwt,
}

/// When the user is asked whether the client may have what it asks for. `prompt=consent` always asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
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
    /// What is known of its secret; there if the method asks for one.
    pub secret: Option<Secret>,
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
    #[expect(dead_code, reason = "a client may read it back, from its registration")]
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
    /// How old a sign-in may be, in seconds, where the request does not say.
    pub default_max_age: Option<i64>,
    /// Whose word its addresses are.
    pub whose: Whose,
    /// All of this as it is written.
    pub written: Arc<WrittenClient>,
}

impl Client {
    /// Whether it is registered for a grant.
    pub fn may_use(&self, grant_type: &str) -> bool {
        self.grant_types.iter().any(|known| known == grant_type)
    }

    /// Everything that it is, under the names of registration and ours, but for its name and its secret.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn metadata(&self) -> Result<Map<String, Value>, String> {
        match serde_json::to_value(&*self.written) {
            Ok(Value::Object(mut metadata)) => {
                metadata.insert("client_name".to_owned(), Value::from(self.name.as_str()));
                Ok(metadata)
            }
            Ok(_) => Err("a client is an object".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}
