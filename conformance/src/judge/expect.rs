//! Expectations: what a scenario says has to be seen, held against what was.
//!
//! [`findings`] is for a check and its own transcript. A proof takes it apart: [`Wanted::of`], [`Evidence::of`], [`findings_on`].

use serde_json::Value;

use super::evidence::{Answered, Evidence, shown};
use super::verdict::Finding;
use super::wanted::{Line, Wanted, at_time};
use super::{deliveries, events};
use crate::scenario::{Check, Refused};
use crate::transcript::{Outcome, Transcript, view};

/// What does not fit of one check in one transcript, line by line in the order of [`Wanted::lines`]. Nothing: it passes.
///
/// # Errors
/// Why nothing can be said: a reference that leads nowhere, a log that was not read.
pub fn findings(check: &Check, transcript: &Transcript) -> Result<Vec<Finding>, String> {
    let evidence = Evidence::of(check, transcript)?;
    let wanted = Wanted::of(check, transcript)?;
    if !wanted.events.is_empty() && evidence.log.is_none() {
        return Err("the event log was not read".into());
    }
    Ok(findings_on(&wanted, &evidence))
}

/// The lines of a check's expectations as they stand in its transcript.
///
/// # Errors
/// As [`findings`].
pub fn lines(check: &Check, transcript: &Transcript) -> Result<Vec<Line>, String> {
    Ok(Wanted::of(check, transcript)?.lines())
}

/// Holds evidence, altered or not, against what is wanted.
pub fn findings_on(wanted: &Wanted, evidence: &Evidence) -> Vec<Finding> {
    if let Outcome::Stuck(why) = &evidence.outcome {
        let exchange = evidence.reply().and_then(|r| r.exchange);
        let got = format!("no answer: {why}");
        return vec![finding(wanted, "asked", "an answer".into(), got, exchange)];
    }
    let mut findings = reply(wanted, evidence);
    findings.extend(deliveries::findings(wanted, evidence));
    findings.extend(events::findings(wanted, evidence));
    findings
}

fn finding(wanted: &Wanted, place: &str, want: String, got: String, exchange: Option<usize>) -> Finding {
    Finding { check: wanted.check.clone(), place: place.to_owned(), wanted: want, got, exchange, delivery: None }
}

fn reply(wanted: &Wanted, evidence: &Evidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    if wanted.reply.is_empty() && wanted.refused.is_none() && wanted.succeed.is_none() {
        if let Outcome::Failed(why) = &evidence.outcome {
            let exchange = evidence.reply().and_then(|r| r.exchange);
            findings.push(finding(wanted, "asked", "it works".into(), why.clone(), exchange));
        }
        return findings;
    }
    let nothing = Answered { tree: Value::Null, success: false, silence: None, sent: 0, answered: 0, exchange: None };
    let counting = evidence.reply().unwrap_or(&nothing);
    if wanted.each && !evidence.replies.is_empty() {
        for (number, answered) in evidence.replies.iter().enumerate() {
            let mut here = places(wanted, answered);
            here.extend(wanted.refused.as_ref().and_then(|r| refusal(wanted, r, answered)));
            here.iter_mut().for_each(|f| f.got = format!("{} (time {} of {})", f.got, number + 1, evidence.replies.len()));
            findings.extend(here);
        }
        return findings;
    }
    findings.extend(places(wanted, counting));
    let Some(succeed) = wanted.succeed else {
        findings.extend(wanted.refused.as_ref().and_then(|r| refusal(wanted, r, counting)));
        return findings;
    };
    let (good, bad): (Vec<_>, Vec<_>) = evidence.replies.iter().partition(|r| r.success);
    if let Some(refused) = &wanted.refused {
        findings.extend(bad.iter().find_map(|answered| refusal(wanted, refused, answered)));
    }
    if good.len() != usize::try_from(succeed).unwrap_or(usize::MAX) {
        let all = evidence.replies.len();
        let exchange = good.last().or(bad.first()).and_then(|r| r.exchange);
        findings.push(finding(
            wanted,
            "succeed",
            format!("{succeed} of {all} succeed"),
            format!("{} of {all} succeeded", good.len()),
            exchange,
        ));
    }
    findings
}

fn places(wanted: &Wanted, answered: &Answered) -> Vec<Finding> {
    let mut findings = Vec::new();
    for line in &wanted.reply {
        let got = view::at(&answered.tree, &line.path);
        let matcher = at_time(&line.matcher, answered.sent - wanted.skew, answered.answered + wanted.skew);
        // Where no answer came at all, not even an absence was seen.
        if answered.silence.is_none() && matcher.fits(got.as_ref()) {
            continue;
        }
        let got = answered.silence.as_ref().map_or_else(|| shown(got.as_ref()), |why| format!("no answer: {why}"));
        findings.push(finding(wanted, &line.place(), matcher.words(), got, answered.exchange));
    }
    findings
}

/// What speaks against the reply being that refusal.
fn refusal(wanted: &Wanted, refused: &Refused, answered: &Answered) -> Option<Finding> {
    let seen = Seen { tree: &answered.tree };
    let fits = answered.silence.is_none()
        && seen.issued().is_none()
        && match refused {
            Refused::Codes(codes) => seen.error_of(codes),
            Refused::AtClient(codes) => seen.text(&["callback", "error"]).is_some_and(|error| codes.contains(&error)),
            Refused::Page => seen.page(),
            Refused::Any => seen.any(),
        };
    let want = match refused {
        Refused::Codes(codes) => format!("4xx {}", codes.join(" or ")),
        Refused::AtClient(codes) => format!("{} at the client", codes.join(" or ")),
        Refused::Page => "a page of the provider".into(),
        Refused::Any => "a refusal".into(),
    };
    let got = answered.silence.as_ref().map_or_else(|| seen.words(), |why| format!("no answer: {why}"));
    (!fits).then(|| finding(wanted, "refused", want, got, answered.exchange))
}

/// A reply, looked at for a refusal.
struct Seen<'a> {
    tree: &'a Value,
}

impl Seen<'_> {
    fn text(&self, path: &[&str]) -> Option<String> {
        view::at(self.tree, path).and_then(|v| v.as_str().map(str::to_owned))
    }

    fn has(&self, path: &[&str]) -> bool {
        view::at(self.tree, path).is_some_and(|v| !v.is_null())
    }

    fn status(&self) -> Option<u64> {
        self.tree.get("status").and_then(Value::as_u64)
    }

    /// What a refusal must not bring along.
    fn issued(&self) -> Option<&'static str> {
        let body = ["access_token", "refresh_token", "id_token", "device_code"];
        let here = body.into_iter().find(|name| self.has(&["json", name]) || (*name != "device_code" && self.has(&[name])));
        here.or_else(|| ["code", "access_token", "id_token"].into_iter().find(|name| self.has(&["callback", name])))
    }

    /// One of these errors: as JSON with a status of 4xx, or at the client where the reply is the client's.
    fn error_of(&self, codes: &[String]) -> bool {
        let known = |error: Option<String>| error.is_some_and(|e| codes.contains(&e));
        if self.tree.get("callback").is_some() {
            return known(self.text(&["callback", "error"]));
        }
        self.status().is_some_and(|s| (400..500).contains(&s)) && known(self.text(&["json", "error"]))
    }

    /// A page of the provider's own, where the browser stays; that a device is connected is no refusal.
    fn page(&self) -> bool {
        let landed = self.text(&["landed"]);
        let elsewhere = ["callback", "post_logout", "elsewhere", "done"];
        landed.is_some_and(|l| !elsewhere.contains(&l.as_str())) && self.tree.get("callback").is_none()
    }

    /// Any refusal: a status of 4xx, an error at the client, or the provider's error page, whatever its status.
    fn any(&self) -> bool {
        self.has(&["callback", "error"])
            || (self.tree.get("callback").is_none()
                && (self.status().is_some_and(|s| (400..500).contains(&s)) || self.text(&["landed"]).as_deref() == Some("error")))
    }

    /// The reply in a few words.
    fn words(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.status().map(|s| s.to_string()));
        words.extend(self.text(&["json", "error"]));
        words.extend(self.text(&["landed"]).map(|l| format!("landed on {l}")));
        words.extend(self.text(&["callback", "error"]));
        words.extend(self.issued().map(|what| format!("with {what}")));
        if words.is_empty() { "nothing".into() } else { words.join(" ") }
    }
}
