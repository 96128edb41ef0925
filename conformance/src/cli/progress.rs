//! What is under way, on stderr, where that is a terminal.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line that says how many checks are over and which are under way.
pub struct Progress {
    bar: ProgressBar,
    under_way: Mutex<BTreeSet<String>>,
}

impl Progress {
    /// Draws nothing if stderr is no terminal.
    pub fn new(checks: usize) -> Self {
        let to = if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(checks as u64), to);
        if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {wide_msg}") {
            bar.set_style(style);
        }
        Self { bar, under_way: Mutex::default() }
    }

    /// A check has begun.
    pub fn began(&self, id: &str) {
        self.change(|under_way| {
            under_way.insert(id.to_owned());
            // A proof learns on the way what it has to run.
            let known = self.bar.length().unwrap_or_default();
            self.bar.set_length(known.max(self.bar.position() + under_way.len() as u64));
        });
    }

    /// A check is over.
    pub fn ended(&self, id: &str) {
        self.bar.inc(1);
        self.change(|under_way| {
            under_way.remove(id);
        });
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn change(&self, change: impl FnOnce(&mut BTreeSet<String>)) {
        if self.bar.is_hidden() {
            return;
        }
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut under_way);
        self.bar.set_message(under_way.iter().cloned().collect::<Vec<_>>().join(", "));
    }
}
