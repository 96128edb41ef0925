//! Clients: which there are, adding one, changing one, removing one.

use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{No, allowed, answered, body, id, ok, part};
use crate::exchange::Answer;
use crate::managing::clients::{self, NotDone, Shown};
use crate::names::ClientId;
use crate::provider::Cx;

impl From<NotDone> for No {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Absent => Self::Absent,
            NotDone::Taken => Self::Conflict("the client_id is taken, or was once"),
            NotDone::Wrong(why) => Self::Malformed(why),
            NotDone::Failed => Self::Failed,
        }
    }
}

/// `GET /management/clients`: all that there are, by `client_id`. `POST`: one more.
pub async fn clients(cx: Cx<'_>) -> Answer {
    answered(if cx.request.method == Method::POST { add(&cx).await } else { list(&cx).await })
}

async fn list(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let part = part::<String>(cx, "a client_id")?;
    let names = clients::names(cx.provider).await?;
    let mut all = Vec::new();
    for name in names.iter().filter(|name| part.after.as_deref().is_none_or(|after| name.as_str() > after)) {
        if all.len() == part.limit {
            break;
        }
        all.extend(clients::shown(cx.provider, name).await?.map(|client| said(client, None)));
    }
    Ok(ok(&json!({ "clients": all })))
}

async fn add(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let (client, secret) = clients::add(cx.provider, &body(cx)?).await?;
    Ok(Answer::json(StatusCode::CREATED, &said(client, secret)))
}

/// `GET /management/clients/{client_id}`, `PATCH` with what is different from now on (RFC 7396), and `DELETE`.
pub async fn client(mut cx: Cx<'_>) -> Answer {
    let answer = one(&mut cx).await;
    answered(answer)
}

async fn one(cx: &mut Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let id = ClientId::new(id(cx)?);
    if cx.request.method == Method::PATCH {
        let patch = body(cx)?;
        let (client, secret) = clients::change(cx, &id, &patch).await?;
        return Ok(ok(&said(client, secret)));
    }
    if cx.request.method == Method::DELETE {
        let removed = clients::remove(cx.provider, &id).await?;
        return if removed { Ok(Answer::empty(StatusCode::NO_CONTENT)) } else { Err(No::Absent) };
    }
    let client = clients::shown(cx.provider, &id).await?.ok_or(No::Absent)?;
    Ok(ok(&said(client, None)))
}

/// A secret is said once, to whoever brought it about.
fn said(client: Shown, secret: Option<String>) -> Value {
    let Shown { id, origin, metadata } = client;
    let mut said = Map::from_iter([("client_id".to_owned(), json!(id)), ("origin".to_owned(), json!(origin))]);
    said.extend(secret.map(|secret| ("client_secret".to_owned(), json!(secret))));
    said.extend(metadata);
    Value::Object(said)
}
