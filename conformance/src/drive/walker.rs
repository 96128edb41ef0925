//! The `command` login driver: a program walks a browser through pages that are made of script, and tells what it sent and got.
//! `scripts/foreign/PROTOCOL.md` has what goes in and out.

use std::path::PathBuf;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt as _;
use url::Url;

use super::browser::{Intent, Places, Went, arrived};
use super::page::Flow;
use super::recorder::{Errand, Recorder};
use crate::transcript::{Answer, Callback, Endpoint, Exchange, Landed, Millis, Request, pairs};

/// The program, and where it keeps the cookies of one browser.
#[derive(Debug, Clone)]
pub struct Walker {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The folder in which it is started.
    pub directory: PathBuf,
    /// A path of this browser's own, which need not exist yet.
    pub cookies: PathBuf,
}

/// What the program prints.
#[derive(Deserialize)]
struct Told {
    landed: String,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    form: Option<Vec<(String, String)>>,
    exchanges: Vec<Sent>,
}

#[derive(Deserialize)]
struct Sent {
    method: String,
    url: String,
    request_headers: Vec<(String, String)>,
    #[serde(default)]
    request_body: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    sent: Millis,
    answered: Millis,
}

impl Walker {
    /// One walk. Its exchanges stand in the transcript afterwards, each in its place among the deliveries that came meanwhile.
    ///
    /// # Errors
    /// What the program did not do, in words.
    pub async fn walk(
        &self,
        recorder: &Recorder,
        places: &dyn Places,
        flow: Flow,
        request: &Request,
        intent: &Intent,
        errand: &Errand,
    ) -> Result<Went, String> {
        let since = recorder.live.lock().next_seq();
        let told = self.run(&self.order(flow, request, intent)).await?;
        let exchanges: Vec<Exchange> = told
            .exchanges
            .iter()
            .enumerate()
            .map(|(n, sent)| sent.exchange(places, errand, if n == 0 { errand.edited.clone() } else { Vec::new() }))
            .collect();
        if exchanges.is_empty() {
            return Err(format!("`{}` tells of no exchange", self.program()));
        }
        let (first, last) = recorder.told(since, exchanges);
        let (landed, callback) = end(&told, places, flow)?;
        Ok(Went { first, last, landed: Some(landed), callback })
    }

    fn order(&self, flow: Flow, request: &Request, intent: &Intent) -> Value {
        let mut order = Map::new();
        order.insert("method".into(), request.method.clone().into());
        order.insert("url".into(), request.url.clone().into());
        if request.method == "POST" {
            order.insert("form".into(), json!(request.form()));
        }
        if let Some(person) = &intent.person {
            order.insert("username".into(), person.username.clone().into());
            order.insert("password".into(), person.password.clone().into());
        }
        if let Some(code) = &intent.user_code {
            order.insert("user_code".into(), code.clone().into());
        }
        let decide = match (flow, intent.decide) {
            (Flow::Authorize | Flow::Device, Some(false)) => "deny",
            (Flow::Authorize | Flow::Device, _) => "approve",
            (Flow::EndSession, Some(true)) => "yes",
            (Flow::EndSession, Some(false)) => "no",
            (Flow::EndSession, None) => "leave",
        };
        order.insert("decide".into(), decide.into());
        order.insert("cookies_file".into(), self.cookies.to_string_lossy().into_owned().into());
        Value::Object(order)
    }

    async fn run(&self, order: &Value) -> Result<Told, String> {
        let (program, arguments) = self.command.split_first().ok_or("the target file names no program to walk with")?;
        let mut child = tokio::process::Command::new(program)
            .args(arguments)
            .current_dir(&self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("`{program}`: {e}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that ends without reading says so by its status.
            let _ = stdin.write_all(order.to_string().as_bytes()).await;
        }
        let output = child.wait_with_output().await.map_err(|e| format!("`{program}`: {e}"))?;
        if !output.status.success() {
            let says = String::from_utf8_lossy(&output.stderr);
            return Err(format!("`{program}`, {}: {}", output.status, says.trim().lines().last().unwrap_or("it says nothing")));
        }
        serde_json::from_slice(&output.stdout).map_err(|e| format!("`{program}` prints what is not to be understood: {e}"))
    }

    fn program(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }
}

impl Sent {
    fn exchange(&self, places: &dyn Places, errand: &Errand, edited: Vec<String>) -> Exchange {
        let known = Url::parse(&self.url).ok().and_then(|url| places.of_target(&url));
        let (origin, endpoint) = known.unwrap_or((String::new(), Endpoint::Other));
        let lower = |headers: &[(String, String)]| headers.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.clone())).collect();
        Exchange {
            step: 0,
            client: errand.client.clone(),
            browser: errand.browser.clone(),
            user: errand.user.clone(),
            endpoint,
            origin,
            request: Request {
                method: self.method.clone(),
                url: self.url.clone(),
                headers: lower(&self.request_headers),
                body: self.request_body.clone(),
            },
            answer: Ok(Answer { status: self.status, headers: lower(&self.headers), body: self.body.clone() }),
            sent: self.sent,
            answered: self.answered,
            sent_seq: 0,
            answered_seq: 0,
            edited,
            beside: errand.beside,
        }
    }
}

/// Where the walk ended.
fn end(told: &Told, places: &dyn Places, flow: Flow) -> Result<(Landed, Option<Callback>), String> {
    let landed = match told.landed.as_str() {
        "left" => {
            let location =
                told.location.as_deref().and_then(|l| Url::parse(l).ok()).ok_or("the browser was sent away, and nobody says where")?;
            let (by, params) = match &told.form {
                Some(form) => ("post", form.clone()),
                None => match (location.query(), location.fragment()) {
                    (None, Some(fragment)) => ("fragment", pairs(fragment)),
                    (query, _) => ("query", pairs(query.unwrap_or_default())),
                },
            };
            return Ok(arrived(location, by, params, places, flow));
        }
        "login" => Landed::Login,
        "select_account" => Landed::SelectAccount,
        "consent" => Landed::Consent,
        "confirm" => Landed::Confirm,
        "signed_out" => Landed::SignedOut,
        "done" => Landed::Done,
        "error" => Landed::Error,
        "enter_code" => Landed::EnterCode,
        // As a browser without script has it: a page that asks nothing is the end of a logout, and no end of a sign-in.
        "page" if flow == Flow::EndSession => Landed::SignedOut,
        "page" if flow == Flow::Device => Landed::Done,
        "page" => Landed::Error,
        other => return Err(format!("`landed` is `{other}`, which is none of the words of the protocol")),
    };
    Ok((landed, None))
}
