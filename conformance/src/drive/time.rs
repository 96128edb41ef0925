//! When a target has settled, and how its time passes (design: *Time and quiet*).

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::front::Booth;
use super::live::Now;
use crate::transcript::Millis;

/// How much wall time a target with virtual time may take to settle before the harness gives up on it. Nothing ever waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The numbers by which a provider says that it is quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// Handlers and consumers that can run.
    pub busy: usize,
    /// Events that the notifier has not seen.
    pub behind: u64,
    /// Deliveries without an answer.
    pub open: usize,
    /// Request handlers that wait for a timer or for deliveries.
    pub parked: usize,
}

/// What the drive asks of a provider whose time is virtual.
pub trait Clockwork: Send + Sync {
    /// The time.
    fn now(&self) -> Millis;
    /// See [`Quiet`].
    fn quiet(&self) -> Quiet;
    /// Ticks whenever a number may have changed.
    fn changes(&self) -> watch::Receiver<u64>;
    /// When the earliest timer is due.
    fn next_timer(&self) -> Option<Millis>;
    /// Wakes the earliest timer, if it is due by `until`, and says true; else sets the clock to `until`.
    fn step(&self, until: Millis) -> bool;
}

/// The time of a target.
#[derive(Clone)]
pub enum Time {
    /// It stands still unless the harness moves it.
    Virtual(Arc<dyn Clockwork>),
    /// It passes by itself.
    Real {
        /// The wall's clock.
        now: Now,
        /// How long without arrivals counts as settled.
        quiet: Duration,
        /// Whether `advance` may wait.
        slow: bool,
    },
}

/// Why a step did not come to rest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Restless {
    /// The step's own request is open in a settled target.
    #[error("the target has settled, and waits for nothing but time and the answers of its clients")]
    Stuck,
    /// The step's own request is still open, where time is real.
    #[error("it is still open after {0:?} of real time")]
    Late(Duration),
    /// The numbers never came to rest.
    #[error("the target did not settle within 30 s: {0:?}, held {1}")]
    Unsettled(Quiet, usize),
    /// Real time, and nobody allowed to wait.
    #[error("time is real here, and `--slow` was not given")]
    NotSlow,
}

impl Time {
    /// The time.
    pub fn now(&self) -> Millis {
        match self {
            Self::Virtual(p) => p.now(),
            Self::Real { now, .. } => now(),
        }
    }

    /// Waits until nothing of the provider can run before a timer or an answer that the harness holds.
    ///
    /// # Errors
    /// [`Restless::Unsettled`].
    pub async fn settle(&self, booth: &Booth) -> Result<(), Restless> {
        match self {
            Self::Virtual(provider) => rest(provider.as_ref(), booth, 0).await,
            Self::Real { quiet, .. } => {
                booth.quiet_for(*quiet).await;
                Ok(())
            }
        }
    }

    /// Whether it passes by itself, so that something may come at any time.
    pub fn is_real(&self) -> bool {
        matches!(self, Self::Real { .. })
    }

    /// Waits for the answers to the step's own requests, `open` of them. In a settled target up to `within` may pass first.
    ///
    /// # Errors
    /// [`Restless::Stuck`] where they are still open in a settled target, [`Restless::Late`] where time is real.
    pub async fn answer<F: Future>(&self, booth: &Booth, open: usize, within: Millis, asked: F) -> Result<F::Output, Restless> {
        tokio::pin!(asked);
        match self {
            Self::Virtual(provider) => {
                let deadline = provider.now() + within;
                loop {
                    let rested = tokio::select! {
                        biased;
                        answer = &mut asked => return Ok(answer),
                        rested = rest(provider.as_ref(), booth, open) => rested,
                    };
                    rested?;
                    if !wake(provider.as_ref(), booth, deadline) {
                        return Err(Restless::Stuck);
                    }
                }
            }
            // A step that says how long it may take means it; the target's own pace is allowed for by the time in which it is to be quiet.
            Self::Real { quiet, .. } => {
                let limit = if within > 0 { Duration::from_millis(within.unsigned_abs()) + *quiet } else { PATIENCE };
                tokio::time::timeout(limit, asked).await.map_err(|_| Restless::Late(limit))
            }
        }
    }

    /// Waits as long as the target itself has asked for. That belongs to the flow, so real time is waited for too, if it is not too much.
    ///
    /// # Errors
    /// As [`Time::advance`].
    pub async fn pause(&self, booth: &Booth, by: Millis) -> Result<(), Restless> {
        match self {
            Self::Real { slow: false, .. } if by <= PATIENCE.as_millis() as Millis => {
                tokio::time::sleep(Duration::from_millis(by.unsigned_abs())).await;
                Ok(())
            }
            _ => self.advance(booth, by).await,
        }
    }

    /// Lets time pass: settle, wake the earliest timer, settle, and so on.
    ///
    /// # Errors
    /// [`Restless::NotSlow`] where time is real, [`Restless::Unsettled`].
    pub async fn advance(&self, booth: &Booth, by: Millis) -> Result<(), Restless> {
        match self {
            Self::Virtual(provider) => {
                let until = provider.now() + by;
                loop {
                    rest(provider.as_ref(), booth, 0).await?;
                    if !wake(provider.as_ref(), booth, until) {
                        return Ok(());
                    }
                }
            }
            Self::Real { slow: false, .. } => Err(Restless::NotSlow),
            Self::Real { slow: true, .. } => {
                tokio::time::sleep(Duration::from_millis(by.unsigned_abs())).await;
                self.settle(booth).await
            }
        }
    }
}

/// Wakes what is due first, of the provider or of the front; false if nothing is due by `until`, and then it is `until`.
fn wake(provider: &dyn Clockwork, booth: &Booth, until: Millis) -> bool {
    match (provider.next_timer(), booth.next_timer()) {
        (provider_due, Some(ours)) if ours <= until && provider_due.is_none_or(|p| ours < p) => {
            provider.step(ours);
            booth.fire(ours);
            true
        }
        _ => provider.step(until),
    }
}

/// Waits for `busy = 0, behind = 0, open = held`, with at least `parked` requests of ours waiting inside the provider.
async fn rest(provider: &dyn Clockwork, booth: &Booth, parked: usize) -> Result<(), Restless> {
    let (mut theirs, mut ours) = (provider.changes(), booth.changes());
    let settled = async {
        loop {
            // Marked as seen before the numbers are read, so that a change in between wakes us again.
            theirs.borrow_and_update();
            ours.borrow_and_update();
            let (quiet, held) = (provider.quiet(), booth.held());
            if quiet.busy == 0
                && quiet.behind == 0
                && quiet.open == held
                && quiet.parked + booth.kept_back() >= parked
                && booth.working() == 0
            {
                return;
            }
            tokio::select! {
                biased;
                gone = theirs.changed() => if gone.is_err() { return },
                gone = ours.changed() => if gone.is_err() { return },
            }
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.map_err(|_| Restless::Unsettled(provider.quiet(), booth.held()))
}
