//! JWS as a reader of the wire needs it: it also reads `none`, unknown algorithms and repeated members, and signs wrongly on purpose.
//!
//! RFC 7515, 7517, 7518. The provider signs with another library; this one never calls it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use hmac::Mac as _;
use rsa::signature::{SignatureEncoding as _, Signer as _, Verifier as _};
use serde_json::Value;
use sha2::Digest as _;

/// A compact JWS, taken apart and not judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Jws {
    /// The JOSE header.
    pub header: Value,
    /// The claims.
    pub claims: Value,
    /// What was signed: the first two segments with their dot.
    pub signed: String,
    /// The signature; empty for `none`.
    pub signature: Vec<u8>,
    /// Member names that come twice, in the header or in the claims, at any depth.
    pub repeated: Vec<String>,
}

impl Jws {
    /// Takes a compact serialisation apart. `None` if it is not three base64url segments around two JSON objects.
    pub fn parse(text: &str) -> Option<Self> {
        let mut segments = text.split('.');
        let (header, claims, signature) = (segments.next()?, segments.next()?, segments.next()?);
        if segments.next().is_some() {
            return None;
        }
        let (header_bytes, claims_bytes) = (B64.decode(header).ok()?, B64.decode(claims).ok()?);
        let parsed: Value = serde_json::from_slice(&header_bytes).ok().filter(Value::is_object)?;
        let body: Value = serde_json::from_slice(&claims_bytes).ok().filter(Value::is_object)?;
        let mut repeated = repeated_names(&header_bytes);
        repeated.extend(repeated_names(&claims_bytes));
        Some(Self { header: parsed, claims: body, signed: format!("{header}.{claims}"), signature: B64.decode(signature).ok()?, repeated })
    }

    /// A header parameter as text.
    pub fn header_str(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// A claim as text.
    pub fn claim_str(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// Verifies under one key of a JWK set. `None`: the algorithm or the key is none that this code knows.
    pub fn verifies_under(&self, jwk: &Value) -> Option<bool> {
        let alg = self.header_str("alg")?;
        let member = |name: &str| jwk.get(name).and_then(Value::as_str).and_then(|t| B64.decode(t).ok());
        let signed = self.signed.as_bytes();
        Some(match (alg, jwk.get("kty").and_then(Value::as_str)?) {
            ("RS256", "RSA") => {
                let key =
                    rsa::RsaPublicKey::new(rsa::BigUint::from_bytes_be(&member("n")?), rsa::BigUint::from_bytes_be(&member("e")?)).ok()?;
                let Ok(signature) = rsa::pkcs1v15::Signature::try_from(self.signature.as_slice()) else { return Some(false) };
                rsa::pkcs1v15::VerifyingKey::<sha2::Sha256>::new(key).verify(signed, &signature).is_ok()
            }
            ("PS256", "RSA") => {
                let key =
                    rsa::RsaPublicKey::new(rsa::BigUint::from_bytes_be(&member("n")?), rsa::BigUint::from_bytes_be(&member("e")?)).ok()?;
                let Ok(signature) = rsa::pss::Signature::try_from(self.signature.as_slice()) else { return Some(false) };
                rsa::pss::VerifyingKey::<sha2::Sha256>::new(key).verify(signed, &signature).is_ok()
            }
            ("ES256", "EC") => {
                let (x, y) = (member("x")?, member("y")?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                let point = p256::EncodedPoint::from_affine_coordinates(x.as_slice().into(), y.as_slice().into(), false);
                let key = p256::ecdsa::VerifyingKey::from_encoded_point(&point).ok()?;
                let Ok(signature) = p256::ecdsa::Signature::from_slice(&self.signature) else { return Some(false) };
                key.verify(signed, &signature).is_ok()
            }
            ("EdDSA" | "Ed25519", "OKP") => {
                let key = ed25519_dalek::VerifyingKey::from_bytes(&member("x")?.try_into().ok()?).ok()?;
                let Ok(signature) = ed25519_dalek::Signature::from_slice(&self.signature) else { return Some(false) };
                key.verify_strict(signed, &signature).is_ok()
            }
            _ => return None,
        })
    }
}

/// How a token is signed that is made here.
#[derive(Clone)]
pub enum SigningKey {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256(Box<rsa::pkcs1v15::SigningKey<sha2::Sha256>>),
    /// ECDSA on P-256.
    Es256(Box<p256::ecdsa::SigningKey>),
    /// Ed25519.
    EdDsa(Box<ed25519_dalek::SigningKey>),
    /// HMAC with SHA-256 over these bytes.
    Hs256(Vec<u8>),
    /// No signature.
    None,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.alg())
    }
}

impl SigningKey {
    /// Reads a private key as `fixtures/keys.toml` has it: PKCS#8 DER in base64, and the algorithm.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_pkcs8(alg: &str, der: &[u8]) -> Result<Self, String> {
        match alg {
            "RS256" => rsa::pkcs8::DecodePrivateKey::from_pkcs8_der(der)
                .map(|k: rsa::RsaPrivateKey| Self::Rs256(Box::new(rsa::pkcs1v15::SigningKey::new(k))))
                .map_err(|e| e.to_string()),
            "ES256" => p256::pkcs8::DecodePrivateKey::from_pkcs8_der(der)
                .map(|k| Self::Es256(Box::new(k)))
                .map_err(|e: p256::pkcs8::Error| e.to_string()),
            "EdDSA" => ed25519_dalek::pkcs8::DecodePrivateKey::from_pkcs8_der(der)
                .map(|k| Self::EdDsa(Box::new(k)))
                .map_err(|e: ed25519_dalek::pkcs8::Error| e.to_string()),
            _ => Err(format!("`{alg}` is none of RS256, ES256, EdDSA")),
        }
    }

    /// A key of that algorithm that nobody published, the same in every run.
    pub fn foreign(alg: &str) -> Self {
        let seed: [u8; 32] = sha2::Sha256::digest(format!("a foreign key for {alg}")).into();
        match alg {
            "EdDSA" => Self::EdDsa(Box::new(ed25519_dalek::SigningKey::from_bytes(&seed))),
            "HS256" => Self::Hs256(seed.to_vec()),
            // A foreign RSA key would have to be found; an Ed25519 or P-256 key under an RS256 header is refused as surely, by its length.
            _ => p256::ecdsa::SigningKey::from_slice(&seed).map_or(Self::None, |k| Self::Es256(Box::new(k))),
        }
    }

    /// The value of `alg`.
    pub fn alg(&self) -> &'static str {
        match self {
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
            Self::Hs256(_) => "HS256",
            Self::None => "none",
        }
    }

    /// Signs these bytes.
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Rs256(k) => k.sign(bytes).to_vec(),
            Self::Es256(k) => {
                let signature: p256::ecdsa::Signature = k.sign(bytes);
                signature.to_vec()
            }
            Self::EdDsa(k) => k.sign(bytes).to_vec(),
            Self::Hs256(secret) => hmac::Hmac::<sha2::Sha256>::new_from_slice(secret).map_or_else(
                |_| Vec::new(),
                |mut mac| {
                    mac.update(bytes);
                    mac.finalize().into_bytes().to_vec()
                },
            ),
            Self::None => Vec::new(),
        }
    }

    /// The public half as a JWK for signatures (RFC 7517, RFC 7518 §6, RFC 8037 §2). `None` where there is no public half.
    pub fn jwk(&self, kid: &str) -> Option<Value> {
        use rsa::traits::PublicKeyParts as _;
        let mut jwk = match self {
            Self::Rs256(k) => {
                let key: &rsa::RsaPrivateKey = k.as_ref().as_ref();
                serde_json::json!({ "kty": "RSA", "n": B64.encode(key.n().to_bytes_be()), "e": B64.encode(key.e().to_bytes_be()) })
            }
            Self::Es256(k) => {
                let point = k.verifying_key().to_encoded_point(false);
                serde_json::json!({ "kty": "EC", "crv": "P-256", "x": B64.encode(point.x()?), "y": B64.encode(point.y()?) })
            }
            Self::EdDsa(k) => serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": B64.encode(k.verifying_key().as_bytes()) }),
            Self::Hs256(_) | Self::None => return None,
        };
        jwk["kid"] = kid.into();
        jwk["alg"] = self.alg().into();
        jwk["use"] = "sig".into();
        Some(jwk)
    }

    /// The public half as PEM text (SPKI), as a careless verifier takes it for an HMAC secret (RFC 8725 §2.1). `None` where there is no public
    /// half.
    pub fn public_pem(&self) -> Option<String> {
        use rsa::pkcs8::EncodePublicKey as _;
        let der = match self {
            Self::Rs256(k) => rsa::signature::Keypair::verifying_key(k.as_ref()).to_public_key_der(),
            Self::Es256(k) => k.verifying_key().to_public_key_der(),
            Self::EdDsa(k) => k.verifying_key().to_public_key_der(),
            Self::Hs256(_) | Self::None => return None,
        };
        let text = base64::engine::general_purpose::STANDARD.encode(der.ok()?.as_bytes());
        let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        Some(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")))
    }

    /// A compact JWS of this header and these claims, as they stand (`alg` is the header's own business).
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()));
        let signature = B64.encode(self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// The left half of the hash that `alg` names, as `at_hash` and `c_hash` carry it (Core §3.1.3.6). `None` for an unknown algorithm.
pub fn half_hash(alg: &str, text: &str) -> Option<String> {
    let hash = match alg {
        "RS256" | "ES256" | "PS256" | "HS256" => sha2::Sha256::digest(text).to_vec(),
        "RS384" | "ES384" | "PS384" | "HS384" => sha2::Sha384::digest(text).to_vec(),
        "RS512" | "ES512" | "PS512" | "HS512" | "EdDSA" | "Ed25519" => sha2::Sha512::digest(text).to_vec(),
        _ => return None,
    };
    Some(B64.encode(&hash[..hash.len() / 2]))
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
pub fn s256(verifier: &str) -> String {
    B64.encode(sha2::Sha256::digest(verifier))
}

/// The public key of a JWK as PEM, which is what a verifier that takes HS256 for RS256 uses as its secret (RFC 8725 §2.1).
pub fn public_pem(jwk: &Value) -> Option<String> {
    let member = |name: &str| jwk.get(name).and_then(Value::as_str).and_then(|t| B64.decode(t).ok());
    match jwk.get("kty").and_then(Value::as_str)? {
        "RSA" => {
            let key =
                rsa::RsaPublicKey::new(rsa::BigUint::from_bytes_be(&member("n")?), rsa::BigUint::from_bytes_be(&member("e")?)).ok()?;
            rsa::pkcs8::EncodePublicKey::to_public_key_pem(&key, rsa::pkcs8::LineEnding::LF).ok()
        }
        "EC" => {
            let (x, y) = (member("x")?, member("y")?);
            if x.len() != 32 || y.len() != 32 {
                return None;
            }
            let point = p256::EncodedPoint::from_affine_coordinates(x.as_slice().into(), y.as_slice().into(), false);
            let key = p256::ecdsa::VerifyingKey::from_encoded_point(&point).ok()?;
            p256::pkcs8::EncodePublicKey::to_public_key_pem(&key, p256::pkcs8::LineEnding::LF).ok()
        }
        "OKP" => Some(jwk.get("x")?.as_str()?.to_owned()),
        _ => None,
    }
}

/// Names that come twice in one object of a JSON text, at any depth; empty if it is no JSON.
pub fn repeated_names(json: &[u8]) -> Vec<String> {
    struct Names(Vec<String>);
    impl<'de> serde::de::DeserializeSeed<'de> for &mut Names {
        type Value = ();
        fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
            d.deserialize_any(self)
        }
    }
    impl<'de> serde::de::Visitor<'de> for &mut Names {
        type Value = ();
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("any JSON")
        }
        fn visit_bool<E>(self, _: bool) -> Result<(), E> {
            Ok(())
        }
        fn visit_i64<E>(self, _: i64) -> Result<(), E> {
            Ok(())
        }
        fn visit_u64<E>(self, _: u64) -> Result<(), E> {
            Ok(())
        }
        fn visit_f64<E>(self, _: f64) -> Result<(), E> {
            Ok(())
        }
        fn visit_str<E>(self, _: &str) -> Result<(), E> {
            Ok(())
        }
        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
            while seq.next_element_seed(&mut *self)?.is_some() {}
            Ok(())
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            let mut seen = std::collections::BTreeSet::new();
            while let Some(name) = map.next_key::<String>()? {
                map.next_value_seed(&mut *self)?;
                if !seen.insert(name.clone()) {
                    self.0.push(name);
                }
            }
            Ok(())
        }
    }
    let mut names = Names(Vec::new());
    let mut reader = serde_json::Deserializer::from_slice(json);
    match serde::de::DeserializeSeed::deserialize(&mut names, &mut reader) {
        Ok(()) => names.0,
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_that_comes_twice_is_seen_at_any_depth() {
        assert_eq!(repeated_names(br#"{"a":1,"b":[{"c":1,"c":2}],"a":3}"#), ["c", "a"]);
        assert!(repeated_names(br#"{"a":{"a":1}}"#).is_empty());
    }

    #[test]
    fn none_is_read_and_verifies_under_nothing() {
        let text = SigningKey::None.token(&json!({ "alg": "none" }), &json!({ "sub": "x" }));
        let jws = Jws::parse(&text).unwrap();
        assert_eq!((jws.claim_str("sub"), jws.signature.len()), (Some("x"), 0));
        assert_eq!(jws.verifies_under(&json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" })), None);
    }

    #[test]
    fn an_ed25519_signature_verifies_under_its_key_and_no_other() {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": B64.encode(key.verifying_key().as_bytes()) });
        let text = SigningKey::EdDsa(Box::new(key)).token(&json!({ "alg": "EdDSA" }), &json!({}));
        assert_eq!(Jws::parse(&text).unwrap().verifies_under(&jwk), Some(true));
        let other = SigningKey::foreign("EdDSA").token(&json!({ "alg": "EdDSA" }), &json!({}));
        assert_eq!(Jws::parse(&other).unwrap().verifies_under(&jwk), Some(false));
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        assert_eq!(s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
