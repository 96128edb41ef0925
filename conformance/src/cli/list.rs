//! `touchstone list`: every check and rule, as lines or as JSON.

use std::fmt::Write as _;

use serde_json::json;

use super::suite::Suite;
use super::{Format, ListArgs, Stop, say, select};
use crate::nearest::nearest;
use crate::report::coverage::Coverage;

/// Prints them.
///
/// # Errors
/// Files that are wrong, or a prefix that begins no id.
pub fn list(args: &ListArgs) -> Result<u8, Stop> {
    let suite = Suite::load(args.scenarios.as_deref())?;
    let coverage = Coverage::of(&suite.checks, suite.rules, &suite.requirements);
    if args.counts {
        say(&coverage.counts());
        return Ok(0);
    }
    if let Some(document) = &args.requirements {
        let stems = || suite.requirements.documents().map(|(d, _)| d.stem.as_str());
        if let Some(document) = document.as_deref().filter(|d| !stems().any(|stem| stem == *d)) {
            let near =
                nearest(document, stems()).map_or_else(|| stems().collect::<Vec<_>>().join(", "), |near| format!("did you mean `{near}`?"));
            return Err(Stop::Usage(format!("there is no document `{document}`; {near}")));
        }
        say(&format!("{}{}", coverage.requirements(document.as_deref()), coverage.by_document()));
        return Ok(0);
    }
    for prefix in &args.only {
        if !suite.ids().any(|id| id.starts_with(prefix.as_str())) {
            return Err(Stop::Usage(select::nothing("check or rule", prefix, suite.ids())));
        }
    }
    let wanted = |id: &str| args.only.is_empty() || args.only.iter().any(|prefix| id.starts_with(prefix.as_str()));
    say(&match args.format {
        Format::Text => text(&suite, wanted),
        Format::Json => as_json(&suite, wanted),
    });
    Ok(0)
}

/// A file with its sentence, and its rows below it.
fn text(suite: &Suite, wanted: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    let (mut checks, mut file) = (0, "");
    for check in suite.checks.iter().filter(|c| wanted(&c.id)) {
        checks += 1;
        let of = check.id.split('#').next().unwrap_or(&check.id);
        if of != file {
            let _ = writeln!(text, "{of}\n    {}", check.title);
            file = of;
        }
        if let Some(row) = check.row() {
            let _ = writeln!(text, "    #{row}");
        }
    }
    let rules: Vec<_> = suite.rules.iter().filter(|r| wanted(r.id)).collect();
    if !rules.is_empty() {
        text.push_str("\nrules, over everything that is recorded\n");
    }
    for rule in &rules {
        let _ = writeln!(text, "    {}\n        {}", rule.id, rule.asks);
    }
    let _ = writeln!(text, "\n{checks} checks, {} rules", rules.len());
    text
}

/// `{ "checks": [{ id, title, file, line, cites, needs }], "rules": [{ id, asks, cites }] }`
fn as_json(suite: &Suite, wanted: impl Fn(&str) -> bool) -> String {
    let checks = suite
        .checks
        .iter()
        .filter(|c| wanted(&c.id))
        .map(|c| json!({ "id": c.id, "title": c.title, "file": c.file, "line": c.line, "cites": c.cites, "needs": c.needs }));
    let rules = suite.rules.iter().filter(|r| wanted(r.id)).map(|r| json!({ "id": r.id, "asks": r.asks, "cites": r.cites }));
    let all = json!({ "checks": checks.collect::<Vec<_>>(), "rules": rules.collect::<Vec<_>>() });
    format!("{}\n", serde_json::to_string_pretty(&all).unwrap_or_default())
}
