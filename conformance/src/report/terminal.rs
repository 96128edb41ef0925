//! What a person reads: every failure in the order in which one asks, then one line of counts, then how the process ends.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::record::{Entry, Report, WITNESSES, Witness};
use crate::baseline::Standing;
use crate::judge::verdict::{Skip, Word};

/// Whether the marks are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// No escape sequences at all.
    Plain,
    /// ANSI colours.
    Colour,
}

impl Paint {
    fn put(self, colour: u8, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("\x1b[{colour}m{text}\x1b[0m"),
        }
    }

    fn mark(self, word: Word) -> String {
        match word {
            Word::Pass => self.put(32, "✓"),
            Word::Fail => self.put(31, "✗"),
            Word::Warn => self.put(33, "!"),
            Word::Blocked => self.put(35, "?"),
            Word::Skip => "-".into(),
            Word::Idle => "·".into(),
        }
    }
}

/// The whole text; it ends with [`last_line`] and [`exit_line`].
pub fn render(report: &Report, paint: Paint) -> String {
    let mut text = String::new();
    let seed = report.run.seed;
    let _ = writeln!(text, "touchstone {} · {} {} · seed {seed}", report.touchstone, report.target.name, report.target.issuer);
    if let Some(defect) = &report.run.defect {
        let _ = writeln!(text, "on the wire: {defect}");
    }
    text.push('\n');
    text.push_str(&known(report));
    text.push_str(&blocked(report, paint));
    for word in [Word::Skip, Word::Idle, Word::Warn, Word::Fail] {
        // What is not asked is counted below, and shown only where it was asked before.
        let shown = |e: &&Entry| e.verdict == word && !e.is_known() && (e.baseline.is_some() || matches!(word, Word::Warn | Word::Fail));
        for check in report.checks.iter().filter(shown) {
            text.push_str(&block(check, paint));
            text.push('\n');
        }
        for rule in report.rules.iter().filter(shown) {
            text.push_str(&rule_block(rule, paint));
            text.push('\n');
        }
    }
    text.push_str(&not_in_step(report, paint));
    let notes = notes(report);
    if !notes.is_empty() {
        text.push_str(&notes);
        text.push('\n');
    }
    let _ = writeln!(text, "{}", last_line(report));
    let _ = writeln!(text, "{}", exit_line(report));
    text
}

/// The counts, on one line.
pub fn last_line(report: &Report) -> String {
    let c = &report.counts;
    format!(
        "{} checks: {} pass, {} fail, {} warn, {} blocked, {} skip ({} lacking, {} harness) · {} rules, {} idle{} · {} of {} MUSTs asked · {:.1} s",
        c.checks,
        c.pass,
        c.fail,
        c.warn,
        c.blocked,
        c.skip,
        c.lacking,
        c.harness,
        c.rules,
        c.idle,
        by_the_baseline(report),
        c.musts_asked,
        c.musts,
        report.timing.seconds
    )
}

/// ` · 3 known, 1 stale`: how the run stands to its baseline.
fn by_the_baseline(report: &Report) -> String {
    let Some(a) = &report.baseline else { return String::new() };
    let counts = [(a.new, "new"), (a.regressed, "worse"), (a.changed, "changed"), (a.stale, "stale"), (a.gone.len(), "gone")];
    let mut words = format!(" · {} known", a.known);
    for (n, word) in counts.into_iter().filter(|(n, _)| *n > 0) {
        let _ = write!(words, ", {n} {word}");
    }
    words
}

/// What is as the baseline knows it: one line each, and the reason.
fn known(report: &Report) -> String {
    let mut text = String::new();
    for entry in report.entries() {
        if let Some(Standing::Known { because }) = &entry.baseline {
            let _ = writeln!(text, "= known {:<7} {}\n    {because}", entry.verdict.as_str(), entry.id);
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// What the baseline has and should have no more.
fn not_in_step(report: &Report, paint: Paint) -> String {
    let mut text = String::new();
    let Some(against) = &report.baseline else { return text };
    let mark = paint.mark(Word::Fail);
    for entry in report.entries() {
        if let Some(Standing::Stale { was, because }) = &entry.baseline {
            let _ = writeln!(text, "{mark} stale: {} passes, and is known as {was} ({because}): remove it", entry.id);
        }
    }
    for (id, was) in &against.gone {
        let _ = writeln!(text, "{mark} gone: {id} is in the suite no more; at the last update it came to {was}");
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// `exit 1: 2 checks have seen a MUST broken`
pub fn exit_line(report: &Report) -> String {
    format!("exit {}: {}", report.exit.code, report.exit.reason)
}

/// What could not be asked, by what stood in its way.
fn blocked(report: &Report, paint: Paint) -> String {
    let mut reasons = BTreeMap::<&str, Vec<(&str, String)>>::new();
    for check in report.checks.iter().filter(|e| e.verdict == Word::Blocked && !e.is_known()) {
        reasons
            .entry(check.why.as_deref().unwrap_or(""))
            .or_default()
            .push((&check.id, before(check).map(|b| format!(" ({b})")).unwrap_or_default()));
    }
    let mut text = String::new();
    for (why, ids) in reasons {
        let _ = writeln!(text, "{} blocked: {why}", paint.mark(Word::Blocked));
        for (id, before) in &ids {
            let _ = writeln!(text, "    {id}{before}");
        }
        text.push('\n');
    }
    text
}

/// What the baseline has of an entry, where that is something else.
fn before(e: &Entry) -> Option<String> {
    match e.baseline.as_ref()? {
        Standing::Regressed => Some("it passed at the last update of the baseline".into()),
        Standing::Changed { was, because } => Some(format!("it is known as {was}: {because}")),
        Standing::New | Standing::Known { .. } | Standing::Stale { .. } => None,
    }
}

/// A check that is not green.
pub fn block(e: &Entry, paint: Paint) -> String {
    let mut block = Block::new(&format!("{} {}", paint.mark(e.verdict), e.id));
    asks(&mut block, e);
    if let Some(why) = &e.why {
        block.line(if e.verdict == Word::Blocked { "blocked" } else { "why" }, why);
    }
    if let Some(before) = before(e) {
        block.line("before", &before);
    }
    if let Some(witness) = e.witnesses.first() {
        block.line("wanted", &placed(witness, &witness.wanted));
        block.line("got", &placed(witness, &witness.got));
        shown(&mut block, witness);
    }
    block.line("alone", &format!("touchstone run --only {}", e.id));
    block.text
}

/// A broken rule: one block, its first witnesses, and how many more there are.
pub fn rule_block(e: &Entry, paint: Paint) -> String {
    let mut block = Block::new(&format!("{} rule {}", paint.mark(e.verdict), e.id));
    asks(&mut block, e);
    if let Some(before) = before(e) {
        block.line("before", &before);
    }
    block.line("seen", &format!("{} times in {} that it looked at", e.witnesses_in_all, e.looked_at));
    let mut said = None;
    for (n, witness) in e.witnesses.iter().enumerate() {
        block.line("in", &format!("{}, {}", witness.check, witness.place));
        // What is the same as above is not said again.
        if said.replace((&witness.wanted, &witness.got)) != Some((&witness.wanted, &witness.got)) {
            block.line("wanted", &witness.wanted);
            block.line("got", &witness.got);
        }
        if n == 0 {
            shown(&mut block, witness);
        }
    }
    if e.witnesses_in_all > WITNESSES {
        block.line("", &format!("and {} more", e.witnesses_in_all - WITNESSES));
    }
    if let Some(first) = e.witnesses.first() {
        block.line("alone", &format!("touchstone run --only {}", first.check));
    }
    block.text
}

fn asks(block: &mut Block, e: &Entry) {
    block.line("asks", &e.asks);
    for requirement in &e.requirements {
        block.line("", &format!("{}: {}", requirement.clause(), requirement.text));
    }
}

/// A refusal says itself what it is about; other places are named.
fn placed(witness: &Witness, words: &str) -> String {
    if matches!(witness.place.as_str(), "" | "refused") { words.to_owned() } else { format!("{}: {words}", witness.place) }
}

fn shown(block: &mut Block, witness: &Witness) {
    if !witness.excerpt.after.is_empty() {
        block.line("after", &witness.excerpt.after.join(", "));
    }
    for (n, line) in witness.excerpt.bytes.iter().enumerate() {
        block.line(if n == 0 { "bytes" } else { "" }, line);
    }
}

/// What was not asked, and why; one line for each reason.
fn notes(report: &Report) -> String {
    let mut reasons = BTreeMap::<String, usize>::new();
    for check in report.checks.iter().filter(|e| e.verdict == Word::Skip) {
        let reason = match &check.skip {
            Some(Skip::Lacks { feature, because }) => format!("the target lacks {feature}: {because}"),
            Some(Skip::Harness { power }) => format!("the harness lacks a power over this target: {power}"),
            None => check.why.clone().unwrap_or_default(),
        };
        *reasons.entry(reason).or_default() += 1;
    }
    let mut text: String = report.target.notes.iter().map(|note| format!("· {note}\n")).collect();
    for (reason, n) in reasons {
        let _ = writeln!(text, "- {n} skipped, {reason}");
    }
    let idle: Vec<_> = report.rules.iter().filter(|e| e.verdict == Word::Idle).map(|e| e.id.as_str()).collect();
    // A part of the suite leaves most rules without anything to look at.
    if !idle.is_empty() && report.run.only.is_empty() {
        let _ = writeln!(text, "· found nothing to look at: {}", idle.join(", "));
    }
    let watched = &report.timing.watched;
    if let (Some(least), Some(most)) = (watched.values().min(), watched.values().max()) {
        let (least, most) = (*least as f64 / 1000.0, *most as f64 / 1000.0);
        let _ = writeln!(text, "- that nothing more came was watched for {least:.1} s to {most:.1} s of real time");
    }
    text
}

/// Lines with a word in front, all of them indented alike.
struct Block {
    text: String,
}

impl Block {
    fn new(head: &str) -> Self {
        Self { text: format!("{head}\n") }
    }

    fn line(&mut self, word: &str, rest: &str) {
        for (n, part) in rest.lines().enumerate() {
            let word = if n == 0 { word } else { "" };
            let _ = writeln!(self.text, "{}", format!("    {word:<8}{part}").trim_end());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::verdict::Verdict;
    use crate::report::sample::{HONEST, ROW, finding, lacking, report, verdict};

    fn taken() -> Verdict {
        Verdict { findings: vec![finding(ROW, "refused", "400 invalid_grant", "200")], ..verdict(ROW, Word::Fail) }
    }

    #[test]
    fn a_failure_says_what_one_asks_in_the_order_in_which_one_asks() {
        let text = render(&report(&[verdict(HONEST, Word::Pass), taken()], &[], |_| {}), Paint::Plain);
        insta::assert_snapshot!(text, @r#"
        touchstone 0.1.0 · embedded https://op.test · seed 0

        ✗ code/pkce-at-the-token-endpoint#another-verifier
            asks    A verifier that does not hash to the challenge is refused with invalid_grant.
                    RFC 7636 §4.6, MUST: A verifier that does not hash to the challenge is refused with invalid_grant.
            wanted  400 invalid_grant
            got     200
            after   GET /authorize 302, POST /token 200
            bytes   > POST /token code_verifier=another-verifier-another-verifier-another-v grant_type=authorization_code code=⟨asked_for.code⟩
                    < 200 OK content-type: application/json
                    < {"access_token":"⟨asked.access_token⟩","token_type":"Bearer","id_token":"⟨asked.id_token⟩"}
            alone   touchstone run --only code/pkce-at-the-token-endpoint#another-verifier

        2 checks: 1 pass, 1 fail, 0 warn, 0 blocked, 0 skip (0 lacking, 0 harness) · 0 rules, 0 idle · 1 of 2 MUSTs asked · 0.9 s
        exit 1: 1 check has seen a MUST broken
        "#);
    }

    #[test]
    fn a_broken_rule_is_one_block_with_its_first_witnesses() {
        let rule = Verdict {
            cites: vec!["bcl-4-short-exp".into()],
            findings: (0..7).map(|n| finding(HONEST, &format!("delivery {n}"), "exp at most 120 s ahead", "86400 s")).collect(),
            looked_at: 12,
            ..verdict("a-logout-token-lives-two-minutes", Word::Warn)
        };
        insta::assert_snapshot!(rule_block(&report(&[], &[rule], |_| {}).rules[0], Paint::Plain), @r#"
        ! rule a-logout-token-lives-two-minutes
            asks    A verifier that does not hash to the challenge is refused with invalid_grant.
                    Back-Channel Logout 1.0 §4, SHOULD (our reading): A logout token lives two minutes at most.
            seen    7 times in 12 that it looked at
            in      code/pkce-at-the-token-endpoint, delivery 0
            wanted  exp at most 120 s ahead
            got     86400 s
            after   GET /authorize 302, POST /token 200
            bytes   > POST /token grant_type=authorization_code code=⟨asked_for.code⟩ code_verifier=⟨asked.code_verifier⟩
                    < 200 OK content-type: application/json
                    < {"access_token":"⟨asked.access_token⟩","token_type":"Bearer","id_token":"⟨asked.id_token⟩"}
            in      code/pkce-at-the-token-endpoint, delivery 1
            in      code/pkce-at-the-token-endpoint, delivery 2
            in      code/pkce-at-the-token-endpoint, delivery 3
            in      code/pkce-at-the-token-endpoint, delivery 4
                    and 2 more
            alone   touchstone run --only code/pkce-at-the-token-endpoint
        "#);
    }

    #[test]
    fn what_is_blocked_stands_below_what_blocks_it() {
        let blocked = |id: &str, why: &str| Verdict { why: Some(why.into()), ..verdict(id, Word::Blocked) };
        let checks = [
            blocked(HONEST, "authorize brought a page, `login`"),
            blocked(ROW, "its control is red"),
            blocked("a/b", "its control is red"),
        ];
        insta::assert_snapshot!(super::blocked(&report(&checks, &[], |_| {}), Paint::Plain), @r#"
        ? blocked: authorize brought a page, `login`
            code/pkce-at-the-token-endpoint

        ? blocked: its control is red
            a/b
            code/pkce-at-the-token-endpoint#another-verifier
        "#);
    }

    #[test]
    fn the_reasons_of_what_was_not_asked_are_counted_once_each() {
        let idle = verdict("a-code-dies-young", Word::Idle);
        let asked = Verdict { watched: 2_100, ..verdict(HONEST, Word::Pass) };
        insta::assert_snapshot!(notes(&report(&[lacking(), lacking(), asked], &[idle], |_| {})), @r#"
        - 2 skipped, the target lacks device: not built in
        · found nothing to look at: a-code-dies-young
        - that nothing more came was watched for 2.1 s to 2.1 s of real time
        "#);
    }

    #[test]
    fn each_way_to_end_has_its_words() {
        let ends = |checks: &[Verdict], rules: &[Verdict], change: &dyn Fn(&mut crate::report::Input<'_>)| {
            let report = report(checks, rules, change);
            (report.exit.code, exit_line(&report))
        };
        let (pass, warn, blocked) = (verdict(HONEST, Word::Pass), verdict(HONEST, Word::Warn), verdict(ROW, Word::Blocked));
        let of_a_should = Verdict { cites: vec!["bcl-4-short-exp".into()], ..blocked.clone() };
        let idle = [verdict("a-code-dies-young", Word::Idle)];
        let all = [
            ends(std::slice::from_ref(&pass), &[], &|_| {}),
            ends(&[pass.clone(), warn.clone()], &[], &|_| {}),
            ends(&[pass.clone(), warn], &[], &|i| i.run.strict = true),
            ends(&[pass.clone(), taken(), blocked.clone()], &[], &|_| {}),
            ends(&[pass.clone(), of_a_should.clone()], &[], &|_| {}),
            ends(&[pass.clone(), of_a_should.clone()], &[], &|i| i.run.strict = true),
            ends(&[of_a_should], &[], &|_| {}),
            ends(std::slice::from_ref(&pass), &idle, &|_| {}),
            ends(std::slice::from_ref(&pass), &idle, &|i| i.target.name = "foreign".into()),
            ends(std::slice::from_ref(&pass), &idle, &|i| i.run.only = vec!["code".into()]),
            ends(&[lacking()], &[], &|_| {}),
            ends(&[], &[], &|_| {}),
            ends(&[pass], &[], &|i| {
                i.interrupted = true;
                i.run.not_reached = 3;
            }),
        ];
        assert_eq!(all.each_ref().map(|(code, _)| *code), [0, 0, 1, 1, 0, 1, 2, 1, 0, 0, 2, 2, 130]);
        insta::assert_snapshot!(all.map(|(_, line)| line).join("\n"), @r#"
        exit 0: conforms in everything that was asked
        exit 0: conforms in everything that was asked (1 SHOULD is broken)
        exit 1: 1 SHOULD is broken
        exit 1: 1 check has seen a MUST broken, 1 check of a MUST is blocked
        exit 0: conforms in everything that was asked (1 check of a SHOULD is blocked)
        exit 1: 1 check of a SHOULD is blocked
        exit 2: nothing was asked: every check was skipped or blocked
        exit 1: 1 rule found nothing to look at
        exit 0: conforms in everything that was asked (1 rule found nothing to look at)
        exit 0: conforms in everything that was asked (1 rule found nothing to look at)
        exit 2: nothing was asked: every check was skipped
        exit 2: nothing was asked: no check was selected
        exit 130: interrupted, 3 checks were not reached
        "#);
    }
}
