//! How the process ends, and why.

use super::record::{EMBEDDED, Entry, Exit, Report};
use crate::baseline::Standing;
use crate::judge::verdict::Word;
use crate::requirement::Strength;

/// The code of a run that was interrupted.
pub const INTERRUPTED: u8 = 130;

/// What counts against the target ends the process with 1; what is known of it does not count.
pub fn exit(report: &Report, interrupted: bool) -> Exit {
    let of = |code, reason: String| Exit { code, reason };
    let said = Said::of(report, interrupted);
    if interrupted {
        return of(INTERRUPTED, format!("interrupted, {} checks were not reached", report.run.not_reached));
    }
    if !said.against.is_empty() {
        return of(1, said.against.join(", "));
    }
    if !asked(report) {
        let why = match (report.counts.checks, report.counts.blocked) {
            (0, _) => "no check was selected",
            (_, 0) => "every check was skipped",
            _ => "every check was skipped or blocked",
        };
        return of(2, format!("nothing was asked: {why}"));
    }
    let note = if said.note.is_empty() { String::new() } else { format!(" ({})", said.note.join(", ")) };
    let known = report.baseline.as_ref().map_or(0, |against| against.known);
    of(0, if known > 0 { format!("nothing but what is known{note}") } else { format!("conforms in everything that was asked{note}") })
}

fn asked(report: &Report) -> bool {
    let c = &report.counts;
    c.pass + c.fail + c.warn > 0
}

#[derive(Default)]
struct Said {
    against: Vec<String>,
    note: Vec<String>,
}

impl Said {
    fn of(report: &Report, interrupted: bool) -> Self {
        let mut said = Self::default();
        let strict = report.run.strict;
        let must = |e: &Entry| e.requirements.iter().any(|r| r.level.strength() == Strength::Must);
        let counted = |entries: &[Entry], of: &dyn Fn(&Entry) -> bool| entries.iter().filter(|e| !e.is_known() && of(e)).count();
        let checks = |of: &dyn Fn(&Entry) -> bool| counted(&report.checks, of);
        let rules = |of: &dyn Fn(&Entry) -> bool| counted(&report.rules, of);
        let fail = |e: &Entry| e.verdict == Word::Fail;
        let blocked = |e: &Entry| e.verdict == Word::Blocked;
        // What is other than the baseline has it counts even where it would not count by itself.
        let moved = |e: &Entry| matches!(e.baseline, Some(Standing::Regressed | Standing::Changed { .. }));
        let warn = |e: &Entry| e.verdict == Word::Warn;
        let idle = |e: &Entry| e.verdict == Word::Idle;
        let by_itself = |e: &Entry| fail(e) || blocked(e) && (must(e) || strict) || warn(e) && strict;

        said.say(true, checks(&fail), "check has seen a MUST broken", "checks have seen a MUST broken");
        said.say(true, rules(&fail), "rule has seen a MUST broken", "rules have seen a MUST broken");
        said.say(true, checks(&|e| blocked(e) && must(e)), "check of a MUST is blocked", "checks of a MUST are blocked");
        let should = |e: &Entry| blocked(e) && !must(e) && (strict || !moved(e));
        said.say(strict, checks(&should), "check of a SHOULD is blocked", "checks of a SHOULD are blocked");
        let broken = |e: &Entry| warn(e) && (strict || !moved(e));
        said.say(strict, checks(&broken) + rules(&broken), "SHOULD is broken", "SHOULDs are broken");
        // A part of the suite cannot show every rule something.
        let whole = report.run.only.is_empty() && report.run.defect.is_none() && asked(report) && !interrupted;
        let embedded = report.target.name == EMBEDDED && whole;
        said.say(embedded, rules(&|e| idle(e) && !moved(e)), "rule found nothing to look at", "rules found nothing to look at");

        let Some(against) = &report.baseline else { return said };
        let other = |e: &Entry| moved(e) && !by_itself(e);
        said.say(
            true,
            checks(&other) + rules(&other),
            "check or rule is not as the baseline has it",
            "checks or rules are not as the baseline has them",
        );
        let (one, many) =
            ("known failure passes now: take it out of the baseline", "known failures pass now: take them out of the baseline");
        said.say(true, against.stale, one, many);
        said.say(true, against.gone.len(), "check or rule of the baseline is gone", "checks or rules of the baseline are gone");
        said.say(false, against.known, "known", "known");
        said.say(false, against.unexplained, "of them without a reason", "of them without a reason");
        said
    }

    fn say(&mut self, counts: bool, n: usize, one: &str, many: &str) {
        if n > 0 {
            let words = if n == 1 { format!("1 {one}") } else { format!("{n} {many}") };
            if counts { self.against.push(words) } else { self.note.push(words) }
        }
    }
}
