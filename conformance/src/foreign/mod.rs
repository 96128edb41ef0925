//! A provider that others have written: reached over the network, on the clock on the wall, known by its target file and its discovery document.

mod clients;
mod front;
mod process;
mod uses;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;
use sha2::Digest as _;

use crate::defect::Defect;
use crate::defect::wire::{Facts, Wire};
use crate::drive::RunError;
use crate::drive::browser::Browser;
use crate::drive::front::{Booth, addresses};
use crate::drive::live::{Live, Now};
use crate::drive::net::Http;
use crate::drive::page::Hints;
use crate::drive::recorder::Recorder;
use crate::drive::site::{Acts, Site, get};
use crate::drive::time::Time;
use crate::drive::walker::Walker;
use crate::fixture::Fixtures;
use crate::judge::verdict::Skip;
use crate::scenario::word::BROWSERS;
use crate::scenario::{Check, Verb};
use crate::target::file::{Clients, Login, OpenError, TargetFile, User};
use crate::transcript::view::duration_ms;
use crate::transcript::{Answer, Ended, FORMAT, Profile, Transcript};
use clients::Registration;
use front::RunFront;
use process::Started;
use uses::Uses;

/// How long an answer of the provider may take that is no part of any check.
const PATIENCE: Duration = Duration::from_secs(30);

/// The provider, and what the harness learns of it in the course of a run.
pub struct Foreign {
    file: TargetFile,
    fixtures: Fixtures,
    http: Http,
    now: Now,
    slow: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The process, where the harness has started it.
    started: Option<Started>,
    /// The relying parties' side, from the moment when the provider was reached.
    front: Option<Arc<RunFront>>,
    /// The discovery document; null where there is none.
    metadata: Value,
    /// What the clients' addresses of this run have in common, so that no other run's late delivery comes to them.
    run: String,
    /// Clients that can be removed again.
    made: Vec<Registration>,
    /// What has to be said beside the verdicts.
    notes: BTreeSet<String>,
}

impl Foreign {
    /// As a target file describes it. `now` is the clock on the wall; `slow` lets `advance` wait.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn open(path: &Path, now: Now, slow: bool) -> Result<Self, OpenError> {
        let file = TargetFile::open(path)?;
        let tls = Arc::new(trust(file.ca.as_deref()).map_err(OpenError::Unusable)?);
        let fixtures = Fixtures::embedded().map_err(OpenError::Unusable)?;
        Ok(Self { http: Http::new(&tls, None), file, fixtures, now, slow, state: Mutex::default() })
    }

    /// What the file says.
    pub fn file(&self) -> &TargetFile {
        &self.file
    }

    /// `admin.ACT` for each act that has a command, and `two_origins` where there are two.
    pub fn powers(&self) -> Vec<String> {
        let acts = self.file.admin.keys().map(|act| format!("admin.{act}"));
        acts.chain(self.file.other_issuer.iter().map(|_| "two_origins".to_owned())).collect()
    }

    /// Whether `advance` may wait.
    pub fn time_passes(&self) -> bool {
        self.slow
    }

    /// Clients that are given have fixed addresses: one check at a time.
    pub fn jobs(&self, asked: usize) -> usize {
        if matches!(self.file.clients, Clients::Given(_)) { 1 } else { asked.max(1) }
    }

    /// Whether a check changes what all others see, so that it has to run alone.
    pub fn alone(&self, check: &Check) -> bool {
        check.needs.iter().any(|need| need.starts_with("admin.") && need != "admin.terminate_session")
    }

    /// What has to be said beside the verdicts: what it is said to lack and announces all the same, and where the harness had to give way.
    pub fn notes(&self) -> Vec<String> {
        let state = self.state();
        self.probe_lacks(&state.metadata).into_iter().chain(state.notes.iter().cloned()).collect()
    }

    /// Starts it, where the file says how, and asks for its discovery document.
    ///
    /// # Errors
    /// That nobody answers, or that it could not be started.
    pub async fn reach(&self) -> Result<(), RunError> {
        if self.state().front.is_some() {
            return Ok(());
        }
        if let Some(start) = &self.file.start {
            let started = Started::new(start, &self.file.directory, &self.http).await.map_err(RunError::SetUp)?;
            let mut lent = Lent { to: self, started: Some(started) };
            if let Some(started) = &mut lent.started {
                started.ready(start, &self.http).await.map_err(RunError::SetUp)?;
            }
        }
        let url = discovery(&self.file.issuer);
        let answer =
            tokio::time::timeout(PATIENCE, self.http.send(&get(&url), None)).await.unwrap_or_else(|_| Err("no answer in 30 s".into()));
        let answer = answer.map_err(|why| RunError::Unreachable(format!("{url}: {why}")))?;
        let metadata = Some(&answer).filter(|a| a.status == 200).and_then(Answer::json).filter(Value::is_object).unwrap_or_default();
        let front = RunFront::open(&self.file).await.map_err(RunError::SetUp)?;
        let run = short(format!("{} {}", (self.now)(), front.address).as_bytes());
        let mut state = self.state();
        if metadata.is_null() {
            state.notes.insert(format!("{url} answers {}, and not with a discovery document", answer.status));
        }
        (state.metadata, state.run, state.front) = (metadata, run, Some(Arc::new(front)));
        Ok(())
    }

    /// Ends what was begun for the run: removes registered clients, and stops the process. Whoever comes back reaches it anew.
    pub async fn leave(&self) {
        let (started, made) = {
            let mut state = self.state();
            state.front = None;
            (state.started.take(), std::mem::take(&mut state.made))
        };
        match started {
            Some(started) => started.stop().await,
            None => clients::remove(&self.http, made).await,
        }
    }

    /// Why a check cannot be asked here beside what it needs: a person or a client whom the file does not have, or time that takes too long.
    pub fn skip(&self, check: &Check) -> Option<Skip> {
        let uses = Uses::of(check);
        let harness = |power: String| Some(Skip::Harness { power });
        if let Some(user) = uses.users.iter().find(|user| !self.file.users.contains_key(*user)) {
            return harness(format!("a person `{user}` in the target file"));
        }
        if let Some((user, fact)) = uses.facts.iter().find(|(user, fact)| !self.knows(user, fact)) {
            return harness(format!("what `{fact}` of the person `{user}` is, in the target file"));
        }
        if let Some(client) = uses.clients.iter().find(|client| !self.can_have(check, client)) {
            return harness(format!("a client `{client}` in the target file, or registration"));
        }
        if let Some((client, member)) = uses.metadata.iter().find(|(client, member)| !self.says(check, client, member)) {
            let member = member.trim_start_matches('/').replace('/', ".");
            return harness(format!("`{member}` of the client `{client}` in the target file"));
        }
        if let Some(client) = uses.clients.iter().find(|client| uses.authentication && self.authenticates_otherwise(check, client)) {
            return harness(format!("a client `{client}` that authenticates as that of the fixtures does"));
        }
        let steps = check.steps().filter(|step| step.verb == Verb::Advance);
        let mut waits = steps.filter_map(|step| duration_ms(step.fields.get("value")?.as_str()?));
        let longest = i64::try_from(self.file.longest.as_millis()).unwrap_or(i64::MAX);
        let long = waits.find(|wait| self.slow && *wait > longest)?;
        harness(format!("{} s of real time (`longest` in the target file says how much one `advance` may take)", long / 1000))
    }

    /// Whether a client that the file gives has this in its metadata. What a provider answers to a registration is not known before.
    fn says(&self, check: &Check, client: &str, member: &str) -> bool {
        let made = matches!(member, "/basic" | "/client_secret");
        self.given(check, client).is_none_or(|given| made || given.pointer(member).is_some())
    }

    /// Whether a client of the file says who it is in another way than the fixture of its name: what a row then changes of that was
    /// written for another request.
    fn authenticates_otherwise(&self, check: &Check, client: &str) -> bool {
        let Some(given) = self.given(check, client) else { return false };
        let Ok(fixtures) = self.fixtures.configured(check) else { return false };
        // Registration §2: what a client that says nothing uses.
        let method =
            |client: &Value| client.get("token_endpoint_auth_method").and_then(Value::as_str).unwrap_or("client_secret_basic").to_owned();
        fixtures.clients.get(client).is_some_and(|fixture| method(fixture) != method(&given))
    }

    /// What a defect on the wire has to know of the world. Nobody has the provider's keys but itself.
    pub fn facts(&self, clients: &BTreeMap<String, Value>) -> Facts {
        Facts {
            clients: clients.clone(),
            issuers: self.issuers(),
            management: None,
            keys: BTreeMap::new(),
            verifier: "a-verifier-of-the-harness-that-everybody-knows".into(),
            admin_token: None,
            addresses: clients.iter().filter_map(|(name, client)| Some((name.clone(), addresses(client)?))).collect(),
        }
    }

    /// The provider as one check has it before it.
    ///
    /// `sharing` are the checks that are judged on the same walk.
    ///
    /// # Errors
    /// What makes every check impossible.
    pub async fn site(&self, check: &Check, sharing: &[&Check], seed: [u8; 32], defect: Option<&Arc<Defect>>) -> Result<Site, String> {
        let (front, run) = {
            let state = self.state();
            (state.front.clone().ok_or("nobody has reached the target yet")?, state.run.clone())
        };
        let folder = short(format!("{run} {}", check.id).as_bytes());
        let (clients, barred) = match self.clients(check, sharing, &front, &folder).await {
            Ok(clients) => (clients, None),
            Err(why) => (BTreeMap::new(), Some(why)),
        };
        let wire = defect.map_or_else(Wire::none, |defect| Wire::new(defect.clone(), self.facts(&clients)));
        let live = Live::new(self.transcript(check, clients), wire, self.now.clone());
        let booth = Booth::new(live.clone(), self.http.clone());
        front.open_booth(&folder, booth.clone(), live.clone());
        let (browsers, cookies) = self.browsers()?;
        Ok(Site {
            recorder: Recorder { live, http: self.http.clone(), booth },
            time: Time::Real { now: self.now.clone(), quiet: self.file.quiet, slow: self.slow },
            origins: self.issuers(),
            hosts: self.file.hosts.clone(),
            hints: if let Login::Form(hints) = &self.file.login { hints.clone() } else { Hints::new() },
            acts: Acts::Commands { directory: self.file.directory.clone(), acts: self.file.admin.clone() },
            persons: self.file.users.iter().map(|(name, user)| (name.clone(), user.person.clone())).collect(),
            own_keys: BTreeMap::new(),
            seed,
            browsers,
            learnt: Mutex::default(),
            pauses: Mutex::default(),
            lives: None,
            alive: vec![Box::new(front), Box::new(cookies)],
            barred,
        })
    }

    /// Whether the file says this of a person.
    fn knows(&self, user: &str, fact: &str) -> bool {
        self.file.users.get(user).is_some_and(|u| u.facts.contains_key(fact) || matches!(fact, "username" | "password"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn issuers(&self) -> BTreeMap<String, String> {
        let other = self.file.other_issuer.iter().map(|other| ("other".to_owned(), other.clone()));
        [("primary".to_owned(), self.file.issuer.clone())].into_iter().chain(other).collect()
    }

    fn transcript(&self, check: &Check, clients: BTreeMap<String, Value>) -> Transcript {
        let user = |user: &User| {
            let mut known = user.facts.clone();
            known.insert("username".into(), user.person.username.clone().into());
            known.insert("password".into(), user.person.password.clone().into());
            Value::Object(known)
        };
        Transcript {
            format: FORMAT,
            check: check.clone(),
            target: Profile {
                name: self.file.name.clone(),
                issuers: self.issuers(),
                management: None,
                metadata: self.state().metadata.clone(),
                virtual_time: false,
                skew: i64::try_from(self.file.skew.as_millis().div_ceil(1000)).unwrap_or(i64::MAX),
                has: self.file.has.clone(),
            },
            clients,
            changed: BTreeMap::new(),
            users: self.file.users.iter().map(|(name, known)| (name.clone(), user(known))).collect(),
            steps: Vec::new(),
            exchanges: Vec::new(),
            deliveries: Vec::new(),
            opinions: Vec::new(),
            log: None,
            ended: Ended::Harness("it was not finished".into()),
        }
    }

    /// The check's browsers, and the folder that keeps their cookies where a program walks for them.
    fn browsers(&self) -> Result<(BTreeMap<&'static str, Browser>, Option<tempfile::TempDir>), String> {
        let Login::Command(command) = &self.file.login else {
            return Ok((BROWSERS.iter().map(|name| (*name, Browser::default())).collect(), None));
        };
        let folder = tempfile::TempDir::with_prefix("touchstone-").map_err(|e| format!("a folder for cookies: {e}"))?;
        let walker =
            |name: &str| Walker { command: command.clone(), directory: self.file.directory.clone(), cookies: folder.path().join(name) };
        let browsers = BROWSERS.iter().map(|name| (*name, Browser::walked_by(walker(name)))).collect();
        Ok((browsers, Some(folder)))
    }

    /// Each `lacks` of the file against what discovery says.
    fn probe_lacks(&self, metadata: &Value) -> Vec<String> {
        let lacks = self.file.lacks.iter();
        let told = lacks.filter_map(|(feature, because)| Some((feature, because, announced(metadata, feature)?)));
        told.map(|(feature, because, where_)| {
            format!("the target file says that it lacks `{feature}` ({because}), and it announces {where_}")
        })
        .collect()
    }
}

/// The process while it is waited for: whatever becomes of that, it is there to be stopped.
struct Lent<'a> {
    to: &'a Foreign,
    started: Option<Started>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.to.state().started = self.started.take();
    }
}

/// The grants that are features, each with its name in `grant_types_supported` (Discovery §3).
const GRANTS: [(&str, &str); 5] = [
    ("client_credentials", "client_credentials"),
    ("refresh_token", "refresh_token"),
    ("device", "urn:ietf:params:oauth:grant-type:device_code"),
    ("token_exchange", "urn:ietf:params:oauth:grant-type:token-exchange"),
    ("jwt_bearer", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
];

/// Where a discovery document announces a feature (Discovery §3, RFC 8414 §2, Back-Channel Logout §2.1).
fn announced(metadata: &Value, feature: &str) -> Option<String> {
    let address = |member: &str| metadata.get(member)?.as_str().map(|_| format!("`{member}`"));
    let among = |member: &str, word: &str| {
        let listed = metadata.get(member)?.as_array()?.iter().any(|v| v == word);
        listed.then(|| format!("`{word}` in `{member}`"))
    };
    let grant = || GRANTS.iter().find(|(of, _)| *of == feature).and_then(|(_, word)| among("grant_types_supported", word));
    match feature {
        "device" => address("device_authorization_endpoint").or_else(grant),
        "introspection" => address("introspection_endpoint"),
        "revocation" => address("revocation_endpoint"),
        "registration" => address("registration_endpoint"),
        "end_session" => address("end_session_endpoint"),
        "backchannel_logout" => {
            (metadata.get("backchannel_logout_supported") == Some(&Value::Bool(true))).then(|| "`backchannel_logout_supported`".to_owned())
        }
        "form_post" => among("response_modes_supported", "form_post"),
        "private_key_jwt" => among("token_endpoint_auth_methods_supported", "private_key_jwt"),
        // Impersonation and the form of access tokens are announced nowhere.
        _ => grant(),
    }
}

/// The address of the discovery document (Discovery §4): appended to the issuer, whose last slash does not count.
fn discovery(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

/// Ten characters that stand for a text.
fn short(text: &[u8]) -> String {
    sha2::Sha256::digest(text).iter().take(5).map(|byte| format!("{byte:02x}")).collect()
}

/// Whom TLS trusts: the certificates of a file, or else the well-known authorities.
fn trust(ca: Option<&Path>) -> Result<rustls::ClientConfig, String> {
    use hyper_rustls::ConfigBuilderExt as _;
    let words = |e: rustls::Error| format!("TLS cannot be set up: {e}");
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(crypto).with_safe_default_protocol_versions().map_err(words)?;
    let Some(path) = ca else { return Ok(builder.with_webpki_roots().with_no_client_auth()) };
    let wrong = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| wrong(&e))? {
        roots.add(certificate.map_err(|e| wrong(&e))?).map_err(|e| wrong(&e))?;
    }
    if roots.is_empty() {
        return Err(wrong(&"there is no certificate in it"));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn discovery_is_below_the_issuer() {
        assert_eq!(discovery("https://op.example"), "https://op.example/.well-known/openid-configuration");
        assert_eq!(discovery("https://op.example/realms/x/"), "https://op.example/realms/x/.well-known/openid-configuration");
    }

    #[test]
    fn what_is_announced_is_found() {
        let metadata = json!({
            "registration_endpoint": "https://op.example/reg",
            "grant_types_supported": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
            "backchannel_logout_supported": false,
        });
        assert_eq!(announced(&metadata, "registration").as_deref(), Some("`registration_endpoint`"));
        assert!(announced(&metadata, "device").is_some());
        assert!(announced(&metadata, "refresh_token").is_none());
        assert!(announced(&metadata, "backchannel_logout").is_none());
        assert!(announced(&Value::Null, "end_session").is_none());
    }
}
