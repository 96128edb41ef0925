//! `touchstone prove`: every check and every rule is seen red once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::run::{drive, now, runtime};
use super::suite::Suite;
use super::{ProveArgs, Stop, jobs, say, select};
use crate::defect::Defect;
use crate::drive::{Job, RunError, Walk};
use crate::judge::judge_checks;
use crate::judge::rules::{Rule, Run, judge_rule, judge_rules};
use crate::judge::verdict::{Record, Verdict, Word};
use crate::proof::derived::derived_of_run;
use crate::proof::named::named;
use crate::proof::plan::{Basis, CheckUnder, Plan, RuleUnder, plan};
use crate::proof::{Kind, Proof};
use crate::target::Target;
use crate::transcript::Transcript;

/// Runs the suite honestly, derives what can be derived from it, then runs what needs a defect on the wire.
///
/// # Errors
/// Wrong usage, wrong files, a provider that does not start.
pub fn prove(args: &ProveArgs) -> Result<u8, Stop> {
    let begun = now();
    let suite = Suite::load(args.scenarios.as_deref())?;
    for prefix in &args.only {
        if !suite.ids().any(|id| id.starts_with(prefix.as_str())) {
            return Err(Stop::Usage(select::nothing("check or rule", prefix, suite.ids())));
        }
    }
    let wanted = |id: &str| args.only.is_empty() || args.only.iter().any(|prefix| id.starts_with(prefix.as_str()));
    let target = Arc::new(Target::embedded().map_err(Stop::Target)?);
    let jobs = target.jobs(jobs(args.jobs));
    // A rule may need any walk, and a check its controls.
    let everything: Vec<usize> = (0..suite.checks.len()).collect();
    let (walks, interrupted) = drive(&suite.checks, &target, &everything, jobs, args.seed)?;
    if interrupted {
        return Ok(130);
    }
    let honest: Vec<Record> = walks.into_iter().map(|w| w.record).collect();
    let prover = Prover { suite: &suite, target: &target, jobs, seed: args.seed, honest: &honest };
    let mut outcome = prover.derived(&wanted);
    let plan = prover.plan(&wanted);
    outcome.proofs.extend(plan.unable.iter().cloned());
    outcome.proofs.extend(runtime()?.block_on(prover.named(&plan))?);
    say(&format!("{}{:.1} s\n{}\n", outcome.text(), begun.elapsed().as_secs_f64(), outcome.exit_line()));
    Ok(u8::from(!outcome.holes().is_empty()))
}

struct Prover<'a> {
    suite: &'a Suite,
    target: &'a Arc<Target>,
    jobs: usize,
    seed: u64,
    honest: &'a [Record],
}

impl Prover<'_> {
    /// What the honest run says, and what can be derived from it.
    fn derived(&self, wanted: &impl Fn(&str) -> bool) -> Outcome {
        let suite = self.suite;
        let verdicts = judge_checks(self.honest, &suite.checks, &suite.requirements, None);
        let rules = judge_rules(&self.transcripts(), &suite.requirements);
        let mut outcome = Outcome::default();
        for verdict in verdicts.iter().chain(&rules).filter(|v| wanted(&v.id)) {
            outcome.honest.insert(verdict.id.clone(), verdict.word);
        }
        outcome.rules = rules.into_iter().map(|v| v.id).filter(|id| wanted(id)).collect();
        let excused = suite.checks.iter().filter(|c| wanted(&c.id));
        outcome.unbreakable = excused.filter_map(|c| Some((c.id.clone(), c.unbreakable.clone()?))).collect();
        outcome.proofs = derived_of_run(&suite.checks, self.honest).into_iter().filter(|p| wanted(&p.of)).collect();
        outcome
    }

    fn transcripts(&self) -> Vec<&Transcript> {
        self.honest.iter().filter_map(Record::transcript).collect()
    }

    /// What has to be driven under which defect.
    fn plan(&self, wanted: &impl Fn(&str) -> bool) -> Plan {
        let Target::Embedded(embedded) = self.target.as_ref();
        let mut plan = plan(&Basis {
            catalogue: &self.suite.checks,
            walks: &self.transcripts(),
            rules: self.suite.rules,
            requirements: &self.suite.requirements,
            defects: &self.suite.defects,
            facts: &|transcript| embedded.facts(transcript),
        });
        plan.checks.retain(|c| wanted(&c.check));
        plan.rules.retain(|r| wanted(r.rule));
        plan.unable.retain(|p| wanted(&p.of));
        plan
    }

    /// Drives the plan. Checks that share a walk and a defect share the run.
    async fn named(&self, plan: &Plan) -> Result<Vec<Proof>, Stop> {
        let mut runs: BTreeMap<(&str, &str), Vec<&CheckUnder>> = BTreeMap::new();
        for under in &plan.checks {
            runs.entry((&under.walk, &under.defect.id)).or_default().push(under);
        }
        let permits = Arc::new(Semaphore::new(self.jobs));
        let mut tasks = JoinSet::new();
        for under in runs.into_values() {
            let checks: BTreeSet<String> = under.iter().map(|u| u.check.clone()).collect();
            let Some(first) = under.first() else { continue };
            let (work, permits) = (self.work(), permits.clone());
            let (walk, defect) = (first.walk.clone(), first.defect.clone());
            tasks.spawn(async move {
                let _permit = permits.acquire_owned().await;
                work.checks(&checks, &walk, &defect).await
            });
        }
        for under in plan.rules.iter().cloned() {
            let (work, permits) = (self.work(), permits.clone());
            tasks.spawn(async move {
                let _permit = permits.acquire_owned().await;
                work.rule(&under).await
            });
        }
        let mut proofs = Vec::new();
        while let Some(done) = tasks.join_next().await {
            let done = done.map_err(|e| Stop::Target(format!("a proof broke off: {e}")))?;
            proofs.extend(done.map_err(|e| Stop::Target(e.to_string()))?);
        }
        proofs.sort_by(|a, b| (&a.of, &a.kind).cmp(&(&b.of, &b.kind)));
        Ok(proofs)
    }

    fn work(&self) -> Work {
        let verdicts = judge_checks(self.honest, &self.suite.checks, &self.suite.requirements, None);
        Work {
            job: Job {
                target: self.target.clone(),
                checks: self.suite.checks.clone(),
                selected: Vec::new(),
                jobs: 1,
                seed: self.seed,
                defect: None,
                cancel: watch::channel(false).1,
            },
            suite_rules: self.suite.rules,
            requirements: self.suite.requirements.clone(),
            controls: verdicts.into_iter().map(|v| (v.id, v.word)).collect(),
        }
    }
}

/// What one run under a defect needs; it goes to a task of its own.
struct Work {
    job: Job,
    suite_rules: &'static [Rule],
    requirements: Arc<crate::requirement::Requirements>,
    controls: BTreeMap<String, Word>,
}

impl Work {
    async fn drive(&self, walk: &str, checks: &BTreeSet<String>, defect: &Arc<Defect>) -> Result<Vec<Walk>, RunError> {
        let wanted = |id: &str| id == walk || checks.contains(id);
        let selected = self.job.checks.iter().enumerate().filter(|(_, c)| wanted(&c.id)).map(|(i, _)| i).collect();
        let job = Job { selected, defect: Some(defect.clone()), ..self.job.clone() };
        crate::drive::run(job, Arc::new(|_| {})).await
    }

    /// Controls are not asked again: those of the honest run count.
    async fn checks(&self, checks: &BTreeSet<String>, walk: &str, defect: &Arc<Defect>) -> Result<Vec<Proof>, RunError> {
        let walks = self.drive(walk, checks, defect).await?;
        let touched = walks.iter().map(|w| w.touched).sum();
        let records: Vec<Record> = walks.into_iter().map(|w| w.record).collect();
        let verdicts = judge_checks(&records, &self.job.checks, &self.requirements, Some(&self.controls));
        Ok(verdicts.iter().filter(|v| checks.contains(&v.id)).map(|v| named(v, &defect.id, touched)).collect())
    }

    /// The walks are tried one after another until the rule is red; the last one speaks if it never is.
    async fn rule(&self, under: &RuleUnder) -> Result<Vec<Proof>, RunError> {
        let Some(rule) = self.suite_rules.iter().find(|r| r.id == under.rule) else { return Ok(Vec::new()) };
        let mut last = Vec::new();
        for walk in &under.walks {
            let walks = self.drive(walk, &BTreeSet::new(), &under.defect).await?;
            let touched = walks.iter().map(|w| w.touched).sum();
            let transcripts: Vec<&Transcript> = walks.iter().filter_map(|w| w.record.transcript()).collect();
            let verdict: Verdict = judge_rule(rule, &Run::of(&transcripts), &self.requirements);
            let proof = named(&verdict, &under.defect.id, touched);
            if proof.red {
                return Ok(vec![proof]);
            }
            last = vec![proof];
        }
        Ok(last)
    }
}

/// What came of it all.
#[derive(Default)]
struct Outcome {
    /// Checks and rules, and the word of the honest run on each.
    honest: BTreeMap<String, Word>,
    rules: BTreeSet<String>,
    unbreakable: BTreeMap<String, String>,
    proofs: Vec<Proof>,
}

impl Outcome {
    /// Checks and rules that nobody has seen fail where they had to, and why.
    fn holes(&self) -> BTreeMap<&str, Vec<String>> {
        let mut holes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut proven: BTreeSet<&str> = BTreeSet::new();
        for proof in &self.proofs {
            if proof.red {
                proven.insert(&proof.of);
            } else {
                holes.entry(&proof.of).or_default().push(format!("{}: {}", kind(proof), proof.says));
            }
        }
        for (id, word) in &self.honest {
            match word {
                Word::Pass if proven.contains(id.as_str()) || self.unbreakable.contains_key(id) => {}
                Word::Pass if holes.contains_key(id.as_str()) => {}
                Word::Pass => holes.entry(id).or_default().push("nothing was tried: it has no derived proof and names no defect".into()),
                other => {
                    let word = format!("{other:?}").to_lowercase();
                    holes.entry(id).or_default().push(format!("it is not green without a defect: {word}"));
                }
            }
        }
        holes
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let holes = self.holes();
        for (id, why) in &holes {
            let _ = writeln!(text, "✗ {}{id}", if self.rules.contains(*id) { "rule " } else { "" });
            for line in why {
                let _ = writeln!(text, "    {line}");
            }
        }
        for (id, why) in &self.unbreakable {
            let _ = writeln!(text, "- {id}\n    unbreakable: {why}");
        }
        if !text.is_empty() {
            text.push('\n');
        }
        let seen = |rules: bool| {
            let of = self.honest.keys().filter(|id| self.rules.contains(*id) == rules && !self.unbreakable.contains_key(*id));
            of.filter(|id| !holes.contains_key(id.as_str())).count()
        };
        let derived = self.proofs.iter().filter(|p| p.red && !matches!(p.kind, Kind::Named(_))).count();
        let named = self.proofs.iter().filter(|p| p.red && matches!(p.kind, Kind::Named(_))).count();
        let checks = self.honest.len() - self.rules.len();
        let _ = write!(
            text,
            "{} of {checks} checks and {} of {} rules seen red · {derived} proofs derived, {named} by a named defect · {} unbreakable · ",
            seen(false),
            seen(true),
            self.rules.len(),
            self.unbreakable.len()
        );
        text
    }

    fn exit_line(&self) -> String {
        match self.holes().len() {
            0 => "exit 0: everything can fail, and was seen to".into(),
            1 => "exit 1: 1 check or rule was not seen to fail as it has to".into(),
            n => format!("exit 1: {n} checks and rules were not seen to fail as they have to"),
        }
    }
}

fn kind(proof: &Proof) -> String {
    match &proof.kind {
        Kind::Undone => "undone".into(),
        Kind::Leaf => format!("leaf {}", proof.line),
        Kind::Named(defect) => format!("under {defect}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(of: &str, kind: Kind, red: bool) -> Proof {
        Proof { of: of.into(), kind, line: "json.token_type".into(), red, says: "it passes under the defect".into() }
    }

    #[test]
    fn what_nobody_has_seen_fail_is_a_hole() {
        let honest = [("a", Word::Pass), ("b", Word::Pass), ("c", Word::Pass), ("d", Word::Fail), ("e", Word::Pass), ("r", Word::Pass)];
        let outcome = Outcome {
            honest: honest.map(|(id, word)| (id.to_owned(), word)).into(),
            rules: ["r".to_owned()].into(),
            unbreakable: [("e".to_owned(), "a wire cannot show it".to_owned())].into(),
            proofs: vec![
                proof("a", Kind::Leaf, true),
                proof("a", Kind::Undone, true),
                proof("b", Kind::Leaf, false),
                proof("r", Kind::Named("x".into()), true),
            ],
        };
        insta::assert_snapshot!(format!("{}\n{}", outcome.text(), outcome.exit_line()), @r#"
        ✗ b
            leaf json.token_type: it passes under the defect
        ✗ c
            nothing was tried: it has no derived proof and names no defect
        ✗ d
            it is not green without a defect: fail
        - e
            unbreakable: a wire cannot show it

        1 of 5 checks and 1 of 1 rules seen red · 2 proofs derived, 1 by a named defect · 1 unbreakable · 
        exit 1: 3 checks and rules were not seen to fail as they have to
        "#);
    }
}
