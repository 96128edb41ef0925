//! Proofs over transcripts made here, of checks in the language itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::derived::derived;
use super::named::named;
use super::plan::{Basis, loose_ends, plan};
use super::replay::replay;
use super::{Kind, Proof};
use crate::defect::load::embedded;
use crate::defect::wire::Facts;
use crate::embedded_files;
use crate::judge::rules::rules;
use crate::judge::verdict::{Finding, Verdict, Word};
use crate::requirement::Requirements;
use crate::scenario::load::{Catalogue, Known, load};
use crate::scenario::{Check, Verb};
use crate::transcript::jose::SigningKey;
use crate::transcript::{
    Answer, Delivery, Ended, Endpoint, Exchange, FORMAT, Landed, LogEvent, Millis, Outcome, Place, Profile, Reply, Request, StepRecord,
    Transcript,
};

const NOON: Millis = 1_767_268_800_000;

/// A logout that two clients are told of, the second one twice.
const TOLD: &str = r#"
title = "Two clients are told"
cites = ["zitadel-bcl-48"]
needs = ["backchannel_logout", "end_session", "event_log"]

[[step]]
login = { user = "alice", client = "web", scope = "openid" }
save = "web"

[[step]]
login = { user = "alice", client = "shop", scope = "openid" }
save = "shop"

[ask]
end_session = { of = "{web}" }
expect.landed = "signed_out"
expect.header.Cache-Control = { contains = "no-store" }
expect.callback.state = { absent = true }
deliveries.web = [{ of = "{web}", before_answer = true, at = "first", logout_token.iss = "{op.issuer}", logout_token.nonce = { absent = true }, logout_token.exp = { between = ["now", "now+2m"] }, logout_token_header.typ = { not = "JWT" } }]
deliveries.shop = [{ of = "{shop}", answered = [500, 200], pauses = [{ between = ["1s", "10m"] }] }]
events."session." = ["added", { type = "terminated", payload.by = "user" }]
events."session_logout." = [{ any_order = [{ type = "sent", payload.client_id = "web" }, { type = "sent", payload.client_id = "shop" }] }]

[row.at-least]
deliveries.web = ["{web}"]
deliveries.shop = [{ of = "{shop}", answered = [500, 200], at_least = true }]
broken_by = ["failure-is-final"]
"#;

/// A code, and a verifier that is another one.
const CODE: &str = r#"
title = "A verifier has to fit"
cites = ["core-3.1.3.3-token-type"]

[[step]]
authorize = { user = "alice", client = "spa", scope = "openid" }
save = "asked_for"

[ask]
redeem = { of = "{asked_for}" }
expect.json.token_type = "Bearer"
expect.id_token.nonce = { kind = "string" }

[row]
another = { set.code_verifier = "another", refused = ["invalid_grant"], cites = ["rfc7636-4.6-mismatch-invalid-grant"] }
ignored = { set.unheard_of = "x", expect.json.token_type = "Bearer" }
"#;

fn catalogue(path: &str, text: &str) -> Catalogue {
    let requirements = Requirements::embedded().unwrap();
    let defects = embedded(&requirements).unwrap();
    let known = Known::embedded(&requirements, defects.names()).unwrap();
    load(&[(path.into(), text.into())], &known)
        .unwrap_or_else(|problems| panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

fn token(claims: &Value) -> String {
    SigningKey::None.token(&json!({ "alg": "none", "typ": "logout+jwt" }), claims)
}

/// Writes a transcript message by message.
struct Pen {
    transcript: Transcript,
    seq: u64,
    now: Millis,
}

impl Pen {
    fn of(check: &Check) -> Self {
        let client = |name: &str| {
            let uri = format!("https://{name}.rp.test/bcl");
            (name.to_owned(), json!({ "client_id": name, "client_secret": "s", "backchannel_logout_uri": uri }))
        };
        let transcript = Transcript {
            format: FORMAT,
            check: check.clone(),
            target: Profile {
                name: "embedded".into(),
                issuers: BTreeMap::from([("primary".to_owned(), "https://op.test".to_owned())]),
                management: None,
                metadata: json!({ "issuer": "https://op.test" }),
                virtual_time: true,
                skew: 0,
                has: Vec::new(),
            },
            clients: ["web", "shop", "spa", "wiki", "forum"].map(client).into(),
            changed: BTreeMap::new(),
            users: BTreeMap::new(),
            steps: Vec::new(),
            exchanges: Vec::new(),
            deliveries: Vec::new(),
            opinions: Vec::new(),
            log: None,
            ended: Ended::Asked { watched: 0 },
        };
        Self { transcript, seq: 0, now: NOON }
    }

    fn next(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    fn exchange(&mut self, client: &str, endpoint: Endpoint, form: &str, status: u16, body: &Value) -> usize {
        let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        let answer = vec![("cache-control".to_owned(), "no-store".to_owned()), ("content-type".to_owned(), "application/json".to_owned())];
        let (sent_seq, answered_seq) = (self.next(), self.next());
        self.transcript.exchanges.push(Exchange {
            step: self.transcript.steps.len(),
            client: Some(client.into()),
            browser: None,
            user: None,
            endpoint,
            origin: "primary".into(),
            request: Request { method: "POST".into(), url: "https://op.test/x".into(), headers, body: form.into() },
            answer: Ok(Answer { status, headers: answer, body: body.to_string() }),
            sent: self.now,
            answered: self.now,
            sent_seq,
            answered_seq,
            edited: Vec::new(),
            beside: false,
        });
        self.transcript.exchanges.len() - 1
    }

    fn step(&mut self, place: Place, verb: Verb, save: Option<&str>, reply: Reply) {
        self.transcript.steps.push(StepRecord {
            place,
            verb,
            save: save.map(str::to_owned),
            fields: json!({}),
            replies: vec![reply],
            beside: None,
            outcome: Outcome::Worked,
            began: self.now,
            ended: self.now,
        });
    }

    fn tokens(&mut self, client: &str, form: &str, status: u16) -> Reply {
        let body = match status {
            200 => {
                let id_token = token(&json!({ "iss": "https://op.test", "aud": client, "sub": "u", "sid": "s", "nonce": "n" }));
                json!({ "access_token": "an-access-token", "token_type": "Bearer", "id_token": id_token })
            }
            _ => json!({ "error": "invalid_grant" }),
        };
        let index = self.exchange(client, Endpoint::Token, form, status, &body);
        Reply { request: Some(index), answer: Some(index), success: status == 200, ..Reply::default() }
    }

    fn delivery(&mut self, client: &str, answered: u16) {
        let seconds = self.now / 1000;
        let claims = json!({ "iss": "https://op.test", "aud": client, "sub": "u", "sid": "s", "iat": seconds, "exp": seconds + 120,
            "jti": format!("jti-{}", self.seq), "events": { "http://schemas.openid.net/event/backchannel-logout": {} } });
        let (came_seq, over_seq) = (self.next(), self.next());
        let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        let url = format!("https://{client}.rp.test/bcl");
        self.transcript.deliveries.push(Delivery {
            step: self.transcript.steps.len(),
            client: Some(client.into()),
            at: "first".into(),
            request: Request { method: "POST".into(), url, headers, body: format!("logout_token={}", token(&claims)) },
            answered: json!(answered),
            came: self.now,
            came_seq,
            over: Some(self.now),
            over_seq: Some(over_seq),
        });
    }
}

fn told(check: &Check) -> Transcript {
    let mut pen = Pen::of(check);
    for client in ["web", "shop"] {
        let reply = pen.tokens(client, "grant_type=authorization_code&code=c", 200);
        pen.step(Place::Walk, Verb::Login, Some(client), reply);
    }
    // The deliveries come while the question is open: their places lie between its request and its answer.
    let asked = pen.exchange("web", Endpoint::EndSession, "", 200, &json!({}));
    pen.delivery("web", 200);
    pen.delivery("shop", 500);
    pen.transcript.exchanges[asked].answered_seq = pen.next();
    pen.now += 5_000;
    pen.delivery("shop", 200);
    let reply = Reply { request: Some(asked), answer: Some(asked), landed: Some(Landed::SignedOut), success: true, ..Reply::default() };
    pen.step(Place::Ask, Verb::EndSession, None, reply);
    let log = [
        ("session.added", json!({})),
        ("session.terminated", json!({ "by": "user" })),
        ("session_logout.sent", json!({ "client_id": "shop" })),
        ("session_logout.sent", json!({ "client_id": "web" })),
    ];
    let event = |(i, (name, payload)): (usize, &(&str, Value))| LogEvent {
        position: i as u64 + 1,
        r#type: (*name).into(),
        aggregate: "a".into(),
        at: json!(NOON),
        payload: payload.clone(),
    };
    pen.transcript.log = Some(log.iter().enumerate().map(event).collect());
    pen.transcript
}

fn bought(check: &Check, status: u16) -> Transcript {
    let mut pen = Pen::of(check);
    let index = pen.exchange("spa", Endpoint::Authorize, "client_id=spa", 200, &json!({}));
    pen.step(Place::Walk, Verb::Authorize, Some("asked_for"), Reply { request: Some(index), answer: Some(index), ..Reply::default() });
    let reply = pen.tokens("spa", "grant_type=authorization_code&code=c&code_verifier=v", status);
    pen.step(Place::Ask, Verb::Redeem, None, reply);
    pen.transcript
}

fn holes(proofs: &[Proof]) -> Vec<&Proof> {
    proofs.iter().filter(|proof| !proof.red).collect()
}

#[test]
fn every_line_of_a_reply_a_ledger_and_a_log_can_be_made_red() {
    let checks = catalogue("a/told.toml", TOLD).checks;
    let transcript = told(&checks[0]);
    let proofs = derived(&checks[0], &transcript, None);
    assert_eq!(holes(&proofs), Vec::<&Proof>::new());
    let mut lines: Vec<&str> = proofs.iter().map(|p| p.line.as_str()).collect();
    lines.dedup();
    assert_eq!(
        lines,
        [
            "landed",
            "header.Cache-Control",
            "callback.state",
            "deliveries.shop[0].answered",
            "deliveries.shop[0].pauses[0]",
            "deliveries.web[0].answered",
            "deliveries.web[0].at",
            "deliveries.web[0].before_answer",
            "deliveries.web[0].logout_token.iss",
            "deliveries.web[0].logout_token.nonce",
            "deliveries.web[0].logout_token.exp",
            "deliveries.web[0].logout_token_header.typ",
            "deliveries",
            "events.session.[0]",
            "events.session.[1]",
            "events.session.[1].payload.by",
            "events.session.",
            "events.session_logout.[0]",
            "events.session_logout.[0].payload.client_id",
            "events.session_logout.[1]",
            "events.session_logout.[1].payload.client_id",
            "events.session_logout.",
        ]
    );
    assert_eq!(holes(&derived(&checks[1], &transcript, Some(&transcript))), Vec::<&Proof>::new());
}

#[test]
fn the_honest_answer_is_no_refusal() {
    let checks = catalogue("a/code.toml", CODE).checks;
    let base = bought(&checks[0], 200);
    let refused = derived(&checks[1], &bought(&checks[1], 400), Some(&base));
    assert_eq!(holes(&refused), Vec::<&Proof>::new());
    assert_eq!((&refused[0].kind, refused[0].line.as_str()), (&Kind::Undone, "refused"));
    assert_eq!(refused[0].says, "the honest answer: 200 with access_token");
    let ignored = derived(&checks[2], &bought(&checks[2], 200), Some(&base));
    assert!(ignored.iter().all(|p| p.kind == Kind::Leaf && p.red), "the same is wanted, and the honest answer says nothing");
}

#[test]
fn a_check_that_is_not_green_has_no_derived_proof() {
    let checks = catalogue("a/code.toml", CODE).checks;
    assert_eq!(derived(&checks[0], &bought(&checks[0], 400), None), []);
    let mut blocked = bought(&checks[0], 200);
    blocked.ended = Ended::Blocked { step: 0, why: "no code".into() };
    assert_eq!(derived(&checks[0], &blocked, None), []);
}

fn facts(transcript: &Transcript) -> Facts {
    Facts::of(transcript, BTreeMap::new(), "verifier".into(), None)
}

#[test]
fn an_honest_transcript_is_played_again_through_a_defect() {
    let requirements = Requirements::embedded().unwrap();
    let defects = embedded(&requirements).unwrap();
    let checks = catalogue("a/told.toml", TOLD).checks;
    let honest = told(&checks[0]);
    let under = |name: &str| {
        let (spoilt, touched) = replay(defects.get(name).unwrap(), facts(&honest), &honest);
        let clients: Vec<String> = spoilt.deliveries.iter().filter_map(|d| d.client.clone()).collect();
        (clients.join(" "), touched)
    };
    assert_eq!(under("every-third-answer-is-500"), ("web shop shop".into(), 0));
    assert_eq!(under("only-the-first-client-is-told"), ("web".into(), 2));
    assert_eq!(under("failure-is-final"), ("web shop".into(), 1));
    assert_eq!(under("delivery-to-the-wrong-client"), ("forum shop shop".into(), 1));
    assert_eq!(under("retries-at-once"), ("web shop shop shop".into(), 1));
    assert_eq!(under("told-again-after-400").1, 0);
    let (spoilt, _) = replay(defects.get("token-type-is-mac").unwrap(), facts(&honest), &honest);
    assert!(spoilt.exchanges[0].ok().unwrap().body.contains("\"mac\""));
    assert_eq!(spoilt.exchanges[2], honest.exchanges[2]);
}

#[test]
fn a_plan_drives_what_can_be_red_and_says_what_cannot() {
    let requirements = Requirements::embedded().unwrap();
    let defects = embedded(&requirements).unwrap();
    let mut checks = catalogue("a/told.toml", TOLD).checks;
    checks[0].broken_by = vec!["told-again-after-400".into(), "only-the-first-client-is-told".into()];
    let walk = told(&checks[0]);
    let basis =
        Basis { catalogue: &checks, walks: &[&walk], rules: rules(), requirements: &requirements, defects: &defects, facts: &facts };
    let plan = plan(&basis);
    let driven: Vec<(&str, &str, &str)> = plan.checks.iter().map(|c| (c.check.as_str(), c.walk.as_str(), c.defect.id.as_str())).collect();
    assert_eq!(
        driven,
        [("a/told", "a/told", "only-the-first-client-is-told"), ("a/told#at-least", "a/told", "failure-is-final")],
        "the row asks something else of the same answer"
    );
    assert!(plan.unable.iter().any(|p| p.of == "a/told" && p.kind == Kind::Named("told-again-after-400".into()) && !p.red));
    let rule = plan.rules.iter().find(|r| r.rule == "a-logout-token-says-when-it-ends").unwrap();
    assert_eq!((rule.defect.id.as_str(), rule.walks.as_slice()), ("logout-token-without-exp", &["a/told".to_owned()][..]));
}

#[test]
fn only_red_at_what_was_asked_is_a_named_proof() {
    let finding = Finding {
        check: "a".into(),
        place: "landed".into(),
        wanted: "\"login\"".into(),
        got: "nothing".into(),
        exchange: None,
        delivery: None,
    };
    let verdict = |word: Word| Verdict {
        id: "a".into(),
        word,
        asks: String::new(),
        cites: Vec::new(),
        findings: if word == Word::Fail || word == Word::Warn { vec![finding.clone()] } else { Vec::new() },
        why: Some("its walk stopped".into()),
        skip: None,
        looked_at: 0,
        watched: 0,
    };
    let red = |word, touched| named(&verdict(word), "d", touched).red;
    assert!(red(Word::Fail, 1) && red(Word::Warn, 1));
    assert!(!red(Word::Fail, 0), "a defect that did not act proves nothing");
    assert!([Word::Pass, Word::Blocked, Word::Skip, Word::Idle].into_iter().all(|word| !red(word, 1)));
    assert_eq!(named(&verdict(Word::Fail), "d", 1).says, "wanted \"login\", got nothing");
    assert!(named(&verdict(Word::Blocked), "d", 1).says.contains("its walk stopped"));
}

#[test]
fn every_defect_is_somebodys_and_every_name_is_a_defect() {
    let requirements = Requirements::embedded().unwrap();
    let defects = embedded(&requirements).unwrap();
    let known = Known::embedded(&requirements, defects.names()).unwrap();
    let files: Vec<(String, String)> =
        embedded_files::scenarios().iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let checks = load(&files, &known).map_err(|p| p.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")).unwrap().checks;
    assert_eq!(loose_ends(&checks, rules(), &defects), Vec::<String>::new());
}
