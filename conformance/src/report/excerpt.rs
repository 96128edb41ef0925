//! The bytes that show it: the way to an exchange in one line, and its request and answer in a few.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::judge::verdict::Finding;
use crate::transcript::names::{Names, SECRET};
use crate::transcript::{Answer, Delivery, Exchange, Request, Transcript, page};

/// How many messages of the way are shown.
const WAY: usize = 6;
/// How many characters of a body are shown.
const BODY: usize = 300;
/// How many characters of one parameter are shown, unless the check has edited it.
const VALUE: usize = 60;

/// What a reader needs to see a finding with their own eyes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// The last messages up to the one that shows it: `POST /authorize 302`, `told web 200`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// The message that shows it, with tokens by name: lines that begin with `>` went to the target, lines with `<` came back;
    /// for a delivery the other way round.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bytes: Vec<String>,
}

/// Finds the message that a finding is about. A finding that names none (a delivery that did not come) shows the way only.
pub fn of(t: &Transcript, finding: &Finding, names: &Names) -> Excerpt {
    let delivery = finding.delivery.and_then(|i| t.deliveries.get(i));
    let exchange = finding.exchange.and_then(|i| t.exchanges.get(i));
    let until = delivery.map(|d| d.came_seq).or_else(|| exchange.map(|e| e.sent_seq)).unwrap_or(u64::MAX);
    let bytes = match (delivery, exchange) {
        (Some(d), _) => told(d, names),
        (None, Some(e)) => asked(e, finding, names),
        (None, None) => Vec::new(),
    };
    Excerpt { after: way(t, until, names), bytes }
}

fn way(t: &Transcript, until: u64, names: &Names) -> Vec<String> {
    let exchanges = t.exchanges.iter().map(|e| {
        let status = e.ok().map_or("no answer".to_owned(), |a| a.status.to_string());
        (e.sent_seq, format!("{} {} {status}", e.request.method, names.mask(&e.request.path())))
    });
    let deliveries = t.deliveries.iter().map(|d| {
        let who = d.client.as_deref().unwrap_or("nobody");
        (d.came_seq, format!("told {who} {}", plain(&d.answered)))
    });
    let mut all: Vec<_> = exchanges.chain(deliveries).filter(|(seq, _)| *seq <= until).collect();
    all.sort();
    let before = all.len().saturating_sub(WAY);
    let mut way: Vec<_> = all.split_off(before).into_iter().map(|(_, words)| words).collect();
    if before > 0 {
        way.insert(0, format!("{before} more"));
    }
    way
}

fn asked(e: &Exchange, finding: &Finding, names: &Names) -> Vec<String> {
    let mut lines = vec![format!("> {}", request(&e.request, &e.edited, names))];
    match &e.answer {
        Err(why) => lines.push(format!("< {}", names.mask(why))),
        Ok(answer) => {
            lines.push(format!("< {}", status_and_headers(answer, finding, names)));
            let body = body(answer, names);
            if !body.is_empty() {
                lines.push(format!("< {body}"));
            }
        }
    }
    lines
}

fn told(d: &Delivery, names: &Names) -> Vec<String> {
    let mut lines = vec![format!("< {}", request(&d.request, &[], names))];
    if let Some(jws) = d.request.param("logout_token").and_then(|t| crate::transcript::jose::Jws::parse(&t)) {
        lines.push(format!("<   {} {}", names.mask_json(&jws.header), names.mask_json(&jws.claims)));
    }
    lines.push(format!("> {}", plain(&d.answered)));
    lines
}

/// `POST /token … code_verifier=another-verifier …`: what was edited first and whole, the rest shortened.
fn request(r: &Request, edited: &[String], names: &Names) -> String {
    let is_edited = |name: &str| edited.iter().any(|mark| mark.split(' ').nth(1) == Some(name));
    let mut line = format!("{} {}", r.method, names.mask(&r.path()));
    let mut params = r.params();
    params.sort_by_key(|(name, _)| !is_edited(name));
    for (name, value) in params {
        let shown = hidden(names, &name, &value);
        let shown = if is_edited(&name) { shown } else { short(&shown, VALUE) };
        line.push_str(&format!(" {name}={shown}"));
    }
    for mark in edited {
        match mark.split_once(' ') {
            Some(("drop", name)) => line.push_str(&format!(" (without {name})")),
            Some((_, name)) if name.starts_with("header.") => {
                let name = &name["header.".len()..];
                for value in r.header(name) {
                    line.push_str(&format!(" {name}: {}", names.mask(value)));
                }
            }
            _ => {}
        }
    }
    if edited.iter().any(|mark| mark.ends_with(" body")) {
        line.push_str(&format!(" {}", short(&names.mask(&r.body), BODY)));
    }
    line
}

/// A secret that has no name (it came in a form nobody thought of) is still none of the reader's business; one that the scenario
/// wrote out is.
fn hidden(names: &Names, parameter: &str, value: &str) -> String {
    let shown = names.mask_value(parameter, value);
    let opens = SECRET.contains(&parameter) && !names.is_empty() && !names.is_literal(value);
    if opens && shown == value && !value.is_empty() { format!("⟨{parameter}⟩") } else { shown }
}

fn status_and_headers(answer: &Answer, finding: &Finding, names: &Names) -> String {
    let reason = hyper::StatusCode::from_u16(answer.status).ok().and_then(|s| s.canonical_reason()).unwrap_or("");
    let mut line = format!("{} {reason}", answer.status).trim_end().to_owned();
    let about = format!("{} {}", finding.place, finding.wanted).to_ascii_lowercase();
    for (name, value) in &answer.headers {
        let telling = matches!(name.as_str(), "location" | "content-type" | "www-authenticate" | "cache-control");
        if telling || about.contains(name.as_str()) {
            line.push_str(&format!(" {name}: {}", short(&names.mask(value), BODY)));
        }
    }
    line
}

fn body(answer: &Answer, names: &Names) -> String {
    match answer.json() {
        Some(json) => short(&names.mask_json(&json).to_string(), BODY),
        None if page::is_html(answer) => {
            let outline = page::outline(&answer.body);
            let text = |name: &str| outline.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
            short(&names.mask(&format!("page \"{}\": {}", text("title"), text("text"))), BODY)
        }
        None => short(&names.mask(&answer.body), BODY),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// At most `length` characters, on one line.
pub fn short(text: &str, length: usize) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(length).collect();
    if text.chars().nth(length).is_some() {
        line.push('…');
    }
    line
}
