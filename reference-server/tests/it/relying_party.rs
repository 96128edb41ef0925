//! A relying party that is told of logouts, and answers as a test wants it to.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reference_server::{Handle, ResolveName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::walker::server_tls;

/// How a relying party answers.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    Status(u16),
    Hang,
    Drop,
}

/// What was told to whom.
#[derive(Clone, Debug)]
pub struct Told {
    pub host: String,
    pub head: String,
    pub logout_token: String,
    pub at_ms: i64,
}

#[derive(Default)]
struct State {
    told: Vec<Told>,
    manners: Vec<(String, VecDeque<Manner>)>,
    published: Vec<(String, String)>,
    asked: usize,
    held: usize,
}

/// All relying parties of a test behind one listener.
#[derive(Clone)]
pub struct Parties {
    addr: SocketAddr,
    state: Arc<Mutex<State>>,
    clock: Arc<Mutex<Option<Arc<Handle>>>>,
}

impl Parties {
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let parties = Self { addr: listener.local_addr().expect("an address"), state: Arc::default(), clock: Arc::default() };
        let serving = parties.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let parties = serving.clone();
                tokio::spawn(async move {
                    if let Ok(stream) = TlsAcceptor::from(server_tls()).accept(stream).await {
                        parties.answer(stream).await;
                    }
                });
            }
        });
        parties
    }

    /// Where names lead; `gone.rp.test` does not exist.
    pub fn resolve(&self) -> ResolveName {
        let addr = self.addr;
        Arc::new(move |host, _| (host != "gone.rp.test").then_some(addr))
    }

    /// From now on this client answers so; the last goes on.
    pub fn answers(&self, host: &str, manners: &[Manner]) {
        self.state.lock().expect("alive").manners.push((host.to_owned(), manners.iter().copied().collect()));
    }

    /// From now on this host answers every GET with this JSON.
    pub fn publishes(&self, host: &str, json: &str) {
        let mut state = self.state.lock().expect("alive");
        state.published.retain(|(known, _)| known != host);
        state.published.push((host.to_owned(), json.to_owned()));
    }

    /// How many GETs there were.
    pub fn asked(&self) -> usize {
        self.state.lock().expect("alive").asked
    }

    pub fn clock(&self, handle: &Arc<Handle>) {
        *self.clock.lock().expect("alive") = Some(handle.clone());
    }

    pub fn told(&self) -> Vec<Told> {
        self.state.lock().expect("alive").told.clone()
    }

    pub fn told_to(&self, host: &str) -> Vec<Told> {
        self.told().into_iter().filter(|told| told.host == host).collect()
    }

    fn held(&self) -> usize {
        self.state.lock().expect("alive").held
    }

    async fn answer(&self, mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) {
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        let (head, body) = loop {
            let Ok(read @ 1..) = stream.read(&mut chunk).await else { return };
            bytes.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
            if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
                break (head.to_owned(), body.to_owned());
            }
        };
        let host = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("host: ").map(str::to_owned)).unwrap_or_default();
        if head.starts_with("GET ") {
            let json = {
                let mut state = self.state.lock().expect("alive");
                state.asked += 1;
                state.published.iter().find(|(known, _)| *known == host).map(|(_, json)| json.clone())
            };
            let (status, json) = json.map_or((404, String::new()), |json| (200, json));
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}", json.len());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
            return;
        }
        let logout_token = body.strip_prefix("logout_token=").unwrap_or_default().to_owned();
        let at_ms = self.clock.lock().expect("alive").as_ref().map_or(0, |handle| handle.now_ms());
        let manner = {
            let mut state = self.state.lock().expect("alive");
            state.told.push(Told { host: host.clone(), head, logout_token, at_ms });
            let known = state.manners.iter_mut().find(|(known, _)| *known == host);
            let manner = match known {
                Some((_, manners)) if manners.len() > 1 => manners.pop_front(),
                Some((_, manners)) => manners.front().copied(),
                None => None,
            };
            let manner = manner.unwrap_or(Manner::Status(200));
            state.held += usize::from(matches!(manner, Manner::Hang));
            manner
        };
        match manner {
            Manner::Status(status) => {
                let location = if (300..400).contains(&status) { "Location: https://trap.rp.test/bcl\r\n" } else { "" };
                let answer = format!("HTTP/1.1 {status} X\r\n{location}Content-Length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
            Manner::Drop => {}
            Manner::Hang => {
                let _ = stream.read(&mut chunk).await;
                self.state.lock().expect("alive").held -= 1;
            }
        }
    }

    /// Waits until nothing can happen of itself.
    pub async fn settle(&self, handle: &Handle) {
        let mut changes = handle.changes();
        loop {
            changes.mark_unchanged();
            let quiet = handle.quiet();
            if (quiet.busy, quiet.behind) == (0, 0) && quiet.open == self.held() {
                return;
            }
            // The parties do not ring, so look again now and then.
            let _ = tokio::time::timeout(Duration::from_millis(2), changes.changed()).await;
        }
    }

    /// Lets time pass, timer by timer.
    pub async fn advance(&self, handle: &Handle, ms: i64) {
        let until = handle.now_ms() + ms;
        loop {
            self.settle(handle).await;
            if !handle.step(until) {
                return;
            }
        }
    }
}
