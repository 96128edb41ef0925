//! Who wants to be told when a session ends, and who has been.

use crate::log::{Aggregate, Failure, Log, Payload as _, events};
use crate::names::{ClientId, Issuer, OidcSessionId, SessionId, UserId};

events! {
    /// A client has got an ID token in this session, and wants to be told when the session ends.
    "session_logout.back_channel.registered" Registered {
        /// Which tokens.
        oidc_session_id: OidcSessionId,
        /// Whose session.
        user_id: UserId,
        /// The client.
        client_id: ClientId,
        /// The address that it had then.
        back_channel_logout_uri: String,
        /// The issuer of its ID token, which its logout token has too.
        issuer: Issuer,
    }
    /// A client was told.
    "session_logout.back_channel.sent" Sent {
        /// The first registration that this settles.
        oidc_session_id: OidcSessionId,
        /// The client.
        client_id: ClientId,
        /// Which attempt it was; the first is 1.
        attempt: u32,
    }
    /// A client could not be told, and is not tried again.
    "session_logout.back_channel.failed" Failed {
        /// The first registration that this settles.
        oidc_session_id: OidcSessionId,
        /// The client.
        client_id: ClientId,
        /// Which attempt was the last; the first is 1.
        attempt: u32,
        /// What came of it.
        reason: String,
    }
}

/// One telling that is due: one client at one address, however often it signed in there.
#[derive(Clone, Debug)]
pub struct Telling {
    /// The session that ended.
    pub session_id: SessionId,
    /// The first registration.
    pub first: Registered,
}

/// The registrations of a session.
#[derive(Clone, Debug, Default)]
pub struct SessionLogout {
    /// The version of the aggregate.
    pub version: u64,
    registered: Vec<Registered>,
    settled: Vec<OidcSessionId>,
}

/// The aggregate of a session's registrations.
pub fn aggregate(id: &SessionId) -> Aggregate {
    Aggregate::new("session_logout", id.as_str())
}

impl SessionLogout {
    /// The registrations of this session.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, id: &SessionId) -> Result<Self, Failure> {
        let mut logout = Self::default();
        for event in log.load(&aggregate(id)).await? {
            logout.version = event.version;
            match event.kind.as_str() {
                Registered::TYPE => logout.registered.push(event.read()?),
                Sent::TYPE => logout.settled.push(event.read::<Sent>()?.oidc_session_id),
                Failed::TYPE => logout.settled.push(event.read::<Failed>()?.oidc_session_id),
                _ => {}
            }
        }
        Ok(logout)
    }

    /// Who is to be told still: a client at an address, once, under its first registration.
    pub fn tellings(&self, session_id: &SessionId) -> Vec<Telling> {
        let mut firsts: Vec<&Registered> = Vec::new();
        for registered in &self.registered {
            let same = |first: &&Registered| {
                (&first.client_id, &first.back_channel_logout_uri) == (&registered.client_id, &registered.back_channel_logout_uri)
            };
            if !firsts.iter().any(same) {
                firsts.push(registered);
            }
        }
        let due = firsts.into_iter().filter(|first| !self.settled.contains(&first.oidc_session_id));
        due.map(|first| Telling { session_id: session_id.clone(), first: first.clone() }).collect()
    }
}
