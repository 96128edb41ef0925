//! The device grant (RFC 8628): the device asks for its codes, a person types one and decides, the device asks for its tokens.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use serde_json::Value;

use super::Doing;
use super::credentials::Asker;
use super::grants::granted;
use super::plain::reply;
use crate::drive::browser::Intent;
use crate::drive::page::Flow;
use crate::drive::recorder::Errand;
use crate::drive::site::{Pause, Site, get};
use crate::transcript::{Answer, Endpoint, Landed, Millis, Reply};

/// What is waited for where the provider says nothing (§3.2), and what `slow_down` adds (§3.5).
const FIVE_SECONDS: Millis = 5000;

/// A device asks for its codes (§3.1).
pub async fn device(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let asker = Asker::of(site, doing)?;
    let endpoint = site.endpoint_of(&asker.origin, "device_authorization_endpoint", "device").await?;
    let mut request = asker.post(site, doing, &endpoint, &[]).await?;
    let edited = doing.change(&mut request);
    let errand = Errand { edited, ..doing.errand(Some(&asker.name)) };
    let index = site.recorder.send(Endpoint::Device, &asker.origin, request, &errand).await;
    let mut reply = reply(site, index);
    let brought = |a: &Answer| a.json().is_some_and(|body| body.get("device_code").is_some_and(Value::is_string));
    reply.success &= site.recorder.answer(index).is_some_and(|a| brought(&a));
    reply.context.extend([("client".to_owned(), asker.name), ("origin".to_owned(), asker.origin)]);
    Ok(reply)
}

/// A person opens the address that the device shows, types the code and decides (§3.3).
pub async fn enter_code(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let (origin, browser, name) = (doing.origin(), doing.browser(), doing.client());
    let code = doing.text_or_of("user_code", &["json", "user_code"]).ok_or("there is no user code to type")?;
    let typed = doing.text("typed").unwrap_or("exact");
    let member = if typed == "complete" { "verification_uri_complete" } else { "verification_uri" };
    let address = doing.of(&["json", member]).and_then(|a| a.as_str().map(str::to_owned));
    let address = address.ok_or_else(|| format!("the device was told no `{member}` to open"))?;
    // Discovery says where the target is, and a browser goes nowhere else.
    site.metadata(&origin).await?;
    let intent = Intent {
        person: doing.person(site)?,
        decide: Some(doing.text("decide") != Some("deny")),
        user_code: Some(spelled(&code, typed, &doing.number)),
    };
    let user = doing.text("user").map(str::to_owned);
    let errand = Errand { browser: Some(browser.clone()), user: user.clone(), ..doing.errand(name.as_deref()) };
    let went = site.browser(&browser)?.go(&site.recorder, site, Flow::Device, get(&address), &intent, &errand).await?;
    let mut context = BTreeMap::from([("origin".to_owned(), origin), ("browser".to_owned(), browser)]);
    context.extend(name.map(|n| ("client".to_owned(), n)).into_iter().chain(user.map(|u| ("user".to_owned(), u))));
    Ok(Reply {
        request: Some(went.first),
        answer: Some(went.last),
        landed: went.landed,
        callback: went.callback,
        success: went.landed == Some(Landed::Done),
        context,
        made: Value::Null,
    })
}

/// The device asks for its tokens (§3.4).
pub async fn poll(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let asker = Asker::of(site, doing)?;
    let code = device_code(doing).ok_or("there is no device code to ask with")?;
    let params = [("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", &*code)];
    let asked = site.time.now();
    let reply = granted(site, doing, &asker, &params).await?;
    let slower = reply.answer.and_then(|i| site.recorder.answer(i)).and_then(|a| a.json()).is_some_and(|b| b["error"] == "slow_down");
    let mut pauses = site.pauses.lock().unwrap_or_else(PoisonError::into_inner);
    let known = pauses.entry(code).or_insert_with(|| Pause { asked, pause: told(doing) });
    known.asked = asked;
    if slower {
        known.pause = known.pause.saturating_add(FIVE_SECONDS);
    }
    Ok(reply)
}

/// How long a device has to wait yet before this poll: nothing before its first one, for the pause is one between polls (§3.5).
pub fn pause(site: &Site, doing: &Doing<'_>) -> Option<Millis> {
    if doing.verb != crate::scenario::Verb::Poll || doing.fields.get("early") == Some(&Value::Bool(true)) {
        return None;
    }
    let code = device_code(doing)?;
    let known = *site.pauses.lock().unwrap_or_else(PoisonError::into_inner).get(&code)?;
    Some(known.asked.saturating_add(known.pause).saturating_sub(site.time.now())).filter(|left| *left > 0)
}

fn device_code(doing: &Doing<'_>) -> Option<String> {
    doing.text_or_of("device_code", &["json", "device_code"])
}

/// The pause that the device was told.
fn told(doing: &Doing<'_>) -> Millis {
    let interval = doing.of(&["json", "interval"]).and_then(|i| i.as_f64()).filter(|i| *i >= 0.0);
    interval.map_or(FIVE_SECONDS, |seconds| (seconds * 1000.0) as Millis)
}

/// A user code as somebody types it. What is wrong is of the same shape, and another one each time.
fn spelled(code: &str, typed: &str, number: &str) -> String {
    match typed {
        "lower" => code.to_lowercase(),
        "no-dash" => code.chars().filter(char::is_ascii_alphanumeric).collect(),
        "spaces" => {
            let half = code.len() / 2;
            let apart = code.replace(|c: char| !c.is_ascii_alphanumeric(), " ");
            let parts = if apart.contains(' ') { None } else { apart.split_at_checked(half).map(|(a, b)| format!("{a} {b}")) };
            format!(" {} ", parts.unwrap_or(apart))
        }
        "wrong" => {
            let by = number.rsplit('.').next().and_then(|n| n.parse::<usize>().ok()).unwrap_or(0);
            code.chars().map(|c| rotated(c, by % 9 + 1)).collect()
        }
        _ => code.to_owned(),
    }
}

/// The letter or digit so many places on, among those that codes are made of (§6.1: consonants, for they spell nothing).
fn rotated(c: char, by: usize) -> char {
    let alphabets = ["BCDFGHJKLMNPQRSTVWXZ", "AEIOUY", "0123456789"];
    let upper = c.to_ascii_uppercase();
    let found = alphabets.iter().find_map(|all| Some((all, all.find(upper)?)));
    found.and_then(|(all, at)| all.chars().nth((at + by) % all.len())).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_typed_in_every_way_that_people_type() {
        let all = ["exact", "lower", "no-dash", "spaces", "wrong", "complete"].map(|typed| spelled("WDJB-MJHT", typed, "3.0"));
        assert_eq!(all, ["WDJB-MJHT", "wdjb-mjht", "WDJBMJHT", " WDJB MJHT ", "XFKC-NKJV", "WDJB-MJHT"]);
        assert_eq!(spelled("12345678", "spaces", "0.0"), " 1234 5678 ");
        assert_eq!(spelled("12345678", "wrong", "0.1"), "34567890");
        assert_ne!(spelled("WDJB-MJHT", "wrong", "3.1"), spelled("WDJB-MJHT", "wrong", "3.2"));
    }
}
