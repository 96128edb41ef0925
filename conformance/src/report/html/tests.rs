//! What the page holds, what it does not hold, and what it lets nobody do.

use scraper::{Html, Selector};

use super::*;
use crate::judge::verdict::Verdict;
use crate::report::sample::{HONEST, ROW, check, finding, report, verdict, walk};

const HOSTILE: &str = "</pre></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&";

fn page(change: impl FnOnce(&mut Transcript), got: &str, show_secrets: bool) -> String {
    let mut taken = walk(ROW, "ijklmnop");
    change(&mut taken);
    let fail = Verdict { findings: vec![finding(ROW, "refused", "400 invalid_grant", got)], ..verdict(ROW, Word::Fail) };
    let rule = Verdict { findings: vec![finding(ROW, got, got, got)], looked_at: 2, ..verdict("a-code-dies-young", Word::Warn) };
    let report = report(&[verdict(HONEST, Word::Pass), fail], &[rule], |_| {});
    let records = [Record::Walked(walk(HONEST, "abcdefgh")), Record::Walked(taken)];
    render(&report, &Walks { records: &records, catalogue: &[HONEST, ROW].map(check), show_secrets })
}

fn count(html: &Html, selector: &str) -> usize {
    html.select(&Selector::parse(selector).unwrap()).count()
}

#[test]
fn a_failure_is_followed_from_the_summary_to_the_bytes() {
    let text = page(|_| {}, "200", false);
    let html = Html::parse_document(&text);
    let of = |selector: &str| {
        let found: Vec<_> = html.select(&Selector::parse(selector).unwrap()).map(|e| e.text().collect::<String>()).collect();
        found.join(" ")
    };
    assert!(of(".exit").contains("exit 1"), "{}", of(".exit"));
    assert!(of(".tiles .fail").starts_with('1'));
    let failed = "section[aria-labelledby=look] .check.fail";
    assert_eq!(count(&html, failed), 1);
    assert!(of(failed).contains("RFC 7636 §4.6, MUST"));
    assert!(of(&format!("{failed} dl")).contains("400 invalid_grant"));
    assert!(of(&format!("{failed} .parts")).contains("code_verifier=another-verifier-another-verifier-another-v"));
    assert!(of(&format!("{failed} .token")).contains("\"sub\": \"u-alice\""), "the claims: {}", of(&format!("{failed} .token")));
    assert!(count(&html, &format!("{failed} svg use")) > 6);
    assert!(of("svg.marks text").contains("POST /token"));
    assert!(of(".check.warn .witness").contains(ROW), "a rule names its witnesses");
}

#[test]
fn every_address_in_the_page_is_in_the_page() {
    let text = page(|_| {}, "200", false);
    let html = Html::parse_document(&text);
    let ids: BTreeSet<&str> = html.select(&Selector::parse("[id]").unwrap()).filter_map(|e| e.attr("id")).collect();
    for link in html.select(&Selector::parse("[href]").unwrap()) {
        let href = link.attr("href").unwrap();
        let there = href.strip_prefix('#').is_some_and(|id| ids.contains(id));
        assert!(there, "{href} points at nothing, or out of the page");
    }
    assert_eq!(count(&html, "[src], link, iframe, object, [style]"), 0, "nothing is loaded");
    assert_eq!(ids.len(), count(&html, "[id]"), "an id is there once");
}

#[test]
fn nothing_that_a_target_says_runs() {
    let hostile = |t: &mut Transcript| {
        for exchange in &mut t.exchanges {
            exchange.request.url.push_str(HOSTILE);
            if let Ok(answer) = &mut exchange.answer {
                answer.body = HOSTILE.into();
                answer.headers.push(("x-more".into(), HOSTILE.into()));
            }
        }
        t.deliveries[0].request.url = HOSTILE.into();
        t.deliveries[0].at = HOSTILE.into();
        t.deliveries[0].client = Some(HOSTILE.into());
        t.steps[0].fields = serde_json::json!({ "user": HOSTILE });
    };
    let text = page(hostile, HOSTILE, true);
    let html = Html::parse_document(&text);
    assert_eq!((count(&html, "script"), count(&html, "img"), count(&html, "style")), (1, 0, 1), "{text}");
    assert!(text.contains("&lt;script&gt;alert(1)"), "it is shown");
    let policy = html.select(&Selector::parse("meta[http-equiv]").unwrap()).next().unwrap().attr("content").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    for (tag, source) in [("script", SCRIPT), ("style", STYLE)] {
        let element = html.select(&Selector::parse(tag).unwrap()).next().unwrap();
        assert_eq!(element.text().collect::<String>(), source, "what is hashed is what is there");
    }
}

#[test]
fn secrets_are_in_it_only_where_one_asks() {
    let secrets = ["code-ijklmnop", "access-ijklmnop", "cookie-ijklmnop"];
    let masked = page(|_| {}, "200", false);
    assert!(secrets.iter().all(|s| !masked.contains(s)));
    let open = page(|_| {}, "200", true);
    assert!(open.contains("access-ijklmnop") && open.contains("\"sub\": \"u-alice\""));
}

#[test]
fn two_runs_make_one_page() {
    let one = |seed: &str| {
        let report = report(&[verdict(HONEST, Word::Pass)], &[], |_| {});
        render(&report, &Walks { records: &[Record::Walked(walk(HONEST, seed))], catalogue: &[check(HONEST)], show_secrets: false })
    };
    assert_eq!(one("abcdefgh"), one("ijklmnop"));
}
