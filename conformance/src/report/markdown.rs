//! Markdown for a comment on a pull request: what failed first, what it was asked by, and the bytes folded away.
//!
//! Whatever the target has said stands in code, where it can neither format nor mention anybody.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::areas::areas;
use super::record::{Entry, Report, WITNESSES};
use super::terminal::{self, last_line};
use crate::baseline::Standing;
use crate::judge::verdict::{Skip, Word};

/// The longest comment that forges take, in characters. Bytes are counted, of which no text has fewer.
pub const LIMIT: usize = 65_536;
/// What is kept free for the sentence about what was left away.
const RESERVE: usize = 200;

/// The whole text, never longer than [`LIMIT`].
pub fn render(report: &Report) -> String {
    let mut text = head(report);
    let table = table(report);
    let rest = rest(report);
    let room = LIMIT - RESERVE;
    let mut left = Vec::new();
    for entry in in_order(report) {
        // What comes behind has to find room too.
        let free = room.saturating_sub(text.len() + table.len() + rest.len());
        match [whole(entry), short(entry)].into_iter().find(|shown| shown.len() <= free) {
            Some(shown) if left.is_empty() => text.push_str(&shown),
            _ => left.push(&entry.id),
        }
    }
    if !left.is_empty() {
        let _ = writeln!(text, "And {} more, for which there is no room here.\n", left.len());
    }
    text.push_str(&table);
    // Reasons of a target file are as long as somebody has made them.
    if text.len() + rest.len() <= LIMIT {
        text.push_str(&rest);
    }
    text
}

fn head(report: &Report) -> String {
    let mark = if report.exit.code == 0 { "✓" } else { "✗" };
    let mut text = format!("## {mark} Touchstone: {}\n\n", code(&report.target.name));
    let _ = writeln!(text, "**exit {}**: {}\n", report.exit.code, code_if_needed(&report.exit.reason));
    let _ = writeln!(text, "{}\n", last_line(report));
    text
}

/// What counts first: failures, then what is blocked, then warnings.
fn in_order(report: &Report) -> impl Iterator<Item = &Entry> {
    let counts = |e: &&Entry| !e.is_known();
    let of = move |word: Word| report.entries().filter(counts).filter(move |e| e.verdict == word);
    let stale = report.entries().filter(|e| matches!(e.baseline, Some(Standing::Stale { .. })));
    let worse = report.entries().filter(|e| matches!(e.verdict, Word::Skip | Word::Idle) && !e.is_known() && e.baseline.is_some());
    of(Word::Fail).chain(of(Word::Blocked)).chain(worse).chain(stale).chain(of(Word::Warn))
}

fn whole(e: &Entry) -> String {
    let mut text = short(e);
    let is_rule = e.file.is_none();
    let shown = if is_rule { terminal::rule_block(e, terminal::Paint::Plain) } else { terminal::block(e, terminal::Paint::Plain) };
    let what = if is_rule && e.witnesses_in_all > WITNESSES { "the first witnesses" } else { "the bytes" };
    let _ = writeln!(text, "<details><summary>{what}</summary>\n\n{}\n</details>\n", fenced(&shown));
    text
}

fn short(e: &Entry) -> String {
    let what = if e.file.is_some() { "" } else { "rule " };
    let mut text = format!("### {} {what}{}\n\n{}\n\n", e.verdict, code(&e.id), escaped(&e.asks));
    for requirement in &e.requirements {
        let _ = writeln!(text, "- {}: {}", requirement.clause(), escaped(&requirement.text));
    }
    match &e.baseline {
        Some(Standing::Stale { was, because }) => {
            let _ = writeln!(text, "- **stale**: known as {was} ({}), and passes", code(because));
        }
        Some(Standing::Changed { was, because }) => {
            let _ = writeln!(text, "- **before**: known as {was} ({})", code(because));
        }
        Some(Standing::Regressed) => text.push_str("- **before**: it passed at the last update of the baseline\n"),
        Some(Standing::New | Standing::Known { .. }) | None => {}
    }
    for (word, said) in [("why", &e.why), ("wanted", &e.wanted), ("got", &e.got)] {
        if let Some(said) = said {
            let _ = writeln!(text, "- **{word}** {}", code(said));
        }
    }
    text.push('\n');
    text
}

fn table(report: &Report) -> String {
    let mut text = String::from("| area | checks | pass | fail | warn | blocked | skip |\n|---|--:|--:|--:|--:|--:|--:|\n");
    let number = |n: usize| if n == 0 { String::new() } else { n.to_string() };
    for area in areas(report) {
        let counts = [Word::Pass, Word::Fail, Word::Warn, Word::Blocked, Word::Skip].map(|word| number(area.of(word)));
        let _ = writeln!(text, "| {} | {} | {} |", escaped(&area.name), area.checks(), counts.join(" | "));
    }
    let c = &report.counts;
    let pass = c.rules - (c.rules_fail + c.rules_warn + c.idle).min(c.rules);
    let counts = [pass, c.rules_fail, c.rules_warn].map(number).join(" | ");
    let _ = writeln!(
        text,
        "| *rules* | {} | {counts} |  | {} |\n",
        c.rules,
        if c.idle == 0 { String::new() } else { format!("{} idle", c.idle) }
    );
    text
}

/// What does not count, folded away.
fn rest(report: &Report) -> String {
    let mut text = String::new();
    let known = report.entries().filter_map(|e| match &e.baseline {
        Some(Standing::Known { because }) => Some(format!("- {} {}: {}\n", e.verdict, code(&e.id), code(because))),
        _ => None,
    });
    let known: Vec<_> = known.collect();
    folded(&mut text, &format!("{} known", known.len()), &known);
    let gone = report.baseline.iter().flat_map(|b| &b.gone);
    let gone: Vec<_> = gone.map(|(id, was)| format!("- {} came to {was} at the last update\n", code(id))).collect();
    folded(&mut text, &format!("{} gone", gone.len()), &gone);
    let mut reasons = BTreeMap::<String, usize>::new();
    for check in report.checks.iter().filter(|e| e.verdict == Word::Skip) {
        let reason = match &check.skip {
            Some(Skip::Lacks { feature, because }) => format!("the target lacks {feature}: {}", code(because)),
            Some(Skip::Harness { power }) => format!("the harness lacks {}", code(power)),
            None => code(check.why.as_deref().unwrap_or("")),
        };
        *reasons.entry(reason).or_default() += 1;
    }
    let reasons: Vec<_> = reasons.into_iter().map(|(reason, n)| format!("- {n}: {reason}\n")).collect();
    folded(&mut text, &format!("{} skipped", report.counts.skip), &reasons);
    let notes: Vec<_> = report.target.notes.iter().map(|note| format!("- {}\n", code(note))).collect();
    folded(&mut text, "notes on the target", &notes);
    text
}

fn folded(text: &mut String, what: &str, lines: &[String]) {
    if !lines.is_empty() {
        let _ = writeln!(text, "<details><summary>{what}</summary>\n\n{}\n</details>\n", lines.concat());
    }
}

/// In code on one line, whatever is in it.
fn code(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let ticks = "`".repeat(longest_run(&line) + 1);
    let pad = if line.is_empty() || line.starts_with(['`', ' ']) || line.ends_with(['`', ' ']) { " " } else { "" };
    format!("{ticks}{pad}{line}{pad}{ticks}")
}

/// The reason of an exit is ours, but for what a target file has said.
fn code_if_needed(text: &str) -> String {
    if text.contains(['<', '`', '@', '[']) { code(text) } else { text.to_owned() }
}

/// A block of code, with a fence that nothing in it can end.
fn fenced(text: &str) -> String {
    let fence = "`".repeat((longest_run(text) + 1).max(3));
    format!("{fence}text\n{}\n{fence}\n", text.trim_end())
}

fn longest_run(text: &str) -> usize {
    let (longest, _) = text.chars().fold((0, 0), |(longest, run): (usize, usize), c| {
        let run = if c == '`' { run + 1 } else { 0 };
        (longest.max(run), run)
    });
    longest
}

/// Our own sentences, which hold no markup but may hold its characters.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '@' | '#' | '\\' => {
                safe.push('\\');
                safe.push(c);
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::verdict::Verdict;
    use crate::report::sample::{HONEST, ROW, finding, lacking, report, verdict};

    fn taken(got: &str) -> Verdict {
        Verdict { findings: vec![finding(ROW, "refused", "400 invalid_grant", got)], ..verdict(ROW, Word::Fail) }
    }

    #[test]
    fn failures_stand_first_and_their_bytes_are_folded() {
        let rule = verdict("a-code-dies-young", Word::Idle);
        insta::assert_snapshot!(render(&report(&[verdict(HONEST, Word::Pass), taken("200"), lacking()], &[rule], |_| {})), @r#"
        ## ✗ Touchstone: `embedded`

        **exit 1**: 1 check has seen a MUST broken, 1 rule found nothing to look at

        3 checks: 1 pass, 1 fail, 0 warn, 0 blocked, 1 skip (1 lacking, 0 harness) · 1 rules, 1 idle · 1 of 2 MUSTs asked · 0.9 s

        ### fail `code/pkce-at-the-token-endpoint#another-verifier`

        A verifier that does not hash to the challenge is refused with invalid\_grant.

        - RFC 7636 §4.6, MUST: A verifier that does not hash to the challenge is refused with invalid\_grant.
        - **wanted** `400 invalid_grant`
        - **got** `200`

        <details><summary>the bytes</summary>

        ```text
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
        ```

        </details>

        | area | checks | pass | fail | warn | blocked | skip |
        |---|--:|--:|--:|--:|--:|--:|
        | code | 2 | 1 | 1 |  |  |  |
        | device | 1 |  |  |  |  | 1 |
        | *rules* | 1 |  |  |  |  | 1 idle |

        <details><summary>1 skipped</summary>

        - 1: the target lacks device: `not built in`

        </details>
        "#);
    }

    #[test]
    fn nothing_that_a_target_says_is_markup() {
        let hostile = "``` @everybody <script>alert(1)</script>\n# head";
        let text = render(&report(&[taken(hostile)], &[], |_| {}));
        assert!(text.contains("- **got** ```` ``` @everybody <script>alert(1)</script> # head ````\n"), "{text}");
        assert!(text.contains("\n````text\n") && !text.contains("\n# head"), "{text}");
    }

    #[test]
    fn it_is_never_longer_than_a_comment_may_be() {
        let many: Vec<_> = (0..2_000).map(|_| taken(&"x".repeat(300))).collect();
        let text = render(&report(&many, &[], |_| {}));
        assert!(text.len() <= LIMIT, "{}", text.len());
        assert!(text.contains(" more, for which there is no room here.\n") && text.contains("| area | checks |"), "{text}");
    }
}
