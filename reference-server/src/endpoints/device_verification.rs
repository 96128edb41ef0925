//! From the code of a device to the user's decision: sign-in where it is needed, and the question (RFC 8628, sections 3.3 and 5.4).

use hyper::StatusCode;

use super::conversation::{Conversation, Here, Step, called, link, wants, who_is_here, written};
use crate::browser::Visit;
use crate::exchange::Answer;
use crate::log::{Batch, Failure};
use crate::names::{SessionId, VerificationId};
use crate::pages::{self, DevicePage, Frame};
use crate::params::{Params, extend};
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::state::device::{self, Canceled, Device, DeviceAuthorizationApproved, DeviceAuthorizationCanceled};
use crate::state::device_verification::{self, DeviceVerificationSessionLinked, Verification};
use crate::state::session::{self, Session};
use crate::texts::{self, Text, Texts};
use crate::user_code::UserCode;

/// The conversation about a device.
pub struct Verifying {
    verification: Verification,
    device: Device,
    user_code: String,
    here: Here,
}

impl Conversation for Verifying {
    /// The session whose user is asked.
    type Then = Session;

    const GONE: Refusal = Refusal::DeviceGone;

    /// Whatever has become of the device meanwhile is its end.
    async fn load(cx: &Cx<'_>, visit: &Visit) -> Result<Self, Refusal> {
        let provider = cx.provider;
        let (id, typed) = cx.id.and_then(|id| id.split_once('~')).ok_or(Refusal::DeviceGone)?;
        let verification = Verification::load(&provider.log, &VerificationId::new(id)).await?.ok_or(Refusal::DeviceGone)?;
        let device = Device::load(&provider.log, &verification.device_id).await?.ok_or(Refusal::DeviceGone)?;
        let user_code = UserCode::typed(typed, &provider.config.device);
        let waits = device.added.user_code_id == user_code.id() && device.waits_at(provider.world.now_ms());
        if verification.browser_id != visit.browser_id || !waits {
            return Err(Refusal::DeviceGone);
        }
        let client = provider.client(device.added.client_id.as_str()).await?;
        let (browser, sessions) = who_is_here(cx, visit).await?;
        let user_code = user_code.shown(&provider.config.device);
        let here = Here {
            // The code is part of it, because the log does not have the code and the page has to show it.
            at: format!("/device/{id}~{user_code}"),
            of: (device_verification::aggregate(&verification.id), verification.version),
            client,
            browser,
            sessions,
            // In the language that was wished for when the code was entered.
            ui_locales: verification.ui_locales.clone(),
            form_action: "'self'".to_owned(),
        };
        Ok(Self { verification, device, user_code, here })
    }

    fn here(&self) -> &Here {
        &self.here
    }

    async fn step(&self, _: &Cx<'_>) -> Result<Step<Session>, Refusal> {
        let sessions = &self.here.sessions;
        let session = match &self.verification.linked {
            Some(linked) => sessions.get(linked),
            // The one used last was ended. Who else is here does not take its place unasked.
            None if sessions.current().is_none() && !sessions.all.is_empty() => return Ok(Step::Choose),
            None => sessions.current(),
        };
        Ok(session.map_or(Step::SignIn, |session| Step::Then(session.clone())))
    }

    fn expected<'a>(&'a self, _: &Cx<'a>) -> Option<&'a str> {
        None
    }

    fn linked(&self, batch: Batch, session_id: &SessionId, _: bool) -> Result<Batch, Failure> {
        batch.add(&self.here.of.0, self.here.of.1, &DeviceVerificationSessionLinked { session_id: session_id.clone() })
    }

    async fn shown(&self, cx: &Cx<'_>, visit: &Visit, session: Session) -> Result<Answer, Refusal> {
        let here = &self.here;
        let texts = here.texts(cx);
        let page = DevicePage {
            frame: Frame::of(cx, texts),
            talk: here.talk(cx, visit),
            user: called(cx, &session, texts),
            session_id: session.id.as_str(),
            user_code: &self.user_code,
            wants: wants(&self.device.added.scope, texts),
        };
        Ok(pages::page(StatusCode::OK, texts, &page, &here.form_action))
    }

    async fn go_on(&self, cx: &Cx<'_>, _: &Visit) -> Result<Answer, Refusal> {
        Ok(Answer::see_other(&cx.origin.at(&self.here.at)))
    }

    async fn decided(cx: &Cx<'_>, visit: &Visit, params: &Params, agreed: bool) -> Result<Answer, Refusal> {
        let asked = params.get("session")?.map(SessionId::new);
        loop {
            let known = Self::load(cx, visit).await?;
            let session = match known.step(cx).await? {
                // Whoever decides must be the one who was asked.
                Step::Then(session) if Some(&session.id) == asked.as_ref() => session,
                Step::SignIn | Step::Choose | Step::Then(_) if agreed => return known.go_on(cx, visit).await,
                // "Cancel", before anybody has signed in: nobody has decided.
                Step::SignIn | Step::Choose | Step::Then(_) => {
                    let texts = known.here.texts(cx);
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
            let batch = if known.verification.linked.is_none() { link(batch, &known, visit, &session.id, false)? } else { batch };
            if written(cx, batch).await? {
                let wish: Vec<(&str, &str)> = known.verification.ui_locales.iter().map(|wish| ("ui_locales", wish.as_str())).collect();
                let end = cx.origin.at(if agreed { "/device/connected" } else { "/device/declined" });
                return Ok(Answer::see_other(&extend(&end, &wish)));
            }
        }
    }
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
    pages::notice(StatusCode::OK, Frame::of(cx, texts), heading.as_str(), &format!("{text} {}", texts.close_window))
}
