//! The runtime of a run, and what an interrupt does to it.

use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::Stop;
use super::progress::Progress;
use crate::drive::{Event, RunError};

/// Who is told what happens while a run goes on.
pub type On = Arc<dyn Fn(Event) + Send + Sync>;

/// From its beginning on, an interrupt ends no longer the process but the work.
pub struct Session {
    runtime: Runtime,
    cancel: watch::Receiver<bool>,
}

impl Session {
    /// Starts the runtime and listens for interrupts.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn begin() -> Result<Self, Stop> {
        let runtime = Runtime::new().map_err(|e| Stop::Target(format!("no runtime: {e}")))?;
        let (stop, cancel) = watch::channel(false);
        runtime.block_on(async { listen(stop) });
        Ok(Self { runtime, cancel })
    }

    /// Does the work, with a line of progress on stderr. True: it was interrupted, and not everything was done.
    ///
    /// # Errors
    /// The target is not there or cannot be set up.
    pub fn work<T, F>(&self, checks: usize, work: impl FnOnce(watch::Receiver<bool>, On) -> F) -> Result<(T, bool), Stop>
    where
        F: Future<Output = Result<T, RunError>>,
    {
        let progress = Arc::new(Progress::new(checks));
        let seen = progress.clone();
        let on: On = Arc::new(move |event| match event {
            Event::Began(id) => seen.began(&id),
            Event::Ended(id) => seen.ended(&id),
        });
        let ended = self.runtime.block_on(work(self.cancel.clone(), on));
        progress.clear();
        let interrupted = *self.cancel.borrow();
        Ok((ended.map_err(|e| Stop::Target(e.to_string()))?, interrupted))
    }
}

/// The first interrupt ends the work with what it has; the second ends the process. A supervisor's request to end is an interrupt too.
#[cfg(unix)]
fn listen(stop: watch::Sender<bool>) {
    use tokio::signal::unix::{SignalKind, signal};
    // Where the system lets nobody listen, an interrupt ends the process as it always did.
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else { return };
    tokio::spawn(async move {
        for nth in 1.. {
            tokio::select! {
                biased;
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            told(&stop, nth);
        }
    });
}

/// The first interrupt ends the work with what it has; the second ends the process.
#[cfg(not(unix))]
fn listen(stop: watch::Sender<bool>) {
    tokio::spawn(async move {
        for nth in 1.. {
            if tokio::signal::ctrl_c().await.is_ok() {
                told(&stop, nth);
            }
        }
    });
}

fn told(stop: &watch::Sender<bool>, nth: usize) {
    if nth > 1 {
        std::process::exit(130);
    }
    let _ = stop.send(true);
}
