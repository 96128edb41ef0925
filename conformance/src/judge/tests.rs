//! Expectations, ledgers and logs that fit, and that do not; controls; words.

use serde_json::{Value, json};

use super::evidence::Evidence;
use super::expect::{findings, findings_on};
use super::sample::*;
use super::wanted::{Line, Wanted};
use super::*;
use crate::requirement::Requirements;
use crate::scenario::matcher::conditions;
use crate::scenario::{EventExpected, Expectations, Matcher, Refused, Telling, Tellings, Verb};
use crate::transcript::{Landed, Outcome, Place, Reply, Transcript};

fn places(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|f| f.place.as_str()).collect()
}

/// A check that asks for one answer, and that answer.
fn asked(expect: Expectations, status: u16, body: &Value) -> Transcript {
    let mut s = Sample::new(check("a/b", expect));
    let index = s.token_request("web", "c", json_answer(status, body));
    s.done(Place::Ask, Verb::Redeem, None, Reply { request: Some(index), answer: Some(index), success: status == 200, ..Reply::default() });
    s.t
}

fn reply(wanted: &Value) -> Expectations {
    Expectations { reply: conditions(wanted).unwrap(), ..Expectations::default() }
}

fn refused(refused: Refused) -> Expectations {
    Expectations { refused: Some(refused), ..Expectations::default() }
}

#[test]
fn each_line_of_a_reply_is_held_against_it_and_named() {
    let wanted =
        json!({ "status": 200, "json": { "token_type": "Bearer", "scope": { "absent": true }, "at": { "between": ["now", "now+1m"] } } });
    let body = |kind, at| json!({ "token_type": kind, "at": at });
    let t = asked(reply(&wanted), 200, &body("Bearer", NOON / 1000 + 60));
    assert_eq!(findings(&t.check, &t), Ok(vec![]));
    let t = asked(reply(&wanted), 200, &body("mac", NOON / 1000 + 61));
    let found = findings(&t.check, &t).unwrap();
    assert_eq!(places(&found), ["json.token_type", "json.at"]);
    assert_eq!((found[0].wanted.as_str(), found[0].got.as_str(), found[0].exchange), ("\"Bearer\"", "\"mac\"", Some(0)));
}

#[test]
fn a_reference_that_leads_nowhere_is_no_failure() {
    let t = asked(reply(&json!({ "json": { "sub": "{alice.id_token.sub}" } })), 200, &json!({ "sub": "s" }));
    assert!(findings(&t.check, &t).unwrap_err().contains("alice"));
}

#[test]
fn refusals_are_told_apart() {
    let codes = || Refused::Codes(vec!["invalid_grant".into()]);
    let body = json!({ "error": "invalid_grant" });
    let cases = [
        (codes(), 400, body.clone(), true),
        (codes(), 401, body.clone(), true),
        (codes(), 200, body.clone(), false),
        (codes(), 500, body.clone(), false),
        (codes(), 400, json!({ "error": "invalid_request" }), false),
        (codes(), 400, json!({ "error": "invalid_grant", "access_token": "t" }), false),
        (Refused::Any, 403, json!({}), true),
        (Refused::Any, 500, json!({}), false),
        (Refused::Any, 200, json!({}), false),
        (Refused::AtClient(vec!["login_required".into()]), 400, json!({ "error": "login_required" }), false),
        (Refused::Page, 400, json!({}), false),
    ];
    for (wanted, status, body, fits) in cases {
        let t = asked(refused(wanted.clone()), status, &body);
        assert_eq!(findings(&t.check, &t).unwrap().is_empty(), fits, "{wanted:?} and {status} {body}");
    }
}

#[test]
fn a_browser_is_refused_at_the_client_or_on_a_page_of_the_provider() {
    let landed = |outcome: &[(&str, &str)], landed, wanted| {
        let mut s = Sample::new(check("a/b", refused(wanted)));
        let index = s.authorize("web", "first", None, &[], outcome);
        let at_client = landed == Landed::Callback;
        let params = outcome.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let callback =
            crate::transcript::Callback { by: "query".into(), url: "https://web.rp.test/cb".into(), client: Some("web".into()), params };
        let callback = Some(callback).filter(|_| at_client);
        s.done(
            Place::Ask,
            Verb::Authorize,
            None,
            Reply { request: Some(index), answer: Some(index), landed: Some(landed), callback, ..Reply::default() },
        );
        findings(&s.t.check.clone(), &s.t).unwrap().is_empty()
    };
    let error = [("error", "login_required")];
    let at_client = || Refused::AtClient(vec!["login_required".into()]);
    assert!(landed(&error, Landed::Callback, at_client()));
    assert!(landed(&error, Landed::Callback, Refused::Any));
    assert!(landed(&error, Landed::Callback, Refused::Codes(vec!["login_required".into()])));
    assert!(!landed(&[("error", "access_denied")], Landed::Callback, at_client()));
    assert!(!landed(&[("code", "c")], Landed::Callback, Refused::Any));
    assert!(!landed(&error, Landed::Callback, Refused::Page));
    assert!(landed(&[], Landed::Error, Refused::Page));
    assert!(landed(&[], Landed::EnterCode, Refused::Page));
    assert!(!landed(&[], Landed::Done, Refused::Page));
    assert!(!landed(&[], Landed::Elsewhere, Refused::Page));
    assert!(!landed(&[], Landed::Error, at_client()));
}

#[test]
fn side_by_side_so_many_succeed_and_the_others_are_refused() {
    let race = |answers: &[(u16, Value)]| {
        let mut s = Sample::new(check("a/b", refused(Refused::Codes(vec!["invalid_grant".into()]))));
        s.t.check.ask.at_once = Some(3);
        s.t.check.ask.succeed = Some(1);
        let mut replies = Vec::new();
        for (status, body) in answers {
            let index = s.token_request("web", "c", json_answer(*status, body));
            replies.push(Reply { request: Some(index), answer: Some(index), success: *status == 200, ..Reply::default() });
        }
        s.done(Place::Ask, Verb::Redeem, None, Reply::default());
        s.t.steps[0].replies = replies;
        findings(&s.t.check.clone(), &s.t).unwrap()
    };
    let (good, bad) = ((200, json!({ "access_token": "t" })), (400, json!({ "error": "invalid_grant" })));
    assert_eq!(race(&[bad.clone(), good.clone(), bad.clone()]), []);
    assert_eq!(places(&race(&[good.clone(), good.clone(), bad.clone()])), ["succeed"]);
    assert_eq!(places(&race(&[bad.clone(), bad.clone(), bad.clone()])), ["succeed"]);
    assert_eq!(places(&race(&[bad, good, (500, json!({}))])), ["refused"]);
}

#[test]
fn in_turn_each_is_alike() {
    let mut t = asked(refused(Refused::Codes(vec!["invalid_grant".into()])), 400, &json!({ "error": "invalid_grant" }));
    t.check.ask.times = Some(json!(2));
    t.exchanges.push(t.exchanges[0].clone());
    t.exchanges[1].answer = Ok(json_answer(200, &json!({ "access_token": "t" })));
    t.steps[0].replies.insert(0, Reply { answer: Some(1), ..Reply::default() });
    let found = findings(&t.check, &t).unwrap();
    assert_eq!(places(&found), ["refused"]);
    assert!(found[0].got.contains("time 1 of 2"), "{}", found[0].got);
}

#[test]
fn a_question_without_an_answer_is_red_and_not_blocked() {
    let mut t = asked(reply(&json!({ "json": { "x": { "absent": true } } })), 200, &json!({}));
    t.exchanges[0].answer = Err("the connection ended".into());
    assert_eq!(places(&findings(&t.check, &t).unwrap()), ["json.x"]);
    t.steps[0].outcome = Outcome::Stuck("two deliveries are open".into());
    assert!(findings(&t.check, &t).unwrap()[0].got.starts_with("no answer"));
}

/// Alice is at web and shop in one browser and at forum in two; the check asks about a logout at web.
fn ledger(deliveries: &[(&str, Vec<Telling>)], deliver: impl FnOnce(&mut Sample)) -> Result<Vec<Finding>, String> {
    let wanted = deliveries.iter().map(|(client, tellings)| ((*client).to_owned(), Tellings::List(tellings.clone()))).collect();
    let mut s = Sample::new(check("a/b", Expectations { deliveries: Some(wanted), ..Expectations::default() }));
    s.login("web", "web", "alice", "first", &[]);
    s.login("shop", "shop", "alice", "first", &[]);
    s.login("forum", "forum", "alice", "first", &[]);
    s.login("elsewhere", "forum", "alice", "second", &[]);
    s.logout("web", "first", Place::Ask, deliver);
    findings(&s.t.check.clone(), &s.t)
}

fn telling(written: Value) -> Telling {
    let of = written["of"].as_str().unwrap().to_owned();
    let lines = |name: &str| written.get(name).map(|v| conditions(v).unwrap()).unwrap_or_default();
    Telling {
        of,
        answered: written.get("answered").and_then(Value::as_array).cloned(),
        at_least: written["at_least"] == true,
        pauses: written.get("pauses").and_then(Value::as_array).map(|p| p.iter().map(pause).collect()).unwrap_or_default(),
        at: written.get("at").and_then(Value::as_str).map(str::to_owned),
        before_answer: written.get("before_answer").and_then(Value::as_bool),
        logout_token: lines("logout_token"),
        logout_token_header: lines("logout_token_header"),
    }
}

fn pause(written: &Value) -> Matcher {
    conditions(&json!({ "x": written })).unwrap().remove(0).matcher
}

fn of(name: &str) -> Vec<Telling> {
    vec![telling(json!({ "of": format!("{{{name}}}") }))]
}

fn well(s: &mut Sample, client: &str) {
    s.deliver(client, "sub-of-alice", "sid-of-first", json!(200));
}

#[test]
fn a_ledger_fits_if_nobody_is_missed_nobody_told_twice_and_nobody_else_told() {
    let both = [("web", of("web")), ("shop", of("shop"))];
    type Deliver = fn(&mut Sample);
    let cases: [(&str, Deliver, &[&str]); 9] = [
        ("exact", |s| ["web", "shop"].iter().for_each(|c| well(s, c)), &[]),
        ("in another order", |s| ["shop", "web"].iter().for_each(|c| well(s, c)), &[]),
        ("one is missed", |s| well(s, "web"), &["deliveries.shop[0].answered"]),
        ("nobody is told", |_| {}, &["deliveries.shop[0].answered", "deliveries.web[0].answered"]),
        ("told twice", |s| ["web", "shop", "shop"].iter().for_each(|c| well(s, c)), &["deliveries.shop[0].answered"]),
        ("somebody else is told", |s| ["web", "shop", "trap"].iter().for_each(|c| well(s, c)), &["deliveries.trap"]),
        (
            "of another session",
            |s| {
                well(s, "web");
                s.deliver("shop", "sub-of-alice", "sid-of-second", json!(200));
            },
            &["deliveries.shop", "deliveries.shop[0].answered"],
        ),
        (
            "answered otherwise",
            |s| {
                well(s, "web");
                s.deliver("shop", "sub-of-alice", "sid-of-first", json!(500));
            },
            &["deliveries.shop[0].answered"],
        ),
        (
            "an address of nobody",
            |s| {
                ["web", "shop", "web"].iter().for_each(|c| well(s, c));
                s.t.deliveries[2].client = None;
            },
            &["deliveries.first"],
        ),
    ];
    for (name, deliver, wanted) in cases {
        assert_eq!(places(&ledger(&both, deliver).unwrap()), *wanted, "{name}");
    }
}

#[test]
fn attempts_are_held_against_answers_pauses_address_and_token() {
    let twice = |more: Value| {
        let mut written = json!({ "of": "{shop}", "answered": [500, 200] });
        written.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        [("shop", vec![telling(written)])]
    };
    let deliver = |s: &mut Sample| {
        s.deliver("shop", "sub-of-alice", "sid-of-first", json!(500));
        s.now += 5000;
        well(s, "shop");
    };
    let cases = [
        (json!({}), vec![]),
        (json!({ "answered": [500] }), vec!["deliveries.shop[0].answered"]),
        (json!({ "answered": [500, 200, 200] }), vec!["deliveries.shop[0].answered"]),
        (json!({ "answered": [200, 500] }), vec!["deliveries.shop[0].answered"]),
        (json!({ "answered": [500], "at_least": true }), vec!["deliveries.shop[0].answered"]),
        (json!({ "pauses": ["5s"] }), vec![]),
        (json!({ "pauses": [{ "between": ["1s", "4s"] }] }), vec!["deliveries.shop[0].pauses[0]"]),
        (json!({ "pauses": ["5s", "30s"] }), vec!["deliveries.shop[0].pauses[1]"]),
        (json!({ "at": "first" }), vec![]),
        (json!({ "at": "second" }), vec!["deliveries.shop[0].at"]),
        (json!({ "before_answer": true }), vec![]),
        (json!({ "before_answer": false }), vec!["deliveries.shop[0].before_answer"]),
        (json!({ "logout_token": { "iss": ISSUER, "iat": "now" } }), vec![]),
        (json!({ "logout_token": { "iss": "x" } }), vec!["deliveries.shop[0].logout_token.iss", "deliveries.shop[0].logout_token.iss"]),
        (json!({ "logout_token": { "exp": { "between": ["now", "now+120s"] } } }), vec![]),
        (json!({ "logout_token_header": { "kid": "ec" } }), vec![]),
        (json!({ "logout_token_header": { "typ": "JWT" } }), vec!["deliveries.shop[0].logout_token_header.typ"; 2]),
    ];
    for (more, wanted) in cases {
        assert_eq!(places(&ledger(&twice(more.clone()), deliver).unwrap()), wanted, "{more}");
    }
    let more = [("shop", vec![telling(json!({ "of": "{shop}", "answered": [200], "at_least": true }))])];
    assert_eq!(ledger(&more, |s| (0..3).for_each(|_| well(s, "shop"))).unwrap(), []);
}

#[test]
fn a_token_without_sid_belongs_to_whom_its_sub_names() {
    let without_sid = |s: &mut Sample| {
        let index = s.deliver("forum", "sub-of-alice", "sid-of-first", json!(200));
        edit_logout_token(&mut s.t, index, |_, claims| drop(claims.as_object_mut().unwrap().shift_remove("sid")));
    };
    assert_eq!(ledger(&[("forum", of("elsewhere"))], without_sid).unwrap(), []);
    // With one telling for each session, each gets one of them.
    let both = [("forum", vec![of("forum").remove(0), of("elsewhere").remove(0)])];
    assert_eq!(ledger(&both, |s| (0..2).for_each(|_| without_sid(s))).unwrap(), []);
    assert_eq!(places(&ledger(&both, without_sid).unwrap()), ["deliveries.forum[1].answered"]);
    // Where it has a sid, that counts.
    let first = |s: &mut Sample| well(s, "forum");
    assert_eq!(places(&ledger(&[("forum", of("elsewhere"))], first).unwrap()), ["deliveries.forum", "deliveries.forum[0].answered"]);
}

#[test]
fn a_telling_of_nobody_is_blocked() {
    assert!(ledger(&[("web", of("nobody"))], |_| {}).unwrap_err().contains("nobody"));
}

#[test]
fn tellings_can_be_a_list_that_a_row_varies() {
    let wanted = [("web".to_owned(), Tellings::Reference("{with.told}".into()))].into();
    let mut s = Sample::new(check("a/b", Expectations { deliveries: Some(wanted), ..Expectations::default() }));
    s.t.check.with = [("told".to_owned(), json!(["{web}"]))].into();
    s.login("web", "web", "alice", "first", &[]);
    s.logout("web", "first", Place::Ask, |s| well(s, "web"));
    assert_eq!(findings(&s.t.check.clone(), &s.t), Ok(vec![]));
    s.t.check.with = [("told".to_owned(), json!([]))].into();
    assert_eq!(places(&findings(&s.t.check.clone(), &s.t).unwrap()), ["deliveries.web"]);
}

#[test]
fn events_are_exact_and_in_order_among_their_kind() {
    let one = |name: &str, also: Value| EventExpected::One {
        r#type: name.into(),
        also: if also == json!({}) { vec![] } else { conditions(&also).unwrap() },
    };
    let any = || {
        EventExpected::AnyOrder(vec![
            one("told", json!({ "payload": { "client": "web" } })),
            one("told", json!({ "payload": { "client": "shop" } })),
        ])
    };
    let wanted = [("s.".to_owned(), vec![one("added", json!({})), any(), one("ended", json!({}))])];
    let log = |events: &[(&str, &str)]| {
        let mut s = Sample::new(check("a/b", Expectations { events: wanted.clone().into(), ..Expectations::default() }));
        events.iter().for_each(|(name, client)| s.log(name, json!({ "client": client })));
        s.done(Place::Ask, Verb::Advance, None, Reply { success: true, ..Reply::default() });
        findings(&s.t.check.clone(), &s.t).unwrap()
    };
    let (added, web, shop, ended) = (("s.added", ""), ("s.told", "web"), ("s.told", "shop"), ("s.ended", ""));
    assert_eq!(log(&[added, ("other", ""), shop, web, ended]), []);
    assert_eq!(log(&[added, web, shop, ended]), []);
    assert_eq!(places(&log(&[added, web, web, ended])), ["events.s.[2].payload.client"]);
    assert_eq!(places(&log(&[added, web, ended])), ["events.s.[2]", "events.s.[3]"]);
    assert_eq!(places(&log(&[added, web, shop, ended, ended])), ["events.s."]);
    assert_eq!(places(&log(&[added])), ["events.s.[1]", "events.s.[2]", "events.s.[3]"]);
    let mut s = Sample::new(check("a/b", Expectations { events: wanted.into(), ..Expectations::default() }));
    s.t.log = None;
    s.done(Place::Ask, Verb::Advance, None, Reply::default());
    assert!(findings(&s.t.check.clone(), &s.t).is_err());
}

#[test]
fn each_line_is_red_at_its_place_when_it_is_altered() {
    let expect = Expectations {
        deliveries: Some([("web".to_owned(), Tellings::List(vec![telling(json!({ "of": "{web}", "before_answer": true }))]))].into()),
        ..reply(&json!({ "landed": "post_logout" }))
    };
    let mut s = Sample::new(check("a/b", expect));
    s.login("web", "web", "alice", "first", &[]);
    s.logout("web", "first", Place::Ask, |s| well(s, "web"));
    let (wanted, evidence) = (Wanted::of(&s.t.check, &s.t).unwrap(), Evidence::of(&s.t.check, &s.t).unwrap());
    assert_eq!(findings_on(&wanted, &evidence), []);
    let lines: Vec<String> = wanted.lines().iter().map(Line::place).collect();
    assert_eq!(lines, ["landed", "deliveries.web[0].answered", "deliveries.web[0].before_answer", "deliveries"]);
    let altered = |change: fn(&mut Evidence)| {
        let mut evidence = evidence.clone();
        change(&mut evidence);
        findings_on(&wanted, &evidence).into_iter().map(|f| f.place).collect::<Vec<_>>()
    };
    assert_eq!(altered(|e| e.replies[0].tree["landed"] = json!("error")), ["landed"]);
    assert_eq!(altered(|e| e.ledger.clear()), ["deliveries.web[0].answered"]);
    assert_eq!(altered(|e| e.ledger.push(e.ledger[0].clone())), ["deliveries.web[0].answered"]);
    assert_eq!(altered(|e| e.ledger[0].over_seq = Some(1000)), ["deliveries.web[0].before_answer"]);
    assert_eq!(altered(|e| e.ledger[0].client = Some("trap".into())), ["deliveries.trap", "deliveries.web[0].answered"]);
}

fn word_of(judged: &[Verdict], id: &str) -> Word {
    judged.iter().find(|v| v.id == id).unwrap().word
}

fn walked(id: &str, control: &[&str], good: bool) -> Record {
    let mut t = asked(reply(&json!({ "status": 200 })), if good { 200 } else { 400 }, &json!({}));
    t.check.id = id.into();
    t.check.control = control.iter().map(|c| (*c).to_owned()).collect();
    Record::Walked(t)
}

fn judged(records: &[Record]) -> Vec<Verdict> {
    let catalogue: Vec<Check> = records.iter().map(|r| r.check().clone()).collect();
    judge(records, &catalogue, &Requirements::embedded().unwrap(), None).checks
}

#[test]
fn a_check_whose_control_is_not_green_says_nothing() {
    let all = judged(&[
        walked("a", &["b"], true),
        walked("b", &[], true),
        walked("c", &["d"], false),
        walked("d", &[], false),
        walked("e", &["c"], true),
    ]);
    let words: Vec<Word> = all.iter().map(|v| v.word).collect();
    assert_eq!(words, [Word::Pass, Word::Pass, Word::Blocked, Word::Fail, Word::Blocked]);
    assert_eq!(all[2].why.as_deref(), Some("its control `d` is red"));
    assert_eq!(judged(&[walked("a", &["z"], true)])[0].why.as_deref(), Some("its control `z` was not asked"));
    assert_eq!(judged(&[walked("a", &["b"], true), walked("b", &["a"], true)])[0].word, Word::Blocked);
}

#[test]
fn in_a_proof_the_honest_run_speaks_for_the_controls() {
    let records = [walked("a", &["b"], false), walked("b", &[], false)];
    let catalogue: Vec<Check> = records.iter().map(|r| r.check().clone()).collect();
    let honest = [("b".to_owned(), Word::Pass)].into();
    let all = judge(&records, &catalogue, &Requirements::embedded().unwrap(), Some(&honest)).checks;
    assert_eq!(word_of(&all, "a"), Word::Fail);
}

#[test]
fn a_should_warns_and_what_was_not_walked_is_blocked_or_skipped() {
    let with = |change: fn(&mut Transcript)| {
        let Record::Walked(mut t) = walked("a", &[], false) else { unreachable!() };
        change(&mut t);
        judged(&[Record::Walked(t)]).remove(0)
    };
    assert_eq!(with(|t| t.check.cites = vec!["bcl-4-short-exp".into()]).word, Word::Warn);
    assert_eq!(with(|t| t.ended = Ended::Blocked { step: 0, why: "no page".into() }).why.as_deref(), Some("no page"));
    assert_eq!(with(|t| t.ended = Ended::Harness("no socket".into())).word, Word::Blocked);
    let skip = Skip::Lacks { feature: "device".into(), because: "not built in".into() };
    let skipped = Record::Skipped { check: check("s", Expectations::default()), skip: skip.clone() };
    let all = judged(&[skipped, walked("a", &["s"], true)]);
    assert_eq!((all[0].word, all[1].word, all[1].skip.clone()), (Word::Skip, Word::Skip, Some(skip)));
}

#[test]
fn a_check_without_a_walk_of_its_own_is_judged_on_the_other_ones() {
    let record = walked("a", &[], true);
    let mut other = record.check().clone();
    other.id = "a#other".into();
    other.base = Some("a".into());
    other.same_walk_as = Some("a".into());
    other.expect = reply(&json!({ "status": 400 }));
    let catalogue = [record.check().clone(), other, check("not-asked", Expectations::default())];
    let all = judge(&[record], &catalogue, &Requirements::embedded().unwrap(), None).checks;
    let words: Vec<_> = all.iter().map(|v| (v.id.as_str(), v.word)).collect();
    assert_eq!(words, [("a", Word::Pass), ("a#other", Word::Fail)]);
}

#[test]
fn a_token_in_a_finding_is_not_printed() {
    let token = key("ed").token(&json!({ "alg": "EdDSA" }), &json!({}));
    let t = asked(reply(&json!({ "json": { "x": "y" } })), 200, &json!({ "x": token }));
    assert_eq!(findings(&t.check, &t).unwrap()[0].got, "\"⟨a JWT, EdDSA⟩\"");
}
