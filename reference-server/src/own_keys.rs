//! Signing keys that the provider makes for itself.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};

use crate::config::{Algorithm, KeyUse};
use crate::keys::{KeyMaker, SigningKey};
use crate::log::Failure;
use crate::provider::Provider;

/// Makes a key. For RSA this takes a tenth of a second, more or less.
///
/// # Errors
/// The system gave no randomness.
pub fn make(alg: Algorithm, key_use: KeyUse) -> Result<SigningKey, Failure> {
    let failed = |_: Unspecified| Failure(format!("no key for {} could be made", alg.text()));
    let private = match alg {
        Algorithm::ES256 => {
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).map_err(failed)?.as_ref().to_vec()
        }
        Algorithm::EdDSA => Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(failed)?.as_ref().to_vec(),
        Algorithm::RS256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
            let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
            der.as_ref().to_vec()
        }
    };
    SigningKey::made(alg, key_use, &private).map_err(|error| Failure(error.to_string()))
}

/// The keys that are quickly made.
///
/// # Errors
/// The system gave no randomness.
pub fn at_once() -> Result<Vec<SigningKey>, Failure> {
    [Algorithm::ES256, Algorithm::EdDSA].into_iter().map(|alg| make(alg, KeyUse::Current)).collect()
}

/// Makes the RSA key off the threads that serve, and publishes it when it is there. Until then discovery does not mention it.
pub fn in_the_background(provider: &Arc<Provider>) {
    let provider = provider.clone();
    let working = provider.world.counts.busy();
    tokio::task::spawn_blocking(move || {
        if let Ok(key) = make(Algorithm::RS256, KeyUse::Current) {
            provider.keys.add(key);
        }
        drop(working);
    });
}

/// What makes the next keys at a rotation.
pub fn maker() -> KeyMaker {
    Box::new(|alg| {
        Box::pin(async move {
            let made = tokio::task::spawn_blocking(move || make(alg, KeyUse::Next)).await;
            made.map_err(|error| Failure(error.to_string()))?
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose;

    #[test]
    fn what_is_made_signs_and_is_named_by_its_thumbprint() {
        for alg in [Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA] {
            let key = make(alg, KeyUse::Current).expect("a key");
            assert_eq!(key.kid.as_str().len(), 43);
            let token = jose::sign(&key, "JWT", &serde_json::json!({ "a": 1 })).expect("a token");
            assert!(jose::verify(&token, "JWT", [&key]).is_some());
            assert!(jose::verify(&token, "at+jwt", [&key]).is_none(), "another kind of token");
            let other = make(alg, KeyUse::Current).expect("a key");
            assert!(jose::verify(&token, "JWT", [&other]).is_none());
        }
    }
}
