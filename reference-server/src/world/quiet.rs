//! Who is at work, who waits and what is on the wire: the numbers by which a harness knows that nothing more will happen.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The numbers at one instant. Nothing can happen of itself while `busy` and `behind` are zero and every
/// `open` delivery is one whose receiver holds its answer back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quiet {
    /// Handlers and consumers that can run.
    pub busy: usize,
    /// Head of the event log less the position of the notifier.
    pub behind: u64,
    /// Deliveries on the wire without an answer.
    pub open: usize,
    /// Request handlers that wait for a timer or for deliveries, and are therefore not busy.
    pub parked: usize,
}

#[derive(Default)]
struct Numbers {
    busy: usize,
    open: usize,
    parked: usize,
    head: u64,
    position: u64,
}

/// Counts work. One lock, so that a [`Quiet`] is one instant and no work is between two of its numbers.
pub struct Counts {
    numbers: Mutex<Numbers>,
    changes: watch::Sender<u64>,
}

impl Counts {
    /// Nothing is at work.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { numbers: Mutex::default(), changes: watch::Sender::new(0) })
    }

    /// The numbers now.
    pub fn quiet(&self) -> Quiet {
        let numbers = self.lock();
        Quiet { busy: numbers.busy, behind: numbers.head.saturating_sub(numbers.position), open: numbers.open, parked: numbers.parked }
    }

    /// Ticks after every change of a number.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Somebody begins to work.
    pub fn busy(self: &Arc<Self>) -> BusyGuard {
        self.change(|numbers| numbers.busy += 1);
        BusyGuard(self.clone())
    }

    /// A log of `head` events is opened, of which the notifier has dealt with `position`.
    pub fn begin(&self, head: u64, position: u64) {
        self.change(|numbers| (numbers.head, numbers.position) = (head, position));
    }

    /// The event log has grown to `head`.
    pub fn head_is(&self, head: u64) {
        self.change(|numbers| numbers.head = numbers.head.max(head));
    }

    /// The notifier has dealt with everything up to `position`.
    pub fn position_is(&self, position: u64) {
        self.change(|numbers| numbers.position = numbers.position.max(position));
    }

    fn change(&self, change: impl FnOnce(&mut Numbers)) {
        change(&mut self.lock());
        self.changes.send_modify(|tick| *tick = tick.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody is at work as long as this lives. A wake-up carries one, so that the woken is counted before the waker stops.
pub struct BusyGuard(Arc<Counts>);

impl BusyGuard {
    /// The work is on the wire now: counted open, no longer busy, in one step.
    pub fn open(self) -> OpenGuard {
        let counts = self.0.clone();
        counts.change(|numbers| numbers.open += 1);
        OpenGuard(counts)
    }

    /// The handler waits now: counted parked, no longer busy.
    pub fn park(self) -> ParkedGuard {
        let counts = self.0.clone();
        counts.change(|numbers| numbers.parked += 1);
        ParkedGuard(counts)
    }
}

impl Drop for BusyGuard {
    fn drop(&mut self) {
        self.0.change(|numbers| numbers.busy -= 1);
    }
}

/// A delivery is on the wire as long as this lives.
pub struct OpenGuard(Arc<Counts>);

impl OpenGuard {
    /// The answer is there: busy again before it stops being open.
    pub fn busy_again(self) -> BusyGuard {
        self.0.busy()
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.0.change(|numbers| numbers.open -= 1);
    }
}

/// A request handler waits as long as this lives; what wakes it brings a [`BusyGuard`] with it.
pub struct ParkedGuard(Arc<Counts>);

impl Drop for ParkedGuard {
    fn drop(&mut self) {
        self.0.change(|numbers| numbers.parked -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_work_is_between_two_numbers() {
        let counts = Counts::new();
        let busy = counts.busy();
        let open = busy.open();
        assert_eq!(counts.quiet(), Quiet { open: 1, ..Quiet::default() });
        let busy = open.busy_again();
        let parked = busy.park();
        assert_eq!(counts.quiet(), Quiet { parked: 1, ..Quiet::default() });
        drop(parked);
        assert_eq!(counts.quiet(), Quiet::default());
    }

    #[test]
    fn behind_is_the_head_less_the_position() {
        let counts = Counts::new();
        counts.head_is(5);
        counts.position_is(3);
        assert_eq!(counts.quiet().behind, 2);
    }
}
