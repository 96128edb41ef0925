//! `touchstone serve --data` is really killed (SIGKILL) in the middle of telling its clients of a logout, at one moment after the other.
//!
//! Nothing here waits for time to pass: the moment of the kill is the arrival of a delivery, and after the restart the clients hold their
//! answers back until the log was read. So whatever it has as sent was sent before the kill.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use conformance::drive::net::{Http, Resolve};
use conformance::transcript::{Answer, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How many clients are told of each logout.
const CLIENTS: usize = 12;
/// When it is killed; `Arrived(0)` is as soon as the session has ended.
const MOMENTS: [Moment; 8] = [Arrived(0), Logged(1), Arrived(1), Logged(5), Arrived(6), Logged(11), Arrived(12), Logged(12)];
const TOKEN: &str = "management-of-this-test";
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So many deliveries have come; their answers, and what is written of them, are under way.
    Arrived(usize),
    /// The log has so many as told; the others hold their answers back.
    Logged(usize),
}
use Moment::{Arrived, Logged};

/// Session and client.
type Told = (String, String);

/// The clients behind one listener.
#[derive(Default)]
struct Parties {
    arrived: Vec<Told>,
    /// How many may be answered at once; the others wait until they are let go.
    answers_left: usize,
    answered: BTreeSet<Told>,
    /// Those of whom the log says that they were told.
    settled: BTreeSet<Told>,
    told_twice: Vec<Told>,
}

#[derive(Clone)]
struct Clients {
    address: SocketAddr,
    parties: Arc<Mutex<Parties>>,
    /// Ticks with every arrival and answer, and says whether all are let go.
    let_go: watch::Sender<bool>,
}

impl Clients {
    async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let clients = Self { address: listener.local_addr().unwrap(), parties: Arc::default(), let_go: watch::Sender::new(false) };
        let serving = clients.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let clients = serving.clone();
                let service = hyper::service::service_fn(move |request| clients.clone().answer(request));
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        clients
    }

    async fn answer(self, request: hyper::Request<Incoming>) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
        let client = request.uri().path().trim_start_matches('/').to_owned();
        let body = request.into_body().collect().await.map(|b| b.to_bytes()).unwrap_or_default();
        let sid = claims(std::str::from_utf8(&body).unwrap().trim_start_matches("logout_token="))["sid"].as_str().unwrap().to_owned();
        let told = (sid, client);
        let at_once = {
            let mut parties = self.parties.lock().unwrap();
            if parties.settled.contains(&told) {
                parties.told_twice.push(told.clone());
            }
            parties.arrived.push(told.clone());
            let at_once = parties.answers_left > 0;
            parties.answers_left = parties.answers_left.saturating_sub(1);
            at_once
        };
        self.let_go.send_modify(|_| {});
        if !at_once {
            let _ = self.let_go.subscribe().wait_for(|let_go| *let_go).await;
        }
        self.parties.lock().unwrap().answered.insert(told);
        self.let_go.send_modify(|_| {});
        Ok(hyper::Response::new(Full::default()))
    }

    /// Waits until something is true of the clients.
    async fn until(&self, what: &str, is: impl Fn(&Parties) -> bool) {
        let mut changes = self.let_go.subscribe();
        let wait = async {
            while !is(&self.parties.lock().unwrap()) {
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what} did not come about"));
    }
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn configuration(clients: SocketAddr) -> String {
    let mut text = format!(
        r#"
flags.enable_back_channel_logout = true
policy.pkce_required = false
password = {{ memory_kib = 8, passes = 1, lanes = 1 }}
management.token = "{TOKEN}"
outgoing.guard_internal = false
[[origins]]
name = "primary"
issuer = "http://op.test"
[users.alice]
id = "0001-alice"
password = "alice"
"#
    );
    for n in 0..CLIENTS {
        text += &format!(
            r#"
[clients.c{n}]
client_id = "c{n}"
client_secret = "the secret of c{n}, which is long enough"
token_endpoint_auth_method = "client_secret_post"
redirect_uris = ["https://c{n}.rp.test/cb"]
id_token_signed_response_alg = "ES256"
backchannel_logout_uri = "http://{clients}/c{n}"
"#
        );
    }
    text
}

/// The process, killed at the latest with the test.
struct Served {
    child: Child,
    at: Arc<Mutex<Option<SocketAddr>>>,
}

impl Served {
    fn start(folder: &Path, at: Arc<Mutex<Option<SocketAddr>>>) -> Self {
        let file = |name: &str| -> PathBuf { folder.join(name) };
        let mut child = Command::new(env!("CARGO_BIN_EXE_touchstone"))
            .args(["serve", "--http", "--listen", "127.0.0.1:0", "--config"])
            .arg(file("op.toml"))
            .arg("--data")
            .arg(file("op.data"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("Listening on ")?.parse().ok());
        *at.lock().unwrap() = Some(listening.expect("it says where it listens"));
        Self { child, at }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        *self.at.lock().unwrap() = None;
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A browser, a client and an operator.
struct Walker {
    http: Http,
    cookie: OnceLock<String>,
}

impl Walker {
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Answer {
        let mut headers: Vec<(String, String)> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        headers.extend(self.cookie.get().map(|cookie| ("cookie".to_owned(), cookie.clone())));
        if !form.is_empty() {
            headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request { method: method.to_owned(), url: format!("http://op.test{path}"), headers, body };
        self.http.send(&request, None).await.unwrap()
    }

    /// The first value of a header.
    fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
        answer.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    /// Signs in at this client, and returns the session.
    async fn sign_in(&self, client: &str) -> String {
        let redirect_uri = format!("https://{client}.rp.test/cb");
        let path = format!("/authorize?response_type=code&scope=openid&client_id={client}&redirect_uri={redirect_uri}");
        let mut answer = self.send("GET", &path, &[], &[]).await;
        if Self::header(&answer, "location").contains("/sign-in/") {
            let _ = self.cookie.set(Self::header(&answer, "set-cookie").split(';').next().unwrap().to_owned());
            let page = url::Url::parse("http://op.test").unwrap().join(Self::header(&answer, "location")).unwrap().path().to_owned();
            let text = self.send("GET", &page, &[], &[]).await.body;
            let token = text.split("name=\"form_token\" value=\"").nth(1).and_then(|t| t.split('"').next()).unwrap().to_owned();
            let form = [("form_token", token.as_str()), ("username", "alice"), ("password", "alice")];
            answer = self.send("POST", &format!("{page}/password"), &[], &form).await;
        }
        let back = url::Url::parse(Self::header(&answer, "location")).unwrap_or_else(|e| panic!("{e}: {answer:?}"));
        let code = back.query_pairs().find(|(n, _)| n == "code").unwrap_or_else(|| panic!("{answer:?}")).1.into_owned();
        let secret = format!("the secret of {client}, which is long enough");
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &redirect_uri),
            ("client_id", client),
            ("client_secret", &secret),
        ];
        let tokens = self.send("POST", "/token", &[], &form).await.json().unwrap();
        claims(tokens["id_token"].as_str().unwrap_or_else(|| panic!("{tokens}")))["sid"].as_str().unwrap().to_owned()
    }

    /// Those of whom the log says that they were told of the end of this session; each as often as it says so.
    async fn sent(&self, sid: &str) -> Vec<Told> {
        let mut sent = Vec::new();
        let mut after = 0;
        loop {
            let bearer = format!("Bearer {TOKEN}");
            let page = self.send("GET", &format!("/management/events?after={after}"), &[("authorization", &bearer)], &[]).await;
            let page = page.json().unwrap_or_else(|| panic!("{page:?}"));
            let events = page["events"].as_array().unwrap();
            let Some(last) = events.last() else { return sent };
            after = last["position"].as_u64().unwrap();
            let of = |e: &&Value| {
                e["type"] == "session_logout.back_channel.sent" && e["aggregate"].to_string().contains(&format!("session_logout/{sid}"))
            };
            sent.extend(events.iter().filter(of).map(|e| (sid.to_owned(), e["payload"]["client_id"].as_str().unwrap().to_owned())));
        }
    }
}

impl Walker {
    /// The same, as soon as it is so many.
    async fn sent_at_least(&self, sid: &str, number: usize) -> Vec<Told> {
        let sent = async {
            loop {
                let sent = self.sent(sid).await;
                if sent.len() >= number {
                    return sent;
                }
            }
        };
        tokio::time::timeout(PATIENCE, sent).await.unwrap_or_else(|_| panic!("the log never had {number} as told"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_is_told_after_a_kill_and_none_twice_that_the_log_has_as_told() {
    let folder = tempfile::tempdir().unwrap();
    let clients = Clients::listen().await;
    std::fs::write(folder.path().join("op.toml"), configuration(clients.address)).unwrap();
    let at = Arc::new(Mutex::new(None));
    let resolve: Resolve = {
        let at = at.clone();
        Arc::new(move |_: &str| *at.lock().unwrap())
    };
    let tls = Arc::new(
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth(),
    );
    let mut served = Served::start(folder.path(), at.clone());
    for moment in MOMENTS {
        let walker = Walker { http: Http::new(&tls, Some(&resolve)), cookie: OnceLock::new() };
        let mut sid = String::new();
        for n in 0..CLIENTS {
            sid = walker.sign_in(&format!("c{n}")).await;
        }
        let everybody: BTreeSet<Told> = (0..CLIENTS).map(|n| (sid.clone(), format!("c{n}"))).collect();
        clients.let_go.send_replace(false);
        let (Arrived(answered) | Logged(answered)) = moment;
        clients.parties.lock().unwrap().answers_left = answered;
        let bearer = format!("Bearer {TOKEN}");
        let ended = walker.send("DELETE", &format!("/management/sessions/{sid}"), &[("authorization", &bearer)], &[]).await;
        assert_eq!(ended.status, 204);
        match moment {
            Arrived(number) => clients.until("the moment", |p| p.arrived.iter().filter(|told| told.0 == sid).count() >= number).await,
            Logged(number) => assert_eq!(walker.sent_at_least(&sid, number).await.len(), number),
        }
        served.kill();

        clients.parties.lock().unwrap().answers_left = 0;
        served = Served::start(folder.path(), at.clone());
        walker.http.forget_connections();
        let before: BTreeSet<Told> = walker.sent(&sid).await.into_iter().collect();
        println!("killed at {moment:?}: {} of {CLIENTS} are in the log as told", before.len());
        if let Logged(number) = moment {
            assert_eq!(before.len(), number, "what was in the log before the kill is in it after");
        }
        {
            let mut parties = clients.parties.lock().unwrap();
            assert!(before.is_subset(&parties.answered), "nobody is in the log as told who has not answered");
            parties.answered.retain(|told| before.contains(told));
            parties.settled.extend(before);
        }
        clients.let_go.send_replace(true);
        clients.until("that every client is told", |p| everybody.is_subset(&p.answered)).await;
        let sent = walker.sent_at_least(&sid, CLIENTS).await;
        assert_eq!((sent.len(), sent.into_iter().collect::<BTreeSet<_>>()), (CLIENTS, everybody.clone()), "each is in the log once");
        clients.parties.lock().unwrap().settled.extend(everybody);
    }
    // A last life, in which there is nothing left to tell: whatever came would be told twice.
    served.kill();
    let served = Served::start(folder.path(), at.clone());
    let walker = Walker { http: Http::new(&tls, Some(&resolve)), cookie: OnceLock::new() };
    let sid = walker.sign_in("c0").await;
    let bearer = format!("Bearer {TOKEN}");
    walker.send("DELETE", &format!("/management/sessions/{sid}"), &[("authorization", &bearer)], &[]).await;
    clients.until("the last telling", |p| p.answered.contains(&(sid.clone(), "c0".to_owned()))).await;
    served.kill();
    assert_eq!(clients.parties.lock().unwrap().told_twice, []);
}
