//! The page for the code that a device shows: RFC 8628, section 3.3.

use hyper::header::RETRY_AFTER;
use hyper::{Method, StatusCode};

use super::conversation::{or_page, written};
use crate::browser::{Visit, own_form};
use crate::exchange::Answer;
use crate::log::Batch;
use crate::names::VerificationId;
use crate::pages::{self, DeviceCodePage, Frame};
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::state::browser::{self, Browser, BrowserDevicePageShown, BrowserDeviceVerificationStarted};
use crate::state::device::{Device, Stage};
use crate::state::device_verification::{self, DeviceVerificationStarted, Guesses};
use crate::texts::{self, Text};
use crate::user_code::UserCode;

/// `GET /device`: the form for the code, filled in where the address brings one (RFC 8628, section 3.3.1). `POST`: the code.
pub async fn answer(cx: Cx<'_>) -> Answer {
    let answer = if cx.request.method == Method::POST { entered(&cx).await } else { asked(&cx).await };
    or_page(&cx, answer)
}

async fn asked(cx: &Cx<'_>) -> Result<Answer, Refusal> {
    let params = cx.request.query_params()?;
    let user_code = params.get("user_code")?.unwrap_or_default();
    let mut attempt = 0;
    loop {
        let (visit, version) = Visit::known_or_new(cx, attempt).await?;
        // A browser that is known already is as good as it was.
        let batch = Batch::new().add(&browser::aggregate(&visit.browser_id), version, &BrowserDevicePageShown {})?;
        if version > 0 || written(cx, batch).await? {
            return Ok(visit.remembered(cx, page(cx, &visit, StatusCode::OK, user_code, None)));
        }
        attempt += 1;
    }
}

async fn entered(cx: &Cx<'_>) -> Result<Answer, Refusal> {
    let (visit, params) = own_form(cx)?;
    let (config, texts) = (&cx.provider.config.device, texts::asked(cx.request));
    let typed = params.get("user_code")?.unwrap_or_default();
    let user_code = UserCode::typed(typed, config);
    if user_code.is_empty() {
        return Ok(page(cx, &visit, StatusCode::BAD_REQUEST, typed, Some(&texts.device_code_unknown)));
    }
    loop {
        let now_ms = cx.provider.world.now_ms();
        let guesses = Guesses::load(&cx.provider.log, &visit.browser_id, cx.request.from).await?;
        if let Some(left_ms) = guesses.locked_for(now_ms, config) {
            let seconds = left_ms.div_euclid(1000) + 1;
            let locked = page(cx, &visit, StatusCode::TOO_MANY_REQUESTS, "", Some(&texts.device_code_locked));
            return Ok(locked.with_text(RETRY_AFTER, &seconds.to_string()));
        }
        match waiting(cx, &user_code, now_ms).await? {
            Err(problem) => {
                if written(cx, guesses.one_more(Batch::new())?).await? {
                    return Ok(page(cx, &visit, StatusCode::BAD_REQUEST, typed, Some(problem)));
                }
            }
            Ok(device) => {
                let browser = Browser::load(&cx.provider.log, &visit.browser_id).await?;
                let aggregate = browser::aggregate(&visit.browser_id);
                let id = VerificationId::new(cx.provider.world.fresh.id(&aggregate, browser.version, "device verification"));
                let started =
                    DeviceVerificationStarted { browser_id: visit.browser_id.clone(), device_id: device.id.clone(), ui_locales: wish(cx) };
                let batch = guesses
                    .unchanged(Batch::new())
                    .add(&aggregate, browser.version, &BrowserDeviceVerificationStarted { verification_id: id.clone() })?
                    .add(&device_verification::aggregate(&id), 0, &started)?;
                if written(cx, batch).await? {
                    return Ok(Answer::see_other(&cx.origin.at(&format!("/device/{id}~{}", user_code.shown(config)))));
                }
            }
        }
    }
}

/// The device that waits with this code, here.
async fn waiting(cx: &Cx<'_>, user_code: &UserCode, now_ms: i64) -> Result<Result<Device, &'static Text>, Refusal> {
    let (device, _) = Device::with_user_code(&cx.provider.log, user_code).await?;
    let texts = texts::asked(cx.request);
    let device = device.filter(|device| device.added.issuer == cx.origin.issuer);
    Ok(match device {
        None => Err(&texts.device_code_unknown),
        Some(device) if device.waits_at(now_ms) => Ok(device),
        Some(device) if matches!(device.stage, Stage::Pending) => Err(&texts.device_code_expired),
        Some(_) => Err(&texts.device_code_used),
    })
}

fn page(cx: &Cx<'_>, visit: &Visit, status: StatusCode, user_code: &str, problem: Option<&'static Text>) -> Answer {
    let texts = texts::asked(cx.request);
    let ui_locales = wish(cx);
    let (frame, form_token, ui_locales) = (Frame::of(cx, texts), visit.form_token(cx), ui_locales.as_deref());
    pages::page(status, texts, &DeviceCodePage { frame, form_token, user_code, ui_locales, problem }, "'self'")
}

/// The language that is wished for. RFC 8628 knows of no such wish; a device may add it to the address that it shows.
fn wish(cx: &Cx<'_>) -> Option<String> {
    cx.request.params().ok()?.get("ui_locales").ok()?.map(str::to_owned)
}
