//! What the expectations of one check are held against: plain data out of a transcript, which a proof can alter.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::scenario::Check;
use crate::transcript::jose::Jws;
use crate::transcript::view::View;
use crate::transcript::{LogEvent, Millis, Outcome, Transcript};

/// All that a question showed.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// How the step went whose reply is judged.
    pub outcome: Outcome,
    /// What it got back, one for each time that it was done.
    pub replies: Vec<Answered>,
    /// Place among all messages of the answer to the question's own verb; `None` if it had none.
    pub answered_seq: Option<u64>,
    /// Every delivery of the scenario, in the order in which they came.
    pub ledger: Vec<Told>,
    /// The target's log; `None` if it was not read.
    pub log: Option<Vec<LogEvent>>,
}

/// One reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// As [`View::reply_value`] makes it.
    pub tree: Value,
    /// Whether it brought what the verb is for.
    pub success: bool,
    /// Why there is no answer, where the wire gave none.
    pub silence: Option<String>,
    /// When its request was sent, and when the answer was there: what `now` means in its expectations.
    pub sent: Millis,
    /// See `sent`.
    pub answered: Millis,
    /// The exchange that shows it.
    pub exchange: Option<usize>,
}

/// One delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The client that was told; `None` if the address is nobody's.
    pub client: Option<String>,
    /// `first`, `second`, or the path where it is neither.
    pub at: String,
    /// The JOSE header of the logout token; `null` if it could not be read.
    pub header: Value,
    /// Its claims; `null` if it could not be read.
    pub claims: Value,
    /// What the client answered: a status, or `"hang"`, `"drop"`, `"gone"`.
    pub answered: Value,
    /// When it came.
    pub came: Millis,
    /// Its place among all messages of the check: came.
    pub came_seq: u64,
    /// When it was over; `None` while it hangs.
    pub over: Option<Millis>,
    /// Its place among all messages of the check: over.
    pub over_seq: Option<u64>,
    /// The delivery in the transcript that shows it.
    pub delivery: usize,
}

impl Evidence {
    /// Reads a transcript.
    ///
    /// # Errors
    /// In words, if the transcript has no question to judge.
    pub fn of(check: &Check, transcript: &Transcript) -> Result<Self, String> {
        let judged = transcript.judged().ok_or("the question was not asked")?;
        if check.then.is_some() && judged.place != crate::transcript::Place::Then {
            return Err("the verb after the question was not done".into());
        }
        let view = View { transcript, now: judged.ended };
        let replies = judged.replies.iter().map(|reply| {
            let exchange = reply.answer.or(reply.request).and_then(|i| transcript.exchanges.get(i));
            Answered {
                tree: view.reply_value(reply),
                success: reply.success,
                silence: exchange.and_then(|e| e.answer.as_ref().err().cloned()),
                sent: exchange.map_or(judged.began, |e| e.sent),
                answered: exchange.map_or(judged.ended, |e| e.answered),
                exchange: reply.answer.or(reply.request),
            }
        });
        let asked = transcript.asked().and_then(|s| s.replies.iter().find(|r| r.success).or(s.replies.last()));
        Ok(Self {
            outcome: judged.outcome.clone(),
            replies: replies.collect(),
            answered_seq: asked.and_then(|r| r.answer).and_then(|i| transcript.exchanges.get(i)).map(|e| e.answered_seq),
            ledger: transcript.deliveries.iter().enumerate().map(|(index, d)| told(index, d)).collect(),
            log: transcript.log.clone(),
        })
    }

    /// The reply that counts: the first success, or else the last.
    pub fn reply(&self) -> Option<&Answered> {
        self.replies.iter().find(|r| r.success).or(self.replies.last())
    }
}

fn told(index: usize, delivery: &crate::transcript::Delivery) -> Told {
    let token = delivery.request.param("logout_token").and_then(|text| Jws::parse(&text));
    let (header, claims) = token.map_or((Value::Null, Value::Null), |jws| (jws.header, jws.claims));
    Told {
        client: delivery.client.clone(),
        at: delivery.at.clone(),
        header,
        claims,
        answered: delivery.answered.clone(),
        came: delivery.came,
        came_seq: delivery.came_seq,
        over: delivery.over,
        over_seq: delivery.over_seq,
        delivery: index,
    }
}

/// A value for a report. A token is told by its kind and not by its text, which differs from run to run; what is long is cut.
pub fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "nothing".into() };
    let text = without_tokens(value).to_string();
    match text.char_indices().nth(200) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

fn without_tokens(value: &Value) -> Cow<'_, Value> {
    match value {
        Value::String(text) => match Jws::parse(text) {
            Some(jws) => Cow::Owned(json!(format!("⟨a JWT, {}⟩", jws.header_str("alg").unwrap_or("without alg")))),
            None => Cow::Borrowed(value),
        },
        Value::Array(members) => Cow::Owned(members.iter().map(|m| without_tokens(m).into_owned()).collect()),
        Value::Object(table) => Cow::Owned(table.iter().map(|(k, v)| (k.clone(), without_tokens(v).into_owned())).collect()),
        _ => Cow::Borrowed(value),
    }
}
