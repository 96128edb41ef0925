//! Targets that others have written: what the harness does with a target file, an address and a clock that it does not own.

use std::path::Path;
use std::sync::Arc;

use conformance::drive::live::Now;
use conformance::drive::{Job, RunError, Walk, run, skip};
use conformance::judge::verdict::{Record, Skip, Word};
use conformance::scenario::Check;
use conformance::scenario::load::{Known, load};
use conformance::target::Target;
use conformance::transcript::{Ended, Landed, Transcript};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers};

use crate::outside::{free_port, given_clients};
use crate::pipeline::{catalogue, judged, requirements};

/// A clock that stands still: what is asked of it here does not hang on the time of day.
pub fn still() -> Now {
    Arc::new(|| 1_767_268_800_000)
}

/// A target file in a folder of its own, opened.
pub fn target(folder: &Path, text: &str, now: Now) -> Arc<Target> {
    let path = folder.join("target.toml");
    std::fs::write(&path, text).unwrap();
    Arc::new(Target::open(&path, now, false).unwrap_or_else(|e| panic!("{e}")))
}

fn job(target: &Arc<Target>, checks: &[Check]) -> (Job, tokio::sync::watch::Sender<bool>) {
    let (stop, cancel) = tokio::sync::watch::channel(false);
    let selected = (0..checks.len()).collect();
    let (target, checks) = (target.clone(), Arc::new(checks.to_vec()));
    (Job { target, checks, selected, jobs: 1, seed: 0, defect: None, cancel }, stop)
}

pub async fn walked(target: &Arc<Target>, checks: &[Check]) -> Result<Vec<Walk>, RunError> {
    let (job, _stop) = job(target, checks);
    run(job, Arc::new(|_| {})).await
}

pub fn transcript(walk: &Walk) -> &Transcript {
    match &walk.record {
        Record::Walked(transcript) => transcript,
        Record::Skipped { skip, .. } => panic!("skipped: {skip:?}"),
    }
}

/// Scenarios of a test's own: a file each.
pub fn scenarios(files: &[(String, String)]) -> Vec<Check> {
    let requirements = requirements();
    let mut known = Known::embedded(&requirements, []).unwrap();
    known.defects = None;
    load(files, &known).unwrap_or_else(|p| panic!("{}", p.iter().map(|p| format!("{p}\n")).collect::<String>())).checks
}

/// A provider of few words: `answer` says what it answers to what.
pub async fn stub(answer: impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(matchers::any()).respond_with(answer).mount(&server).await;
    server
}

fn is_discovery(request: &Request) -> bool {
    request.url.path().contains("/.well-known/")
}

/// A discovery document with everything in it.
fn discovery(request: &Request) -> Value {
    let base = format!("http://{}", request.headers["host"].to_str().unwrap());
    let endpoints = [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "end_session_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
        "device_authorization_endpoint",
    ];
    let mut document = json!({
        "issuer": base,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
        "code_challenge_methods_supported": ["S256"],
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "authorization_response_iss_parameter_supported": true,
    });
    for endpoint in endpoints {
        document[endpoint] = format!("{base}/{endpoint}").into();
    }
    document
}

/// The target file of a stub: everybody and everything is given, and every act works.
async fn stub_file(issuer: &str) -> String {
    let (_, mut file) = given_clients(issuer, free_port().await);
    file["quiet"] = toml::Table::from_iter([("after".to_owned(), "1ms".into())]).into();
    file.insert("other_issuer".into(), issuer.into());
    let acts = conformance::scenario::verb::ACTS.iter().map(|act| (act.name.to_owned(), vec!["true"].into()));
    file.insert("admin".into(), toml::Table::from_iter(acts).into());
    file.to_string()
}

/// What is green of the whole catalogue.
fn green(answer: impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static) -> Vec<String> {
    let (requirements, folder) = (requirements(), tempfile::tempdir().unwrap());
    let checks = catalogue(&requirements);
    let walks = Runtime::new().unwrap().block_on(async {
        let server = stub(answer).await;
        let file = stub_file(&server.uri()).await;
        walked(&target(folder.path(), &file, still()), &checks).await.unwrap()
    });
    let judged = judged(&checks, &walks, &requirements);
    assert_eq!(judged.checks.len(), checks.len());
    judged.checks.into_iter().filter(|v| v.word == Word::Pass).map(|v| v.id).collect()
}

/// A provider with a discovery document is right about that.
fn beyond_discovery(green: Vec<String>) -> Vec<String> {
    green.into_iter().filter(|id| !id.starts_with("discovery/")).collect()
}

#[test]
fn nothing_is_green_of_a_provider_that_refuses_everything() {
    let refusal = || ResponseTemplate::new(400).set_body_json(json!({ "error": "invalid_request" }));
    assert_eq!(green(move |_| refusal()), Vec::<String>::new());
    // A discovery document that is as it has to be is all that may be green of it.
    let refuses = move |r: &Request| if is_discovery(r) { ResponseTemplate::new(200).set_body_json(discovery(r)) } else { refusal() };
    assert_eq!(beyond_discovery(green(refuses)), Vec::<String>::new());
}

#[test]
fn nothing_is_green_of_a_provider_that_answers_200_to_everything() {
    let well = || ResponseTemplate::new(200).set_body_json(json!({}));
    assert_eq!(green(move |_| well()), Vec::<String>::new());
    let answers = move |r: &Request| if is_discovery(r) { ResponseTemplate::new(200).set_body_json(discovery(r)) } else { well() };
    assert_eq!(beyond_discovery(green(answers)), Vec::<String>::new());
}

#[test]
fn a_target_that_is_down_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Runtime::new().unwrap().block_on(async {
        let file = stub_file(&format!("http://127.0.0.1:{}", free_port().await)).await;
        walked(&target(folder.path(), &file, still()), &[]).await
    });
    let Err(RunError::Unreachable(why)) = ended else { panic!("{ended:?}") };
    assert!(why.contains("/.well-known/openid-configuration: ") && why.lines().count() == 1, "{why}");
}

/// A check whose question is one request by hand.
fn sends(name: &str, get: &str) -> (String, String) {
    let text = format!(
        "title = 'x'\ncites = ['rfc6749-3.2-unknown-param-ignored']\n[ask]\nsend = {{ get = '{{op.issuer}}/{get}' }}\nexpect.status = 200\n"
    );
    (format!("late/{name}.toml"), text)
}

/// Sends a form to a relying party's address and waits for the answer.
fn deliver(to: &str) {
    use std::io::{Read as _, Write as _};
    let (host, path) = to.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let request = format!(
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 14\r\n\r\nlogout_token=x"
    );
    let mut connection = std::net::TcpStream::connect(host).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let _ = connection.read(&mut [0; 1024]);
}

/// The target file of a stub where clients register.
fn registering(issuer: &str, more: &str) -> String {
    format!("name = 'a stub'\nissuer = '{issuer}'\nclients.how = 'register'\nquiet.after = '30ms'\n{more}")
}

/// Registers whoever comes. Who comes to `/tell` second has the client of the first told, whose check is over by then.
async fn registrar() -> MockServer {
    let first = std::sync::Mutex::new(None::<String>);
    stub(move |r| match r.url.path() {
        "/register" => {
            let mut client: Value = r.body_json().unwrap();
            client["client_id"] = "registered".into();
            ResponseTemplate::new(201).set_body_json(client)
        }
        "/tell" => {
            let earlier = first.lock().unwrap().take();
            match earlier {
                Some(address) => deliver(&address),
                None => *first.lock().unwrap() = Some(r.url.query().unwrap().to_owned()),
            }
            ResponseTemplate::new(200)
        }
        _ => {
            let mut document = discovery(r);
            document["registration_endpoint"] = format!("{}/register", document["issuer"].as_str().unwrap()).into();
            document["id_token_signing_alg_values_supported"] = json!(["RS256"]);
            ResponseTemplate::new(200).set_body_json(document)
        }
    })
    .await
}

#[test]
fn what_a_client_of_the_file_has_not_is_not_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    let client = |name: &str| {
        format!("[clients.{name}]\nclient_id = \"{name}\"\nclient_secret = \"x\"\nredirect_uris = [\"http://127.0.0.1:9900/{name}/cb\"]\n")
    };
    let text = format!(
        "name = \"x\"\nissuer = \"http://127.0.0.1:1\"\nlogin.driver = \"form\"\nclients.how = \"given\"\n{}{}[users.alice]\nusername = \"alice\"\n\
         password = \"x\"\n[[lacks]]\nfeature = \"registration\"\nbecause = \"its clients are given\"\n",
        client("web"),
        client("shop")
    );
    let target = target(folder.path(), &text, still());
    let checks = catalogue(&requirements());
    let skipped = |id: &str| match skip(checks.iter().find(|c| c.id == id).unwrap(), &target) {
        Some(Skip::Harness { power }) => power,
        other => format!("{other:?}"),
    };
    assert_eq!(skipped("logout/where-a-logout-may-lead"), "`post_logout_redirect_uris.0` of the client `web` in the target file");
    // The fixture sends its secret in the form. Of an honest request nothing is changed, and it may come in any way.
    let in_the_form = "client-authentication/a-code-with-the-secret-in-the-form";
    assert_eq!(skipped(&format!("{in_the_form}#wrong-secret")), "a client `shop` that authenticates as that of the fixtures does");
    assert_eq!(skipped(in_the_form), "None");
}

#[test]
fn a_late_delivery_belongs_to_its_check() {
    let checks = scenarios(&[sends("is-told", "tell?{rp.web.first}"), sends("tells", "tell?{rp.web.first}")]);
    let folder = tempfile::tempdir().unwrap();
    let walks = Runtime::new().unwrap().block_on(async {
        let server = registrar().await;
        walked(&target(folder.path(), &registering(&server.uri(), ""), still()), &checks).await.unwrap()
    });
    let [mut told, mut other] = [&walks[0], &walks[1]].map(transcript);
    if told.deliveries.is_empty() {
        std::mem::swap(&mut told, &mut other);
    }
    assert_eq!((told.deliveries.len(), other.deliveries.len()), (1, 0));
    let late = &told.deliveries[0];
    assert_eq!((late.client.as_deref(), late.at.as_str(), late.step), (Some("web"), "first", told.steps.len()));
}

#[test]
fn what_the_target_says_of_itself_is_told() {
    let checks = scenarios(&[sends("x", "x?{rp.shop.first}")]);
    let folder = tempfile::tempdir().unwrap();
    let notes = Runtime::new().unwrap().block_on(async {
        let server = registrar().await;
        let lacks =
            "[[lacks]]\nfeature = 'revocation'\nbecause = 'not built in'\n[[lacks]]\nfeature = 'impersonation'\nbecause = 'never'\n";
        let target = target(folder.path(), &registering(&server.uri(), lacks), still());
        let walks = walked(&target, &checks).await.unwrap();
        assert_eq!(transcript(&walks[0]).clients["shop"]["id_token_signed_response_alg"], Value::Null);
        target.notes()
    });
    assert_eq!(
        notes,
        [
            "the target file says that it lacks `revocation` (not built in), and it announces `revocation_endpoint`",
            "the client `shop` is registered without `id_token_signed_response_alg = \"ES256\"`, which the target does not announce",
        ]
    );
}

/// One question of a browser.
const ASKS: &str = "title = 'x'\ncites = ['core-3.1.2.5-response-params']\n[ask]\nauthorize = { user = 'alice', client = 'web', scope = 'openid' }\nexpect.landed = 'login'\n";

/// Walks [`ASKS`] by a program that is this shell script.
fn walked_by(script: &str, folder: &Path) -> Transcript {
    let checks = scenarios(&[("a/b.toml".into(), ASKS.into())]);
    std::fs::write(folder.join("walk.sh"), script).unwrap();
    let walks = Runtime::new().unwrap().block_on(async {
        let server = registrar().await;
        let login = "login = { driver = 'command', command = ['sh', 'walk.sh'] }\nusers.alice = { username = 'al', password = 'secret' }\n";
        walked(&target(folder, &registering(&server.uri(), login), still()), &checks).await.unwrap()
    });
    transcript(&walks[0]).clone()
}

#[test]
fn a_program_walks_where_pages_are_script() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"cat > order.json
        echo '{ "landed": "login", "exchanges": [
            { "method": "GET", "url": "http://127.0.0.1:1/", "request_headers": [["Accept", "*/*"]], "status": 200, "headers": [["X-A", "b"]],
              "body": "hello", "sent": 1, "answered": 2 }] }'"#;
    let walked = walked_by(script, folder.path());
    let last = walked.exchanges.last().unwrap();
    assert_eq!((last.answered, &last.ok().unwrap().headers), (2, &vec![("x-a".to_owned(), "b".to_owned())]));
    assert_eq!(walked.steps[0].replies[0].landed, Some(Landed::Login));
    let order: Value = serde_json::from_slice(&std::fs::read(folder.path().join("order.json")).unwrap()).unwrap();
    assert_eq!((&order["username"], &order["password"], &order["decide"]), (&json!("al"), &json!("secret"), &json!("approve")));
    assert!(order["url"].as_str().unwrap().contains("/authorization_endpoint?"), "{order}");
}

#[test]
fn a_program_that_fails_says_nothing_of_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let walked = walked_by("echo 'no such page' >&2; exit 4", folder.path());
    assert_eq!(walked.ended, Ended::Harness("`sh`, exit status: 4: no such page".into()));
}

/// A target file that has a shell script started; it is ready when the file `up` is there.
async fn started(script: &str, folder: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let up = folder.join("up");
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            // A client that is answered before it has asked takes that for an error.
            let asked = connection.read(&mut [0; 1024]).await;
            if up.exists() && asked.is_ok() {
                let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").await;
            }
        }
    });
    registering(&address, &format!("[start]\ncommand = ['sh', '-c', \"\"\"{script}\"\"\"]\nready = '{address}/'\n"))
}

#[test]
fn a_target_is_started_and_stopped() {
    let folder = tempfile::tempdir().unwrap();
    Runtime::new().unwrap().block_on(async {
        let file = started("trap 'touch down; exit' TERM; touch up; while :; do sleep 0.01; done", folder.path()).await;
        walked(&target(folder.path(), &file, still()), &[]).await.unwrap();
    });
    assert!(folder.path().join("down").exists());
}

#[test]
fn an_interrupt_stops_a_target_that_is_not_ready_yet() {
    let folder = tempfile::tempdir().unwrap();
    // Who reads it waits until it was written.
    let begun = folder.path().join("begun");
    assert!(std::process::Command::new("mkfifo").arg(&begun).status().unwrap().success());
    let walks = Runtime::new().unwrap().block_on(async {
        let file = started("trap 'touch down; exit' TERM; echo > begun; while :; do sleep 0.01; done", folder.path()).await;
        let (job, stop) = job(&target(folder.path(), &file, still()), &[]);
        tokio::spawn(async move {
            tokio::task::spawn_blocking(|| std::fs::read(begun)).await.unwrap().unwrap();
            stop.send(true).unwrap();
            // Whoever looks at the channel finds it as it is for as long as this lives.
            std::future::pending::<()>().await;
        });
        run(job, Arc::new(|_| {})).await.unwrap()
    });
    assert_eq!(walks.len(), 0);
    assert!(folder.path().join("down").exists());
}

#[test]
fn a_target_that_does_not_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Runtime::new().unwrap().block_on(async {
        let file = started("echo 'no database' >&2; exit 3", folder.path()).await;
        walked(&target(folder.path(), &file, still()), &[]).await
    });
    let Err(RunError::SetUp(why)) = ended else { panic!("{ended:?}") };
    assert_eq!(why, "`sh` ended before it was ready, exit status: 3; it said: no database");
}
