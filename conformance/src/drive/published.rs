//! The keys of the harness's clients, and what the clients publish at addresses of their own: `jwks_uri` and `sector_identifier_uri`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use base64::Engine as _;
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::embedded_files;
use crate::transcript::jose::SigningKey;
use crate::transcript::{Answer, Request};

/// The algorithms for which a client has a key, the quickest first.
pub const ALGORITHMS: [&str; 3] = ["ES256", "EdDSA", "RS256"];

/// The key that a client signs its assertions with, the same in every run: made of its name, but for RSA, where all have one.
///
/// # Errors
/// That there is no such key.
pub fn client_key(client: &str, alg: &str) -> Result<SigningKey, String> {
    let seed: [u8; 32] = sha2::Sha256::digest(format!("the {alg} key of the client {client}")).into();
    match alg {
        "ES256" => p256::ecdsa::SigningKey::from_slice(&seed).map(|k| SigningKey::Es256(Box::new(k))).map_err(|e| e.to_string()),
        "EdDSA" => Ok(SigningKey::EdDsa(Box::new(ed25519_dalek::SigningKey::from_bytes(&seed)))),
        "RS256" => {
            // Read once: a key of this kind is looked at closely when it is read.
            static ONCE: OnceLock<Result<SigningKey, String>> = OnceLock::new();
            ONCE.get_or_init(shared_by_all).clone()
        }
        _ => Err(format!("clients of the harness have no key for `{alg}`, but for {}", ALGORITHMS.join(", "))),
    }
}

fn shared_by_all() -> Result<SigningKey, String> {
    let file = embedded_files::fixture("client-keys.toml").and_then(|text| text.parse::<toml::Table>().ok());
    let private = file.as_ref().and_then(|keys| keys.get("RS256")?.get("private")?.as_str()).unwrap_or_default();
    let der = base64::engine::general_purpose::STANDARD.decode(private).map_err(|e| format!("client-keys.toml: {e}"))?;
    SigningKey::from_pkcs8("RS256", &der).map_err(|e| format!("client-keys.toml: {e}"))
}

/// The `kid` of a client's key.
pub fn client_kid(client: &str, alg: &str) -> String {
    format!("{client}-{}", alg.to_ascii_lowercase())
}

/// The public keys of a client as a JWK Set.
pub fn client_keys(client: &str) -> Value {
    let key = |alg: &&str| client_key(client, alg).ok()?.jwk(&client_kid(client, alg));
    json!({ "keys": ALGORITHMS.iter().filter_map(key).collect::<Vec<_>>() })
}

/// What one of these clients publishes at the address of a request, if it is one of theirs.
pub fn at(clients: &BTreeMap<String, Value>, request: &Request) -> Option<Answer> {
    let is = |client: &Value, member: &str| client.get(member).and_then(Value::as_str) == Some(&request.url);
    let asked = matches!(request.method.as_str(), "GET" | "HEAD");
    let document = clients.iter().filter(|_| asked).find_map(|(name, client)| {
        if is(client, "jwks_uri") {
            Some(client_keys(name))
        } else if is(client, "sector_identifier_uri") {
            // Registration §5: an array of the redirect URIs of the sector.
            let same_sector = clients.values().filter(|c| is(c, "sector_identifier_uri"));
            let uris = same_sector.filter_map(|c| c.get("redirect_uris")?.as_array()).flatten();
            Some(Value::Array(uris.cloned().collect()))
        } else {
            None
        }
    })?;
    let headers = vec![("content-type".into(), "application/json".into())];
    Some(Answer { status: 200, headers, body: document.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::jose::Jws;

    #[test]
    fn what_a_client_signs_verifies_under_what_it_publishes_and_under_no_other_client() {
        for alg in ALGORITHMS {
            let token = client_key("web", alg).unwrap().token(&json!({ "alg": alg }), &json!({}));
            let under = |client: &str| {
                let keys = client_keys(client);
                let key = keys["keys"].as_array().unwrap().iter().find(|k| k["alg"] == alg).unwrap().clone();
                Jws::parse(&token).unwrap().verifies_under(&key)
            };
            assert_eq!(under("web"), Some(true), "{alg}");
            assert_eq!(under("shop"), Some(alg == "RS256"), "{alg}");
        }
        assert!(client_key("web", "PS256").is_err());
    }

    #[test]
    fn keys_are_published_at_the_address_that_is_registered_and_nowhere_else() {
        let clients = BTreeMap::from([(
            "web".to_owned(),
            json!({ "jwks_uri": "https://web.rp.test/jwks", "sector_identifier_uri": "https://web.rp.test/sector", "redirect_uris": ["https://web.rp.test/cb"] }),
        )]);
        let get = |method: &str, url: &str| {
            at(&clients, &Request { method: method.into(), url: url.into(), headers: Vec::new(), body: String::new() }).map(|a| a.body)
        };
        assert_eq!(get("GET", "https://web.rp.test/jwks"), Some(client_keys("web").to_string()));
        assert_eq!(get("GET", "https://web.rp.test/sector").as_deref(), Some(r#"["https://web.rp.test/cb"]"#));
        assert_eq!(get("GET", "https://web.rp.test/bcl"), None);
        assert_eq!(get("POST", "https://web.rp.test/jwks"), None);
    }
}
