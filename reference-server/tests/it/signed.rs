//! JWTs that a client has signed, and the client that publishes the key for them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reference_server::Handle;
use serde_json::{Value, json};

use crate::relying_party::Parties;
use crate::walker::{Walker, fixtures, provider_with};

/// A public key of the fixtures, under another name, and its private half.
pub fn key(kid: &str) -> (Value, EncodingKey) {
    let keys: toml::Table = include_str!("../../../fixtures/keys.toml").parse().expect("TOML");
    let entry = keys["keys"].as_array().expect("keys").iter().find(|key| key["alg"].as_str() == Some("ES256")).expect("a key");
    let private = STANDARD.decode(entry["private"].as_str().expect("text")).expect("base64");
    // The last 65 bytes of a PKCS#8 key of P-256 are its public half: 4, x, y.
    let public = &private[private.len() - 64..];
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let jwk = json!({ "kty": "EC", "crv": "P-256", "x": b64(&public[..32]), "y": b64(&public[32..]), "kid": kid, "use": "sig" });
    (jwk, EncodingKey::from_ec_der(&private))
}

/// A provider whose back office publishes its key, with changes to its configuration.
pub async fn backoffice(change: impl Fn(String) -> String) -> (Handle, Walker, Parties) {
    let parties = Parties::new().await;
    parties.publishes("backoffice.rp.test", &json!({ "keys": [key("office-1").0] }).to_string());
    let config = fixtures().replace("[clients.backoffice]", "[clients.backoffice]\njwks_uri = 'https://backoffice.rp.test/jwks'");
    let handle = provider_with(&change(config), parties.resolve()).await;
    let walker = Walker::new(&handle);
    (handle, walker, parties)
}

/// What the back office says of a user, with some claims changed; null leaves one out.
pub fn said(handle: &Handle, sub: &str, changes: &Value) -> String {
    let now = handle.now_ms() / 1000;
    let mut claims = json!({ "iss": "backoffice", "sub": sub, "aud": "https://op.test", "exp": now + 60, "iat": now });
    for (name, value) in changes.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    claims.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("office-1".to_owned());
    jsonwebtoken::encode(&header, &claims, &key("office-1").1).expect("signed")
}
