//! The provider inside, reached as if somebody else had written it: by an address and a CA of its own, on a clock that passes by itself.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use conformance::drive::{Job, Walk, run};
use conformance::embedded_files;
use conformance::judge::verdict::{Record, Word};
use conformance::probe::{self, Probe};
use conformance::scenario::Check;
use conformance::scenario::load::Known;
use conformance::target::Target;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::foreign::target;
use crate::pipeline::{catalogue, judged, requirements, with_controls};

/// A port that is free now.
pub async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// A file of the fixtures, where the provider is at `issuer` and its clients are below `front`.
fn read(file: &str, issuer: &str, front: &str) -> toml::Table {
    let text = embedded_files::fixture(file).unwrap();
    let text = regex::Regex::new(r"https://([a-z]+)\.rp\.test/").unwrap().replace_all(text, format!("{front}/$1/"));
    text.replace("https://op.test", issuer).replace("https://other.op.test", "https://other.example").parse().unwrap()
}

/// The fixtures as the configuration of a provider, and the people as a target file has them.
fn provider_and_people(issuer: &str, front: &str) -> (toml::Table, toml::Table) {
    let (mut config, users) = (read("provider.toml", issuer, front), read("users.toml", issuer, front));
    config.extend(read("keys.toml", issuer, front));
    config.extend(users.clone());
    let person = |(name, user): (&String, &toml::Value)| {
        let mut known: toml::Table = user.as_table().unwrap().clone();
        known.retain(|key, _| key != "organization" && key != "roles");
        known.insert("username".into(), name.as_str().into());
        (name.clone(), known.into())
    };
    let mut file: toml::Table = format!(
        "name = \"ours, from outside\"\nissuer = \"{issuer}\"\nhas = [\"zitadel\"]\nlogin.driver = \"form\"\nquiet.after = \"20ms\"\ntrust.ca = \"ca.pem\"\n"
    )
    .parse()
    .unwrap();
    let people: toml::Table = users["users"].as_table().unwrap().iter().map(person).collect();
    file.insert("users".into(), people.into());
    (config, file)
}

/// A provider whose clients are given, and its target file.
fn given(issuer: &str, front: u16) -> (toml::Table, toml::Table) {
    let front = format!("http://127.0.0.1:{front}");
    let (mut config, mut file) = provider_and_people(issuer, &front);
    let mut clients = read("clients.toml", issuer, &front);
    // A public client cannot be told of a logout over plain http (Back-Channel Logout §2.2).
    // Nor are keys fetched over it (RFC 7591 §5).
    let over_tls = |client: &toml::Value| client.get("jwks_uri").is_some();
    clients["clients"].as_table_mut().unwrap().retain(|name, client| name != "tv" && name != "kiosk" && !over_tls(client));
    config.extend(clients.clone());
    let own = toml::Value::try_from(conformance::drive::published::client_keys("backoffice")).unwrap();
    config["clients"]["backoffice"].as_table_mut().unwrap().insert("jwks".into(), own);
    clients["clients"].as_table_mut().unwrap().insert("how".into(), "given".into());
    file.extend(clients);
    (config, file)
}

/// The target file of [`given`] for somebody who is no provider of ours.
pub fn given_clients(issuer: &str, front: u16) -> (toml::Table, toml::Table) {
    let (config, mut file) = given(issuer, front);
    file.remove("trust");
    (config, file)
}

/// A certificate for the address of this machine, which is its own authority.
struct Certified {
    served: Arc<rustls::ServerConfig>,
    trusting: Arc<rustls::ClientConfig>,
}

impl Certified {
    fn new(folder: &Path) -> Self {
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(folder.join("ca.pem"), certified.cert.pem()).unwrap();
        let certificate = certified.cert.der().clone();
        let key = rustls_pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let served = rustls::ServerConfig::builder_with_provider(crypto.clone()).with_safe_default_protocol_versions().unwrap();
        let served = served.with_no_client_auth().with_single_cert(vec![certificate.clone()], key.into()).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate).unwrap();
        let trusting = rustls::ClientConfig::builder_with_provider(crypto).with_safe_default_protocol_versions().unwrap();
        let trusting = trusting.with_root_certificates(roots).with_no_client_auth();
        Self { served: Arc::new(served), trusting: Arc::new(trusting) }
    }
}

/// Hands every connection on to `to`; with a certificate, out of TLS.
async fn relay(listener: TcpListener, to: SocketAddr, tls: Option<Arc<rustls::ServerConfig>>) {
    while let Ok((mut from, _)) = listener.accept().await {
        let tls = tls.clone().map(tokio_rustls::TlsAcceptor::from);
        tokio::spawn(async move {
            let mut to = TcpStream::connect(to).await?;
            match tls {
                Some(tls) => tokio::io::copy_bidirectional(&mut tls.accept(from).await?, &mut to).await,
                None => tokio::io::copy_bidirectional(&mut from, &mut to).await,
            }
        });
    }
}

/// Lets the time of a provider pass as it does on the wall.
async fn passing(provider: Arc<reference_server::Handle>) {
    // A tick that came late is caught up with.
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    loop {
        ticks.tick().await;
        let until = provider.now_ms() + 10;
        while provider.step(until) {}
    }
}

/// Starts our provider behind an address of its own, and opens it as a target. `made` has its configuration and the target file.
async fn ours(folder: &Path, certified: &Certified, made: impl FnOnce(&str) -> (toml::Table, toml::Table)) -> Arc<Target> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (config, file) = made(&format!("https://{}", listener.local_addr().unwrap()));
    let outside = reference_server::Outside {
        tls: Some(certified.served.clone()),
        client_tls: certified.trusting.clone(),
        resolve: Arc::new(|host: &str, port: u16| Some(SocketAddr::new(host.parse().ok()?, port))),
        data: None,
    };
    let provider = Arc::new(reference_server::start(&config.to_string(), [7; 32], outside).await.unwrap());
    tokio::spawn(relay(listener, provider.addr(), None));
    tokio::spawn(passing(provider.clone()));
    target(folder, &file.to_string(), Arc::new(move || provider.now_ms()))
}

async fn walked(target: &Arc<Target>, checks: &[Check], selected: Vec<usize>) -> Vec<Walk> {
    let (_keep, cancel) = tokio::sync::watch::channel(false);
    let job = Job { target: target.clone(), checks: Arc::new(checks.to_vec()), selected, jobs: 12, seed: 0, defect: None, cancel };
    run(job, Arc::new(|_| {})).await.unwrap()
}

/// Asserts that nothing is red, and says how many checks were asked.
fn green(checks: &[Check], walks: &[Walk]) -> usize {
    let judged = judged(checks, walks, &requirements());
    let red = judged.checks.iter().chain(&judged.rules).filter(|v| matches!(v.word, Word::Fail | Word::Warn | Word::Blocked));
    let red: Vec<String> = red.map(|v| format!("{:?} {} {:?} {:?}", v.word, v.id, v.why, v.findings.first())).collect();
    assert!(red.is_empty(), "{red:#?}");
    judged.checks.iter().filter(|v| v.word == Word::Pass).count()
}

fn lacks(file: &mut toml::Table, feature: &str, because: &str) {
    let entry = toml::Table::from_iter([("feature".to_owned(), feature.into()), ("because".to_owned(), because.into())]);
    let all = file.entry("lacks").or_insert(toml::Value::Array(Vec::new()));
    all.as_array_mut().unwrap().push(entry.into());
}

/// What our provider has, and not for clients that register themselves.
const LACKING: [(&str, &str); 6] = [
    ("device", "it registers no client that has a device only"),
    ("token_exchange", "its operator alone gives clients such a grant"),
    ("jwt_bearer", "its operator alone gives clients such a grant"),
    ("impersonation", "its operator alone gives clients such a grant"),
    ("jwt_access_token", "what an access token looks like is no metadata of a registration"),
    ("pairwise", "it asks for the document of a sector, which is not there before its clients are"),
];

/// The whole suite, each check with clients that it registers, as it does at a provider of which one knows no more than the address.
#[test]
fn our_own_provider_conforms_from_outside_to_clients_that_register() {
    let (folder, checks) = (tempfile::tempdir().unwrap(), catalogue(&requirements()));
    let walks = Runtime::new().unwrap().block_on(async {
        let certified = Certified::new(folder.path());
        // What is registered has https addresses, so that a proxy with TLS stands before the relying parties.
        let (proxy, front) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), free_port().await);
        let address = format!("https://{}", proxy.local_addr().unwrap());
        tokio::spawn(relay(proxy, ([127, 0, 0, 1], front).into(), Some(certified.served.clone())));
        let target = ours(folder.path(), &certified, |issuer| {
            let (config, mut file) = provider_and_people(issuer, &address);
            for (feature, because) in LACKING {
                lacks(&mut file, feature, because);
            }
            let table = |text: String| text.parse::<toml::Table>().unwrap();
            file.extend(table("clients.how = 'register'".to_owned()));
            file.extend(table(format!("front = {{ listen = '127.0.0.1:{front}', address = '{address}' }}")));
            (config, file)
        });
        let target = target.await;
        walked(&target, &checks, (0..checks.len()).collect()).await
    });
    let asked = green(&checks, &walks);
    // Of what the target file does not say is lacking, more than half: the rest needs a power over the provider.
    let there = checks.iter().filter(|check| !check.needs.iter().any(|need| LACKING.iter().any(|(lacking, _)| need == lacking))).count();
    assert!(asked * 2 > there, "{asked} of {there} were asked");
}

/// Clients that are given have fixed addresses, so that checks go one after another and what comes late finds its check by its session. That
/// is the same for all rows of a file: of each file the question is asked, and its rows where they are asked of the same walk.
#[test]
fn our_own_provider_conforms_from_outside_to_clients_that_are_given() {
    let (folder, checks) = (tempfile::tempdir().unwrap(), catalogue(&requirements()));
    let questions = (0..checks.len()).filter(|i| checks[*i].base.is_none() || checks[*i].same_walk_as.is_some());
    let questions: BTreeSet<usize> = questions.flat_map(|i| with_controls(&checks, i)).collect();
    let questions = questions.into_iter().collect();
    let (target, walks) = Runtime::new().unwrap().block_on(async {
        let certified = Certified::new(folder.path());
        let front = free_port().await;
        let target = ours(folder.path(), &certified, |issuer| {
            let (config, mut file) = given(issuer, front);
            lacks(&mut file, "registration", "its clients are given: it takes none over plain http");
            lacks(&mut file, "private_key_jwt", "it fetches no keys over plain http");
            (config, file)
        });
        let target = target.await;
        let walks = walked(&target, &checks, questions).await;
        (target, walks)
    });
    let asked = green(&checks, &walks);
    assert!(asked > 200, "{asked} were asked");
    let notes = target.notes();
    assert!(notes.len() == 2 && notes.iter().all(|note| note.starts_with("the target file says that it lacks")), "{notes:#?}");
}

/// A target file that says of everything that it is not there is told so of all that can be asked for with its clients.
#[test]
fn what_is_there_although_it_is_said_to_be_lacking_is_found() {
    let (requirements, folder) = (requirements(), tempfile::tempdir().unwrap());
    let checks = catalogue(&requirements);
    let known = Known::embedded(&requirements, []).unwrap();
    let found = Runtime::new().unwrap().block_on(async {
        let certified = Certified::new(folder.path());
        let front = free_port().await;
        let target = ours(folder.path(), &certified, |issuer| {
            let (config, mut file) = given(issuer, front);
            probe::PROBES.iter().for_each(|(feature, _)| lacks(&mut file, feature, "so they say"));
            (config, file)
        });
        let target = target.await;
        let probes = probe::probes(&target, checks.iter(), &known).unwrap();
        let walks = walked(&target, &probes, (0..probes.len()).collect()).await;
        let mut records: Vec<Record> = walks.into_iter().map(|w| w.record).collect();
        probe::found(&mut records, &probes, &target, &requirements)
    });
    let found: Vec<&str> = found.iter().filter_map(|note| note.split('`').nth(1)).collect();
    // Who connects devices and who signs assertions is not among the clients that can be given here, and a token is exchanged by leave.
    let asked = |feature: &&str| !["device", "slow_down", "token_exchange", "private_key_jwt"].contains(feature);
    let there = probe::PROBES.iter().filter(|(_, probe)| matches!(probe, Probe::Asks(_))).map(|(feature, _)| *feature);
    assert_eq!(found.into_iter().filter(asked).collect::<Vec<_>>(), there.filter(asked).collect::<Vec<_>>());
}
