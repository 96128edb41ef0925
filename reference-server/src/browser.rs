//! By what a browser is known again, and how its forms are told from forged ones.

use hyper::header::SET_COOKIE;

use crate::exchange::Answer;
use crate::log::{Aggregate, Failure};
use crate::names::{BrowserCookie, BrowserId, FormToken};
use crate::params::Params;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::state::browser::Browser;
use crate::world::fresh::browser_id;

/// A browser that asks something.
pub struct Visit {
    /// Which.
    pub browser_id: BrowserId,
    /// The cookie to give it, if it is new.
    new: Option<BrowserCookie>,
}

/// The cookie of the origin. Its prefix keeps other hosts of the domain from planting one; over plain HTTP there is no such thing.
fn cookie_name(cx: &Cx<'_>) -> &'static str {
    if cx.origin.secure { "__Host-browser" } else { "browser" }
}

/// The cookie that the browser brought.
pub fn cookie(cx: &Cx<'_>) -> Option<BrowserCookie> {
    cx.request.cookie(cookie_name(cx)).map(BrowserCookie::new)
}

impl Visit {
    /// The browser that brought its cookie, known or not.
    pub fn known(cx: &Cx<'_>) -> Option<Self> {
        let cookie = cookie(cx)?;
        Some(Self { browser_id: browser_id(&cx.origin.issuer, &cookie), new: None })
    }

    /// The browser that brought a cookie of ours, or else a new one. A cookie that we did not make is not taken over.
    ///
    /// With it comes the version that the browser must still have when something is written of it. For a new one that is none: it is
    /// named by the head of the log, and two that come at once have the same name. One of them is written first, and the other decides
    /// again; else they were one browser from then on, and whoever signed in there had signed the other in too.
    ///
    /// # Errors
    /// The store failed.
    pub async fn known_or_new(cx: &Cx<'_>, attempt: u64) -> Result<(Self, u64), Failure> {
        let log = &cx.provider.log;
        if let Some(known) = Self::known(cx) {
            let version = Browser::load(log, &known.browser_id).await?.version;
            if version > 0 {
                return Ok((known, version));
            }
        }
        // Whoever finds the name taken must not wait for the head to move.
        let purpose = if attempt == 0 { "browser".to_owned() } else { format!("browser {attempt}") };
        let cookie = BrowserCookie::new(cx.provider.world.fresh.secret(&Aggregate::new("log", "head"), log.head(), &purpose));
        Ok((Self { browser_id: browser_id(&cx.origin.issuer, &cookie), new: Some(cookie) }, 0))
    }

    /// The answer, with the cookie if the browser is new.
    pub fn remembered(&self, cx: &Cx<'_>, answer: Answer) -> Answer {
        let Some(cookie) = &self.new else { return answer };
        let secure = if cx.origin.secure { "; Secure" } else { "" };
        let line = format!("{}={}; Path=/; HttpOnly; SameSite=Lax{secure}", cookie_name(cx), cookie.reveal());
        answer.with_text(SET_COOKIE, &line)
    }

    /// What the forms of this browser carry.
    pub fn form_token(&self, cx: &Cx<'_>) -> FormToken {
        cx.provider.world.fresh.form_token(&self.browser_id)
    }
}

/// A form that was shown in this very browser.
///
/// # Errors
/// It was not, or it is no form.
pub fn own_form(cx: &Cx<'_>) -> Result<(Visit, Params), Refusal> {
    let params = cx.request.form_params()?;
    params.none_repeated()?;
    let visit = Visit::known(cx).ok_or(Refusal::FormForged)?;
    let shown = params.get("form_token")?.map(FormToken::new).ok_or(Refusal::FormForged)?;
    if visit.form_token(cx).matches(&shown) { Ok((visit, params)) } else { Err(Refusal::FormForged) }
}
