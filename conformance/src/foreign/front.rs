//! The relying parties' side of a run: one listener for all checks, and the way from a delivery to its check.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

use crate::drive::front::Booth;
use crate::drive::listen::{Listening, Route, Socket};
use crate::drive::live::Live;
use crate::target::file::{Clients, TargetFile};
use crate::transcript::jose::Jws;
use crate::transcript::{Request, Transcript};

/// The listener.
pub struct RunFront {
    /// What the addresses of the relying parties begin with, without a slash: `http://127.0.0.1:9900`.
    pub address: String,
    /// Whether the clients are given, so that their addresses say nothing of the check.
    fixed: bool,
    booths: Arc<Mutex<Booths>>,
    _listening: Listening,
}

#[derive(Default)]
struct Booths {
    /// By the folder that a check's addresses have.
    by_folder: BTreeMap<String, Booth>,
    /// Where addresses are fixed, the checks in the order in which they began: what names none of them is the last one's.
    in_turn: Vec<(Booth, Live)>,
}

impl RunFront {
    /// Listens as the target file says.
    ///
    /// # Errors
    /// Why that cannot be.
    pub async fn open(file: &TargetFile) -> Result<Self, String> {
        let given = match &file.clients {
            Clients::Given(clients) => clients.values().find_map(|c| c.get("backchannel_logout_uri")?.as_str()),
            Clients::Register { .. } => None,
        };
        let given = given.and_then(|uri| Url::parse(uri).ok());
        let socket = match (&file.front.listen, &given) {
            (Some(listen), _) => listen.parse().map_err(|e| format!("`{listen}`: {e}"))?,
            (None, Some(uri)) => loopback(uri)?,
            (None, None) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        };
        let mut socket = Socket::bind(socket).await.map_err(|e| format!("the relying parties cannot listen at {socket}: {e}"))?;
        let address = match (&file.front.address, &given) {
            (Some(address), _) => address.clone(),
            (None, Some(uri)) => uri.origin().ascii_serialization(),
            (None, None) => format!("http://{}", socket.address),
        };
        socket.known_as = Some(address.as_str().into());
        let booths = Arc::new(Mutex::new(Booths::default()));
        let route: Route = {
            let (booths, base) = (booths.clone(), address.clone());
            Arc::new(move |request| booths.lock().unwrap_or_else(PoisonError::into_inner).find(request, &base))
        };
        let fixed = matches!(file.clients, Clients::Given(_));
        Ok(Self { address, fixed, booths, _listening: socket.serve(None, route) })
    }

    /// Lets the deliveries of a check through: those below its folder, and those to fixed addresses until the next check begins.
    pub fn open_booth(&self, folder: &str, booth: Booth, live: Live) {
        let mut booths = self.booths.lock().unwrap_or_else(PoisonError::into_inner);
        booths.by_folder.insert(folder.to_owned(), booth.clone());
        if self.fixed {
            booths.in_turn.push((booth, live));
        }
    }
}

impl Booths {
    fn find(&self, request: &Request, base: &str) -> Option<Booth> {
        let path = request.url.strip_prefix(base).unwrap_or_default();
        if let Some(booth) = path.split('/').nth(1).and_then(|folder| self.by_folder.get(folder)) {
            return Some(booth.clone());
        }
        // Fixed addresses: a late delivery belongs to the check whose session it names.
        let token = request.param("logout_token").and_then(|token| Jws::parse(&token));
        let sid = token.as_ref().and_then(|token| token.claim_str("sid"));
        let of_session = sid.and_then(|sid| self.in_turn.iter().find(|(_, live)| knows(&live.lock().transcript, sid)));
        of_session.or(self.in_turn.last()).map(|(booth, _)| booth.clone())
    }
}

/// Whether a check has got an ID token with this `sid`.
fn knows(transcript: &Transcript, sid: &str) -> bool {
    let bodies = transcript.exchanges.iter().filter_map(|e| e.ok()?.json());
    let tokens = bodies.filter_map(|body| Jws::parse(body.get("id_token")?.as_str()?));
    tokens.into_iter().any(|token| token.claim_str("sid") == Some(sid))
}

/// The socket that a given address names. Where that is no loopback address, the file has to say which socket stands behind it.
fn loopback(uri: &Url) -> Result<SocketAddr, String> {
    let port = uri.port_or_known_default().unwrap_or(80);
    match uri.host() {
        Some(url::Host::Ipv4(ip)) if ip.is_loopback() && uri.scheme() == "http" => Ok((ip, port).into()),
        Some(url::Host::Ipv6(ip)) if ip.is_loopback() && uri.scheme() == "http" => Ok((ip, port).into()),
        Some(url::Host::Domain("localhost")) if uri.scheme() == "http" => Ok((Ipv4Addr::LOCALHOST, port).into()),
        _ => Err(format!(
            "the clients are at {}, and the target file does not say by `[front] listen` which socket that is",
            uri.origin().ascii_serialization()
        )),
    }
}
