//! The admin page: what the management API does, for people in a browser. Whoever signs in here with the role `IAM_OWNER` may; there is no
//! token, so every form carries the proof that it was shown in this browser.

mod clients;
mod events;
mod flags;
mod sessions;

pub use self::{clients::*, events::*, flags::*, sessions::*};

use askama::Template;
use hyper::StatusCode;

use super::conversation::{or_page, proven, session_for, who_is_here, written};
use crate::admin_pages::Top;
use crate::browser::{Visit, own_form};
use crate::config::User;
use crate::exchange::Answer;
use crate::log::{Batch, Failure};
use crate::managing::OWNER;
use crate::pages::{self, Frame, SignInPage, Talk};
use crate::params::Params;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::state::browser::{self, BrowserAdminPageShown, BrowserSessionUsed};
use crate::texts::{self, Text, Texts};

/// How many entries a page has.
const PAGE: usize = 100;

/// Somebody who may.
struct Owner<'a> {
    visit: Visit,
    user: &'a User,
}

impl<'a> Owner<'a> {
    fn top(&self, here: &'static str) -> Top<'a> {
        Top { here, user: self.user.display_name() }
    }
}

/// Why a page is not shown.
enum Not {
    /// Nobody who may is signed in.
    SignedIn,
    /// There is no such thing.
    There,
    /// The request makes no sense, or the store failed.
    Right(Refusal),
}

impl From<Refusal> for Not {
    fn from(refusal: Refusal) -> Self {
        Self::Right(refusal)
    }
}

impl From<Failure> for Not {
    fn from(failure: Failure) -> Self {
        Self::Right(failure.into())
    }
}

fn answered(cx: &Cx<'_>, answer: Result<Answer, Not>) -> Answer {
    match answer {
        Ok(answer) => answer,
        Err(Not::SignedIn) => Answer::see_other(&cx.origin.at("/admin")),
        Err(Not::There) => notice(cx, StatusCode::NOT_FOUND, |texts| (&texts.problem, &texts.problem_page)),
        Err(Not::Right(refusal)) => pages::refused(cx, &refusal),
    }
}

/// `GET /admin`: the first page, or the sign-in if nobody who may is here.
pub async fn admin(cx: Cx<'_>) -> Answer {
    let answer = begun(&cx).await;
    answered(&cx, answer)
}

async fn begun(cx: &Cx<'_>) -> Result<Answer, Not> {
    if let Some(visit) = Visit::known(cx)
        && let Some(answer) = entered(cx, &visit).await?
    {
        return Ok(answer);
    }
    let mut attempt = 0;
    loop {
        let (visit, version) = Visit::known_or_new(cx, attempt).await?;
        // A browser that is known already is as good as it was.
        let batch = Batch::new().add(&browser::aggregate(&visit.browser_id), version, &BrowserAdminPageShown {})?;
        if version > 0 || written(cx, batch).await? {
            return Ok(visit.remembered(cx, sign_in_page(cx, &visit, None)));
        }
        attempt += 1;
    }
}

/// `failed` is the name with which it did not work.
fn sign_in_page(cx: &Cx<'_>, visit: &Visit, failed: Option<&str>) -> Answer {
    let frame = frame(cx);
    let texts = frame.texts;
    let page = SignInPage {
        frame,
        talk: Talk { at: format!("{}/admin", cx.origin.path), form_token: visit.form_token(cx), client: texts.admin_client.as_str() },
        username: failed.unwrap_or_default(),
        failed: failed.is_some(),
    };
    pages::page(StatusCode::OK, texts, &page, "'self'")
}

/// `POST /admin/password`: name and password. The session that begins is one like any other.
pub async fn admin_password(cx: Cx<'_>) -> Answer {
    let answer = signed_in(&cx).await;
    answered(&cx, answer)
}

async fn signed_in(cx: &Cx<'_>) -> Result<Answer, Not> {
    let (visit, params) = own_form(cx)?;
    let name = params.get("username")?.unwrap_or_default();
    let user = proven(cx, &params).await?;
    loop {
        let (known, sessions) = who_is_here(cx, &visit).await?;
        let of = browser::aggregate(&visit.browser_id);
        let begun = session_for(cx, &visit, &sessions, user, (&of, known.version)).await?;
        let Some((batch, session_id)) = begun else { return Ok(sign_in_page(cx, &visit, Some(name))) };
        if written(cx, batch.add(&of, known.version, &BrowserSessionUsed { session_id })?).await? {
            break;
        }
    }
    Ok(entered(cx, &visit).await?.unwrap_or_else(|| notice(cx, StatusCode::FORBIDDEN, |texts| (&texts.admin_not_yours, &texts.admin_role))))
}

/// The way in, for an owner.
async fn entered(cx: &Cx<'_>, visit: &Visit) -> Result<Option<Answer>, Failure> {
    Ok(of_owner(cx, visit).await?.map(|_| Answer::see_other(&cx.origin.at("/admin/clients"))))
}

/// `POST /admin/consent`: what "Cancel" says on the sign-in page.
pub async fn admin_canceled(cx: Cx<'_>) -> Answer {
    let answer = own_form(&cx).map(|_| notice(&cx, StatusCode::OK, |texts| (&texts.admin_canceled, &texts.admin_canceled_text)));
    or_page(&cx, answer)
}

/// The owner of the instance who is signed in in this browser; the current one if there are several.
async fn of_owner<'a>(cx: &Cx<'a>, visit: &Visit) -> Result<Option<&'a User>, Failure> {
    let (_, sessions) = who_is_here(cx, visit).await?;
    for session in sessions.current().into_iter().chain(&sessions.all) {
        if let Some(person) = cx.provider.active_user(&session.user_id).await?
            && person.has_instance_role(OWNER)
        {
            return Ok(Some(person.user));
        }
    }
    Ok(None)
}

/// Whoever looks at a page.
async fn looking<'a>(cx: &Cx<'a>) -> Result<Owner<'a>, Not> {
    let visit = Visit::known(cx).ok_or(Not::SignedIn)?;
    let user = of_owner(cx, &visit).await?.ok_or(Not::SignedIn)?;
    Ok(Owner { visit, user })
}

/// Whoever sends a form, which was shown in this very browser.
async fn sending<'a>(cx: &Cx<'a>) -> Result<(Owner<'a>, Params), Not> {
    let (visit, params) = own_form(cx)?;
    let user = of_owner(cx, &visit).await?.ok_or(Not::SignedIn)?;
    Ok((Owner { visit, user }, params))
}

fn frame<'a>(cx: &Cx<'a>) -> Frame<'a> {
    Frame::of(cx, texts::asked(cx.request))
}

fn page(cx: &Cx<'_>, status: StatusCode, page: &impl Template) -> Answer {
    pages::page_with_script(status, frame(cx).texts, page)
}

/// A page that only says something: its heading, and a sentence.
fn notice(cx: &Cx<'_>, status: StatusCode, says: impl FnOnce(&'static Texts) -> (&'static Text, &'static Text)) -> Answer {
    let frame = frame(cx);
    let (heading, text) = says(frame.texts);
    pages::notice(status, frame, heading.as_str(), text.as_str())
}
