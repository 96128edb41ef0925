//! The provider as a value: configuration, world, log, keys. Requests go in, answers come out; nothing here knows a socket.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use crate::client_keys::FetchedKeys;
use crate::config::{Client, Config, Origin};
use crate::exchange::{Answer, Request};
use crate::keys::Keyring;
use crate::log::{Failure, Log};
use crate::names::{ClientId, UserId};
use crate::notifier::Rounds;
use crate::passwords::Passwords;
use crate::refusal::Refusal;
use crate::state::features::{Features, Flag};
use crate::state::security_policy::SecurityPolicy;
use crate::state::user::Person;
use crate::world::World;
use crate::world::outgoing::Whose;
use crate::world::quiet::{BusyGuard, OpenGuard};
use crate::{endpoints, keys, managing};

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
    /// Keys of clients that were fetched from where they keep them.
    pub fetched_keys: FetchedKeys,
    /// Makes keys at a rotation; without it only those that wait on the ring are used.
    pub key_maker: Option<keys::KeyMaker>,
    /// Dropped after everything else: whoever listens knows then that the store is closed.
    pub gone: watch::Sender<()>,
}

impl Provider {
    /// Answers a request. `work` is counted busy until the answer is there, but for the time that the handler is parked.
    pub async fn answer(&self, request: Request, work: BusyGuard) -> Answer {
        endpoints::answer(self, &request, Work(Some(work))).await
    }

    /// The client of this name: configured, added, or registered by itself.
    ///
    /// # Errors
    /// There is none, or the store failed.
    pub async fn client(&self, id: &str) -> Result<Arc<Client>, Refusal> {
        self.known_client(id).await?.ok_or(Refusal::ClientUnknown)
    }

    /// The client of this name, if there is one still.
    ///
    /// # Errors
    /// The store failed.
    pub async fn known_client(&self, id: &str) -> Result<Option<Arc<Client>>, Failure> {
        managing::clients::now(self, &ClientId::new(id)).await
    }

    /// The features as they are now.
    ///
    /// # Errors
    /// The store failed.
    pub async fn features(&self) -> Result<Features, Failure> {
        Features::load(&self.log, &self.config.flags).await
    }

    /// Whether a feature is on now.
    ///
    /// # Errors
    /// The store failed.
    pub async fn is_on(&self, flag: Flag) -> Result<bool, Failure> {
        Ok(self.features().await?.effective(flag).enabled)
    }

    /// The security policy as it is now.
    ///
    /// # Errors
    /// The store failed.
    pub async fn security_policy(&self) -> Result<SecurityPolicy, Failure> {
        SecurityPolicy::load(&self.log, &self.config.policy).await
    }

    /// The user with this `sub` as they are now, if they were not removed.
    ///
    /// # Errors
    /// The store failed.
    pub async fn user(&self, id: &UserId) -> Result<Option<Person<'_>>, Failure> {
        match self.config.user(id) {
            Some(user) => Person::load(&self.log, user).await,
            None => Ok(None),
        }
    }

    /// The user with this `sub`, if they may sign in now and be acted for: neither locked nor deactivated nor removed.
    ///
    /// # Errors
    /// The store failed.
    pub async fn active_user(&self, id: &UserId) -> Result<Option<Person<'_>>, Failure> {
        Ok(self.user(id).await?.filter(Person::is_active))
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

    /// Waits for what somebody outside answers: on the wire, and not busy. What ends the wait may bring a guard for what comes after.
    async fn outside<T>(&mut self, wait: impl Future<Output = (T, Option<BusyGuard>)>) -> T {
        let open = self.0.take().map(BusyGuard::open);
        let (came, busy) = wait.await;
        self.0 = busy.or_else(|| open.map(OpenGuard::busy_again));
        came
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
    /// What stands in the place of the first `{…}` in the path, as written.
    pub id: Option<&'a str>,
    /// What stands in the place of a second `{…}`.
    pub second: Option<&'a str>,
    /// The handler's guard.
    pub work: Work,
}

impl Cx<'_> {
    /// Fetches JSON from an address that is this one's word. Nothing if it cannot be had: not there, another status than 200, not JSON,
    /// too long, or not in time.
    pub async fn fetch(&mut self, address: &str, whose: Whose) -> Option<Value> {
        let world = &self.provider.world;
        let limit = world.sleep(self.provider.config.delivery.limit.ms(), &format!("fetch {address}"));
        let got = self.work.outside(async move {
            tokio::select! {
                biased;
                got = world.outgoing.get(address, whose) => (got.ok(), None),
                busy = limit => (None, Some(busy)),
            }
        });
        let (status, body) = got.await?;
        (status == 200).then(|| serde_json::from_slice(&body).ok())?
    }
}
