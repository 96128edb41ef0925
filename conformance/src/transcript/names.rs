//! Names for the values that nobody should have to read: tokens, codes, secrets, cookies, random words.
//!
//! A value is called by the step that it came with and the parameter that carried it: `⟨alice.access_token⟩`. Reports print names
//! so that no secret leaves the run, and the normal form prints them so that a difference means something.
//! What a scenario has written out by hand keeps its text.

use std::collections::{BTreeMap, BTreeSet};

use scraper::{Html, Selector};
use serde_json::Value;

use super::jose::Jws;
use super::tokens::userinfo_token;
use super::view::{self, Part, View, references};
use super::{Delivery, Endpoint, Exchange, Place, Request, StepRecord, Transcript};
use crate::scenario::{Check, Step};

/// Parameters and members whose value opens something. They are never printed.
pub const SECRET: [&str; 20] = [
    "access_token",
    "refresh_token",
    "id_token",
    "code",
    "code_verifier",
    "client_secret",
    "password",
    "device_code",
    "user_code",
    "client_assertion",
    "assertion",
    "subject_token",
    "actor_token",
    "token",
    "logout_token",
    "id_token_hint",
    "registration_access_token",
    "initial_access_token",
    "request",
    "software_statement",
];

/// Parameters and members whose value is only random.
pub const RANDOM: [&str; 6] = ["state", "nonce", "code_challenge", "sid", "jti", "session_state"];

/// A value shorter than this is replaced only where it is the whole value of its own parameter: `alice` as a password is also a name.
const WHOLE_BELOW: usize = 8;

/// The values of one transcript that have a name.
#[derive(Clone, Default)]
pub struct Names {
    by_value: BTreeMap<String, String>,
    /// Longest first, so that a token goes before a part of it.
    ordered: Vec<(String, String)>,
    taken: BTreeSet<String>,
    literal: BTreeSet<String>,
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_value.values()).finish()
    }
}

impl Names {
    /// Names every value of a transcript that is secret or random.
    pub fn of(t: &Transcript) -> Self {
        let mut names = Self { literal: literals(&t.check), ..Self::default() };
        names.letters(&t.check);
        names.fixtures(t);
        for (index, step) in t.steps.iter().enumerate() {
            let name = step_name(t, index, step);
            for exchange in exchanges_of(t, index) {
                let name = if exchange.beside { beside_name(step) } else { &name };
                names.exchange(name, exchange);
            }
            for reply in &step.replies {
                for (param, value) in reply.callback.iter().flat_map(|c| &c.params) {
                    names.parameter(&name, param, value);
                }
                names.json(&name, &reply.made);
                for (param, value) in &reply.context {
                    names.parameter(&name, param, value);
                }
            }
        }
        for delivery in (0..t.steps.len()).flat_map(|step| deliveries_of(t, step)) {
            let to = delivery.client.as_deref().unwrap_or("nobody");
            for (param, value) in delivery.request.form() {
                names.parameter(&format!("told {to}"), &param, &value);
            }
        }
        names.ordered()
    }

    /// Names nothing: everything is shown as it is.
    pub fn none() -> Self {
        Self::default()
    }

    /// The names at a step that goes on from what was done beside another: a token that came of that, or that is still good because none came,
    /// has the same name.
    pub fn either_way(&self, t: &Transcript, index: usize) -> Self {
        let mut names = self.clone();
        let view = View { transcript: t, now: 0 };
        let besides = t.steps[..index].iter().filter_map(|step| Some((beside_name(step), step.beside.as_deref()?)));
        let of = source(t, index).and_then(|step| step.fields.get("of")?.as_str());
        for (name, beside) in besides.filter(|(name, _)| of == Some(format!("{{{name}}}").as_str())) {
            let reply = view.step_value(beside);
            for token in ["access_token", "refresh_token"] {
                let value = reply.get(token).or_else(|| reply.get(format!("kept_{token}"))).and_then(Value::as_str);
                names.by_value.extend(value.map(|value| (value.to_owned(), format!("{name}.{token}, either way"))));
            }
        }
        names.ordered()
    }

    /// Takes in the names of another transcript, for what is said about several.
    pub fn extend(&mut self, other: &Self) {
        for (value, name) in &other.by_value {
            self.by_value.entry(value.clone()).or_insert_with(|| name.clone());
        }
        self.literal.extend(other.literal.iter().cloned());
        *self = std::mem::take(self).ordered();
    }

    /// The text with every named value replaced by its name.
    pub fn mask(&self, text: &str) -> String {
        if let Some(name) = self.by_value.get(text).filter(|_| text.len() >= WHOLE_BELOW) {
            return format!("⟨{name}⟩");
        }
        let mut masked = text.to_owned();
        for (value, name) in &self.ordered {
            if masked.contains(value.as_str()) {
                masked = masked.replace(value.as_str(), &format!("⟨{name}⟩"));
            }
        }
        masked
    }

    /// The value of a parameter or member: a secret that is too short to be looked for in a text is seen here.
    pub fn mask_value(&self, parameter: &str, value: &str) -> String {
        match self.by_value.get(value) {
            Some(name) if value.len() >= WHOLE_BELOW || is_hidden(parameter) => format!("⟨{name}⟩"),
            _ => self.mask(value),
        }
    }

    /// Every string of a JSON value masked, by the member that holds it.
    pub fn mask_json(&self, value: &Value) -> Value {
        self.mask_member("", value)
    }

    fn mask_member(&self, name: &str, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.mask_value(name, text)),
            Value::Array(members) => Value::Array(members.iter().map(|m| self.mask_member(name, m)).collect()),
            Value::Object(table) => Value::Object(table.iter().map(|(k, v)| (self.mask(k), self.mask_member(k, v))).collect()),
            other => other.clone(),
        }
    }

    /// Nothing has a name: everything is shown as it is.
    pub fn is_empty(&self) -> bool {
        self.by_value.is_empty()
    }

    /// Whether the scenario has written this value out by hand.
    pub fn is_literal(&self, value: &str) -> bool {
        self.literal.contains(value)
    }

    /// The name of a value, without brackets.
    pub fn name_of(&self, value: &str) -> Option<&str> {
        self.by_value.get(value).map(String::as_str)
    }

    /// Every value with its name, in the order of the names.
    pub fn all(&self) -> Vec<(&str, &str)> {
        let mut all: Vec<_> = self.by_value.iter().map(|(value, name)| (name.as_str(), value.as_str())).collect();
        all.sort_unstable();
        all
    }

    fn ordered(mut self) -> Self {
        let long = self.by_value.iter().filter(|(v, _)| v.len() >= WHOLE_BELOW);
        self.ordered = long.map(|(v, n)| (v.clone(), n.clone())).collect();
        // A form carries the same value in other clothes.
        let encoded: Vec<_> = self
            .ordered
            .iter()
            .map(|(v, n)| (url::form_urlencoded::byte_serialize(v.as_bytes()).collect::<String>(), n.clone()))
            .filter(|(v, _)| !self.by_value.contains_key(v))
            .collect();
        self.ordered.extend(encoded);
        self.ordered.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self
    }

    /// What is only long.
    fn letters(&mut self, check: &Check) {
        let mut counts = BTreeSet::new();
        each_text(check, &mut |text| {
            let named = references(text).into_iter().filter_map(|part| match part {
                Part::Reference(path) => path.strip_prefix("letters.").map(str::to_owned),
                Part::Text(_) => None,
            });
            counts.extend(named);
        });
        for count in counts {
            let text = view::letters(&count);
            text.into_iter().for_each(|text| self.add(&text, format!("{count} letters")));
        }
    }

    fn fixtures(&mut self, t: &Transcript) {
        let view = View { transcript: t, now: 0 };
        for name in t.clients.keys() {
            let client = view.client(name).unwrap_or_default();
            for member in ["client_secret", "basic", "registration_access_token"] {
                if let Some(value) = client.get(member).and_then(Value::as_str) {
                    self.add(value, format!("{name}.{member}"));
                }
            }
        }
        for (name, user) in &t.users {
            if let Some(password) = user.get("password").and_then(Value::as_str) {
                self.add(password, format!("{name}.password"));
            }
        }
    }

    fn exchange(&mut self, step: &str, exchange: &Exchange) {
        let edited = |name: &str| exchange.edited.iter().any(|mark| mark.split(' ').nth(1) == Some(name));
        let page = matches!(exchange.endpoint, Endpoint::Page);
        for (param, value) in exchange.request.params() {
            if edited(&param) {
                continue;
            }
            self.parameter(step, &param, &value);
            if page && value.len() >= 16 {
                self.add(&value, format!("page.{param}"));
            }
        }
        if let Some(body) = exchange.request.json() {
            let own: serde_json::Map<_, _> = body.into_iter().filter(|(name, _)| !edited(name)).collect();
            self.json(step, &Value::Object(own));
        }
        // A page is found again by a word in its path.
        for word in exchange.request.path().split('/').filter(|word| page && is_opaque(word)) {
            self.add(word, "page".into());
        }
        if !edited("header.authorization") {
            self.credentials(exchange);
        }
        self.cookies(&exchange.request);
        let Ok(answer) = &exchange.answer else { return };
        for cookie in answer.header("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or("");
            self.cookie(pair);
        }
        for location in answer.header("location") {
            for (param, value) in url::Url::parse(location).map(|u| super::pairs(u.query().unwrap_or(""))).unwrap_or_default() {
                self.parameter(step, &param, &value);
            }
        }
        if let Some(token) = userinfo_token(exchange) {
            self.add(token, format!("{step}.userinfo_token"));
        } else if let Some(json) = answer.json() {
            self.json(step, &json);
        } else if answer.header("content-type").any(|t| t.starts_with("text/html")) {
            self.page(step, &answer.body);
        }
    }

    fn credentials(&mut self, exchange: &Exchange) {
        let who = exchange.client.as_deref().unwrap_or(exchange.endpoint.word());
        for header in exchange.request.header("authorization") {
            if let Some((scheme, value)) = header.split_once(' ') {
                self.add(value.trim(), format!("{who}.{}", scheme.to_ascii_lowercase()));
            }
        }
    }

    fn cookies(&mut self, request: &Request) {
        for header in request.header("cookie") {
            for pair in header.split("; ") {
                self.cookie(pair);
            }
        }
    }

    fn cookie(&mut self, pair: &str) {
        if let Some((name, value)) = pair.split_once('=') {
            self.add(value.trim(), format!("cookie {}", name.trim()));
        }
    }

    /// The values of hidden fields, and what a form_post page hands on.
    fn page(&mut self, step: &str, html: &str) {
        let Ok(hidden) = Selector::parse("input[type=hidden]") else { return };
        for input in Html::parse_document(html).select(&hidden) {
            let (Some(name), Some(value)) = (input.attr("name"), input.attr("value")) else { continue };
            self.parameter(step, name, value);
            if value.len() >= 16 {
                self.add(value, format!("page.{name}"));
            }
        }
    }

    fn json(&mut self, step: &str, value: &Value) {
        match value {
            Value::Object(table) => {
                for (name, inner) in table {
                    match inner {
                        // In a body these words mean other things than in an authorization answer: the `state` of a user is `active`. One that was
                        // sent has its name from the request.
                        Value::String(_) if matches!(name.as_str(), "code" | "request" | "state") => {}
                        Value::String(text) => self.parameter(step, name, text),
                        _ => self.json(step, inner),
                    }
                }
            }
            Value::Array(members) => members.iter().for_each(|m| self.json(step, m)),
            _ => {}
        }
    }

    fn parameter(&mut self, step: &str, name: &str, value: &str) {
        if !is_hidden(name) {
            return;
        }
        self.add(value, format!("{step}.{name}"));
        if let Some(token) = Jws::parse(value) {
            if let Some(sid) = token.claim_str("sid") {
                self.add(sid, format!("{step}.sid"));
            }
            if let Some(jti) = token.claim_str("jti") {
                self.add(jti, format!("{step}.{name}.jti"));
            }
        }
    }

    /// The first name stays. Another value under a name that is taken gets a number.
    fn add(&mut self, value: &str, name: String) {
        if value.is_empty() || self.literal.contains(value) || self.by_value.contains_key(value) {
            return;
        }
        let free = std::iter::once(name.clone()).chain((2..).map(|n| format!("{name}.{n}"))).find(|n| !self.taken.contains(n));
        let name = free.unwrap_or(name);
        self.taken.insert(name.clone());
        self.by_value.insert(value.to_owned(), name);
    }
}

/// Whether a word of a path can only be random: long, and neither of one case nor without a digit.
fn is_opaque(word: &str) -> bool {
    let has = |kind: fn(&char) -> bool| word.chars().any(|c| kind(&c));
    word.len() >= 16 && has(char::is_ascii_digit) && has(char::is_ascii_lowercase) && (has(char::is_ascii_uppercase) || !word.contains('-'))
}

/// Whether a parameter or member of this name is printed by name only.
pub fn is_hidden(name: &str) -> bool {
    SECRET.contains(&name) || RANDOM.contains(&name)
}

/// What later steps call the reply: the saved name, `asked`, `then`; a step that saves nothing goes by verb and place.
pub fn step_name(t: &Transcript, index: usize, step: &StepRecord) -> String {
    match (step.place, &step.save) {
        (Place::Ask, _) => "asked".into(),
        (Place::Then, _) => "then".into(),
        (Place::Walk, Some(save)) => save.clone(),
        (Place::Walk, None) => {
            let verb = format!("{:?}", step.verb).to_lowercase();
            let before = t.steps[..index].iter().filter(|s| s.verb == step.verb && s.save.is_none()).count();
            if before == 0 { verb } else { format!("{verb}.{}", before + 1) }
        }
    }
}

/// What later steps call what was done beside a step.
pub fn beside_name(step: &StepRecord) -> &str {
    step.beside.as_deref().and_then(|beside| beside.save.as_deref()).unwrap_or("beside")
}

/// The step of the scenario that a record came from.
pub fn source(t: &Transcript, index: usize) -> Option<&Step> {
    match t.steps.get(index)?.place {
        Place::Walk => t.check.walk.get(index),
        Place::Ask => Some(&t.check.ask),
        Place::Then => t.check.then.as_ref(),
    }
}

/// The exchanges of a step in their order; what was done beside it stands behind its own. Where they were sent at the same moment nobody knows who came first: those that
/// succeeded stand first.
pub fn exchanges_of(t: &Transcript, step: usize) -> Vec<&Exchange> {
    let mut own: Vec<&Exchange> = t.exchanges.iter().filter(|e| e.step == step).collect();
    own.sort_by_key(|e| e.beside);
    if source(t, step).is_some_and(|s| s.at_once.is_some()) {
        own.sort_by_key(|e| (e.endpoint, e.request.path(), e.ok().map(|a| a.status), e.answer.as_ref().err().cloned()));
    }
    own
}

/// The deliveries of a step. Those that came at the same moment of the target's clock came in any order: they stand by client,
/// address and claims.
pub fn deliveries_of(t: &Transcript, step: usize) -> Vec<&Delivery> {
    let mut own: Vec<&Delivery> = t.deliveries.iter().filter(|d| d.step == step).collect();
    own.sort_by_cached_key(|d| {
        let mut claims = d.request.param("logout_token").and_then(|token| Jws::parse(&token)).map_or(Value::Null, |jws| jws.claims);
        if let Value::Object(claims) = &mut claims {
            claims.remove("jti");
        }
        (d.came, d.client.clone(), d.at.clone(), claims.to_string(), d.answered.to_string())
    });
    own
}

/// What the file has written out: values that are meant to be read.
fn literals(check: &Check) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    each_text(check, &mut |text| {
        if references(text).iter().all(|p| matches!(p, Part::Text(_))) {
            all.insert(text.to_owned());
        }
    });
    all
}

/// Every text that the file gives to a step or a placeholder.
fn each_text(check: &Check, with: &mut impl FnMut(&str)) {
    for step in check.steps() {
        step.fields.values().chain(step.edits.set.values()).chain(step.edits.repeat.values()).for_each(|v| texts(v, with));
    }
    check.with.values().for_each(|v| texts(v, with));
}

fn texts(value: &Value, with: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => with(text),
        Value::Array(members) => members.iter().for_each(|m| texts(m, with)),
        Value::Object(table) => table.values().for_each(|m| texts(m, with)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::judge::sample::{Sample, check, json_answer, request};
    use crate::scenario::{Expectations, Verb};
    use crate::transcript::Reply;

    #[test]
    fn a_state_in_a_body_is_a_word_unless_it_was_sent() {
        let mut s = Sample::new(check("a/b", Expectations::default()));
        let asked = s.authorize("web", "first", Some("alice"), &[], &[("code", "c0de-of-alice")]);
        let sent = s.t.exchanges.iter().find_map(|e| e.request.param("state")).unwrap();
        s.done(Place::Walk, Verb::Authorize, Some("alice"), Reply { answer: Some(asked), ..Reply::default() });
        let said = json!({ "id": "alice", "state": "active", "sid": "9Hq2mZr7LxWc4TnB", "was": { "state": sent } });
        let user = request("GET", "https://op.test/management/users/alice", &[]);
        let told = s.exchange(Endpoint::Management, "", None, user, json_answer(200, &said));
        s.done(Place::Ask, Verb::Send, None, Reply { answer: Some(told), ..Reply::default() });
        let names = Names::of(&s.t);
        let shown = json!({ "id": "alice", "state": "active", "sid": "⟨asked.sid⟩", "was": { "state": "⟨alice.state⟩" } });
        assert_eq!(names.mask_json(&said), shown);
    }
}
