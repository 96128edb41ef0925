//! How a client says who it is (RFC 6749 §2.3, RFC 7523 §2.2, OpenID Connect Core §9): honestly, but for what a row changes before it signs.

use serde_json::{Map, Value, json};

use super::Doing;
use crate::drive::edit::{encode, put, take};
use crate::drive::published::{ALGORITHMS, client_key, client_kid};
use crate::drive::site::Site;
use crate::transcript::Request;
use crate::transcript::jose::SigningKey;
use crate::transcript::view::basic;

/// A client about to make a request.
pub struct Asker {
    /// The name of its fixture.
    pub name: String,
    /// Its metadata as registered.
    pub client: Value,
    /// The origin of the target that it speaks to.
    pub origin: String,
    /// `client_secret_basic` …: as the step says, or as registered.
    pub auth: String,
    /// Its secret: as the step says, or as registered.
    pub secret: Option<String>,
}

impl Asker {
    /// The client of a step.
    ///
    /// # Errors
    /// That none is named, or that there is none of that name.
    pub fn of(site: &Site, doing: &Doing<'_>) -> Result<Self, String> {
        let name = doing.client().ok_or("no client is named")?;
        let client = site.client(&name)?;
        let member = |member: &str| client.get(member).and_then(Value::as_str).map(str::to_owned);
        let auth = doing.text("auth").map(str::to_owned).or_else(|| member("token_endpoint_auth_method"));
        let secret = doing.text("secret").map(str::to_owned).or_else(|| member("client_secret"));
        // Registration §2: what a client that says nothing uses.
        let auth = auth.unwrap_or_else(|| "client_secret_basic".into());
        Ok(Self { name, origin: doing.origin(), auth, secret, client })
    }

    /// Its `client_id`.
    pub fn id(&self) -> &str {
        self.client.get("client_id").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether it shows a token that it signed itself.
    pub fn asserts(&self) -> bool {
        matches!(self.auth.as_str(), "private_key_jwt" | "client_secret_jwt")
    }

    /// A form of these parameters, with its authentication, as a POST. What the step changes of the request is not in it yet.
    ///
    /// # Errors
    /// Why it cannot say who it is, or that an assertion is to be changed and there is none.
    pub async fn post(&self, site: &Site, doing: &Doing<'_>, endpoint: &str, params: &[(&str, &str)]) -> Result<Request, String> {
        let mut form: Vec<(String, String)> = params.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let mut headers = vec![
            ("accept".to_owned(), "application/json".to_owned()),
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ];
        let id = self.id();
        let changes = doing.edits.set.keys().chain(&doing.edits.drop).find(|path| path.starts_with("assertion"));
        if let (false, Some(path)) = (self.asserts(), changes.filter(|path| *path != "assertion")) {
            return Err(format!("`{path}` is changed, and `{}` shows no assertion: it uses {}", self.name, self.auth));
        }
        match (self.auth.as_str(), &self.secret) {
            ("client_secret_basic", Some(secret)) => headers.push(("authorization".into(), format!("Basic {}", basic(id, secret)))),
            ("client_secret_post", Some(secret)) => {
                form.extend([("client_id".into(), id.into()), ("client_secret".into(), secret.clone())])
            }
            ("private_key_jwt" | "client_secret_jwt", _) => form.extend([
                ("client_assertion_type".into(), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".into()),
                ("client_assertion".into(), self.assertion(site, doing).await?),
            ]),
            _ => form.push(("client_id".into(), id.into())),
        }
        Ok(Request { method: "POST".into(), url: endpoint.to_owned(), headers, body: encode(&form) })
    }

    /// What it signs to say who it is (Core §9, RFC 7523 §3).
    async fn assertion(&self, site: &Site, doing: &Doing<'_>) -> Result<String, String> {
        let metadata = site.metadata(&self.origin).await?;
        let alg = self.algorithm(&metadata);
        let key = self.key(&alg)?;
        let mut header = Map::new();
        header.insert("alg".into(), key.alg().into());
        header.insert("typ".into(), "JWT".into());
        if !matches!(key, SigningKey::Hs256(_)) {
            header.insert("kid".into(), client_kid(&self.name, &alg).into());
        }
        let now = site.time.now().div_euclid(1000);
        // Core §9: the audience should be the address of the token endpoint, whichever endpoint is asked.
        let audience = site.endpoint(&self.origin, "token_endpoint").await?;
        let mut claims = Map::new();
        for (name, value) in [
            ("iss", json!(self.id())),
            ("sub", json!(self.id())),
            ("aud", json!(audience)),
            ("iat", json!(now)),
            ("exp", json!(now + 60)),
            ("jti", json!(site.fresh(&format!("assertion {}", doing.number)))),
        ] {
            claims.insert(name.into(), value);
        }
        for (path, value) in &doing.edits.set {
            if let Some(path) = path.strip_prefix("assertion.") {
                put(&mut claims, path, value.clone());
            } else if let Some(path) = path.strip_prefix("assertion_header.") {
                put(&mut header, path, value.clone());
            }
        }
        for path in &doing.edits.drop {
            if let Some(path) = path.strip_prefix("assertion.") {
                take(&mut claims, path);
            } else if let Some(path) = path.strip_prefix("assertion_header.") {
                take(&mut header, path);
            }
        }
        let says = header.get("alg").and_then(Value::as_str).unwrap_or(&alg).to_owned();
        let signer = doing.edits.set.get("assertion_key").and_then(Value::as_str);
        let chosen = match signer {
            // Whoever says that nothing is signed signs nothing.
            None if says == "none" => SigningKey::None,
            None | Some("keep") => key,
            Some("none") => SigningKey::None,
            Some("foreign") => SigningKey::foreign(&alg),
            Some("fixture") => {
                let own = site.own_keys.values().find(|k| k.alg() == alg);
                let why = || format!("the harness has no key of the provider for `{alg}`");
                own.cloned().ok_or_else(|| site.recorder.live.broken(why()))?
            }
            // The public key for a secret (RFC 8725 §2.1).
            Some("hs256-public") => SigningKey::Hs256(key.public_pem().ok_or("there is no public key to take for a secret")?.into_bytes()),
            Some(other) => match other.strip_prefix("client.") {
                Some(name) => client_key(name, &alg)?,
                None => return Err(format!("nobody signs as `{other}`")),
            },
        };
        let said =
            doing.edits.set.contains_key("assertion_header.alg") || doing.edits.drop.iter().any(|path| path == "assertion_header.alg");
        if !said && !matches!(signer, None | Some("foreign")) {
            header.insert("alg".into(), chosen.alg().into());
        }
        Ok(chosen.token(&Value::Object(header), &Value::Object(claims)))
    }

    /// As registered; else one that the provider takes, RS256 where it does not say (Discovery §3).
    fn algorithm(&self, metadata: &Value) -> String {
        if self.auth == "client_secret_jwt" {
            return "HS256".into();
        }
        let registered = self.client.get("token_endpoint_auth_signing_alg").and_then(Value::as_str);
        let taken = metadata.get("token_endpoint_auth_signing_alg_values_supported").and_then(Value::as_array);
        let can = |alg: &&&str| taken.is_some_and(|all| all.iter().any(|a| a == **alg));
        registered.or_else(|| ALGORITHMS.iter().find(can).copied()).unwrap_or("RS256").to_owned()
    }

    fn key(&self, alg: &str) -> Result<SigningKey, String> {
        if self.auth == "private_key_jwt" {
            return client_key(&self.name, alg);
        }
        // Who has no secret can only make one up, and is not let in by it.
        let Some(secret) = &self.secret else { return Ok(SigningKey::foreign(alg)) };
        Ok(SigningKey::Hs256(secret.clone().into_bytes()))
    }
}
