//! Who may act for whom: the policy of the instance, and the four roles of those who impersonate.
//!
//! | role | in | for |
//! |---|---|---|
//! | `IAM_ADMIN_IMPERSONATOR` | every organization | everybody |
//! | `IAM_END_USER_IMPERSONATOR` | every organization | users without any membership |
//! | `ORG_ADMIN_IMPERSONATOR` | the organization where the role was given | everybody there |
//! | `ORG_END_USER_IMPERSONATOR` | the organization where the role was given | users there without any membership |
//!
//! A user with a membership may do something that others may not: who acts for such a user could do it too, so this needs an `ADMIN` role.

use crate::log::Batch;
use crate::names::UserId;
use crate::provider::Provider;
use crate::refusal::Refusal;
use crate::state::security_policy::SecurityPolicy;
use crate::state::user::{Membership, Person};

/// That somebody may act for somebody, as long as none of this changes.
pub struct Permit<'p> {
    policy: SecurityPolicy,
    actor: Person<'p>,
    subject: Person<'p>,
}

impl Permit<'_> {
    /// The version of the user for whom somebody acts.
    pub fn subject_version(&self) -> u64 {
        self.subject.version
    }

    /// The batch, if it still holds then.
    #[must_use]
    pub fn unchanged(&self, batch: Batch) -> Batch {
        self.policy.unchanged(self.actor.unchanged(self.subject.unchanged(batch)))
    }
}

/// Whether anybody may act for anybody.
///
/// # Errors
/// The policy says no, or the store failed.
pub async fn policy(provider: &Provider) -> Result<SecurityPolicy, Refusal> {
    let policy = provider.security_policy().await?;
    if policy.enable_impersonation { Ok(policy) } else { Err(Refusal::ImpersonationOff) }
}

/// Whether this user may act for that one now: this is asked before anything is issued, whatever is to be issued, and again at each
/// refresh.
///
/// # Errors
/// They may not, or the store failed.
pub async fn impersonation<'p>(provider: &'p Provider, actor: &UserId, subject: &UserId) -> Result<Permit<'p>, Refusal> {
    let policy = policy(provider).await?;
    let (actor, subject) = (provider.active_user(actor).await?, provider.active_user(subject).await?);
    match actor.zip(subject) {
        Some((actor, subject)) if actor.memberships.iter().any(|membership| reaches(membership, &subject)) => {
            Ok(Permit { policy, actor, subject })
        }
        Some(_) | None => Err(Refusal::ImpersonationNotPermitted),
    }
}

fn reaches(membership: &Membership, subject: &Person<'_>) -> bool {
    let Membership { role, organization } = membership;
    let instance = organization.is_none();
    let there = !instance && *organization == subject.user.organization;
    let end_user = subject.memberships.is_empty();
    match role.as_str() {
        "IAM_ADMIN_IMPERSONATOR" => instance,
        "IAM_END_USER_IMPERSONATOR" => instance && end_user,
        "ORG_ADMIN_IMPERSONATOR" => there,
        "ORG_END_USER_IMPERSONATOR" => there && end_user,
        _ => false,
    }
}
