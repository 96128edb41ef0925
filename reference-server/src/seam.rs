//! Where a harness takes hold: a provider with a virtual clock on a port of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::{Config, ConfigError, StoreKind};
use crate::log::durable::{Durable, OpenError, Plug};
use crate::log::memory::Memory;
use crate::log::{Failure, Store};
use crate::running::Running;
use crate::world::World;
use crate::world::clock::{Clock as _, VirtualClock};
use crate::world::fresh::{Chance, Fresh};
use crate::world::guard::Guard;
use crate::world::outgoing::{Outgoing, Resolve};
use crate::world::quiet::Counts;

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
    /// The file of a durable store; made if there is none. Where the configuration says `store = "durable"`.
    pub data: Option<PathBuf>,
}

/// How a provider ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In good order.
    Stop,
    /// In the middle of whatever it does: nothing is answered, nothing is written any more.
    Kill,
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
    /// The data file is not to be had.
    #[error(transparent)]
    Data(#[from] OpenError),
    /// A durable store without a file.
    #[error("the configuration says `store = \"durable\"`, and no data file is named (`serve --data FILE`)")]
    NoFile,
    /// No port could be had.
    #[error("no port to listen on: {0}")]
    Listen(#[from] std::io::Error),
}

/// Starts a provider with a virtual clock on a port of 127.0.0.1. `config` is TOML; every fresh name is drawn from
/// `chance`, which may be a seed.
///
/// # Errors
/// The configuration has a slip, the data file cannot be opened, or no port could be had.
pub async fn start(config: &str, chance: impl Into<Chance>, outside: Outside) -> Result<Handle, StartError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let addr = listener.local_addr()?;
    let counts = Counts::new();
    let clock = Arc::new(VirtualClock::new(counts.clone()));
    let site = Site { config: config.to_owned(), chance: chance.into(), outside, listener: listener.into_std()?, clock, counts };
    let life = site.begin().await?;
    Ok(Handle { site, addr, life: tokio::sync::Mutex::new(Some(life)) })
}

/// The store that the configuration asks for.
pub(crate) fn store(kind: StoreKind, data: Option<&PathBuf>, plug: &Plug) -> Result<Box<dyn Store>, StartError> {
    match (kind, data) {
        (_, Some(file)) => Ok(Box::new(Durable::open(file, plug.clone())?)),
        (StoreKind::Memory, None) => Ok(Box::new(Memory::default())),
        (StoreKind::Durable, None) => Err(StartError::NoFile),
    }
}

/// What stays when the provider starts again: the port, the time, the names.
struct Site {
    config: String,
    chance: Chance,
    outside: Outside,
    listener: std::net::TcpListener,
    clock: Arc<VirtualClock>,
    counts: Arc<Counts>,
}

/// From a start to its end.
struct Life {
    running: Running,
    plug: Plug,
}

impl Site {
    async fn begin(&self) -> Result<Life, StartError> {
        let config = Config::parse("provider.toml", &self.config, &[])?;
        if let Some(client) =
            config.clients.values().find(|client| !config.keys.iter().any(|key| key.signs() && key.alg == client.id_token_alg))
        {
            return Err(StartError::NoKey { client: client.id.to_string(), alg: client.id_token_alg.text() });
        }
        let resolve: Resolve = {
            let resolve = self.outside.resolve.clone();
            Arc::new(move |host, port| {
                let found = resolve(&host, port);
                Box::pin(std::future::ready(found.into_iter().collect()))
            })
        };
        let world = World {
            clock: self.clock.clone(),
            fresh: Fresh::new(self.chance.clone()),
            counts: self.counts.clone(),
            outgoing: Outgoing::new(resolve, &self.outside.client_tls, Guard::new(&config.outgoing)),
        };
        let plug = Plug::default();
        let data = self.outside.data.as_ref().filter(|_| config.store == StoreKind::Durable);
        let store = store(config.store, data, &plug)?;
        // Its port is kept meanwhile, or somebody else might have it.
        let listener = TcpListener::from_std(self.listener.try_clone()?)?;
        let running = Running::begin(config, world, store, None, listener, self.outside.tls.clone()).await?;
        Ok(Life { running, plug })
    }
}

/// A provider under the harness's hand.
pub struct Handle {
    site: Site,
    addr: SocketAddr,
    life: tokio::sync::Mutex<Option<Life>>,
}

impl Handle {
    /// Where it listens, for all its origins; they are told apart by `Host`.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Virtual time, in milliseconds since 1970. It begins at 2026-01-01T12:00:00Z.
    pub fn now_ms(&self) -> i64 {
        self.site.clock.now_ms()
    }

    /// Who is at work now.
    pub fn quiet(&self) -> Quiet {
        self.site.counts.quiet()
    }

    /// Ticks whenever a number of [`Quiet`] may have changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.site.counts.changes()
    }

    /// When the earliest timer is due, in milliseconds since 1970.
    pub fn next_timer(&self) -> Option<i64> {
        self.site.clock.next_timer()
    }

    /// If the earliest timer is due by `until_ms`: sets the clock to its deadline, wakes that one and returns true. Else sets the
    /// clock to `until_ms` and returns false.
    pub fn step(&self, until_ms: i64) -> bool {
        self.site.clock.step(until_ms)
    }

    /// Ends the provider so that [`Handle::up`] can start it again. Its port stays open, and nobody answers there.
    pub async fn down(&self, how: End) {
        if let Some(Life { running, plug }) = self.life.lock().await.take() {
            match how {
                End::Stop => running.stop().await,
                End::Kill => {
                    plug.pull();
                    running.kill().await;
                }
            }
        }
        // Nobody is behind anything now.
        self.site.counts.begin(0, 0);
    }

    /// Starts it again on the same file, at the same port, with the names and the time that it had. What was in memory alone is gone.
    ///
    /// # Errors
    /// It does not start.
    pub async fn up(&self) -> Result<(), StartError> {
        let mut life = self.life.lock().await;
        if life.is_none() {
            *life = Some(self.site.begin().await?);
        }
        Ok(())
    }

    /// Stops in good order.
    pub async fn stop(self) {
        if let Some(life) = self.life.into_inner() {
            life.running.stop().await;
        }
    }
}
