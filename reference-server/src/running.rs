//! A provider that serves, from its start to its end.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client_keys::FetchedKeys;
use crate::config::Config;
use crate::http::{self, Phase};
use crate::keys::{self, Keyring};
use crate::log::{Log, Store};
use crate::notifier::{self, Rounds};
use crate::passwords::Passwords;
use crate::provider::Provider;
use crate::seam::StartError;
use crate::world::World;

/// A provider that serves.
pub struct Running {
    /// The provider itself. Nobody holds it longer than this lasts.
    pub provider: Arc<Provider>,
    phase: watch::Sender<Phase>,
    server: JoinHandle<()>,
    notifier: JoinHandle<()>,
}

impl Running {
    /// Puts a provider together and lets it serve.
    ///
    /// # Errors
    /// The store failed, or the cost of passwords is out of bounds.
    pub async fn begin(
        mut config: Config,
        world: World,
        store: Box<dyn Store>,
        key_maker: Option<keys::KeyMaker>,
        listener: TcpListener,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Result<Self, StartError> {
        let log = Log::new(store, world.counts.clone());
        world.counts.begin(log.head(), log.position_of(notifier::READER));
        let keys = Keyring::new(std::mem::take(&mut config.keys));
        if config.set_up {
            notifier::activate(&log, world.now_ms()).await?;
        }
        let passwords = Passwords::new(&config.password)?;
        let rounds = Rounds::new(world.counts.clone());
        let fetched_keys = FetchedKeys::default();
        let gone = watch::Sender::new(());
        let provider = Arc::new(Provider { config, world, log, keys, passwords, rounds, fetched_keys, key_maker, gone });
        let (phase, phases) = watch::channel(Phase::Serving);
        let notifier = tokio::spawn(notifier::run(provider.clone(), phases.clone()));
        let server = tokio::spawn(http::serve(listener, tls, provider.clone(), phases));
        Ok(Self { provider, phase, server, notifier })
    }

    /// Stops: no new connection, no new attempt of a telling, and an answer to whoever is waiting for one.
    pub async fn stop(self) {
        let Self { provider, phase, server, notifier } = self;
        phase.send_replace(Phase::Stopping);
        // The notifier first: handlers that wait for it go on when it has stopped.
        let _ = notifier.await;
        let _ = server.await;
        end(provider, &phase).await;
    }

    /// Ends in the middle of whatever is under way, and answers nobody.
    pub async fn kill(self) {
        let Self { provider, phase, server, notifier } = self;
        phase.send_replace(Phase::Over);
        for task in [notifier, server] {
            task.abort();
            let _ = task.await;
        }
        end(provider, &phase).await;
    }
}

/// Comes back when the last one has let go of the provider, and its store is closed.
async fn end(provider: Arc<Provider>, phase: &watch::Sender<Phase>) {
    phase.send_replace(Phase::Over);
    let mut gone = provider.gone.subscribe();
    drop(provider);
    while gone.changed().await.is_ok() {}
}
