//! Sessions: which there were, which can be used, and ending one.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{No, PAGE, allowed, answered, id, ok, part};
use crate::exchange::Answer;
use crate::log::Payload as _;
use crate::names::SessionId;
use crate::provider::Cx;
use crate::sessions::{self, Ended};
use crate::state::session::{Session, SessionAdded};

/// `GET /management/sessions`: every session that was ever begun, in order, from a position of the log on.
pub async fn sessions(cx: Cx<'_>) -> Answer {
    answered(list(&cx).await)
}

async fn list(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let part = part::<u64>(cx, "the position of a session")?;
    let provider = cx.provider;
    let now_ms = provider.world.now_ms();
    let mut sessions: Vec<Value> = Vec::new();
    let mut position = part.after.unwrap_or_default();
    while sessions.len() < part.limit {
        let events = provider.log.read(position, PAGE).await?;
        let Some(last) = events.last() else { break };
        position = last.position;
        for event in events.iter().filter(|event| event.kind == SessionAdded::TYPE) {
            if sessions.len() == part.limit {
                break;
            }
            let Some(session) = Session::load(&provider.log, &SessionId::new(event.aggregate.id())).await? else { continue };
            // A session is of no use to a user who may not sign in.
            let active = sessions::is_alive(provider, &session, now_ms).await? && provider.active_user(&session.user_id).await?.is_some();
            sessions.push(json!({
                "sid": session.id,
                "user_id": session.user_id,
                "issuer": session.issuer,
                "began": session.began_ms.div_euclid(1000),
                "auth_time": session.auth_time,
                "active": active,
                "position": event.position,
            }));
        }
    }
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
