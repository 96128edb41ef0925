//! The expectations of one check with every reference resolved: plain data, and the list of its lines.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::scenario::{Check, EventExpected, Expected, Matcher, Refused, Telling, Tellings};
use crate::transcript::view::{self, View};
use crate::transcript::{Millis, Transcript};

/// What has to be seen. Times (`now+5m`) are still words: they are read at the moment of the message that they are about.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The check.
    pub check: String,
    /// Whether `times` or `at_once` stands at the step whose reply is judged: then each reply is held against the expectations.
    pub each: bool,
    /// Places of the reply.
    pub reply: Vec<Expected>,
    /// The refusal.
    pub refused: Option<Refused>,
    /// Side by side: how many have to succeed.
    pub succeed: Option<u32>,
    /// The whole ledger, client by client.
    pub deliveries: Option<BTreeMap<String, Vec<WantedTelling>>>,
    /// Prefix of the event type to the events that begin so.
    pub events: BTreeMap<String, Vec<EventExpected>>,
    /// By how many milliseconds the target's clock may differ.
    pub skew: Millis,
}

/// One notification of one login.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedTelling {
    /// The reference to the login, as written: `{web}`.
    pub of: String,
    /// `sub` of the login's ID token.
    pub sub: Option<String>,
    /// `sid` of the login's ID token.
    pub sid: Option<String>,
    /// The answers that the client gave, attempt by attempt.
    pub answered: Vec<Value>,
    /// These attempts, and perhaps more with the last answer.
    pub at_least: bool,
    /// The pauses between the attempts, in seconds.
    pub pauses: Vec<Matcher>,
    /// The address that it came to.
    pub at: Option<String>,
    /// The first attempt came before the question was answered, or after.
    pub before_answer: Option<bool>,
    /// Claims of each attempt's logout token.
    pub logout_token: Vec<Expected>,
    /// Header parameters of each attempt's logout token.
    pub logout_token_header: Vec<Expected>,
}

/// One line of a check's expectations: what a proof alters, and where the finding then has to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// The verb works: what a question says that says nothing of its reply.
    Works,
    /// A place of the reply.
    Reply(Expected),
    /// The refusal.
    Refused(Refused),
    /// How many succeed side by side.
    Succeed(u32),
    /// A telling, and which part of it.
    Telling {
        /// Who is told.
        client: String,
        /// Which of its tellings.
        index: usize,
        /// What of it.
        part: Part,
    },
    /// Nobody else is told.
    NobodyElse,
    /// One place in the log.
    Event {
        /// The prefix.
        prefix: String,
        /// Which of its events.
        index: usize,
        /// The condition on a member, if it is one and not the event itself.
        also: Option<Expected>,
    },
    /// No other event begins so.
    NoOtherEvent {
        /// The prefix.
        prefix: String,
    },
}

/// A part of a telling.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// That it comes, as often as it should, and how it is answered.
    Answered,
    /// The pause behind the attempt of that index.
    Pause(usize),
    /// The address.
    At,
    /// Before or after the answer.
    BeforeAnswer,
    /// A claim.
    Claim(Expected),
    /// A header parameter.
    Header(Expected),
}

impl Line {
    /// The place that a finding about this line has, or that its place begins with.
    pub fn place(&self) -> String {
        match self {
            Self::Works => "asked".into(),
            Self::Reply(expected) => expected.place(),
            Self::Refused(_) => "refused".into(),
            Self::Succeed(_) => "succeed".into(),
            Self::Telling { client, index, part } => {
                let telling = format!("deliveries.{client}[{index}]");
                match part {
                    Part::Answered => format!("{telling}.answered"),
                    Part::Pause(i) => format!("{telling}.pauses[{i}]"),
                    Part::At => format!("{telling}.at"),
                    Part::BeforeAnswer => format!("{telling}.before_answer"),
                    Part::Claim(e) => format!("{telling}.logout_token.{}", e.place()),
                    Part::Header(e) => format!("{telling}.logout_token_header.{}", e.place()),
                }
            }
            Self::NobodyElse => "deliveries".into(),
            Self::Event { prefix, index, also: None } => format!("events.{prefix}[{index}]"),
            Self::Event { prefix, index, also: Some(e) } => format!("events.{prefix}[{index}].{}", e.place()),
            Self::NoOtherEvent { prefix } => format!("events.{prefix}"),
        }
    }
}

impl Wanted {
    /// Resolves the expectations of a check in a transcript: its own, or that of its control.
    ///
    /// # Errors
    /// The first reference that leads nowhere, in words.
    pub fn of(check: &Check, transcript: &Transcript) -> Result<Self, String> {
        let now = transcript.judged().map_or(0, |s| s.ended);
        let resolver = Resolver { view: View { transcript, now }, transcript };
        let step = check.then.as_ref().unwrap_or(&check.ask);
        let deliveries = check.expect.deliveries.as_ref();
        let skew = if transcript.target.virtual_time { 0 } else { transcript.target.skew.saturating_mul(1000) };
        Ok(Self {
            check: check.id.clone(),
            each: step.times.is_some(),
            reply: resolver.lines(&check.expect.reply)?,
            refused: check.expect.refused.clone(),
            succeed: step.at_once.and(step.succeed),
            deliveries: deliveries
                .map(|all| {
                    all.iter().map(|(client, tellings)| Ok((client.clone(), resolver.tellings(tellings)?))).collect::<Result<_, String>>()
                })
                .transpose()?,
            events: check
                .expect
                .events
                .iter()
                .map(|(prefix, events)| Ok((prefix.clone(), events.iter().map(|e| resolver.event(e)).collect::<Result<_, String>>()?)))
                .collect::<Result<_, String>>()?,
            skew,
        })
    }

    /// Every line, in the order in which it is judged.
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.reply.is_empty() && self.refused.is_none() && self.succeed.is_none() {
            lines.push(Line::Works);
        }
        lines.extend(self.reply.iter().cloned().map(Line::Reply));
        lines.extend(self.refused.iter().cloned().map(Line::Refused));
        lines.extend(self.succeed.map(Line::Succeed));
        for (client, tellings) in self.deliveries.iter().flatten() {
            for (index, telling) in tellings.iter().enumerate() {
                lines.extend(telling.parts().into_iter().map(|part| Line::Telling { client: client.clone(), index, part }));
            }
        }
        if self.deliveries.is_some() {
            lines.push(Line::NobodyElse);
        }
        for (prefix, events) in &self.events {
            for (index, event) in events.iter().flat_map(flat).enumerate() {
                lines.push(Line::Event { prefix: prefix.clone(), index, also: None });
                lines.extend(event.iter().map(|e| Line::Event { prefix: prefix.clone(), index, also: Some(e.clone()) }));
            }
            lines.push(Line::NoOtherEvent { prefix: prefix.clone() });
        }
        lines
    }
}

/// The events of an entry in a row, each by the conditions on its members.
fn flat(event: &EventExpected) -> Vec<&[Expected]> {
    match event {
        EventExpected::One { also, .. } => vec![also],
        EventExpected::AnyOrder(events) => events.iter().flat_map(flat).collect(),
    }
}

impl WantedTelling {
    fn parts(&self) -> Vec<Part> {
        let mut parts = vec![Part::Answered];
        parts.extend((0..self.pauses.len()).map(Part::Pause));
        parts.extend(self.at.as_ref().map(|_| Part::At));
        parts.extend(self.before_answer.map(|_| Part::BeforeAnswer));
        parts.extend(self.logout_token.iter().cloned().map(Part::Claim));
        parts.extend(self.logout_token_header.iter().cloned().map(Part::Header));
        parts
    }
}

struct Resolver<'a> {
    view: View<'a>,
    transcript: &'a Transcript,
}

impl Resolver<'_> {
    fn value(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::String(text) if view::time(text, 0).is_some() => Ok(value.clone()),
            _ => self.view.resolve(value).map_err(|e| e.to_string()),
        }
    }

    fn lines(&self, lines: &[Expected]) -> Result<Vec<Expected>, String> {
        lines.iter().map(|line| self.line(line)).collect()
    }

    fn line(&self, line: &Expected) -> Result<Expected, String> {
        Ok(Expected { path: line.path.clone(), matcher: line.matcher.resolved(|v| self.value(v))? })
    }

    fn tellings(&self, tellings: &Tellings) -> Result<Vec<WantedTelling>, String> {
        match tellings {
            Tellings::List(list) => list.iter().map(|telling| self.telling(telling)).collect(),
            Tellings::Reference(reference) => {
                let path: Vec<&str> = reference.trim_matches(['{', '}']).split('.').skip(1).collect();
                let list = view::at(&serde_json::json!(self.transcript.check.with), &path);
                let names = list.as_ref().and_then(Value::as_array).ok_or_else(|| format!("`{reference}` is no list of logins"))?;
                let of = |name: &Value| {
                    name.as_str().map(str::to_owned).ok_or_else(|| format!("`{reference}` holds {name}, which names no login"))
                };
                names.iter().map(|name| self.telling(&once(of(name)?))).collect()
            }
        }
    }

    fn telling(&self, telling: &Telling) -> Result<WantedTelling, String> {
        let login = self.value(&Value::String(telling.of.clone()))?;
        let claim = |name: &str| view::at(&login, &["id_token", name]).and_then(|v| v.as_str().map(str::to_owned));
        let (sub, sid) = (claim("sub"), claim("sid"));
        if sub.is_none() && sid.is_none() {
            return Err(format!("`{}` leads to no ID token, so nobody can say what a logout token of it would hold", telling.of));
        }
        let answered = match &telling.answered {
            None => vec![Value::from(200)],
            Some(list) => list.iter().map(|v| self.value(v)).collect::<Result<_, _>>()?,
        };
        Ok(WantedTelling {
            of: telling.of.clone(),
            sub,
            sid,
            answered,
            at_least: telling.at_least,
            pauses: telling.pauses.iter().map(|m| m.resolved(|v| Ok::<_, String>(seconds(self.value(v)?)))).collect::<Result<_, _>>()?,
            at: telling.at.clone(),
            before_answer: telling.before_answer,
            logout_token: self.lines(&telling.logout_token)?,
            logout_token_header: self.lines(&telling.logout_token_header)?,
        })
    }

    fn event(&self, event: &EventExpected) -> Result<EventExpected, String> {
        Ok(match event {
            EventExpected::One { r#type, also } => EventExpected::One { r#type: r#type.clone(), also: self.lines(also)? },
            EventExpected::AnyOrder(events) => EventExpected::AnyOrder(events.iter().map(|e| self.event(e)).collect::<Result<_, _>>()?),
        })
    }
}

/// Told once, answered 200.
fn once(of: String) -> Telling {
    let (answered, at, before_answer) = (None, None, None);
    Telling { of, answered, at_least: false, pauses: vec![], at, before_answer, logout_token: vec![], logout_token_header: vec![] }
}

/// A duration as seconds; any other value as it is.
fn seconds(value: Value) -> Value {
    match value.as_str().and_then(view::duration_ms) {
        Some(ms) => Value::from(ms as f64 / 1000.0),
        None => value,
    }
}

/// The matcher at one moment: times become numbers. `from` and `to` are the same instant on an exact clock; where they differ, a
/// range is as wide as they allow.
pub fn at_time(matcher: &Matcher, from: Millis, to: Millis) -> Matcher {
    let read = |value: &Value, now: Millis| match value {
        Value::String(text) => view::time(text, now).map_or_else(|| value.clone(), Value::from),
        _ => value.clone(),
    };
    match matcher {
        Matcher::Between(low, high) => Matcher::Between(read(low, from), read(high, to)),
        other => other.resolved(|v| Ok::<_, std::convert::Infallible>(read(v, to))).unwrap_or_else(|never| match never {}),
    }
}
