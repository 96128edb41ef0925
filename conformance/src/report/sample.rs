//! A small run written by hand, for the tests of the views.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::record::{EMBEDDED, Input, Report, Run, Target, Timing};
use crate::judge::verdict::{Finding, Record, Skip, Verdict, Word};
use crate::requirement::Requirements;
use crate::scenario::{Check, Edits, Expectations, Refused, Step, Verb};
use crate::transcript::jose::SigningKey;
use crate::transcript::{
    Answer, Callback, Delivery, Ended, Endpoint, Exchange, FORMAT, Landed, Outcome, Place, Profile, Reply, Request, StepRecord, Transcript,
};

/// 2026-01-01T12:00:00Z
const NOON: i64 = 1_767_268_800_000;

pub fn step(verb: Verb, fields: Value, save: Option<&str>) -> Step {
    Step {
        line: 5,
        verb,
        fields: serde_json::from_value(fields).unwrap(),
        save: save.map(str::to_owned),
        refused: None,
        times: None,
        at_once: None,
        succeed: None,
        within: None,
        edits: Edits::default(),
        beside: None,
    }
}

pub fn check(id: &str) -> Check {
    let mut ask = step(Verb::Redeem, json!({ "of": "{asked_for}" }), None);
    if id.ends_with("#another-verifier") {
        ask.edits.set.insert("code_verifier".into(), json!("another-verifier-another-verifier-another-v"));
    }
    Check {
        id: id.into(),
        file: "code/pkce-at-the-token-endpoint.toml".into(),
        line: 13,
        title: "A code is bought with the verifier of its challenge and no other".into(),
        cites: vec!["rfc7636-4.6-mismatch-invalid-grant".into()],
        needs: vec![],
        room: vec![],
        broken_by: vec![],
        unbreakable: None,
        control: vec![],
        base: None,
        same_walk_as: None,
        clients: BTreeMap::new(),
        provider: json!({}),
        with: BTreeMap::new(),
        walk: vec![step(Verb::Authorize, json!({ "user": "alice", "client": "spa", "scope": "openid" }), Some("asked_for"))],
        ask,
        then: None,
        expect: Expectations { refused: Some(Refused::Codes(vec!["invalid_grant".into()])), ..Expectations::default() },
    }
}

fn request(method: &str, url: &str, form: &str) -> Request {
    let headers = if form.is_empty() {
        vec![]
    } else {
        vec![("content-type".into(), "application/x-www-form-urlencoded".into()), ("content-length".into(), form.len().to_string())]
    };
    Request { method: method.into(), url: url.into(), headers, body: form.into() }
}

fn exchange(step: usize, seq: u64, endpoint: Endpoint, request: Request, answer: Answer) -> Exchange {
    Exchange {
        step,
        client: Some("spa".into()),
        browser: None,
        user: None,
        endpoint,
        origin: "primary".into(),
        request,
        answer: Ok(answer),
        sent: NOON,
        answered: NOON,
        sent_seq: seq,
        answered_seq: seq + 1,
        edited: vec![],
        beside: false,
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    Answer { status, headers: headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(), body: body.into() }
}

/// A walk in which a provider takes the wrong verifier. `seed` is what differs from run to run.
pub fn walk(id: &str, seed: &str) -> Transcript {
    let check = check(id);
    let code = format!("code-{seed}-0123456789");
    let logout = SigningKey::None.token(
        &json!({ "alg": "none", "typ": "logout+jwt" }),
        &json!({ "iss": "https://op.test", "jti": format!("jti-{seed}"), "sid": format!("session-{seed}") }),
    );
    let id_token = SigningKey::None
        .token(&json!({ "alg": "none" }), &json!({ "sub": "u-alice", "sid": format!("session-{seed}"), "iat": NOON / 1000 }));
    let edited = check.ask.edits.marks();
    let verifier = if edited.is_empty() { format!("verifier-{seed}") } else { "another-verifier-another-verifier-another-v".into() };
    let redirect = format!("https://spa.rp.test/cb?code={code}&state=state-{seed}");
    let authorize = exchange(
        0,
        1,
        Endpoint::Authorize,
        request("GET", &format!("https://op.test/authorize?client_id=spa&state=state-{seed}&code_challenge=challenge-{seed}"), ""),
        answer(302, &[("location", &redirect), ("set-cookie", &format!("session=cookie-{seed}; HttpOnly; Secure"))], ""),
    );
    let body = json!({ "access_token": format!("access-{seed}-0123456789"), "token_type": "Bearer", "id_token": id_token }).to_string();
    let mut redeem = exchange(
        1,
        3,
        Endpoint::Token,
        request("POST", "https://op.test/token", &format!("grant_type=authorization_code&code={code}&code_verifier={verifier}")),
        answer(200, &[("content-type", "application/json"), ("date", "Thu, 01 Jan 2026 12:00:00 GMT")], &body),
    );
    redeem.edited = edited;
    let reply = |request: usize| Reply { request: Some(request), answer: Some(request), success: true, ..Reply::default() };
    let record = |place, verb, save: Option<&str>, fields: Value, reply: Reply| StepRecord {
        place,
        verb,
        save: save.map(str::to_owned),
        fields,
        replies: vec![reply],
        beside: None,
        outcome: Outcome::Worked,
        began: NOON,
        ended: NOON,
    };
    let landed = Reply {
        landed: Some(Landed::Callback),
        callback: Some(Callback {
            by: "query".into(),
            url: redirect.clone(),
            client: Some("spa".into()),
            params: vec![("code".into(), code.clone()), ("state".into(), format!("state-{seed}"))],
        }),
        ..reply(0)
    };
    Transcript {
        format: FORMAT,
        check,
        target: Profile {
            name: EMBEDDED.into(),
            issuers: BTreeMap::from([("primary".into(), "https://op.test".into())]),
            management: None,
            metadata: json!({}),
            virtual_time: true,
            skew: 0,
            has: vec![],
        },
        changed: BTreeMap::new(),
        clients: BTreeMap::from([("spa".into(), json!({ "client_id": "spa" }))]),
        users: BTreeMap::from([("alice".into(), json!({ "password": "alice's password" }))]),
        steps: vec![
            record(Place::Walk, Verb::Authorize, Some("asked_for"), json!({ "user": "alice", "client": "spa", "scope": "openid" }), landed),
            record(Place::Ask, Verb::Redeem, None, json!({ "of": "{asked_for}" }), reply(1)),
        ],
        exchanges: vec![authorize, redeem],
        deliveries: vec![Delivery {
            step: 1,
            client: Some("web".into()),
            at: "first".into(),
            request: request("POST", "https://web.rp.test/bcl", &format!("logout_token={logout}")),
            answered: json!(200),
            came: NOON,
            came_seq: 5,
            over: Some(NOON),
            over_seq: Some(6),
        }],
        opinions: vec![],
        log: None,
        ended: Ended::Asked { watched: 0 },
    }
}

pub fn verdict(id: &str, word: Word) -> Verdict {
    Verdict {
        id: id.into(),
        word,
        asks: "A verifier that does not hash to the challenge is refused with invalid_grant.".into(),
        cites: vec!["rfc7636-4.6-mismatch-invalid-grant".into()],
        findings: vec![],
        why: None,
        skip: None,
        looked_at: 0,
        watched: 0,
    }
}

pub fn finding(check: &str, place: &str, wanted: &str, got: &str) -> Finding {
    Finding { check: check.into(), place: place.into(), wanted: wanted.into(), got: got.into(), exchange: Some(1), delivery: None }
}

pub const HONEST: &str = "code/pkce-at-the-token-endpoint";
pub const ROW: &str = "code/pkce-at-the-token-endpoint#another-verifier";

const RFC7636: &str = r#"
document = "RFC 7636: Proof Key for Code Exchange by OAuth Public Clients"
short = "RFC 7636"
[[requirement]]
id = "rfc7636-4.6-mismatch-invalid-grant"
section = "4.6"
level = "MUST"
role = "op"
text = "A verifier that does not hash to the challenge is refused with invalid_grant."
observable = "400"
negative = "200"
[[requirement]]
id = "rfc7636-4.6-never-asked"
section = "4.6"
level = "MUST NOT"
role = "op"
text = "Nobody asks for this."
observable = "-"
negative = "-"
"#;

const BCL: &str = r#"
document = "OpenID Connect Back-Channel Logout 1.0"
short = "Back-Channel Logout 1.0"
[[requirement]]
id = "bcl-4-short-exp"
section = "4"
level = "SHOULD"
role = "op"
implied = true
text = "A logout token lives two minutes at most."
observable = "exp"
negative = "a day"
"#;

pub fn requirements() -> Requirements {
    Requirements::load(&[("rfc7636.toml", RFC7636), ("bcl.toml", BCL)]).unwrap()
}

/// A report over these verdicts.
pub fn report(checks: &[Verdict], rules: &[Verdict], change: impl FnOnce(&mut Input<'_>)) -> Report {
    let records = [Record::Walked(walk(HONEST, "abcdefgh")), Record::Walked(walk(ROW, "ijklmnop"))];
    let requirements = requirements();
    let catalogue = [check(HONEST), check(ROW)];
    let mut input = Input {
        run: Run { seed: 0, ..Run::default() },
        target: Target { name: EMBEDDED.into(), issuer: "https://op.test".into(), virtual_time: true, notes: Vec::new() },
        checks,
        rules,
        catalogue: &catalogue,
        records: &records,
        requirements: &requirements,
        show_secrets: false,
        interrupted: false,
        timing: Timing { seconds: 0.94, jobs: 2, watched: BTreeMap::new() },
    };
    change(&mut input);
    Report::new(input)
}

pub fn lacking() -> Verdict {
    let skip = Skip::Lacks { feature: "device".into(), because: "not built in".into() };
    Verdict { skip: Some(skip), ..verdict("device/denial", Word::Skip) }
}
