//! A user's session at the provider, known to relying parties by its `sid`.

use crate::config::Lifetimes;
use crate::log::{Aggregate, Failure, Log, Payload as _, events};
use crate::names::{BrowserId, Issuer, SessionId, UserId};

events! {
    /// A user has signed in.
    "session.added" SessionAdded {
        /// Who.
        user_id: UserId,
        /// In which browser.
        browser_id: BrowserId,
        /// At which issuer.
        issuer: Issuer,
        /// How (RFC 8176).
        amr: Vec<String>,
    }
    /// The user has signed in again, in the same session.
    "session.reauthenticated" SessionReauthenticated {
        /// How (RFC 8176).
        amr: Vec<String>,
    }
    /// The session was ended by somebody. Mere expiry is no event.
    "session.terminated" SessionTerminated {
        /// The issuer over whose origin that happened. Logout tokens have the issuer of the sign-in, whatever this is.
        #[serde(rename = "triggerOrigin")]
        trigger_origin: Issuer,
    }
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// The version of the aggregate.
    pub version: u64,
    /// The `sid`.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// In which browser.
    pub browser_id: BrowserId,
    /// At which issuer.
    pub issuer: Issuer,
    /// When it began.
    pub began_ms: i64,
    /// When the user last proved who they are, in seconds: `auth_time`.
    pub auth_time: i64,
    /// How they did: `amr`.
    pub amr: Vec<String>,
    /// Whether somebody ended it.
    pub terminated: bool,
}

/// The aggregate of a session.
pub fn aggregate(id: &SessionId) -> Aggregate {
    Aggregate::new("session", id.as_str())
}

impl Session {
    /// The session of this `sid`, ended or not.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, id: &SessionId) -> Result<Option<Self>, Failure> {
        let mut session: Option<Self> = None;
        for event in log.load(&aggregate(id)).await? {
            match (event.kind.as_str(), &mut session) {
                (SessionAdded::TYPE, session) => {
                    let added: SessionAdded = event.read()?;
                    *session = Some(Self {
                        version: 0,
                        id: id.clone(),
                        user_id: added.user_id,
                        browser_id: added.browser_id,
                        issuer: added.issuer,
                        began_ms: event.at_ms,
                        auth_time: event.at_ms.div_euclid(1000),
                        amr: added.amr,
                        terminated: false,
                    });
                }
                (SessionReauthenticated::TYPE, Some(session)) => {
                    let again: SessionReauthenticated = event.read()?;
                    session.auth_time = event.at_ms.div_euclid(1000);
                    session.amr = again.amr;
                }
                (SessionTerminated::TYPE, Some(session)) => session.terminated = true,
                _ => {}
            }
            if let Some(session) = &mut session {
                session.version = event.version;
            }
        }
        Ok(session)
    }

    /// Whether it can still be used. The idle time counts from its last use, which the browser's own aggregate knows.
    pub fn alive_at(&self, now_ms: i64, last_used_ms: i64, lifetimes: &Lifetimes) -> bool {
        !self.terminated && now_ms - self.began_ms < lifetimes.session_absolute.ms() && now_ms - last_used_ms < lifetimes.session_idle.ms()
    }
}
