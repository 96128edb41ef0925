//! The whole way: scenarios, drive, transcripts, verdicts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use conformance::drive::{Job, Walk, run};
use conformance::judge::verdict::{Record, Word};
use conformance::judge::{Judged, judge};
use conformance::report::record::{Run, Timing};
use conformance::report::{self, Input, Report};
use conformance::requirement::Requirements;
use conformance::scenario::Check;
use conformance::scenario::load::{Known, load};
use conformance::target::Target;
use conformance::transcript::normal::normal;
use conformance::{defect, embedded_files};

pub fn requirements() -> Requirements {
    Requirements::embedded().unwrap_or_else(|p| panic!("{p:?}"))
}

pub fn catalogue(requirements: &Requirements) -> Vec<Check> {
    let defects = defect::load::embedded(requirements).unwrap_or_else(|p| panic!("{p:?}"));
    let known = Known::embedded(requirements, defects.names()).unwrap();
    let files: Vec<_> = embedded_files::scenarios().iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect();
    load(&files, &known).unwrap_or_else(|p| panic!("{}", p.iter().map(|p| format!("{p}\n")).collect::<String>())).checks
}

pub fn walks(checks: &[Check], selected: Vec<usize>, jobs: usize) -> Vec<Walk> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_keep, cancel) = tokio::sync::watch::channel(false);
    let target = Arc::new(Target::embedded().unwrap());
    let job = Job { target, checks: Arc::new(checks.to_vec()), selected, jobs, seed: 0, defect: None, cancel };
    runtime.block_on(run(job, Arc::new(|_| {}))).unwrap()
}

pub fn judged(checks: &[Check], walks: &[Walk], requirements: &Requirements) -> Judged {
    let records: Vec<Record> = walks.iter().map(|w| w.record.clone()).collect();
    judge(&records, checks, requirements, None)
}

/// The JSON record of a run, without its figures of the wall's clock.
pub fn report(checks: &[Check], walks: &[Walk], requirements: &Requirements) -> Report {
    let records: Vec<Record> = walks.iter().map(|w| w.record.clone()).collect();
    let judged = judged(checks, walks, requirements);
    Report::new(Input {
        run: Run::default(),
        target: report::record::Target { name: "embedded".into(), issuer: "https://op.test".into(), virtual_time: true, notes: Vec::new() },
        checks: &judged.checks,
        rules: &judged.rules,
        catalogue: checks,
        records: &records,
        requirements,
        show_secrets: false,
        interrupted: false,
        timing: Timing::default(),
    })
}

#[test]
fn the_provider_inside_conforms() {
    let requirements = requirements();
    let checks = catalogue(&requirements);
    let only = std::env::var("ONLY").unwrap_or_default();
    let selected = (0..checks.len()).filter(|i| checks[*i].id.starts_with(&only)).collect();
    let walks = walks(&checks, selected, 2);
    let judged = judged(&checks, &walks, &requirements);
    let bad: Vec<_> = judged.checks.iter().filter(|v| v.word != Word::Pass).collect();
    for v in &bad {
        println!("{:?} {} {:?} {:#?}", v.word, v.id, v.why, v.findings);
    }
    for v in &judged.rules {
        println!("{:?} {} {} {:#?}", v.word, v.id, v.looked_at, v.findings.first());
    }
    println!("{} checks, {} not green", judged.checks.len(), bad.len());
    assert!(bad.is_empty());
}

/// The whole suite, with one job and with four: the record to the last byte, and the normal form of every walk.
#[test]
fn two_runs_are_equal_with_any_jobs_and_a_check_alone() {
    let requirements = requirements();
    let checks = catalogue(&requirements);
    let all: Vec<usize> = (0..checks.len()).collect();
    let (one, four) = (walks(&checks, all.clone(), 1), walks(&checks, all, 4));
    assert_same(&report(&checks, &one, &requirements).to_json(), &report(&checks, &four, &requirements).to_json(), "the record");
    let (forms, others) = (normal_forms(&one), normal_forms(&four));
    for (id, form) in &forms {
        assert_same(form, &others[id], id);
    }
    // Alone with its controls, as `--only` runs it. Rows of a file share its fixtures, configuration and verbs and differ in their seed, so that
    // the last row of each file that has a walk of its own is asked for all of them: with it goes the question, and what controls both.
    let together = report(&checks, &one, &requirements);
    let entry = |r: &Report, id: &str| serde_json::to_string_pretty(r.checks.iter().find(|e| e.id == id).unwrap()).unwrap();
    for i in last_rows(&checks) {
        let selected = with_controls(&checks, i);
        let walks = walks(&checks, selected.clone(), 2);
        let alone = report(&checks, &walks, &requirements);
        for check in selected.into_iter().map(|i| &checks[i]) {
            assert_same(&entry(&together, &check.id), &entry(&alone, &check.id), &check.id);
        }
        for (id, form) in normal_forms(&walks) {
            assert_same(&forms[&id], &form, &id);
        }
    }
}

/// Of each file the last check with a walk of its own.
fn last_rows(checks: &[Check]) -> Vec<usize> {
    let own = (0..checks.len()).filter(|i| checks[*i].same_walk_as.is_none());
    own.map(|i| (checks[i].file.as_str(), i)).collect::<BTreeMap<_, _>>().into_values().collect()
}

/// Who comes first in a race is another each time, and nothing that is said of it is.
#[test]
fn a_race_says_the_same_whoever_wins_it() {
    let requirements = requirements();
    let checks = catalogue(&requirements);
    let races: BTreeSet<usize> =
        (0..checks.len()).filter(|i| checks[*i].steps().any(|s| s.beside.is_some() || s.at_once.is_some())).collect();
    let races: Vec<usize> = races.into_iter().flat_map(|i| with_controls(&checks, i)).collect::<BTreeSet<_>>().into_iter().collect();
    let first = walks(&checks, races.clone(), 4);
    let forms = normal_forms(&first);
    for _ in 0..3 {
        let again = walks(&checks, races.clone(), 4);
        for (id, form) in normal_forms(&again) {
            assert_same(&forms[&id], &form, &id);
        }
        assert_same(&report(&checks, &first, &requirements).to_json(), &report(&checks, &again, &requirements).to_json(), "the record");
    }
}

pub fn with_controls(checks: &[Check], i: usize) -> Vec<usize> {
    let mut selected = BTreeSet::from([i]);
    let mut open = vec![i];
    while let Some(i) = open.pop() {
        for needed in checks[i].base.iter().chain(&checks[i].control) {
            let i = checks.iter().position(|c| c.id == *needed).unwrap();
            if selected.insert(i) {
                open.push(i);
            }
        }
    }
    selected.into_iter().collect()
}

fn assert_same(a: &str, b: &str, what: &str) {
    if let Some(differing) = a.lines().zip(b.lines()).find(|(x, y)| x != y) {
        panic!("{what} differs: {differing:#?}");
    }
    assert_eq!(a.len(), b.len(), "{what}");
}

fn normal_forms(walks: &[Walk]) -> BTreeMap<String, String> {
    let walked = walks.iter().filter_map(|w| w.record.transcript());
    walked.map(|t| (t.check.id.clone(), serde_json::to_string_pretty(&normal(t)).unwrap())).collect()
}
