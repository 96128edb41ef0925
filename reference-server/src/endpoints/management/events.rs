//! The event log, to read.

use serde_json::{Value, json};

use super::{No, allowed, answered, ok, part};
use crate::exchange::Answer;
use crate::provider::Cx;
use crate::state::readable;

/// `GET /management/events?after=POSITION`: what has happened since, at most a thousand at once.
pub async fn events(cx: Cx<'_>) -> Answer {
    answered(read(&cx).await)
}

async fn read(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let part = part::<u64>(cx, "a position")?;
    let events = cx.provider.log.read(part.after.unwrap_or_default(), part.limit).await?;
    let events: Vec<Value> = events
        .iter()
        .map(|event| {
            json!({
                "type": event.kind,
                "aggregate": event.aggregate.to_string(),
                "version": event.version,
                "position": event.position,
                "at": event.at_ms.div_euclid(1000),
                "payload": readable::payload(event),
            })
        })
        .collect();
    Ok(ok(&json!({ "events": events, "head": cx.provider.log.head() })))
}
