//! The device authorization endpoint: RFC 8628, sections 3.1 and 3.2.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::token::{form, refuse};
use crate::client_auth;
use crate::exchange::Answer;
use crate::grants::{authorization_code, device_code};
use crate::log::{Aggregate, Batch, NotWritten};
use crate::names::DeviceCode;
use crate::params::extend;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::state::device::{self, Device, DeviceAuthorizationAdded, DeviceUserCodeGiven};
use crate::tokens;
use crate::user_code::UserCode;

/// How many user codes are tried. That many in a row are taken only where nearly all are.
const TRIED: u64 = 64;

/// Gives a device its two codes.
pub async fn answer(mut cx: Cx<'_>) -> Answer {
    match begin(&mut cx).await {
        Ok(codes) => Answer::json(StatusCode::OK, &codes).never_stored(),
        Err(refusal) => refuse(&cx, &refusal).await,
    }
}

async fn begin(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let params = form(cx)?;
    let client = client_auth::authenticate(cx, &params).await?;
    if !client.may_use(device_code::GRANT_TYPE) {
        return Err(Refusal::GrantNotAllowed);
    }
    // Core, section 11 wants a consent for `offline_access`, and a user is never asked so plainly as for a device.
    let offline = client.may_use("refresh_token");
    let scope = match params.get("scope")? {
        None => Scope::none(),
        asked => Scope::grant(asked, offline)?,
    };
    let provider = cx.provider;
    let config = &provider.config.device;
    let need_refresh_token = authorization_code::refreshes(&client, &scope);
    // Nothing of the past is decided upon, so the names are made from where the log is; who finds them taken makes others.
    let (of, head) = (Aggregate::new("client", client.id.as_str()), provider.log.head());
    for attempt in 0..TRIED {
        let now_ms = provider.world.now_ms();
        let user_code = UserCode::fresh(&provider.world.fresh, (&of, head), &format!("user code {attempt}"), config);
        let (holder, version) = Device::with_user_code(&provider.log, &user_code).await?;
        // Two devices that wait must not show the same code (RFC 8628, section 3.2); one that has done with it does not need it any more.
        if holder.is_some_and(|holder| !holder.expired_at(now_ms)) {
            continue;
        }
        let device_code = DeviceCode::new(provider.world.fresh.secret(&of, head, &format!("device code {attempt}")));
        let id = device::id_of(&device_code);
        let added = DeviceAuthorizationAdded {
            client_id: client.id.clone(),
            issuer: cx.origin.issuer.clone(),
            user_code_id: user_code.id(),
            scope: scope.clone(),
            audience: tokens::audience(&client, &cx.origin.issuer),
            need_refresh_token,
            expires_ms: now_ms + config.lifetime.ms(),
        };
        let batch = Batch::new().add(&device::aggregate(&id), 0, &added)?.add(
            &device::user_code_aggregate(&user_code),
            version,
            &DeviceUserCodeGiven { device_id: id },
        )?;
        match provider.log.append(batch, now_ms).await {
            Ok(()) => {
                let verification_uri = cx.origin.at("/device");
                let user_code = user_code.shown(config);
                return Ok(json!({
                    "device_code": device_code.reveal(),
                    "user_code": user_code,
                    "verification_uri": verification_uri,
                    "verification_uri_complete": extend(&verification_uri, &[("user_code", &user_code)]),
                    "expires_in": config.lifetime.secs(),
                    "interval": config.interval.secs(),
                }));
            }
            Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => {}
            Err(NotWritten::Failed(failure)) => return Err(failure.into()),
        }
    }
    Err(Refusal::Internal("no user code is free".to_owned()))
}
