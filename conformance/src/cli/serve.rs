//! `touchstone serve`: the provider for other programs.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{Stop, say};
use crate::embedded::{OpenError, ServeError, ServeOptions, serve as run};

/// Where and how to serve.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where to listen; port 0 takes any
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// An issuer as clients know it, where that is another address (a reverse proxy); several may be served
    #[arg(long, value_name = "URL", num_args = 1..)]
    issuer: Vec<String>,
    /// Clients, users, switches and lifetimes; without it those of the fixtures
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Certificate chain, PEM; without it a CA and a certificate are made
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of that certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The CA that outgoing connections trust, PEM; without it those that browsers trust
    #[arg(long, value_name = "FILE")]
    trust_ca: Option<PathBuf>,
    /// Plain HTTP: behind a proxy that ends TLS, or for a trial that does not conform
    #[arg(long, conflicts_with = "tls_cert")]
    http: bool,
    /// A host inside that clients may register all the same; several may be named
    #[arg(long, value_name = "HOST", num_args = 1..)]
    allow_internal: Vec<String>,
    /// Sign with the keys of the fixtures, which everybody knows
    #[arg(long)]
    fixture_keys: bool,
    /// Keep what happens in this file, and the keys that sign beside it in FILE.keys; both are made if they are not there
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
}

/// Serves until it is interrupted or told to end, then stops in good order.
///
/// # Errors
/// It could not begin.
pub fn serve(args: ServeArgs) -> Result<u8, Stop> {
    let options = ServeOptions {
        listen: args.listen,
        issuers: args.issuer,
        config: args.config,
        tls: args.tls_cert.zip(args.tls_key),
        trust_ca: args.trust_ca,
        http: args.http,
        allow_internal: args.allow_internal,
        fixture_keys: args.fixture_keys,
        data: args.data,
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Stop::Target(format!("no runtime: {e}")))?;
    runtime.block_on(run(options, say, told_to_end())).map_err(|e| match e {
        // That somebody else has it is said as it is of a port.
        ServeError::Data(OpenError::InUse(_)) => Stop::Serve(e.to_string()),
        ServeError::Config(_) | ServeError::File { .. } | ServeError::Plain(_) | ServeError::Tls(_) => Stop::Usage(e.to_string()),
        ServeError::Data(_) | ServeError::Keys(_) => Stop::Usage(e.to_string()),
        ServeError::Listen { .. } | ServeError::Start(_) | ServeError::Chance(_) => Stop::Serve(e.to_string()),
    })?;
    Ok(0)
}

/// Over when somebody presses Ctrl-C or the system asks the process to end.
async fn told_to_end() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}
