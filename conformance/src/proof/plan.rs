//! What has to be driven under which defect, found by playing the honest transcripts again ([`super::replay`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::replay::replay;
use super::{Proof, named};
use crate::defect::wire::Facts;
use crate::defect::{Defect, Defects};
use crate::judge::rules::{Rule, Run, judge_rule};
use crate::judge::verdict::Word;
use crate::requirement::Requirements;
use crate::scenario::Check;
use crate::transcript::{Ended, Transcript};

/// How many walks are tried for a rule before it is given up.
const TRIES: usize = 6;
/// After how many in which the rule ought to be red no more are looked for.
const LIKELY: usize = 2;

/// The runs that named proofs need.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// A check and a defect of its `broken_by`, and the walk to drive: the check's own, or that which it shares.
    pub checks: Vec<CheckUnder>,
    /// A rule and its defect, with the walks to try one after another until the rule is red.
    pub rules: Vec<RuleUnder>,
    /// What needs no run because it cannot be red.
    pub unable: Vec<Proof>,
}

/// A check under a defect.
#[derive(Debug, Clone)]
pub struct CheckUnder {
    /// Id of the check.
    pub check: String,
    /// Id of the check whose walk is driven.
    pub walk: String,
    /// The defect.
    pub defect: Arc<Defect>,
}

/// A rule under a defect.
#[derive(Debug, Clone)]
pub struct RuleUnder {
    /// Id of the rule.
    pub rule: &'static str,
    /// The defect.
    pub defect: Arc<Defect>,
    /// Ids of checks with a walk of their own: first those in which the rule is red already when the honest messages are spoilt, and of
    /// those the shortest.
    pub walks: Vec<String>,
}

/// What the plan is made of.
pub struct Basis<'a> {
    /// All checks.
    pub catalogue: &'a [Check],
    /// The honest walks, those that came to their question.
    pub walks: &'a [&'a Transcript],
    /// All rules.
    pub rules: &'a [Rule],
    /// All requirements.
    pub requirements: &'a Requirements,
    /// All defects.
    pub defects: &'a Defects,
    /// What the wire of a walk knows; see [`Facts::of`].
    pub facts: &'a dyn Fn(&Transcript) -> Facts,
}

/// Plans the runs. Names that are no defect are the loader's business and passed over here.
pub fn plan(basis: &Basis<'_>) -> Plan {
    let mut plan = Plan::default();
    let walks: BTreeMap<&str, &Transcript> = basis.walks.iter().map(|t| (t.check.id.as_str(), *t)).collect();
    for check in basis.catalogue {
        let walk = check.same_walk_as.as_deref().unwrap_or(&check.id);
        let Some(transcript) = walks.get(walk) else { continue };
        for defect in check.broken_by.iter().filter_map(|id| basis.defects.get(id)) {
            if replay(defect, (basis.facts)(transcript), transcript).1 == 0 {
                plan.unable.push(named::unable(&check.id, &defect.id));
            } else {
                plan.checks.push(CheckUnder { check: check.id.clone(), walk: walk.to_owned(), defect: Arc::clone(defect) });
            }
        }
    }
    for rule in basis.rules {
        for defect in rule.broken_by.iter().filter_map(|id| basis.defects.get(id)) {
            let walks = candidates(rule, defect, basis);
            if walks.is_empty() {
                plan.unable.push(named::unable(rule.id, &defect.id));
            } else {
                plan.rules.push(RuleUnder { rule: rule.id, defect: Arc::clone(defect), walks });
            }
        }
    }
    plan
}

/// The walks in which the rule is likely to be red under the defect, the likeliest first.
fn candidates(rule: &Rule, defect: &Arc<Defect>, basis: &Basis<'_>) -> Vec<String> {
    let mut honest: Vec<&Transcript> = basis.walks.iter().copied().filter(|t| matches!(t.ended, Ended::Asked { .. })).collect();
    honest.sort_by_key(|t| (t.exchanges.len(), t.check.id.clone()));
    let (mut red, mut touched) = (Vec::new(), Vec::new());
    for transcript in honest {
        let (spoilt, count) = replay(defect, (basis.facts)(transcript), transcript);
        if count == 0 {
            continue;
        }
        let verdict = judge_rule(rule, &Run::of(&[&spoilt]), basis.requirements);
        let likely = matches!(verdict.word, Word::Fail | Word::Warn);
        if likely { &mut red } else { &mut touched }.push(transcript.check.id.clone());
        if red.len() >= LIKELY {
            break;
        }
    }
    red.into_iter().chain(touched).take(TRIES).collect()
}

/// Defects that no check and no rule names although their flow is in the suite, and defects that are named and of later flows.
pub fn loose_ends(catalogue: &[Check], rules: &[Rule], defects: &Defects) -> Vec<String> {
    let of_checks = catalogue.iter().flat_map(|check| check.broken_by.iter().map(String::as_str));
    let of_rules = rules.iter().flat_map(|rule| rule.broken_by.iter().copied());
    let used: BTreeSet<&str> = of_checks.chain(of_rules).collect();
    let mut ends: Vec<String> = used.iter().filter(|id| defects.get(id).is_none()).map(|id| format!("there is no defect `{id}`")).collect();
    for defect in defects.0.values() {
        match (used.contains(defect.id.as_str()), defect.later) {
            (false, false) => ends.push(format!("{}:{}: no check and no rule is broken by `{}`", defect.file, defect.line, defect.id)),
            (true, true) => ends.push(format!("{}:{}: `{}` is in use and not for later", defect.file, defect.line, defect.id)),
            (true, false) | (false, true) => {}
        }
    }
    ends
}
