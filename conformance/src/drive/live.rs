//! The transcript of a check while it grows: recorder and front write it, verbs read it.

use std::collections::VecDeque;
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
    /// What the harness could not do for its own part: a program of the target file failed. Nothing is said of the target then.
    pub broken: Option<String>,
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

    /// Gives the exchanges from `first` on their numbers, by their times, among what was numbered after `since`. Times are all there is to
    /// go by; of two messages of one instant a request comes before a delivery, and a delivery before an answer.
    pub fn reorder(&mut self, since: u64, first: usize) {
        let told = {
            let mut latest = Millis::MIN;
            let mut told = VecDeque::new();
            for (index, exchange) in self.transcript.exchanges.iter().enumerate().skip(first) {
                for (time, mark) in [(exchange.sent, Mark::Sent(index)), (exchange.answered, Mark::Answered(index))] {
                    latest = latest.max(time);
                    told.push_back((latest, mark));
                }
            }
            told
        };
        let mut meanwhile: Vec<(u64, Millis, Mark)> = Vec::new();
        for (index, e) in self.transcript.exchanges.iter().enumerate().take(first) {
            meanwhile.push((e.sent_seq, e.sent, Mark::Sent(index)));
            meanwhile.push((e.answered_seq, e.answered, Mark::Answered(index)));
        }
        for (index, d) in self.transcript.deliveries.iter().enumerate() {
            meanwhile.push((d.came_seq, d.came, Mark::Came(index)));
            meanwhile.extend(d.over_seq.zip(d.over).map(|(seq, over)| (seq, over, Mark::Over(index))));
        }
        meanwhile.retain(|(seq, ..)| *seq > since);
        meanwhile.sort_by_key(|(seq, ..)| *seq);
        let mut meanwhile: VecDeque<(Millis, Mark)> = meanwhile.into_iter().map(|(_, time, mark)| (time, mark)).collect();
        let mut told = told;
        let mut seq = since;
        loop {
            let next = match (told.front(), meanwhile.front()) {
                (Some((t, mark)), Some((m, _))) if t < m || (t == m && matches!(mark, Mark::Sent(_))) => told.pop_front(),
                (_, Some(_)) => meanwhile.pop_front(),
                (Some(_), None) => told.pop_front(),
                (None, None) => break,
            };
            seq += 1;
            match next {
                Some((_, Mark::Sent(i))) => self.transcript.exchanges[i].sent_seq = seq,
                Some((_, Mark::Answered(i))) => self.transcript.exchanges[i].answered_seq = seq,
                Some((_, Mark::Came(i))) => self.transcript.deliveries[i].came_seq = seq,
                Some((_, Mark::Over(i))) => self.transcript.deliveries[i].over_seq = Some(seq),
                None => {}
            }
        }
        self.seq = seq.max(self.seq);
    }
}

/// One end of a message, by the index of its exchange or delivery.
#[derive(Clone, Copy)]
enum Mark {
    Sent(usize),
    Answered(usize),
    Came(usize),
    Over(usize),
}

impl Live {
    /// Begins with an empty transcript.
    pub fn new(transcript: Transcript, wire: Wire, now: Now) -> Self {
        Self { inner: Arc::new(Mutex::new(Growing { transcript, wire, broken: None, seq: 0 })), now }
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

    /// Notes what the harness could not do for its own part, and hands it on.
    pub fn broken(&self, why: String) -> String {
        self.lock().broken = Some(why.clone());
        why
    }

    /// Takes the transcript out when the check is over.
    pub fn finish(&self) -> Transcript {
        self.lock().transcript.clone()
    }
}
