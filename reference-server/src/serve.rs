//! `touchstone serve`: the provider for people and their clients. The entry point, and so the one place that asks the machine for time,
//! chance and names.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::net::TcpListener;

use crate::config::{Config, ConfigError, Secret};
use crate::log::Failure;
use crate::log::durable::{OpenError, Plug};
use crate::names::ManagementToken;
use crate::own_keys::{KeysError, OwnKeys};
use crate::own_tls::{self, TlsError};
use crate::running::Running;
use crate::seam::{self, StartError};
use crate::world::World;
use crate::world::clock::{Clock, Sleep};
use crate::world::fresh::Fresh;
use crate::world::guard::Guard;
use crate::world::outgoing::{Outgoing, Resolve};
use crate::world::quiet::Counts;

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where to listen. Port 0 takes any.
    pub listen: SocketAddr,
    /// The issuers, as clients know them. Without any they are those of the configuration, or `https://localhost:PORT`.
    pub issuers: Vec<String>,
    /// A configuration; without one the clients and users of the fixtures.
    pub config: Option<PathBuf>,
    /// Certificate chain and key, PEM; without them a CA and a certificate are made.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whom outgoing connections trust, PEM; without it those whom browsers trust.
    pub trust_ca: Option<PathBuf>,
    /// Plain HTTP: behind a proxy that ends TLS, or for a trial that does not conform.
    pub http: bool,
    /// Hosts inside that clients may register all the same; it adds to the configuration.
    pub allow_internal: Vec<String>,
    /// The keys of the fixtures, which everybody knows, instead of keys of its own.
    pub fixture_keys: bool,
    /// The file that keeps what has happened; without one it is gone with the process. Keys that are made are kept beside it.
    pub data: Option<PathBuf>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8443)),
            issuers: Vec::new(),
            config: None,
            tls: None,
            trust_ca: None,
            http: false,
            allow_internal: Vec::new(),
            fixture_keys: false,
            data: None,
        }
    }
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A slip in the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file cannot be read or written.
    #[error("{file}: {error}")]
    File {
        /// The file.
        file: String,
        /// Why not.
        error: io::Error,
    },
    /// An issuer of http without `--http`.
    #[error("the issuer {0} is plain HTTP; that does not conform, and needs --http")]
    Plain(String),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address is taken, or not ours.
    #[error("cannot listen on {addr}: {error}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The provider did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The data file is not to be had.
    #[error(transparent)]
    Data(#[from] OpenError),
    /// The keys beside the data file are not to be had.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// No keys or names could be made.
    #[error(transparent)]
    Chance(#[from] Failure),
}

/// Serves until `shutdown` is over, and then stops in good order. `say` gets, once, what a person has to know: addresses, the CA,
/// users, clients.
///
/// # Errors
/// It could not begin.
pub async fn serve(options: ServeOptions, say: impl FnOnce(&str), shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    let listen = |error| ServeError::Listen { addr: options.listen, error };
    let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
    let addr = listener.local_addr().map_err(listen)?;
    let (mut config, theirs) = configuration(&options, addr)?;
    let made = ManagementToken::new(URL_SAFE_NO_PAD.encode(chance()?));
    config.outgoing.allowed_hosts.extend(options.allow_internal.iter().cloned());
    let management = config.management.token.get_or_insert(made).clone();
    let store = seam::store(config.store, options.data.as_ref(), &Plug::default()).map_err(|error| match error {
        StartError::Data(error) => ServeError::Data(error),
        error => error.into(),
    })?;
    let (own_keys, all_are_own) = keys(&options, &mut config)?;
    let (tls, ca) = tls(&options, &config, addr)?;
    let ca_file = ca.map(|ca| CaFile::write(&ca, addr.port())).transpose()?;
    let text = introduction(&options, &config, addr, ca_file.as_ref().map(|file| file.0.as_path()), &management, theirs);

    let counts = Counts::new();
    let resolve: Resolve = Arc::new(|host, port| {
        Box::pin(async move { tokio::net::lookup_host((host, port)).await.map(Iterator::collect).unwrap_or_default() })
    });
    let outgoing = Outgoing::new(resolve, &own_tls::trusting(options.trust_ca.as_deref())?, Guard::new(&config.outgoing));
    let clock = Arc::new(WallClock { counts: counts.clone() });
    let world = World { clock, fresh: Fresh::new(chance()?), counts, outgoing };
    let running = Running::begin(config, world, store, Some(own_keys.clone().maker()), listener, tls).await?;
    if all_are_own {
        own_keys.in_the_background(&running.provider);
    }
    say(&text);
    shutdown.await;
    running.stop().await;
    Ok(())
}

/// What the provider is without a configuration; whatever is not said has its default, so passwords cost what they should.
const DEFAULTS: &str = "
[flags]
enable_back_channel_logout = true
oidc_single_v1_session_termination = true

[subjects]
pairwise_salt = \"of trials, and so that a user is the same after a restart\"
";

/// The configuration, and whether it is the operator's own.
fn configuration(options: &ServeOptions, addr: SocketAddr) -> Result<(Config, bool), ServeError> {
    let mut issuers = options.issuers.clone();
    let (name, mut text) = match &options.config {
        Some(path) => (path.display().to_string(), fs::read_to_string(path).map_err(|error| file(path, error))?),
        None => {
            if issuers.is_empty() {
                let scheme = if options.http { "http" } else { "https" };
                issuers.push(format!("{scheme}://localhost:{}", addr.port()));
            }
            let clients = include_str!("../../fixtures/clients.toml");
            let users = include_str!("../../fixtures/users.toml");
            ("the fixtures".to_owned(), [DEFAULTS, clients, users].join("\n"))
        }
    };
    if options.fixture_keys {
        text.push('\n');
        text.push_str(include_str!("../../fixtures/keys.toml"));
    }
    let config = Config::parse(&name, &text, &issuers)?;
    match config.origins.iter().find(|origin| !origin.secure && !options.http) {
        Some(plain) => Err(ServeError::Plain(plain.issuer.to_string())),
        None => Ok((config, options.config.is_some())),
    }
}

/// Beside a data file, the file of the keys that were made.
fn keys_beside(data: &Path) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push(".keys");
    name.into()
}

/// Sees to it that there are keys: those of the configuration, or else keys of its own; and whether all are its own. Keys that were made
/// at a rotation are there again in any case.
fn keys(options: &ServeOptions, config: &mut Config) -> Result<(Arc<OwnKeys>, bool), ServeError> {
    let (own, kept) = match &options.data {
        Some(data) => OwnKeys::kept_in(keys_beside(data))?,
        None => (OwnKeys::in_memory(), Vec::new()),
    };
    let all_are_own = config.keys.is_empty();
    if all_are_own {
        config.keys = kept;
        own.at_once(&mut config.keys)?;
    } else {
        // Which key signs first is the operator's word, where there is one.
        let given: Vec<_> = config.keys.iter().map(|key| key.kid.clone()).collect();
        config.keys.extend(kept.into_iter().filter(|key| !key.signs() && !given.contains(&key.kid)));
    }
    Ok((Arc::new(own), all_are_own))
}

/// TLS of the server, and the CA if it was made here.
fn tls(
    options: &ServeOptions,
    config: &Config,
    addr: SocketAddr,
) -> Result<(Option<Arc<rustls::ServerConfig>>, Option<String>), ServeError> {
    if options.http {
        return Ok((None, None));
    }
    if let Some((cert, key)) = &options.tls {
        return Ok((Some(own_tls::given(cert, key)?), None));
    }
    let names = own_tls::names(config.origins.iter().map(|origin| origin.authority.as_str()), addr.ip());
    let (server, ca) = own_tls::made(names)?;
    Ok((Some(server), Some(ca)))
}

/// The CA of this run, in a file that goes when the run ends.
struct CaFile(PathBuf);

impl CaFile {
    fn write(ca: &str, port: u16) -> Result<Self, ServeError> {
        let path = std::env::temp_dir().join(format!("touchstone-ca-{}-{port}.pem", std::process::id()));
        // Only as a new file: nobody may have put a link in its place.
        let written = OpenOptions::new().write(true).create_new(true).open(&path).and_then(|mut file| file.write_all(ca.as_bytes()));
        written.map_err(|error| file(&path, error))?;
        Ok(Self(path))
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        // What is left in the directory for temporary files harms nobody.
        let _ = fs::remove_file(&self.0);
    }
}

fn file(path: &Path, error: io::Error) -> ServeError {
    ServeError::File { file: path.display().to_string(), error }
}

/// What a person has to know. Secrets are shown if they are those of the fixtures, which everybody knows, and never if they are the
/// operator's own.
fn introduction(
    options: &ServeOptions,
    config: &Config,
    addr: SocketAddr,
    ca: Option<&Path>,
    management: &ManagementToken,
    theirs: bool,
) -> String {
    let mut text = format!("Listening on {addr}\n");
    let mut line = |name: &str, value: &str| text.push_str(&format!("{name:<12}{value}\n"));
    for origin in &config.origins {
        line("issuer", origin.issuer.as_str());
        line("discovery", &origin.at("/.well-known/openid-configuration"));
    }
    match (options.http, config.origins.iter().all(|origin| origin.secure)) {
        (true, false) => line("", "This is plain HTTP. It does not conform: OpenID Connect asks for TLS everywhere."),
        (true, true) => line("", "This is plain HTTP. TLS has to be ended in front of it, with the Host header as it came."),
        (false, _) => {}
    }
    if let Some(ca) = ca {
        line("CA", &ca.display().to_string());
    }
    if let Some(data) = &options.data {
        line("data", &data.display().to_string());
        if !options.fixture_keys {
            line("keys", &keys_beside(data).display().to_string());
        }
    }
    if options.fixture_keys {
        line("", "The signing keys are those of the fixtures, which everybody knows.");
    }
    if let Some(first) = config.origins.first() {
        line("management", &first.at("/management"));
    }
    if theirs {
        let names = |names: Vec<&str>| names.join(", ");
        line("users", &names(config.users.keys().map(String::as_str).collect()));
        line("clients", &names(config.clients.keys().map(String::as_str).collect()));
        return text;
    }
    line("", &format!("bearer {}", management.reveal()));
    for user in config.users.values() {
        line("user", &format!("{:<12}{}", user.login, user.password.reveal()));
    }
    for client in config.clients.values() {
        let how = client.auth_method.text();
        let secret = client.secret.as_ref().and_then(Secret::itself).map_or("", |secret| secret.reveal());
        line("client", format!("{:<12}{how:<21}{secret}", client.id.as_str()).trim_end());
        for uri in &client.redirect_uris {
            line("", &format!("            {uri}"));
        }
    }
    text
}

/// 256 bits that nobody knows.
#[expect(clippy::disallowed_methods, reason = "this is the entry point, which asks for chance on behalf of all others")]
fn chance() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Failure("the system gave no randomness".to_owned()))?;
    Ok(bytes)
}

/// The clock on the wall.
struct WallClock {
    counts: Arc<Counts>,
}

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "this is the entry point, which asks for the time on behalf of all others")]
    fn now_ms(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
    }

    fn sleep_until(&self, deadline_ms: i64, _name: &str) -> Sleep {
        let wait = u64::try_from(deadline_ms.saturating_sub(self.now_ms())).unwrap_or(0);
        let counts = self.counts.clone();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            counts.busy()
        })
    }
}
