//! JWTs: signed and verified by `jsonwebtoken` over keys that are parsed once.
//!
//! `jsonwebtoken` reads a key from its bytes for each token, which costs RS256 more than half of its speed. So what it is given as a
//! key is a handle, and a provider of ours finds the parsed key by it. The registry is shared by all providers of a process.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Once, PoisonError, RwLock};

use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use aws_lc_rs::{digest, signature as aws};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils, aws_lc};
use jsonwebtoken::errors::Result as JwtResult;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::config::{Algorithm, AssertionAlgorithm};
use crate::keys::SigningKey;

/// The private half, ready to sign.
enum Pair {
    Es256(EcdsaKeyPair),
    Rs256(Box<RsaKeyPair>),
    EdDsa(Ed25519KeyPair),
}

/// A key that was read, with its public half as bytes and as a JWK.
struct Parsed {
    pair: Pair,
    public: Vec<u8>,
    jwk: Value,
}

/// What `jsonwebtoken` takes for a key.
pub struct Handle {
    signs: EncodingKey,
    verifies: DecodingKey,
}

impl Handle {
    /// Reads a private key (PKCS#8, DER), once in the life of the process, and returns its public half as a JWK too.
    ///
    /// # Errors
    /// The bytes are no private key of that algorithm.
    pub fn parse(alg: Algorithm, private: &[u8]) -> Result<(Self, Value), KeyRejected> {
        install();
        let name = digest::digest(&digest::SHA256, &[alg.text().as_bytes(), private].concat()).as_ref().to_vec();
        let known = PARSED.read().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        let parsed = match known {
            Some(parsed) => parsed,
            None => {
                let parsed = Arc::new(Parsed::read(alg, private)?);
                PARSED.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), parsed.clone());
                parsed
            }
        };
        let public = parsed.public.as_slice();
        let (signs, verifies) = match parsed.pair {
            Pair::Es256(_) => (EncodingKey::from_ec_der(&name), DecodingKey::from_ec_der(public)),
            Pair::Rs256(_) => (EncodingKey::from_rsa_der(&name), DecodingKey::from_rsa_der(public)),
            Pair::EdDsa(_) => (EncodingKey::from_ed_der(&name), DecodingKey::from_ed_der(public)),
        };
        Ok((Self { signs, verifies }, parsed.jwk.clone()))
    }
}

impl Parsed {
    fn read(alg: Algorithm, private: &[u8]) -> Result<Self, KeyRejected> {
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Ok(match alg {
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&aws::ECDSA_P256_SHA256_FIXED_SIGNING, private)?;
                // Uncompressed: 4, x, y.
                let public = pair.public_key().as_ref().to_vec();
                let (x, y) = public[1..].split_at(32);
                let jwk = json!({ "kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y) });
                Self { pair: Pair::Es256(pair), jwk, public }
            }
            Algorithm::RS256 => {
                let pair = RsaKeyPair::from_pkcs8(private)?;
                let public = pair.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                let jwk = json!({
                    "kty": "RSA",
                    "n": b64(n.big_endian_without_leading_zero()),
                    "e": b64(e.big_endian_without_leading_zero()),
                });
                let public = public.as_ref().to_vec();
                Self { pair: Pair::Rs256(Box::new(pair)), jwk, public }
            }
            Algorithm::EdDSA => {
                // Without the public half in it too, as OpenSSL writes it.
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(private)?;
                let public = pair.public_key().as_ref().to_vec();
                let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(&public) });
                Self { pair: Pair::EdDsa(pair), jwk, public }
            }
        })
    }
}

static PARSED: LazyLock<RwLock<BTreeMap<Vec<u8>, Arc<Parsed>>>> = LazyLock::new(RwLock::default);

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    // Nothing here makes JWKs by way of `jsonwebtoken`.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Before anything is signed or verified: `jsonwebtoken` stays with the provider that it has first.
fn install() {
    static INSTALL: Once = Once::new();
    // If somebody else has installed another provider, signing fails loudly: a handle is no key to it.
    INSTALL.call_once(|| {
        let _ = PROVIDER.install_default();
    });
}

fn signer(alg: &jsonwebtoken::Algorithm, key: &EncodingKey) -> JwtResult<Box<dyn JwtSigner>> {
    match PARSED.read().unwrap_or_else(PoisonError::into_inner).get(key.as_bytes()) {
        Some(parsed) => Ok(Box::new(Signer { parsed: parsed.clone(), alg: *alg })),
        // A key of somebody else in this process.
        None => (aws_lc::DEFAULT_PROVIDER.signer_factory)(alg, key),
    }
}

fn verifier(alg: &jsonwebtoken::Algorithm, key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    (aws_lc::DEFAULT_PROVIDER.verifier_factory)(alg, key)
}

struct Signer {
    parsed: Arc<Parsed>,
    alg: jsonwebtoken::Algorithm,
}

impl signature::Signer<Vec<u8>> for Signer {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let failed = |error: aws_lc_rs::error::Unspecified| signature::Error::from_source(error);
        match &self.parsed.pair {
            Pair::Es256(pair) => Ok(pair.sign(&SystemRandom::new(), message).map_err(failed)?.as_ref().to_vec()),
            Pair::EdDsa(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::Rs256(pair) => {
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(&aws::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signed).map_err(failed)?;
                Ok(signed)
            }
        }
    }
}

impl JwtSigner for Signer {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        self.alg
    }
}

fn algorithm(alg: Algorithm) -> jsonwebtoken::Algorithm {
    match alg {
        Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::EdDSA => jsonwebtoken::Algorithm::EdDSA,
    }
}

/// A signed JWT of these claims. The header has `alg`, `kid` and, if this kind of token has one, `typ`; nothing else.
///
/// # Errors
/// The key cannot sign.
pub fn sign<'t>(key: &SigningKey, typ: impl Into<Option<&'t str>>, claims: &impl Serialize) -> Result<String, crate::log::Failure> {
    let mut header = Header::new(algorithm(key.alg));
    header.typ = typ.into().map(str::to_owned);
    header.kid = Some(key.kid.as_str().to_owned());
    jsonwebtoken::encode(&header, claims, &key.handle.signs).map_err(|error| crate::log::Failure(format!("key {}: {error}", key.kid)))
}

/// The claims of a JWT that one of these keys signed, if its `typ` is this one. Nothing else is checked: neither time nor issuer.
///
/// The algorithm is the key's and never the token's own choice (RFC 8725, section 3.1).
pub fn verify<'a>(token: &str, typ: &str, keys: impl IntoIterator<Item = &'a SigningKey>) -> Option<Map<String, Value>> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    if header.crit.is_some() || !header.typ.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(typ)) {
        return None;
    }
    let kid = header.kid?;
    let key = keys.into_iter().find(|key| key.kid.as_str() == kid)?;
    let mut validation = Validation::new(algorithm(key.alg));
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    jsonwebtoken::decode(token, &key.handle.verifies, &validation).ok().map(|data| data.claims)
}

/// A JWT of somebody else before its signature is verified: to find out by whose key.
pub struct Unverified {
    /// `alg`, if it is one that is known here.
    pub alg: AssertionAlgorithm,
    /// `kid`.
    pub kid: Option<String>,
    /// The claims, which nobody has vouched for yet.
    pub claims: Map<String, Value>,
}

impl Unverified {
    /// Reads a signed JWT whose `typ` is one of these, in any case, or is not there. Nothing if it is none, or if it has critical headers.
    pub fn read(token: &str, types: &[&str]) -> Option<Self> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let known = header.typ.as_deref().is_none_or(|typ| types.iter().any(|known| known.eq_ignore_ascii_case(typ)));
        if !known || header.crit.is_some() {
            return None;
        }
        let alg = AssertionAlgorithm::ALL.into_iter().find(|alg| foreign(*alg) == header.alg)?;
        let payload = token.split('.').nth(1)?;
        let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        Some(Self { alg, kid: header.kid, claims })
    }
}

/// A NumericDate (RFC 7519, section 2) in whole seconds.
pub fn numeric_date(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64))
}

/// Whether one of these keys has signed a JWT, with this algorithm and no other (RFC 8725, section 3.1).
pub fn is_signed_by<'a>(token: &str, alg: AssertionAlgorithm, keys: impl IntoIterator<Item = &'a DecodingKey>) -> bool {
    install();
    let mut validation = Validation::new(foreign(alg));
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    keys.into_iter().any(|key| jsonwebtoken::decode::<Map<String, Value>>(token, key, &validation).is_ok())
}

fn foreign(alg: AssertionAlgorithm) -> jsonwebtoken::Algorithm {
    match alg {
        AssertionAlgorithm::RS256 => jsonwebtoken::Algorithm::RS256,
        AssertionAlgorithm::RS384 => jsonwebtoken::Algorithm::RS384,
        AssertionAlgorithm::RS512 => jsonwebtoken::Algorithm::RS512,
        AssertionAlgorithm::PS256 => jsonwebtoken::Algorithm::PS256,
        AssertionAlgorithm::PS384 => jsonwebtoken::Algorithm::PS384,
        AssertionAlgorithm::PS512 => jsonwebtoken::Algorithm::PS512,
        AssertionAlgorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        AssertionAlgorithm::ES384 => jsonwebtoken::Algorithm::ES384,
        AssertionAlgorithm::EdDSA => jsonwebtoken::Algorithm::EdDSA,
        AssertionAlgorithm::HS256 => jsonwebtoken::Algorithm::HS256,
        AssertionAlgorithm::HS384 => jsonwebtoken::Algorithm::HS384,
        AssertionAlgorithm::HS512 => jsonwebtoken::Algorithm::HS512,
    }
}

/// `at_hash` (Core, section 3.1.3.6). The hash is that of the algorithm; Ed25519's is SHA-512.
pub fn at_hash(alg: Algorithm, access_token: &str) -> String {
    let hash = match alg {
        Algorithm::ES256 | Algorithm::RS256 => &digest::SHA256,
        Algorithm::EdDSA => &digest::SHA512,
    };
    let hash = digest::digest(hash, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2])
}
