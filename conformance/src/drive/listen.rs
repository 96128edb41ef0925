//! The listener of the front: sockets, TLS and HTTP/1.1, and nothing of what is said.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::front::{Booth, Played};
use crate::transcript::Request;

/// Which booth a request belongs to.
pub type Route = Arc<dyn Fn(&Request) -> Option<Booth> + Send + Sync>;

const LARGEST: usize = 1 << 20;
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Bound, and not yet serving.
pub struct Socket {
    listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
    /// What the addresses of the requests begin with, where that is not what the socket is asked for: a reverse proxy stands before it.
    pub known_as: Option<Arc<str>>,
}

/// Serves until it is dropped.
pub struct Listening(AbortHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Socket {
    /// Binds to an address of the loopback interface.
    ///
    /// # Errors
    /// What the system says.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { address: listener.local_addr()?, listener, known_as: None })
    }

    /// Serves each request by the booth that `route` names; 404 where there is none.
    pub fn serve(self, tls: Option<Arc<rustls::ServerConfig>>, route: Route) -> Listening {
        let way = Way { scheme: if tls.is_some() { "https" } else { "http" }, known_as: self.known_as.clone(), route };
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = self.listener.accept() => {
                        if let Ok((stream, _)) = accepted {
                            connections.spawn(connection(stream, tls.clone(), way.clone()));
                        }
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Listening(task.abort_handle())
    }
}

/// How a request gets from the socket to its booth.
#[derive(Clone)]
struct Way {
    scheme: &'static str,
    known_as: Option<Arc<str>>,
    route: Route,
}

async fn connection(stream: TcpStream, tls: Option<Arc<rustls::ServerConfig>>, way: Way) {
    // Without it small answers wait for acknowledgements.
    let _ = stream.set_nodelay(true);
    match tls {
        None => exchange(TokioIo::new(stream), way).await,
        Some(config) => {
            let accept = tokio_rustls::TlsAcceptor::from(config).accept(stream);
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, accept).await {
                exchange(TokioIo::new(stream), way).await;
            }
        }
    }
}

async fn exchange<I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static>(io: I, way: Way) {
    let service = hyper::service::service_fn(move |request| answer(request, way.clone()));
    // A dropped connection is an answer too, and the ledger has it already.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("dropped on purpose")]
struct Dropped;

async fn answer(request: hyper::Request<Incoming>, way: Way) -> Result<hyper::Response<Full<Bytes>>, Dropped> {
    let (head, body) = request.into_parts();
    let text = |v: &hyper::header::HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
    let host = head.headers.get("host").map(text).unwrap_or_default();
    let base = way.known_as.as_deref().map_or_else(|| format!("{}://{host}", way.scheme), str::to_owned);
    let body = Limited::new(body, LARGEST).collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let request = Request {
        method: head.method.to_string(),
        url: format!("{base}{}", head.uri.path_and_query().map_or("/", |p| p.as_str())),
        headers: head.headers.iter().map(|(n, v)| (n.as_str().to_owned(), text(v))).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let Some(booth) = (way.route)(&request) else { return Ok(response(404, &[], "nobody's address")) };
    match booth.deliver(request).await {
        Played::Answer(answer) => Ok(response(answer.status, &answer.headers, &answer.body)),
        Played::Drop => Err(Dropped),
    }
}

fn response(status: u16, headers: &[(String, String)], body: &str) -> hyper::Response<Full<Bytes>> {
    let mut builder = hyper::Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    builder.body(Full::new(Bytes::from(body.to_owned()))).unwrap_or_default()
}
