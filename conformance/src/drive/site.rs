//! A target as one check has it before it: addresses, clocks, clients, browsers.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use futures_util::future::BoxFuture;
use hmac::Mac as _;
use serde_json::{Map, Value};
use url::Url;

use super::browser::{Browser, Places};
use super::front::addresses;
use super::page::{Flow, Hints, Person};
use super::recorder::{Errand, Recorder};
use super::registration;
use super::time::Time;
use crate::transcript::jose::SigningKey;
use crate::transcript::{Endpoint, Millis, Request};

/// Everything that the verbs work on.
pub struct Site {
    /// Sends and records.
    pub recorder: Recorder,
    /// How time passes there.
    pub time: Time,
    /// `primary`, `other`: their issuers.
    pub origins: BTreeMap<String, String>,
    /// Further origins that belong to the target, such as that of its login application.
    pub hosts: Vec<String>,
    /// What the target file says of its pages.
    pub hints: Hints,
    /// How the harness gets things done on the provider's side.
    pub acts: Acts,
    /// How a person signs in.
    pub persons: BTreeMap<String, Person>,
    /// The provider's own private keys by `kid`, where the harness has them (power `own_keys`).
    pub own_keys: BTreeMap<String, SigningKey>,
    /// Makes fresh values.
    pub seed: [u8; 32],
    /// The check's browsers.
    pub browsers: BTreeMap<&'static str, Browser>,
    /// What was learnt of each origin.
    pub learnt: Mutex<BTreeMap<String, Learnt>>,
    /// The pause of each device code, as its device has to keep it.
    pub pauses: Mutex<BTreeMap<String, Pause>>,
    /// How the target is ended and started again, where it keeps what it knows (power `restart`).
    pub lives: Option<Arc<dyn Lives>>,
    /// What has to live as long as the check: listeners, the provider.
    pub alive: Vec<Box<dyn Any + Send + Sync>>,
    /// Why the check cannot be walked here: a client could not be made.
    pub barred: Option<String>,
}

/// A target that the harness can end and start again.
pub trait Lives: Send + Sync {
    /// Ends it: in good order, or in the middle of whatever it does.
    fn down(&self, killed: bool) -> BoxFuture<'_, ()>;
    /// Starts it again on what it has kept.
    fn up(&self) -> BoxFuture<'_, Result<(), String>>;
}

/// How acts on the provider's side are done.
#[derive(Clone, Default)]
pub enum Acts {
    /// Not at all.
    #[default]
    None,
    /// Over the management API, with this bearer token.
    Api {
        /// The token.
        token: String,
    },
    /// As commands of the target file.
    Commands {
        /// The folder in which they are started.
        directory: PathBuf,
        /// The words of each, by act.
        acts: BTreeMap<String, Vec<String>>,
    },
}

/// How long a device has to wait before it asks again (RFC 8628 §3.5).
#[derive(Debug, Clone, Copy)]
pub struct Pause {
    /// When it asked last.
    pub asked: Millis,
    /// The pause that it was told, grown by five seconds with each `slow_down`.
    pub pause: Millis,
}

/// What the client knows of an origin.
#[derive(Debug, Clone, Default)]
pub struct Learnt {
    /// The discovery document.
    pub metadata: Option<Value>,
    /// The key set as last fetched.
    pub keys: Option<Value>,
}

impl Site {
    /// A value that nobody can guess without the run's seed, and that is the same in every run: 43 characters.
    pub fn fresh(&self, purpose: &str) -> String {
        let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&self.seed).map(|mut mac| {
            mac.update(purpose.as_bytes());
            mac.finalize().into_bytes()
        });
        mac.map(|bytes| B64.encode(bytes)).unwrap_or_default()
    }

    /// The issuer of an origin.
    ///
    /// # Errors
    /// That the target has no such origin.
    pub fn issuer(&self, origin: &str) -> Result<&str, String> {
        self.origins.get(origin).map(String::as_str).ok_or_else(|| format!("the target has no origin `{origin}`"))
    }

    fn learnt(&self, origin: &str) -> Learnt {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner).get(origin).cloned().unwrap_or_default()
    }

    fn learn(&self, origin: &str, change: impl FnOnce(&mut Learnt)) {
        change(self.learnt.lock().unwrap_or_else(PoisonError::into_inner).entry(origin.to_owned()).or_default());
    }

    /// The discovery document of an origin; fetched the first time.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn metadata(&self, origin: &str) -> Result<Value, String> {
        if let Some(known) = self.learnt(origin).metadata {
            return Ok(known);
        }
        let (index, _) = self.discover(origin, false, Errand::default()).await?;
        self.learnt(origin).metadata.ok_or_else(|| {
            let why = self.recorder.live.lock().transcript.exchanges[index]
                .answer
                .as_ref()
                .map_or_else(Clone::clone, |a| format!("{} and no JSON object", a.status));
            format!("no discovery document: {why}")
        })
    }

    /// Fetches the discovery document: OpenID Connect's address, or RFC 8414's.
    ///
    /// # Errors
    /// That there is no such origin.
    pub async fn discover(&self, origin: &str, oauth: bool, errand: Errand) -> Result<(usize, Request), String> {
        let issuer = self.issuer(origin)?;
        let mut url = Url::parse(issuer).map_err(|e| format!("the issuer `{issuer}`: {e}"))?;
        let path = url.path().trim_end_matches('/').to_owned();
        // Discovery §4 appends, RFC 8414 §3 inserts.
        url.set_path(&if oauth {
            format!("/.well-known/oauth-authorization-server{path}")
        } else {
            format!("{path}/.well-known/openid-configuration")
        });
        let request = get(url.as_str());
        let index = self.recorder.send(Endpoint::Discovery, origin, request.clone(), &errand).await;
        let document = self.recorder.answer(index).filter(|a| a.status == 200).and_then(|a| a.json()).filter(Value::is_object);
        if let Some(document) = document {
            let mut growing = self.recorder.live.lock();
            if origin == "primary" && growing.transcript.target.metadata.is_null() {
                growing.transcript.target.metadata = document.clone();
            }
            drop(growing);
            self.learn(origin, |l| l.metadata = Some(document));
        }
        Ok((index, request))
    }

    /// The address of an endpoint from discovery.
    ///
    /// # Errors
    /// That it is not there.
    pub async fn endpoint(&self, origin: &str, member: &str) -> Result<String, String> {
        let metadata = self.metadata(origin).await?;
        metadata.get(member).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("the discovery document has no `{member}`"))
    }

    /// The address of an endpoint from discovery, for a flow that a target may lack.
    ///
    /// # Errors
    /// That it is not there, and how a target file says so.
    pub async fn endpoint_of(&self, origin: &str, member: &str, feature: &str) -> Result<String, String> {
        let lacking = format!("if the provider has no {feature}, its target file says so: `[[lacks]]` with `feature = \"{feature}\"`");
        self.endpoint(origin, member).await.map_err(|why| format!("{why}; {lacking}"))
    }

    /// Fetches the key set.
    ///
    /// # Errors
    /// That its address is not known.
    pub async fn fetch_keys(&self, origin: &str, errand: Errand) -> Result<usize, String> {
        let url = self.endpoint(origin, "jwks_uri").await?;
        let index = self.recorder.send(Endpoint::Keys, origin, get(&url), &errand).await;
        let keys = self.recorder.answer(index).filter(|a| a.status == 200).and_then(|a| a.json());
        self.learn(origin, |l| l.keys = keys);
        Ok(index)
    }

    /// The key set in which a key of this id is, if it can be had: fetched if it was not yet, or if the id is unknown.
    pub async fn keys_for(&self, origin: &str, kid: Option<&str>) -> Option<Value> {
        if let Some(known) = self.learnt(origin).keys.filter(|keys| has(keys, kid)) {
            return Some(known);
        }
        self.fetch_keys(origin, Errand::default()).await.ok()?;
        self.learnt(origin).keys
    }

    /// Metadata of a client of the check.
    ///
    /// # Errors
    /// That there is none of that name.
    pub fn client(&self, name: &str) -> Result<Value, String> {
        self.recorder.live.lock().transcript.clients.get(name).cloned().ok_or_else(|| format!("there is no client `{name}`"))
    }

    /// Metadata of a client as the provider has it from now on, which replaces what was known.
    pub fn learn_client(&self, name: &str, told: &Map<String, Value>) {
        let mut growing = self.recorder.live.lock();
        let Some(Value::Object(client)) = growing.transcript.clients.get_mut(name) else { return };
        let changed = registration::learn(client, told);
        let known = Value::Object(client.clone());
        if let Some(facts) = growing.wire.facts_mut() {
            facts.addresses.extend(addresses(&known).map(|all| (name.to_owned(), all)));
            facts.clients.insert(name.to_owned(), known);
        }
        for (member, before) in changed {
            growing.transcript.changed.entry(name.to_owned()).or_default().entry(member).or_default().push(before);
        }
    }

    /// A browser of the check.
    ///
    /// # Errors
    /// That there is none of that name.
    pub fn browser(&self, name: &str) -> Result<&Browser, String> {
        self.browsers.get(name).ok_or_else(|| format!("there is no browser `{name}`"))
    }
}

impl Places for Site {
    fn of_target(&self, url: &Url) -> Option<(String, Endpoint)> {
        let learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, issuer) in &self.origins {
            let metadata = learnt.get(name).and_then(|l| l.metadata.as_ref());
            let same_place = |address: &str| Url::parse(address).is_ok_and(|a| a.origin() == url.origin());
            let endpoints = metadata.and_then(Value::as_object);
            let known = endpoints.into_iter().flatten().filter_map(|(member, v)| Some((member.as_str(), v.as_str()?)));
            let exact = known
                .clone()
                .find(|(m, v)| is_endpoint(m) && Url::parse(v).is_ok_and(|v| v.origin() == url.origin() && v.path() == url.path()));
            if let Some((member, _)) = exact {
                return Some((name.clone(), endpoint_of(member)));
            }
            if same_place(issuer) || known.clone().any(|(m, v)| is_endpoint(m) && same_place(v)) {
                let path = url.path();
                let registered = known.clone().find(|(m, _)| *m == "registration_endpoint").and_then(|(_, v)| Url::parse(v).ok());
                let endpoint = match path {
                    _ if registered.is_some_and(|r| path.starts_with(&format!("{}/", r.path().trim_end_matches('/')))) => {
                        Endpoint::Register
                    }
                    _ if path.contains("/.well-known/") => Endpoint::Discovery,
                    _ if path.contains("/management/") => Endpoint::Management,
                    _ => Endpoint::Page,
                };
                return Some((name.clone(), endpoint));
            }
        }
        let belongs = self.hosts.iter().any(|host| Url::parse(host).is_ok_and(|host| host.origin() == url.origin()));
        belongs.then(|| ("primary".to_owned(), Endpoint::Page))
    }

    fn of_client(&self, url: &Url, flow: Flow) -> Option<(String, bool)> {
        let growing = self.recorder.live.lock();
        let (member, post_logout) = match flow {
            Flow::Authorize => ("redirect_uris", false),
            Flow::EndSession => ("post_logout_redirect_uris", true),
            // The device asks for its tokens; nobody is sent to a client.
            Flow::Device => return None,
        };
        let registered = |client: &Value| {
            let all = client.get(member).and_then(Value::as_array).cloned().unwrap_or_default();
            all.iter().filter_map(Value::as_str).filter_map(|u| Url::parse(u).ok()).any(|u| same_address(&u, url))
        };
        growing.transcript.clients.iter().find(|(_, c)| registered(c)).map(|(name, _)| (name.clone(), post_logout))
    }

    fn hints(&self) -> &Hints {
        &self.hints
    }
}

/// Equal but for the query; the port of a loopback address is free (RFC 8252 §7.3).
fn same_address(registered: &Url, url: &Url) -> bool {
    let loopback = matches!(registered.host_str(), Some("127.0.0.1" | "[::1]"));
    registered.scheme() == url.scheme()
        && registered.host_str() == url.host_str()
        && (loopback || registered.port_or_known_default() == url.port_or_known_default())
        && registered.path() == url.path()
}

fn has(keys: &Value, kid: Option<&str>) -> bool {
    kid.is_none_or(|kid| keys["keys"].as_array().is_some_and(|all| all.iter().any(|k| k["kid"] == kid)))
}

fn is_endpoint(member: &str) -> bool {
    member.ends_with("_endpoint") || member == "jwks_uri"
}

fn endpoint_of(member: &str) -> Endpoint {
    match member {
        "authorization_endpoint" => Endpoint::Authorize,
        "token_endpoint" => Endpoint::Token,
        "userinfo_endpoint" => Endpoint::Userinfo,
        "jwks_uri" => Endpoint::Keys,
        "end_session_endpoint" => Endpoint::EndSession,
        "introspection_endpoint" => Endpoint::Introspect,
        "revocation_endpoint" => Endpoint::Revoke,
        "device_authorization_endpoint" => Endpoint::Device,
        "registration_endpoint" => Endpoint::Register,
        _ => Endpoint::Other,
    }
}

/// A GET without anything.
pub fn get(url: &str) -> Request {
    Request { method: "GET".into(), url: url.to_owned(), headers: Vec::new(), body: String::new() }
}
