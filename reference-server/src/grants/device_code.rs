//! RFC 8628, section 3.4: a device asks for its tokens, again and again until its user has decided.

use serde_json::Value;

use super::issuing::{self, Wanted};
use crate::config::Client;
use crate::log::{Batch, NotWritten};
use crate::names::{DeviceCode, OidcSessionId};
use crate::params::Params;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::state::code::Granted;
use crate::state::device::{
    self, Canceled, Device, DeviceAuthorizationApproved, DeviceAuthorizationCanceled, DeviceAuthorizationDone, DevicePollAnswered, Polls,
    Stage,
};

/// What `grant_type` says.
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Gives the tokens to the device that its user has approved.
///
/// # Errors
/// The user has not decided or has declined, the time is over, the device asks too often, or the code is not this client's or is spent.
pub async fn answer(cx: &Cx<'_>, client: &Client, params: &Params) -> Result<Value, Refusal> {
    let id = device::id_of(&params.need("device_code", DeviceCode::new)?);
    // Who comes second loads and decides again.
    loop {
        let device = Device::load(&cx.provider.log, &id).await?.ok_or(Refusal::DeviceCodeUnknown)?;
        let (batch, outcome) = decide(cx, client, &device).await?;
        match cx.provider.log.append(batch, cx.provider.world.now_ms()).await {
            Ok(()) => return outcome,
            Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => {}
            Err(NotWritten::Failed(failure)) => return Err(failure.into()),
        }
    }
}

/// What is answered, and what has to be written before.
///
/// # Errors
/// What is answered without anything being written.
async fn decide(cx: &Cx<'_>, client: &Client, device: &Device) -> Result<(Batch, Result<Value, Refusal>), Refusal> {
    // Whose the code is comes first: another client neither learns of it nor burns it.
    if device.added.client_id != client.id {
        return Err(Refusal::DeviceCodeOfAnotherClient);
    }
    if device.added.issuer != cx.origin.issuer {
        return Err(Refusal::DeviceCodeUnknown);
    }
    let now_ms = cx.provider.world.now_ms();
    match &device.stage {
        Stage::Done => Err(Refusal::DeviceCodeSpent),
        Stage::Canceled(Canceled::Denied) => Err(Refusal::DeviceDenied),
        Stage::Canceled(Canceled::Expired) => Err(Refusal::DeviceCodeExpired),
        // Approved in time or not: the code itself has expired (section 3.5).
        Stage::Pending | Stage::Approved(_) if device.expired_at(now_ms) => {
            let expired = DeviceAuthorizationCanceled { reason: Canceled::Expired };
            let batch = Batch::new().add(&device::aggregate(&device.id), device.version, &expired)?;
            Ok((batch, Err(Refusal::DeviceCodeExpired)))
        }
        Stage::Pending => {
            let polls = Polls::load(&cx.provider.log, &device.id).await?;
            let slow_down = polls.too_early(now_ms, &cx.provider.config.device);
            let batch = Batch::new().add(&device::polls_aggregate(&device.id), polls.version, &DevicePollAnswered { slow_down })?;
            Ok((batch, Err(if slow_down { Refusal::DevicePollTooEarly } else { Refusal::DevicePending })))
        }
        // How often it has asked before is no matter any more.
        Stage::Approved(approved) => {
            let (batch, tokens) = redeem(cx, client, device, approved).await?;
            Ok((batch, Ok(tokens)))
        }
    }
}

async fn redeem(cx: &Cx<'_>, client: &Client, device: &Device, approved: &DeviceAuthorizationApproved) -> Result<(Batch, Value), Refusal> {
    let aggregate = device::aggregate(&device.id);
    let id = OidcSessionId::new(cx.provider.world.fresh.id(&aggregate, device.version, "oidc session"));
    let granted = Granted {
        client_id: client.id.clone(),
        user_id: approved.user_id.clone(),
        session_id: Some(approved.session_id.clone()),
        issuer: device.added.issuer.clone(),
        scope: device.added.scope.clone(),
        claims: crate::claims::ClaimsRequest::default(),
        auth_time: Some(approved.auth_time),
        amr: approved.amr.clone(),
        audience: Some(device.added.audience.clone()),
        actor: None,
    };
    let batch = Batch::new().add(&aggregate, device.version, &DeviceAuthorizationDone {})?;
    // What the client may do can be less by now than when it asked; more it cannot get.
    let refreshes = device.added.need_refresh_token && client.may_use("refresh_token");
    issuing::issue(cx, client, &id, &Wanted { granted: &granted, nonce: None, refreshes }, batch).await
}
