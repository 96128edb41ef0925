//! What a run under a named defect proves of a check or a rule.

use super::{Kind, Proof};
use crate::judge::verdict::{Verdict, Word};

/// The proof that a check or a rule is red under a defect, from its verdict in a run with the defect on the wire. `touched` is how many
/// messages the defect touched ([`crate::defect::wire::Wire::touched`]).
///
/// Red are `fail` and `warn`, at what was asked. Blocked is not red: a walk that a defect has broken says nothing of the requirement. A defect
/// that touched no message proves nothing either, whatever the verdict.
pub fn named(verdict: &Verdict, defect: &str, touched: usize) -> Proof {
    let proof = |red, line: &str, says: String| Proof {
        of: verdict.id.clone(),
        kind: Kind::Named(defect.to_owned()),
        line: line.to_owned(),
        red,
        says,
    };
    if touched == 0 {
        return proof(false, "", "the defect did not act: no message of this walk is one that it touches".into());
    }
    let why = verdict.why.as_deref().unwrap_or_default();
    match (verdict.word, verdict.findings.first()) {
        (Word::Fail | Word::Warn, Some(finding)) => proof(true, &finding.place, format!("wanted {}, got {}", finding.wanted, finding.got)),
        (Word::Fail | Word::Warn, None) => proof(true, "", why.to_owned()),
        (Word::Pass, _) => proof(false, "", "it passes under the defect".into()),
        (Word::Blocked, _) => proof(false, "", format!("it is blocked, and nobody has seen it fail: {why}")),
        (Word::Skip, _) => proof(false, "", format!("it is skipped: {why}")),
        (Word::Idle, _) => proof(false, "", "it finds nothing to look at".into()),
    }
}

/// The proof of a check or rule whose defect touches nothing in any honest walk that it could be seen in.
pub fn unable(of: &str, defect: &str) -> Proof {
    Proof {
        of: of.to_owned(),
        kind: Kind::Named(defect.to_owned()),
        line: String::new(),
        red: false,
        says: "the defect did not act: no message of any walk is one that it touches".into(),
    }
}
