//! The one HTTP client of the harness: openidconnect's requests, the browser's and those made by hand go through it.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Barrier;

use crate::transcript::{Answer, Request};

/// Where a name lives: an argument of both sides, so that what is signed never knows a port. `None`: there is no such name.
pub type Resolve = Arc<dyn Fn(&str) -> Option<SocketAddr> + Send + Sync>;

/// Larger answers than this are an error, said so.
const LARGEST: usize = 4 << 20;

type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;
type Legacy = hyper_util::client::legacy::Client<HttpsConnector<HttpConnector<Names>>, Body>;

/// Sends requests as they stand; follows nothing, keeps no cookies.
#[derive(Clone)]
pub struct Http {
    pooled: Arc<RwLock<Legacy>>,
    /// One connection for each request, HTTP/1.1.
    apart: Legacy,
    make: Arc<dyn Fn() -> Legacy + Send + Sync>,
}

impl Http {
    /// Over this TLS configuration, to where `resolve` says; without it, to where the system says.
    pub fn new(tls: &Arc<rustls::ClientConfig>, resolve: Option<&Resolve>) -> Self {
        let (tls, resolve) = (tls.clone(), resolve.cloned());
        let connector = move || {
            let mut http = HttpConnector::new_with_resolver(Names(resolve.clone()));
            http.enforce_http(false);
            http.set_nodelay(true);
            http
        };
        let https = move || hyper_rustls::HttpsConnectorBuilder::new().with_tls_config((*tls).clone()).https_or_http();
        let builder = || hyper_util::client::legacy::Client::builder(TokioExecutor::new());
        let apart = builder().pool_max_idle_per_host(0).build(https().enable_http1().wrap_connector(connector()));
        let make = Arc::new(move || builder().build(https().enable_all_versions().wrap_connector(connector())));
        Self { pooled: Arc::new(RwLock::new(make())), apart, make }
    }

    /// Forgets all connections: whoever was there has gone, and a request over one of them might be lost.
    pub fn forget_connections(&self) {
        *self.pooled.write().unwrap_or_else(PoisonError::into_inner) = (self.make)();
    }

    /// Sends one request and reads the whole answer. With a `gate` it goes over a connection of its own, and its last byte only when all others
    /// at the gate have got as far.
    ///
    /// # Errors
    /// What happened instead of an answer, in words.
    pub async fn send(&self, request: &Request, gate: Option<Arc<Barrier>>) -> Result<Answer, String> {
        let mut builder = hyper::Request::builder().method(request.method.as_str()).uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        // Else nobody can tell an empty body from none (RFC 9110 §8.6), and some providers take the one for no form at all.
        let has_body = matches!(request.method.as_str(), "POST" | "PUT" | "PATCH");
        if has_body && request.body.is_empty() && request.header("content-length").next().is_none() {
            builder = builder.header("content-length", 0);
        }
        let pooled = self.pooled.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (client, body) = match gate {
            None => (&pooled, Full::new(Bytes::from(request.body.clone())).boxed_unsync()),
            // Without a body there is no last byte to keep back: all of it goes when the others have come so far.
            Some(gate) if request.body.is_empty() => {
                gate.wait().await;
                (&self.apart, Full::default().boxed_unsync())
            }
            Some(gate) => {
                builder = builder.header("content-length", request.body.len());
                (&self.apart, gated(&request.body, gate))
            }
        };
        let request = builder.body(body).map_err(|e| format!("the request cannot be sent: {e}"))?;
        let answer = client.request(request).await.map_err(|e| chain(&e))?;
        let (head, body) = answer.into_parts();
        let body = whole(body, head.status).await?;
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head
                .headers
                .iter()
                .map(|(n, v)| (n.as_str().to_owned(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
                .collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

/// The body. Who refuses a request that was too large may hang up on whoever is still sending: the status has come, and tells all.
async fn whole(body: hyper::body::Incoming, status: hyper::StatusCode) -> Result<Vec<u8>, String> {
    let mut body = http_body_util::Limited::new(body, LARGEST);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend(frame.into_data().unwrap_or_default()),
            Err(why) if why.is::<http_body_util::LengthLimitError>() || status.is_success() || status.is_redirection() => {
                return Err(format!("the answer breaks off: {why}"));
            }
            Err(_) => break,
        }
    }
    Ok(bytes)
}

/// All bytes but the last; then, when everybody has come so far, the last.
fn gated(body: &str, gate: Arc<Barrier>) -> Body {
    let bytes = Bytes::from(body.to_owned());
    let last = bytes.len().saturating_sub(1);
    let (first, rest) = (bytes.slice(..last), bytes.slice(last..));
    let frames = futures_util::stream::unfold((Some(first), Some(rest), gate), |(first, rest, gate)| async move {
        if let Some(first) = first.filter(|f| !f.is_empty()) {
            return Some((Ok::<_, Infallible>(Frame::data(first)), (None, rest, gate)));
        }
        let rest = rest?;
        gate.wait().await;
        Some((Ok(Frame::data(rest)), (None, None, gate)))
    });
    StreamBody::new(frames).boxed_unsync()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        words = format!("{words}: {inner}");
        source = inner.source();
    }
    words
}

/// hyper's resolver, asking ours where there is one.
#[derive(Clone)]
struct Names(Option<Resolve>);

impl tower_service::Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let known = self.0.as_ref().map(|resolve| resolve(name.as_str()));
        Box::pin(async move {
            match known {
                Some(Some(address)) => Ok(vec![address].into_iter()),
                Some(None) => Err(std::io::Error::other(format!("there is no host `{}`", name.as_str()))),
                None => Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.collect::<Vec<_>>().into_iter()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    /// What comes of an answer of which the connection carries no more than this.
    async fn cut_off(answer: &'static str) -> Result<u16, String> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let peer = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().expect("a connection");
            let _ = connection.read(&mut [0; 1024]);
            let _ = connection.write_all(answer.as_bytes());
        });
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(crypto).with_safe_default_protocol_versions().expect("versions");
        let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
        let request = Request { method: "GET".into(), url, headers: Vec::new(), body: String::new() };
        let answer = Http::new(&Arc::new(tls), None).send(&request, None).await;
        peer.join().expect("the peer");
        answer.map(|a| a.status)
    }

    #[tokio::test]
    async fn a_refusal_that_breaks_off_is_still_one() {
        assert_eq!(cut_off("HTTP/1.1 431 Too Large\r\ncontent-length: 100\r\n\r\nshort").await, Ok(431));
        let said = cut_off("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort").await;
        assert!(said.clone().is_err_and(|why| why.starts_with("the answer breaks off")), "{said:?}");
    }
}
