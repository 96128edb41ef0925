//! What is in a data file: the tables, and how an event is written in a row.

use std::sync::Arc;

use redb::{Database, ReadTransaction, ReadableTable, TableDefinition, TableError, WriteTransaction};
use serde_json::Value;

use crate::log::{Aggregate, Event, Failure};

/// What the file is. A file without this table is not ours.
pub const ABOUT: TableDefinition<&str, u64> = TableDefinition::new("touchstone");
/// Under which name the format stands there.
pub const FORMAT_KEY: &str = "format";
/// Under which name it stands there how often the file was opened.
pub const OPENED_KEY: &str = "opened";
/// The format that this release writes, and the only one so far. A change to any table or row raises it.
pub const FORMAT: u64 = 1;

/// Events by aggregate and version: position, type, time, payload, as JSON.
pub const EVENTS: TableDefinition<Place, &[u8]> = TableDefinition::new("events");
/// Where the event of a position is.
pub const ORDER: TableDefinition<u64, Place> = TableDefinition::new("order");
/// Names that are taken.
pub const TAKEN: TableDefinition<&str, ()> = TableDefinition::new("taken");
/// How far readers of the log have got.
pub const READERS: TableDefinition<&str, u64> = TableDefinition::new("readers");

/// Kind and id of an aggregate, and the version.
type Place = (&'static str, &'static str, u64);

/// Makes the tables of a new file.
///
/// # Errors
/// The library says no.
pub fn make(database: &Database) -> Result<(), redb::Error> {
    let mut writing = database.begin_write()?;
    writing.set_two_phase_commit(true);
    writing.open_table(ABOUT)?.insert(FORMAT_KEY, FORMAT)?;
    every(&writing)?;
    writing.commit()?;
    Ok(())
}

fn every(writing: &WriteTransaction) -> Result<(), TableError> {
    writing.open_table(EVENTS)?;
    writing.open_table(ORDER)?;
    writing.open_table(TAKEN)?;
    writing.open_table(READERS)?;
    Ok(())
}

/// Sees to it that every table is there, and of its types.
///
/// # Errors
/// One is not.
pub fn are_there(reading: &ReadTransaction) -> Result<(), TableError> {
    reading.open_table(EVENTS)?;
    reading.open_table(ORDER)?;
    reading.open_table(TAKEN)?;
    reading.open_table(READERS)?;
    Ok(())
}

/// An event as a row.
///
/// # Errors
/// The payload cannot be written.
pub fn row(position: u64, kind: &str, at_ms: i64, payload: &Value) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(&(position, kind, at_ms, payload)).map_err(|error| Failure(format!("{kind}: {error}")))
}

/// The event of a row.
///
/// # Errors
/// This is no row of ours.
pub fn event((kind, id, version): (&str, &str, u64), row: &[u8]) -> Result<Arc<Event>, Failure> {
    let read = serde_json::from_slice(row);
    let (position, of, at_ms, payload) = read.map_err(|error| Failure(format!("{kind}/{id}, version {version}: {error}")))?;
    Ok(Arc::new(Event { position, aggregate: Aggregate::new(kind, id), version, kind: of, at_ms, payload }))
}

/// The version that an aggregate has; 0 if there is none.
///
/// # Errors
/// The library says no.
pub fn version(events: &impl ReadableTable<Place, &'static [u8]>, aggregate: &Aggregate) -> Result<u64, redb::Error> {
    let (kind, id) = (aggregate.kind(), aggregate.id());
    let last = events.range((kind, id, 0)..=(kind, id, u64::MAX))?.next_back().transpose()?;
    Ok(last.map_or(0, |(place, _)| place.value().2))
}
