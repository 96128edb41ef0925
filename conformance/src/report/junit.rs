//! JUnit XML: a suite for each area and one for the rules, a case for each check and rule.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use super::record::{Entry, Report};
use super::terminal::{self, Paint};
use crate::baseline::Standing;
use crate::judge::verdict::{Skip, Word};

/// The name of the suite that holds the rules.
pub const RULES: &str = "rules";

/// The whole file. `warn` is a failure under `--strict` only, and otherwise a note of a case that passed; `blocked` is an error.
pub fn render(report: &Report) -> String {
    let mut suites = BTreeMap::<&str, Vec<TestCase>>::new();
    for check in &report.checks {
        let area = check.id.split_once('/').map_or(check.id.as_str(), |(area, _)| area);
        suites.entry(area).or_default().push(case(check, area, terminal::block, report.run.strict));
    }
    let mut junit = Junit::new(format!("touchstone {}", report.target.name));
    for (area, cases) in suites {
        let mut suite = TestSuite::new(area);
        suite.add_test_cases(cases);
        junit.add_test_suite(suite);
    }
    let mut rules = TestSuite::new(RULES);
    rules.add_test_cases(report.rules.iter().map(|rule| case(rule, RULES, terminal::rule_block, report.run.strict)));
    junit.add_test_suite(rules);
    // It can fail on a writer only, and a string takes everything.
    junit.to_string().unwrap_or_default()
}

fn case(e: &Entry, class: &str, block: fn(&Entry, Paint) -> String, strict: bool) -> TestCase {
    let words = |kind: &str| {
        let clauses: Vec<_> = e.requirements.iter().map(|r| r.clause()).collect();
        format!("{kind}: {} ({})", e.asks, clauses.join("; "))
    };
    let status = match e.verdict {
        _ if e.is_known() => not_counted(e),
        Word::Pass if matches!(e.baseline, Some(Standing::Stale { .. })) => stale(e),
        Word::Warn | Word::Skip | Word::Idle if e.baseline.is_some() && !matches!(e.baseline, Some(Standing::New)) => {
            non_success(NonSuccessKind::Failure, e, words("not as the baseline has it"), block)
        }
        Word::Pass => TestCaseStatus::success(),
        Word::Warn if !strict => TestCaseStatus::success(),
        Word::Fail | Word::Warn => non_success(NonSuccessKind::Failure, e, words("broken"), block),
        Word::Blocked => non_success(NonSuccessKind::Error, e, e.why.clone().unwrap_or_else(|| words("blocked")), block),
        Word::Skip | Word::Idle => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(not_asked(e));
            status
        }
    };
    let mut case = TestCase::new(&e.id, status);
    case.set_classname(class);
    if e.verdict == Word::Warn && !strict && matches!(e.baseline, None | Some(Standing::New)) {
        case.set_system_out(block(e, Paint::Plain));
    }
    case
}

fn non_success(kind: NonSuccessKind, e: &Entry, message: String, block: fn(&Entry, Paint) -> String) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message);
    status.set_type(match e.verdict {
        Word::Warn => "warn",
        Word::Blocked => "blocked",
        Word::Skip | Word::Idle => "regressed",
        Word::Pass | Word::Fail => "fail",
    });
    status.set_description(block(e, Paint::Plain));
    status
}

/// One that the baseline knows is as good as not asked.
fn not_counted(e: &Entry) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    if let Some(Standing::Known { because }) = &e.baseline {
        status.set_message(format!("known {}: {because}", e.verdict));
    }
    status
}

fn stale(e: &Entry) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type("stale");
    if let Some(Standing::Stale { was, because }) = &e.baseline {
        status.set_message(format!("passes, and is known as {was} ({because}): take it out of the baseline"));
    }
    status
}

fn not_asked(e: &Entry) -> String {
    match &e.skip {
        Some(Skip::Lacks { feature, because }) => format!("the target lacks {feature}: {because}"),
        Some(Skip::Harness { power }) => format!("the harness lacks {power}"),
        None if e.verdict == Word::Idle => "idle: found nothing to look at".into(),
        None => e.why.clone().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::verdict::Verdict;
    use crate::report::sample::{HONEST, ROW, finding, lacking, report, verdict};

    #[test]
    fn every_word_has_its_place_in_junit() {
        let fail = Verdict { findings: vec![finding(ROW, "refused", "400 invalid_grant", "200")], ..verdict(ROW, Word::Fail) };
        let blocked = Verdict { why: Some("the control is red".into()), ..verdict("code/a#b", Word::Blocked) };
        let warn = verdict("code/a", Word::Warn);
        let idle = verdict("a-code-dies-young", Word::Idle);
        let xml = render(&report(&[verdict(HONEST, Word::Pass), fail, blocked, warn, lacking()], &[idle], |_| {}));
        insta::assert_snapshot!(xml, @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="touchstone embedded" tests="6" skipped="2" failures="1" errors="1">
            <testsuite name="code" tests="4" skipped="0" errors="1" failures="1">
                <testcase name="code/a" classname="code">
                    <system-out>! code/a
            asks    A verifier that does not hash to the challenge is refused with invalid_grant.
                    RFC 7636 §4.6, MUST: A verifier that does not hash to the challenge is refused with invalid_grant.
            alone   touchstone run --only code/a
        </system-out>
                </testcase>
                <testcase name="code/a#b" classname="code">
                    <error message="the control is red" type="blocked">? code/a#b
            asks    A verifier that does not hash to the challenge is refused with invalid_grant.
                    RFC 7636 §4.6, MUST: A verifier that does not hash to the challenge is refused with invalid_grant.
            blocked the control is red
            alone   touchstone run --only code/a#b
        </error>
                </testcase>
                <testcase name="code/pkce-at-the-token-endpoint" classname="code"/>
                <testcase name="code/pkce-at-the-token-endpoint#another-verifier" classname="code">
                    <failure message="broken: A verifier that does not hash to the challenge is refused with invalid_grant. (RFC 7636 §4.6, MUST)" type="fail">✗ code/pkce-at-the-token-endpoint#another-verifier
            asks    A verifier that does not hash to the challenge is refused with invalid_grant.
                    RFC 7636 §4.6, MUST: A verifier that does not hash to the challenge is refused with invalid_grant.
            wanted  400 invalid_grant
            got     200
            after   GET /authorize 302, POST /token 200
            bytes   &gt; POST /token code_verifier=another-verifier-another-verifier-another-v grant_type=authorization_code code=⟨asked_for.code⟩
                    &lt; 200 OK content-type: application/json
                    &lt; {&quot;access_token&quot;:&quot;⟨asked.access_token⟩&quot;,&quot;token_type&quot;:&quot;Bearer&quot;,&quot;id_token&quot;:&quot;⟨asked.id_token⟩&quot;}
            alone   touchstone run --only code/pkce-at-the-token-endpoint#another-verifier
        </failure>
                </testcase>
            </testsuite>
            <testsuite name="device" tests="1" skipped="1" errors="0" failures="0">
                <testcase name="device/denial" classname="device">
                    <skipped message="the target lacks device: not built in"/>
                </testcase>
            </testsuite>
            <testsuite name="rules" tests="1" skipped="1" errors="0" failures="0">
                <testcase name="a-code-dies-young" classname="rules">
                    <skipped message="idle: found nothing to look at"/>
                </testcase>
            </testsuite>
        </testsuites>
        "#);
    }
}
