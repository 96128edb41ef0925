//! What a baseline says of a run, and what an update makes of it.

use std::collections::BTreeSet;

use super::*;
use crate::judge::verdict::Verdict;
use crate::report::Report;
use crate::report::sample::{HONEST, ROW, finding, lacking, report, verdict};
use crate::report::terminal::{self, Paint};

const RULE: &str = "a-code-dies-young";
const DENIAL: &str = "device/denial";

fn ids() -> Ids<'static> {
    Ids { checks: BTreeSet::from([HONEST, ROW, DENIAL]), rules: BTreeSet::from([RULE]) }
}

fn failed() -> Verdict {
    Verdict { findings: vec![finding(ROW, "refused", "400 invalid_grant", "200")], ..verdict(ROW, Word::Fail) }
}

/// The honest form passes, the row fails, the third is skipped, the rule passes.
fn seen(only: &[&str]) -> Report {
    let rule = Verdict { looked_at: 1, ..verdict(RULE, Word::Pass) };
    report(&[verdict(HONEST, Word::Pass), failed(), lacking()], &[rule], |input| {
        input.run.only = only.iter().map(|p| (*p).to_owned()).collect();
    })
}

fn parse(text: &str) -> Baseline {
    Baseline::parse("b.toml", text, &ids(), &[]).unwrap_or_else(|p| panic!("{p:#?}"))
}

fn held(report: &mut Report, text: &str) -> String {
    report.hold_against(&parse(text), &ids());
    format!("{}: {}", report.exit.code, report.exit.reason)
}

fn entry(id: &str, verdict: &str) -> String {
    let key = if id.contains('/') { "check" } else { "rule" };
    format!("[[known]]\n{key} = \"{id}\"\nverdict = \"{verdict}\"\nbecause = \"issue 7\"\n")
}

#[test]
fn only_what_is_not_as_the_baseline_has_it_counts() {
    let cases = [
        ("nothing is known", String::new()),
        ("the failure is known", entry(ROW, "fail")),
        ("it is known as something else", entry(ROW, "blocked")),
        ("what passes is known", entry(ROW, "fail") + &entry(HONEST, "warn")),
        ("a rule that passes is known", entry(ROW, "fail") + &entry(RULE, "fail")),
        ("what is skipped passed", entry(ROW, "fail") + &format!("[last]\npass = [\"{DENIAL}\"]\n")),
        ("what is skipped was skipped", entry(ROW, "fail") + &format!("[last]\nskip = [\"{DENIAL}\"]\n")),
        ("what fails passed", format!("[last]\npass = [\"{ROW}\"]\n")),
        ("something is gone", entry(ROW, "fail") + "[last]\npass = [\"code/of-old\"]\n"),
        ("something known is gone", entry(ROW, "fail") + &entry("code/of-old", "warn") + "[last]\nwarn = [\"code/of-old\"]\n"),
        ("a skip is known", entry(ROW, "fail") + &entry(DENIAL, "skip")),
    ];
    let said: Vec<_> = cases.iter().map(|(what, text)| format!("{what} ── {}", held(&mut seen(&[]), text))).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    nothing is known ── 1: 1 check has seen a MUST broken
    the failure is known ── 0: nothing but what is known (1 known)
    it is known as something else ── 1: 1 check has seen a MUST broken
    what passes is known ── 1: 1 known failure passes now: take it out of the baseline
    a rule that passes is known ── 1: 1 known failure passes now: take it out of the baseline
    what is skipped passed ── 1: 1 check or rule is not as the baseline has it
    what is skipped was skipped ── 0: nothing but what is known (1 known)
    what fails passed ── 1: 1 check has seen a MUST broken
    something is gone ── 1: 1 check or rule of the baseline is gone
    something known is gone ── 1: 1 check or rule of the baseline is gone
    a skip is known ── 0: nothing but what is known (2 known)
    "#);
}

#[test]
fn a_part_of_the_suite_says_nothing_of_rules_that_pass_there() {
    let text = entry(ROW, "fail") + &entry(RULE, "fail");
    assert_eq!(held(&mut seen(&["code", "device"]), &text), "0: nothing but what is known (1 known)");
    assert!(held(&mut seen(&[]), &text).contains("passes now"));
}

#[test]
fn what_is_shown_says_what_was_known() {
    let text = format!("{}{}[last]\npass = [\"{DENIAL}\", \"code/of-old\"]\n", entry(ROW, "fail"), entry(HONEST, "blocked"));
    let mut report = seen(&[]);
    held(&mut report, &text);
    insta::assert_snapshot!(terminal::render(&report, Paint::Plain), @r#"
    touchstone 0.1.0 · embedded https://op.test · seed 0

    = known fail    code/pkce-at-the-token-endpoint#another-verifier
        issue 7

    - device/denial
        asks    A verifier that does not hash to the challenge is refused with invalid_grant.
                RFC 7636 §4.6, MUST: A verifier that does not hash to the challenge is refused with invalid_grant.
        before  it passed at the last update of the baseline
        alone   touchstone run --only device/denial

    ✗ stale: code/pkce-at-the-token-endpoint passes, and is known as blocked (issue 7): remove it
    ✗ gone: code/of-old is in the suite no more; at the last update it came to pass

    - 1 skipped, the target lacks device: not built in

    3 checks: 1 pass, 1 fail, 0 warn, 0 blocked, 1 skip (1 lacking, 0 harness) · 1 rules, 0 idle · 1 known, 1 worse, 1 stale, 1 gone · 1 of 2 MUSTs asked · 0.9 s
    exit 1: 1 check or rule is not as the baseline has it, 1 known failure passes now: take it out of the baseline, 1 check or rule of the baseline is gone
    "#);
    let junit = crate::report::junit::render(&report);
    for said in ["known fail: issue 7", "passes, and is known as blocked (issue 7)", "type=\"regressed\""] {
        assert!(junit.contains(said), "{said} in {junit}");
    }
}

#[test]
fn every_problem_of_a_baseline_is_told_with_its_place() {
    let text = "\
[[known]]
check = \"code/pkce-at-the-token-endpoint#another-verifer\"
verdict = \"fail\"
because = \"x\"
[[known]]
check = \"a-code-dies-young\"
verdict = \"fail\"
because = \"x\"
[[known]]
rule = \"a-code-dies-young\"
verdict = \"failed\"
[[known]]
verdict = \"pass\"
because = \" \"
reason = \"x\"
[last]
passed = []
pass = [1]
";
    let told = |text: &str| {
        let problems = Baseline::parse("b.toml", text, &ids(), &[]).unwrap_err();
        problems.iter().map(|p| p.to_string().lines().next().unwrap().to_owned()).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(told(text), @r#"
    b.toml:6:9: `a-code-dies-young` is no id of a check; write `rule = "a-code-dies-young"`
    b.toml:9:1: `because` is missing; say why one lives with it, with the number of an issue if there is one
    b.toml:11:11: there is no verdict that is known `failed`; did you mean `fail`?
    b.toml:12:1: `check` or `rule` is missing
    b.toml:15:1: [[known]] has no key `reason`; it is one of `check`, `rule`, `verdict`, `because`
    b.toml:17:1: there is no verdict `passed`; did you mean `pass`?
    b.toml:18:9: `pass` wants text and not `1`
    "#);
    insta::assert_snapshot!(told(&entry("code/pkce-at-the-token-endpoint#another-verifer", "fail")), @"b.toml:2:9: there is no check or rule `code/pkce-at-the-token-endpoint#another-verifer`; did you mean `code/pkce-at-the-token-endpoint#another-verifier`?");
    let (twice, of_target) = (entry(ROW, "fail"), parse(&entry(ROW, "fail")).known);
    let problems = Baseline::parse("b.toml", &twice, &ids(), &of_target).unwrap_err();
    assert!(problems[0].what.contains("is known in the target file too"), "{problems:?}");
}

#[test]
fn an_update_of_nothing_writes_a_whole_file() {
    let report = seen(&[]);
    let (text, changes) = updated("", &Baseline::default(), &report, &ids()).unwrap();
    insta::assert_snapshot!(text, @r#"
    # What is known of the target, so that a run says only what has changed: `touchstone run --baseline THIS`.
    # A `because` is yours: say why one lives with it. `--update-baseline` writes the rest, and keeps reasons and comments.

    [[known]]
    check = "code/pkce-at-the-token-endpoint#another-verifier"
    verdict = "fail"
    because = "new, not explained yet: wanted 400 invalid_grant, got 200"

    # What everything came to at the last update, written by `--update-baseline`: what passed there has to pass.
    [last]
    pass = [
        "code/pkce-at-the-token-endpoint",
        "a-code-dies-young",
    ]
    fail = [
        "code/pkce-at-the-token-endpoint#another-verifier",
    ]
    skip = [
        "device/denial",
    ]
    "#);
    assert_eq!(changes, Changes { added: 1, changed: 0, removed: 0 });
    let again = updated(&text, &parse(&text), &report, &ids()).unwrap();
    assert_eq!(again, (text.clone(), Changes::default()), "nothing changed, and nothing changes");
    assert_eq!(held(&mut seen(&[]), &text), "0: nothing but what is known (1 known, 1 of them without a reason)");
}

const WRITTEN: &str = "\
# Ours, since spring.

# The one that hurts.
[[known]]
rule    = \"a-code-dies-young\" # see below
verdict = \"fail\"
because = \"issue 8\"

# Nobody knows.
[[known]]
check = \"code/pkce-at-the-token-endpoint#another-verifier\"
because = \"issue 7\" # in work
verdict = \"blocked\"

# Of the machine.
[last]
pass = [\"device/denial\", \"code/of-old\"]
# The end.
";

#[test]
fn an_update_keeps_reasons_and_comments() {
    let report = seen(&[]);
    let (text, changes) = updated(WRITTEN, &parse(WRITTEN), &report, &ids()).unwrap();
    insta::assert_snapshot!(text, @r#"
    # Ours, since spring.

    # Nobody knows.
    [[known]]
    check = "code/pkce-at-the-token-endpoint#another-verifier"
    because = "new, not explained yet: wanted 400 invalid_grant, got 200 (was blocked: issue 7)" # in work
    verdict = "fail"

    [[known]]
    check = "device/denial"
    verdict = "skip"
    because = "new, not explained yet: skip"

    # Of the machine.
    [last]
    pass = [
        "code/pkce-at-the-token-endpoint",
        "a-code-dies-young",
    ]
    fail = [
        "code/pkce-at-the-token-endpoint#another-verifier",
    ]
    skip = [
        "device/denial",
    ]
    # The end.
    "#);
    assert_eq!(changes, Changes { added: 1, changed: 1, removed: 1 });
    assert_eq!(updated(&text, &parse(&text), &report, &ids()).unwrap().1, Changes::default());
    let blocked = report_of(Verdict { why: Some("the control is red".into()), ..verdict(ROW, Word::Blocked) });
    let (text, _) = updated(&text, &parse(&text), &blocked, &ids()).unwrap();
    assert!(text.contains("not explained yet: the control is red (was blocked: issue 7)"), "what a person has written stays: {text}");
}

fn report_of(check: Verdict) -> Report {
    report(&[check], &[], |_| {})
}

#[test]
fn the_documentation_is_right() {
    let page = include_str!("../../docs/baseline.md");
    let example = page.split("```toml\n").nth(1).and_then(|block| block.split("```").next()).unwrap();
    let baseline = parse(example);
    assert_eq!((baseline.known.len(), baseline.last.len()), (2, 3));
    assert_eq!(updated(example, &baseline, &report(&[], &[], |_| {}), &ids()).unwrap().0, example, "it is as an update writes it");
}

#[test]
fn an_update_of_a_part_leaves_the_rest() {
    let only = report(&[failed()], &[verdict(RULE, Word::Idle)], |input| input.run.only = vec![ROW.into()]);
    let (text, _) = updated(WRITTEN, &parse(WRITTEN), &only, &ids()).unwrap();
    let new = parse(&text);
    assert_eq!(new.known(RULE).map(|k| k.because.as_str()), Some("issue 8"));
    assert_eq!(new.last.get(DENIAL), Some(&Word::Pass));
    assert_eq!(new.last.get(RULE), None);
    assert_eq!(new.last.get("code/of-old"), None, "what is gone goes");
}

#[test]
fn a_target_file_may_leave_the_verdict_open() {
    let root = crate::toml_file::Node::parse(&format!("[[known]]\ncheck = \"{ROW}\"\nbecause = \"issue 7\"\n")).unwrap();
    let known = read_known(&root, false, &mut crate::toml_file::Report::new("t.toml", ""));
    let baseline = Baseline::of_target(&known, &ids()).unwrap();
    let mut report = seen(&[]);
    report.hold_against(&baseline, &ids());
    assert_eq!((report.exit.code, report.exit.reason.as_str()), (0, "nothing but what is known (1 known)"));
    assert!(Baseline::of_target(&known, &Ids::default()).is_err());
}
