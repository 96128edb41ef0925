//! The reports of the provider inside are committed: what changes in them is read before it is taken.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use conformance::judge::rules::rules;
use conformance::report::coverage::Coverage;
use conformance::report::snapshot::{Row, render};
use conformance::transcript::Transcript;

use crate::pipeline::{catalogue, report, requirements, walks};

const REPORTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../reports");

#[test]
fn the_reports_are_as_committed() {
    let requirements = requirements();
    let checks = catalogue(&requirements);
    let walks = walks(&checks, (0..checks.len()).collect(), 2);
    let report = report(&checks, &walks, &requirements);
    let entries: BTreeMap<&str, _> = report.checks.iter().map(|e| (e.id.as_str(), e)).collect();
    let transcripts: BTreeMap<&str, &Transcript> =
        walks.iter().filter_map(|w| w.record.transcript()).map(|t| (t.check.id.as_str(), t)).collect();
    let mut files: BTreeMap<&str, Vec<Row<'_>>> = BTreeMap::new();
    for check in &checks {
        let row = Row { check, entry: entries[check.id.as_str()], walk: transcripts.get(check.id.as_str()).copied() };
        files.entry(&check.file).or_default().push(row);
    }
    for (file, rows) in &files {
        let (area, name) = file.trim_end_matches(".toml").rsplit_once('/').unwrap_or(("", file));
        snapshot(area, name, &render(rows));
    }
    let rules = report.rules.iter().map(|rule| {
        let cites: Vec<_> = rule.requirements.iter().map(|r| r.clause()).collect();
        let verdict = format!("{:?}", rule.verdict).to_lowercase();
        format!("{} ── {verdict} ── {}\n    {}\n", rule.id, cites.join("; "), rule.asks)
    });
    snapshot("", "rules", &rules.collect::<String>());
    none_is_left_over(&files.keys().map(|file| file.trim_end_matches(".toml").to_owned()).collect());
}

/// The counts of the suite; that all of it is green is said by another test.
#[test]
fn the_counts_are_as_committed() {
    let requirements = requirements();
    let checks = catalogue(&requirements);
    snapshot("", "summary", &Coverage::of(&checks, rules(), &requirements).counts());
}

/// Of the system that the provider stands for every line is asked, or says why it is not.
#[test]
fn no_line_of_the_described_system_is_left_out() {
    let requirements = requirements();
    let checks = catalogue(&requirements);
    let list = Coverage::of(&checks, rules(), &requirements).requirements(Some("zitadel"));
    assert!(list.contains(", 0 are asked by nobody"), "{}", list.lines().rev().find(|line| line.contains("are asked")).unwrap_or_default());
}

fn snapshot(area: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(REPORTS).join(area));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// A report whose scenario has gone would be believed for ever.
fn none_is_left_over(scenarios: &BTreeSet<String>) {
    for area in fs::read_dir(REPORTS).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()) {
        for report in fs::read_dir(&area).unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "snap")) {
            let id = report.strip_prefix(REPORTS).unwrap().with_extension("").to_string_lossy().replace('\\', "/");
            assert!(scenarios.contains(&id), "{} has no scenario any more: remove it", report.display());
        }
    }
}
