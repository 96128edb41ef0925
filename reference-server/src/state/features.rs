//! Features that are switched while the provider runs: on the instance, which goes first, and on the system below it. What stands in the configuration is where both begin.

use std::collections::BTreeMap;

use crate::config::Flags;
use crate::log::{Aggregate, Batch, Failure, Log, Payload as _, events};
use crate::state::stored::stored;

stored! {
    /// A feature that can be switched.
    Flag {
        /// RFC 8693, for clients that are registered for it.
        TokenExchange = 5 "token_exchange",
        /// Refusals of the token endpoint carry the inner reason as `parent`.
        DebugOidcParentError = 9 "debug_oidc_parent_error",
        /// A logout ends the one session that it names, and not all sessions of the browser.
        OidcSingleV1SessionTermination = 10 "oidc_single_v1_session_termination",
        /// Back-Channel Logout: registration at issuance, discovery, and telling.
        EnableBackChannelLogout = 12 "enable_back_channel_logout",
    }
}

/// Where a feature can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For all instances; there is one here.
    System,
    /// For this instance: goes before the system.
    Instance,
}

impl Level {
    /// Both.
    pub const ALL: [Self; 2] = [Self::System, Self::Instance];

    /// As it is called in addresses, in events and in answers.
    pub fn text(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Instance => "instance",
        }
    }
}

events! {
    /// A feature was switched for the system.
    "feature.system.set" SystemFeatureSet {
        /// Which.
        flag: Flag,
        /// On or off.
        enabled: bool,
    } numbers {
        flag: Flag,
    }
    /// The system has no say of its own any more.
    "feature.system.reset" SystemFeatureReset {
        /// In which feature.
        flag: Flag,
    } numbers {
        flag: Flag,
    }
    /// A feature was switched for the instance.
    "feature.instance.set" InstanceFeatureSet {
        /// Which.
        flag: Flag,
        /// On or off.
        enabled: bool,
    } numbers {
        flag: Flag,
    }
    /// The instance inherits from the system again.
    "feature.instance.reset" InstanceFeatureReset {
        /// Which feature.
        flag: Flag,
    } numbers {
        flag: Flag,
    }
}

/// What holds for a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effective {
    /// On or off.
    pub enabled: bool,
    /// The level that says so; none if it is as configured.
    pub source: Option<Level>,
}

/// What was switched on one level.
#[derive(Clone, Debug, Default)]
struct Switched {
    version: u64,
    set: BTreeMap<Flag, bool>,
}

/// All features as they are now.
#[derive(Clone, Debug)]
pub struct Features {
    configured: Flags,
    system: Switched,
    instance: Switched,
}

fn aggregate(level: Level) -> Aggregate {
    Aggregate::new("features", level.text())
}

impl Features {
    /// What the log says, over what is configured.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, configured: &Flags) -> Result<Self, Failure> {
        let (system, instance) = (Switched::load(log, Level::System).await?, Switched::load(log, Level::Instance).await?);
        Ok(Self { configured: configured.clone(), system, instance })
    }

    /// What holds: the instance goes before the system, and the system before the configuration.
    pub fn effective(&self, flag: Flag) -> Effective {
        let said = |level: Level| self.set_at(level, flag).map(|enabled| Effective { enabled, source: Some(level) });
        let configured = match flag {
            Flag::TokenExchange => self.configured.token_exchange,
            Flag::DebugOidcParentError => self.configured.debug_oidc_parent_error,
            Flag::OidcSingleV1SessionTermination => self.configured.oidc_single_v1_session_termination,
            Flag::EnableBackChannelLogout => self.configured.enable_back_channel_logout,
        };
        said(Level::Instance).or_else(|| said(Level::System)).unwrap_or(Effective { enabled: configured, source: None })
    }

    /// What was set on this level, if anything was.
    pub fn set_at(&self, level: Level, flag: Flag) -> Option<bool> {
        self.at(level).set.get(&flag).copied()
    }

    /// What is to be written so that this level says so (or, with nothing, has no say); nothing if it is like that already.
    ///
    /// # Errors
    /// An event cannot be written as JSON.
    pub fn switch(&self, level: Level, flag: Flag, to: Option<bool>) -> Result<Option<Batch>, Failure> {
        if self.set_at(level, flag) == to {
            return Ok(None);
        }
        let (batch, aggregate, version) = (Batch::new(), aggregate(level), self.at(level).version);
        let batch = match (level, to) {
            (Level::System, Some(enabled)) => batch.add(&aggregate, version, &SystemFeatureSet { flag, enabled }),
            (Level::System, None) => batch.add(&aggregate, version, &SystemFeatureReset { flag }),
            (Level::Instance, Some(enabled)) => batch.add(&aggregate, version, &InstanceFeatureSet { flag, enabled }),
            (Level::Instance, None) => batch.add(&aggregate, version, &InstanceFeatureReset { flag }),
        };
        batch.map(Some)
    }

    fn at(&self, level: Level) -> &Switched {
        match level {
            Level::System => &self.system,
            Level::Instance => &self.instance,
        }
    }
}

impl Switched {
    async fn load(log: &Log, level: Level) -> Result<Self, Failure> {
        let mut switched = Self::default();
        for event in log.load(&aggregate(level)).await? {
            switched.version = event.version;
            match event.kind.as_str() {
                SystemFeatureSet::TYPE | InstanceFeatureSet::TYPE => {
                    let SystemFeatureSet { flag, enabled } = event.read()?;
                    switched.set.insert(flag, enabled);
                }
                SystemFeatureReset::TYPE | InstanceFeatureReset::TYPE => {
                    let SystemFeatureReset { flag } = event.read()?;
                    switched.set.remove(&flag);
                }
                _ => {}
            }
        }
        Ok(switched)
    }
}
