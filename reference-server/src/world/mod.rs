//! The world outside as an argument: time, chance, names to connect to.

pub mod clock;
pub mod fresh;
pub mod guard;
pub mod outgoing;
pub mod quiet;

use std::sync::Arc;

use self::clock::{Clock, Sleep};
use self::fresh::Fresh;
use self::outgoing::Outgoing;
use self::quiet::Counts;

/// Everything that the provider cannot decide for itself.
pub struct World {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub fresh: Fresh,
    /// Who is at work.
    pub counts: Arc<Counts>,
    /// Connections to others.
    pub outgoing: Outgoing,
}

impl World {
    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Seconds since 1970, as tokens have them.
    pub fn now(&self) -> i64 {
        self.clock.now_ms().div_euclid(1000)
    }

    /// Waits; see [`Clock::sleep_until`].
    pub fn sleep(&self, for_ms: i64, name: &str) -> Sleep {
        self.clock.sleep_until(self.clock.now_ms().saturating_add(for_ms), name)
    }
}
