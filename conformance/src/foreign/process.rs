//! The provider's process, where the target file says how it is started.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::drive::net::Http;
use crate::drive::site::get;
use crate::target::file::Start;

/// How often `ready` is asked: a process of others tells nobody when it is.
const PAUSE: Duration = Duration::from_millis(50);
/// How long it may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);
/// How many of its last lines are kept, for the day when it ends too early.
const KEPT: usize = 5;

/// The process. It and all that it has started are told to end when this is dropped.
pub struct Started {
    child: Child,
    /// The number of its process group, until it is over.
    group: Option<u32>,
    said: Arc<Mutex<VecDeque<String>>>,
}

impl Started {
    /// Starts it in `directory`.
    ///
    /// # Errors
    /// That it cannot be, or that somebody answers at its address already.
    pub async fn new(start: &Start, directory: &Path, http: &Http) -> Result<Self, String> {
        if matches!(tokio::time::timeout(GRACE, http.send(&get(&start.ready), None)).await, Ok(Ok(_))) {
            return Err(format!("somebody answers at {} before the target was started", start.ready));
        }
        let (program, arguments) = start.command.split_first().ok_or("the target file names no program to start")?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(directory).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: what it starts ends with it, and an interrupt at the terminal is the harness's to hand on.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|e| format!("`{program}`: {e}"))?;
        let said = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(out) = child.stdout.take() {
            tokio::spawn(listen(out, said.clone()));
        }
        if let Some(err) = child.stderr.take() {
            tokio::spawn(listen(err, said.clone()));
        }
        Ok(Self { group: child.id(), child, said })
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// That it ended, or that it took too long.
    pub async fn ready(&mut self, start: &Start, http: &Http) -> Result<(), String> {
        let request = get(&start.ready);
        let answers = async {
            while !http.send(&request, None).await.is_ok_and(|a| (200..300).contains(&a.status)) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        let program = start.command.first().map_or("", String::as_str);
        let ended = tokio::select! {
            biased;
            ended = self.child.wait() => ended.map_or_else(|e| e.to_string(), |status| status.to_string()),
            ready = tokio::time::timeout(start.within, answers) => {
                return ready.map_err(|_| format!("`{program}` is not ready after {} s at {}{}", start.within.as_secs(), start.ready, self.words()));
            }
        };
        // Its last lines may still be on their way.
        tokio::time::sleep(PAUSE).await;
        Err(format!("`{program}` ended before it was ready, {ended}{}", self.words()))
    }

    /// Tells it to end, and makes it if it does not.
    pub async fn stop(mut self) {
        signal(self.group, "TERM");
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            signal(self.group, "KILL");
            let _ = self.child.wait().await;
        }
        self.group = None;
    }

    /// What it said last.
    fn words(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_empty() { String::new() } else { format!("; it said: {}", said.iter().cloned().collect::<Vec<_>>().join(" / ")) }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        signal(self.group, "TERM");
    }
}

/// Sends a signal to a process group. The standard library has no word for it, and every system's shell has.
fn signal(group: Option<u32>, name: &str) {
    let Some(group) = group else { return };
    let script = format!("kill -{name} -{group}");
    let _ = std::process::Command::new("sh").args(["-c", &script]).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// Reads what a process says, so that it never waits for a reader, and keeps the end of it.
async fn listen(from: impl AsyncRead + Unpin, said: Arc<Mutex<VecDeque<String>>>) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push_back(line);
        if said.len() > KEPT {
            said.pop_front();
        }
    }
}
