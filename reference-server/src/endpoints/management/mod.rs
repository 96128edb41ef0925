//! The management API: JSON, by bearer token. Not OAuth, so 403 is at home here.

mod clients;
mod events;
mod flags;
mod keys;
mod openapi;
mod sessions;
mod set_up;
mod users;

pub use self::{clients::*, events::*, flags::*, keys::*, openapi::*, sessions::*, set_up::*, users::*};

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use super::userinfo::bearer;
use crate::exchange::Answer;
use crate::found::{self, Found};
use crate::log::Failure;
use crate::managing::OWNER;
use crate::names::ManagementToken;
use crate::params::Params;
use crate::provider::Cx;
use crate::refusal::Refusal;

/// How many entries one answer has at most, and if nobody says how many.
const PAGE: usize = 1000;

/// Why not.
enum No {
    /// Nobody we know.
    Unknown,
    /// Somebody who acts for somebody else, whoever they are.
    Actor,
    /// Somebody, but not one who may.
    Forbidden,
    /// There is no such thing.
    Absent,
    /// There is one, but it does not know this method.
    Method,
    /// The request makes no sense.
    Malformed(String),
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

impl No {
    /// Status, the id that stays whatever is said, and what is said.
    fn said(self) -> (StatusCode, &'static str, String) {
        let (status, id, why) = match self {
            Self::Unknown => (StatusCode::UNAUTHORIZED, "TOKEN-INVALID", "a bearer token that may manage is needed"),
            Self::Actor => (StatusCode::FORBIDDEN, "ACTOR-REFUSED", "a token of somebody who acts for somebody else is no good here"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "NOT-AN-OWNER", "this user may not manage: the role IAM_OWNER is needed"),
            Self::Absent => (StatusCode::NOT_FOUND, "NOT-FOUND", "there is no such thing"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "METHOD-UNKNOWN", "this does not know that method"),
            Self::Malformed(why) => return (StatusCode::BAD_REQUEST, "MALFORMED", why),
            Self::Conflict(why) => (StatusCode::CONFLICT, "CONFLICT", why),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "FAILED", "something failed at the provider"),
        };
        (status, id, why.to_owned())
    }
}

fn malformed(why: impl Into<String>) -> No {
    No::Malformed(why.into())
}

/// Whether a path is one of the API.
pub fn is_here(path: &str) -> bool {
    path.strip_prefix("/management").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// There is no such path.
pub fn nothing_here() -> Answer {
    refuse(No::Absent)
}

/// There is such a path, but it does not know the method.
pub fn no_such_method() -> Answer {
    refuse(No::Method)
}

fn refuse(no: No) -> Answer {
    let (status, id, why) = no.said();
    let answer = Answer::json(status, &json!({ "id": id, "error": why })).never_stored();
    if status == StatusCode::UNAUTHORIZED { answer.with(WWW_AUTHENTICATE, "Bearer realm=\"management\"") } else { answer }
}

fn answered(answer: Result<Answer, No>) -> Answer {
    answer.map_or_else(refuse, Answer::never_stored)
}

fn ok(body: &Value) -> Answer {
    Answer::json(StatusCode::OK, body)
}

/// The static token, or the access token of a user who owns the instance. One that somebody uses who acts for that user is refused,
/// whoever it is: what is done here is done in one's own name.
async fn allowed(cx: &Cx<'_>) -> Result<(), No> {
    let token = bearer(cx.request.header(AUTHORIZATION)).ok_or(No::Unknown)?;
    let shown = ManagementToken::new(token.reveal());
    if cx.provider.config.management.token.as_ref().is_some_and(|known| known.matches(&shown)) {
        return Ok(());
    }
    // Whether it is good still, and whose roles it might carry, does not matter then.
    if let Some(Found::Access(_, _, known)) = found::any(cx.provider, token.reveal()).await?
        && known.actor.is_some()
    {
        return Err(No::Actor);
    }
    let access = match found::access(cx.provider, &cx.origin.issuer, &token).await {
        Ok(access) if access.is_for(&cx.origin.issuer) => access,
        Ok(_) => return Err(No::Unknown),
        Err(Refusal::Internal(_)) => return Err(No::Failed),
        Err(_) => return Err(No::Unknown),
    };
    let user = match access.granted {
        Some(granted) => cx.provider.active_user(&granted.user_id).await?,
        None => None,
    };
    if user.is_some_and(|user| user.has_instance_role(OWNER)) { Ok(()) } else { Err(No::Forbidden) }
}

/// What stands in the place of the first `{…}` in the path, decoded.
fn id(cx: &Cx<'_>) -> Result<String, No> {
    cx.id.and_then(decoded).ok_or(No::Absent)
}

/// A segment of a path without its percent-encoding; nothing if it is not UTF-8 then.
pub fn decoded(segment: &str) -> Option<String> {
    let hidden = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    let (text, _) = url::form_urlencoded::parse(hidden.as_bytes()).next()?;
    (!text.contains(char::REPLACEMENT_CHARACTER)).then(|| text.into_owned())
}

fn query(cx: &Cx<'_>) -> Result<Params, No> {
    let params = cx.request.query_params().map_err(|_| malformed("the query is not UTF-8"))?;
    params.none_repeated().map_err(|refusal| malformed(refusal.to_string()))?;
    Ok(params)
}

/// Which part of a list is asked for.
struct Part<A> {
    after: Option<A>,
    limit: usize,
}

/// `after` and `limit`. `after` is the last entry of the part before.
fn part<A: std::str::FromStr>(cx: &Cx<'_>, after_is: &str) -> Result<Part<A>, No> {
    let params = query(cx)?;
    let get = |name| params.get(name).ok().flatten();
    let after = get("after").map(|text| text.parse().map_err(|_| malformed(format!("`after` is {after_is}")))).transpose()?;
    let limit = match get("limit").map(str::parse) {
        None => PAGE,
        Some(Ok(limit)) if (1..=PAGE).contains(&limit) => limit,
        Some(_) => return Err(malformed(format!("`limit` is a number from 1 to {PAGE}"))),
    };
    Ok(Part { after, limit })
}

/// The body, which is a JSON object with exactly this one member, a boolean.
fn only_boolean(cx: &Cx<'_>, name: &str) -> Result<bool, No> {
    let wrong = || malformed(format!("the body is {{\"{name}\": true}} or {{\"{name}\": false}}, and the Content-Type application/json"));
    let body = body(cx).map_err(|_| wrong())?;
    match body.get(name) {
        Some(Value::Bool(value)) if body.len() == 1 => Ok(*value),
        Some(_) | None => Err(wrong()),
    }
}

fn body(cx: &Cx<'_>) -> Result<serde_json::Map<String, Value>, No> {
    let media_type = cx.request.header(CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
    let wrong = || malformed("the body has to be a JSON object, and the Content-Type application/json");
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        return Err(wrong());
    }
    serde_json::from_slice(&cx.request.body).map_err(|_| wrong())
}
