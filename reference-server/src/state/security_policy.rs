//! The security policy of the instance, which is changed while the provider runs. It begins as it is configured.

use crate::config::Policy;
use crate::log::{Aggregate, Batch, Failure, Log, Payload as _, events};

events! {
    /// The policy is this from now on.
    "policy.security.set" SecurityPolicySet {
        /// Whether impersonation is allowed at all.
        enable_impersonation: bool,
    }
}

/// The policy as it is now.
#[derive(Clone, Copy, Debug)]
pub struct SecurityPolicy {
    version: u64,
    /// Whether impersonation is allowed at all.
    pub enable_impersonation: bool,
}

fn aggregate() -> Aggregate {
    Aggregate::new("policy", "security")
}

impl SecurityPolicy {
    /// What the log says, over what is configured.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, configured: &Policy) -> Result<Self, Failure> {
        let mut policy = Self { version: 0, enable_impersonation: configured.impersonation };
        for event in log.load(&aggregate()).await? {
            policy.version = event.version;
            if event.kind == SecurityPolicySet::TYPE {
                policy.enable_impersonation = event.read::<SecurityPolicySet>()?.enable_impersonation;
            }
        }
        Ok(policy)
    }

    /// What is to be written so that this holds; nothing if it holds already.
    ///
    /// # Errors
    /// The event cannot be written as JSON.
    pub fn set(&self, enable_impersonation: bool) -> Result<Option<Batch>, Failure> {
        if self.enable_impersonation == enable_impersonation {
            return Ok(None);
        }
        Batch::new().add(&aggregate(), self.version, &SecurityPolicySet { enable_impersonation }).map(Some)
    }

    /// The batch, if nobody changes the policy meanwhile.
    #[must_use]
    pub fn unchanged(&self, batch: Batch) -> Batch {
        batch.unchanged(&aggregate(), self.version)
    }
}
