//! Every proof there is: an honest run, what can be derived from it, and a run under each named defect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::derived::derived_of_run;
use super::named::named;
use super::plan::{Basis, Plan, RuleUnder, plan};
use super::{Kind, Proof};
use crate::defect::{Defect, Defects};
use crate::drive::{self, Event, Job, RunError, Walk};
use crate::judge::rules::{Rule, Run, judge_rule, rules};
use crate::judge::verdict::{Record, Word};
use crate::judge::{Judged, judge, judge_checks};
use crate::requirement::Requirements;
use crate::transcript::Transcript;

/// What was shown.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The honest run.
    pub honest: Vec<Walk>,
    /// Its verdicts.
    pub judged: Judged,
    /// Proofs derived from it, in the order of the catalogue.
    pub derived: Vec<Proof>,
    /// Proofs under named defects: those of checks, then those of rules, each in the order of the catalogue.
    pub named: Vec<Proof>,
    /// Checks whose culprit no wire can play, with the sentence that says why.
    pub unbreakable: Vec<(String, String)>,
    /// Checks and rules that nobody has seen red, and that do not say why.
    pub unproven: Vec<String>,
    /// False if the run was ended before it was through.
    pub whole: bool,
}

impl Proven {
    /// Proofs that did not turn red.
    pub fn failed(&self) -> impl Iterator<Item = &Proof> {
        self.derived.iter().chain(&self.named).filter(|p| !p.red)
    }
}

/// Runs honestly, derives, and drives each check and rule under its defects. `job` says what is run and how, without a defect; rules are
/// proven if `with_rules`.
///
/// # Errors
/// [`RunError`], as of any run.
pub async fn prove(
    job: Job,
    requirements: &Requirements,
    defects: &Defects,
    with_rules: bool,
    on: Arc<dyn Fn(Event) + Send + Sync>,
) -> Result<Proven, RunError> {
    let honest = drive::run(job.clone(), on.clone()).await?;
    let records: Vec<Record> = honest.iter().map(|w| w.record.clone()).collect();
    let judged = judge(&records, &job.checks, requirements, None);
    let selected: BTreeSet<&str> = job.selected.iter().map(|i| job.checks[*i].id.as_str()).collect();
    let derived = derived_of_run(&job.checks, &records).into_iter().filter(|p| selected.contains(p.of.as_str())).collect();
    let walks: Vec<&Transcript> = records.iter().filter_map(Record::transcript).collect();
    let rules: &[Rule] = if with_rules { rules() } else { &[] };
    let facts = |t: &Transcript| job.target.facts(&t.clients);
    let mut plan = plan(&Basis { catalogue: &job.checks, walks: &walks, rules, requirements, defects, facts: &facts });
    plan.checks.retain(|c| selected.contains(c.check.as_str()));
    plan.unable.retain(|p| selected.contains(p.of.as_str()) || rules.iter().any(|r| r.id == p.of));
    let words = judged.checks.iter().map(|v| (v.id.clone(), v.word)).collect();
    let named = Named { job: &job, requirements, rules, words, on }.all(&plan).await?;
    let mut proven = Proven {
        derived,
        named,
        unbreakable: unbreakable(&job, &selected),
        unproven: Vec::new(),
        whole: !*job.cancel.borrow(),
        honest,
        judged,
    };
    proven.unproven = unproven(&proven, &selected, rules);
    Ok(proven)
}

fn unbreakable(job: &Job, selected: &BTreeSet<&str>) -> Vec<(String, String)> {
    let said = job.checks.iter().filter(|c| selected.contains(c.id.as_str()));
    said.filter_map(|c| Some((c.id.clone(), c.unbreakable.clone()?))).collect()
}

fn unproven(proven: &Proven, selected: &BTreeSet<&str>, rules: &[Rule]) -> Vec<String> {
    let red: BTreeSet<&str> = proven.derived.iter().chain(&proven.named).filter(|p| p.red).map(|p| p.of.as_str()).collect();
    let said: BTreeSet<&str> = proven.unbreakable.iter().map(|(id, _)| id.as_str()).collect();
    let skipped: BTreeSet<&str> = proven.judged.checks.iter().filter(|v| v.word == Word::Skip).map(|v| v.id.as_str()).collect();
    let all = selected.iter().copied().filter(|id| !skipped.contains(id)).chain(rules.iter().map(|r| r.id));
    all.filter(|id| !red.contains(id) && !said.contains(id)).map(str::to_owned).collect()
}

struct Named<'a> {
    job: &'a Job,
    requirements: &'a Requirements,
    rules: &'a [Rule],
    words: BTreeMap<String, Word>,
    on: Arc<dyn Fn(Event) + Send + Sync>,
}

impl Named<'_> {
    /// One run for each defect; a rule that stays green there is tried in the next of its walks.
    async fn all(&self, plan: &Plan) -> Result<Vec<Proof>, RunError> {
        let mut proofs: BTreeMap<(bool, usize, String), Proof> = BTreeMap::new();
        let place = |id: &str| self.job.checks.iter().position(|c| c.id == id).unwrap_or(usize::MAX);
        let rule_place = |id: &str| self.rules.iter().position(|r| r.id == id).unwrap_or(usize::MAX);
        let by_id: BTreeMap<&str, &Arc<Defect>> =
            plan.checks.iter().map(|c| &c.defect).chain(plan.rules.iter().map(|r| &r.defect)).map(|d| (d.id.as_str(), d)).collect();
        for (id, defect) in by_id {
            let checks: Vec<_> = plan.checks.iter().filter(|c| c.defect.id == id).collect();
            let mut open: Vec<(&RuleUnder, usize)> = plan.rules.iter().filter(|r| r.defect.id == id).map(|r| (r, 0)).collect();
            let mut wanted: BTreeSet<&str> = checks.iter().map(|c| c.walk.as_str()).collect();
            wanted.extend(open.iter().filter_map(|(r, _)| r.walks.first()).map(String::as_str));
            let mut first = true;
            while !wanted.is_empty() && !*self.job.cancel.borrow() {
                let walks = self.under(defect, &wanted).await?;
                if std::mem::take(&mut first) {
                    for check in &checks {
                        let proof = self.check(&walks, &check.check, &check.walk, id);
                        proofs.insert((false, place(&check.check), id.to_owned()), proof);
                    }
                }
                let mut next = Vec::new();
                wanted.clear();
                for (rule, tried) in open {
                    let proof = self.rule(&walks, rule.rule, id);
                    let again = rule.walks.get(tried + 1).filter(|_| !proof.red);
                    if let Some(walk) = again {
                        wanted.insert(walk);
                        next.push((rule, tried + 1));
                    }
                    proofs.insert((true, rule_place(rule.rule), id.to_owned()), proof);
                }
                open = next;
            }
        }
        let mut all: Vec<Proof> = proofs.into_values().collect();
        all.extend(plan.unable.iter().cloned());
        Ok(all)
    }

    async fn under(&self, defect: &Arc<Defect>, walks: &BTreeSet<&str>) -> Result<Vec<Walk>, RunError> {
        let selected = self.job.checks.iter().enumerate().filter(|(_, c)| walks.contains(c.id.as_str())).map(|(i, _)| i).collect();
        drive::run(Job { selected, defect: Some(defect.clone()), ..self.job.clone() }, self.on.clone()).await
    }

    fn check(&self, walks: &[Walk], check: &str, walk: &str, defect: &str) -> Proof {
        let found = walks.iter().find(|w| w.record.check().id == walk);
        let Some(found) = found else { return silent(check, defect) };
        let verdicts = judge_checks(std::slice::from_ref(&found.record), &self.job.checks, self.requirements, Some(&self.words));
        verdicts.iter().find(|v| v.id == check).map_or_else(|| silent(check, defect), |v| named(v, defect, found.touched))
    }

    fn rule(&self, walks: &[Walk], id: &str, defect: &str) -> Proof {
        let Some(rule) = self.rules.iter().find(|r| r.id == id) else { return silent(id, defect) };
        let touched = walks.iter().map(|w| w.touched).sum();
        let transcripts: Vec<&Transcript> = walks.iter().filter_map(|w| w.record.transcript()).collect();
        named(&judge_rule(rule, &Run::of(&transcripts), self.requirements), defect, touched)
    }
}

fn silent(of: &str, defect: &str) -> Proof {
    Proof {
        of: of.into(),
        kind: Kind::Named(defect.into()),
        line: String::new(),
        red: false,
        says: "it was not walked under the defect".into(),
    }
}
