//! Messages as trees for conditions, and as parts for edits.

use serde_json::{Map, Value, json};

use super::token::{self, AGAIN, Seal};
use crate::transcript::view::to_object;
use crate::transcript::{Answer, Request, pairs};

/// A request as conditions see it: `method`, `url`, `path`, `header`, `query`, `form`, `param` (form, else query), `json`, `body`, `client`.
pub fn request_tree(request: &Request, client: Option<&str>) -> Value {
    let mut tree = Map::new();
    tree.insert("method".into(), json!(request.method));
    tree.insert("url".into(), json!(request.url));
    tree.insert("path".into(), json!(request.path()));
    tree.insert("header".into(), headers(&request.headers));
    tree.insert("query".into(), Value::Object(to_object(request.query())));
    tree.insert("form".into(), Value::Object(to_object(request.form())));
    let mut param = to_object(request.query());
    param.extend(to_object(request.form()));
    tree.insert("param".into(), Value::Object(param));
    tree.extend(serde_json::from_str(&request.body).ok().map(|body| ("json".to_owned(), body)));
    tree.insert("body".into(), json!(request.body));
    tree.extend(client.map(|name| ("client".to_owned(), json!(name))));
    Value::Object(tree)
}

/// An answer as conditions see it: `status`, `header`, `json`, `location` (the parameters of its query), `body`, `client`, `request`;
/// `userinfo_token` where the body is a JWT.
pub fn answer_tree(answer: &Answer, request: Value, client: Option<&str>) -> Value {
    let mut tree = Map::new();
    tree.insert("status".into(), json!(answer.status));
    tree.insert("header".into(), headers(&answer.headers));
    tree.extend(answer.json().map(|body| ("json".to_owned(), body)));
    if let Some(location) = answer.header("location").next() {
        tree.insert("location".into(), Value::Object(to_object(pairs(Address::split(location).query))));
    }
    tree.insert("body".into(), json!(answer.body));
    if is_jwt(&answer.headers) {
        tree.insert(TOKEN.into(), json!(answer.body));
    }
    tree.extend(client.map(|name| ("client".to_owned(), json!(name))));
    tree.insert("request".into(), request);
    Value::Object(tree)
}

/// What a body that is a JWT is called: UserInfo has one where it is signed (Core §5.3.2).
const TOKEN: &str = "userinfo_token";

fn is_jwt(headers: &[(String, String)]) -> bool {
    let of = |name: &str, value: &str| name.eq_ignore_ascii_case("content-type") && value.trim_start().starts_with("application/jwt");
    headers.iter().any(|(name, value)| of(name, value))
}

fn headers(headers: &[(String, String)]) -> Value {
    Value::Object(to_object(headers.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.clone())).collect()))
}

/// What is done at a place.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// The place gets this value.
    Set(&'a Value),
    /// The place is taken away.
    Drop,
    /// The place comes a second time, with this value.
    Repeat(&'a Value),
}

/// A message taken apart. Parts are opened when an edit reaches for them, and written back only where they have changed.
#[derive(Debug, Clone)]
pub struct Parts {
    status: Option<u16>,
    method: Option<String>,
    url: Option<String>,
    headers: Vec<(String, String)>,
    body: String,
    query: Option<Pairs>,
    form: Option<Pairs>,
    location: Option<Pairs>,
    json: Option<(Value, Value)>,
    /// The body that is a JWT, as the one member [`TOKEN`].
    token: Option<(Value, Value)>,
}

/// Parameters before the edits and now.
#[derive(Debug, Clone)]
struct Pairs {
    before: Vec<(String, Value)>,
    now: Vec<(String, Value)>,
}

impl From<Request> for Parts {
    fn from(r: Request) -> Self {
        Self { method: Some(r.method), url: Some(r.url), ..Self::new(r.headers, r.body) }
    }
}

impl From<Answer> for Parts {
    fn from(a: Answer) -> Self {
        Self { status: Some(a.status), ..Self::new(a.headers, a.body) }
    }
}

impl Parts {
    fn new(headers: Vec<(String, String)>, body: String) -> Self {
        Self { status: None, method: None, url: None, headers, body, query: None, form: None, location: None, json: None, token: None }
    }

    /// Changes one place. False if nothing could be done: it is not there, or this message has no such part.
    pub fn change(&mut self, path: &[String], change: Change<'_>) -> bool {
        let Some((part, rest)) = path.split_first() else { return false };
        match (part.as_str(), rest) {
            ("status", []) => match (change, &mut self.status) {
                (Change::Set(value), Some(status)) => value.as_u64().and_then(|n| u16::try_from(n).ok()).is_some_and(|n| {
                    *status = n;
                    true
                }),
                _ => false,
            },
            ("method", []) => set_text(&mut self.method, change),
            ("url", []) => set_text(&mut self.url, change),
            ("body", []) => self.set_body(change, None),
            ("html", []) => self.set_body(change, Some("text/html; charset=utf-8")),
            ("header", [name]) => self.header(&name.to_ascii_lowercase(), change),
            ("query" | "form" | "location" | "param", [name, rest @ ..]) => {
                let part = if part == "param" { self.part_of(name, change) } else { part.as_str() };
                self.pairs(part).is_some_and(|pairs| change_pairs(&mut pairs.now, name, rest, change))
            }
            ("json", rest) => self.json_part(change, rest).is_some_and(|json| change_json(json, rest, change)),
            ("userinfo_token" | "userinfo_token_header", _) => self.token_part().is_some_and(|body| change_json(body, path, change)),
            _ => false,
        }
    }

    /// Opens the token that a `sign` without an edit is about. False if there is none.
    pub fn open_token(&mut self) -> bool {
        const PLACES: [(&str, &str); 7] = [
            ("form", "logout_token"),
            ("json", "id_token"),
            ("query", "id_token_hint"),
            ("form", "id_token_hint"),
            ("form", "subject_token"),
            ("form", "assertion"),
            ("form", "client_assertion"),
        ];
        if self.token_part().and_then(|body| body.get_mut(TOKEN)).is_some_and(token::open) {
            return true;
        }
        PLACES.iter().any(|(part, name)| match *part {
            "json" => self.json_part(Change::Drop, &[]).and_then(|j| j.get_mut(*name)).is_some_and(token::open),
            part => self
                .pairs(part)
                .and_then(|pairs| pairs.now.iter_mut().find(|(n, _)| n == name))
                .is_some_and(|(_, value)| token::open(value)),
        })
    }

    /// The message with its changes, as a request.
    pub fn into_request(mut self, seal: Seal<'_>) -> Request {
        self.write_back(seal);
        Request { method: self.method.unwrap_or_default(), url: self.url.unwrap_or_default(), headers: self.headers, body: self.body }
    }

    /// The message with its changes, as an answer.
    pub fn into_answer(mut self, seal: Seal<'_>) -> Answer {
        self.write_back(seal);
        Answer { status: self.status.unwrap_or_default(), headers: self.headers, body: self.body }
    }

    fn write_back(&mut self, seal: Seal<'_>) {
        if let Some(text) = self.query.take().and_then(|p| p.written(seal))
            && let Some(url) = &mut self.url
        {
            *url = Address::split(url).with_query(&text);
        }
        if let Some(text) = self.location.take().and_then(|p| p.written(seal))
            && let Some((_, location)) = self.headers.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case("location"))
        {
            *location = Address::split(location).with_query(&text);
        }
        if let Some(text) = self.form.take().and_then(|p| p.written(seal)) {
            self.body = text;
        }
        if let Some((before, mut now)) = self.token.take() {
            seal.close(&mut now);
            if let Some(text) = now.get(TOKEN).and_then(Value::as_str).filter(|_| now != before) {
                text.clone_into(&mut self.body);
            }
        }
        if let Some((before, mut now)) = self.json.take() {
            if let (Value::Object(now), Value::Object(before)) = (&mut now, &before) {
                close_beside(now, before, seal);
            }
            seal.close(&mut now);
            if now != before {
                self.body = token::text(&now);
            }
        }
    }

    fn set_body(&mut self, change: Change<'_>, content_type: Option<&str>) -> bool {
        let text = match change {
            Change::Set(value) => plain(value),
            Change::Drop => String::new(),
            Change::Repeat(_) => return false,
        };
        // Parts of the old body are no part of the new one.
        (self.form, self.json, self.token) = (None, None, None);
        self.body = text;
        if let Some(content_type) = content_type {
            self.header("content-type", Change::Set(&json!(content_type)));
        }
        true
    }

    fn header(&mut self, name: &str, change: Change<'_>) -> bool {
        if name == "location" {
            self.location = None;
        }
        let first = self.headers.iter().position(|(n, _)| n.eq_ignore_ascii_case(name));
        match (change, first) {
            (Change::Drop, None) => return false,
            (Change::Drop, Some(_)) => self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name)),
            (Change::Repeat(value), _) | (Change::Set(value), None) => self.headers.push((name.to_owned(), plain(value))),
            (Change::Set(value), Some(at)) => {
                self.headers[at].1 = plain(value);
                let mut index = 0;
                self.headers.retain(|(n, _)| {
                    index += 1;
                    index - 1 <= at || !n.eq_ignore_ascii_case(name)
                });
            }
        }
        true
    }

    /// Which part a parameter is in, or would be put in.
    fn part_of(&mut self, name: &str, change: Change<'_>) -> &'static str {
        let bare = name.strip_suffix("_header").unwrap_or(name);
        let mut has = |part: &str| self.pairs(part).is_some_and(|p| p.now.iter().any(|(n, _)| n == name || n == bare));
        if has("form") {
            "form"
        } else if has("query") || !matches!(change, Change::Set(_)) || self.pairs("form").is_none() {
            "query"
        } else {
            "form"
        }
    }

    fn pairs(&mut self, part: &str) -> Option<&mut Pairs> {
        let slot = match part {
            "query" => {
                let url = self.url.as_deref()?;
                self.query.get_or_insert_with(|| Pairs::new(pairs(Address::split(url).query)))
            }
            "form" => {
                // An answer has no form.
                self.url.as_ref()?;
                let content_type = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("content-type")).map(|(_, v)| v.trim_start());
                if self.form.is_none() && !content_type?.starts_with("application/x-www-form-urlencoded") {
                    return None;
                }
                self.form.get_or_insert_with(|| Pairs::new(pairs(&self.body)))
            }
            "location" => {
                let location = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("location")).map(|(_, v)| v)?;
                self.location.get_or_insert_with(|| Pairs::new(pairs(Address::split(location).query)))
            }
            _ => return None,
        };
        Some(slot)
    }

    /// The body, if it is a JWT.
    fn token_part(&mut self) -> Option<&mut Value> {
        if self.token.is_none() && self.status.is_some() && is_jwt(&self.headers) {
            let body = json!({ TOKEN: self.body });
            self.token = Some((body.clone(), body));
        }
        self.token.as_mut().map(|(_, now)| now)
    }

    /// The body as JSON. A whole value may be set where there was no JSON before.
    fn json_part(&mut self, change: Change<'_>, rest: &[String]) -> Option<&mut Value> {
        if self.json.is_none() {
            let parsed = serde_json::from_str::<Value>(&self.body).ok();
            let made = matches!(change, Change::Set(_)) && rest.is_empty();
            let before = parsed.or(made.then_some(Value::Null))?;
            self.json = Some((before.clone(), before));
        }
        self.json.as_mut().map(|(_, now)| now)
    }
}

impl Pairs {
    fn new(pairs: Vec<(String, String)>) -> Self {
        let before: Vec<_> = pairs.into_iter().map(|(n, v)| (n, Value::String(v))).collect();
        Self { now: before.clone(), before }
    }

    /// The parameters as text, if they have changed.
    fn written(mut self, seal: Seal<'_>) -> Option<String> {
        let mut members: Map<String, Value> = self.now.iter().cloned().collect();
        close_beside(&mut members, &self.before.iter().cloned().collect(), seal);
        for (name, value) in &mut self.now {
            if token::is_open(value) {
                *value = members.get(name).cloned().unwrap_or_default();
            }
            seal.close(value);
        }
        if self.now == self.before {
            return None;
        }
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.now {
            text.append_pair(name, &plain(value));
        }
        Some(text.finish())
    }
}

/// Closes the access token and the code first, then makes the hashes fit, then closes the ID token.
fn close_beside(members: &mut Map<String, Value>, before: &Map<String, Value>, seal: Seal<'_>) {
    for name in ["access_token", "code"] {
        members.get_mut(name).into_iter().for_each(|v| seal.close(v));
    }
    token::fit_hashes(members, before);
    members.get_mut("id_token").into_iter().for_each(|v| seal.close(v));
}

fn change_pairs(pairs: &mut Vec<(String, Value)>, name: &str, rest: &[String], change: Change<'_>) -> bool {
    let found = pairs.iter().position(|(n, _)| n == name);
    match (found, rest, change) {
        (Some(at), [], Change::Set(value)) => {
            pairs[at].1 = Value::String(plain(value));
            let mut index = 0;
            pairs.retain(|(n, _)| {
                index += 1;
                index - 1 <= at || n != name
            });
            true
        }
        (Some(_), [], Change::Drop) => {
            pairs.retain(|(n, _)| n != name);
            true
        }
        (None, [], Change::Set(value)) | (_, [], Change::Repeat(value)) => {
            pairs.push((name.to_owned(), Value::String(plain(value))));
            true
        }
        (None, [], Change::Drop) => false,
        (Some(at), rest, change) => change_json(&mut pairs[at].1, rest, change),
        (None, rest, change) => {
            let bare = name.strip_suffix("_header");
            let token = pairs.iter_mut().find(|(n, _)| Some(n.as_str()) == bare).map(|(_, v)| v);
            token.is_some_and(|v| change_header(v, rest, change))
        }
    }
}

pub fn change_json(value: &mut Value, path: &[String], change: Change<'_>) -> bool {
    let Some((key, rest)) = path.split_first() else {
        return match change {
            Change::Set(new) => {
                *value = new.clone();
                true
            }
            Change::Drop | Change::Repeat(_) => false,
        };
    };
    match value {
        Value::String(_) => token::open(value) && change_json(value, path, change),
        opened if token::is_open(opened) => token::inside(opened, "claims").is_some_and(|claims| change_json(claims, path, change)),
        Value::Object(members) => {
            if !members.contains_key(key)
                && let Some(token) = key.strip_suffix("_header").and_then(|name| members.get_mut(name)).filter(|_| !rest.is_empty())
            {
                return change_header(token, rest, change);
            }
            match (rest, change) {
                ([], Change::Set(new)) => {
                    members.insert(key.clone(), new.clone());
                    true
                }
                ([], Change::Drop) => members.shift_remove(key).is_some(),
                ([], Change::Repeat(new)) => {
                    members.insert(format!("{AGAIN}{key}"), new.clone());
                    true
                }
                (rest, change) => members.get_mut(key).is_some_and(|inner| change_json(inner, rest, change)),
            }
        }
        Value::Array(members) => {
            let Some(at) = index(members, key) else { return false };
            match (rest, change) {
                ([], Change::Drop) => {
                    members.remove(at);
                    true
                }
                ([], Change::Repeat(new)) => {
                    members.push(new.clone());
                    true
                }
                (rest, change) => change_json(&mut members[at], rest, change),
            }
        }
        _ => false,
    }
}

fn change_header(value: &mut Value, path: &[String], change: Change<'_>) -> bool {
    token::open(value) && token::inside(value, "header").is_some_and(|header| change_json(header, path, change))
}

/// `0`, or `[kid=old]`: the first member that has that.
fn index(members: &[Value], key: &str) -> Option<usize> {
    match key.strip_prefix('[').and_then(|k| k.strip_suffix(']')).and_then(|k| k.split_once('=')) {
        Some((name, want)) => members.iter().position(|m| m.get(name).is_some_and(|v| plain(v) == want)),
        None => key.parse().ok().filter(|at| *at < members.len()),
    }
}

fn set_text(slot: &mut Option<String>, change: Change<'_>) -> bool {
    match (slot, change) {
        (Some(text), Change::Set(value)) => {
            *text = plain(value);
            true
        }
        _ => false,
    }
}

/// A value as text: strings as they are, anything else as JSON.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An address as text, split at its query; nothing is normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// Up to the query.
    pub base: &'a str,
    /// The query, without `?`.
    pub query: &'a str,
    /// The fragment, with `#`.
    pub fragment: &'a str,
}

impl<'a> Address<'a> {
    /// Splits it.
    pub fn split(text: &'a str) -> Self {
        let (front, fragment) = text.split_at(text.find('#').unwrap_or(text.len()));
        let (base, query) = front.split_once('?').unwrap_or((front, ""));
        Self { base, query, fragment }
    }

    /// The same address with another query.
    pub fn with_query(self, query: &str) -> String {
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{mark}{query}{}", self.base, self.fragment)
    }
}
