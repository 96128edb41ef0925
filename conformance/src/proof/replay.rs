//! An honest transcript, played again through a defect: what the wire would have made of it.
//!
//! Until a defect first touches a message, a run under it is the honest run. So a defect that touches nothing here does not act in that
//! check, and need not be driven. What it changes here is what the harness would have seen; what the provider would have answered to a
//! spoilt request nobody knows, and the honest answer stands.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::defect::Defect;
use crate::defect::wire::{Arrival, Facts, Going, Wire};
use crate::transcript::{Answer, Delivery, Transcript};

/// The transcript as the defect leaves it, and how many messages it touched.
pub fn replay(defect: &Arc<Defect>, facts: Facts, honest: &Transcript) -> (Transcript, usize) {
    let mut wire = Wire::new(Arc::clone(defect), facts);
    let mut without_asking = BTreeSet::new();
    let mut spoilt = Transcript { deliveries: Vec::new(), ..honest.clone() };
    for event in events(honest) {
        match event {
            Event::Sent(i) => {
                let exchange = &honest.exchanges[i];
                let going = wire.request(exchange.endpoint, exchange.client.as_deref(), exchange.request.clone(), exchange.sent);
                if let Going::Instead(answer) = going {
                    spoilt.exchanges[i].answer = Ok(answer);
                    without_asking.insert(i);
                }
            }
            Event::Answered(i) => {
                let exchange = &honest.exchanges[i];
                let Some(answer) = exchange.ok().filter(|_| !without_asking.contains(&i)).cloned() else { continue };
                let client = exchange.client.as_deref();
                let coming = wire.answer(exchange.endpoint, client, &exchange.request, answer, exchange.answered);
                spoilt.exchanges[i].answer = Ok(coming.answer);
                let made = coming.tell.into_iter().map(|tell| told(&tell.client, tell.request, exchange.answered + tell.in_ms, honest));
                spoilt.deliveries.extend(made);
            }
            Event::Came(i) => {
                let delivery = &honest.deliveries[i];
                let client = delivery.client.clone().unwrap_or_else(|| host(&delivery.request.url));
                let arrivals = wire.delivery(&client, delivery.request.clone(), delivery.came);
                spoilt.deliveries.extend(arrivals.into_iter().map(|arrival| arrived(delivery, arrival, honest)));
            }
            Event::Over(i) => {
                let delivery = &honest.deliveries[i];
                let (Some(client), Some(over), Some(answer)) = (&delivery.client, delivery.over, answer_of(delivery)) else { continue };
                let after = wire.delivery_answer(client, &delivery.request, answer, over);
                let again = std::iter::repeat_n(delivery.clone(), after.again as usize);
                let followed = after.follow.map(|url| {
                    let request = crate::transcript::Request { url, ..delivery.request.clone() };
                    told("", request, over, honest)
                });
                let made = after.tell.into_iter().map(|tell| told(&tell.client, tell.request, over + tell.in_ms, honest));
                spoilt.deliveries.extend(again.chain(followed).chain(made).collect::<Vec<_>>());
            }
        }
    }
    (spoilt, wire.touched())
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Sent(usize),
    Answered(usize),
    Came(usize),
    Over(usize),
}

/// Everything that passed the wire, in its order.
fn events(transcript: &Transcript) -> Vec<Event> {
    let mut all: Vec<(u64, Event)> = Vec::new();
    for (i, exchange) in transcript.exchanges.iter().enumerate() {
        all.push((exchange.sent_seq, Event::Sent(i)));
        all.push((exchange.answered_seq, Event::Answered(i)));
    }
    for (i, delivery) in transcript.deliveries.iter().enumerate() {
        all.push((delivery.came_seq, Event::Came(i)));
        all.extend(delivery.over_seq.map(|seq| (seq, Event::Over(i))));
    }
    all.sort_by_key(|(seq, _)| *seq);
    all.into_iter().map(|(_, event)| event).collect()
}

/// The answer of a client, as far as the ledger has it: its status, and where a redirect led.
fn answer_of(delivery: &Delivery) -> Option<Answer> {
    let status = delivery.answered.as_u64().or_else(|| delivery.answered.get("status")?.as_u64())?;
    let status = u16::try_from(status).ok()?;
    let header = delivery.answered.get("header").and_then(Value::as_object);
    let mut headers: Vec<(String, String)> =
        header.into_iter().flatten().filter_map(|(n, v)| Some((n.to_ascii_lowercase(), v.as_str()?.to_owned()))).collect();
    // The ledger may keep the status alone; that a redirect leads somewhere else is sure.
    if (300..400).contains(&status) && headers.iter().all(|(name, _)| name != "location") {
        headers.push(("location".into(), "https://elsewhere.test/".into()));
    }
    Some(Answer { status, headers, body: String::new() })
}

fn arrived(delivery: &Delivery, arrival: Arrival, transcript: &Transcript) -> Delivery {
    if delivery.client.as_ref() == Some(&arrival.client) && delivery.request.url == arrival.request.url {
        return Delivery { request: arrival.request, ..delivery.clone() };
    }
    let at = address(&arrival.client, &arrival.request.url, transcript);
    Delivery { client: Some(arrival.client), at, request: arrival.request, ..delivery.clone() }
}

fn told(client: &str, request: crate::transcript::Request, came: i64, transcript: &Transcript) -> Delivery {
    let step = transcript.steps.len().saturating_sub(1);
    let at = address(client, &request.url, transcript);
    let client = (!client.is_empty()).then(|| client.to_owned());
    // Behind everything that was seen.
    let seq = u64::MAX;
    Delivery { step, client, at, request, answered: Value::from(200), came, came_seq: seq, over: Some(came), over_seq: Some(seq) }
}

/// `first`, `second`, or the path.
fn address(client: &str, url: &str, transcript: &Transcript) -> String {
    let first = transcript.clients.get(client).and_then(|c| c.get("backchannel_logout_uri")?.as_str());
    match first.and_then(|first| url.strip_prefix(first.strip_suffix("/second").unwrap_or(first))) {
        Some("") => "first".into(),
        Some("/second") => "second".into(),
        _ => url::Url::parse(url).map_or_else(|_| url.to_owned(), |u| u.path().to_owned()),
    }
}

fn host(url: &str) -> String {
    url::Url::parse(url).ok().and_then(|u| u.host_str().map(str::to_owned)).unwrap_or_default()
}
