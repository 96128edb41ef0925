//! The whole way: scenarios, drive, transcripts, verdicts.

use std::sync::Arc;

use conformance::drive::{Job, Walk, run};
use conformance::judge::verdict::{Record, Word};
use conformance::judge::{Judged, judge};
use conformance::requirement::Requirements;
use conformance::scenario::Check;
use conformance::scenario::load::{Known, load};
use conformance::target::Target;
use conformance::{defect, embedded_files};

fn catalogue(requirements: &Requirements) -> Vec<Check> {
    let defects = defect::load::embedded(requirements).unwrap_or_else(|p| panic!("{p:?}"));
    let known = Known::embedded(requirements, defects.names()).unwrap();
    let files: Vec<_> = embedded_files::scenarios().iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect();
    load(&files, &known).unwrap_or_else(|p| panic!("{}", p.iter().map(|p| format!("{p}\n")).collect::<String>())).checks
}

fn walks(checks: &[Check], selected: Vec<usize>, jobs: usize) -> Vec<Walk> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_keep, cancel) = tokio::sync::watch::channel(false);
    let target = Arc::new(Target::embedded().unwrap());
    let job = Job { target, checks: Arc::new(checks.to_vec()), selected, jobs, seed: 0, defect: None, cancel };
    runtime.block_on(run(job, Arc::new(|_| {}))).unwrap()
}

fn judged(checks: &[Check], walks: &[Walk], requirements: &Requirements) -> Judged {
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
