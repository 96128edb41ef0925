//! The exchanges, deliveries and tokens of a walk as text: what a person compares with the clause.

use std::fmt::Write as _;

use serde_json::Value;

use super::escaped;

/// How many characters of a body are shown.
const BODY: usize = 4_000;

/// An exchange, a delivery, a token, or the line of a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    kind: Kind,
    /// The line that is shown before it is opened.
    pub head: String,
    /// The text.
    body: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Step,
    Exchange,
    Told,
    Token,
    Note,
}

impl Block {
    /// A step's line stands where the step is.
    pub fn can_be_shared(&self) -> bool {
        !matches!(self.kind, Kind::Step | Kind::Note)
    }

    /// Folded, with its text below its line.
    pub fn html(&self) -> String {
        let head = escaped(&self.head);
        match self.kind {
            Kind::Step => format!("<h5>{head}</h5>"),
            Kind::Note => format!("<p class=note>{head}</p>"),
            Kind::Exchange | Kind::Told | Kind::Token => {
                let class = match self.kind {
                    Kind::Told => "x told",
                    Kind::Token => "x token",
                    _ => "x",
                };
                format!("<details class=\"{class}\"><summary>{head}</summary><pre>{}</pre></details>", escaped(self.body.trim_end()))
            }
        }
    }
}

/// All of them, step by step.
pub fn blocks(form: &Value) -> Vec<Block> {
    let mut all = Vec::new();
    for step in members(&form["steps"]) {
        let fields: Vec<_> = step["fields"].as_object().into_iter().flatten().map(|(k, v)| format!("{k}={}", plain(v))).collect();
        let place = if step["place"] == "walk" { "" } else { "question: " };
        let head = format!("{place}{} {}", plain(&step["verb"]), cut(&fields.join(" "), 160));
        all.push(Block { kind: Kind::Step, head, body: String::new() });
        all.extend(members(&step["exchanges"]).map(exchange));
        all.extend(members(&step["deliveries"]).map(told));
        all.extend(members(&step["opinions"]).map(|o| note(format!("openidconnect: {}", plain(o)))));
        if step["outcome"] != "worked" {
            let why = step["outcome"].as_object().into_iter().flatten().map(|(word, why)| format!("{word}: {}", plain(why)));
            all.extend(why.map(note));
        }
    }
    all.extend(form["tokens"].as_object().into_iter().flatten().map(|(name, value)| token(name, value)));
    if let Some(log) = form["log"].as_array().filter(|log| !log.is_empty()) {
        let mut body = String::new();
        for event in log {
            let _ = writeln!(body, "{} {} {}", plain(&event["type"]), plain(&event["aggregate"]), event["payload"]);
        }
        all.push(Block { kind: Kind::Exchange, head: format!("event log, {} events", log.len()), body });
    }
    all
}

fn note(head: String) -> Block {
    Block { kind: Kind::Note, head, body: String::new() }
}

fn exchange(e: &Value) -> Block {
    let path = path(&plain(&e["request"]["url"]));
    let mut body = request(&e["request"], '>');
    if let Some(edited) = e["edited"].as_array() {
        let edits: Vec<_> = edited.iter().map(plain).collect();
        let _ = writeln!(body, "  changed on purpose: {}", edits.join(", "));
    }
    body.push_str(&answer(&e["answer"]));
    Block { kind: Kind::Exchange, head: format!("{} {path} → {}", plain(&e["request"]["method"]), status(&e["answer"])), body }
}

fn told(d: &Value) -> Block {
    let who = d["client"].as_str().unwrap_or("nobody");
    let head = format!("told {who} at {}, answered {}", plain(&d["at"]), plain(&d["answered"]));
    Block { kind: Kind::Told, head, body: format!("{}> {}\n", request(&d["request"], '<'), plain(&d["answered"])) }
}

fn token(name: &str, token: &Value) -> Block {
    let mut claims = token["claims"].clone();
    for name in ["iat", "exp", "nbf", "auth_time"] {
        let Some(seconds) = claims[name].as_i64() else { continue };
        if let Ok(at) = jiff::Timestamp::from_second(seconds) {
            claims[name] = Value::String(format!("{seconds} ({at})"));
        }
    }
    let body = format!("header {}\nclaims {}\n", pretty(&token["header"]), pretty(&claims));
    Block { kind: Kind::Token, head: format!("⟨{name}⟩ {}", plain(&token["signature"])), body }
}

fn request(r: &Value, mark: char) -> String {
    let mut text = format!("{mark} {} {}\n", plain(&r["method"]), plain(&r["url"]));
    headers(&mut text, r);
    for (kind, pairs) in [("?", &r["query"]), ("", &r["form"])] {
        for pair in members(pairs) {
            let _ = writeln!(text, "  {kind}{}={}", plain(&pair[0]), plain(&pair[1]));
        }
    }
    match &r["body"] {
        Value::Null => {}
        Value::String(body) => text.push_str(&indented(&cut(body, BODY))),
        body => text.push_str(&indented(&pretty(body))),
    }
    text
}

fn answer(a: &Value) -> String {
    let mut text = format!("< {}\n", status(a));
    headers(&mut text, a);
    if let Some(page) = a["page"].as_object() {
        let _ = writeln!(text, "  page {}: {}", page["title"], cut(&plain(&page["text"]), BODY));
        for form in members(&page["forms"]) {
            let fields: Vec<_> = members(&form["fields"]).map(|f| format!("{} {}", plain(&f[0]), plain(&f[1]))).collect();
            let _ = writeln!(text, "  form {} {}: {}", plain(&form["method"]), plain(&form["action"]), fields.join(", "));
        }
    }
    if !a["json"].is_null() {
        text.push_str(&indented(&cut(&pretty(&a["json"]), BODY)));
    }
    if let Some(body) = a["body"].as_str().filter(|body| !body.is_empty()) {
        text.push_str(&indented(&cut(body, BODY)));
    }
    text
}

fn headers(text: &mut String, message: &Value) {
    for header in members(&message["headers"]) {
        let _ = writeln!(text, "  {}: {}", plain(&header[0]), plain(&header[1]));
    }
}

/// The path of an address that has neither query nor fragment any more.
pub fn path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/").to_owned()
}

/// `303`, or why nothing came.
pub fn status(answer: &Value) -> String {
    match &answer["status"] {
        Value::Null if answer.is_string() => plain(answer),
        Value::Null => format!("nothing: {}", plain(&answer["none"])),
        status => status.to_string(),
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// At most so many characters.
pub fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or("")),
        None => text.to_owned(),
    }
}

pub fn members(value: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}
