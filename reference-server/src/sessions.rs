//! Ending sessions, and waiting until those who have to know were told.

use crate::log::{Batch, Failure, NotWritten};
use crate::names::{Issuer, SessionId};
use crate::provider::{Cx, Provider};
use crate::refusal::Refusal;
use crate::state::browser::{self, Browser, BrowserSessionRemoved};
use crate::state::session::{self, Session, SessionTerminated};

/// What became of a session that somebody wanted to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It has ended now.
    Now,
    /// It had ended before, by somebody or by itself; nobody is told again.
    Before,
    /// There is no such session.
    Unknown,
}

/// Whether a session can still be used.
///
/// # Errors
/// The store failed.
pub async fn is_alive(provider: &Provider, session: &Session, now_ms: i64) -> Result<bool, Failure> {
    let browser = Browser::load(&provider.log, &session.browser_id).await?;
    Ok(alive_in(&browser, provider, session, now_ms))
}

fn alive_in(browser: &Browser, provider: &Provider, session: &Session, now_ms: i64) -> bool {
    let used_ms = browser.last_used_ms(&session.id).unwrap_or(session.began_ms);
    session.alive_at(now_ms, used_ms, &provider.config.lifetimes)
}

/// Ends a session. Its clients are told by whoever reads the log.
///
/// # Errors
/// The store failed.
pub async fn end(provider: &Provider, id: &SessionId, trigger_origin: &Issuer) -> Result<Ended, Refusal> {
    loop {
        let Some(session) = Session::load(&provider.log, id).await? else { return Ok(Ended::Unknown) };
        let browser = Browser::load(&provider.log, &session.browser_id).await?;
        let now_ms = provider.world.now_ms();
        if !alive_in(&browser, provider, &session, now_ms) {
            return Ok(Ended::Before);
        }
        let batch = Batch::new()
            .add(&session::aggregate(id), session.version, &SessionTerminated { trigger_origin: trigger_origin.clone() })?
            .add(&browser::aggregate(&session.browser_id), browser.version, &BrowserSessionRemoved { session_id: id.clone() })?;
        match provider.log.append(batch, now_ms).await {
            Ok(()) => return Ok(Ended::Now),
            Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => {}
            Err(NotWritten::Failed(failure)) => return Err(failure.into()),
        }
    }
}

/// Ends sessions, and comes back when every client's first telling is over or the grace has passed: RP-Initiated Logout 1.0 puts the
/// telling before the redirect, and a client that hangs must not hold the user up.
///
/// # Errors
/// The store failed.
pub async fn end_and_tell(cx: &mut Cx<'_>, ids: &[SessionId]) -> Result<(), Refusal> {
    let provider = cx.provider;
    // Asked for before the log has it, so that no telling is over before anybody waits for it.
    let told = provider.rounds.wait_for(ids);
    let mut ended_now = Vec::new();
    for id in ids {
        if end(provider, id, &cx.origin.issuer).await? == Ended::Now {
            ended_now.push(id.clone());
        }
    }
    if ended_now.is_empty() {
        return Ok(());
    }
    let name = ids.iter().map(SessionId::as_str).collect::<Vec<_>>().join(" ");
    let grace = provider.world.sleep(provider.config.delivery.grace.ms(), &format!("grace {name}"));
    cx.work
        .parked(async move {
            tokio::select! {
                biased;
                busy = told.over(&ended_now) => busy,
                busy = grace => busy,
            }
        })
        .await;
    Ok(())
}
