//! The public keys of clients: a JWK Set (RFC 7517) that came with the metadata, or one that is fetched from where the client keeps it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use serde_json::Value;

use crate::config::AssertionAlgorithm;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::world::outgoing::Whose;

/// How many keys a set may have.
const MOST_KEYS: usize = 32;

/// How long a set that was fetched is good without another look.
const FRESH_MS: i64 = 3_600_000;

/// How long nobody makes us fetch the same set again.
const PAUSE_MS: i64 = 10_000;

/// How many sets are kept.
const MOST_SETS: usize = 1000;

/// A key, read.
#[derive(Clone, Debug)]
struct ClientKey {
    kid: Option<String>,
    algorithms: Vec<AssertionAlgorithm>,
    key: DecodingKey,
}

/// The keys of a client that sign.
#[derive(Clone, Debug)]
pub struct ClientKeys {
    keys: Vec<ClientKey>,
}

impl ClientKeys {
    /// Reads a JWK Set. Keys of a kind that nobody here knows, and those that do not sign, are passed over (RFC 7517, section 5).
    ///
    /// # Errors
    /// It is no JWK Set, or it holds what nobody else may know.
    pub fn parse(set: &Value) -> Result<Self, String> {
        let listed = set.get("keys").and_then(Value::as_array).ok_or("a JWK Set has a list `keys`")?;
        if listed.len() > MOST_KEYS {
            return Err(format!("more than {MOST_KEYS} keys"));
        }
        let mut keys = Vec::new();
        for listed in listed {
            let members = listed.as_object().ok_or("a key is a JSON object")?;
            if ["d", "p", "q", "k"].into_iter().any(|member| members.contains_key(member)) {
                return Err("a key is private, or a secret; only public keys belong here".to_owned());
            }
            let jwk: Jwk = serde_json::from_value(listed.clone()).map_err(|_| "a key is not as RFC 7517 has it".to_owned())?;
            keys.extend(read(&jwk)?);
        }
        Ok(Self { keys })
    }

    /// The keys that may have signed a token with this header.
    pub fn fitting(&self, kid: Option<&str>, alg: AssertionAlgorithm) -> impl Iterator<Item = &DecodingKey> {
        let named = move |key: &&ClientKey| kid.is_none() || key.kid.as_deref() == kid;
        self.keys.iter().filter(named).filter(move |key| key.algorithms.contains(&alg)).map(|key| &key.key)
    }

    /// Whether a key has this name.
    pub fn knows(&self, kid: Option<&str>) -> bool {
        kid.is_some_and(|kid| self.keys.iter().any(|key| key.kid.as_deref() == Some(kid)))
    }
}

/// A key with the algorithms that it may be used with: its own `alg`, or those of its kind.
fn read(jwk: &Jwk) -> Result<Option<ClientKey>, String> {
    use AssertionAlgorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let common = &jwk.common;
    let signs = common.public_key_use.as_ref().is_none_or(|known| *known == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|known| known.contains(&KeyOperations::Verify));
    let of_its_kind: &[AssertionAlgorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[RS256, RS384, RS512, PS256, PS384, PS512],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => &[ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[EdDSA],
        _ => &[],
    };
    let own = common.key_algorithm.map(|alg| alg.to_string());
    let algorithms: Vec<_> = of_its_kind.iter().copied().filter(|alg| own.as_deref().is_none_or(|own| own == alg.text())).collect();
    if !signs || algorithms.is_empty() {
        return Ok(None);
    }
    let key = DecodingKey::from_jwk(jwk).map_err(|_| "a key is not in base64url".to_owned())?;
    Ok(Some(ClientKey { kid: common.key_id.clone(), algorithms, key }))
}

/// What came of looking at an address.
#[derive(Clone)]
struct Looked {
    /// The keys that were there, and when.
    keys: Option<(Arc<ClientKeys>, i64)>,
    /// When it was looked at last, whatever came of it.
    asked_ms: i64,
}

/// Key sets that were fetched. It can be thrown away at any time.
#[derive(Default)]
pub struct FetchedKeys {
    looked: Mutex<BTreeMap<String, Looked>>,
}

impl FetchedKeys {
    /// The keys at an address. A name that is not among them may be new there, so it is looked at again, but not all the time: any
    /// stranger can write names into an assertion.
    ///
    /// # Errors
    /// They could not be had.
    pub async fn get(cx: &mut Cx<'_>, (uri, whose): (&str, Whose), kid: Option<&str>) -> Result<Arc<ClientKeys>, Refusal> {
        let provider = cx.provider;
        let now_ms = provider.world.now_ms();
        let known = provider.fetched_keys.lock().get(uri).cloned();
        let just_now = known.as_ref().is_some_and(|looked| now_ms - looked.asked_ms < PAUSE_MS);
        let fresh = known.and_then(|looked| looked.keys).filter(|(_, at_ms)| now_ms - at_ms < FRESH_MS);
        match &fresh {
            Some((keys, _)) if just_now || kid.is_none() || keys.knows(kid) => return Ok(keys.clone()),
            None if just_now => return Err(Refusal::ClientKeysNotHad),
            Some(_) | None => {}
        }
        let fetched = cx.fetch(uri, whose).await.and_then(|set| ClientKeys::parse(&set).ok());
        // Keys that were good a moment ago stay so while their address does not answer.
        let keys = fetched.map(|keys| (Arc::new(keys), now_ms)).or(fresh);
        let mut looked = provider.fetched_keys.lock();
        looked.insert(uri.to_owned(), Looked { keys: keys.clone(), asked_ms: now_ms });
        if looked.len() > MOST_SETS
            && let Some(oldest) = looked.iter().min_by_key(|(_, looked)| looked.asked_ms).map(|(uri, _)| uri.clone())
        {
            looked.remove(&oldest);
        }
        keys.map(|(keys, _)| keys).ok_or(Refusal::ClientKeysNotHad)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Looked>> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    #[test]
    fn keys_are_found_by_name_and_algorithm() {
        let set = json!({ "keys": [
            { "kty": "EC", "crv": "P-256", "x": X, "y": Y, "kid": "a", "use": "sig" },
            { "kty": "EC", "crv": "P-256", "x": X, "y": Y, "kid": "b", "use": "enc" },
            { "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "c", "alg": "EdDSA" },
            { "kty": "RSA", "n": X, "e": "AQAB", "kid": "d", "alg": "PS256" },
            { "kty": "unheard-of", "kid": "e" },
        ] });
        let keys = ClientKeys::parse(&set).expect("a JWK Set");
        let found = |kid, alg| keys.fitting(kid, alg).count();
        assert_eq!(found(Some("a"), AssertionAlgorithm::ES256), 1);
        assert_eq!(found(Some("a"), AssertionAlgorithm::ES384), 0);
        assert_eq!(found(Some("b"), AssertionAlgorithm::ES256), 0, "it is not for signatures");
        assert_eq!(found(None, AssertionAlgorithm::ES256), 1);
        assert_eq!(found(None, AssertionAlgorithm::EdDSA), 1);
        assert_eq!((found(Some("d"), AssertionAlgorithm::PS256), found(Some("d"), AssertionAlgorithm::RS256)), (1, 0));
        assert_eq!((keys.knows(Some("a")), keys.knows(Some("e")), keys.knows(None)), (true, false, false));
    }

    #[test]
    fn a_secret_in_a_set_is_refused() {
        for wrong in [
            json!({}),
            json!({ "keys": {} }),
            json!({ "keys": ["a"] }),
            json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] }),
            json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": X, "y": Y, "d": X }] }),
            json!({ "keys": [{ "kty": "RSA", "n": "%", "e": "AQAB" }] }),
        ] {
            assert!(ClientKeys::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
