//! What managing does, whoever asks for it: the management API and the admin page are two doors to these functions.

pub mod clients;

use crate::log::{Batch, Failure, NotWritten, Payload};
use crate::names::{SessionId, UserId};
use crate::provider::Provider;
use crate::sessions;
use crate::state::features::{Features, Flag, Level};
use crate::state::session::{Session, SessionAdded};
use crate::state::user::{
    self, Membership, MembershipGranted, MembershipWithdrawn, Person, UserDeactivated, UserLocked, UserReactivated, UserRemoved,
    UserUnlocked,
};

/// How many events are read at once.
const PAGE: usize = 1000;

/// The role of users who may manage.
pub const OWNER: &str = "IAM_OWNER";

/// What can be made of a user.
#[derive(Clone, Debug)]
pub enum Change {
    /// They may not sign in.
    Lock,
    /// They may again.
    Unlock,
    /// They are out of use.
    Deactivate,
    /// They are in use again.
    Reactivate,
    /// They are gone for good.
    Remove,
    /// They have a role.
    Grant(Membership),
    /// They have it no more.
    Withdraw(Membership),
}

/// A session that was begun once.
pub struct Begun {
    /// Where the log begins to speak of it.
    pub position: u64,
    /// The session.
    pub session: Session,
    /// Whether it can be used: it is of no use to a user who may not sign in.
    pub active: bool,
}

/// Sessions that were begun after a position of the log, in order, at most so many.
///
/// # Errors
/// The store failed.
pub async fn sessions(provider: &Provider, mut after: u64, limit: usize) -> Result<Vec<Begun>, Failure> {
    let now_ms = provider.world.now_ms();
    let mut begun = Vec::new();
    loop {
        let events = provider.log.read(after, PAGE).await?;
        let Some(last) = events.last() else { return Ok(begun) };
        after = last.position;
        for event in events.iter().filter(|event| event.kind == SessionAdded::TYPE) {
            let Some(session) = Session::load(&provider.log, &SessionId::new(event.aggregate.id())).await? else { continue };
            let active = sessions::is_alive(provider, &session, now_ms).await? && provider.active_user(&session.user_id).await?.is_some();
            begun.push(Begun { position: event.position, session, active });
            if begun.len() == limit {
                return Ok(begun);
            }
        }
    }
}

/// Whether a batch was written; if not, somebody was faster, and it has to be decided again.
async fn written(provider: &Provider, batch: Batch) -> Result<bool, Failure> {
    match provider.log.append(batch, provider.world.now_ms()).await {
        Ok(()) => Ok(true),
        Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => Ok(false),
        Err(NotWritten::Failed(failure)) => Err(failure),
    }
}

/// Switches a feature on one level; with nothing, that level has no say any more. The features as they are then.
///
/// # Errors
/// The store failed.
pub async fn switch(provider: &Provider, level: Level, flag: Flag, to: Option<bool>) -> Result<Features, Failure> {
    loop {
        let features = provider.features().await?;
        match features.switch(level, flag, to)? {
            None => return Ok(features),
            Some(batch) => written(provider, batch).await?,
        };
    }
}

/// Makes this the security policy.
///
/// # Errors
/// The store failed.
pub async fn set_security_policy(provider: &Provider, enable_impersonation: bool) -> Result<(), Failure> {
    loop {
        match provider.security_policy().await?.set(enable_impersonation)? {
            None => return Ok(()),
            Some(batch) => written(provider, batch).await?,
        };
    }
}

/// Makes something of a user. What they are already changes nothing and is no event. `false` if there is no such user (any more).
///
/// # Errors
/// The store failed.
pub async fn change_user(provider: &Provider, id: &UserId, change: &Change) -> Result<bool, Failure> {
    loop {
        let Some(person) = provider.user(id).await? else { return Ok(false) };
        let batch = match change {
            Change::Lock => event(&person, !person.locked, &UserLocked {}),
            Change::Unlock => event(&person, person.locked, &UserUnlocked {}),
            Change::Deactivate => event(&person, !person.deactivated, &UserDeactivated {}),
            Change::Reactivate => event(&person, person.deactivated, &UserReactivated {}),
            Change::Remove => event(&person, true, &UserRemoved {}),
            Change::Grant(membership) => {
                let granted = MembershipGranted { membership: membership.clone() };
                event(&person, !person.memberships.contains(membership), &granted)
            }
            Change::Withdraw(membership) => {
                let withdrawn = MembershipWithdrawn { membership: membership.clone() };
                event(&person, person.memberships.contains(membership), &withdrawn)
            }
        }?;
        let Some(batch) = batch else { return Ok(true) };
        if written(provider, batch).await? {
            return Ok(true);
        }
    }
}

fn event(person: &Person<'_>, news: bool, event: &impl Payload) -> Result<Option<Batch>, Failure> {
    news.then(|| Batch::new().add(&user::aggregate(&person.user.id), person.version, event)).transpose()
}
