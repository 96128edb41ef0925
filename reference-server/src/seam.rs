//! Where a harness takes hold: a provider with a virtual clock on a port of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client_keys::FetchedKeys;
use crate::config::{Config, ConfigError, StoreKind};
use crate::keys::Keyring;
use crate::log::memory::Memory;
use crate::log::{Failure, Log};
use crate::notifier::{self, Rounds};
use crate::passwords::Passwords;
use crate::provider::Provider;
use crate::world::World;
use crate::world::clock::VirtualClock;
use crate::world::fresh::Fresh;
use crate::world::guard::Guard;
use crate::world::outgoing::{Outgoing, Resolve};
use crate::world::quiet::Counts;
use crate::{http, keys};

pub use crate::world::quiet::Quiet;

/// Host, port: where to connect, if there is such a name.
pub type ResolveName = Arc<dyn Fn(&str, u16) -> Option<SocketAddr> + Send + Sync>;

/// What lies outside of a provider.
pub struct Outside {
    /// TLS of the server, for all names of the provider; without it plain HTTP is spoken.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// TLS of outgoing connections.
    pub client_tls: Arc<rustls::ClientConfig>,
    /// Where a host and port lead. Nowhere means that the name does not exist.
    pub resolve: ResolveName,
}

/// Why a provider did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A slip in the configuration: file, line, column, what, and the nearest right word.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Clients want an algorithm for which there is no key.
    #[error("client `{client}` wants {alg}, and there is no current key for it")]
    NoKey {
        /// The client.
        client: String,
        /// The algorithm.
        alg: &'static str,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Failure),
    /// No port could be had.
    #[error("no port to listen on: {0}")]
    Listen(#[from] std::io::Error),
}

/// Starts a provider with a virtual clock on a port of 127.0.0.1. `config` is TOML; `seed` feeds every fresh name.
///
/// # Errors
/// The configuration has a slip, or no port could be had.
pub async fn start(config: &str, seed: [u8; 32], outside: Outside) -> Result<Handle, StartError> {
    let config = Config::parse("provider.toml", config, &[])?;
    if let Some(client) =
        config.clients.values().find(|client| !config.keys.iter().any(|key| key.signs() && key.alg == client.id_token_alg))
    {
        return Err(StartError::NoKey { client: client.id.to_string(), alg: client.id_token_alg.text() });
    }
    let counts = Counts::new();
    let clock = Arc::new(VirtualClock::new(counts.clone()));
    let Outside { tls, client_tls, resolve } = outside;
    let resolve: Resolve = Arc::new(move |host, port| {
        let found = resolve(&host, port);
        Box::pin(std::future::ready(found.into_iter().collect()))
    });
    let outgoing = Outgoing::new(resolve, &client_tls, Guard::new(&config.outgoing));
    let world = World { clock: clock.clone(), fresh: Fresh::new(seed), counts, outgoing };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let running = Running::begin(config, world, None, listener, tls).await?;
    Ok(Handle { clock, running })
}

/// A provider that serves.
pub(crate) struct Running {
    pub provider: Arc<Provider>,
    pub addr: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    notifier: JoinHandle<()>,
}

impl Running {
    /// Puts a provider together and lets it serve.
    pub async fn begin(
        mut config: Config,
        world: World,
        key_maker: Option<keys::KeyMaker>,
        listener: TcpListener,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Result<Self, StartError> {
        let addr = listener.local_addr()?;
        let store = match config.store {
            StoreKind::Memory => Box::new(Memory::default()),
        };
        let log = Log::new(store, world.counts.clone());
        let keys = Keyring::new(std::mem::take(&mut config.keys));
        if config.set_up {
            notifier::activate(&log, world.now_ms()).await?;
        }
        let passwords = Passwords::new(&config.password)?;
        let rounds = Rounds::new(world.counts.clone());
        let fetched_keys = FetchedKeys::default();
        let provider = Arc::new(Provider { config, world, log, keys, passwords, rounds, fetched_keys, key_maker });
        let (stop, stopped) = watch::channel(false);
        let notifier = tokio::spawn(notifier::run(provider.clone(), stopped.clone()));
        let server = tokio::spawn(http::serve(listener, tls, provider.clone(), stopped));
        Ok(Self { provider, addr, stop, server, notifier })
    }

    /// Stops: no new connection, no new attempt of a telling, and an answer to whoever is waiting for one.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // The notifier first: handlers that wait for it go on when it has stopped.
        let _ = self.notifier.await;
        let _ = self.server.await;
    }
}

/// A provider under the harness's hand.
pub struct Handle {
    clock: Arc<VirtualClock>,
    running: Running,
}

impl Handle {
    /// Where it listens, for all its origins; they are told apart by `Host`.
    pub fn addr(&self) -> SocketAddr {
        self.running.addr
    }

    /// Virtual time, in milliseconds since 1970. It begins at 2026-01-01T12:00:00Z.
    pub fn now_ms(&self) -> i64 {
        self.running.provider.world.now_ms()
    }

    /// Who is at work now.
    pub fn quiet(&self) -> Quiet {
        self.running.provider.world.counts.quiet()
    }

    /// Ticks whenever a number of [`Quiet`] may have changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.running.provider.world.counts.changes()
    }

    /// When the earliest timer is due, in milliseconds since 1970.
    pub fn next_timer(&self) -> Option<i64> {
        self.clock.next_timer()
    }

    /// If the earliest timer is due by `until_ms`: sets the clock to its deadline, wakes that one and returns true. Else sets the
    /// clock to `until_ms` and returns false.
    pub fn step(&self, until_ms: i64) -> bool {
        self.clock.step(until_ms)
    }

    /// Stops in good order.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}
