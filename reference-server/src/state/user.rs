//! What has become of a user since they were configured: whether they may sign in, and what they may do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::config::User;
use crate::log::{Aggregate, Batch, Failure, Log, Payload as _, events};
use crate::names::{ClientId, UserId};

events! {
    /// The user may not sign in until they are unlocked.
    "user.locked" UserLocked {}
    /// They may again.
    "user.unlocked" UserUnlocked {}
    /// The user is out of use until they are reactivated.
    "user.deactivated" UserDeactivated {}
    /// They are in use again.
    "user.reactivated" UserReactivated {}
    /// The user is gone for good.
    "user.removed" UserRemoved {}
    /// Tokens of the user were issued to a client for somebody who acts for them.
    "user.impersonated" UserImpersonated {
        /// The client.
        #[serde(rename = "applicationId")]
        application_id: ClientId,
        /// Who acts.
        actor: Actor,
    }
    /// The user has a role from now on.
    "user.membership.granted" MembershipGranted {
        /// Which, and where.
        #[serde(flatten)]
        membership: Membership,
    }
    /// The user has a role no more.
    "user.membership.withdrawn" MembershipWithdrawn {
        /// Which, and where.
        #[serde(flatten)]
        membership: Membership,
    }
}

/// A role, of the instance or of an organization.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Membership {
    /// Which.
    pub role: String,
    /// Where, if it is one of an organization.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub organization: Option<String>,
}

impl Membership {
    /// A role of a user: one of an organization is that of their own if no other is named.
    ///
    /// # Errors
    /// It is no role, or there is an organization too many or too few.
    pub fn of(user: &User, role: &str, organization: Option<&str>) -> Result<Self, &'static str> {
        let kind = role.split_once('_').map(|(kind, rest)| (kind, !rest.is_empty()));
        let spelt = role.len() <= 64 && role.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        match (kind, organization.or(user.organization.as_deref())) {
            (Some(("IAM", true)), _) if spelt && organization.is_none() => Ok(Self { role: role.to_owned(), organization: None }),
            (Some(("IAM", true)), _) if spelt => Err("a role of the instance is of no organization"),
            (Some(("ORG", true)), Some(organization)) if spelt && !organization.is_empty() => {
                Ok(Self { role: role.to_owned(), organization: Some(organization.to_owned()) })
            }
            (Some(("ORG", true)), _) if spelt => Err("a role of an organization needs `organization`, since this user is in none"),
            _ => Err("a role is written IAM_… or ORG_…, in capitals"),
        }
    }
}

/// A user as they are now.
#[derive(Clone, Debug)]
pub struct Person<'c> {
    /// What is configured of them: names, password, claims. Not the roles: those are in `memberships`.
    pub user: &'c User,
    /// The version of the aggregate.
    pub version: u64,
    /// Whether they are locked.
    pub locked: bool,
    /// Whether they are deactivated.
    pub deactivated: bool,
    /// What they may do.
    pub memberships: BTreeSet<Membership>,
}

/// The aggregate of a user.
pub fn aggregate(id: &UserId) -> Aggregate {
    Aggregate::new("user", id.as_str())
}

impl<'c> Person<'c> {
    /// What the log says of a user, over what is configured; nothing if they were removed.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, user: &'c User) -> Result<Option<Self>, Failure> {
        let memberships = user
            .roles
            .iter()
            .map(|role| Membership { role: role.clone(), organization: user.organization.clone().filter(|_| role.starts_with("ORG_")) });
        let mut person = Self { user, version: 0, locked: false, deactivated: false, memberships: memberships.collect() };
        for event in log.load(&aggregate(&user.id)).await? {
            person.version = event.version;
            match event.kind.as_str() {
                UserLocked::TYPE => person.locked = true,
                UserUnlocked::TYPE => person.locked = false,
                UserDeactivated::TYPE => person.deactivated = true,
                UserReactivated::TYPE => person.deactivated = false,
                UserRemoved::TYPE => return Ok(None),
                MembershipGranted::TYPE => {
                    person.memberships.insert(event.read::<MembershipGranted>()?.membership);
                }
                MembershipWithdrawn::TYPE => {
                    person.memberships.remove(&event.read::<MembershipWithdrawn>()?.membership);
                }
                _ => {}
            }
        }
        Ok(Some(person))
    }

    /// Whether they may sign in, and others act for them.
    pub fn is_active(&self) -> bool {
        !self.locked && !self.deactivated
    }

    /// In one word.
    pub fn state(&self) -> &'static str {
        match (self.deactivated, self.locked) {
            (true, _) => "deactivated",
            (false, true) => "locked",
            (false, false) => "active",
        }
    }

    /// Whether they have this role of the instance.
    pub fn has_instance_role(&self, role: &str) -> bool {
        self.memberships.iter().any(|known| known.role == role && known.organization.is_none())
    }

    /// The batch, if nothing becomes of this user meanwhile.
    #[must_use]
    pub fn unchanged(&self, batch: Batch) -> Batch {
        batch.unchanged(&aggregate(&self.user.id), self.version)
    }
}
