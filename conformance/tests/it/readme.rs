//! What the README shows of a failure is what a run prints.

use std::sync::Arc;

use conformance::defect;
use conformance::drive::{Job, run};
use conformance::report::terminal::{Paint, block};
use conformance::scenario::load::{Known, load};
use conformance::target::Target;

use crate::pipeline::{catalogue, report, requirements};

const README: &str = include_str!("../../../README.md");
const CHECK: &str = "code/pkce-at-the-token-endpoint#another-verifier";

#[test]
fn the_failure_in_the_readme_is_one_of_a_real_run() {
    let requirements = requirements();
    let checks = catalogue(&requirements);
    let base = CHECK.split('#').next().unwrap();
    let selected = (0..checks.len()).filter(|i| [CHECK, base].contains(&checks[*i].id.as_str())).collect();
    let defects = defect::load::embedded(&requirements).unwrap_or_else(|p| panic!("{p:?}"));
    let (_keep, cancel) = tokio::sync::watch::channel(false);
    let job = Job {
        target: Arc::new(Target::embedded().unwrap()),
        checks: Arc::new(checks.clone()),
        selected,
        jobs: 1,
        seed: 0,
        defect: defects.get("pkce-not-checked").cloned(),
        cancel,
    };
    let walks = tokio::runtime::Runtime::new().unwrap().block_on(run(job, Arc::new(|_| {}))).unwrap();
    let report = report(&checks, &walks, &requirements);
    let shown = block(report.checks.iter().find(|e| e.id == CHECK).unwrap(), Paint::Plain);
    assert!(README.contains(&format!("```text\n{shown}```\n")), "README.md has to show:\n{shown}");
}

#[test]
fn the_scenario_in_the_readme_loads() {
    let requirements = requirements();
    let defects = defect::load::embedded(&requirements).unwrap_or_else(|p| panic!("{p:?}"));
    let known = Known::embedded(&requirements, defects.names()).unwrap();
    let written = README.split("```toml\n").find(|text| text.contains("[ask]")).and_then(|text| text.split("```").next()).unwrap();
    let loaded = load(&[("code/mine.toml".into(), written.into())], &known);
    let checks = loaded.unwrap_or_else(|p| panic!("{}", p.iter().map(|p| format!("{p}\n")).collect::<String>())).checks;
    assert_eq!(checks.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["code/mine", "code/mine#another-verifier"]);
}
