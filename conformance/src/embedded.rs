//! The provider inside this program. The only file of the harness that knows the reference server: text in, numbers out.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock};

use futures_util::future::BoxFuture;
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde_json::Value;
use tokio::sync::watch;

use crate::defect::Defect;
use crate::defect::wire::{Facts, Wire};
use crate::drive::front::{Booth, Glimpse, addresses};
use crate::drive::listen::{Route, Socket};
use crate::drive::live::Live;
use crate::drive::net::{Http, Resolve};
use crate::drive::page::{Hints, Person};
use crate::drive::recorder::Recorder;
use crate::drive::site::{Acts, Lives, Site};
use crate::drive::time::{Clockwork, Quiet, Time};
use crate::fixture::Fixtures;
use crate::scenario::Check;
use crate::transcript::jose::SigningKey;
use crate::transcript::{Ended, FORMAT, Millis, Profile, Transcript};

/// The provider for other programs (`touchstone serve`).
pub use reference_server::{OpenError, ServeError, ServeOptions, serve};

/// What the embedded provider has beyond what everybody is asked for.
pub const HAS: [&str; 2] = ["rfc9068", "zitadel"];

/// What the embedded provider lets the harness do beside speaking the protocol.
pub const POWERS: [&str; 19] = [
    "virtual_time",
    "restart",
    "event_log",
    "configurable",
    "two_origins",
    "own_keys",
    "management_api",
    "admin.set_flag",
    "admin.set_policy",
    "admin.grant_role",
    "admin.revoke_role",
    "admin.lock_user",
    "admin.unlock_user",
    "admin.deactivate_user",
    "admin.reactivate_user",
    "admin.terminate_session",
    "admin.rotate_keys",
    "admin.remove_client",
    "admin.set_up",
];

/// Everything that is made once for all checks: fixtures, a CA, certificates, keys.
pub struct Embedded {
    fixtures: Fixtures,
    keys: BTreeMap<String, SigningKey>,
    provider_tls: Arc<rustls::ServerConfig>,
    front_tls: Arc<rustls::ServerConfig>,
    client_tls: Arc<rustls::ClientConfig>,
}

impl Embedded {
    /// Reads the fixtures and makes the certificates.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn new() -> Result<Self, String> {
        let fixtures = Fixtures::embedded()?;
        let keys = fixtures.signing_keys()?;
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let certificates = certificates().map_err(|e| format!("no certificate could be made: {e}"))?;
        let server = |protocols: &[&str]| -> Result<Arc<rustls::ServerConfig>, rustls::Error> {
            let mut config = rustls::ServerConfig::builder_with_provider(crypto.clone())
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(vec![certificates.leaf.clone()], PrivatePkcs8KeyDer::from(certificates.key.clone()).into())?;
            config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
            // Each check has a provider of its own: there is nothing to resume.
            config.send_tls13_tickets = 0;
            Ok(Arc::new(config))
        };
        let client = || -> Result<rustls::ClientConfig, rustls::Error> {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(certificates.ca.clone())?;
            let mut config = rustls::ClientConfig::builder_with_provider(crypto.clone())
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
            config.resumption = rustls::client::Resumption::disabled();
            Ok(config)
        };
        let words = |e: rustls::Error| format!("TLS cannot be set up: {e}");
        Ok(Self {
            provider_tls: server(&["h2", "http/1.1"]).map_err(words)?,
            front_tls: server(&["http/1.1"]).map_err(words)?,
            client_tls: Arc::new(client().map_err(words)?),
            fixtures,
            keys,
        })
    }

    /// The fixtures.
    pub fn fixtures(&self) -> &Fixtures {
        &self.fixtures
    }

    fn management(&self) -> Option<String> {
        self.fixtures.issuers().get("primary").map(|i| format!("{i}/management"))
    }

    fn management_token(&self) -> String {
        self.fixtures.provider(&["management", "token"]).and_then(|t| t.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// What a defect on the wire has to know of the world, where the clients are these.
    pub fn facts(&self, clients: &BTreeMap<String, Value>) -> Facts {
        Facts {
            clients: clients.clone(),
            issuers: self.fixtures.issuers(),
            management: self.management(),
            keys: self.keys.clone(),
            verifier: "a-verifier-of-the-harness-that-everybody-knows".into(),
            admin_token: Some(self.management_token()),
            addresses: clients.iter().filter_map(|(n, c)| Some((n.clone(), addresses(c)?))).collect(),
        }
    }

    /// A provider of its own for one check, with its relying parties.
    ///
    /// # Errors
    /// Why it could not be started, in words.
    pub async fn site(&self, check: &Check, seed: [u8; 32], defect: Option<&Arc<Defect>>) -> Result<Site, String> {
        let configured = self.fixtures.configured(check)?;
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let socket = Socket::bind(loopback).await.map_err(|e| format!("the relying parties' front: {e}"))?;
        let front = socket.address;
        // The provider's own port and the booth are known a moment later.
        let (provider_at, booth_at) = (Arc::new(OnceLock::<SocketAddr>::new()), Arc::new(OnceLock::<Glimpse>::new()));
        let resolve: Resolve = {
            let (provider_at, booth_at) = (provider_at.clone(), booth_at.clone());
            Arc::new(move |host: &str| match host.strip_suffix(".rp.test") {
                Some(client) if booth_at.get().is_some_and(|b| b.is_gone(client)) => None,
                Some(_) => Some(front),
                None if host == "op.test" || host.ends_with(".op.test") => provider_at.get().copied(),
                None => None,
            })
        };
        // A file on a disk: in memory there is nothing to come back to.
        let kept = check.provider.get("store").is_some_and(|s| s == "durable");
        let folder = kept.then(tempfile::tempdir).transpose().map_err(|e| format!("no folder for the provider's data: {e}"))?;
        let outside = reference_server::Outside {
            tls: Some(self.provider_tls.clone()),
            client_tls: self.client_tls.clone(),
            resolve: {
                let resolve = resolve.clone();
                Arc::new(move |host: &str, _port: u16| resolve(host))
            },
            data: folder.as_ref().map(|f| f.path().join("op.data")),
        };
        let handle = reference_server::start(&configured.text, seed, outside).await.map_err(|e| format!("the embedded provider: {e}"))?;
        let _ = provider_at.set(handle.addr());
        let handle = Arc::new(Running(handle));

        let (issuers, management) = (self.fixtures.issuers(), self.management());
        let wire = defect.map_or_else(Wire::none, |d| Wire::new(d.clone(), self.facts(&configured.clients)));
        let mut users = self.fixtures.users();
        for (name, user) in &mut users {
            // What a person types is the name of the table.
            user["username"] = name.as_str().into();
        }
        let transcript = Transcript {
            format: FORMAT,
            check: check.clone(),
            target: Profile {
                name: "embedded".into(),
                issuers: issuers.clone(),
                management: management.clone(),
                metadata: Value::Null,
                virtual_time: true,
                skew: 0,
                has: HAS.iter().map(|h| (*h).to_owned()).collect(),
            },
            clients: configured.clients.clone(),
            changed: BTreeMap::new(),
            users: users.clone(),
            steps: Vec::new(),
            exchanges: Vec::new(),
            deliveries: Vec::new(),
            opinions: Vec::new(),
            log: None,
            ended: Ended::Harness("it was not finished".into()),
        };
        let clock = handle.clone();
        let live = Live::new(transcript, wire, Arc::new(move || clock.now()));
        let http = Http::new(&self.client_tls, Some(&resolve));
        let booth = Booth::new(live.clone(), http.clone());
        let _ = booth_at.set(booth.glimpse());
        let route: Route = {
            let booth = booth.clone();
            Arc::new(move |_| Some(booth.clone()))
        };
        let listening = socket.serve(Some(self.front_tls.clone()), route);
        let person = |name: &str, user: &Value| {
            let text = |member: &str| user.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
            Person { username: name.to_owned(), password: text("password"), known_as: vec![name.to_owned(), text("name"), text("email")] }
        };
        Ok(Site {
            recorder: Recorder { live, http, booth },
            time: Time::Virtual(handle.clone()),
            origins: issuers,
            hosts: Vec::new(),
            hints: Hints::new(),
            acts: Acts::Api { token: self.management_token() },
            persons: users.iter().map(|(n, u)| (n.clone(), person(n, u))).collect(),
            own_keys: self.keys.clone(),
            seed,
            browsers: ["first", "second", "third"].into_iter().map(|b| (b, crate::drive::browser::Browser::default())).collect(),
            learnt: Mutex::default(),
            pauses: Mutex::default(),
            lives: kept.then(|| handle.clone() as Arc<dyn Lives>),
            alive: vec![Box::new(listening), Box::new(handle), Box::new(folder)],
            barred: None,
        })
    }
}

struct Certificates {
    ca: rustls_pki_types::CertificateDer<'static>,
    leaf: rustls_pki_types::CertificateDer<'static>,
    key: Vec<u8>,
}

/// A CA, and one certificate for all names of the provider and of its clients.
fn certificates() -> Result<Certificates, rcgen::Error> {
    let mut ca = rcgen::CertificateParams::new(Vec::<String>::new())?;
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name.push(rcgen::DnType::CommonName, "Touchstone, made for one run");
    let ca_key = rcgen::KeyPair::generate()?;
    let ca_certificate = ca.self_signed(&ca_key)?;
    let names = ["op.test", "*.op.test", "*.rp.test"].map(str::to_owned);
    let key = rcgen::KeyPair::generate()?;
    let leaf = rcgen::CertificateParams::new(names)?.signed_by(&key, &rcgen::Issuer::new(ca, &ca_key))?;
    Ok(Certificates { ca: ca_certificate.der().clone(), leaf: leaf.der().clone(), key: key.serialize_der() })
}

/// A provider at work.
struct Running(reference_server::Handle);

impl Lives for Running {
    fn down(&self, killed: bool) -> BoxFuture<'_, ()> {
        Box::pin(self.0.down(if killed { reference_server::End::Kill } else { reference_server::End::Stop }))
    }

    fn up(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { self.0.up().await.map_err(|e| format!("the embedded provider does not start again: {e}")) })
    }
}

impl Clockwork for Running {
    fn now(&self) -> Millis {
        self.0.now_ms()
    }

    fn quiet(&self) -> Quiet {
        let quiet = self.0.quiet();
        Quiet { busy: quiet.busy, behind: quiet.behind, open: quiet.open, parked: quiet.parked }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes()
    }

    fn next_timer(&self) -> Option<Millis> {
        self.0.next_timer()
    }

    fn step(&self, until: Millis) -> bool {
        self.0.step(until)
    }
}
