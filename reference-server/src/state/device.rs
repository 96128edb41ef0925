//! A device that asks for tokens (RFC 8628): what it asked for, what the user said, what came of it, and how often it has asked.

use crate::config::Device as DeviceConfig;
use crate::log::{Aggregate, Failure, Log, Payload as _, events};
use crate::names::{BrowserId, ClientId, DeviceCode, DeviceId, Issuer, SessionId, UserId};
use crate::scope::Scope;
use crate::state::stored::stored;
use crate::user_code::UserCode;
use crate::world::fresh::fingerprint;

stored! {
    /// Why a device gets no tokens.
    Canceled {
        /// The user said no.
        Denied = 3 "denied",
        /// The time was over.
        Expired = 4 "expired",
    }
}

events! {
    /// A device has got its two codes. The aggregate has the hash of the device code for a name.
    "device.authorization.added" DeviceAuthorizationAdded {
        /// Whose device.
        client_id: ClientId,
        /// The issuer that was asked.
        issuer: Issuer,
        /// The hash of the user code.
        user_code_id: String,
        /// What is granted if the user agrees.
        scope: Scope,
        /// Where the access token is good.
        audience: Vec<String>,
        /// Whether a refresh token comes with the tokens: nothing that is asked later changes that.
        need_refresh_token: bool,
        /// When both codes end, in milliseconds since 1970.
        expires_ms: i64,
    }
    /// The user said yes.
    "device.authorization.approved" DeviceAuthorizationApproved {
        /// Who.
        user_id: UserId,
        /// Where they belong, if anywhere.
        user_organization: Option<String>,
        /// In which session.
        session_id: SessionId,
        /// In which browser.
        browser_id: BrowserId,
        /// When they proved who they are, in seconds.
        auth_time: i64,
        /// How (RFC 8176).
        amr: Vec<String>,
    }
    /// There will be no tokens.
    "device.authorization.canceled" DeviceAuthorizationCanceled {
        /// Why.
        reason: Canceled,
    } numbers {
        reason: Canceled,
    }
    /// The device has its tokens.
    "device.authorization.done" DeviceAuthorizationDone {}
    /// A device has this user code.
    "device_user_code.given" DeviceUserCodeGiven {
        /// Which.
        device_id: DeviceId,
    }
    /// A device asked before the user had decided.
    "device_poll.answered" DevicePollAnswered {
        /// Whether it was told to slow down.
        slow_down: bool,
    }
}

/// How far it has come.
#[derive(Clone, Debug)]
pub enum Stage {
    /// The user has not decided.
    Pending,
    /// The user has agreed, and the device has not come for its tokens.
    Approved(DeviceAuthorizationApproved),
    /// There are no tokens.
    Canceled(Canceled),
    /// The device has its tokens.
    Done,
}

/// A device that asks.
#[derive(Clone, Debug)]
pub struct Device {
    /// The version of the aggregate.
    pub version: u64,
    /// Its name.
    pub id: DeviceId,
    /// What it asked for.
    pub added: DeviceAuthorizationAdded,
    /// How far it has come.
    pub stage: Stage,
}

/// The name of the device that has this code.
pub fn id_of(code: &DeviceCode) -> DeviceId {
    DeviceId::new(fingerprint(code.reveal()))
}

/// The aggregate of a device that asks.
pub fn aggregate(id: &DeviceId) -> Aggregate {
    Aggregate::new("device_authorization", id.as_str())
}

/// The aggregate of a user code.
pub fn user_code_aggregate(code: &UserCode) -> Aggregate {
    Aggregate::new("device_user_code", code.id())
}

/// The aggregate of a device's polls.
pub fn polls_aggregate(id: &DeviceId) -> Aggregate {
    Aggregate::new("device_poll", id.as_str())
}

impl Device {
    /// The device of this name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, id: &DeviceId) -> Result<Option<Self>, Failure> {
        let mut device: Option<Self> = None;
        for event in log.load(&aggregate(id)).await? {
            match (event.kind.as_str(), &mut device) {
                (DeviceAuthorizationAdded::TYPE, device) => {
                    *device = Some(Self { version: 0, id: id.clone(), added: event.read()?, stage: Stage::Pending });
                }
                (DeviceAuthorizationApproved::TYPE, Some(device)) => device.stage = Stage::Approved(event.read()?),
                (DeviceAuthorizationCanceled::TYPE, Some(device)) => {
                    device.stage = Stage::Canceled(event.read::<DeviceAuthorizationCanceled>()?.reason);
                }
                (DeviceAuthorizationDone::TYPE, Some(device)) => device.stage = Stage::Done,
                _ => {}
            }
            if let Some(device) = &mut device {
                device.version = event.version;
            }
        }
        Ok(device)
    }

    /// The device that shows this user code, or showed it last; and the version of the code's own aggregate.
    ///
    /// # Errors
    /// The store failed.
    pub async fn with_user_code(log: &Log, code: &UserCode) -> Result<(Option<Self>, u64), Failure> {
        let events = log.load(&user_code_aggregate(code)).await?;
        let Some(last) = events.last() else { return Ok((None, 0)) };
        let given: DeviceUserCodeGiven = last.read()?;
        Ok((Self::load(log, &given.device_id).await?, last.version))
    }

    /// Whether its time is over, decided or not.
    pub fn expired_at(&self, now_ms: i64) -> bool {
        now_ms >= self.added.expires_ms
    }

    /// Whether the user can decide still.
    pub fn waits_at(&self, now_ms: i64) -> bool {
        matches!(self.stage, Stage::Pending) && !self.expired_at(now_ms)
    }
}

/// How often a device has asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Polls {
    /// The version of the aggregate.
    pub version: u64,
    last_ms: Option<i64>,
    slowed: i64,
}

/// What is added to the pause by each `slow_down` (RFC 8628, section 3.5).
const MORE_MS: i64 = 5000;

impl Polls {
    /// The polls of this device.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, id: &DeviceId) -> Result<Self, Failure> {
        let mut polls = Self::default();
        for event in log.load(&polls_aggregate(id)).await? {
            polls.version = event.version;
            polls.last_ms = Some(event.at_ms);
            polls.slowed += i64::from(event.read::<DevicePollAnswered>()?.slow_down);
        }
        Ok(polls)
    }

    /// Whether a poll now comes before the pause is over. The first one never does.
    pub fn too_early(&self, now_ms: i64, config: &DeviceConfig) -> bool {
        let pause = config.interval.ms().saturating_add(self.slowed.saturating_mul(MORE_MS));
        self.last_ms.is_some_and(|last_ms| now_ms - last_ms < pause)
    }
}
