//! `[[keys]]`: the keys that sign.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use toml::Spanned;

use super::place::{ConfigError, Source};
use crate::keys::SigningKey;
use crate::names::KeyId;

/// A signature algorithm of RFC 7518 or RFC 8037.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// RSASSA-PKCS1-v1_5 with SHA-256: what every OpenID provider has to know (Core, section 15.1), and the default of a client.
    #[default]
    RS256,
    /// Ed25519.
    EdDSA,
}

impl Algorithm {
    /// As it is written in a header.
    pub fn text(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
            Self::EdDSA => "EdDSA",
        }
    }
}

/// What clients may sign their assertions with (RFC 7518, section 3.1; RFC 8037, section 3.1). `none` is not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[allow(missing_docs, reason = "the names of the registry say what they are")]
pub enum AssertionAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
    HS256,
    HS384,
    HS512,
}

impl AssertionAlgorithm {
    /// All of them, in the order in which discovery names them.
    pub const ALL: [Self; 12] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
        Self::HS256,
        Self::HS384,
        Self::HS512,
    ];

    /// As it is written in a header.
    pub fn text(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    /// How many octets a secret has to have for this MAC (RFC 7518, section 3.2); nothing for a signature.
    pub fn mac_octets(self) -> Option<usize> {
        match self {
            Self::HS256 => Some(32),
            Self::HS384 => Some(48),
            Self::HS512 => Some(64),
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512 => None,
            Self::ES256 | Self::ES384 | Self::EdDSA => None,
        }
    }
}

/// Whether a key signs already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyUse {
    /// It signs, and is published.
    Current,
    /// It waits for a rotation, and nobody sees it before.
    Next,
}

/// One key.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// Its name.
    pub kid: KeyId,
    /// Its one algorithm (RFC 8725, section 3.1).
    pub alg: Algorithm,
    /// Whether it signs already.
    #[serde(rename = "use")]
    pub key_use: KeyUse,
    /// PKCS#8, DER; base64 in the file.
    #[serde(deserialize_with = "from_base64")]
    pub private: Vec<u8>,
}

impl std::fmt::Debug for KeyEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyEntry({}, {:?}, {:?}, redacted)", self.kid, self.alg, self.key_use)
    }
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(deserializer)?).map_err(|_| D::Error::custom("this is not base64"))
}

/// A file of keys alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysToml {
    #[serde(default)]
    keys: Vec<Spanned<KeyEntry>>,
}

/// Reads `[[keys]]` from a file that has nothing else. `file` is what messages call it.
///
/// # Errors
/// The first slip, as of a configuration.
pub fn parse_keys(file: &str, text: &str) -> Result<Vec<SigningKey>, ConfigError> {
    let source = Source { file, text };
    let toml: KeysToml = toml::from_str(text).map_err(|error| source.toml(&error))?;
    check(&source, toml.keys)
}

pub(super) fn check(source: &Source<'_>, written: Vec<Spanned<KeyEntry>>) -> Result<Vec<SigningKey>, ConfigError> {
    let mut kids = BTreeSet::new();
    let mut current = Vec::new();
    let mut keys = Vec::new();
    for written in written {
        let span = written.span();
        let key = written.into_inner();
        if !kids.insert(key.kid.clone()) {
            return Err(source.at(span, format!("there is another key `{}`", key.kid)));
        }
        if key.key_use == KeyUse::Current {
            if current.contains(&key.alg) {
                return Err(source.at(span, format!("there is another current key for {}", key.alg.text())));
            }
            current.push(key.alg);
        }
        keys.push(SigningKey::parse(&key).map_err(|error| source.at(span, error.to_string()))?);
    }
    Ok(keys)
}
