//! The normal form of a transcript: what is compared between runs and committed.
//!
//! Two runs of a check against the embedded provider have the same normal form, with any number of jobs, alone or together.
//! It is made of the transcript alone and leaves out only what [`MASKED`] lists.

use serde_json::{Map, Value, json};

use super::jose::{Jws, half_hash};
use super::names::{Names, beside_name, deliveries_of, exchanges_of, source, step_name};
use super::{Delivery, Ended, Exchange, LogEvent, Millis, Outcome, Place, StepRecord, Transcript};
use crate::scenario::Step;
use crate::transcript::page;

/// What the normal form does not show as it was, and what stands for it.
pub const MASKED: [(&str, &str); 12] = [
    ("tokens, codes, secrets and random words, by the step that they came with and their parameter", "⟨alice.access_token⟩"),
    ("signatures, by what they verify under", "verifies under rsa-1"),
    ("at_hash and c_hash that fit, by what they fit", "⟨hash of alice.access_token⟩"),
    ("cookies, by their name", "⟨cookie session⟩"),
    ("hidden fields of pages", "⟨page.csrf⟩"),
    ("content-length", "⟨length⟩"),
    ("addresses of sockets in what went wrong with a connection", "⟨socket⟩"),
    ("times and the header date, where the target's clock is the wall's", "⟨time⟩"),
    ("the order of requests sent at once, of deliveries that came at one moment, and of their events", "by name"),
    ("the answer to what was done beside another, which token is good after it, and the words in which one is refused then", "either way"),
    ("the places of messages among all messages of the check", "left out"),
    ("pages, as title, text and forms", "left out"),
];

/// The normal form. Members: `check`, `steps` (each with `exchanges`, `deliveries`, `opinions`), `tokens`, `log`, `ended`.
pub fn normal(t: &Transcript) -> Value {
    let names = Names::of(t);
    Normal { t, tokens: names.clone(), names }.whole()
}

/// The same with secrets as they are, for a reader who has asked for them.
pub fn unmasked(t: &Transcript) -> Value {
    Normal { t, tokens: Names::of(t), names: Names::none() }.whole()
}

struct Normal<'a> {
    t: &'a Transcript,
    /// By which values are shown.
    names: Names,
    /// By which tokens are found.
    tokens: Names,
}

impl Normal<'_> {
    fn whole(&self) -> Value {
        let t = self.t;
        let steps: Vec<_> = t.steps.iter().enumerate().map(|(index, step)| self.at(index).step(index, step)).collect();
        let mut whole = json!({ "check": t.check.id, "steps": steps, "tokens": self.tokens() });
        if let Some(log) = &t.log {
            whole["log"] = self.log(log);
        }
        whole["ended"] = match &t.ended {
            Ended::Asked { .. } => json!("asked"),
            Ended::Blocked { step, why } => json!({ "blocked": { "step": step, "why": self.words(why) } }),
            Ended::Harness(why) => json!({ "harness": self.words(why) }),
        };
        whole
    }

    /// By the names that count at a step.
    fn at(&self, index: usize) -> Self {
        let names = if self.names.is_empty() { Names::none() } else { self.names.either_way(self.t, index) };
        Self { t: self.t, names, tokens: self.tokens.clone() }
    }

    fn step(&self, index: usize, step: &StepRecord) -> Value {
        let place = match step.place {
            Place::Walk => "walk",
            Place::Ask => "ask",
            Place::Then => "then",
        };
        let mut shown = json!({
            "place": place,
            "name": step_name(self.t, index, step),
            "verb": step.verb,
            "fields": self.fields(source(self.t, index), step),
            "began": self.time(step.began),
            "ended": self.time(step.ended),
            "outcome": match &step.outcome {
                Outcome::Worked => json!("worked"),
                Outcome::Failed(why) => json!({ "failed": self.words(why) }),
                Outcome::Stuck(why) => json!({ "stuck": self.words(why) }),
            },
            "exchanges": exchanges_of(self.t, index).into_iter().map(|e| self.exchange(e)).collect::<Vec<_>>(),
        });
        let at_once = source(self.t, index).is_some_and(|s| s.at_once.is_some());
        let mut replies: Vec<_> = step
            .replies
            .iter()
            .map(|reply| {
                let mut ends = Map::new();
                if let Some(landed) = reply.landed {
                    ends.insert("landed".into(), json!(landed.word()));
                }
                if let Some(callback) = &reply.callback {
                    let params: Vec<_> = callback.params.iter().map(|(k, v)| json!([k, self.names.mask_value(k, v)])).collect();
                    let url = callback.url.split(['?', '#']).next().unwrap_or("");
                    ends.insert("callback".into(), json!({ "by": callback.by, "client": callback.client, "url": url, "params": params }));
                }
                if !reply.made.is_null() {
                    ends.insert("made".into(), self.names.mask_json(&reply.made));
                }
                ends.insert("success".into(), json!(reply.success));
                Value::Object(ends)
            })
            .collect();
        if at_once {
            replies.sort_by_cached_key(Value::to_string);
        }
        shown["replies"] = json!(replies);
        let deliveries: Vec<_> = deliveries_of(self.t, index).into_iter().map(|d| self.delivery(d)).collect();
        if !deliveries.is_empty() {
            shown["deliveries"] = json!(deliveries);
        }
        if let Some(beside) = &step.beside {
            let fields = self.fields(source(self.t, index).and_then(|s| s.beside.as_deref()), beside);
            shown["beside"] = json!({ "name": beside_name(step), "verb": beside.verb, "fields": fields });
        }
        let own = |e: &Exchange| e.step == index && !e.beside;
        let opinions = self.t.opinions.iter().filter(|o| self.t.exchanges.get(o.exchange).is_some_and(own));
        let opinions: Vec<_> = opinions.map(|o| self.words(&o.says)).collect();
        if !opinions.is_empty() {
            shown["opinions"] = json!(opinions);
        }
        shown
    }

    /// A reference to a reply (`of`) as it is written, for the reply was shown where it came; everything else as resolved.
    fn fields(&self, source: Option<&Step>, step: &StepRecord) -> Value {
        let mut fields = self.names.mask_json(&step.fields);
        for (name, written) in source.into_iter().flat_map(|s| &s.fields) {
            if let Some(field) = fields.get_mut(name).filter(|f| f.is_object() && written.is_string()) {
                *field = written.clone();
            }
        }
        fields
    }

    fn exchange(&self, e: &Exchange) -> Value {
        let mut shown = json!({ "endpoint": e.endpoint.word(), "origin": e.origin });
        for (name, value) in [("client", &e.client), ("browser", &e.browser), ("user", &e.user)] {
            if let Some(value) = value {
                shown[name] = json!(value);
            }
        }
        shown["request"] = self.request(&e.request);
        shown["answer"] = match &e.answer {
            // Which of two came first is another in every run.
            _ if e.beside && !self.names.is_empty() => json!("either way"),
            Err(why) => json!({ "none": self.words(why) }),
            Ok(answer) => {
                let mut seen = json!({ "status": answer.status, "headers": self.headers(&answer.headers) });
                match answer.json() {
                    Some(mut json) => {
                        let after_a_race = self.t.steps.iter().take(e.step).any(|s| s.beside.is_some()) && !self.names.is_empty();
                        if let Some(words) = json.get_mut("error_description").filter(|_| after_a_race) {
                            *words = json!("either way");
                        }
                        seen["json"] = self.names.mask_json(&json);
                    }
                    None if page::is_html(answer) => seen["page"] = self.names.mask_json(&page::outline(&answer.body)),
                    None => seen["body"] = json!(self.names.mask(&answer.body)),
                }
                seen
            }
        };
        shown["sent"] = self.time(e.sent);
        shown["answered"] = self.time(e.answered);
        if !e.edited.is_empty() {
            shown["edited"] = json!(e.edited);
        }
        shown
    }

    fn request(&self, r: &super::Request) -> Value {
        let url = r.url.split(['?', '#']).next().unwrap_or("");
        let params =
            |pairs: Vec<(String, String)>| pairs.into_iter().map(|(k, v)| json!([k, self.names.mask_value(&k, &v)])).collect::<Vec<_>>();
        let (query, form) = (params(r.query()), params(r.form()));
        let mut shown = json!({ "method": r.method, "url": self.names.mask(url), "headers": self.headers(&r.headers) });
        if !query.is_empty() {
            shown["query"] = json!(query);
        }
        if !form.is_empty() {
            shown["form"] = json!(form);
        } else if !r.body.is_empty() {
            shown["body"] = match serde_json::from_str::<Value>(&r.body) {
                Ok(json) => self.names.mask_json(&json),
                Err(_) => json!(self.names.mask(&r.body)),
            };
        }
        shown
    }

    fn headers(&self, headers: &[(String, String)]) -> Value {
        let shown = headers.iter().map(|(name, value)| {
            let value = match name.as_str() {
                "content-length" => "⟨length⟩".to_owned(),
                "date" if !self.t.target.virtual_time => "⟨time⟩".to_owned(),
                _ => self.names.mask(value),
            };
            json!([name, value])
        });
        Value::Array(shown.collect())
    }

    fn delivery(&self, d: &Delivery) -> Value {
        json!({
            "client": d.client,
            "at": d.at,
            "request": self.request(&d.request),
            "answered": d.answered,
            "came": self.time(d.came),
            "over": d.over.map(|over| self.time(over)),
        })
    }

    /// Every token that was seen, by its name.
    fn tokens(&self) -> Value {
        let mut shown = Map::new();
        let besides: Vec<_> = self.t.steps.iter().filter(|s| s.beside.is_some()).map(beside_name).collect();
        for (name, text) in self.tokens.all() {
            if name.split_once('.').is_some_and(|(step, _)| besides.contains(&step)) {
                continue;
            }
            if let Some(jws) = Jws::parse(text) {
                let claims = self.claims(&jws);
                shown.insert(
                    name.to_owned(),
                    json!({ "header": self.names.mask_json(&jws.header), "claims": claims, "signature": signature(self.t, &jws) }),
                );
            }
        }
        Value::Object(shown)
    }

    fn claims(&self, jws: &Jws) -> Value {
        let mut claims = self.names.mask_json(&jws.claims);
        for name in ["at_hash", "c_hash"] {
            let Some(hash) = jws.claim_str(name) else { continue };
            let fits = |value: &str| jws.header_str("alg").and_then(|alg| half_hash(alg, value)).as_deref() == Some(hash);
            if let Some((named, _)) = self.tokens.all().into_iter().find(|(_, value)| fits(value)) {
                claims[name] = json!(format!("⟨hash of {named}⟩"));
            }
        }
        if !self.t.target.virtual_time {
            for name in ["iat", "exp", "nbf", "auth_time"] {
                if jws.claims.get(name).is_some_and(Value::is_number) {
                    claims[name] = json!("⟨time⟩");
                }
            }
        }
        claims
    }

    /// Clients are told at the same time, so that the events of their deliveries stand in any order within one moment.
    fn log(&self, log: &[LogEvent]) -> Value {
        let mut shown: Vec<(bool, &Value, Value)> = log
            .iter()
            .map(|e| {
                let at = if self.t.target.virtual_time { e.at.clone() } else { json!("⟨time⟩") };
                let event = json!({ "at": at, "type": e.r#type, "aggregate": self.names.mask(&e.aggregate), "payload": self.names.mask_json(&e.payload) });
                let delivery = e.r#type.contains(".back_channel.") && !e.r#type.ends_with(".registered");
                (delivery, &e.at, event)
            })
            .collect();
        for moment in shown.chunk_by_mut(|(a, at, _), (b, then, _)| *a && *b && at == then) {
            moment.sort_by_cached_key(|(_, _, event)| event.to_string());
        }
        Value::Array(shown.into_iter().map(|(_, _, event)| event).collect())
    }

    fn time(&self, ms: Millis) -> Value {
        if !self.t.target.virtual_time {
            return json!("⟨time⟩");
        }
        jiff::Timestamp::from_millisecond(ms).map_or(Value::Null, |at| json!(at.to_string()))
    }

    fn words(&self, text: &str) -> String {
        sockets(&self.names.mask(text))
    }
}

/// What the signature of a token is worth, judged by the keys that the transcript has seen.
pub fn signature(t: &Transcript, jws: &Jws) -> String {
    if jws.header_str("alg") == Some("none") {
        return "unsigned".into();
    }
    let kid = jws.header_str("kid");
    let sets = t.exchanges.iter().filter(|e| e.endpoint == super::Endpoint::Keys).filter_map(|e| e.ok()?.json());
    let keys: Vec<Value> = sets.filter_map(|set| set.get("keys")?.as_array().cloned()).flatten().collect();
    if keys.is_empty() {
        return "no keys were read".into();
    }
    let named = |key: &Value| key.get("kid").and_then(Value::as_str).unwrap_or("a key without kid").to_owned();
    let candidates = || keys.iter().filter(|key| kid.is_none() || key.get("kid").and_then(Value::as_str) == kid);
    if let Some(key) = candidates().find(|key| jws.verifies_under(key) == Some(true)) {
        return format!("verifies under {}", named(key));
    }
    match kid {
        Some(kid) if candidates().next().is_some() => format!("does not verify under {kid}"),
        Some(kid) => format!("{kid} is no published key"),
        None => "verifies under no published key".into(),
    }
}

/// `127.0.0.1:43211` is another number in every run.
fn sockets(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find("127.0.0.1:") {
        let (before, socket) = rest.split_at(begin);
        shown.push_str(before);
        shown.push_str("⟨socket⟩");
        rest = socket["127.0.0.1:".len()..].trim_start_matches(|c: char| c.is_ascii_digit());
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{HONEST, ROW, walk};

    #[test]
    fn what_differs_from_run_to_run_has_a_name() {
        for id in [HONEST, ROW] {
            assert_eq!(normal(&walk(id, "abcdefgh")), normal(&walk(id, "ijklmnop")));
        }
        assert_ne!(normal(&walk(HONEST, "abcdefgh")), normal(&walk(ROW, "abcdefgh")), "what was edited is shown");
    }

    #[test]
    fn deliveries_of_one_moment_have_one_order() {
        let one = walk(HONEST, "abcdefgh");
        let mut two = one.clone();
        two.deliveries.push(Delivery { client: Some("shop".into()), came_seq: 7, ..two.deliveries[0].clone() });
        let mut other = two.clone();
        other.deliveries.reverse();
        assert_eq!(normal(&two), normal(&other));
        assert_ne!(normal(&one), normal(&two));
    }

    #[test]
    fn the_status_of_an_answer_is_never_masked() {
        let one = walk(HONEST, "abcdefgh");
        let mut other = one.clone();
        if let Ok(answer) = &mut other.exchanges[1].answer {
            answer.status = 201;
        }
        assert_ne!(normal(&one), normal(&other));
    }

    #[test]
    fn a_socket_is_no_name() {
        assert_eq!(sockets("connect 127.0.0.1:4711: refused, 127.0.0.1:1"), "connect ⟨socket⟩: refused, ⟨socket⟩");
    }

    #[test]
    fn what_the_normal_form_masks() {
        let list = MASKED.map(|(what, shown)| format!("{what}: {shown}")).join("\n");
        insta::assert_snapshot!(list, @r#"
        tokens, codes, secrets and random words, by the step that they came with and their parameter: ⟨alice.access_token⟩
        signatures, by what they verify under: verifies under rsa-1
        at_hash and c_hash that fit, by what they fit: ⟨hash of alice.access_token⟩
        cookies, by their name: ⟨cookie session⟩
        hidden fields of pages: ⟨page.csrf⟩
        content-length: ⟨length⟩
        addresses of sockets in what went wrong with a connection: ⟨socket⟩
        times and the header date, where the target's clock is the wall's: ⟨time⟩
        the order of requests sent at once, of deliveries that came at one moment, and of their events: by name
        the answer to what was done beside another, which token is good after it, and the words in which one is refused then: either way
        the places of messages among all messages of the check: left out
        pages, as title, text and forms: left out
        "#);
    }
}
