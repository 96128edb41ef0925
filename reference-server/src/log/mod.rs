//! The event log, which is the only state: aggregates, events, and the small trait of the stores behind it.

pub mod durable;
pub mod memory;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::world::quiet::Counts;

/// What events are about: loaded and written as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aggregate {
    kind: String,
    id: String,
}

impl Aggregate {
    /// The aggregate `kind/id`.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }

    /// Its kind, like `session`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Its name among those of its kind.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl std::fmt::Display for Aggregate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

/// Something that has happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its place in the log; the first is 1, and none is left out.
    pub position: u64,
    /// What it is about.
    pub aggregate: Aggregate,
    /// Its place within the aggregate; the first is 1.
    pub version: u64,
    /// Its type, like `session.added`.
    pub kind: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The rest.
    pub payload: serde_json::Value,
}

impl Event {
    /// The payload in its type.
    ///
    /// # Errors
    /// The log holds something that this release cannot read.
    pub fn read<P: Payload>(&self) -> Result<P, Failure> {
        P::deserialize(&self.payload).map_err(|error| Failure(format!("{} at {}: {error}", self.kind, self.position)))
    }
}

/// The payload of one type of event.
pub trait Payload: Serialize + DeserializeOwned {
    /// The type, like `session.added`.
    const TYPE: &'static str;
}

/// Declares payloads with their types, one struct each; and behind a struct the members that the log has by number.
macro_rules! events {
    ($(
        $(#[$doc:meta])* $kind:literal $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }
        $(numbers { $($member:ident: $stored:ty,)+ })?
    )+) => {
        /// What is kept by number here. Where a file is missing in the list of `state::readable`, this is never used, and the compiler says so.
        #[cfg_attr(test, allow(dead_code))]
        pub(crate) const NUMBERS: &[$crate::state::readable::Numbers] = &[
            $($($($crate::state::readable::Numbers::of::<$name, $stored>(stringify!($member)),)+)?)+
        ];
    $(
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl $crate::log::Payload for $name {
            const TYPE: &'static str = $kind;
        }
    )+};
}
pub(crate) use events;

/// An event that is to be.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its type.
    pub kind: &'static str,
    /// The rest.
    pub payload: serde_json::Value,
}

/// Events for several aggregates that are written together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Aggregate, the version that it must have, and what is added to it; nothing added is a mere condition.
    pub writes: Vec<(Aggregate, u64, Vec<NewEvent>)>,
    /// Names that nobody may have taken before, and that are taken then.
    pub unique: Vec<String>,
}

impl Batch {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The aggregate must have this version still.
    #[must_use]
    pub fn unchanged(mut self, aggregate: &Aggregate, version: u64) -> Self {
        self.entry(aggregate, version);
        self
    }

    /// Adds an event to an aggregate that must have this version before.
    ///
    /// # Errors
    /// The payload cannot be written as JSON.
    pub fn add<P: Payload>(mut self, aggregate: &Aggregate, version: u64, payload: &P) -> Result<Self, Failure> {
        let payload = serde_json::to_value(payload).map_err(|error| Failure(format!("{}: {error}", P::TYPE)))?;
        self.entry(aggregate, version).push(NewEvent { kind: P::TYPE, payload });
        Ok(self)
    }

    /// Takes a name that nobody has taken.
    #[must_use]
    pub fn unique(mut self, name: String) -> Self {
        self.unique.push(name);
        self
    }

    fn entry(&mut self, aggregate: &Aggregate, version: u64) -> &mut Vec<NewEvent> {
        let at = self.writes.iter().position(|(known, ..)| known == aggregate).unwrap_or_else(|| {
            self.writes.push((aggregate.clone(), version, Vec::new()));
            self.writes.len() - 1
        });
        &mut self.writes[at].2
    }
}

/// The store itself failed, or holds what cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("event log: {0}")]
pub struct Failure(pub String);

/// Why a batch was not written.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// Somebody was faster: load and decide again.
    #[error("{0} has changed")]
    Changed(Aggregate),
    /// The name is taken: load and decide again.
    #[error("{0} is taken")]
    Taken(String),
    /// The store failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What a store answers with, later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Is rung with the new head.
pub type Bell = Box<dyn Fn(u64) + Send + Sync>;

/// What the provider wants of a store. A store is gap-free: who reads from a position never misses an event.
pub trait Store: Send + Sync {
    /// All events of an aggregate, in order.
    fn load<'a>(&'a self, aggregate: &'a Aggregate) -> Later<'a, Result<Vec<Arc<Event>>, Failure>>;

    /// Writes a batch whole or not at all, and returns the head after it.
    fn append(&self, batch: Batch, at_ms: i64) -> Later<'_, Result<u64, NotWritten>>;

    /// At most `limit` events after a position, in order.
    fn read(&self, after: u64, limit: usize) -> Later<'_, Result<Vec<Arc<Event>>, Failure>>;

    /// The position of the last event.
    fn head(&self) -> u64;

    /// How often this log was opened, this time included.
    fn opened(&self) -> u64;

    /// How far a reader has got, as far as the store knows; 0 if it never said.
    fn position_of(&self, reader: &str) -> u64;

    /// Keeps how far a reader has got, when there is something to be written anyway. If that does not come about, the reader will look
    /// at some events again.
    fn keep_position(&self, reader: &str, position: u64);

    /// From now on the bell is rung whenever the log has grown, before whoever wrote is answered: they may have given up waiting.
    fn hang(&self, bell: Bell);
}

/// The log as the provider uses it: a store, and a bell that rings when it has grown.
pub struct Log {
    store: Box<dyn Store>,
    head: Arc<watch::Sender<u64>>,
}

impl Log {
    /// A log over a store.
    pub fn new(store: Box<dyn Store>, counts: Arc<Counts>) -> Self {
        let head = Arc::new(watch::Sender::new(store.head()));
        let grown = head.clone();
        store.hang(Box::new(move |head| {
            counts.head_is(head);
            grown.send_modify(|known| *known = (*known).max(head));
        }));
        Self { store, head }
    }

    /// All events of an aggregate, in order; none if there is no such aggregate.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(&self, aggregate: &Aggregate) -> Result<Vec<Arc<Event>>, Failure> {
        self.store.load(aggregate).await
    }

    /// Writes a batch. The head is counted before this returns, so a caller who is busy leaves no gap.
    ///
    /// # Errors
    /// Somebody was faster, or the store failed.
    pub async fn append(&self, batch: Batch, at_ms: i64) -> Result<(), NotWritten> {
        self.store.append(batch, at_ms).await?;
        Ok(())
    }

    /// At most `limit` events after a position.
    ///
    /// # Errors
    /// The store failed.
    pub async fn read(&self, after: u64, limit: usize) -> Result<Vec<Arc<Event>>, Failure> {
        self.store.read(after, limit).await
    }

    /// The position of the last event.
    pub fn head(&self) -> u64 {
        *self.head.borrow()
    }

    /// How often this log was opened, this time included.
    pub fn opened(&self) -> u64 {
        self.store.opened()
    }

    /// How far a reader has got.
    pub fn position_of(&self, reader: &str) -> u64 {
        self.store.position_of(reader)
    }

    /// Keeps how far a reader has got; see [`Store::keep_position`].
    pub fn keep_position(&self, reader: &str, position: u64) {
        self.store.keep_position(reader, position);
    }

    /// Says when the log has grown.
    pub fn growth(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }
}
