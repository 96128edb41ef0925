//! From the code of a device to the user's decision: sign-in where it is needed, and the question (RFC 8628, sections 3.3 and 5.4).

use std::sync::Arc;

use hyper::{Method, StatusCode};

use super::sign_in::{accounts_of, proven, session_for, wants, written};
use crate::browser::{Visit, own_form};
use crate::config::Client;
use crate::exchange::Answer;
use crate::log::Batch;
use crate::names::{SessionId, VerificationId};
use crate::pages::{self, AccountsPage, DevicePage, SignInPage};
use crate::params::extend;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::state::browser::{self, Browser, BrowserSessionUsed, LiveSessions};
use crate::state::device::{self, Canceled, Device, DeviceAuthorizationApproved, DeviceAuthorizationCanceled};
use crate::state::device_verification::{self, DeviceVerificationSessionLinked, Verification};
use crate::state::session::{self, Session};
use crate::texts::{self, Text, Texts};
use crate::user_code::UserCode;

/// What is known when a step is decided.
struct Known {
    verification: Verification,
    device: Device,
    client: Arc<Client>,
    browser: Browser,
    sessions: LiveSessions,
    /// Below the issuer, where the pages of this verification are. The code is part of it, because the log does not have the code and
    /// the page has to show it.
    at: String,
    user_code: String,
}

/// What is to be done.
enum Step {
    SignIn,
    Choose,
    Decide(Session),
}

/// `GET /device/{id}`: the page that is due.
pub async fn page(cx: Cx<'_>) -> Answer {
    or_page(&cx, shown(&cx, None).await)
}

/// `GET /device/{id}/password`: the sign-in page, whoever is here. `POST`: name and password.
pub async fn password(cx: Cx<'_>) -> Answer {
    let answer = if cx.request.method == Method::POST { signed_in(&cx).await } else { shown(&cx, Some(Step::SignIn)).await };
    or_page(&cx, answer)
}

/// `POST /device/{id}/account`: the account that was chosen.
pub async fn account(cx: Cx<'_>) -> Answer {
    or_page(&cx, chosen(&cx).await)
}

/// `POST /device/{id}/consent`: yes or no.
pub async fn consent(cx: Cx<'_>) -> Answer {
    or_page(&cx, decided(&cx).await)
}

/// `GET /device/connected`: where a yes ends.
pub async fn connected(cx: Cx<'_>) -> Answer {
    let texts = texts::asked(cx.request);
    over(&cx, texts, &texts.device_connected, &texts.device_connected_text)
}

/// `GET /device/declined`: where a no ends.
pub async fn declined(cx: Cx<'_>) -> Answer {
    let texts = texts::asked(cx.request);
    over(&cx, texts, &texts.device_declined, &texts.device_declined_text)
}

fn over(cx: &Cx<'_>, texts: &'static Texts, heading: &Text, text: &Text) -> Answer {
    pages::notice(&cx.origin.path, texts, heading, &format!("{text} {}", texts.close_window))
}

fn or_page(cx: &Cx<'_>, answer: Result<Answer, Refusal>) -> Answer {
    answer.unwrap_or_else(|refusal| pages::refused(cx, &refusal))
}

/// What is known of the verification that this browser is busy with. Whatever has become of the device meanwhile is its end.
async fn load(cx: &Cx<'_>, visit: &Visit) -> Result<Known, Refusal> {
    let provider = cx.provider;
    let now_ms = provider.world.now_ms();
    let (id, typed) = cx.id.and_then(|id| id.split_once('~')).ok_or(Refusal::DeviceGone)?;
    let verification = Verification::load(&provider.log, &VerificationId::new(id)).await?.ok_or(Refusal::DeviceGone)?;
    let device = Device::load(&provider.log, &verification.device_id).await?.ok_or(Refusal::DeviceGone)?;
    let user_code = UserCode::typed(typed, &provider.config.device);
    if verification.browser_id != visit.browser_id || device.added.user_code_id != user_code.id() || !device.waits_at(now_ms) {
        return Err(Refusal::DeviceGone);
    }
    let client = provider.client(device.added.client_id.as_str()).await?;
    let browser = Browser::load(&provider.log, &visit.browser_id).await?;
    let sessions = browser.live_sessions(&provider.log, now_ms, &provider.config.lifetimes).await?;
    let user_code = user_code.shown(&provider.config.device);
    let at = format!("/device/{id}~{user_code}");
    Ok(Known { verification, device, client, browser, sessions, at, user_code })
}

fn step(known: &Known) -> Step {
    let session = match &known.verification.linked {
        Some(linked) => known.sessions.get(linked),
        // The one used last was ended. Who else is here does not take its place unasked.
        None if known.sessions.current().is_none() && !known.sessions.all.is_empty() => return Step::Choose,
        None => known.sessions.current(),
    };
    session.map_or(Step::SignIn, |session| Step::Decide(session.clone()))
}

/// Shows the page of a step: the one that is due if none is given.
async fn shown(cx: &Cx<'_>, wanted: Option<Step>) -> Result<Answer, Refusal> {
    let visit = Visit::known(cx).ok_or(Refusal::DeviceGone)?;
    let known = load(cx, &visit).await?;
    let texts = texts(cx, &known);
    Ok(match wanted.unwrap_or_else(|| step(&known)) {
        Step::SignIn => sign_in_page(cx, &visit, &known, None),
        Step::Choose => {
            let page = AccountsPage {
                texts,
                at: &here(cx, &known),
                base: &cx.origin.path,
                form_token: visit.form_token(cx),
                client: &known.client.name,
                accounts: accounts_of(cx, &known.sessions),
            };
            pages::page(StatusCode::OK, texts, &page, "'self'")
        }
        Step::Decide(session) => {
            let page = DevicePage {
                texts,
                at: &here(cx, &known),
                base: &cx.origin.path,
                form_token: visit.form_token(cx),
                client: &known.client.name,
                user: cx.provider.config.user(&session.user_id).map_or(texts.consent_you.as_str(), |user| user.display_name()),
                session_id: session.id.as_str(),
                user_code: &known.user_code,
                wants: wants(&known.device.added.scope, texts),
            };
            pages::page(StatusCode::OK, texts, &page, "'self'")
        }
    })
}

/// In the language that was wished for when the code was entered.
fn texts(cx: &Cx<'_>, known: &Known) -> &'static Texts {
    texts::texts(known.verification.ui_locales.as_deref(), cx.request)
}

fn here(cx: &Cx<'_>, known: &Known) -> String {
    format!("{}{}", cx.origin.path, known.at)
}

/// `failed` is the name with which it did not work.
fn sign_in_page(cx: &Cx<'_>, visit: &Visit, known: &Known, failed: Option<&str>) -> Answer {
    let texts = texts(cx, known);
    let page = SignInPage {
        texts,
        at: &here(cx, known),
        base: &cx.origin.path,
        form_token: visit.form_token(cx),
        client: &known.client.name,
        username: failed.unwrap_or_default(),
        failed: failed.is_some(),
    };
    pages::page(StatusCode::OK, texts, &page, "'self'")
}

async fn signed_in(cx: &Cx<'_>) -> Result<Answer, Refusal> {
    let (visit, params) = own_form(cx)?;
    let name = params.get("username")?.unwrap_or_default();
    let user = proven(cx, &params).await?;
    loop {
        let known = load(cx, &visit).await?;
        let of = device_verification::aggregate(&known.verification.id);
        let begun = session_for(cx, &visit, &known.sessions, user, (&of, known.verification.version)).await?;
        let Some((batch, session_id)) = begun else { return Ok(sign_in_page(cx, &visit, &known, Some(name))) };
        if written(cx, link(batch, &known, &visit, &session_id)?).await? {
            return Ok(Answer::see_other(&cx.origin.at(&known.at)));
        }
    }
}

async fn chosen(cx: &Cx<'_>) -> Result<Answer, Refusal> {
    let (visit, params) = own_form(cx)?;
    let choice = params.need("account", SessionId::new)?;
    loop {
        let known = load(cx, &visit).await?;
        if choice.as_str() == "another" {
            return Ok(Answer::see_other(&cx.origin.at(&format!("{}/password", known.at))));
        }
        if known.sessions.get(&choice).is_none() {
            return Err(Refusal::ChoiceUnknown);
        }
        if written(cx, link(Batch::new(), &known, &visit, &choice)?).await? {
            return Ok(Answer::see_other(&cx.origin.at(&known.at)));
        }
    }
}

/// Makes a session the one of this verification, and the current one of the browser.
fn link(batch: Batch, known: &Known, visit: &Visit, session_id: &SessionId) -> Result<Batch, Refusal> {
    let Verification { id, version, .. } = &known.verification;
    let linked = DeviceVerificationSessionLinked { session_id: session_id.clone() };
    let used = BrowserSessionUsed { session_id: session_id.clone() };
    let browser = browser::aggregate(&visit.browser_id);
    Ok(batch.add(&device_verification::aggregate(id), *version, &linked)?.add(&browser, known.browser.version, &used)?)
}

async fn decided(cx: &Cx<'_>) -> Result<Answer, Refusal> {
    let (visit, params) = own_form(cx)?;
    let agreed = match params.get("decide")? {
        Some("approve") => true,
        Some("deny") => false,
        Some(_) | None => return Err(Refusal::ChoiceUnknown),
    };
    let asked = params.get("session")?.map(SessionId::new);
    loop {
        let known = load(cx, &visit).await?;
        let session = match step(&known) {
            // Whoever decides must be the one who was asked.
            Step::Decide(session) if Some(&session.id) == asked.as_ref() => session,
            Step::SignIn | Step::Choose | Step::Decide(_) if agreed => return Ok(Answer::see_other(&cx.origin.at(&known.at))),
            // "Cancel", before anybody has signed in: nobody has decided.
            Step::SignIn | Step::Choose | Step::Decide(_) => {
                let texts = texts(cx, &known);
                return Ok(over(cx, texts, &texts.device_declined, &texts.device_undecided));
            }
        };
        let aggregate = device::aggregate(&known.device.id);
        let batch = Batch::new().unchanged(&session::aggregate(&session.id), session.version);
        let batch = if agreed {
            let person = cx.provider.active_user(&session.user_id).await?.ok_or(Refusal::UserGone)?;
            let approved = DeviceAuthorizationApproved {
                user_id: session.user_id.clone(),
                user_organization: person.user.organization.clone(),
                session_id: session.id.clone(),
                browser_id: visit.browser_id.clone(),
                auth_time: session.auth_time,
                amr: session.amr.clone(),
            };
            person.unchanged(batch).add(&aggregate, known.device.version, &approved)?
        } else {
            batch.add(&aggregate, known.device.version, &DeviceAuthorizationCanceled { reason: Canceled::Denied })?
        };
        let batch = if known.verification.linked.is_none() { link(batch, &known, &visit, &session.id)? } else { batch };
        if written(cx, batch).await? {
            let wish: Vec<(&str, &str)> = known.verification.ui_locales.iter().map(|wish| ("ui_locales", wish.as_str())).collect();
            let end = cx.origin.at(if agreed { "/device/connected" } else { "/device/declined" });
            return Ok(Answer::see_other(&extend(&end, &wish)));
        }
    }
}
