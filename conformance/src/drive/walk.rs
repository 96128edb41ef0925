//! One check from its first step to its question.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::sync::Barrier;

use super::site::{Acts, Site, get};
use super::time::Restless;
use super::verbs::{Doing, device, perform, register};
use crate::scenario::{Check, Edits, Refused, Step, Verb};
use crate::transcript::view::{View, duration_ms};
use crate::transcript::{Ended, LogEvent, Millis, Outcome, Place, Reply, StepRecord, refusal};

/// Walks and asks. What happened stands in the transcript of the site's recorder.
pub async fn walk(site: &Site, check: &Check, read_log: bool) {
    if let Some(why) = &site.barred {
        site.recorder.live.lock().transcript.ended = Ended::Blocked { step: 0, why: why.clone() };
        return;
    }
    if let Err(why) = register::beforehand(site, check).await {
        site.recorder.live.lock().transcript.ended = Ended::Blocked { step: 0, why };
        return;
    }
    let steps =
        check.walk.iter().map(|s| (Place::Walk, s)).chain([(Place::Ask, &check.ask)]).chain(check.then.iter().map(|s| (Place::Then, s)));
    let mut ended = Ended::Asked { watched: 0 };
    for (index, (place, step)) in steps.enumerate() {
        let record = take(site, place, step, index).await;
        let outcome = record.outcome.clone();
        let broken = {
            let mut growing = site.recorder.live.lock();
            growing.transcript.steps.push(record);
            growing.broken.take()
        };
        if let Some(why) = broken {
            ended = Ended::Harness(why);
            break;
        }
        // The question's own outcome is what is judged; before `then` it is part of the walk, unless a refusal is the very thing asked about.
        match outcome {
            Outcome::Worked => {}
            Outcome::Failed(why) | Outcome::Stuck(why) if place == Place::Walk => {
                ended = Ended::Blocked { step: index, why };
                break;
            }
            Outcome::Stuck(_) => break,
            Outcome::Failed(_) => {}
        }
    }
    if read_log {
        let log = event_log(site).await;
        site.recorder.live.lock().transcript.log = log;
    }
    site.recorder.live.lock().transcript.ended = ended;
}

async fn take(site: &Site, place: Place, step: &Step, index: usize) -> StepRecord {
    let began = site.time.now();
    let mut record = StepRecord {
        place,
        verb: step.verb,
        save: step.save.clone(),
        fields: Value::Null,
        replies: Vec::new(),
        beside: None,
        outcome: Outcome::Worked,
        began,
        ended: began,
    };
    match go(site, step, index, &mut record).await {
        Ok(()) => {}
        Err(Stop::Failed(why)) => record.outcome = Outcome::Failed(why),
        Err(Stop::Harness(why)) => record.outcome = Outcome::Failed(site.recorder.live.broken(why)),
        Err(Stop::Stuck(why)) => record.outcome = Outcome::Stuck(why),
    }
    record.ended = site.time.now();
    record
}

enum Stop {
    Failed(String),
    Stuck(String),
    /// Nothing is said of the target then.
    Harness(String),
}

impl From<String> for Stop {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl From<Restless> for Stop {
    fn from(why: Restless) -> Self {
        match why {
            Restless::Stuck | Restless::Late(_) => Self::Stuck(why.to_string()),
            Restless::NotSlow => Self::Failed(why.to_string()),
            // By its own numbers it is at work, and the harness cannot tell at what.
            Restless::Unsettled(..) => Self::Harness(why.to_string()),
        }
    }
}

async fn go(site: &Site, step: &Step, index: usize, record: &mut StepRecord) -> Result<(), Stop> {
    let resolve = |v: &Value| resolve(site, v);
    let fields = fields(site, step)?;
    record.fields = Value::Object(fields.clone());
    if step.verb == Verb::Advance {
        let text = fields.get("value").and_then(Value::as_str).unwrap_or_default();
        let by = duration_ms(text).ok_or_else(|| Stop::Failed(format!("`{text}` is no duration")))?;
        site.time.advance(&site.recorder.booth, by).await?;
        record.replies.push(Reply { success: true, ..Reply::default() });
        if learn_delivery_keys(site).await {
            settle(site, step).await?;
        }
        return Ok(());
    }
    let edits = edits(site, step)?;
    let times = match &step.times {
        None => 1,
        Some(times) => resolve(times)?.as_u64().ok_or_else(|| Stop::Failed("`times` is no number".into()))?,
    };
    let within = step.within.as_deref().and_then(duration_ms).unwrap_or(0);
    let doing = |number: String, gate| Doing { verb: step.verb, fields: &fields, edits: &edits, number, gate, beside: false };

    if let Some(other) = &step.beside {
        let gate = Arc::new(Barrier::new(2));
        let (other_fields, other_edits, verb) = (self::fields(site, other)?, self::edits(site, other)?, other.verb);
        let own = doing(format!("{index}.0"), Some(gate.clone()));
        let (number, gate) = (format!("{index}.1"), Some(gate));
        let theirs = Doing { verb, fields: &other_fields, edits: &other_edits, number, gate, beside: true };
        let both = together(site, &[own, theirs], within).await?;
        let mut both = both.into_iter();
        record.replies = both.next().into_iter().collect();
        record.beside = Some(Box::new(StepRecord {
            verb,
            save: other.save.clone(),
            fields: Value::Object(other_fields),
            replies: both.collect(),
            ..record.clone()
        }));
        settle(site, step).await?;
        settle(site, other).await?;
    } else if let Some(side_by_side) = step.at_once {
        let gate = Arc::new(Barrier::new(side_by_side as usize));
        let all: Vec<_> = (0..side_by_side).map(|n| doing(format!("{index}.{n}"), Some(gate.clone()))).collect();
        record.replies = together(site, &all, within).await?;
        record.replies.sort_by_key(|r| !r.success);
        settle(site, step).await?;
    } else {
        for n in 0..times {
            let one = doing(format!("{index}.{n}"), None);
            patient(site, &one).await?;
            let reply = bounded(site, 1, within, perform(site, &one)).await??;
            record.replies.push(reply);
            settle(site, step).await?;
        }
    }
    if learn_delivery_keys(site).await {
        settle(site, step).await?;
    }
    record.outcome = outcome(site, step, record)?;
    Ok(())
}

fn resolve(site: &Site, value: &Value) -> Result<Value, Stop> {
    site.recorder.live.resolve(value).map_err(|e| Stop::Failed(e.to_string()))
}

/// The fields of a step, resolved.
fn fields(site: &Site, step: &Step) -> Result<Map<String, Value>, Stop> {
    step.fields.iter().map(|(k, v)| Ok((k.clone(), resolve(site, v)?))).collect()
}

/// What a step changes of its request, resolved.
fn edits(site: &Site, step: &Step) -> Result<Edits, Stop> {
    let values = |all: &BTreeMap<String, Value>| all.iter().map(|(k, v)| Ok((k.clone(), resolve(site, v)?))).collect::<Result<_, Stop>>();
    Ok(Edits { set: values(&step.edits.set)?, drop: step.edits.drop.clone(), repeat: values(&step.edits.repeat)? })
}

/// Lets as much time pass as the verb has to wait before it asks.
async fn patient(site: &Site, doing: &Doing<'_>) -> Result<(), Restless> {
    match device::pause(site, doing) {
        Some(pause) => site.time.pause(&site.recorder.booth, pause).await,
        None => Ok(()),
    }
}

/// Does all of these at the same moment: their last bytes go out together.
async fn together(site: &Site, all: &[Doing<'_>], within: Millis) -> Result<Vec<Reply>, Stop> {
    // What all of them need to know is learnt before, so that the race is about the requests themselves.
    for origin in all.iter().map(Doing::origin).collect::<BTreeSet<_>>() {
        let _ = site.metadata(&origin).await;
    }
    // Of several at once the first has to wait, and the others with it.
    if let Some(first) = all.first() {
        patient(site, first).await?;
    }
    // Who cannot even begin does not let the others wait at the gate.
    let asked = futures_util::future::try_join_all(all.iter().map(|d| boxed(site, d)));
    Ok(bounded(site, all.len(), within, asked).await??)
}

/// Waits until the target has settled. Where that costs time on the wall, not after what nothing can come of.
async fn settle(site: &Site, step: &Step) -> Result<(), Restless> {
    let read_only = matches!(step.verb, Verb::Answer | Verb::Forge | Verb::Keys | Verb::Discover | Verb::Userinfo | Verb::Introspect);
    if site.time.is_real() && read_only { Ok(()) } else { site.time.settle(&site.recorder.booth).await }
}

/// Boxed, for its type has a name then whatever lives inside.
fn boxed<'a>(site: &'a Site, doing: &'a Doing<'a>) -> BoxFuture<'a, Result<Reply, String>> {
    Box::pin(perform(site, doing))
}

async fn bounded<F: Future>(site: &Site, open: usize, within: Millis, asked: F) -> Result<F::Output, Restless> {
    site.time.answer(&site.recorder.booth, open, within, asked).await
}

/// A logout token whose key is not known yet sends the harness to the key set, as it would a client. True if it went.
pub(super) async fn learn_delivery_keys(site: &Site) -> bool {
    let exchanges = || site.recorder.live.lock().transcript.exchanges.len();
    let before = exchanges();
    let unknown: Vec<(String, String)> = {
        let growing = site.recorder.live.lock();
        let step = growing.step();
        let tokens = growing.transcript.deliveries.iter().filter(|d| d.step == step).filter_map(|d| d.request.param("logout_token"));
        tokens
            .filter_map(|t| {
                let jws = crate::transcript::jose::Jws::parse(&t)?;
                Some((jws.claim_str("iss")?.to_owned(), jws.header_str("kid")?.to_owned()))
            })
            .collect()
    };
    for (issuer, kid) in unknown {
        let origin = site.origins.iter().find(|(_, i)| **i == issuer).map_or("primary", |(name, _)| name.as_str()).to_owned();
        let _ = site.keys_for(&origin, Some(&kid)).await;
    }
    exchanges() > before
}

fn outcome(site: &Site, step: &Step, record: &StepRecord) -> Result<Outcome, Stop> {
    let growing = site.recorder.live.lock();
    let view = View { transcript: &growing.transcript, now: site.time.now() };
    if let (Some(wanted), Some(_)) = (step.succeed, step.at_once) {
        let succeeded = record.replies.iter().filter(|r| r.success).count();
        return Ok(if succeeded == wanted as usize {
            Outcome::Worked
        } else {
            Outcome::Failed(format!("{succeeded} succeeded, and not {wanted}"))
        });
    }
    for reply in &record.replies {
        let tree = view.reply_value(reply);
        let fits = match &step.refused {
            Some(refused) => refusal::fits(refused, &tree),
            None if reply.success => Ok(()),
            None => Err(trouble(&growing.transcript, reply).unwrap_or_else(|| refusal::words(&tree))),
        };
        if let Err(instead) = fits {
            let wanted = step.refused.as_ref().map_or(String::new(), |r| format!(", and not {}", refused_words(r)));
            return Ok(Outcome::Failed(format!("{instead}{wanted}")));
        }
    }
    Ok(Outcome::Worked)
}

/// Why no answer came at all.
fn trouble(transcript: &crate::transcript::Transcript, reply: &Reply) -> Option<String> {
    transcript.exchanges.get(reply.answer?)?.answer.as_ref().err().cloned()
}

fn refused_words(refused: &Refused) -> String {
    match refused {
        Refused::Codes(codes) => codes.join(" or "),
        Refused::AtClient(codes) => format!("{} at the client", codes.join(" or ")),
        Refused::Page => "a page of the provider".into(),
        Refused::Any => "a refusal".into(),
    }
}

/// The target's event log, over its management API.
async fn event_log(site: &Site) -> Option<Vec<LogEvent>> {
    let Acts::Api { token } = &site.acts else { return None };
    let base = site.recorder.live.lock().transcript.target.management.clone()?;
    let mut events = Vec::new();
    loop {
        let after = events.last().map_or(0, |e: &LogEvent| e.position);
        let mut request = get(&format!("{base}/events?after={after}"));
        request.headers.push(("authorization".into(), format!("Bearer {token}")));
        // The harness looks inside here; this is no exchange of the check.
        let answer = site.recorder.http.send(&request, None).await.ok().filter(|a| a.status == 200)?;
        let page = answer.json()?.get("events")?.as_array()?.clone();
        if page.is_empty() {
            return Some(events);
        }
        for event in page {
            events.push(LogEvent {
                position: event.get("position")?.as_u64()?,
                r#type: event.get("type")?.as_str()?.to_owned(),
                aggregate: event.get("aggregate").map(|a| a.as_str().map_or_else(|| a.to_string(), str::to_owned)).unwrap_or_default(),
                at: event.get("at").cloned().unwrap_or_default(),
                payload: event.get("payload").cloned().unwrap_or_default(),
            });
        }
    }
}
