//! What the wire remembers, and what the references in a defect's values name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::message::plain;
use super::wire::{Facts, Tell};
use crate::transcript::jose::{Jws, s256};
use crate::transcript::view::{Part, at, basic, references, time};
use crate::transcript::{Answer, Endpoint, Millis, Request};

/// What passed that later messages are understood by.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// Code, device code or refresh token to the client that it was issued to.
    owners: BTreeMap<String, String>,
    /// Client to the body of its last good token answer.
    held: BTreeMap<String, Value>,
    /// Token to its type (RFC 8693 §3).
    kinds: BTreeMap<String, &'static str>,
    /// The last ID token of anybody.
    last_id_token: Option<String>,
    /// How many deliveries the wire has made up.
    told: u32,
}

/// The message that a value is resolved for.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The request as it came in.
    pub request: &'a Value,
    /// The answer as it came in, on an answer.
    pub answer: Option<&'a Value>,
    /// The first message that fitted the edit.
    pub first: Option<&'a Value>,
    /// What `now` means.
    pub now: Millis,
}

impl Memory {
    /// Whether there is something to learn from an answer.
    pub fn wants(endpoint: Endpoint, answer: &Answer) -> bool {
        matches!(endpoint, Endpoint::Token | Endpoint::Device) || answer.header("location").next().is_some()
    }

    /// Learns from an answer as the harness sees it.
    pub fn learn(&mut self, endpoint: Endpoint, client: Option<&str>, request: &Value, answer: &Value, facts: &Facts) {
        let text = |tree: &Value, path: &[&str]| at(tree, path).and_then(|v| v.as_str().map(str::to_owned));
        // A redirect with a code can come from a page, whose request names no client.
        let client = client.map(str::to_owned).or_else(|| facts.client_of(&text(request, &["param", "client_id"])?).map(str::to_owned));
        if let (Some(code), Some(client)) = (text(answer, &["location", "code"]), &client) {
            self.owners.insert(code, client.clone());
        }
        if at(answer, &["status"]) != Some(json!(200)) {
            return;
        }
        if let (Endpoint::Device, Some(code), Some(client)) = (endpoint, text(answer, &["json", "device_code"]), &client) {
            self.owners.insert(code, client.clone());
        }
        if endpoint != Endpoint::Token {
            return;
        }
        const KINDS: [(&str, &str); 3] = [
            ("access_token", "urn:ietf:params:oauth:token-type:access_token"),
            ("refresh_token", "urn:ietf:params:oauth:token-type:refresh_token"),
            ("id_token", "urn:ietf:params:oauth:token-type:id_token"),
        ];
        for (name, kind) in KINDS {
            self.kinds.extend(text(answer, &["json", name]).map(|token| (token, kind)));
        }
        self.last_id_token = text(answer, &["json", "id_token"]).or(self.last_id_token.take());
        if let (Some(client), Some(body)) = (client, at(answer, &["json"])) {
            self.owners.extend(text(answer, &["json", "refresh_token"]).map(|token| (token, client.clone())));
            self.held.insert(client, body);
        }
    }

    /// A value with its references replaced. `None` if one leads nowhere.
    pub fn resolve(&self, value: &Value, scene: Scene<'_>, facts: &Facts) -> Option<Value> {
        Some(match value {
            Value::String(text) => {
                if let Some(seconds) = time(text, scene.now) {
                    return Some(json!(seconds));
                }
                let parts = references(text);
                if let [Part::Reference(path)] = parts.as_slice() {
                    return self.get(path, scene, facts);
                }
                let mut whole = String::new();
                for part in parts {
                    match part {
                        Part::Text(text) => whole.push_str(text),
                        Part::Reference(path) => whole.push_str(&plain(&self.get(path, scene, facts)?)),
                    }
                }
                Value::String(whole)
            }
            Value::Array(members) => Value::Array(members.iter().map(|m| self.resolve(m, scene, facts)).collect::<Option<_>>()?),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(k, v)| Some((k.clone(), self.resolve(v, scene, facts)?))).collect::<Option<_>>()?)
            }
            other => other.clone(),
        })
    }

    fn get(&self, reference: &str, scene: Scene<'_>, facts: &Facts) -> Option<Value> {
        let path: Vec<&str> = reference.split('.').collect();
        let (root, rest) = path.split_first()?;
        match (*root, rest) {
            ("request", rest) => at(scene.request, rest),
            ("answer", rest) => at(scene.answer?, rest),
            ("first", rest) => at(scene.first?, rest),
            ("client", [name, rest @ ..]) => at(&facts.client(name)?, rest),
            ("op", rest) => facts.op(rest).map(Value::String),
            ("owner", rest) => {
                let owner = self.owner(scene.request)?;
                if rest.is_empty() { Some(json!(owner)) } else { at(&facts.client(owner)?, rest) }
            }
            ("held", rest) => at(self.held.get(scene.request.get("client")?.as_str()?)?, rest),
            ("kind_of", rest) => self.kind(at(scene.request, rest)?.as_str()?).map(|kind| json!(kind)),
            _ => None,
        }
    }

    /// The client that the code, device code or refresh token of a request was issued to.
    fn owner(&self, request: &Value) -> Option<&str> {
        ["code", "device_code", "refresh_token", "subject_token"]
            .iter()
            .find_map(|name| self.owners.get(at(request, &["form", name])?.as_str()?))
            .map(String::as_str)
    }

    fn kind(&self, token: &str) -> Option<&'static str> {
        if let Some(kind) = self.kinds.get(token) {
            return Some(kind);
        }
        // A token that the wire has not seen come: what it says of itself.
        let jws = Jws::parse(token)?;
        Some(match jws.header_str("typ").map(str::to_ascii_lowercase).as_deref() {
            Some("at+jwt" | "application/at+jwt") => "urn:ietf:params:oauth:token-type:access_token",
            _ if jws.claims.get("nonce").is_some() || jws.claims.get("at_hash").is_some() => "urn:ietf:params:oauth:token-type:id_token",
            _ => "urn:ietf:params:oauth:token-type:jwt",
        })
    }

    /// A logout token as the provider would send it to that client, about the session of the client's last ID token, or else of anybody's.
    /// `None`: the client has no address or there is no key.
    pub fn tell(&mut self, client: &str, in_ms: Millis, now: Millis, facts: &Facts) -> Option<Tell> {
        let metadata = facts.clients.get(client)?;
        let text = |name: &str| metadata.get(name).and_then(Value::as_str);
        let url = facts.addresses.get(client).map(|a| a[0].clone()).or_else(|| text("backchannel_logout_uri").map(str::to_owned))?;
        let held = self.held.get(client).and_then(|body| body.get("id_token")).and_then(Value::as_str).map(str::to_owned);
        let of = held.or_else(|| self.last_id_token.clone()).as_deref().and_then(Jws::parse);
        let alg = text("id_token_signed_response_alg").unwrap_or("RS256");
        let signed_by = of.as_ref().and_then(|jws| jws.header_str("kid")).and_then(|kid| facts.keys.get_key_value(kid));
        let (kid, key) = signed_by.filter(|(_, k)| k.alg() == alg).or_else(|| facts.keys.iter().find(|(_, k)| k.alg() == alg))?;
        self.told += 1;
        let seconds = (now + in_ms).div_euclid(1000);
        let mut claims = json!({
            "iss": of.as_ref().and_then(|t| t.claim_str("iss")).or(facts.issuers.get("primary").map(String::as_str)),
            "aud": text("client_id"),
            "iat": seconds,
            "exp": seconds + 120,
            "jti": format!("told-by-the-wire-{}", self.told),
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        for name in ["sub", "sid"] {
            if let Some(value) = of.as_ref().and_then(|t| t.claim_str(name)) {
                claims[name] = json!(value);
            }
        }
        let token = key.token(&json!({ "alg": alg, "typ": "logout+jwt", "kid": kid }), &claims);
        let host = url::Url::parse(&url).ok().map(|u| u[url::Position::BeforeHost..url::Position::AfterPort].to_owned())?;
        let request = Request {
            method: "POST".into(),
            url,
            headers: vec![("host".into(), host), ("content-type".into(), "application/x-www-form-urlencoded".into())],
            body: format!("logout_token={token}"),
        };
        Some(Tell { client: client.to_owned(), request, in_ms })
    }
}

impl Facts {
    /// The name of the client with this `client_id`.
    pub fn client_of(&self, client_id: &str) -> Option<&str> {
        let has = |metadata: &Value| metadata.get("client_id").and_then(Value::as_str) == Some(client_id);
        self.clients.iter().find(|(_, metadata)| has(metadata)).map(|(name, _)| name.as_str())
    }

    /// Metadata of a client, with `basic` as in scenarios.
    fn client(&self, name: &str) -> Option<Value> {
        let mut client = self.clients.get(name)?.clone();
        let text = |name: &str| client.get(name).and_then(Value::as_str).map(str::to_owned);
        if let (Some(id), Some(secret)) = (text("client_id"), text("client_secret")) {
            client["basic"] = json!(basic(&id, &secret));
        }
        Some(client)
    }

    fn op(&self, rest: &[&str]) -> Option<String> {
        let issuer = |name: &str| self.issuers.get(name).cloned();
        match rest {
            [] | ["issuer"] => issuer("primary"),
            ["known_verifier"] => Some(self.verifier.clone()),
            ["known_challenge"] => Some(s256(&self.verifier)),
            ["admin_token"] => self.admin_token.clone(),
            ["management"] | ["management", "issuer"] => self.management.clone(),
            [name] | [name, "issuer"] => issuer(name),
            _ => None,
        }
    }
}
