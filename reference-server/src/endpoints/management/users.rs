//! Users: who there is, whether they may sign in, and what they may do.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{No, allowed, answered, decoded, id, malformed, ok, part, query};
use crate::exchange::Answer;
use crate::managing::{self, Change};
use crate::names::UserId;
use crate::provider::Cx;
use crate::state::user::{Membership, Person};

/// `GET /management/users`: all who were not removed, by their `id`.
pub async fn users(cx: Cx<'_>) -> Answer {
    answered(list(&cx).await)
}

async fn list(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let part = part::<String>(cx, "the id of a user")?;
    let mut ids: Vec<&UserId> = cx.provider.config.users.values().map(|user| &user.id).collect();
    ids.sort();
    let mut users = Vec::new();
    for id in ids.into_iter().filter(|id| part.after.as_deref().is_none_or(|after| id.as_str() > after)) {
        if users.len() == part.limit {
            break;
        }
        users.extend(cx.provider.user(id).await?.as_ref().map(shown));
    }
    Ok(ok(&json!({ "users": users })))
}

fn shown(person: &Person<'_>) -> Value {
    let mut shown = json!({ "id": person.user.id, "username": person.user.login, "state": person.state() });
    if let Some(organization) = &person.user.organization {
        shown["organization"] = json!(organization);
    }
    shown["memberships"] = json!(person.memberships);
    shown
}

/// `GET /management/users/{id}`, and `DELETE`: the user is gone for good. Nobody is told of it: no session ends.
pub async fn user(cx: Cx<'_>) -> Answer {
    answered(one(&cx).await)
}

async fn one(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    if cx.request.method == Method::DELETE {
        let removed = managing::change_user(cx.provider, &UserId::new(id(cx)?), &Change::Remove).await?;
        return if removed { Ok(Answer::empty(StatusCode::NO_CONTENT)) } else { Err(No::Absent) };
    }
    now(cx).await
}

/// The user as they are now.
async fn now(cx: &Cx<'_>) -> Result<Answer, No> {
    let person = cx.provider.user(&UserId::new(id(cx)?)).await?.ok_or(No::Absent)?;
    Ok(ok(&shown(&person)))
}

/// `POST /management/users/{id}/lock`.
pub async fn lock(cx: Cx<'_>) -> Answer {
    answered(changed(&cx, Change::Lock).await)
}

/// `POST /management/users/{id}/unlock`.
pub async fn unlock(cx: Cx<'_>) -> Answer {
    answered(changed(&cx, Change::Unlock).await)
}

/// `POST /management/users/{id}/deactivate`.
pub async fn deactivate(cx: Cx<'_>) -> Answer {
    answered(changed(&cx, Change::Deactivate).await)
}

/// `POST /management/users/{id}/reactivate`.
pub async fn reactivate(cx: Cx<'_>) -> Answer {
    answered(changed(&cx, Change::Reactivate).await)
}

/// What the user is already is well, and no event.
async fn changed(cx: &Cx<'_>, change: Change) -> Result<Answer, No> {
    allowed(cx).await?;
    let there = managing::change_user(cx.provider, &UserId::new(id(cx)?), &change).await?;
    if there { now(cx).await } else { Err(No::Absent) }
}

/// `PUT /management/users/{id}/roles/{role}?organization=…`, and `DELETE`.
pub async fn role(cx: Cx<'_>) -> Answer {
    answered(granted(&cx).await)
}

async fn granted(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let person = cx.provider.user(&UserId::new(id(cx)?)).await?.ok_or(No::Absent)?;
    let role = cx.second.and_then(decoded).ok_or(No::Absent)?;
    let params = query(cx)?;
    let organization = params.get("organization").ok().flatten();
    let membership = Membership::of(person.user, &role, organization).map_err(malformed)?;
    let granting = cx.request.method == Method::PUT;
    changed(cx, if granting { Change::Grant(membership) } else { Change::Withdraw(membership) }).await
}
