//! Every rule is green on one honest walk, and red once that walk is spoilt in its own way.

use serde_json::{Value, json};

use super::*;
use crate::judge::sample::*;
use crate::judge::verdict::Word;
use crate::requirement::Requirements;
use crate::scenario::{Expectations, Verb};
use crate::transcript::jose::SigningKey;
use crate::transcript::{Endpoint, Landed, Opinion, Place, Reply, Transcript};

/// Where things are in the honest walk.
struct Marks {
    /// Token exchanges: alice at web, alice at shop, bob at forum in another browser, alice at web again.
    web: usize,
    forum: usize,
    again: usize,
    /// A login page, and the redirect behind the typed password.
    page: usize,
    typed: usize,
    /// A request with prompt=none that is refused at the client.
    silent: usize,
    /// A secret that is wrong, and a code that is too old.
    wrong: usize,
    old: usize,
    logout: usize,
    userinfo: usize,
    signed_userinfo: usize,
    /// A method that the keys do not have.
    not_allowed: usize,
    /// Deliveries: to shop twice (the first one failed), to web.
    failed: usize,
    told: usize,
}

fn honest() -> (Transcript, Marks) {
    let mut s = Sample::new(check("a/b", Expectations::default()));
    s.keys();
    let web = s.login("web", "web", "alice", "first", &[("max_age", "600")]);
    s.login("shop", "shop", "alice", "first", &[]);
    let forum = s.login("forum", "forum", "bob", "second", &[]);
    let again = s.login("again", "web", "alice", "first", &[]);
    let access = s.t.exchanges[web].ok().unwrap().json().unwrap()["access_token"].as_str().unwrap().to_owned();
    let mut asks = request("GET", "https://op.test/userinfo", &[]);
    asks.headers.push(("authorization".into(), format!("Bearer {access}")));
    let said = json!({ "sub": "sub-of-alice", "name": "Alice", "email_verified": true, "updated_at": 1, "address": { "country": "CH" } });
    let userinfo = s.exchange(Endpoint::Userinfo, "web", None, asks.clone(), json_answer(200, &said));
    let jwt = key("ed").token(&json!({ "alg": "EdDSA", "kid": "ed" }), &said);
    let signed_userinfo = s.exchange(Endpoint::Userinfo, "web", None, asks, answer(200, &[("content-type", "application/jwt")], &jwt));
    s.done(Place::Walk, Verb::Userinfo, None, Reply { answer: Some(signed_userinfo), ..Reply::default() });
    let not_allowed = answer(405, &[("allow", "GET")], "");
    let not_allowed = s.exchange(Endpoint::Keys, "", None, request("DELETE", "https://op.test/keys", &[]), not_allowed);
    s.done(Place::Walk, Verb::Send, None, Reply { answer: Some(not_allowed), ..Reply::default() });
    let silent = s.authorize("web", "third", None, &[("prompt", "none")], &[("error", "login_required")]);
    s.done(
        Place::Walk,
        Verb::Authorize,
        None,
        Reply { request: Some(silent), answer: Some(silent), landed: Some(Landed::Callback), ..Reply::default() },
    );
    let refused = |error: &str, status| {
        let mut answer = json_answer(status, &json!({ "error": error, "error_description": "no" }));
        answer.headers.push(("www-authenticate".into(), "Basic realm=\"op\"".into()));
        answer
    };
    let wrong = s.token_request("web", "any", refused("invalid_client", 401));
    s.done(Place::Walk, Verb::Redeem, None, Reply { answer: Some(wrong), ..Reply::default() });
    s.authorize("web", "first", None, &[], &[("code", "code-that-grows-old-Xy0123456789abcdefGHIJKL")]);
    s.now += 660_000;
    let old = s.token_request("web", "code-that-grows-old-Xy0123456789abcdefGHIJKL", refused("invalid_grant", 400));
    s.done(Place::Walk, Verb::Redeem, None, Reply { answer: Some(old), ..Reply::default() });
    let (mut failed, mut told) = (0, 0);
    let logout = s.logout("web", "first", Place::Ask, |s| {
        failed = s.deliver("shop", "sub-of-alice", "sid-of-first", json!(500));
        told = s.deliver("web", "sub-of-alice", "sid-of-first", json!(200));
        s.now += 1000;
        s.deliver("shop", "sub-of-alice", "sid-of-first", json!(200));
    });
    let find = |endpoint| s.t.exchanges.iter().position(|e| e.endpoint == endpoint).unwrap();
    let (page, typed) = (find(Endpoint::Authorize), find(Endpoint::Page));
    (s.t, Marks { web, forum, again, page, typed, silent, wrong, old, logout, userinfo, signed_userinfo, not_allowed, failed, told })
}

fn judged(t: &Transcript) -> Vec<Verdict> {
    judge_rules(&[t], &Requirements::embedded().unwrap())
}

fn elsewhere(text: &str) -> String {
    text.replace("web.rp.test", "elsewhere.test")
}

#[test]
fn an_honest_walk_is_green_under_every_rule_and_none_is_idle() {
    let walks = [honest().0, flows_tests::honest().0, exchange_tests::honest().0];
    let verdicts = judge_rules(&walks.each_ref(), &Requirements::embedded().unwrap());
    let others: Vec<_> = verdicts.iter().filter(|v| v.word != Word::Pass).map(|v| (&v.id, v.word, v.findings.first())).collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn a_rule_that_saw_nothing_is_idle() {
    assert!(judged(&Sample::new(check("a/b", Expectations::default())).t).iter().all(|v| v.word == Word::Idle));
}

#[test]
fn rules_cite_requirements_of_one_strength_and_defects_that_exist_and_ids_are_there_once() {
    let requirements = Requirements::embedded().unwrap();
    let defects = crate::defect::load::embedded(&requirements).unwrap();
    let mut ids = std::collections::BTreeSet::new();
    for rule in rules() {
        assert!(ids.insert(rule.id), "{} is there twice", rule.id);
        assert!(!rule.broken_by.is_empty() && rule.broken_by.iter().all(|d| defects.get(d).is_some()), "{}: {:?}", rule.id, rule.broken_by);
        let strengths: Vec<_> =
            rule.cites.iter().map(|id| requirements.get(id).unwrap_or_else(|| panic!("{}: {id}", rule.id)).level.strength()).collect();
        assert!(strengths.windows(2).all(|w| w[0] == w[1]) && !strengths.is_empty(), "{}", rule.id);
    }
}

pub(super) type Spoil<M> = fn(&mut Transcript, &M);

fn header(t: &mut Transcript, exchange: usize, name: &str, value: Option<&str>) {
    let headers = &mut t.exchanges[exchange].answer.as_mut().unwrap().headers;
    headers.retain(|(n, _)| n != name);
    headers.extend(value.map(|v| (name.to_owned(), v.to_owned())));
}

fn location(t: &mut Transcript, exchange: usize, change: impl FnOnce(&str) -> String) {
    let answer = t.exchanges[exchange].answer.as_ref().unwrap();
    let to = change(answer.header("location").next().unwrap());
    header(t, exchange, "location", Some(&to));
}

fn without(of: &mut Value, name: &str) {
    of.as_object_mut().unwrap().shift_remove(name);
}

/// A rule, and the way in which the honest walk is spoilt for it.
const SPOILT: &[(&str, Spoil<Marks>)] = &[
    ("token-answers-are-never-stored", |t, m| header(t, m.web, "cache-control", Some("private, max-age=60"))),
    ("token-answers-are-json", |t, m| header(t, m.web, "content-type", Some("text/plain"))),
    ("token-answers-have-a-type", |t, m| edit_json(t, m.web, |b| without(b, "token_type"))),
    ("only-n_a-is-not-bearer", |t, m| edit_json(t, m.web, |b| b["token_type"] = json!("mac"))),
    ("lifetimes-are-said", |t, m| edit_json(t, m.web, |b| without(b, "expires_in"))),
    ("no-member-twice", |t, m| {
        let answer = t.exchanges[m.web].answer.as_mut().unwrap();
        answer.body = answer.body.replacen('{', r#"{"token_type":"Bearer","#, 1);
    }),
    ("no-member-twice", |t, m| location(t, m.typed, |l| format!("{l}&state=other"))),
    ("errors-have-the-form", |t, m| header(t, m.old, "content-type", Some("text/html"))),
    ("refusals-are-400-or-401", |t, m| t.exchanges[m.old].answer.as_mut().unwrap().status = 403),
    ("a-basic-failure-is-401", |t, m| t.exchanges[m.wrong].answer.as_mut().unwrap().status = 400),
    ("a-basic-failure-is-401", |t, m| header(t, m.wrong, "www-authenticate", Some("Bearer"))),
    ("error-texts-keep-to-the-alphabet", |t, m| edit_json(t, m.old, |b| b["error_description"] = json!("Ungültig"))),
    ("error-texts-keep-to-the-alphabet", |t, m| location(t, m.silent, |l| format!("{l}&error_description=%C3%BC"))),
    ("nothing-is-a-server-error", |t, m| t.exchanges[m.page].answer.as_mut().unwrap().status = 500),
    ("a-code-buys-once", |t, m| t.exchanges.push(t.exchanges[m.web].clone())),
    ("nothing-is-issued-twice", |t, m| {
        let body: Value = t.exchanges[m.web].ok().unwrap().json().unwrap();
        edit_json(t, m.forum, |b| b["access_token"] = body["access_token"].clone());
    }),
    ("secrets-are-long-enough", |t, m| edit_json(t, m.web, |b| b["access_token"] = json!("4711"))),
    ("a-code-dies-young", |t, m| t.exchanges[m.old].answer = t.exchanges[m.web].answer.clone()),
    ("every-signature-verifies", |t, m| {
        edit_json(t, m.web, |b| {
            b["id_token"] = json!(format!("{}AAAA", &b["id_token"].as_str().unwrap()[..b["id_token"].as_str().unwrap().len() - 4]))
        });
    }),
    ("the-algorithm-was-agreed", |t, _| t.clients.get_mut("web").unwrap()["id_token_signed_response_alg"] = json!("RS256")),
    ("the-algorithm-is-announced", |t, _| t.target.metadata["id_token_signing_alg_values_supported"] = json!(["RS256"])),
    ("never-unsigned", |t, m| {
        edit_json(t, m.web, |b| {
            let claims = crate::transcript::jose::Jws::parse(b["id_token"].as_str().unwrap()).unwrap().claims;
            b["id_token"] = json!(SigningKey::None.token(&json!({ "alg": "none" }), &claims));
        });
    }),
    ("the-issuer-is-the-issuer", |t, m| edit_id_token(t, m.web, |_, c| c["iss"] = json!("https://op.test/"))),
    ("the-audience-has-the-client", |t, m| edit_id_token(t, m.web, |_, c| c["aud"] = json!(["shop"]))),
    ("the-authorized-party-is-the-client", |t, m| edit_id_token(t, m.web, |_, c| c["azp"] = json!("shop"))),
    ("an-id-token-says-when-it-was-made", |t, m| edit_id_token(t, m.web, |_, c| c["iat"] = json!(NOON / 1000 + 1))),
    ("an-id-token-says-when-it-was-made", |t, m| edit_id_token(t, m.web, |_, c| c["iat"] = json!(NOON / 1000 - 1))),
    ("an-id-token-says-when-it-was-made", |t, m| edit_id_token(t, m.web, |_, c| c["iat"] = json!("now"))),
    ("an-id-token-says-when-it-ends", |t, m| edit_id_token(t, m.web, |_, c| c["exp"] = json!(NOON / 1000))),
    ("at_hash-fits", |t, m| edit_id_token(t, m.web, |_, c| c["at_hash"] = json!("MTIzNDU2Nzg5MDEyMzQ1Ng"))),
    ("kid-when-keys-are-many", |t, m| edit_id_token(t, m.web, |h, _| without(h, "kid"))),
    ("no-keys-in-headers", |t, m| edit_id_token(t, m.web, |h, _| h["jku"] = json!("https://elsewhere.test/keys"))),
    ("no-claim-twice", |t, m| {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
        edit_json(t, m.web, |b| {
            let claims = B64.encode(r#"{"sub":"a","sub":"b"}"#);
            b["id_token"] = json!(format!("{}.{claims}.AA", B64.encode(r#"{"alg":"EdDSA"}"#)));
        });
    }),
    ("a-jwt-access-token-says-so", |t, _| edit_access_jwt(t, |h, _| h["typ"] = json!("JWT"))),
    ("a-jwt-access-token-is-whole", |t, _| edit_access_jwt(t, |_, c| without(c, "client_id"))),
    ("a-strict-client-is-content", |t, m| t.opinions.push(Opinion { exchange: m.web, says: "a nonce that is none of mine".into() })),
    ("the-nonce-comes-back", |t, m| {
        let earlier = t.exchanges[m.web].ok().unwrap().json().unwrap()["id_token"].clone();
        edit_json(t, m.again, |b| b["id_token"] = earlier);
    }),
    ("one-person-one-sub", |t, m| edit_id_token(t, m.again, |_, c| c["sub"] = json!("somebody-new"))),
    ("two-people-two-subs", |t, m| edit_id_token(t, m.forum, |_, c| c["sub"] = json!("sub-of-alice"))),
    ("two-sessions-two-sids", |t, m| edit_id_token(t, m.forum, |_, c| c["sid"] = json!("sid-of-first"))),
    ("auth_time-when-asked", |t, m| edit_id_token(t, m.web, |_, c| without(c, "auth_time"))),
    ("a-login-is-no-older-than-asked", |t, m| edit_id_token(t, m.web, |_, c| c["auth_time"] = json!(NOON / 1000 - 601))),
    ("amr-is-a-list", |t, m| edit_id_token(t, m.web, |_, c| c["amr"] = json!("pwd"))),
    ("acr-is-a-string", |t, m| edit_id_token(t, m.web, |_, c| c["acr"] = json!(1))),
    ("state-comes-back", |t, m| location(t, m.typed, |l| l.replace("state=state", "state=s"))),
    ("state-comes-back", |t, m| t.exchanges[m.silent].request.url = t.exchanges[m.silent].request.url.replace("&state=", "&x=")),
    ("state-comes-back-from-a-logout", |t, _| {
        let callback = t.steps.iter_mut().filter(|s| s.verb == Verb::EndSession).find_map(|s| s.replies[0].callback.as_mut()).unwrap();
        callback.url = callback.url.replace("state=st", "state=");
    }),
    ("the-issuer-stands-in-every-answer", |t, m| location(t, m.silent, |l| l.replace("&iss=", "&x="))),
    ("the-issuer-in-an-answer-is-the-announced-one", |t, m| location(t, m.typed, |l| l.replace("op.test", "elsewhere.test"))),
    ("redirects-lead-home", |t, m| {
        t.exchanges[m.silent].request.url = elsewhere(&t.exchanges[m.silent].request.url);
        location(t, m.silent, elsewhere);
    }),
    ("logouts-lead-home", |t, m| {
        t.exchanges[m.logout].request.url = elsewhere(&t.exchanges[m.logout].request.url);
        location(t, m.logout, elsewhere);
    }),
    ("no-307-with-secrets", |t, m| t.exchanges[m.typed].answer.as_mut().unwrap().status = 307),
    ("pages-are-not-framed", |t, m| header(t, m.page, "content-security-policy", Some("frame-ancestors *"))),
    ("pages-tell-no-referrer", |t, m| header(t, m.page, "referrer-policy", None)),
    ("pages-tell-no-referrer", |t, m| header(t, m.page, "referrer-policy", Some("unsafe-url"))),
    ("the-authorization-endpoint-has-no-cors", |t, m| header(t, m.page, "access-control-allow-origin", Some("*"))),
    ("prompt-none-is-silent", |t, _| {
        let reply = t.steps.iter_mut().filter(|s| s.verb == Verb::Authorize).map(|s| &mut s.replies[0]).next().unwrap();
        reply.landed = Some(Landed::Login);
    }),
    ("a-delivery-is-a-post", |t, m| t.deliveries[m.told].request.method = "PUT".into()),
    ("a-delivery-is-a-form", |t, m| t.deliveries[m.told].request.headers = vec![("content-type".into(), "application/json".into())]),
    ("a-delivery-has-one-logout_token", |t, m| {
        let body = &mut t.deliveries[m.told].request.body;
        *body = format!("{body}&{body}");
    }),
    ("a-delivery-goes-to-the-registered-address", |t, m| t.deliveries[m.told].request.url.push_str("?from=op")),
    ("a-delivery-goes-to-the-registered-address", |t, m| t.deliveries[m.told].client = None),
    ("nobody-uninvited-is-told", |t, m| t.deliveries[m.told].client = Some("trap".into())),
    ("a-logout-token-is-signed", |t, m| t.deliveries[m.told].request.body = "logout_token=x".into()),
    ("a-logout-token-says-when-it-was-made", |t, m| edit_logout_token(t, m.told, |_, c| c["iat"] = json!(NOON / 1000 + 661))),
    ("a-logout-token-says-when-it-was-made", |t, m| edit_logout_token(t, m.told, |_, c| c["iat"] = json!(NOON / 1000 - 1))),
    ("a-logout-token-says-when-it-ends", |t, m| edit_logout_token(t, m.told, |_, c| without(c, "exp"))),
    ("a-logout-token-says-when-it-ends", |t, m| edit_logout_token(t, m.told, |_, c| c["exp"] = c["iat"].clone())),
    ("a-logout-token-has-an-id", |t, m| edit_logout_token(t, m.told, |_, c| without(c, "jti"))),
    ("a-logout-token-names-the-event", |t, m| edit_logout_token(t, m.told, |_, c| without(c, "events"))),
    ("a-logout-event-is-an-object", |t, m| edit_logout_token(t, m.told, |_, c| c["events"] = json!({ EVENT: "yes" }))),
    ("a-logout-event-is-empty", |t, m| edit_logout_token(t, m.told, |_, c| c["events"] = json!({ EVENT: { "a": 1 } }))),
    ("a-logout-token-says-whom", |t, m| {
        edit_logout_token(t, m.told, |_, c| {
            without(c, "sub");
            without(c, "sid");
        });
    }),
    ("sid-where-it-is-required", |t, m| edit_logout_token(t, m.told, |_, c| without(c, "sid"))),
    ("a-logout-token-has-no-nonce", |t, m| edit_logout_token(t, m.told, |_, c| c["nonce"] = json!("n"))),
    ("a-logout-token-is-for-its-client", |t, m| edit_logout_token(t, m.told, |_, c| c["aud"] = json!("shop"))),
    ("a-logout-token-has-the-known-issuer", |t, m| edit_logout_token(t, m.told, |_, c| c["iss"] = json!("https://other.op.test"))),
    ("a-logout-token-has-the-known-sub", |t, m| edit_logout_token(t, m.told, |_, c| c["sub"] = json!("sub-of-bob"))),
    ("a-logout-token-has-the-known-sid", |t, m| edit_logout_token(t, m.told, |_, c| c["sid"] = json!("sid-of-second"))),
    ("a-logout-token-is-signed-by-a-published-key", |t, m| {
        let token = t.deliveries[m.told].request.param("logout_token").unwrap();
        let jws = crate::transcript::jose::Jws::parse(&token).unwrap();
        t.deliveries[m.told].request.body = format!("logout_token={}", SigningKey::foreign("EdDSA").token(&jws.header, &jws.claims));
    }),
    ("a-logout-token-has-the-algorithm-of-id-tokens", |t, m| edit_logout_token(t, m.told, |h, _| h["alg"] = json!("HS256"))),
    ("each-logout-token-has-its-own-jti", |t, m| {
        t.deliveries[m.told + 1].request = t.deliveries[m.failed].request.clone();
        t.deliveries[m.failed].answered = json!(200);
    }),
    ("a-logout-token-lives-two-minutes", |t, m| edit_logout_token(t, m.told, |_, c| c["exp"] = json!(NOON / 1000 + 86_400))),
    ("a-logout-token-has-its-type", |t, m| edit_logout_token(t, m.told, |h, _| h["typ"] = json!("JWT"))),
    ("a-logout-token-says-nothing-more", |t, m| edit_logout_token(t, m.told, |_, c| c["email"] = json!("a@example.test"))),
    ("a-logout-header-says-nothing-more", |t, m| edit_logout_token(t, m.told, |h, _| h["cty"] = json!("JWT"))),
    ("a-405-says-what-is-allowed", |t, m| header(t, m.not_allowed, "allow", None)),
    ("cookies-keep-to-tls", |t, m| header(t, m.page, "set-cookie", Some("browser=who-this-is; HttpOnly"))),
    ("cookies-are-kept-from-scripts", |t, m| header(t, m.page, "set-cookie", Some("browser=who-this-is; Secure"))),
    ("names-of-clients-are-text", |t, m| {
        t.exchanges[m.page].answer.as_mut().unwrap().body.push_str("<p><b>web</b> wants to know who you are");
    }),
    ("a-401-has-a-challenge", |t, m| header(t, m.wrong, "www-authenticate", None)),
    ("signed-userinfo-verifies", |t, m| {
        let body = &mut t.exchanges[m.signed_userinfo].answer.as_mut().unwrap().body;
        body.truncate(body.len() - 4);
        body.push_str("AAAA");
    }),
    ("userinfo-is-about-the-person-of-the-id-token", |t, m| edit_json(t, m.userinfo, |b| b["sub"] = json!("sub-of-bob"))),
    ("claims-have-their-types", |t, m| edit_json(t, m.userinfo, |b| b["email_verified"] = json!("true"))),
    ("claims-have-their-types", |t, m| edit_json(t, m.userinfo, |b| b["name"] = json!(["Alice"]))),
    ("no-claim-without-a-value", |t, m| edit_json(t, m.userinfo, |b| b["picture"] = Value::Null)),
    ("every-attempt-is-a-fresh-token", |t, m| t.deliveries[m.told + 1].request = t.deliveries[m.failed].request.clone()),
];

fn edit_access_jwt(t: &mut Transcript, change: impl FnOnce(&mut Value, &mut Value)) {
    let shop = t.exchanges.iter().position(|e| e.endpoint == Endpoint::Token && e.client.as_deref() == Some("shop")).unwrap();
    edit_json(t, shop, |b| b["access_token"] = json!(resigned(b["access_token"].as_str().unwrap(), change)));
}

#[test]
fn every_rule_is_red_when_the_walk_is_spoilt_for_it() {
    red(SPOILT, honest);
    red(flows_tests::SPOILT, flows_tests::honest);
    red(exchange_tests::SPOILT, exchange_tests::honest);
    for rule in rules() {
        let named = SPOILT.iter().map(|(id, _)| id).chain(flows_tests::SPOILT.iter().map(|(id, _)| id));
        let spoilt = named.chain(exchange_tests::SPOILT.iter().map(|(id, _)| id)).any(|id| *id == rule.id);
        assert!(spoilt, "nothing is spoilt for {}", rule.id);
    }
}

fn red<M>(spoilt: &[(&str, Spoil<M>)], honest: fn() -> (Transcript, M)) {
    let requirements = Requirements::embedded().unwrap();
    for (id, spoil) in spoilt {
        let (mut t, marks) = honest();
        spoil(&mut t, &marks);
        let rule = rules().iter().find(|r| r.id == *id).unwrap_or_else(|| panic!("no rule {id}"));
        let verdict = judge_rule(rule, &Run::of(&[&t]), &requirements);
        assert!(matches!(verdict.word, Word::Fail | Word::Warn), "{id} is {:?} after {} looks", verdict.word, verdict.looked_at);
        assert!(verdict.findings.iter().all(|f| f.check == "a/b" && (f.exchange.is_some() || f.delivery.is_some())), "{id}");
    }
}

#[test]
fn a_notification_that_failed_may_come_again_with_its_own_jti() {
    let (mut t, marks) = honest();
    t.deliveries[marks.told + 1].request = t.deliveries[marks.failed].request.clone();
    let verdicts = judged(&t);
    let word = |id: &str| verdicts.iter().find(|v| v.id == id).unwrap().word;
    assert_eq!(word("each-logout-token-has-its-own-jti"), Word::Pass);
}

#[test]
fn an_answer_to_a_request_that_was_spoilt_on_purpose_is_passed_over() {
    let (mut t, marks) = honest();
    edit_id_token(&mut t, marks.web, |_, c| c["aud"] = json!("shop"));
    t.exchanges[marks.web].edited = vec!["set client_id".into()];
    assert_eq!(judged(&t).iter().find(|v| v.id == "the-audience-has-the-client").unwrap().word, Word::Pass);
}

#[test]
fn a_real_clock_may_differ_by_its_skew() {
    let (mut t, marks) = honest();
    edit_id_token(&mut t, marks.web, |_, c| c["iat"] = json!(NOON / 1000 + 2));
    t.target.virtual_time = false;
    t.target.skew = 2;
    assert_eq!(judged(&t).iter().find(|v| v.id == "an-id-token-says-when-it-was-made").unwrap().word, Word::Pass);
}

#[test]
fn an_address_that_a_client_had_before_the_record_began_is_one_of_its_addresses_and_no_other_is() {
    let (mut t, marks) = honest();
    let told = &t.deliveries[marks.told];
    let (client, first) = (told.client.clone().unwrap(), told.request.url.clone());
    t.clients.get_mut(&client).unwrap()["backchannel_logout_uri"] = json!("https://web.rp.test/second");
    let before = [("backchannel_logout_uri".to_owned(), vec![json!(first)])].into();
    t.changed.insert(client, before);
    let word = |t: &Transcript| judged(t).iter().find(|v| v.id == "a-delivery-goes-to-the-registered-address").unwrap().word;
    assert_eq!(word(&t), Word::Pass);
    t.deliveries[marks.told].request.url.push_str("?from=op");
    assert_eq!(word(&t), Word::Fail);
}
