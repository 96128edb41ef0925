//! A store that lives as long as the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::{Aggregate, Batch, Bell, Event, Failure, Later, NotWritten, Store};

#[derive(Default)]
struct Events {
    all: Vec<Arc<Event>>,
    of: BTreeMap<Aggregate, Vec<Arc<Event>>>,
    taken: BTreeSet<String>,
    readers: BTreeMap<String, u64>,
}

/// Events in memory, under one lock that is never held across an await.
#[derive(Default)]
pub struct Memory {
    events: Mutex<Events>,
    bell: OnceLock<Bell>,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, batch: Batch, at_ms: i64) -> Result<u64, NotWritten> {
        let mut events = self.lock();
        for (aggregate, expected, _) in &batch.writes {
            let version = events.of.get(aggregate).map_or(0, Vec::len) as u64;
            if version != *expected {
                return Err(NotWritten::Changed(aggregate.clone()));
            }
        }
        if let Some(taken) = batch.unique.iter().find(|name| events.taken.contains(*name)) {
            return Err(NotWritten::Taken(taken.clone()));
        }
        let before = events.all.len();
        events.taken.extend(batch.unique);
        for (aggregate, expected, new) in batch.writes {
            for (event, version) in new.into_iter().zip(expected + 1..) {
                let position = events.all.len() as u64 + 1;
                let event =
                    Event { position, aggregate: aggregate.clone(), version, kind: event.kind.to_owned(), at_ms, payload: event.payload };
                let event = Arc::new(event);
                events.all.push(event.clone());
                events.of.entry(aggregate.clone()).or_default().push(event);
            }
        }
        let head = events.all.len() as u64;
        let grown = events.all.len() > before;
        drop(events);
        if let (true, Some(bell)) = (grown, self.bell.get()) {
            bell(head);
        }
        Ok(head)
    }
}

impl Store for Memory {
    fn load<'a>(&'a self, aggregate: &'a Aggregate) -> Later<'a, Result<Vec<Arc<Event>>, Failure>> {
        let events = self.lock().of.get(aggregate).cloned().unwrap_or_default();
        Box::pin(std::future::ready(Ok(events)))
    }

    fn append(&self, batch: Batch, at_ms: i64) -> Later<'_, Result<u64, NotWritten>> {
        Box::pin(std::future::ready(self.write(batch, at_ms)))
    }

    fn read(&self, after: u64, limit: usize) -> Later<'_, Result<Vec<Arc<Event>>, Failure>> {
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        let events = self.lock().all.iter().skip(after).take(limit).cloned().collect();
        Box::pin(std::future::ready(Ok(events)))
    }

    fn head(&self) -> u64 {
        self.lock().all.len() as u64
    }

    fn opened(&self) -> u64 {
        1
    }

    fn position_of(&self, reader: &str) -> u64 {
        self.lock().readers.get(reader).copied().unwrap_or(0)
    }

    fn keep_position(&self, reader: &str, position: u64) {
        self.lock().readers.insert(reader.to_owned(), position);
    }

    fn hang(&self, bell: Bell) {
        // There is one log over a store.
        let _ = self.bell.set(bell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::events;

    events! {
        /// For these tests.
        "thing.done" Done { what: String, }
    }

    fn done(batch: Batch, id: &str, version: u64) -> Batch {
        batch.add(&Aggregate::new("thing", id), version, &Done { what: id.to_owned() }).expect("plain JSON")
    }

    #[tokio::test]
    async fn a_batch_is_written_whole_or_not_at_all() {
        let store = Memory::default();
        store.append(done(done(Batch::new(), "a", 0), "b", 0), 1).await.expect("both are new");
        let refused = store.append(done(done(Batch::new(), "c", 0), "b", 0), 2).await;
        assert!(matches!(refused, Err(NotWritten::Changed(aggregate)) if aggregate.id() == "b"));
        assert!(store.load(&Aggregate::new("thing", "c")).await.expect("memory").is_empty());
        let second = store.read(1, 10).await.expect("memory");
        assert_eq!(second.iter().map(|event| (event.position, event.aggregate.id())).collect::<Vec<_>>(), [(2, "b")]);
        assert_eq!(second[0].read::<Done>().expect("as written").what, "b");
    }

    #[tokio::test]
    async fn a_mere_condition_counts_and_a_name_is_taken_once() {
        let store = Memory::default();
        store.append(done(Batch::new(), "a", 0).unique("n".into()), 1).await.expect("new");
        let condition = Batch::new().unchanged(&Aggregate::new("thing", "a"), 0);
        assert!(matches!(store.append(condition, 1).await, Err(NotWritten::Changed(_))));
        let taken = done(Batch::new(), "b", 0).unique("n".into());
        assert!(matches!(store.append(taken, 1).await, Err(NotWritten::Taken(name)) if name == "n"));
        assert_eq!(store.head(), 1);
    }
}
