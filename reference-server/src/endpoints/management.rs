//! The management API: JSON, by bearer token. Not OAuth, so 403 is at home here.

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use super::userinfo::bearer;
use crate::exchange::Answer;
use crate::found;
use crate::log::{Failure, Payload as _};
use crate::names::{ManagementToken, SessionId};
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::sessions::{self, Ended};
use crate::state::session::{Session, SessionAdded};

/// The role of users who may manage.
const OWNER: &str = "IAM_OWNER";

/// How many events one answer has at most.
const PAGE: usize = 1000;

/// Why not.
enum No {
    /// Nobody we know.
    Unknown,
    /// Somebody, but not one who may.
    Forbidden,
    /// There is no such thing.
    Absent,
    /// The request makes no sense.
    Malformed(&'static str),
    /// Not now.
    Conflict(&'static str),
    /// The store failed.
    Failed,
}

impl From<Failure> for No {
    fn from(_: Failure) -> Self {
        Self::Failed
    }
}

impl From<Refusal> for No {
    fn from(_: Refusal) -> Self {
        Self::Failed
    }
}

fn answered(answer: Result<Answer, No>) -> Answer {
    let (status, why) = match answer {
        Ok(answer) => return answer.never_stored(),
        Err(No::Unknown) => (StatusCode::UNAUTHORIZED, "a bearer token that may manage is needed"),
        Err(No::Forbidden) => (StatusCode::FORBIDDEN, "this user may not manage"),
        Err(No::Absent) => (StatusCode::NOT_FOUND, "there is no such thing"),
        Err(No::Malformed(why)) => (StatusCode::BAD_REQUEST, why),
        Err(No::Conflict(why)) => (StatusCode::CONFLICT, why),
        Err(No::Failed) => (StatusCode::INTERNAL_SERVER_ERROR, "something failed at the provider"),
    };
    let answer = Answer::json(status, &json!({ "error": why })).never_stored();
    if status == StatusCode::UNAUTHORIZED { answer.with(WWW_AUTHENTICATE, "Bearer realm=\"management\"") } else { answer }
}

/// The static token, or the access token of a user who owns the instance.
async fn allowed(cx: &Cx<'_>) -> Result<(), No> {
    let token = bearer(cx.request.header(AUTHORIZATION)).ok_or(No::Unknown)?;
    let shown = ManagementToken::new(token.reveal());
    if cx.provider.config.management.token.as_ref().is_some_and(|known| known.matches(&shown)) {
        return Ok(());
    }
    let access = match found::access(cx.provider, &cx.origin.issuer, &token).await {
        Ok(access) => access,
        Err(Refusal::Internal(_)) => return Err(No::Failed),
        Err(_) => return Err(No::Unknown),
    };
    // Whoever acts for an owner is none (a stable error id comes with the API).
    let user = access.granted.filter(|_| access.actor.is_none()).and_then(|granted| cx.provider.config.user(&granted.user_id));
    let owner = user.is_some_and(|user| user.roles.iter().any(|role| role == OWNER));
    if owner { Ok(()) } else { Err(No::Forbidden) }
}

/// `GET /management/sessions`: every session that was ever begun, in order.
pub async fn sessions(cx: Cx<'_>) -> Answer {
    answered(list(&cx).await)
}

async fn list(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let provider = cx.provider;
    let now_ms = provider.world.now_ms();
    let mut sessions = Vec::new();
    let mut position = 0;
    loop {
        let events = provider.log.read(position, PAGE).await?;
        let Some(last) = events.last() else { break };
        position = last.position;
        for event in events.iter().filter(|event| event.kind == SessionAdded::TYPE) {
            let Some(session) = Session::load(&provider.log, &SessionId::new(event.aggregate.id())).await? else { continue };
            let active = sessions::is_alive(provider, &session, now_ms).await?;
            sessions.push(json!({
                "sid": session.id,
                "user_id": session.user_id,
                "issuer": session.issuer,
                "began": session.began_ms.div_euclid(1000),
                "auth_time": session.auth_time,
                "active": active,
            }));
        }
    }
    Ok(Answer::json(StatusCode::OK, &json!({ "sessions": sessions })))
}

/// `DELETE /management/sessions/{sid}`: ends a session. One that has ended is left alone, and that is well.
pub async fn terminate(cx: Cx<'_>) -> Answer {
    let answer = end(&cx).await;
    answered(answer)
}

async fn end(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let id = SessionId::new(cx.id.ok_or(No::Absent)?);
    match sessions::end(cx.provider, &id, &cx.origin.issuer).await? {
        Ended::Now | Ended::Before => Ok(Answer::empty(StatusCode::NO_CONTENT)),
        Ended::Unknown => Err(No::Absent),
    }
}

/// `POST /management/keys/rotate`: the next key of every algorithm that has one signs from now on.
pub async fn rotate(cx: Cx<'_>) -> Answer {
    answered(next_keys(&cx).await)
}

async fn next_keys(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let provider = cx.provider;
    if let Some(maker) = &provider.key_maker {
        provider.keys.prepare(&provider.log, maker).await?;
    }
    let activated = provider.keys.rotate(&provider.log, provider.world.now_ms()).await?;
    if activated.is_empty() {
        return Err(No::Conflict("no key waits for its turn"));
    }
    let keys: Vec<Value> = activated.iter().map(|key| json!({ "kid": key.kid, "alg": key.alg.text() })).collect();
    Ok(Answer::json(StatusCode::OK, &json!({ "activated": keys })))
}

/// `GET /management/events?after=POSITION`: what has happened since, at most a thousand at once.
pub async fn events(cx: Cx<'_>) -> Answer {
    answered(read(&cx).await)
}

/// The one secret that the log has to hold is nobody's business here either.
fn shown(payload: &Value) -> Value {
    let mut payload = payload.clone();
    if let Some(key) = payload.pointer_mut("/secret/mac_key") {
        *key = json!("redacted");
    }
    payload
}

async fn read(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let wrong = No::Malformed("`after` is a position");
    let params = cx.request.query_params().map_err(|_| No::Malformed("the query is not UTF-8"))?;
    let after = match params.get("after") {
        Ok(None) => 0,
        Ok(Some(text)) => text.parse().map_err(|_| wrong)?,
        Err(_) => return Err(wrong),
    };
    let events = cx.provider.log.read(after, PAGE).await?;
    let events: Vec<Value> = events
        .iter()
        .map(|event| {
            json!({
                "type": event.kind,
                "aggregate": event.aggregate.to_string(),
                "version": event.version,
                "position": event.position,
                "at": event.at_ms.div_euclid(1000),
                "payload": shown(&event.payload),
            })
        })
        .collect();
    Ok(Answer::json(StatusCode::OK, &json!({ "events": events, "head": cx.provider.log.head() })))
}
