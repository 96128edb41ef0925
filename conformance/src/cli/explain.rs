//! `touchstone explain ID`: what a check, a rule, a requirement or a defect is, and what belongs to it.

use std::fmt::Write as _;

use serde_json::Value;

use super::suite::Suite;
use super::{ExplainArgs, Stop, say};
use crate::defect::Defect;
use crate::judge::rules::Rule;
use crate::nearest::nearest;
use crate::requirement::Requirement;
use crate::scenario::{Check, EventExpected, Expectations, Refused, Step, Tellings};

/// Prints it.
///
/// # Errors
/// Files that are wrong, or an id of nothing, with the nearest one.
pub fn explain(args: &ExplainArgs) -> Result<u8, Stop> {
    let suite = Suite::load(args.scenarios.as_deref())?;
    say(&text(&suite, &args.id).map_err(Stop::Usage)?);
    Ok(0)
}

/// # Errors
/// The sentence about an id of nothing.
fn text(suite: &Suite, id: &str) -> Result<String, String> {
    if let Some(check) = suite.checks.iter().find(|c| c.id == id) {
        return Ok(a_check(suite, check));
    }
    if let Some(rule) = suite.rules.iter().find(|r| r.id == id) {
        return Ok(a_rule(suite, rule));
    }
    if let Some(requirement) = suite.requirements.get(id) {
        return Ok(a_requirement(suite, requirement));
    }
    if let Some(defect) = suite.defects.get(id) {
        return Ok(a_defect(suite, defect));
    }
    let requirements = suite.requirements.iter().map(|r| r.id.as_str());
    let near = nearest(id, suite.ids().chain(suite.defects.names()).chain(requirements));
    let what = format!("there is no check, rule, requirement or defect `{id}`");
    Err(near.map_or(what.clone(), |near| format!("{what}; did you mean `{near}`?")))
}

fn a_check(suite: &Suite, check: &Check) -> String {
    let mut page = Page::new(&check.id, &format!("a check, scenarios/{}:{}", check.file, check.line));
    page.line("proves", &check.title);
    page.cites(suite, &check.cites);
    page.list("room by", &check.room);
    page.list("needs", &check.needs);
    for (n, step) in check.walk.iter().enumerate() {
        page.line(if n == 0 { "walk" } else { "" }, &in_words(step));
    }
    page.line("question", &in_words(&check.ask));
    if let Some(then) = &check.then {
        page.line("then", &in_words(then));
    }
    for (n, line) in wanted(&check.expect).iter().enumerate() {
        page.line(if n == 0 { "wanted" } else { "" }, line);
    }
    if let Some(same) = &check.same_walk_as {
        page.line("asks of", &format!("the same answer as {same}"));
    }
    page.list("controls", &check.base.iter().chain(&check.control).collect::<Vec<_>>());
    let proofs = if check.broken_by.is_empty() && check.unbreakable.is_none() {
        vec!["proofs derived from its own recording".to_owned()]
    } else {
        check.broken_by.clone()
    };
    page.list("broken by", &proofs);
    if let Some(why) = &check.unbreakable {
        page.line("no proof", why);
    }
    let rows: Vec<_> = suite.checks.iter().filter(|c| c.base.as_deref() == Some(check.id.as_str())).map(|c| c.id.clone()).collect();
    page.list("rows", &rows);
    page.line("alone", &format!("touchstone run --only {}", check.id));
    page.text
}

fn a_rule(suite: &Suite, rule: &Rule) -> String {
    let mut page = Page::new(rule.id, "a rule, over everything that is recorded");
    page.line("asks", rule.asks);
    page.cites(suite, rule.cites);
    page.list("broken by", rule.broken_by);
    page.text
}

fn a_requirement(suite: &Suite, r: &Requirement) -> String {
    let role = match r.role {
        crate::requirement::Role::Op => "of the provider",
        crate::requirement::Role::Rp => "of the relying party",
    };
    let mut page = Page::new(&r.id, &format!("a requirement, {role}"));
    page.line("document", &r.document.name);
    if let Some(url) = &r.document.url {
        page.line("", url);
    }
    page.line("clause", &r.to_string());
    page.line("says", &r.text);
    page.line("seen by", &r.observable);
    page.line("broken is", &r.negative);
    for (word, why) in [("not asked", &r.not_asked), ("differs", &r.differs)] {
        if let Some(why) = why {
            page.line(word, why);
        }
    }
    if !r.verified {
        page.line("note", "the section does not say so itself: it is judgement, or inferred");
    }
    page.list("checks", &suite.checks.iter().filter(|c| c.cites.contains(&r.id)).map(|c| c.id.as_str()).collect::<Vec<_>>());
    page.list("rules", &suite.rules.iter().filter(|c| c.cites.contains(&r.id.as_str())).map(|c| c.id).collect::<Vec<_>>());
    page.list("broken by", &suite.defects.0.values().filter(|d| d.breaks.contains(&r.id)).map(|d| d.id.as_str()).collect::<Vec<_>>());
    page.text
}

fn a_defect(suite: &Suite, d: &Defect) -> String {
    let mut page = Page::new(&d.id, &format!("a defect on the wire, fixtures/{}:{}", d.file, d.line));
    page.list("breaks", &d.breaks);
    page.list("seen in", &d.seen_in);
    for (word, text) in [("instead", &d.instead), ("note", &d.note)] {
        if let Some(text) = text {
            page.line(word, text);
        }
    }
    page.list("turns red", &suite.checks.iter().filter(|c| c.broken_by.contains(&d.id)).map(|c| c.id.as_str()).collect::<Vec<_>>());
    page.list("rules", &suite.rules.iter().filter(|r| r.broken_by.contains(&d.id.as_str())).map(|r| r.id).collect::<Vec<_>>());
    page.text
}

/// `redeem of={asked_for}, set code_verifier=abc, twice`
fn in_words(step: &Step) -> String {
    let verb = serde_json::to_value(step.verb).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    let mut words = verb;
    for (name, value) in &step.fields {
        let _ = write!(words, " {name}={}", plain(value));
    }
    for (edit, values) in [("set", &step.edits.set), ("repeat", &step.edits.repeat)] {
        for (name, value) in values {
            let _ = write!(words, ", {edit} {name}={}", plain(value));
        }
    }
    for name in &step.edits.drop {
        let _ = write!(words, ", drop {name}");
    }
    if let Some(times) = &step.times {
        let _ = write!(words, ", {} times", plain(times));
    }
    if let Some(n) = step.at_once {
        let _ = write!(words, ", {n} at once, of which {} succeed", step.succeed.unwrap_or(0));
    }
    if let Some(other) = &step.beside {
        let _ = write!(words, ", and at the same moment {}", in_words(other));
    }
    if let Some(refused) = &step.refused {
        let _ = write!(words, ", refused: {}", refusal(refused));
    }
    if let Some(name) = &step.save {
        let _ = write!(words, " ({name})");
    }
    words
}

fn wanted(e: &Expectations) -> Vec<String> {
    let mut lines: Vec<String> = e.refused.iter().map(|r| format!("refused: {}", refusal(r))).collect();
    lines.extend(e.reply.iter().map(|line| format!("{}: {}", line.place(), line.matcher.words())));
    for (client, tellings) in e.deliveries.iter().flatten() {
        lines.push(match tellings {
            Tellings::Reference(list) => format!("{client} is told of {list}"),
            Tellings::List(list) if list.is_empty() => format!("{client} is told nothing"),
            Tellings::List(list) => format!("{client} is told of {}", list.iter().map(|t| t.of.as_str()).collect::<Vec<_>>().join(", ")),
        });
    }
    if e.deliveries.is_some() {
        lines.push("nobody else is told".into());
    }
    for (prefix, events) in &e.events {
        lines.push(format!("events {prefix}…: {}", events.iter().map(event).collect::<Vec<_>>().join(", ")));
    }
    lines
}

fn event(event: &EventExpected) -> String {
    match event {
        EventExpected::One { r#type, .. } => r#type.clone(),
        EventExpected::AnyOrder(events) => format!("in any order ({})", events.iter().map(self::event).collect::<Vec<_>>().join(", ")),
    }
}

fn refusal(refused: &Refused) -> String {
    match refused {
        Refused::Codes(codes) => codes.join(" or "),
        Refused::AtClient(errors) => format!("{} at the client", errors.join(" or ")),
        Refused::Page => "a page of the provider".into(),
        Refused::Any => "in any form".into(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Lines with a word in front.
struct Page {
    text: String,
}

impl Page {
    fn new(id: &str, what: &str) -> Self {
        Self { text: format!("{id}\n    {what}\n") }
    }

    fn line(&mut self, word: &str, rest: &str) {
        let _ = writeln!(self.text, "    {word:<10} {rest}");
    }

    fn list<S: AsRef<str>>(&mut self, word: &str, members: &[S]) {
        for (n, member) in members.iter().enumerate() {
            self.line(if n == 0 { word } else { "" }, member.as_ref());
        }
    }

    fn cites<S: AsRef<str>>(&mut self, suite: &Suite, ids: &[S]) {
        for (n, id) in ids.iter().enumerate() {
            let id = id.as_ref();
            self.line(if n == 0 { "cites" } else { "" }, id);
            if let Some(requirement) = suite.requirements.get(id) {
                self.line("", &format!("  {requirement}: {}", requirement.text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::judge::rules::rules;
    use crate::report::sample::{HONEST, ROW, check, requirements};

    fn suite() -> Suite {
        let mut row = check(ROW);
        row.base = Some(HONEST.into());
        Suite {
            checks: Arc::new(vec![check(HONEST), row]),
            rules: rules(),
            requirements: Arc::new(requirements()),
            defects: Arc::default(),
        }
    }

    #[test]
    fn a_row_is_told_with_its_walk_and_what_it_changes() {
        insta::assert_snapshot!(text(&suite(), ROW).unwrap(), @r#"
        code/pkce-at-the-token-endpoint#another-verifier
            a check, scenarios/code/pkce-at-the-token-endpoint.toml:13
            proves     A code is bought with the verifier of its challenge and no other
            cites      rfc7636-4.6-mismatch-invalid-grant
                         RFC 7636 §4.6, MUST: A verifier that does not hash to the challenge is refused with invalid_grant.
            walk       authorize client=spa scope=openid user=alice (asked_for)
            question   redeem of={asked_for}, set code_verifier=another-verifier-another-verifier-another-v
            wanted     refused: invalid_grant
            controls   code/pkce-at-the-token-endpoint
            broken by  proofs derived from its own recording
            alone      touchstone run --only code/pkce-at-the-token-endpoint#another-verifier
        "#);
    }

    #[test]
    fn a_requirement_names_who_asks_for_it() {
        insta::assert_snapshot!(text(&suite(), "bcl-4-short-exp").unwrap(), @r#"
        bcl-4-short-exp
            a requirement, of the provider
            document   OpenID Connect Back-Channel Logout 1.0
            clause     Back-Channel Logout 1.0 §4, SHOULD (our reading)
            says       A logout token lives two minutes at most.
            seen by    exp
            broken is  a day
            rules      a-logout-token-lives-two-minutes
        "#);
    }

    #[test]
    fn a_rule_cites_its_clause() {
        insta::assert_snapshot!(text(&suite(), "a-logout-token-lives-two-minutes").unwrap(), @r#"
        a-logout-token-lives-two-minutes
            a rule, over everything that is recorded
            asks       A logout token ends two minutes after it was made, or sooner.
            cites      bcl-4-short-exp
                         Back-Channel Logout 1.0 §4, SHOULD (our reading): A logout token lives two minutes at most.
            broken by  logout-token-lives-a-day
        "#);
    }

    #[test]
    fn a_slip_is_told_the_nearest_id() {
        let said = text(&suite(), "bcl-4-short-exb").unwrap_err();
        assert_eq!(said, "there is no check, rule, requirement or defect `bcl-4-short-exb`; did you mean `bcl-4-short-exp`?");
        assert_eq!(text(&suite(), "xyz").unwrap_err(), "there is no check, rule, requirement or defect `xyz`");
    }
}
