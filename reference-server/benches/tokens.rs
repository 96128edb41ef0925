//! What a token costs: CPU time for each request and requests each second, with a signature and without, beside the bare signature.
//!
//! `just bench`, or `cargo bench -p reference-server`. The provider is a process of its own (this program, called again), and only its CPU
//! time is counted; whoever asks does it over connections that stay. Aims, in CPU time for each request: ES256 within 1.6 times of the same
//! request without a signature and one signature, RS256 within 1.1 times.

#![allow(clippy::disallowed_methods, reason = "a bench is an entry point: it measures")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says where")]

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use reference_server::{ServeOptions, serve};
use serde_json::Value;

/// Each round measures every kind once, so that whatever else the machine does is shared by all.
const ROUNDS: usize = 5;
/// How many requests a kind has in a round.
const REQUESTS: usize = 6000;
const CONNECTIONS: usize = 8;
/// A family of refresh tokens is read whole at each use, so none gets older than this.
const REFRESHES: usize = 8;

fn main() {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("--serve") => return be_the_provider(args.next().unwrap().into(), args.next().map(Into::into)),
        // `cargo test --benches` asks for nothing to be measured.
        Some("--test") => return,
        _ => {}
    }
    if !PathBuf::from("/proc/self/schedstat").exists() {
        println!("not measured: CPU time is read from /proc, as Linux has it");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("op.toml");
    fs::write(&config, configuration()).unwrap();
    let provider = Provider::start(&config, None);
    let mut seen: BTreeMap<&str, Vec<Sample>> = BTreeMap::new();
    for round in 0..=ROUNDS {
        for (name, work) in KINDS {
            let sample = provider.measure(work);
            // The first round is for warming up.
            if round > 0 {
                seen.entry(name).or_default().push(sample);
            }
        }
        for (name, sample) in raw() {
            if round > 0 {
                seen.entry(name).or_default().push(sample);
            }
        }
    }
    println!("{REQUESTS} requests a round over {CONNECTIONS} connections, {ROUNDS} rounds; median, and least to most\n");
    for (name, samples) in &seen {
        let (cpu, rate) = (spread(samples, |s| s.cpu_us), spread(samples, |s| s.rate));
        println!("{name:<34} CPU {:>7.1} µs ({:.1} to {:.1})   {:>7.0}/s ({:.0} to {:.0})", cpu.1, cpu.0, cpu.2, rate.1, rate.0, rate.2);
    }
    println!();
    for (grant, plain) in [("client_credentials", "client_credentials, opaque"), ("refresh", "refresh, no ID token")] {
        for (alg, aim) in [("ES256", 1.6), ("RS256", 1.1)] {
            let signed = format!("{grant}, {alg}");
            let raw = format!("signature alone, {alg}");
            // Round by round, for the machine is not the same in all of them.
            let times = (0..ROUNDS).map(|r| seen[&*signed][r].cpu_us / (seen[plain][r].cpu_us + seen[&*raw][r].cpu_us)).collect::<Vec<_>>();
            let times = spread(&times, |t| *t);
            let word = if times.1 <= aim { "reached" } else { "MISSED" };
            println!("{signed:<34} {:.2} times of ({plain} + one signature), {:.2} to {:.2}; aim {aim}: {word}", times.1, times.0, times.2);
        }
    }
    drop(provider);
    println!();
    let durable = Provider::start(&config, Some(&folder.path().join("op.data")));
    for (name, work) in &KINDS[..2] {
        durable.measure(*work);
        let sample = durable.measure(*work);
        println!("{:<34} CPU {:>7.1} µs   {:>7.0}/s", format!("{name}, in a file"), sample.cpu_us, sample.rate);
    }
}

/// What is measured, each named as the report has it.
const KINDS: [(&str, Work); 6] = [
    ("client_credentials, opaque", Work::Own("opaque")),
    ("client_credentials, ES256", Work::Own("es256")),
    ("client_credentials, RS256", Work::Own("rs256")),
    ("refresh, no ID token", Work::Refresh("opaque", "profile offline_access")),
    ("refresh, ES256", Work::Refresh("es256-opaque", "openid profile offline_access")),
    ("refresh, RS256", Work::Refresh("rs256-opaque", "openid profile offline_access")),
];

#[derive(Clone, Copy)]
enum Work {
    /// `client_credentials` of this client.
    Own(&'static str),
    /// `refresh_token` of this client, of sign-ins with this scope.
    Refresh(&'static str, &'static str),
}

struct Sample {
    /// CPU time of one, in microseconds.
    cpu_us: f64,
    /// How many in a second.
    rate: f64,
}

/// Least, median, most.
fn spread<T>(all: &[T], of: impl Fn(&T) -> f64) -> (f64, f64, f64) {
    let mut all: Vec<f64> = all.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    (all[0], all[all.len() / 2], all[all.len() - 1])
}

/// The signatures alone, by the library that the provider signs with, over as many bytes as a token has.
fn raw() -> [(&'static str, Sample); 2] {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let message = [b'e'; 480];
    let es256 = timed(8000, || {
        black_box(ec.sign(&random, black_box(&message)).unwrap());
    });
    let rs256 = timed(800, || {
        let mut signed = vec![0; rsa.public_modulus_len()];
        rsa.sign(&RSA_PKCS1_SHA256, &random, black_box(&message), &mut signed).unwrap();
        black_box(signed);
    });
    [("signature alone, ES256", es256), ("signature alone, RS256", rs256)]
}

/// On every core at once, as the provider has it: two that share what a core has are slower than one alone.
fn timed(times: usize, what: impl Fn() + Sync) -> Sample {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let began = Instant::now();
    let cpu = std::thread::scope(|scope| {
        let one = || {
            let before = own_cpu();
            (0..times).for_each(|_| what());
            own_cpu() - before
        };
        let all: Vec<_> = (0..cores).map(|_| scope.spawn(one)).collect();
        all.into_iter().map(|one| one.join().unwrap()).sum()
    });
    sample(times * cores, cpu, began.elapsed())
}

fn sample(times: usize, cpu: Duration, wall: Duration) -> Sample {
    Sample { cpu_us: cpu.as_secs_f64() * 1e6 / times as f64, rate: times as f64 / wall.as_secs_f64() }
}

/// CPU time of a thread; the kernel counts in nanoseconds here.
fn schedstat(path: impl Into<PathBuf>) -> Duration {
    let text = fs::read_to_string(path.into()).unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0))
}

fn own_cpu() -> Duration {
    schedstat("/proc/thread-self/schedstat")
}

/// The provider as a process.
struct Provider {
    child: Child,
    at: SocketAddr,
}

impl Provider {
    fn start(config: &PathBuf, data: Option<&PathBuf>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.arg("--serve").arg(config).args(data).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let at = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("Listening on ")?.parse().ok()).unwrap();
        Self { child, at }
    }

    /// CPU time of all its threads; none of them ends while it serves.
    fn cpu(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        threads.map(|thread| schedstat(thread.unwrap().path().join("schedstat"))).sum()
    }

    fn measure(&self, work: Work) -> Sample {
        let mut askers: Vec<Asker> = std::thread::scope(|scope| {
            let made: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(|| Asker::new(self.at, work))).collect();
            made.into_iter().map(|asker| asker.join().unwrap()).collect()
        });
        let (before, began) = (self.cpu(), Instant::now());
        std::thread::scope(|scope| {
            for asker in &mut askers {
                scope.spawn(|| asker.ask(REQUESTS / CONNECTIONS));
            }
        });
        sample(REQUESTS / CONNECTIONS * CONNECTIONS, self.cpu() - before, began.elapsed())
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It has no state that anybody wants to keep.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection, and what is asked over it.
struct Asker {
    connection: BufReader<TcpStream>,
    client: &'static str,
    /// Refresh tokens, one of each family; without any the client asks for itself.
    families: Vec<String>,
}

impl Asker {
    fn new(at: SocketAddr, work: Work) -> Self {
        let stream = TcpStream::connect(at).unwrap();
        stream.set_nodelay(true).unwrap();
        let (Work::Own(client) | Work::Refresh(client, _)) = work;
        let mut asker = Self { connection: BufReader::new(stream), client, families: Vec::new() };
        if let Work::Refresh(_, scope) = work {
            asker.families = (0..REQUESTS / CONNECTIONS / REFRESHES).map(|_| asker.sign_in(scope)).collect();
        }
        asker
    }

    fn ask(&mut self, times: usize) {
        for number in 0..times {
            let which = (!self.families.is_empty()).then(|| number % self.families.len());
            let form = match which {
                None => "grant_type=client_credentials".to_owned(),
                Some(which) => format!("grant_type=refresh_token&refresh_token={}", self.families[which]),
            };
            let answer = self.token(&form);
            if let Some(which) = which {
                self.families[which] = answer["refresh_token"].as_str().unwrap().to_owned();
            }
        }
    }

    fn token(&mut self, form: &str) -> Value {
        let form = format!("{form}&client_id={}&client_secret=the-secret-of-this-bench-which-is-long", self.client);
        let (status, _, body) = self.send("POST", "/token", "", &form);
        assert_eq!(status, "200", "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// From nothing to a refresh token, in a browser of its own.
    fn sign_in(&mut self, scope: &str) -> String {
        let scope = scope.replace(' ', "%20");
        let authorize = format!("/authorize?response_type=code&client_id={}&redirect_uri=https://rp.test/cb&scope={scope}", self.client);
        let (_, head, _) = self.send("GET", &authorize, "", "");
        let cookie = format!("Cookie: {}\r\n", header(&head, "set-cookie").split(';').next().unwrap());
        let page = header(&head, "location");
        let page = page[page.find("/sign-in/").unwrap_or_else(|| panic!("{head}"))..].to_owned();
        let (_, _, text) = self.send("GET", &page, &cookie, "");
        let token = text.split("name=\"form_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let form = format!("form_token={token}&username=alice&password=alice");
        let (_, head, body) = self.send("POST", &format!("{page}/password"), &cookie, &form);
        let back = header(&head, "location");
        let code = back.split("code=").nth(1).and_then(|rest| rest.split('&').next()).unwrap_or_else(|| panic!("{head}{body}"));
        let tokens = self.token(&format!("grant_type=authorization_code&code={code}&redirect_uri=https%3A%2F%2Frp.test%2Fcb"));
        tokens["refresh_token"].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned()
    }

    /// Status, head and body of an answer.
    fn send(&mut self, method: &str, path: &str, more: &str, form: &str) -> (String, String, String) {
        let length = form.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: op.test\r\n{more}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        );
        self.connection.get_mut().write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.connection.read_line(&mut head).unwrap(), 0, "the provider has gone: {head}");
        }
        let mut body = vec![0; header(&head, "content-length").parse().unwrap_or(0)];
        self.connection.read_exact(&mut body).unwrap();
        let status = head.split(' ').nth(1).unwrap().to_owned();
        (status, head, String::from_utf8(body).unwrap())
    }
}

fn header<'h>(head: &'h str, name: &str) -> &'h str {
    head.lines().find_map(|line| line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name))).map_or("", |(_, value)| value)
}

fn configuration() -> String {
    let mut text = r#"
policy.pkce_required = false
password = { memory_kib = 8, passes = 1, lanes = 1 }
[[origins]]
name = "primary"
issuer = "http://op.test"
[users.alice]
id = "0001-alice"
password = "alice"
"#
    .to_owned();
    let keys = include_str!("../../fixtures/keys.toml");
    for (client, alg, format) in [
        ("opaque", "ES256", "opaque"),
        ("es256", "ES256", "jwt"),
        ("rs256", "RS256", "jwt"),
        ("es256-opaque", "ES256", "opaque"),
        ("rs256-opaque", "RS256", "opaque"),
    ] {
        text += &format!(
            r#"
[clients.{client}]
client_id = "{client}"
client_secret = "the-secret-of-this-bench-which-is-long"
token_endpoint_auth_method = "client_secret_post"
grant_types = ["authorization_code", "refresh_token", "client_credentials"]
redirect_uris = ["https://rp.test/cb"]
id_token_signed_response_alg = "{alg}"
access_token_format = "{format}"
offline_access_without_consent = true
"#
        );
    }
    format!("{text}\n{keys}")
}

fn be_the_provider(config: PathBuf, data: Option<PathBuf>) {
    let options =
        ServeOptions { listen: "127.0.0.1:0".parse().unwrap(), http: true, config: Some(config), data, ..ServeOptions::default() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(serve(options, |text| print!("{text}"), std::future::pending())).unwrap();
}
