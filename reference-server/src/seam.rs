//! The seam to the harness: text in, numbers out. It says that nothing is there yet.

use std::net::SocketAddr;
use std::sync::Arc;

/// What the provider is given from outside.
pub struct Outside {
    /// TLS of the server side; without it, plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// TLS of outgoing connections.
    pub client_tls: Arc<rustls::ClientConfig>,
    /// Where a name lives.
    #[allow(clippy::type_complexity)]
    pub resolve: Arc<dyn Fn(&str, u16) -> Option<SocketAddr> + Send + Sync>,
}

/// How quiet it is.
pub struct Quiet {
    /// Handlers and consumers that can run.
    pub busy: usize,
    /// Events that the notifier has not seen.
    pub behind: u64,
    /// Deliveries without an answer.
    pub open: usize,
    /// Handlers that wait.
    pub parked: usize,
}

/// A provider at work.
pub struct Handle(std::convert::Infallible);

#[allow(missing_docs)]
impl Handle {
    pub fn addr(&self) -> SocketAddr {
        match self.0 {}
    }
    pub fn now_ms(&self) -> i64 {
        match self.0 {}
    }
    pub fn quiet(&self) -> Quiet {
        match self.0 {}
    }
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        match self.0 {}
    }
    pub fn next_timer(&self) -> Option<i64> {
        match self.0 {}
    }
    pub fn step(&self, _: i64) -> bool {
        match self.0 {}
    }
}

/// Starts a provider.
///
/// # Errors
/// Always, until there is one.
pub async fn start(_: &str, _: [u8; 32], _: Outside) -> Result<Handle, String> {
    Err("there is none yet".into())
}
