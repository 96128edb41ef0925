//! The provider as a value: configuration, world, log, keys. Requests go in, answers come out; nothing here knows a socket.

use std::sync::Arc;

use crate::config::{Client, Config, Origin};
use crate::exchange::{Answer, Request};
use crate::keys::Keyring;
use crate::log::Log;
use crate::notifier::Rounds;
use crate::passwords::Passwords;
use crate::refusal::Refusal;
use crate::world::World;
use crate::world::quiet::BusyGuard;
use crate::{endpoints, keys};

/// A provider.
pub struct Provider {
    /// What is configured.
    pub config: Config,
    /// Time, chance and connections.
    pub world: World,
    /// What has happened.
    pub log: Log,
    /// What signs.
    pub keys: Keyring,
    /// What users know.
    pub passwords: Arc<Passwords>,
    /// Who waits for relying parties to be told.
    pub rounds: Rounds,
    /// Makes keys at a rotation; without it only those that wait on the ring are used.
    pub key_maker: Option<keys::KeyMaker>,
}

impl Provider {
    /// Answers a request. `work` is counted busy until the answer is there, but for the time that the handler is parked.
    pub async fn answer(&self, request: Request, work: BusyGuard) -> Answer {
        endpoints::answer(self, &request, Work(Some(work))).await
    }

    /// The client of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn client(&self, id: &str) -> Result<&Client, Refusal> {
        self.config.clients.get(id).ok_or(Refusal::ClientUnknown)
    }
}

/// The guard of a handler, which it gives away while it waits.
pub struct Work(Option<BusyGuard>);

impl Work {
    /// Waits without being busy. What ends the wait brings the guard for what comes after.
    pub async fn parked(&mut self, wait: impl Future<Output = BusyGuard>) {
        let parked = self.0.take().map(BusyGuard::park);
        self.0 = Some(wait.await);
        drop(parked);
    }
}

/// What an endpoint is given.
pub struct Cx<'a> {
    /// The provider.
    pub provider: &'a Provider,
    /// The origin that was asked.
    pub origin: &'a Origin,
    /// What was asked.
    pub request: &'a Request,
    /// What stands in the place of `{id}` in the path.
    pub id: Option<&'a str>,
    /// The handler's guard.
    pub work: Work,
}
