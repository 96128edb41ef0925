//! Connections to others: HTTP/1.1, one connection for one request, redirects never followed.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// Where a name leads: host without brackets, port. No address means that the name does not exist.
pub type Resolve = Arc<dyn Fn(String, u16) -> Pin<Box<dyn Future<Output = Vec<SocketAddr>> + Send>> + Send + Sync>;

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The address cannot be asked at all.
    #[error("{0} is not an http or https address")]
    Address(String),
    /// The name leads nowhere.
    #[error("the name {0} does not exist")]
    Name(String),
    /// Nobody listens there, or not by TLS, or not with a certificate that we trust.
    #[error("no connection: {0}")]
    Connection(#[from] std::io::Error),
    /// The connection ended, or what came was no HTTP.
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
}

/// How much of an answer is read so that the connection ends in good order.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Sends requests to relying parties.
pub struct Outgoing {
    resolve: Resolve,
    tls: TlsConnector,
}

impl Outgoing {
    /// Connections by this resolver and this TLS. Only HTTP/1.1 is offered.
    pub fn new(resolve: Resolve, tls: &rustls::ClientConfig) -> Self {
        let mut tls = tls.clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { resolve, tls: TlsConnector::from(Arc::new(tls)) }
    }

    /// POSTs a form and returns the status of the answer, whatever it is. The query of the address is kept.
    ///
    /// # Errors
    /// No status came. Dropping the future gives the request up and closes the connection.
    pub async fn post_form(&self, address: &str, body: String) -> Result<u16, NoAnswer> {
        let wrong = || NoAnswer::Address(address.to_owned());
        let url = Url::parse(address).map_err(|_| wrong())?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return Err(wrong()) };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let stream = self.connect(bare, port).await?;
        match url.scheme() {
            "https" => {
                let name = ServerName::try_from(bare.to_owned()).map_err(|_| wrong())?;
                send(self.tls.connect(name, stream).await?, &url, body).await
            }
            "http" => send(stream, &url, body).await,
            _ => Err(wrong()),
        }
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, NoAnswer> {
        let mut last = None;
        for address in (self.resolve)(host.to_owned(), port).await {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.map_or_else(|| NoAnswer::Name(host.to_owned()), NoAnswer::Connection))
    }
}

async fn send(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, url: &Url, body: String) -> Result<u16, NoAnswer> {
    let authority = url.authority();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = Request::builder()
        .method(Method::POST)
        .uri(target)
        .header(HOST, authority)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "*/*")
        .header(USER_AGENT, "touchstone")
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| NoAnswer::Address(url.to_string()))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut connection = Driver(tokio::spawn(async move {
        // How the connection ends says nothing more than the answer did.
        let _ = connection.await;
    }));
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    if Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await.is_ok() {
        drop(sender);
        // It was asked to close, so it does; this waits for our side of the closing.
        let _ = (&mut connection.0).await;
    }
    Ok(status)
}

/// Drives a connection and ends with whoever holds it.
struct Driver(tokio::task::JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}
