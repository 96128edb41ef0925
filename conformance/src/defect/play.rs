//! Which edits of a defect act on a message, and what they change in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::memory::{Memory, Scene};
use super::message::{Change, Parts, plain};
use super::token::Seal;
use super::wire::Facts;
use super::{Defect, Edit, On, Selector};
use crate::transcript::view::at;
use crate::transcript::{Answer, Endpoint, Millis};

/// A message on the wire, as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// Its kind.
    pub on: On,
    /// What conditions look at.
    pub tree: &'a Value,
    /// The request: the message itself, or that which it answers.
    pub request: &'a Value,
    /// The answer, if it is one.
    pub answer: Option<&'a Value>,
    /// The client on whose behalf or to whom.
    pub client: Option<&'a str>,
    /// When.
    pub now: Millis,
}

/// A defect, and how far its edits have counted.
#[derive(Debug, Clone)]
pub struct Played {
    defect: Arc<Defect>,
    states: Vec<State>,
}

/// What one edit remembers.
#[derive(Debug, Clone, Default)]
struct State {
    /// How many messages fitted, for each value of `per`.
    counts: BTreeMap<String, u32>,
    /// The first that fitted.
    first: Option<Value>,
    /// When a message last passed that fits `after`.
    passed: Option<Millis>,
    /// Good answers by the key of `replay`.
    good: BTreeMap<String, Answer>,
}

/// An edit that acts on the message in hand.
#[derive(Debug, Clone)]
pub struct Act {
    defect: Arc<Defect>,
    index: usize,
    first: Option<Value>,
    /// The answer that `replay` brings, if there is one.
    pub remembered: Option<Answer>,
}

impl Played {
    /// At its beginning.
    pub fn new(defect: Arc<Defect>) -> Self {
        let states = vec![State::default(); defect.edits.len()];
        Self { defect, states }
    }

    /// Whether any edit has to hear of messages of this kind.
    pub fn listens(&self, on: On) -> bool {
        let hears = |selector: &Selector| selector.on.contains(&on);
        self.defect.edits.iter().any(|edit| hears(&edit.selector) || edit.after.as_ref().is_some_and(hears))
    }

    /// The edits that act on this message, in the order of the file. Counts it.
    pub fn acts(&mut self, heard: Heard<'_>, memory: &Memory, facts: &Facts) -> Vec<Act> {
        let defect = Arc::clone(&self.defect);
        let mut acts = Vec::new();
        for (index, (edit, state)) in defect.edits.iter().zip(&mut self.states).enumerate() {
            if fits(&edit.selector, heard, memory, facts) && state.reached(edit, heard.now) {
                state.first.get_or_insert_with(|| heard.tree.clone());
                let per = edit.per.as_ref().and_then(|path| key(path, heard)).unwrap_or_default();
                let count = state.counts.entry(per).or_default();
                *count += 1;
                if edit.nth.is_none_or(|nth| nth.holds(*count)) {
                    let remembered = edit.whole.replay.as_ref().and_then(|path| state.good.get(&key(path, heard)?).cloned());
                    acts.push(Act { defect: Arc::clone(&defect), index, first: state.first.clone(), remembered });
                }
            }
            // Only now: a message does not come after itself.
            if edit.after.as_ref().is_some_and(|after| fits(after, heard, memory, facts)) {
                state.passed = Some(heard.now);
            }
        }
        acts
    }

    /// Whether any edit gives good answers of this endpoint again.
    pub fn keeps(&self, endpoint: Endpoint) -> bool {
        self.defect.edits.iter().any(|edit| edit.whole.replay.is_some() && edit.selector.on.contains(&On::Request(endpoint)))
    }

    /// Keeps a good answer for the edits that replay it.
    pub fn keep(&mut self, endpoint: Endpoint, client: Option<&str>, request: &Value, answer: &Answer) {
        if answer.status != 200 {
            return;
        }
        let heard = Heard { on: On::Request(endpoint), tree: request, request, answer: None, client, now: 0 };
        for (edit, state) in self.defect.edits.iter().zip(&mut self.states) {
            let Some(path) = edit.whole.replay.as_ref().filter(|_| edit.selector.on.contains(&heard.on)) else { continue };
            let Some(key) = key(path, heard) else { continue };
            if is_client(path) {
                state.good.insert(key, answer.clone());
            } else {
                state.good.entry(key).or_insert_with(|| answer.clone());
            }
        }
    }
}

impl State {
    /// Whether what the edit waits for has passed, and long enough ago.
    fn reached(&self, edit: &Edit, now: Millis) -> bool {
        edit.after.is_none() || self.passed.is_some_and(|passed| now - passed >= edit.ago)
    }
}

impl Act {
    /// The edit.
    pub fn edit(&self) -> &Edit {
        &self.defect.edits[self.index]
    }

    /// How the tokens that it changes are signed.
    pub fn seal<'a>(&'a self, facts: &'a Facts) -> Seal<'a> {
        Seal { keys: &facts.keys, sign: self.edit().sign.as_ref() }
    }

    /// The parts of a message with `set`, `drop` and `repeat` done. What cannot be done is left.
    pub fn spoil(&self, mut parts: Parts, heard: Heard<'_>, memory: &Memory, facts: &Facts) -> Parts {
        let edit = self.edit();
        let scene = self.scene(heard);
        let mut changed = false;
        for path in &edit.drop {
            changed |= parts.change(path, Change::Drop);
        }
        for (path, value) in &edit.set {
            changed |= memory.resolve(value, scene, facts).is_some_and(|value| parts.change(path, Change::Set(&value)));
        }
        for (path, value) in &edit.repeat {
            changed |= memory.resolve(value, scene, facts).is_some_and(|value| parts.change(path, Change::Repeat(&value)));
        }
        if edit.sign.is_some() && !changed {
            parts.open_token();
        }
        parts
    }

    /// An answer made of the places of `answer = { … }`.
    pub fn make(&self, places: &[(Vec<String>, Value)], heard: Heard<'_>, memory: &Memory, facts: &Facts) -> Answer {
        let mut parts = Parts::from(Answer { status: 200, headers: Vec::new(), body: String::new() });
        // The status is the least of it, and a whole body of JSON says so itself.
        if places.iter().any(|(path, _)| path[0] == "json") {
            parts.change(&["header".into(), "content-type".into()], Change::Set(&Value::from("application/json")));
            parts.change(&["json".into()], Change::Set(&Value::Object(serde_json::Map::new())));
        }
        for (path, value) in places {
            if let Some(value) = memory.resolve(value, self.scene(heard), facts) {
                parts.change(path, Change::Set(&value));
            }
        }
        parts.into_answer(self.seal(facts))
    }

    /// The name of the client whose credentials are used.
    pub fn sent_as(&self, heard: Heard<'_>, memory: &Memory, facts: &Facts) -> Option<String> {
        let name = Value::from(self.edit().whole.sent_as.as_deref()?);
        memory.resolve(&name, self.scene(heard), facts).map(|name| plain(&name))
    }

    fn scene<'a>(&'a self, heard: Heard<'a>) -> Scene<'a> {
        Scene { request: heard.request, answer: heard.answer, first: self.first.as_ref(), now: heard.now }
    }
}

fn fits(selector: &Selector, heard: Heard<'_>, memory: &Memory, facts: &Facts) -> bool {
    let scene = Scene { request: heard.request, answer: heard.answer, first: None, now: heard.now };
    selector.on.contains(&heard.on)
        && selector.conditions.iter().all(|condition| {
            let matcher = condition.matcher.resolved(|value| memory.resolve(value, scene, facts).ok_or(()));
            matcher.is_ok_and(|matcher| matcher.fits(at(heard.tree, &condition.path).as_ref()))
        })
}

/// The value at a path of the request or the message, as text; `client` is the client's name.
fn key(path: &[String], heard: Heard<'_>) -> Option<String> {
    if is_client(path) {
        return heard.client.map(str::to_owned);
    }
    at(heard.tree, path).or_else(|| at(heard.request, path)).map(|value| plain(&value))
}

fn is_client(path: &[String]) -> bool {
    path == ["client"]
}
