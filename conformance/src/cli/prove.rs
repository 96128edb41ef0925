//! `touchstone prove`: every check and every rule is seen red once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use super::run::{now, with_controls};
use super::session::Session;
use super::suite::Suite;
use super::{ProveArgs, Stop, jobs, say, select};
use crate::drive::Job;
use crate::judge::rules::Rule;
use crate::judge::verdict::Word;
use crate::proof::run::{Proven, prove as run};
use crate::proof::{Kind, Proof};
use crate::scenario::Check;
use crate::target::Target;

/// Runs the suite honestly, derives what can be derived from it, then runs what needs a defect on the wire.
///
/// # Errors
/// Wrong usage, wrong files, a provider that does not start.
pub fn prove(args: &ProveArgs) -> Result<u8, Stop> {
    let begun = now();
    let session = Session::begin()?;
    let suite = Suite::load(args.scenarios.as_deref())?;
    for prefix in &args.only {
        if !suite.ids().any(|id| id.starts_with(prefix.as_str())) {
            return Err(Stop::Usage(select::nothing("check or rule", prefix, suite.ids())));
        }
    }
    let wanted = |id: &str| args.only.is_empty() || args.only.iter().any(|prefix| id.starts_with(prefix.as_str()));
    let with_rules = suite.rules.iter().any(|r| wanted(r.id));
    // A rule may be red in any walk; a check needs its own and its controls'.
    let needed = suite.checks.iter().enumerate().filter(|(_, c)| with_rules || wanted(&c.id)).map(|(i, _)| i).collect::<Vec<_>>();
    let target = Arc::new(Target::embedded().map_err(Stop::Target)?);
    let selected = with_controls(&suite.checks, &needed);
    let (proven, interrupted) = session.work(selected.len(), |cancel, on| {
        let job = Job {
            target: target.clone(),
            checks: suite.checks.clone(),
            selected: selected.clone(),
            jobs: target.jobs(jobs(args.jobs)),
            seed: args.seed,
            defect: None,
            cancel,
        };
        run(job, &suite.requirements, &suite.defects, with_rules, on)
    })?;
    let outcome = Outcome::of(&proven, &suite.checks, suite.rules, wanted);
    let (code, exit) = if interrupted { (130, "exit 130: interrupted".to_owned()) } else { outcome.exit() };
    say(&format!("{} · {:.1} s\n{exit}\n", outcome.text(), begun.elapsed().as_secs_f64()));
    Ok(code)
}

/// What came of it, as far as it was asked for.
#[derive(Default)]
struct Outcome {
    /// How many checks, and how many of them were seen red.
    checks: (usize, usize),
    /// The same of rules.
    rules: (usize, usize),
    /// How many proofs were derived from recordings, and how many made under a named defect.
    proofs: (usize, usize),
    /// Checks that no wire can play the culprit of, and why.
    unbreakable: Vec<(String, String)>,
    /// Checks that the target file or the harness cannot ask.
    skipped: usize,
    /// Checks and rules that nobody has seen fail where they had to, and why.
    holes: BTreeMap<String, Vec<String>>,
}

impl Outcome {
    fn of(proven: &Proven, checks: &[Check], rules: &[Rule], wanted: impl Fn(&str) -> bool) -> Self {
        let mut outcome = Self::default();
        let all: Vec<&Proof> = proven.derived.iter().chain(&proven.named).filter(|p| wanted(&p.of)).collect();
        let named = |p: &Proof| matches!(p.kind, Kind::Named(_));
        outcome.proofs = (all.iter().filter(|p| p.red && !named(p)).count(), all.iter().filter(|p| p.red && named(p)).count());
        outcome.unbreakable = proven.unbreakable.iter().filter(|(id, _)| wanted(id)).cloned().collect();
        for proof in all.iter().filter(|p| !p.red) {
            outcome.hole(&proof.of, format!("{}: {}", kind(proof), proof.says));
        }
        for id in proven.unproven.iter().filter(|id| wanted(id)) {
            outcome.hole(id, "nobody has seen it fail".into());
        }
        for verdict in proven.judged.checks.iter().chain(&proven.judged.rules).filter(|v| wanted(&v.id)) {
            match verdict.word {
                Word::Pass => {}
                Word::Skip => outcome.skipped += 1,
                word => outcome.hole(&verdict.id, format!("it is not green without a defect: {}", format!("{word:?}").to_lowercase())),
            }
        }
        let red: BTreeSet<&str> = all.iter().filter(|p| p.red).map(|p| p.of.as_str()).collect();
        let count = |ids: Vec<&str>| {
            let ids: Vec<_> = ids.into_iter().filter(|id| wanted(id)).collect();
            (ids.len(), ids.iter().filter(|id| red.contains(*id)).count())
        };
        outcome.checks = count(checks.iter().map(|c| c.id.as_str()).collect());
        outcome.rules = count(rules.iter().map(|r| r.id).collect());
        outcome
    }

    fn hole(&mut self, id: &str, why: String) {
        self.holes.entry(id.to_owned()).or_default().push(why);
    }

    /// Everything up to the figure of the clock.
    fn text(&self) -> String {
        let mut text = String::new();
        for (id, why) in &self.holes {
            let _ = writeln!(text, "✗ {id}");
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
        let ((checks, red), (rules, red_rules), (derived, named)) = (self.checks, self.rules, self.proofs);
        let _ = write!(
            text,
            "{red} of {checks} checks and {red_rules} of {rules} rules seen red, {} unbreakable, {} skipped · \
             {derived} proofs derived, {named} by a named defect",
            self.unbreakable.len(),
            self.skipped,
        );
        text
    }

    fn exit(&self) -> (u8, String) {
        match self.holes.len() {
            0 => (0, "exit 0: everything can fail, and was seen to".into()),
            1 => (1, "exit 1: 1 check or rule was not seen to fail as it has to".into()),
            n => (1, format!("exit 1: {n} checks and rules were not seen to fail as they have to")),
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
    use crate::judge::Judged;
    use crate::report::sample::{HONEST, ROW, check, verdict};

    #[test]
    fn what_nobody_has_seen_fail_is_a_hole() {
        let proof = |of: &str, kind, red| Proof {
            of: of.into(),
            kind,
            line: "json.token_type".into(),
            red,
            says: "it passes under the defect".into(),
        };
        let other = "code/another";
        let proven = Proven {
            honest: Vec::new(),
            judged: Judged {
                checks: vec![verdict(HONEST, Word::Pass), verdict(ROW, Word::Fail), verdict(other, Word::Pass)],
                rules: vec![],
            },
            derived: vec![proof(HONEST, Kind::Undone, true), proof(HONEST, Kind::Leaf, true), proof(ROW, Kind::Leaf, false)],
            named: vec![proof(ROW, Kind::Named("a-defect".into()), true)],
            unbreakable: vec![(other.into(), "no wire can play it".into())],
            unproven: vec!["a-rule".into()],
            whole: true,
        };
        let outcome = Outcome::of(&proven, &[check(HONEST), check(ROW), check(other)], &[], |_| true);
        insta::assert_snapshot!(format!("{}\n{}", outcome.text(), outcome.exit().1), @r#"
        ✗ a-rule
            nobody has seen it fail
        ✗ code/pkce-at-the-token-endpoint#another-verifier
            leaf json.token_type: it passes under the defect
            it is not green without a defect: fail
        - code/another
            unbreakable: no wire can play it

        2 of 3 checks and 0 of 0 rules seen red, 1 unbreakable, 0 skipped · 2 proofs derived, 1 by a named defect
        exit 1: 2 checks and rules were not seen to fail as they have to
        "#);
    }
}
