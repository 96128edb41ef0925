//! Proofs that need no run: what was seen is altered and judged again.

use std::collections::BTreeMap;

use super::{Kind, Proof, leaf};
use crate::judge::evidence::Evidence;
use crate::judge::expect::findings_on;
use crate::judge::verdict::Record;
use crate::judge::wanted::Wanted;
use crate::scenario::Check;
use crate::transcript::{Ended, Transcript};

/// The derived proofs of one check that is green in this transcript (its own, or that of the check whose walk it shares). `base` is the
/// transcript of its honest form, if it is a row.
///
/// Empty where nothing can be derived: the check is not green, so its transcript shows no honest answer to alter.
pub fn derived(check: &Check, transcript: &Transcript, base: Option<&Transcript>) -> Vec<Proof> {
    let (Ok(wanted), Ok(evidence)) = (Wanted::of(check, transcript), Evidence::of(check, transcript)) else { return Vec::new() };
    if !matches!(transcript.ended, Ended::Asked { .. }) || !findings_on(&wanted, &evidence).is_empty() {
        return Vec::new();
    }
    let undone = base.and_then(|base| undone(check, base));
    undone.into_iter().chain(leaf::proofs(&wanted, &evidence)).collect()
}

/// The derived proofs of every check of a run, in the order of the catalogue.
pub fn derived_of_run(catalogue: &[Check], records: &[Record]) -> Vec<Proof> {
    let walks: BTreeMap<&str, &Transcript> = records
        .iter()
        .filter_map(|record| match record {
            Record::Walked(transcript) => Some((transcript.check.id.as_str(), transcript)),
            Record::Skipped { .. } => None,
        })
        .collect();
    let walk_of = |check: &Check| walks.get(check.same_walk_as.as_deref().unwrap_or(&check.id)).copied();
    let mut proofs = Vec::new();
    for check in catalogue {
        let Some(transcript) = walk_of(check) else { continue };
        let base = check.base.as_ref().and_then(|id| catalogue.iter().find(|c| c.id == *id)).and_then(walk_of);
        proofs.extend(derived(check, transcript, base));
    }
    proofs
}

/// Judges the honest answer by the row's expectation: that is what a provider gives that ignores the deviation.
///
/// A row that wants a refusal has to be red then. One that wants the same as its base (another way to ask for the same thing) is rightly
/// green, and nothing is said of it. `None` too where the honest form answers another question: the row has another verb, a verb behind
/// it, or only asks something else of the same answer; and where the row's expectation names what its own steps saved.
fn undone(check: &Check, base: &Transcript) -> Option<Proof> {
    let other_question = check.same_walk_as.is_some() || check.then.is_some() || base.check.then.is_some();
    if other_question || check.ask.verb != base.check.ask.verb || !matches!(base.ended, Ended::Asked { .. }) {
        return None;
    }
    // The row's expectation, with the row's own placeholders, over what the honest form was answered.
    let honest = Transcript { check: check.clone(), ..base.clone() };
    let wanted = Wanted::of(check, &honest).ok()?;
    let evidence = Evidence::of(check, &honest).ok()?;
    let findings = findings_on(&wanted, &evidence);
    let (line, says) = match findings.first() {
        Some(finding) => (finding.place.clone(), format!("the honest answer: {}", finding.got)),
        None => ("refused".into(), "the honest answer passes for the refusal".into()),
    };
    let red = !findings.is_empty();
    (red || check.expect.refused.is_some()).then(|| Proof { of: check.id.clone(), kind: Kind::Undone, line, red, says })
}
