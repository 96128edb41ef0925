//! How `{alice.id_token.sub}` is read out of a transcript. Drive and judge resolve references here and nowhere else.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::jose::Jws;
use super::tokens::userinfo_token;
use super::{Millis, Reply, StepRecord, Transcript};

/// A reference that leads nowhere.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{{{reference}}}` leads nowhere: {why}")]
pub struct Unresolved {
    /// The reference, without braces.
    pub reference: String,
    /// What is missing.
    pub why: String,
}

/// A transcript, finished or still growing, at one moment of the target's clock.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// What has happened so far.
    pub transcript: &'a Transcript,
    /// What `now` means.
    pub now: Millis,
}

impl<'a> View<'a> {
    /// Replaces every reference in a value. A string that is one reference and nothing else keeps the type of what it names;
    /// one that is a time (`now`, `now+5m`) becomes a number of seconds.
    ///
    /// # Errors
    /// The first reference that leads nowhere.
    pub fn resolve(&self, value: &Value) -> Result<Value, Unresolved> {
        Ok(match value {
            Value::String(text) => self.resolve_text(text)?,
            Value::Array(members) => Value::Array(members.iter().map(|m| self.resolve(m)).collect::<Result<_, _>>()?),
            Value::Object(table) => {
                Value::Object(table.iter().map(|(k, v)| Ok((k.clone(), self.resolve(v)?))).collect::<Result<_, Unresolved>>()?)
            }
            other => other.clone(),
        })
    }

    fn resolve_text(&self, text: &str) -> Result<Value, Unresolved> {
        if let Some(seconds) = time(text, self.now) {
            return Ok(json!(seconds));
        }
        let parts = references(text);
        if let [Part::Reference(path)] = parts.as_slice() {
            return self.get(path);
        }
        let mut whole = String::new();
        for part in parts {
            match part {
                Part::Text(t) => whole.push_str(t),
                Part::Reference(path) => match self.get(path)? {
                    Value::String(t) => whole.push_str(&t),
                    other => whole.push_str(&other.to_string()),
                },
            }
        }
        Ok(Value::String(whole))
    }

    /// What a reference names: `alice.id_token.sub`.
    ///
    /// # Errors
    /// [`Unresolved`] if nothing is there.
    pub fn get(&self, reference: &str) -> Result<Value, Unresolved> {
        let nowhere = |why: String| Unresolved { reference: reference.to_owned(), why };
        let segments: Vec<&str> = reference.split('.').collect();
        let (root, rest) = (segments[0], &segments[1..]);
        let t = self.transcript;
        let base = match root {
            "with" => json!(t.check.with),
            // `with` may itself hold references: they are resolved when they are used.
            "op" => return self.origin(rest).ok_or_else(|| nowhere("the target has no such origin".into())),
            "client" => self
                .client(rest.first().copied().unwrap_or(""))
                .map(|c| json!({ rest[0]: c }))
                .ok_or_else(|| nowhere("there is no such client".into()))?,
            "letters" => {
                let text = rest.first().and_then(|count| letters(count)).ok_or_else(|| nowhere("so many letters there are not".into()))?;
                return Ok(Value::String(text));
            }
            "user" => json!(t.users),
            "rp" => self
                .addresses(rest.first().copied().unwrap_or(""))
                .map(|a| json!({ rest[0]: a }))
                .ok_or_else(|| nowhere("that client has no delivery address".into()))?,
            "asked" => self.step_value(t.asked().ok_or_else(|| nowhere("the question was not asked yet".into()))?),
            saved => {
                let mut both = t.steps.iter().flat_map(|s| std::iter::once(s).chain(s.beside.as_deref()));
                let step = both.rfind(|s| s.save.as_deref() == Some(saved));
                self.step_value(step.ok_or_else(|| nowhere(format!("nothing was saved as `{saved}`")))?)
            }
        };
        let found = at(&base, rest).ok_or_else(|| nowhere("the reply has nothing there".into()))?;
        if root == "with" { self.resolve(&found) } else { Ok(found) }
    }

    fn origin(&self, rest: &[&str]) -> Option<Value> {
        let profile = &self.transcript.target;
        let issuer = |name: &str| profile.issuers.get(name).cloned();
        Some(Value::String(match rest {
            [] | ["issuer"] | ["primary"] | ["primary", "issuer"] => issuer("primary")?,
            // Discovery §4: a slash at the issuer's end goes away before the path is appended.
            ["configuration"] => format!("{}/.well-known/openid-configuration", issuer("primary")?.trim_end_matches('/')),
            ["management"] | ["management", "issuer"] => profile.management.clone()?,
            [name] | [name, "issuer"] => issuer(name)?,
            [endpoint, ..] if rest.len() > 1 => profile.metadata.get(*endpoint)?.as_str()?.to_owned(),
            _ => return None,
        }))
    }

    /// Metadata of a client as registered, with `basic`, the value of its Basic header (RFC 6749 §2.3.1).
    pub fn client(&self, name: &str) -> Option<Value> {
        let mut client = self.transcript.clients.get(name)?.clone();
        if let (Some(id), Some(secret)) = (text_of(&client, "client_id"), text_of(&client, "client_secret")) {
            client["basic"] = Value::String(basic(&id, &secret));
        }
        Some(client)
    }

    fn addresses(&self, name: &str) -> Option<Value> {
        let first = self.transcript.clients.get(name)?.get("backchannel_logout_uri")?.as_str()?;
        // Every relying party has two addresses, whatever query it registered: the second is below the first of the fixture.
        let first = first.split('?').next().unwrap_or(first);
        let first = first.strip_suffix("/second").unwrap_or(first);
        Some(json!({ "first": first, "second": format!("{first}/second") }))
    }

    /// The reply of a step as a tree: the first success, or else the last reply.
    pub fn step_value(&self, step: &StepRecord) -> Value {
        let reply = step.replies.iter().find(|r| r.success).or(step.replies.last());
        reply.map_or(Value::Null, |r| self.reply_value(r))
    }

    /// `status`, `header`, `json`, `callback`, `landed`, `at`, `request`, and the tokens under their own names.
    pub fn reply_value(&self, reply: &Reply) -> Value {
        let t = self.transcript;
        let mut tree = Map::new();
        if let Value::Object(made) = &reply.made {
            tree.extend(made.clone());
        }
        for (name, value) in &reply.context {
            tree.entry(name.clone()).or_insert_with(|| json!(value));
        }
        if let Some(exchange) = reply.request.and_then(|i| t.exchanges.get(i)) {
            tree.insert("request".into(), Value::Object(exchange.request.members()));
        }
        if let Some(exchange) = reply.answer.and_then(|i| t.exchanges.get(i)) {
            tree.insert("at".into(), json!(exchange.answered / 1000));
            if let Ok(answer) = &exchange.answer {
                tree.insert("status".into(), json!(answer.status));
                let mut headers = BTreeMap::<String, String>::new();
                for (name, value) in &answer.headers {
                    headers.entry(name.to_ascii_lowercase()).and_modify(|v| *v = format!("{v}, {value}")).or_insert_with(|| value.clone());
                }
                tree.insert("header".into(), json!(headers));
                if let Some(body) = answer.json() {
                    for token in ["access_token", "refresh_token", "id_token"] {
                        if let Some(text) = body.get(token) {
                            tree.insert(token.into(), text.clone());
                        }
                    }
                    tree.insert("json".into(), body);
                }
                if let Some(token) = userinfo_token(exchange) {
                    tree.insert("userinfo_token".into(), json!(token));
                }
            }
        }
        if let Some(landed) = reply.landed {
            tree.insert("landed".into(), json!(landed.word()));
        }
        if let Some(callback) = &reply.callback {
            let mut seen = to_object(callback.params.clone());
            let query = url::Url::parse(&callback.url).map(|u| to_object(super::pairs(u.query().unwrap_or("")))).unwrap_or_default();
            seen.insert("by".into(), json!(callback.by));
            seen.insert("query".into(), Value::Object(query));
            tree.insert("callback".into(), Value::Object(seen));
        }
        Value::Object(tree)
    }
}

/// Parameters as an object; one that comes twice becomes a list.
pub fn to_object(params: Vec<(String, String)>) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, value) in params {
        match object.get_mut(&name) {
            None => {
                object.insert(name, Value::String(value));
            }
            Some(Value::Array(values)) => values.push(Value::String(value)),
            Some(one) => *one = Value::Array(vec![one.take(), Value::String(value)]),
        }
    }
    object
}

/// Follows a path through objects, arrays (by number), and into tokens: `id_token.sub`, `id_token_header.kid`. Header names are
/// found in any case.
pub fn at<S: AsRef<str>>(value: &Value, path: &[S]) -> Option<Value> {
    let Some((key, rest)) = path.split_first() else { return Some(value.clone()) };
    let key = key.as_ref();
    match value {
        Value::Object(table) => {
            if let Some(inner) = table.get(key).or_else(|| table.get(&key.to_ascii_lowercase())) {
                return at(inner, rest);
            }
            let token = key.strip_suffix("_header").and_then(|name| table.get(name))?.as_str()?;
            at(&Jws::parse(token)?.header, rest)
        }
        Value::Array(members) => at(members.get(key.parse::<usize>().ok()?)?, rest),
        Value::String(token) => at(&Jws::parse(token)?.claims, path),
        _ => None,
    }
}

fn text_of(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

/// `client_id:client_secret` for the Basic scheme, both form-urlencoded first (RFC 6749 §2.3.1).
pub fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", encode(id), encode(secret)))
}

/// The most letters that `{letters.N}` can be.
pub const MOST_LETTERS: usize = 1 << 20;

/// So many letters, for what is longer than anybody wants to read.
pub fn letters(count: &str) -> Option<String> {
    count.parse().ok().filter(|count| (1..=MOST_LETTERS).contains(count)).map(|count| "a".repeat(count))
}

/// A piece of a string in a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'a> {
    /// As it stands.
    Text(&'a str),
    /// The inside of `{…}`.
    Reference(&'a str),
}

/// Splits a string at its references. A brace that does not begin a reference (`{"json": …}`) is text.
pub fn references(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut rest, mut from) = (text, 0);
    while let Some(open) = rest[from..].find('{').map(|i| i + from) {
        let inside = &rest[open + 1..];
        let length = inside.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))).unwrap_or(inside.len());
        let named = inside.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && inside[length..].starts_with('}');
        if named {
            if open > 0 {
                parts.push(Part::Text(&rest[..open]));
            }
            parts.push(Part::Reference(&inside[..length]));
            rest = &inside[length + 1..];
            from = 0;
        } else {
            from = open + 1;
        }
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// `now`, `now+5m`, `now-90s` in seconds since 1970; `None` for any other text.
pub fn time(text: &str, now: Millis) -> Option<i64> {
    let offset = match text.strip_prefix("now")? {
        "" => 0,
        rest => match rest.split_at_checked(1)? {
            ("+", d) => duration_ms(d)?,
            ("-", d) => -duration_ms(d)?,
            _ => return None,
        },
    };
    Some((now + offset).div_euclid(1000))
}

/// `"250ms"`, `"90s"`, `"5m"`, `"20h"`, `"60d"` in milliseconds.
pub fn duration_ms(text: &str) -> Option<i64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brace_that_begins_no_reference_is_text() {
        assert_eq!(
            references(r#"{"a":"{alice.id_token}"}"#),
            [Part::Text(r#"{"a":""#), Part::Reference("alice.id_token"), Part::Text(r#""}"#)]
        );
        assert_eq!(references("{with.told}"), [Part::Reference("with.told")]);
        assert_eq!(references("{}"), [Part::Text("{}")]);
        assert_eq!(references("{rp.web.first}/{x}"), [Part::Reference("rp.web.first"), Part::Text("/"), Part::Reference("x")]);
    }

    #[test]
    fn a_path_goes_on_into_a_token() {
        let token = super::super::jose::SigningKey::None.token(&json!({ "alg": "none", "kid": "k" }), &json!({ "act": { "sub": "s" } }));
        let tree = json!({ "id_token": token, "list": [{ "a": 1 }] });
        assert_eq!(at(&tree, &["id_token", "act", "sub"]), Some(json!("s")));
        assert_eq!(at(&tree, &["id_token_header", "kid"]), Some(json!("k")));
        assert_eq!(at(&tree, &["list", "0", "a"]), Some(json!(1)));
        assert_eq!(at(&tree, &["id_token", "nothing"]), None);
    }

    #[test]
    fn times_and_durations() {
        assert_eq!(time("now-1m", 120_500), Some(60));
        assert_eq!(time("nowhere", 0), None);
        assert_eq!(duration_ms("2d"), Some(172_800_000));
        assert_eq!(duration_ms("5"), None);
        assert_eq!(duration_ms("s"), None);
        assert_eq!(letters("3").as_deref(), Some("aaa"));
        assert_eq!((letters("0"), letters("1048577"), letters("x")), (None, None, None));
    }
}
