//! One line's place altered: taken away, given a value that its matcher refuses, or filled where nothing is expected.

use serde_json::{Value, json};

use super::{Kind, Proof};
use crate::defect::tree;
use crate::judge::evidence::{Evidence, Told};
use crate::judge::expect::findings_on;
use crate::judge::wanted::{Line, Part, Wanted, at_time};
use crate::scenario::{Expected, Matcher, Refused};
use crate::transcript::{LogEvent, Millis, Outcome};

/// What stands where a place was altered. No expectation names it.
const ALTERED: &str = "⟨altered⟩";
/// Longer than any pause that a check asks for.
const AGES: Millis = 10 * 365 * 86_400_000;

/// What was altered, and the evidence as it may look then. Where there are several looks, it is enough that one of them is red at the line:
/// which entry of a ledger or log a line is about is the judge's knowledge.
struct Alteration {
    says: &'static str,
    looks: Vec<Evidence>,
}

fn altered(says: &'static str, looks: Vec<Evidence>) -> Alteration {
    Alteration { says, looks }
}

/// A proof for each way to alter each line.
pub fn proofs(wanted: &Wanted, evidence: &Evidence) -> Vec<Proof> {
    let mut proofs = Vec::new();
    for line in wanted.lines() {
        let place = line.place();
        let at_line = |found: &str| found == place || found.strip_prefix(&place).is_some_and(|rest| rest.starts_with(['.', '[']));
        for Alteration { says, looks } in alterations(&line, wanted, evidence) {
            let red = looks.iter().any(|look| findings_on(wanted, look).iter().any(|f| at_line(&f.place)));
            proofs.push(Proof { of: wanted.check.clone(), kind: Kind::Leaf, line: place.clone(), red, says: says.to_owned() });
        }
    }
    proofs
}

fn alterations(line: &Line, wanted: &Wanted, evidence: &Evidence) -> Vec<Alteration> {
    match line {
        Line::Works => {
            let failed = Evidence { outcome: Outcome::Failed(ALTERED.into()), ..evidence.clone() };
            vec![altered("it does not work", vec![failed])]
        }
        Line::Reply(expected) => reply(expected, wanted, evidence),
        Line::Refused(refused) => refusal(refused, evidence),
        Line::Succeed(number) => succeed(*number, evidence),
        Line::Telling { client, index, part } => telling(client, *index, part, wanted, evidence),
        Line::NobodyElse => nobody_else(evidence),
        Line::Event { prefix, also: None, .. } => {
            vec![altered("an event of another type", log(evidence, prefix, |log, i| log[i].r#type = format!("{prefix}{ALTERED}")))]
        }
        Line::Event { prefix, also: Some(expected), .. } => member(prefix, expected, wanted, evidence),
        Line::NoOtherEvent { prefix } => other_event(prefix, evidence),
    }
}

/// The values that a place gets: none, then one that the matcher refuses; where nothing is expected, something.
fn values(expected: &Expected, from: Millis, to: Millis, wanted: &Wanted) -> Vec<(&'static str, Option<Value>)> {
    if expected.matcher == Matcher::Absent {
        return vec![("something where nothing is expected", Some(json!(ALTERED)))];
    }
    let refused = at_time(&expected.matcher, from - wanted.skew, to + wanted.skew).refuses();
    [("taken away", None)].into_iter().chain(refused.map(|value| ("another value", Some(value)))).collect()
}

fn reply(expected: &Expected, wanted: &Wanted, evidence: &Evidence) -> Vec<Alteration> {
    let (from, to) = evidence.reply().map_or((0, 0), |r| (r.sent, r.answered));
    let look = |value: Option<Value>| replies(evidence, |reply| tree::put(reply, &expected.path, value.as_ref()));
    values(expected, from, to, wanted).into_iter().map(|(says, value)| altered(says, look(value))).collect()
}

fn refusal(refused: &Refused, evidence: &Evidence) -> Vec<Alteration> {
    let set = |reply: &mut Value, path: &[&str], value: Value| tree::put(reply, path, Some(&value));
    let otherwise = match refused {
        Refused::Codes(_) | Refused::AtClient(_) => altered(
            "another error",
            replies(evidence, |reply| {
                // Where the reply is the client's, its error is looked at; else the answer's.
                let part = if reply.get("callback").is_some() { "callback" } else { "json" };
                set(reply, &[part, "error"], json!(ALTERED));
            }),
        ),
        Refused::Page => {
            altered("the browser goes on to the client", replies(evidence, |reply| set(reply, &["landed"], json!("callback"))))
        }
        Refused::Any => altered(
            "no refusal at all",
            replies(evidence, |reply| {
                tree::put(reply, &["callback", "error"], None);
                set(reply, &["landed"], json!("callback"));
                set(reply, &["status"], json!(200));
            }),
        ),
    };
    vec![
        altered("taken away", replies(evidence, |reply| *reply = Value::Null)),
        otherwise,
        altered("with a token", replies(evidence, |reply| set(reply, &["access_token"], json!(ALTERED)))),
    ]
}

fn succeed(number: u32, evidence: &Evidence) -> Vec<Alteration> {
    let mut all = evidence.clone();
    all.replies.iter_mut().for_each(|r| r.success = number == 0);
    let all = altered(if number == 0 { "all succeed" } else { "none succeeds" }, vec![all]);
    let mut more = evidence.clone();
    let one_more = more.replies.iter_mut().find(|r| !r.success).map(|r| r.success = true);
    [all].into_iter().chain(one_more.map(|()| altered("one more succeeds", vec![more]))).collect()
}

fn telling(client: &str, index: usize, part: &Part, wanted: &Wanted, evidence: &Evidence) -> Vec<Alteration> {
    let here = |change: &dyn Fn(&mut Vec<Told>, usize)| ledger(evidence, client, change);
    let telling = wanted.deliveries.as_ref().and_then(|clients| clients.get(client)?.get(index));
    match part {
        Part::Answered => {
            let mut all = vec![altered("another answer", here(&|ledger, i| ledger[i].answered = json!(ALTERED)))];
            if telling.is_some_and(|t| t.at_least) {
                // One attempt less or more proves nothing where more are welcome; none at all does.
                let mine = |told: &Told| told.client.as_deref() == Some(client);
                all.push(altered("all its entries away", here(&|ledger, _| ledger.retain(|told| !mine(told)))));
            } else {
                all.push(altered("one entry away", here(&|ledger, i| drop(ledger.remove(i)))));
                all.push(altered("one entry given to another client", here(&|ledger, i| ledger[i].client = Some(ALTERED.into()))));
                all.push(altered("one entry twice", here(&|ledger, i| ledger.insert(i, ledger[i].clone()))));
            }
            all
        }
        Part::Pause(_) => {
            let move_on = |by: Millis| here(&|ledger, i| ledger[i..].iter_mut().for_each(|told| told.came += by));
            vec![altered("ages later", move_on(AGES)), altered("before the one before it", move_on(-AGES))]
        }
        Part::At => vec![altered("another address", here(&|ledger, i| ledger[i].at = ALTERED.into()))],
        Part::BeforeAnswer => {
            let answered = |seq| vec![Evidence { answered_seq: seq, ..evidence.clone() }];
            let other = if telling.and_then(|t| t.before_answer) == Some(true) { 0 } else { u64::MAX };
            vec![altered("the answer at another moment", answered(Some(other))), altered("no answer", answered(None))]
        }
        Part::Claim(expected) => token(expected, client, wanted, evidence, |told| &mut told.claims),
        Part::Header(expected) => token(expected, client, wanted, evidence, |told| &mut told.header),
    }
}

fn token(expected: &Expected, client: &str, wanted: &Wanted, evidence: &Evidence, part: fn(&mut Told) -> &mut Value) -> Vec<Alteration> {
    let came = evidence.ledger.iter().find(|t| t.client.as_deref() == Some(client)).map_or(0, |t| t.came);
    let look =
        |value: Option<Value>| ledger(evidence, client, &|ledger, i| tree::put(part(&mut ledger[i]), &expected.path, value.as_ref()));
    values(expected, came, came, wanted).into_iter().map(|(says, value)| altered(says, look(value))).collect()
}

fn nobody_else(evidence: &Evidence) -> Vec<Alteration> {
    let made = Told {
        client: None,
        at: "first".into(),
        header: Value::Null,
        claims: json!({ "sub": ALTERED, "sid": ALTERED }),
        answered: json!(200),
        came: 0,
        came_seq: 0,
        over: Some(0),
        over_seq: Some(0),
        delivery: 0,
    };
    let with = |client: Option<String>| {
        let mut look = evidence.clone();
        look.ledger.push(Told { client, ..evidence.ledger.last().unwrap_or(&made).clone() });
        vec![look]
    };
    vec![altered("another client is told", with(Some(ALTERED.into()))), altered("an address of nobody is told", with(None))]
}

fn member(prefix: &str, expected: &Expected, wanted: &Wanted, evidence: &Evidence) -> Vec<Alteration> {
    let (from, to) = evidence.reply().map_or((0, 0), |r| (r.sent, r.answered));
    let look = |value: Option<Value>| {
        log(evidence, prefix, |log, i| {
            let event = &mut log[i];
            let mut whole = json!({ "payload": event.payload, "aggregate": event.aggregate, "at": event.at });
            tree::put(&mut whole, &expected.path, value.as_ref());
            event.payload = whole["payload"].take();
            event.at = whole["at"].take();
            event.aggregate = whole["aggregate"].as_str().unwrap_or_default().to_owned();
        })
    };
    values(expected, from, to, wanted).into_iter().map(|(says, value)| altered(says, look(value))).collect()
}

fn other_event(prefix: &str, evidence: &Evidence) -> Vec<Alteration> {
    let r#type = format!("{prefix}{ALTERED}");
    let made = LogEvent { position: 0, r#type, aggregate: String::new(), at: Value::Null, payload: Value::Null };
    let mut stranger = evidence.clone();
    stranger.log.get_or_insert_default().push(made);
    let twice = log(evidence, prefix, |log, i| log.insert(i, log[i].clone()));
    let stranger = altered("another event behind them", vec![stranger]);
    // Where no event is expected there is none to repeat.
    [stranger].into_iter().chain((!twice.is_empty()).then(|| altered("one event twice", twice))).collect()
}

/// The evidence with every reply changed.
fn replies(evidence: &Evidence, change: impl Fn(&mut Value)) -> Vec<Evidence> {
    let mut look = evidence.clone();
    look.replies.iter_mut().for_each(|reply| change(&mut reply.tree));
    vec![look]
}

/// The evidence with each of the client's entries changed in turn.
fn ledger(evidence: &Evidence, client: &str, change: &dyn Fn(&mut Vec<Told>, usize)) -> Vec<Evidence> {
    let here = (0..evidence.ledger.len()).filter(|i| evidence.ledger[*i].client.as_deref() == Some(client));
    here.map(|i| {
        let mut look = evidence.clone();
        change(&mut look.ledger, i);
        look
    })
    .collect()
}

/// The evidence with each event of that prefix changed in turn.
fn log(evidence: &Evidence, prefix: &str, change: impl Fn(&mut Vec<LogEvent>, usize)) -> Vec<Evidence> {
    let events = evidence.log.as_deref().unwrap_or_default();
    let here = (0..events.len()).filter(|i| events[*i].r#type.starts_with(prefix));
    here.map(|i| {
        let mut look = evidence.clone();
        look.log.iter_mut().for_each(|log| change(log, i));
        look
    })
    .collect()
}
