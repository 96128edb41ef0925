//! The only file that knows a socket: TLS, HTTP/1.1 and HTTP/2, limits in size and in real time, and an end in good order.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, DATE, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::exchange::{Answer, Request};
use crate::provider::Provider;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(15);
/// How long a body may take.
const BODY: Duration = Duration::from_secs(15);
/// How large the head of a request may be.
const HEAD_BYTES: usize = 64 * 1024;
/// How many headers a request may have.
const HEADERS: usize = 100;
/// How many times as much of a head is read before it is refused: who sends more than that is told so by the library, which has no `Date`.
const READ: usize = 4;
/// How large a body may be. The largest are forms that carry tokens.
const BODY_BYTES: usize = 128 * 1024;
/// How much of a larger one is read before it is refused.
const THROWN_AWAY: usize = 16 * BODY_BYTES;
/// How many requests of one HTTP/2 connection may be under way.
const STREAMS: u32 = 128;
/// How long the end may take for requests that are under way.
const END: Duration = Duration::from_secs(5);

/// How far the end of a provider has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It serves.
    Serving,
    /// Nothing new is begun.
    Stopping,
    /// Nothing goes on.
    Over,
}

/// Accepts connections until it is told to stop; then lets requests that are under way come to their end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    provider: Arc<Provider>,
    mut phase: watch::Receiver<Phase>,
) {
    let acceptor = tls.map(TlsAcceptor::from);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase > Phase::Serving) => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, mostly: others will end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let served = Served { provider: provider.clone(), phase: phase.clone(), from: peer.ip() };
        connections.spawn(connection(stream, acceptor.clone(), served, graceful.watcher()));
    }
    drop(listener);
    // Whatever is left after that ends with the set.
    let _ = timeout(END, graceful.shutdown()).await;
}

/// Who answers, and how long.
#[derive(Clone)]
struct Served {
    provider: Arc<Provider>,
    phase: watch::Receiver<Phase>,
    from: IpAddr,
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the provider is over")]
struct Over;

async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>, served: Served, watcher: hyper_util::server::graceful::Watcher) {
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => talk(stream, served, watcher).await,
        // A client that says nothing must not hold up anybody but itself.
        Some(acceptor) => {
            if let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await {
                talk(stream, served, watcher).await;
            }
        }
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    served: Served,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let service = service_fn(move |request| answer_unless_over(served.clone(), request));
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(READ * HEAD_BYTES)
        .max_headers(READ * HEADERS)
        .auto_date_header(false)
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size((READ * HEAD_BYTES) as u32)
        .max_concurrent_streams(STREAMS)
        .auto_date_header(false);
    // How a connection ends is the other side's business.
    let _ = watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned()).await;
}

/// A request on HTTP/2 is a task of its own, which the end of its connection does not end.
async fn answer_unless_over(served: Served, request: hyper::Request<Incoming>) -> Result<Response<Full<Bytes>>, Over> {
    let Served { provider, mut phase, from } = served;
    tokio::select! {
        biased;
        _ = phase.wait_for(|phase| *phase == Phase::Over) => Err(Over),
        answer = answer(provider, from, request) => Ok(answer),
    }
}

async fn answer(provider: Arc<Provider>, from: IpAddr, request: hyper::Request<Incoming>) -> Response<Full<Bytes>> {
    let work = provider.world.counts.busy();
    let head = request.method() == Method::HEAD;
    let answer = match read(from, request).await {
        Ok(request) => provider.answer(request, work).await,
        Err(status) => Answer::empty(status),
    };
    let length = answer.body.len();
    // Over HTTP/2 nobody else takes the body of an answer to HEAD away (RFC 9110, section 9.3.2).
    let mut response = Response::new(Full::new(if head { Bytes::new() } else { answer.body }));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    if head && length > 0 {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if let Ok(date) = HeaderValue::from_str(&imf_fixdate(provider.world.now())) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

async fn read(from: IpAddr, request: hyper::Request<Incoming>) -> Result<Request, StatusCode> {
    let (head, body) = request.into_parts();
    let named = head.uri.authority().map(hyper::http::uri::Authority::as_str);
    let host = || head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = named.or_else(host).ok_or(StatusCode::BAD_REQUEST)?.to_ascii_lowercase();
    let body = match timeout(BODY, whole(body)).await {
        Ok(Ok(Some(body))) => body,
        Ok(Ok(None)) => return Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => return Err(StatusCode::BAD_REQUEST),
        Err(_) => return Err(StatusCode::REQUEST_TIMEOUT),
    };
    // Only now, or a client that is still sending would lose the answer.
    if head.headers.len() > HEADERS || head_bytes(&head) > HEAD_BYTES {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    Ok(Request {
        from,
        method: head.method,
        authority,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    })
}

/// How large a head is, as HTTP/1.1 writes it.
fn head_bytes(head: &hyper::http::request::Parts) -> usize {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let fields = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    head.method.as_str().len() + target + fields.sum::<usize>()
}

/// The whole body, if it is not too large. Of what is too much some more is read and thrown away: a client that is still sending may
/// not look for its answer, and loses it when the connection is closed (RFC 9112, section 9.6).
async fn whole(mut body: Incoming) -> Result<Option<Bytes>, hyper::Error> {
    let (mut kept, mut seen) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        seen += data.len();
        if seen <= BODY_BYTES {
            kept.extend_from_slice(&data);
        } else if seen > THROWN_AWAY {
            break;
        }
    }
    Ok((seen <= BODY_BYTES).then(|| kept.into()))
}

/// RFC 9110, section 5.6.7. The provider's own time, not the machine's.
pub fn imf_fixdate(secs: i64) -> String {
    let (days, of_day) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
    // Civil date from a day count (Howard Hinnant): years begin in March, so that the leap day is the last one.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12;
    let year = year_of_era + era * 400 + i64::from(month < 2);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][days.rem_euclid(7) as usize];
    let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month as usize];
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(imf_fixdate(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(imf_fixdate(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(imf_fixdate(1_767_268_800), "Thu, 01 Jan 2026 12:00:00 GMT");
        assert_eq!(imf_fixdate(1_709_210_096), "Thu, 29 Feb 2024 12:34:56 GMT");
    }
}
