//! Sessions on the admin page.

use hyper::StatusCode;

use super::{Not, PAGE, answered, frame, looking, page, sending};
use crate::admin_pages::{SessionRow, SessionsPage};
use crate::exchange::Answer;
use crate::http::imf_fixdate;
use crate::managing;
use crate::names::{SessionId, UserId};
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::sessions::{self, Ended};

/// `GET /admin/sessions`.
pub async fn admin_sessions(cx: Cx<'_>) -> Answer {
    let answer = list(&cx).await;
    answered(&cx, answer)
}

async fn list(cx: &Cx<'_>) -> Result<Answer, Not> {
    let owner = looking(cx).await?;
    let after = match cx.request.query_params()?.get("after")? {
        None => 0,
        Some(text) => text.parse().map_err(|_| Refusal::Malformed("after"))?,
    };
    let begun = managing::sessions(cx.provider, after, PAGE).await?;
    let more = begun.last().filter(|_| begun.len() == PAGE).map(|last| last.position);
    let name = |id: &UserId| cx.provider.config.user(id).map_or_else(|| id.as_str().to_owned(), |user| user.login.clone());
    let sessions = begun.into_iter().map(|begun| SessionRow {
        user: name(&begun.session.user_id),
        sid: begun.session.id.as_str().to_owned(),
        began: imf_fixdate(begun.session.began_ms.div_euclid(1000)),
        auth_time: imf_fixdate(begun.session.auth_time),
        active: begun.active,
    });
    let sessions = sessions.collect();
    let (top, form_token) = (owner.top("sessions"), owner.visit.form_token(cx));
    Ok(page(cx, StatusCode::OK, &SessionsPage { frame: frame(cx), top, form_token, sessions, more }))
}

/// `POST /admin/sessions/{sid}/end`.
pub async fn admin_end_session(cx: Cx<'_>) -> Answer {
    let answer = end(&cx).await;
    answered(&cx, answer)
}

async fn end(cx: &Cx<'_>) -> Result<Answer, Not> {
    sending(cx).await?;
    let id = cx.id.map(SessionId::new).ok_or(Not::There)?;
    match sessions::end(cx.provider, &id, &cx.origin.issuer).await? {
        Ended::Now | Ended::Before => Ok(Answer::see_other(&cx.origin.at("/admin/sessions"))),
        Ended::Unknown => Err(Not::There),
    }
}
