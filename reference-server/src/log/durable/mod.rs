//! A store that outlives the process: one file, by redb.
//!
//! Events are read by snapshot, so nobody sees one that could be lost again. They are written by one thread, which takes all batches that
//! are waiting, writes them in one transaction, has the disk confirm it, and only then answers each of them: however many wait, they
//! share one confirmation. Commits are in two phases, so a commit that power failure cut in two is never taken for the last one, and
//! whatever does not fit its checksum is damage, and refused.

mod file;
mod tables;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use redb::{Database, ReadableDatabase as _, ReadableTable as _};
use tokio::sync::{mpsc, oneshot};

pub use self::file::{OpenError, Plug};
use self::tables::{ABOUT, EVENTS, OPENED_KEY, ORDER, READERS};
use self::writer::Waiting;
use super::{Aggregate, Batch, Bell, Event, Failure, Later, NotWritten, Store};

/// What the store and its writer share.
struct Shared {
    database: Database,
    head: AtomicU64,
    /// How far readers have got, and whether the file does not know it yet.
    readers: Mutex<(BTreeMap<String, u64>, bool)>,
    bell: OnceLock<Bell>,
    plug: Plug,
}

/// Events in a file.
pub struct Durable {
    shared: Arc<Shared>,
    opened: u64,
    /// Gone when the store is closed.
    queue: Option<mpsc::UnboundedSender<Waiting>>,
    writer: Option<JoinHandle<()>>,
}

impl Durable {
    /// Opens a data file, or makes a new one. It is this process's alone until the store is dropped.
    ///
    /// # Errors
    /// It is not ours, damaged, of a newer release, or open elsewhere; it is as it was then.
    pub fn open(path: &Path, plug: Plug) -> Result<Self, OpenError> {
        let database = file::open(path, plug.clone())?;
        let known = begin(&database).map_err(|error| OpenError::Damaged { file: path.to_owned(), why: error.to_string() })?;
        let shared = Arc::new(Shared {
            database,
            head: known.head.into(),
            readers: Mutex::new((known.readers, false)),
            bell: OnceLock::new(),
            plug,
        });
        let (queue, waiting) = mpsc::unbounded_channel();
        let writing = shared.clone();
        let writer = std::thread::Builder::new().name("event-log".to_owned()).spawn(move || writer::run(&writing, waiting));
        let writer = writer.map_err(|error| OpenError::System { file: path.to_owned(), error })?;
        Ok(Self { shared, opened: known.opened, queue: Some(queue), writer: Some(writer) })
    }
}

/// What is known of the log when it is opened.
struct Known {
    head: u64,
    opened: u64,
    readers: BTreeMap<String, u64>,
}

/// Counts this opening, and looks how far everything is.
fn begin(database: &Database) -> Result<Known, redb::Error> {
    let mut writing = database.begin_write()?;
    writing.set_two_phase_commit(true);
    let opened = {
        let mut about = writing.open_table(ABOUT)?;
        let opened = about.get(OPENED_KEY)?.map_or(0, |opened| opened.value()) + 1;
        about.insert(OPENED_KEY, opened)?;
        opened
    };
    let head = writing.open_table(ORDER)?.last()?.map_or(0, |(position, _)| position.value());
    let mut readers = BTreeMap::new();
    for row in writing.open_table(READERS)?.iter()? {
        let (reader, position) = row?;
        readers.insert(reader.value().to_owned(), position.value());
    }
    writing.commit()?;
    Ok(Known { head, opened, readers })
}

impl Drop for Durable {
    fn drop(&mut self) {
        drop(self.queue.take());
        // What is waiting is written first. A writer that has panicked has said so.
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Store for Durable {
    fn load<'a>(&'a self, aggregate: &'a Aggregate) -> Later<'a, Result<Vec<Arc<Event>>, Failure>> {
        Box::pin(std::future::ready(self.shared.load(aggregate)))
    }

    fn append(&self, batch: Batch, at_ms: i64) -> Later<'_, Result<u64, NotWritten>> {
        let (answer, answered) = oneshot::channel();
        // Asked for now and not when somebody waits: whoever gives up waiting has asked all the same.
        if let Some(queue) = &self.queue {
            let _ = queue.send(Waiting { batch, at_ms, answer });
        }
        Box::pin(async { answered.await.unwrap_or_else(|_| Err(Failure("the store has ended".to_owned()).into())) })
    }

    fn read(&self, after: u64, limit: usize) -> Later<'_, Result<Vec<Arc<Event>>, Failure>> {
        Box::pin(std::future::ready(self.shared.read(after, limit)))
    }

    fn head(&self) -> u64 {
        self.shared.head.load(Ordering::SeqCst)
    }

    fn opened(&self) -> u64 {
        self.opened
    }

    fn position_of(&self, reader: &str) -> u64 {
        self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner).0.get(reader).copied().unwrap_or(0)
    }

    fn keep_position(&self, reader: &str, position: u64) {
        let mut readers = self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.1 |= readers.0.insert(reader.to_owned(), position) != Some(position);
    }

    fn hang(&self, bell: Bell) {
        // There is one log over a store.
        let _ = self.shared.bell.set(bell);
    }
}

impl Shared {
    fn load(&self, aggregate: &Aggregate) -> Result<Vec<Arc<Event>>, Failure> {
        let (kind, id) = (aggregate.kind(), aggregate.id());
        let reading = self.database.begin_read().map_err(failed)?;
        let events = reading.open_table(EVENTS).map_err(failed)?;
        let rows = events.range((kind, id, 0)..=(kind, id, u64::MAX)).map_err(failed)?;
        rows.map(|row| row.map_err(failed).and_then(|(place, row)| tables::event(place.value(), row.value()))).collect()
    }

    fn read(&self, after: u64, limit: usize) -> Result<Vec<Arc<Event>>, Failure> {
        let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
        let reading = self.database.begin_read().map_err(failed)?;
        let (order, events) = (reading.open_table(ORDER).map_err(failed)?, reading.open_table(EVENTS).map_err(failed)?);
        let places = order.range(first..).map_err(failed)?.take(limit);
        places
            .map(|row| {
                let (position, place) = row.map_err(failed)?;
                let row = events.get(place.value()).map_err(failed)?;
                let row = row.ok_or_else(|| Failure(format!("there is no event at {}", position.value())))?;
                tables::event(place.value(), row.value())
            })
            .collect()
    }
}

fn failed(error: impl Into<redb::Error>) -> Failure {
    Failure(error.into().to_string())
}

#[cfg(test)]
mod tests;
