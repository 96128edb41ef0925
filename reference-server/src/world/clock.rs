//! Time as an argument, and the virtual clock that moves only when it is told to.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::quiet::{BusyGuard, Counts};

/// A wait that ends with somebody at work.
pub type Sleep = Pin<Box<dyn Future<Output = BusyGuard> + Send>>;

/// What time it is, and how to wait. Milliseconds since 1970 throughout.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now_ms(&self) -> i64;

    /// Waits until `deadline_ms`; the name orders waits with the same deadline. Dropping the wait gives it up.
    fn sleep_until(&self, deadline_ms: i64, name: &str) -> Sleep;
}

/// 2026-01-01T12:00:00Z, where virtual time begins.
pub const BEGINNING_MS: i64 = 1_767_268_800_000;

/// Deadline, name, and a number that keeps two waits of one name apart.
type Key = (i64, String, u64);

struct State {
    now_ms: i64,
    timers: BTreeMap<Key, oneshot::Sender<BusyGuard>>,
    next: u64,
}

/// A clock that stands still between two calls of [`VirtualClock::step`].
pub struct VirtualClock {
    state: Arc<Mutex<State>>,
    counts: Arc<Counts>,
}

impl VirtualClock {
    /// A clock at [`BEGINNING_MS`].
    pub fn new(counts: Arc<Counts>) -> Self {
        Self { state: Arc::new(Mutex::new(State { now_ms: BEGINNING_MS, timers: BTreeMap::new(), next: 0 })), counts }
    }

    /// The deadline of the earliest wait.
    pub fn next_timer(&self) -> Option<i64> {
        lock(&self.state).timers.first_key_value().map(|(key, _)| key.0)
    }

    /// Wakes the earliest wait if it is due by `until_ms`, and says so; else the time is `until_ms` now.
    /// Time never goes back.
    pub fn step(&self, until_ms: i64) -> bool {
        let mut state = lock(&self.state);
        let due = state.timers.first_key_value().is_some_and(|(key, _)| key.0 <= until_ms);
        let Some(((deadline, _, _), wake)) = due.then(|| state.timers.pop_first()).flatten() else {
            state.now_ms = state.now_ms.max(until_ms);
            return false;
        };
        state.now_ms = state.now_ms.max(deadline);
        drop(state);
        // Who gave the wait up in this very moment drops the guard with the message.
        let _ = wake.send(self.counts.busy());
        true
    }
}

impl Clock for VirtualClock {
    fn now_ms(&self) -> i64 {
        lock(&self.state).now_ms
    }

    fn sleep_until(&self, deadline_ms: i64, name: &str) -> Sleep {
        let mut state = lock(&self.state);
        if deadline_ms <= state.now_ms {
            return Box::pin(std::future::ready(self.counts.busy()));
        }
        let (wake, woken) = oneshot::channel();
        let key = (deadline_ms, name.to_owned(), state.next);
        state.next += 1;
        state.timers.insert(key.clone(), wake);
        Box::pin(Wait { woken, key, state: self.state.clone(), counts: self.counts.clone() })
    }
}

/// A wait in virtual time. It leaves the list of timers when it is dropped.
struct Wait {
    woken: oneshot::Receiver<BusyGuard>,
    key: Key,
    state: Arc<Mutex<State>>,
    counts: Arc<Counts>,
}

impl Future for Wait {
    type Output = BusyGuard;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BusyGuard> {
        // The sender is lost only with the clock itself; then nobody waits for exact numbers any more.
        Pin::new(&mut self.woken).poll(cx).map(|woken| woken.unwrap_or_else(|_| self.counts.busy()))
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        lock(&self.state).timers.remove(&self.key);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_end_by_deadline_and_then_by_name() {
        let counts = Counts::new();
        let clock = VirtualClock::new(counts.clone());
        let start = clock.now_ms();
        let mut b = clock.sleep_until(start + 10, "b");
        let mut a = clock.sleep_until(start + 10, "a");
        assert!(!clock.step(start + 9), "nothing is due");
        assert_eq!(clock.now_ms(), start + 9);
        assert!(clock.step(start + 20));
        assert_eq!((clock.now_ms(), counts.quiet().busy), (start + 10, 1), "the woken is counted before it runs");
        let polled = tokio::select! { biased; _ = &mut b => "b", _ = &mut a => "a" };
        assert_eq!(polled, "a");
        assert!(clock.step(start + 20));
        drop(b.await);
        assert_eq!(counts.quiet().busy, 0);
    }

    #[test]
    fn a_wait_that_is_given_up_leaves_no_timer() {
        let clock = VirtualClock::new(Counts::new());
        let wait = clock.sleep_until(clock.now_ms() + 10, "a");
        assert_eq!(clock.next_timer(), Some(BEGINNING_MS + 10));
        drop(wait);
        assert_eq!(clock.next_timer(), None);
    }
}
