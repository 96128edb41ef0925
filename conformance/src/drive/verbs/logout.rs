//! RP-initiated logout: the browser goes to the end-session endpoint, and the person answers.

use serde_json::Value;

use super::Doing;
use crate::drive::browser::Intent;
use crate::drive::edit::texts;
use crate::drive::page::Flow;
use crate::drive::recorder::Errand;
use crate::drive::site::{Site, get};
use crate::transcript::{Landed, Reply};

/// Logout by the browser, form answered.
pub async fn end_session(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let (origin, browser, name) = (doing.origin(), doing.browser(), doing.client());
    let endpoint = site.endpoint(&origin, "end_session_endpoint").await?;
    let mut url = url::Url::parse(&endpoint).map_err(|e| format!("`{endpoint}`: {e}"))?;
    let hint = doing.of(&["id_token"]).and_then(|t| t.as_str().map(str::to_owned)).filter(|_| doing.text("id_token_hint").is_none());
    if let Some(hint) = hint {
        url.query_pairs_mut().append_pair("id_token_hint", &hint);
    }
    for (param, value) in doing.wire() {
        for text in texts(value) {
            url.query_pairs_mut().append_pair(param, &text);
        }
    }
    let mut request = get(url.as_str());
    crate::drive::edit::apply(&mut request, doing.edits);
    let errand = Errand { browser: Some(browser.clone()), edited: doing.edits.marks(), ..doing.errand(name.as_deref()) };
    let decide = match doing.text("decide") {
        Some("leave") => None,
        Some("no") => Some(false),
        _ => Some(true),
    };
    let went = site
        .browser(&browser)?
        .go(&site.recorder, site, Flow::EndSession, request, &Intent { decide, ..Intent::default() }, &errand)
        .await?;
    // Who leaves the question open, or says no, is not signed out; that the page came is all there is to bring.
    let success = match decide {
        Some(true) => matches!(went.landed, Some(Landed::PostLogout | Landed::SignedOut)),
        Some(false) => went.landed.is_some_and(|l| !matches!(l, Landed::Error | Landed::Elsewhere)),
        None => matches!(went.landed, Some(Landed::PostLogout | Landed::SignedOut | Landed::Confirm)),
    };
    let mut context = std::collections::BTreeMap::from([("origin".to_owned(), origin), ("browser".to_owned(), browser)]);
    context.extend(name.map(|n| ("client".to_owned(), n)));
    Ok(Reply {
        request: Some(went.first),
        answer: Some(went.last),
        landed: went.landed,
        callback: went.callback,
        success,
        context,
        made: Value::Null,
    })
}
