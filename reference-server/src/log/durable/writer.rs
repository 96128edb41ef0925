//! The one who writes: all batches that are waiting, in one transaction, and then an answer to each.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use redb::{ReadableTable as _, Table, WriteTransaction};
use tokio::sync::{mpsc, oneshot};

use super::tables::{self, EVENTS, ORDER, READERS, TAKEN};
use super::{Shared, failed};
use crate::log::{Batch, Failure, NotWritten};

/// How many batches share a transaction at most.
const GROUP: usize = 1024;

/// Somebody who waits for a batch to be written.
pub struct Waiting {
    /// What is to be written.
    pub batch: Batch,
    /// When it happened.
    pub at_ms: i64,
    /// Who waits; nobody, if they have given up.
    pub answer: oneshot::Sender<Answer>,
}

/// The head after a batch, or why it was not written.
type Answer = Result<u64, NotWritten>;

/// Writes until nobody can ask any more.
pub fn run(shared: &Shared, mut queue: mpsc::UnboundedReceiver<Waiting>) {
    let mut group = Vec::new();
    while queue.blocking_recv_many(&mut group, GROUP) > 0 {
        let answers = match write(shared, &mut group) {
            Ok(answers) => answers,
            Err(failure) => group.iter().map(|_| Err(failure.clone().into())).collect(),
        };
        for (waiting, answer) in group.drain(..).zip(answers) {
            // What was written is written, whether or not somebody wants to know.
            let _ = waiting.answer.send(answer);
        }
    }
    // So that the next start begins where this one ends. If it fails, some of the log is looked at again.
    if !shared.plug.is_pulled() {
        let _ = write(shared, &mut []);
    }
}

/// Writes a group; on failure nothing of it.
pub(super) fn write(shared: &Shared, group: &mut [Waiting]) -> Result<Vec<Answer>, Failure> {
    let before = shared.head.load(Ordering::SeqCst);
    let (mut head, mut names_taken) = (before, false);
    let mut writing = shared.database.begin_write().map_err(failed)?;
    writing.set_two_phase_commit(true);
    let mut answers = Vec::with_capacity(group.len());
    {
        let mut tables = Tables::of(&writing).map_err(failed)?;
        for waiting in group {
            answers.push(match tables.add(&mut waiting.batch, waiting.at_ms, &mut head) {
                Ok(()) => {
                    names_taken |= !waiting.batch.unique.is_empty();
                    Ok(head)
                }
                Err(NotWritten::Failed(failure)) => return Err(failure),
                Err(refused) => Err(refused),
            });
        }
    }
    let positions_kept = keep_positions(shared, &writing).map_err(failed)?;
    if head == before && !names_taken && !positions_kept {
        writing.abort().map_err(failed)?;
        return Ok(answers);
    }
    writing.commit().map_err(failed)?;
    shared.head.store(head, Ordering::SeqCst);
    if let (true, Some(bell)) = (head > before, shared.bell.get()) {
        bell(head);
    }
    Ok(answers)
}

fn keep_positions(shared: &Shared, writing: &WriteTransaction) -> Result<bool, redb::Error> {
    let changed = {
        let mut readers = shared.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::take(&mut readers.1) {
            return Ok(false);
        }
        readers.0.clone()
    };
    let mut table = writing.open_table(READERS)?;
    for (reader, position) in &changed {
        table.insert(reader.as_str(), position)?;
    }
    Ok(true)
}

/// The tables that an append writes to.
struct Tables<'t> {
    events: Table<'t, (&'static str, &'static str, u64), &'static [u8]>,
    order: Table<'t, u64, (&'static str, &'static str, u64)>,
    taken: Table<'t, &'static str, ()>,
}

impl<'t> Tables<'t> {
    fn of(writing: &'t WriteTransaction) -> Result<Self, redb::TableError> {
        Ok(Self { events: writing.open_table(EVENTS)?, order: writing.open_table(ORDER)?, taken: writing.open_table(TAKEN)? })
    }

    /// Adds a batch whole, or refuses it before anything of it is written.
    fn add(&mut self, batch: &mut Batch, at_ms: i64, head: &mut u64) -> Result<(), NotWritten> {
        for (aggregate, expected, _) in &batch.writes {
            if tables::version(&self.events, aggregate).map_err(failed)? != *expected {
                return Err(NotWritten::Changed(aggregate.clone()));
            }
        }
        for name in &batch.unique {
            if self.taken.get(name.as_str()).map_err(failed)?.is_some() {
                return Err(NotWritten::Taken(name.clone()));
            }
        }
        for name in &batch.unique {
            self.taken.insert(name.as_str(), ()).map_err(failed)?;
        }
        for (aggregate, expected, new) in std::mem::take(&mut batch.writes) {
            for (event, version) in new.into_iter().zip(expected + 1..) {
                let position = *head + 1;
                let place = (aggregate.kind(), aggregate.id(), version);
                let row = tables::row(position, event.kind, at_ms, &event.payload)?;
                self.events.insert(place, row.as_slice()).map_err(failed)?;
                self.order.insert(position, place).map_err(failed)?;
                *head = position;
            }
        }
        Ok(())
    }
}
