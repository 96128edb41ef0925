//! Sessions: which there were, which can be used, and ending one.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{No, allowed, answered, id, ok, part};
use crate::exchange::Answer;
use crate::managing::{self, Begun};
use crate::names::SessionId;
use crate::provider::Cx;
use crate::sessions::{self, Ended};

/// `GET /management/sessions`: every session that was ever begun, in order, from a position of the log on.
pub async fn sessions(cx: Cx<'_>) -> Answer {
    answered(list(&cx).await)
}

async fn list(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let part = part::<u64>(cx, "the position of a session")?;
    let begun = managing::sessions(cx.provider, part.after.unwrap_or_default(), part.limit).await?;
    let sessions: Vec<Value> = begun
        .into_iter()
        .map(|Begun { position, session, active }| {
            json!({
                "sid": session.id,
                "user_id": session.user_id,
                "issuer": session.issuer,
                "began": session.began_ms.div_euclid(1000),
                "auth_time": session.auth_time,
                "active": active,
                "position": position,
            })
        })
        .collect();
    Ok(ok(&json!({ "sessions": sessions })))
}

/// `DELETE /management/sessions/{sid}`: ends a session. One that has ended is left alone, and that is well.
pub async fn terminate(cx: Cx<'_>) -> Answer {
    let answer = end(&cx).await;
    answered(answer)
}

async fn end(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    match sessions::end(cx.provider, &SessionId::new(id(cx)?), &cx.origin.issuer).await? {
        Ended::Now | Ended::Before => Ok(Answer::empty(StatusCode::NO_CONTENT)),
        Ended::Unknown => Err(No::Absent),
    }
}
