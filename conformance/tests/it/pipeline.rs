//! The whole way: scenarios, drive, transcripts, verdicts.

use std::sync::Arc;

use conformance::drive::{Job, Walk, run};
use conformance::judge::verdict::{Record, Word};
use conformance::judge::{Judged, judge};
use conformance::requirement::Requirements;
use conformance::scenario::Check;
use conformance::scenario::load::{Known, load};
use conformance::target::Target;
use conformance::transcript::normal::normal;
use conformance::{defect, embedded_files};

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

#[test]
fn the_provider_inside_conforms() {
    let requirements = Requirements::embedded().unwrap_or_else(|p| panic!("{p:?}"));
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

#[test]
fn two_runs_have_equal_normal_forms_with_any_jobs_and_each_check_alone() {
    let requirements = Requirements::embedded().unwrap_or_else(|p| panic!("{p:?}"));
    let checks = catalogue(&requirements);
    let all: Vec<usize> = (0..checks.len()).collect();
    let one = normal_forms(&walks(&checks, all.clone(), 1));
    let four = normal_forms(&walks(&checks, all.clone(), 4));
    for (a, b) in one.iter().zip(&four) {
        similar_asserts(a, b);
    }
    for i in all.into_iter().filter(|i| checks[*i].same_walk_as.is_none()).step_by(7) {
        let alone = normal_forms(&walks(&checks, vec![i], 1));
        let together = one.iter().find(|(id, _)| *id == checks[i].id).unwrap();
        // Whether the log was read depends on who shares the walk.
        similar_asserts(&alone[0], together);
    }
}

fn similar_asserts(a: &(String, String), b: &(String, String)) {
    if a != b {
        let differing = a.1.lines().zip(b.1.lines()).find(|(x, y)| x != y);
        panic!("{} differs from {}: {differing:#?}", a.0, b.0);
    }
}

fn normal_forms(walks: &[Walk]) -> Vec<(String, String)> {
    let walked = walks.iter().filter_map(|w| w.record.transcript());
    walked.map(|t| (t.check.id.clone(), serde_json::to_string_pretty(&normal(t)).unwrap())).collect()
}
