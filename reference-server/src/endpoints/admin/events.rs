//! The event log on the admin page.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{Not, PAGE, answered, frame, looking, page};
use crate::admin_pages::{EventRow, EventsPage};
use crate::exchange::Answer;
use crate::http::imf_fixdate;
use crate::log::Event;
use crate::pages;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::state::readable;

/// `GET /admin/events`: the newest, or those before a position.
pub async fn admin_events(cx: Cx<'_>) -> Answer {
    let answer = newest(&cx).await;
    answered(&cx, answer)
}

async fn newest(cx: &Cx<'_>) -> Result<Answer, Not> {
    let owner = looking(cx).await?;
    let head = cx.provider.log.head();
    let before = position(cx, "before")?.filter(|before| *before <= head);
    let last = before.map_or(head, |before| before.saturating_sub(1));
    let first = last.saturating_sub(PAGE as u64);
    let limit = usize::try_from(last - first).unwrap_or(PAGE);
    let events = if limit == 0 { Vec::new() } else { cx.provider.log.read(first, limit).await? };
    let events: Vec<EventRow> = events.iter().rev().map(|event| row(event)).collect();
    let older = events.last().map(|oldest| oldest.position).filter(|oldest| *oldest > 1);
    let head = events.first().map_or(0, |newest| newest.position);
    Ok(page(cx, StatusCode::OK, &EventsPage { frame: frame(cx), top: owner.top("events"), events, head, older, live: before.is_none() }))
}

fn row(event: &Event) -> EventRow {
    EventRow {
        position: event.position,
        at: imf_fixdate(event.at_ms.div_euclid(1000)),
        kind: event.kind.clone(),
        aggregate: event.aggregate.to_string(),
        payload: readable::payload(event).to_string(),
    }
}

/// `GET /admin/events.json?after=POSITION`: what came after, for the script of the page.
pub async fn admin_new_events(cx: Cx<'_>) -> Answer {
    let answer = newer(&cx).await;
    answered(&cx, answer)
}

async fn newer(cx: &Cx<'_>) -> Result<Answer, Not> {
    looking(cx).await?;
    let after = position(cx, "after")?.unwrap_or_default();
    let events = cx.provider.log.read(after, PAGE).await?;
    let events: Vec<Value> = events
        .iter()
        .map(|event| {
            let EventRow { position, at, kind, aggregate, payload } = row(event);
            json!({ "position": position, "at": at, "type": kind, "aggregate": aggregate, "payload": payload })
        })
        .collect();
    Ok(Answer::json(StatusCode::OK, &json!({ "events": events })).never_stored())
}

/// `GET /admin/log.js`: lets new events come by themselves.
pub async fn admin_script(_: Cx<'_>) -> Answer {
    pages::script()
}

fn position(cx: &Cx<'_>, name: &'static str) -> Result<Option<u64>, Not> {
    let params = cx.request.query_params()?;
    Ok(params.get(name)?.map(|text| text.parse().map_err(|_| Refusal::Malformed(name))).transpose()?)
}
