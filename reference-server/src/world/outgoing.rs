//! Connections to others: HTTP/1.1, one connection for one request, redirects never followed.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Body;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::guard::Guard;

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
    /// The name leads inside, and nobody but the operator may send us there.
    #[error("{0} is an address inside")]
    Inside(String),
    /// Nobody listens there, or not by TLS, or not with a certificate that we trust.
    #[error("no connection: {0}")]
    Connection(#[from] std::io::Error),
    /// More than anybody has to say.
    #[error("the answer of {0} is too long")]
    TooLong(String),
    /// The connection ended, or what came was no HTTP.
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
}

/// Whose word an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// It stands in the configuration.
    Operators,
    /// Somebody has sent it to us.
    Strangers,
}

/// How much of an answer is read.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Sends requests to relying parties.
pub struct Outgoing {
    resolve: Resolve,
    tls: TlsConnector,
    guard: Guard,
}

impl Outgoing {
    /// Connections by this resolver and this TLS, where the guard lets them. Only HTTP/1.1 is offered.
    pub fn new(resolve: Resolve, tls: &rustls::ClientConfig, guard: Guard) -> Self {
        let mut tls = tls.clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { resolve, tls: TlsConnector::from(Arc::new(tls)), guard }
    }

    /// Who watches where strangers send us.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// POSTs a form and returns the status of the answer, whatever it is. The query of the address is kept.
    ///
    /// # Errors
    /// No status came. Dropping the future gives the request up and closes the connection.
    pub async fn post_form(&self, address: &str, body: String, whose: Whose) -> Result<u16, NoAnswer> {
        Ok(self.ask(address, Some(body), whose).await?.0)
    }

    /// GETs JSON and returns the status of the answer, whatever it is, and its body.
    ///
    /// # Errors
    /// No answer came, or one that is too long. Dropping the future gives the request up and closes the connection.
    pub async fn get(&self, address: &str, whose: Whose) -> Result<(u16, Bytes), NoAnswer> {
        let (status, body) = self.ask(address, None, whose).await?;
        Ok((status, body.ok_or_else(|| NoAnswer::TooLong(address.to_owned()))?))
    }

    async fn ask(&self, address: &str, form: Option<String>, whose: Whose) -> Result<(u16, Option<Bytes>), NoAnswer> {
        let wrong = || NoAnswer::Address(address.to_owned());
        let url = Url::parse(address).map_err(|_| wrong())?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return Err(wrong()) };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let stream = self.connect(bare, port, whose).await?;
        match url.scheme() {
            "https" => {
                let name = ServerName::try_from(bare.to_owned()).map_err(|_| wrong())?;
                send(self.tls.connect(name, stream).await?, &url, form).await
            }
            "http" => send(stream, &url, form).await,
            _ => Err(wrong()),
        }
    }

    /// The guard looks at the very address that is connected to: a name may lead elsewhere a moment later.
    async fn connect(&self, host: &str, port: u16, whose: Whose) -> Result<TcpStream, NoAnswer> {
        let mut last = None;
        for address in (self.resolve)(host.to_owned(), port).await {
            if whose == Whose::Strangers && !self.guard.allows(host, address.ip()) {
                last = Some(NoAnswer::Inside(host.to_owned()));
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = Some(NoAnswer::Connection(error)),
            }
        }
        Err(last.unwrap_or_else(|| NoAnswer::Name(host.to_owned())))
    }
}

/// Status and body; no body if it could not be read whole.
async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    url: &Url,
    form: Option<String>,
) -> Result<(u16, Option<Bytes>), NoAnswer> {
    let authority = url.authority();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = Request::builder().uri(target).header(HOST, authority);
    let request = match &form {
        Some(_) => request.method(Method::POST).header(CONTENT_TYPE, "application/x-www-form-urlencoded").header(ACCEPT, "*/*"),
        None => request.method(Method::GET).header(ACCEPT, "application/json"),
    };
    let request = request
        .header(USER_AGENT, "touchstone")
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::from(form.unwrap_or_default())))
        .map_err(|_| NoAnswer::Address(url.to_string()))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut connection = Driver(tokio::spawn(async move {
        // How the connection ends says nothing more than the answer did.
        let _ = connection.await;
    }));
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    let body = whole(answer.into_body()).await;
    if body.is_some() {
        drop(sender);
        // It was asked to close, so it does; this waits for our side of the closing.
        let _ = (&mut connection.0).await;
    }
    Ok((status, body))
}

async fn whole(body: impl Body<Data = Bytes, Error = hyper::Error>) -> Option<Bytes> {
    Some(Limited::new(body, ANSWER_LIMIT).collect().await.ok()?.to_bytes())
}

/// Drives a connection and ends with whoever holds it.
struct Driver(tokio::task::JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}
