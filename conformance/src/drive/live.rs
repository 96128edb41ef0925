//! The transcript of a check while it grows: recorder and front write it, verbs read it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::defect::wire::Wire;
use crate::transcript::view::{Unresolved, View};
use crate::transcript::{Millis, Transcript};

/// A clock as an argument: milliseconds since 1970-01-01T00:00:00Z.
pub type Now = Arc<dyn Fn() -> Millis + Send + Sync>;

/// Shared by everybody who takes part in one check.
#[derive(Clone)]
pub struct Live {
    inner: Arc<Mutex<Growing>>,
    now: Now,
}

/// What grows.
pub struct Growing {
    /// The transcript so far.
    pub transcript: Transcript,
    /// The defect on the wire, or none.
    pub wire: Wire,
    seq: u64,
}

impl Growing {
    /// The index of the step under way.
    pub fn step(&self) -> usize {
        self.transcript.steps.len()
    }

    /// The next place among all messages of the check.
    pub fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }
}

impl Live {
    /// Begins with an empty transcript.
    pub fn new(transcript: Transcript, wire: Wire, now: Now) -> Self {
        Self { inner: Arc::new(Mutex::new(Growing { transcript, wire, seq: 0 })), now }
    }

    /// The target's time.
    pub fn now(&self) -> Millis {
        (self.now)()
    }

    /// Held for the length of an expression, never across a wait.
    pub fn lock(&self) -> MutexGuard<'_, Growing> {
        // A panic elsewhere leaves a transcript that is short, not one that lies.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the references in a value.
    ///
    /// # Errors
    /// The first one that leads nowhere.
    pub fn resolve(&self, value: &Value) -> Result<Value, Unresolved> {
        let growing = self.lock();
        View { transcript: &growing.transcript, now: self.now() }.resolve(value)
    }

    /// Takes the transcript out when the check is over.
    pub fn finish(&self) -> Transcript {
        self.lock().transcript.clone()
    }
}
