//! A browser: the sessions that it holds, and which of them was used last.

use std::collections::BTreeSet;

use crate::config::Lifetimes;
use crate::log::{Aggregate, Failure, Log, Payload as _, events};
use crate::names::{BrowserId, SessionId, SignInId, UserId, VerificationId};
use crate::state::session::Session;

events! {
    /// An authorization request came from this browser.
    "browser.sign_in.started" BrowserSignInStarted {
        /// The request.
        auth_request_id: SignInId,
    }
    /// A browser that nobody knew was shown the sign-in of the admin page.
    "browser.admin_page.shown" BrowserAdminPageShown {}
    /// A browser that nobody knew was shown the page for the code of a device.
    "browser.device_page.shown" BrowserDevicePageShown {}
    /// The code of a device was entered in this browser.
    "browser.device_verification.started" BrowserDeviceVerificationStarted {
        /// What came of it.
        verification_id: VerificationId,
    }
    /// A session of this browser was used for an answer, or begun; it is the current one now.
    "browser.session.used" BrowserSessionUsed {
        /// The session.
        session_id: SessionId,
    }
    /// A session of this browser has ended.
    "browser.session.removed" BrowserSessionRemoved {
        /// The session.
        session_id: SessionId,
    }
}

/// A browser.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// The version of the aggregate; zero if the browser is new.
    pub version: u64,
    /// Its sessions and when each was used last, the one used last at the end.
    used: Vec<(SessionId, i64)>,
    /// The session used last, unless it was ended: then nobody else takes its place unasked.
    current: Option<SessionId>,
}

/// The sessions of a browser that can be used.
#[derive(Clone, Debug, Default)]
pub struct LiveSessions {
    /// All of them, the one used last first.
    pub all: Vec<Session>,
    /// The name of the current one.
    current: Option<SessionId>,
}

impl LiveSessions {
    /// The current one.
    pub fn current(&self) -> Option<&Session> {
        self.current.as_ref().and_then(|id| self.get(id))
    }

    /// The one of this name.
    pub fn get(&self, id: &SessionId) -> Option<&Session> {
        self.all.iter().find(|session| session.id == *id)
    }

    /// The one of this user.
    pub fn of_user(&self, user: &UserId) -> Option<&Session> {
        self.all.iter().find(|session| session.user_id == *user)
    }

    /// One of these users, the one used last if there are several.
    pub fn of_one(&self, users: &BTreeSet<UserId>) -> Option<&Session> {
        self.all.iter().find(|session| users.contains(&session.user_id))
    }
}

/// The aggregate of a browser.
pub fn aggregate(id: &BrowserId) -> Aggregate {
    Aggregate::new("browser", id.as_str())
}

impl Browser {
    /// The browser of this name; an empty one if nobody knows it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, id: &BrowserId) -> Result<Self, Failure> {
        let mut browser = Self::default();
        for event in log.load(&aggregate(id)).await? {
            browser.version = event.version;
            match event.kind.as_str() {
                BrowserSessionUsed::TYPE => {
                    let used: BrowserSessionUsed = event.read()?;
                    browser.used.retain(|(known, _)| *known != used.session_id);
                    browser.current = Some(used.session_id.clone());
                    browser.used.push((used.session_id, event.at_ms));
                }
                BrowserSessionRemoved::TYPE => {
                    let removed: BrowserSessionRemoved = event.read()?;
                    browser.current = browser.current.filter(|current| *current != removed.session_id);
                    browser.used.retain(|(known, _)| *known != removed.session_id);
                }
                _ => {}
            }
        }
        Ok(browser)
    }

    /// When a session of this browser was used last.
    pub fn last_used_ms(&self, id: &SessionId) -> Option<i64> {
        self.used.iter().find(|(known, _)| known == id).map(|(_, at_ms)| *at_ms)
    }

    /// Its sessions that can be used.
    ///
    /// # Errors
    /// The store failed.
    pub async fn live_sessions(&self, log: &Log, now_ms: i64, lifetimes: &Lifetimes) -> Result<LiveSessions, Failure> {
        let mut all = Vec::new();
        for (id, used_ms) in self.used.iter().rev() {
            all.extend(Session::load(log, id).await?.filter(|session| session.alive_at(now_ms, *used_ms, lifetimes)));
        }
        Ok(LiveSessions { all, current: self.current.clone() })
    }
}
