//! Each word of the mechanism, on messages made here.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::load::{Known, load};
use super::wire::{Facts, Going, Wire};
use super::{Defect, Hold};
use crate::transcript::jose::{Jws, SigningKey, half_hash, s256};
use crate::transcript::{Answer, Endpoint, Request};

const NOW: i64 = 1_767_268_800_000;
const CODE: &str = "authorization_code";

fn key(seed: u8) -> SigningKey {
    SigningKey::EdDsa(Box::new(ed25519_dalek::SigningKey::from_bytes(&[seed; 32])))
}

fn jwk(seed: u8) -> Value {
    use base64::Engine as _;
    let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let x = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
}

fn es256() -> SigningKey {
    SigningKey::Es256(Box::new(p256::ecdsa::SigningKey::from_slice(&[3; 32]).unwrap()))
}

fn facts() -> Facts {
    let client = |name: &str, method: &str| {
        json!({ "client_id": format!("id-of-{name}"), "client_secret": format!("secret of {name}"), "token_endpoint_auth_method": method,
                "id_token_signed_response_alg": "EdDSA", "backchannel_logout_uri": format!("https://{name}.rp.test/bcl") })
    };
    let addresses = |name: &str| [format!("https://{name}.rp.test/bcl"), format!("https://{name}.rp.test/bcl/second")];
    Facts {
        clients: [("web", "client_secret_basic"), ("shop", "client_secret_post"), ("spa", "none")]
            .map(|(name, method)| (name.to_owned(), client(name, method)))
            .into(),
        issuers: [("primary", "https://op.test"), ("other", "https://other.op.test")].map(|(n, i)| (n.to_owned(), i.to_owned())).into(),
        management: Some("https://op.test/management".into()),
        keys: BTreeMap::from([("ed-1".to_owned(), key(1)), ("ed-2".to_owned(), key(2)), ("es-1".to_owned(), es256())]),
        verifier: "a-verifier-that-the-harness-knows-of-by-itself".into(),
        admin_token: Some("admin".into()),
        addresses: ["web", "shop", "spa"].map(|name| (name.to_owned(), addresses(name))).into(),
    }
}

/// A defect of these edits, as a file would say them.
fn defect(edits: &str) -> Arc<Defect> {
    let text = format!("[it]\nbreaks = [\"x\"]\nedit = [{edits}]\n");
    let defects = load(&[("a.toml", &text)], &Known::default()).map_err(|p| p.iter().map(ToString::to_string).collect::<Vec<_>>());
    Arc::clone(defects.unwrap().get("it").unwrap())
}

fn spoiling(edits: &str) -> Wire {
    Wire::new(defect(edits), facts())
}

fn get(url: &str) -> Request {
    Request { method: "GET".into(), url: url.into(), headers: vec![("cookie".into(), "a=b".into())], body: String::new() }
}

fn post(form: &[(&str, &str)]) -> Request {
    Request {
        method: "POST".into(),
        url: "https://op.test/token".into(),
        headers: vec![("accept".into(), "*/*".into()), ("content-type".into(), "application/x-www-form-urlencoded".into())],
        body: url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish(),
    }
}

fn answer(status: u16, body: &Value) -> Answer {
    Answer { status, headers: vec![("content-type".into(), "application/json".into())], body: body.to_string() }
}

fn redirect(location: &str) -> Answer {
    Answer { status: 302, headers: vec![("location".into(), location.into())], body: String::new() }
}

fn id_token(claims: &Value) -> String {
    key(1).token(&json!({ "alg": "EdDSA", "kid": "ed-1" }), claims)
}

fn delivery(client: &str) -> Request {
    let claims = json!({ "iss": "https://op.test", "aud": format!("id-of-{client}"), "exp": NOW / 1000 + 120, "sub": "alice", "sid": "s" });
    Request { url: format!("https://{client}.rp.test/bcl"), ..post(&[("logout_token", &id_token(&claims))]) }
}

fn logout_token(request: &Request) -> Jws {
    Jws::parse(&request.param("logout_token").unwrap()).unwrap()
}

fn sent(going: Going) -> Request {
    match going {
        Going::Send(request) => request,
        Going::Instead(answer) => panic!("answered {answer:?} instead"),
    }
}

fn token_answer(wire: &mut Wire, client: &str, request: &Request, body: &Value) -> Answer {
    wire.answer(Endpoint::Token, Some(client), request, answer(200, body), NOW).answer
}

#[test]
fn a_wire_without_a_defect_changes_nothing() {
    let mut wire = Wire::none();
    let request = get("https://op.test/authorize?a=%7E&b");
    assert_eq!(wire.request(Endpoint::Authorize, None, request.clone(), NOW), Going::Send(request.clone()));
    let answer = redirect("/login");
    let coming = wire.answer(Endpoint::Authorize, None, &request, answer.clone(), NOW);
    assert_eq!((coming.answer, coming.hold, coming.tell.len()), (answer, None, 0));
    assert_eq!(wire.delivery("web", delivery("web"), NOW)[0].request, delivery("web"));
    assert_eq!(wire.touched(), 0);
}

#[test]
fn a_message_that_no_edit_names_keeps_its_bytes() {
    let mut wire = spoiling(r#"{ on = "token.answer", where.json.error = "slow_down", set.json.error = "x" }"#);
    let odd = Answer { status: 200, headers: Vec::new(), body: "{ \"b\" : 1.50,\"a\":2 }".into() };
    assert_eq!(wire.answer(Endpoint::Token, None, &post(&[]), odd.clone(), NOW).answer, odd);
    assert_eq!(wire.touched(), 0);
}

#[test]
fn an_edit_that_finds_nothing_does_nothing() {
    let mut wire = spoiling(
        r#"{ on = "token.answer", drop = ["json.id_token.act", "json.nothing", "header.x"], set.json.id_token.act.sub = "x", set.location.code = "x" }"#,
    );
    let body = answer(200, &json!({ "id_token": "opaque" }));
    assert_eq!(wire.answer(Endpoint::Token, None, &post(&[]), body.clone(), NOW).answer, body);
    let body = answer(200, &json!({ "id_token": id_token(&json!({ "sub": "s" })) }));
    assert_eq!(wire.answer(Endpoint::Token, None, &post(&[]), body.clone(), NOW).answer, body);
    assert_eq!(wire.touched(), 0);
}

#[test]
fn status_header_json_and_html_of_an_answer() {
    let mut wire = spoiling(
        r#"{ on = "token.answer", set.status = 403, set.header.Cache-Control = "public", drop = ["header.X-Gone"], repeat.header.X-Twice = "2", set.json.a.b = 2, repeat.json.c = "again" }"#,
    );
    let honest = Answer {
        status: 400,
        headers: [("cache-control", "no-store"), ("x-gone", "1"), ("x-twice", "1")].map(|(n, v)| (n.into(), v.into())).into(),
        body: r#"{"a":{"b":1},"c":"once"}"#.into(),
    };
    let spoilt = wire.answer(Endpoint::Token, None, &post(&[]), honest, NOW).answer;
    assert_eq!(spoilt.status, 403);
    let headers: Vec<_> = spoilt.headers.iter().map(|(n, v)| format!("{n}: {v}")).collect();
    assert_eq!(headers, ["cache-control: public", "x-twice: 1", "x-twice: 2"]);
    assert_eq!(spoilt.body, r#"{"a":{"b":2},"c":"once","c":"again"}"#);
    assert_eq!(wire.touched(), 1);

    let mut wire = spoiling(r#"{ on = "token.answer", set.html = "<p>no</p>" }"#);
    let spoilt = token_answer(&mut wire, "web", &post(&[]), &json!({}));
    assert_eq!((spoilt.header("content-type").next(), spoilt.body.as_str()), (Some("text/html; charset=utf-8"), "<p>no</p>"));
}

#[test]
fn parameters_of_query_form_and_location() {
    let mut wire = spoiling(
        r#"
        { on = "authorize.request", set.query.code_challenge = "{op.known_challenge}", drop = ["query.state"], repeat.query.scope = "b" },
        { on = "token.request", set.form.code_verifier = "{op.known_verifier}" },
        { on = "authorize.answer", set.location.state = "x", drop = ["location.iss"] },
        { on = "end_session.request", drop = ["param.id_token_hint"] }"#,
    );
    let request = get("https://op.test/authorize?code_challenge=c&state=s&scope=a#f");
    let going = sent(wire.request(Endpoint::Authorize, None, request.clone(), NOW));
    assert_eq!(going.url, format!("https://op.test/authorize?code_challenge={}&scope=a&scope=b#f", s256(&facts().verifier)));
    assert_eq!(going.headers, request.headers, "cookies are not the defect's business");
    let going = sent(wire.request(Endpoint::Token, None, post(&[("code", "c"), ("code_verifier", "v")]), NOW));
    assert_eq!(going.body, format!("code=c&code_verifier={}", facts().verifier));
    let coming = wire.answer(Endpoint::Authorize, None, &request, redirect("https://web.rp.test/cb?code=1&state=s&iss=i"), NOW);
    assert_eq!(coming.answer.headers[0].1, "https://web.rp.test/cb?code=1&state=x");
    let both = [get("https://op.test/logout?id_token_hint=t&state=s"), post(&[("id_token_hint", "t"), ("state", "s")])];
    for request in both {
        let going = sent(wire.request(Endpoint::EndSession, None, request, NOW));
        assert_eq!(going.params(), [("state".to_owned(), "s".to_owned())]);
    }
}

#[test]
fn a_path_goes_into_a_token_which_is_signed_again_by_its_own_key() {
    let mut wire = spoiling(r#"{ on = "token.answer", set.json.id_token.act = { is = { sub = "x" } }, drop = ["json.id_token.nonce"] }"#);
    let body = json!({ "id_token": id_token(&json!({ "sub": "s", "nonce": "n" })), "other": 1 });
    let spoilt = token_answer(&mut wire, "web", &post(&[]), &body).json().unwrap();
    let jws = Jws::parse(spoilt["id_token"].as_str().unwrap()).unwrap();
    assert_eq!(jws.claims, json!({ "sub": "s", "act": { "sub": "x" } }));
    assert_eq!(jws.header, json!({ "alg": "EdDSA", "kid": "ed-1" }));
    assert_eq!(jws.verifies_under(&jwk(1)), Some(true));
    assert_eq!(spoilt["other"], 1);
}

#[test]
fn a_claim_can_come_twice() {
    let mut wire = spoiling(r#"{ on = "token.answer", repeat.json.id_token.sub = "again" }"#);
    let spoilt = token_answer(&mut wire, "web", &post(&[]), &json!({ "id_token": id_token(&json!({ "sub": "s" })) })).json().unwrap();
    let jws = Jws::parse(spoilt["id_token"].as_str().unwrap()).unwrap();
    assert_eq!(jws.repeated, ["sub"]);
    assert_eq!(jws.verifies_under(&jwk(1)), Some(true));
}

#[test]
fn at_hash_is_made_to_fit_unless_it_is_the_defect() {
    let honest = |hash: &str| json!({ "id_token": id_token(&json!({ "at_hash": hash })), "access_token": "old" });
    let body = honest(&half_hash("EdDSA", "old").unwrap());
    let at_hash = |edits: &str| {
        let spoilt = token_answer(&mut spoiling(edits), "web", &post(&[]), &body).json().unwrap();
        let jws = Jws::parse(spoilt["id_token"].as_str().unwrap()).unwrap();
        assert_ne!(jws.header_str("alg"), None);
        jws.claim_str("at_hash").unwrap().to_owned()
    };
    assert_eq!(at_hash(r#"{ on = "token.answer", set.json.access_token = "new" }"#), half_hash("EdDSA", "new").unwrap());
    assert_eq!(at_hash(r#"{ on = "token.answer", set.json.id_token_header.alg = "ES256" }"#), half_hash("ES256", "old").unwrap());
    assert_eq!(at_hash(r#"{ on = "token.answer", set.json.id_token.at_hash = "x", set.json.access_token = "new" }"#), "x");
    assert_eq!(at_hash(r#"{ on = "token.answer", set.json.id_token.sub = "x" }"#), half_hash("EdDSA", "old").unwrap());
}

#[test]
fn sign_says_otherwise() {
    let spoilt = |edits: &str| logout_token(&spoiling(edits).delivery("web", delivery("web"), NOW)[0].request);
    let honest = logout_token(&delivery("web"));
    let foreign = spoilt(r#"{ on = "delivery.request", sign = "foreign" }"#);
    assert_eq!((foreign.claims.clone(), foreign.verifies_under(&jwk(1))), (honest.claims.clone(), Some(false)));
    let kept = spoilt(r#"{ on = "delivery.request", sign = "keep", set.form.logout_token.sub = "bob" }"#);
    assert_eq!((kept.signature.clone(), kept.verifies_under(&jwk(1))), (honest.signature, Some(false)));
    let none = spoilt(r#"{ on = "delivery.request", sign = "none" }"#);
    assert_eq!((none.header_str("alg"), none.signature.len()), (Some("none"), 0));
    let public = spoilt(r#"{ on = "delivery.request", sign = "hs256-public" }"#);
    assert_eq!(public.header_str("alg"), Some("HS256"));
    let secret = key(1).public_pem().unwrap();
    assert!(secret.starts_with("-----BEGIN PUBLIC KEY-----\n"));
    assert_eq!(public.signature, SigningKey::Hs256(secret.into_bytes()).sign(public.signed.as_bytes()));
    let other = spoilt(r#"{ on = "delivery.request", sign = "ed-2" }"#);
    assert_eq!((other.header_str("kid"), other.verifies_under(&jwk(2))), (Some("ed-2"), Some(true)));
    let alg = spoilt(r#"{ on = "delivery.request", set.form.logout_token_header.alg = "ES256" }"#);
    assert_eq!((alg.header_str("kid"), alg.header_str("alg")), (Some("es-1"), Some("ES256")));
    let no_kid = spoilt(r#"{ on = "delivery.request", drop = ["form.logout_token_header.kid"] }"#);
    assert_eq!((no_kid.header_str("kid"), no_kid.verifies_under(&jwk(1))), (None, Some(true)));
}

#[test]
fn nth_counts_the_messages_that_fit() {
    let acted = |nth: &str| {
        let mut wire = spoiling(&format!(r#"{{ on = "token.answer", nth = {nth}, set.status = 500 }}"#));
        (1..=6).filter(|_| token_answer(&mut wire, "web", &post(&[]), &json!({})).status == 500).collect::<Vec<_>>()
    };
    assert_eq!(acted("2"), [2]);
    assert_eq!(acted("\"2..\""), [2, 3, 4, 5, 6]);
    assert_eq!(acted("\"..1\""), [1]);
    assert_eq!(acted("\"2..3\""), [2, 3]);
    assert_eq!(acted("\"3/3\""), [3, 6]);
}

#[test]
fn nth_counts_for_each_value_of_per() {
    let mut wire = spoiling(r#"{ on = "delivery.request", nth = "2..", per = "client", swallow = true }"#);
    let arrivals: Vec<_> = ["web", "shop", "web", "shop"].map(|c| wire.delivery(c, delivery(c), NOW).len()).into();
    assert_eq!(arrivals, [1, 1, 0, 0]);
    assert_eq!(wire.touched(), 2);
    let mut wire = spoiling(r#"{ on = "token.request", nth = 2, per = "form.code", set.form.x = "y" }"#);
    let edited: Vec<_> = ["a", "b", "a", "b", "a"]
        .map(|code| sent(wire.request(Endpoint::Token, None, post(&[("code", code)]), NOW)).param("x").is_some())
        .into();
    assert_eq!(edited, [false, false, true, true, false]);
}

#[test]
fn after_waits_for_a_message_and_for_time() {
    let edits =
        r#"{ on = "authorize.request", after = { on = "end_session.answer", where.status = 200, ago = "1m" }, drop = ["header.cookie"] }"#;
    let mut wire = spoiling(edits);
    let signed_in = |wire: &mut Wire, now| !sent(wire.request(Endpoint::Authorize, None, get("https://op.test/a"), now)).headers.is_empty();
    assert!(signed_in(&mut wire, NOW));
    wire.answer(Endpoint::EndSession, None, &get("https://op.test/l"), redirect("/"), NOW);
    assert!(signed_in(&mut wire, NOW + 90_000), "that answer did not fit");
    wire.answer(Endpoint::EndSession, None, &get("https://op.test/l"), answer(200, &json!({})), NOW);
    assert!(signed_in(&mut wire, NOW + 59_999));
    assert!(!signed_in(&mut wire, NOW + 60_000));
}

#[test]
fn a_message_does_not_come_after_itself() {
    let mut wire = spoiling(r#"{ on = "token.answer", after = { on = "token.answer" }, set.status = 500 }"#);
    let statuses = [1, 2].map(|_| token_answer(&mut wire, "web", &post(&[]), &json!({})).status);
    assert_eq!(statuses, [200, 500]);
}

#[test]
fn conditions_look_at_both_sides_and_into_tokens() {
    let edits = r#"
        { on = "end_session.request", where.query.id_token_hint.exp = { between = [0, "now"] }, answer = { status = 400, html = "expired" } },
        { on = "token.answer", where.request.form.grant_type = "refresh_token", where.client = "web", set.status = 500 },
        { on = "delivery.request", where.form.logout_token.aud = "{client.shop.client_id}", swallow = true }"#;
    let mut wire = spoiling(edits);
    let hint = |exp: i64| get(&format!("https://op.test/logout?id_token_hint={}", id_token(&json!({ "exp": exp }))));
    assert!(matches!(wire.request(Endpoint::EndSession, None, hint(NOW / 1000 + 1), NOW), Going::Send(_)));
    let Going::Instead(refusal) = wire.request(Endpoint::EndSession, None, hint(NOW / 1000 - 1), NOW) else { panic!("sent on") };
    assert_eq!((refusal.status, refusal.body.as_str()), (400, "expired"));
    let refresh = post(&[("grant_type", "refresh_token")]);
    assert_eq!(token_answer(&mut wire, "shop", &refresh, &json!({})).status, 200);
    assert_eq!(token_answer(&mut wire, "web", &refresh, &json!({})).status, 500);
    assert_eq!(token_answer(&mut wire, "web", &post(&[("grant_type", CODE)]), &json!({})).status, 200);
    assert_eq!(["web", "shop"].map(|c| wire.delivery(c, delivery(c), NOW).len()), [1, 0]);
}

#[test]
fn an_answer_can_be_given_without_asking() {
    let edits = r#"{ on = "end_session.request", answer = { status = 303, header.Location = "{request.query.post_logout_redirect_uri}?x={request.query.state}" } },
        { on = "token.request", answer = { json.access_token = "{op.issuer}", json.expires_in = 60 } }"#;
    let mut wire = spoiling(edits);
    let request = get("https://op.test/logout?post_logout_redirect_uri=https%3A%2F%2Fa.test%2Fout&state=s");
    let made = redirect("https://a.test/out?x=s");
    assert_eq!(wire.request(Endpoint::EndSession, None, request, NOW), Going::Instead(Answer { status: 303, ..made }));
    let Going::Instead(made) = wire.request(Endpoint::Token, None, post(&[]), NOW) else { panic!("sent on") };
    assert_eq!(made, answer(200, &json!({ "access_token": "https://op.test", "expires_in": 60 })));
}

#[test]
fn what_is_swallowed_is_answered_as_if_done() {
    let mut wire = spoiling(r#"{ on = ["revoke.request", "end_session.request"], swallow = true }"#);
    let Going::Instead(done) = wire.request(Endpoint::Revoke, None, post(&[]), NOW) else { panic!("sent on") };
    assert_eq!((done.status, done.body.as_str()), (200, ""));
    let back = get("https://op.test/logout?post_logout_redirect_uri=https%3A%2F%2Fa.test%2Fout%3Fkept%3D1&state=s");
    let Going::Instead(done) = wire.request(Endpoint::EndSession, None, back, NOW) else { panic!("sent on") };
    assert_eq!(done.header("location").next(), Some("https://a.test/out?kept=1&state=s"));
    let Going::Instead(done) = wire.request(Endpoint::EndSession, None, get("https://op.test/logout"), NOW) else { panic!("sent on") };
    assert!(done.body.contains("Signed out"));
}

#[test]
fn a_body_that_is_a_jwt_is_changed_and_signed_again() {
    let token = SigningKey::None.token(&json!({ "alg": "none" }), &json!({ "sub": "alice" }));
    let mut wire = spoiling(r#"{ on = "userinfo.answer", where.userinfo_token.sub = "alice", set.userinfo_token.sub = "bob" }"#);
    let mut answered = |content_type: &str| {
        let answer = Answer { status: 200, headers: vec![("content-type".into(), content_type.into())], body: token.clone() };
        wire.answer(Endpoint::Userinfo, None, &get("https://op.test/userinfo"), answer, NOW).answer.body
    };
    let done = answered("application/jwt");
    assert_eq!(Jws::parse(&done).unwrap().claims, json!({ "sub": "bob" }));
    assert_eq!(answered("text/plain"), token);
}

#[test]
fn a_good_answer_is_given_again() {
    let mut wire = spoiling(r#"{ on = "token.request", where.form.grant_type = "authorization_code", nth = "2..", replay = "form.code" }"#);
    let buy = |code: &str| post(&[("grant_type", CODE), ("code", code)]);
    let mut round = |code: &str, status: u16, body: Value| match wire.request(Endpoint::Token, Some("web"), buy(code), NOW) {
        Going::Send(request) => wire.answer(Endpoint::Token, Some("web"), &request, answer(status, &body), NOW).answer,
        Going::Instead(answer) => answer,
    };
    let first = round("a", 200, json!({ "access_token": "1" }));
    assert_eq!(round("b", 400, json!({})).status, 400, "nothing good is remembered of it");
    assert_eq!(round("b", 200, json!({ "access_token": "2" })).status, 200);
    assert_eq!(round("a", 400, json!({})), first);
}

#[test]
fn the_last_good_answer_of_the_client_is_given_again() {
    let mut wire = spoiling(r#"{ on = "token.request", after = { on = "management.answer" }, replay = "client" }"#);
    for token in ["1", "2"] {
        token_answer(&mut wire, "web", &post(&[]), &json!({ "access_token": token }));
    }
    wire.answer(Endpoint::Management, None, &post(&[]), answer(200, &json!({})), NOW);
    let Going::Instead(last) = wire.request(Endpoint::Token, Some("web"), post(&[]), NOW) else { panic!("sent on") };
    assert_eq!(last.json().unwrap()["access_token"], "2");
    assert!(matches!(wire.request(Endpoint::Token, Some("shop"), post(&[]), NOW), Going::Send(_)));
}

#[test]
fn a_request_goes_on_with_the_credentials_of_the_owner() {
    let code_of = |client: &str, with: &[(&str, &str)]| {
        let mut wire = spoiling(r#"{ on = "token.request", as = "{owner}" }"#);
        wire.answer(Endpoint::Page, Some(client), &get("https://op.test/login"), redirect("https://x.test/cb?code=abc"), NOW);
        let mut request = post(with);
        request.headers.push(("authorization".into(), "Basic eHk=".into()));
        sent(wire.request(Endpoint::Token, Some("spa"), request, NOW))
    };
    let as_web = code_of("web", &[("code", "abc"), ("client_id", "id-of-spa")]);
    assert_eq!(as_web.body, "code=abc");
    assert_eq!(as_web.header("authorization").next(), Some("Basic aWQtb2Ytd2ViOnNlY3JldCtvZit3ZWI="));
    let as_shop = code_of("shop", &[("code", "abc")]);
    assert_eq!(as_shop.body, "code=abc&client_id=id-of-shop&client_secret=secret+of+shop");
    assert_eq!(as_shop.header("authorization").next(), None);
    let unknown = code_of("web", &[("code", "another")]);
    assert_eq!(unknown.header("authorization").next(), Some("Basic eHk="), "a code of nobody changes nothing");
}

#[test]
fn copies_of_a_delivery_and_other_addresses() {
    let twice = spoiling(r#"{ on = "delivery.request", nth = 1, per = "client", duplicate = 1 }"#).delivery("web", delivery("web"), NOW);
    assert_eq!(twice.iter().map(|a| (a.client.as_str(), a.replies_to_provider)).collect::<Vec<_>>(), [("web", true), ("web", false)]);
    assert_eq!(twice[0].request, twice[1].request);
    let moved = spoiling(r#"{ on = "delivery.request", reroute = "shop" }"#).delivery("web", delivery("web"), NOW);
    assert_eq!((moved[0].client.as_str(), moved[0].request.url.as_str()), ("shop", "https://shop.rp.test/bcl"));
    assert_eq!(moved[0].request.body, delivery("web").body);
    let second = spoiling(r#"{ on = "delivery.request", reroute = "second" }"#).delivery("web", delivery("web"), NOW);
    assert_eq!((second[0].client.as_str(), second[0].request.url.as_str()), ("web", "https://web.rp.test/bcl/second"));
    let edits =
        r#"{ on = "delivery.request", nth = 1, duplicate = 1, reroute = "shop", set.form.logout_token.aud = "{client.shop.client_id}" }"#;
    let both = spoiling(edits).delivery("web", delivery("web"), NOW);
    assert_eq!((both[0].client.as_str(), &both[0].request), ("web", &delivery("web")));
    assert_eq!((both[1].client.as_str(), logout_token(&both[1].request).claim_str("aud")), ("shop", Some("id-of-shop")));
    assert_eq!(logout_token(&both[1].request).verifies_under(&jwk(1)), Some(true));
}

#[test]
fn messages_are_held() {
    let held = spoiling(r#"{ on = "delivery.request", hold = "answer" }"#).delivery("web", delivery("web"), NOW);
    assert_eq!((held[0].hold, held[0].replies_to_provider), (Some(Hold::Answer), false));
    let mut wire = spoiling(r#"{ on = "end_session.answer", hold = "deliveries" }, { on = "token.answer", hold = "30s" }"#);
    let hold = |wire: &mut Wire, endpoint| wire.answer(endpoint, None, &post(&[]), answer(200, &json!({})), NOW).hold;
    assert_eq!(hold(&mut wire, Endpoint::EndSession), Some(Hold::Deliveries));
    assert_eq!(hold(&mut wire, Endpoint::Token), Some(Hold::ForMs(30_000)));
    assert_eq!(hold(&mut wire, Endpoint::Keys), None);
    assert_eq!(wire.touched(), 2);
}

#[test]
fn what_follows_a_clients_answer() {
    let edits = r#"
        { on = "delivery.answer", where.status = 400, duplicate = 1 },
        { on = "delivery.answer", where.status = { one_of = [302, 307] }, follow = true },
        { on = "delivery.answer", where.status = 204, set.status = 500 }"#;
    let mut wire = spoiling(edits);
    let mut after = |answer: Answer| wire.delivery_answer("web", &delivery("web"), answer, NOW);
    let refused = after(answer(400, &json!({})));
    assert_eq!((refused.again, refused.answer.status, refused.follow), (1, 400, None));
    assert_eq!(after(redirect("/elsewhere")).follow.as_deref(), Some("https://web.rp.test/elsewhere"));
    assert_eq!(after(answer(204, &json!({}))).answer.status, 500);
    let well = after(answer(200, &json!({})));
    assert_eq!((well.again, well.follow, well.tell.len()), (0, None, 0));
    assert_eq!(wire.touched(), 3);
}

#[test]
fn the_wire_tells_a_client_by_itself() {
    let mut wire = spoiling(r#"{ on = "userinfo.answer", tell = "web" }, { on = "revoke.answer", tell = { client = "shop", in = "1h" } }"#);
    let token = id_token(&json!({ "iss": "https://other.op.test", "sub": "alice", "sid": "s" }));
    token_answer(&mut wire, "web", &post(&[]), &json!({ "id_token": token }));
    let told = wire.answer(Endpoint::Userinfo, None, &post(&[]), answer(200, &json!({})), NOW).tell;
    let jws = logout_token(&told[0].request);
    assert_eq!((told[0].client.as_str(), told[0].request.url.as_str(), told[0].in_ms), ("web", "https://web.rp.test/bcl", 0));
    assert_eq!(["iss", "aud", "sub", "sid"].map(|n| jws.claim_str(n)), ["https://other.op.test", "id-of-web", "alice", "s"].map(Some));
    assert_eq!((jws.header_str("typ"), jws.verifies_under(&jwk(1))), (Some("logout+jwt"), Some(true)));
    let told = wire.answer(Endpoint::Revoke, None, &post(&[]), answer(200, &json!({})), NOW).tell;
    let other = logout_token(&told[0].request);
    assert_eq!(
        (other.claim_str("aud"), told[0].in_ms, other.claims["iat"].as_i64()),
        (Some("id-of-shop"), 3_600_000, Some(NOW / 1000 + 3600))
    );
    assert_ne!(jws.claim_str("jti"), other.claim_str("jti"));
}

#[test]
fn values_name_what_the_wire_knows() {
    let resolved = |value: &str, form: &[(&str, &str)]| {
        let mut wire = spoiling(&format!(r#"{{ on = "token.request", where.form.go = "1", set.form.x = "{value}" }}"#));
        let body = json!({ "access_token": "at", "refresh_token": "rt", "id_token": id_token(&json!({ "sub": "s" })) });
        token_answer(&mut wire, "web", &post(&[]), &body);
        let form: Vec<_> = form.iter().copied().chain([("go", "1")]).collect();
        sent(wire.request(Endpoint::Token, Some("web"), post(&form), NOW)).param("x")
    };
    assert_eq!(resolved("{op.issuer} {op.other.issuer}", &[]).as_deref(), Some("https://op.test https://other.op.test"));
    assert_eq!(resolved("{op.management}/x", &[]).as_deref(), Some("https://op.test/management/x"));
    assert_eq!(resolved("{op.admin_token}", &[]).as_deref(), Some("admin"));
    assert_eq!(resolved("{client.shop.client_id}", &[]).as_deref(), Some("id-of-shop"));
    assert_eq!(resolved("{request.form.a}!", &[("a", "b")]).as_deref(), Some("b!"));
    assert_eq!(resolved("now+1m", &[]), Some((NOW / 1000 + 60).to_string()));
    assert_eq!(resolved("{owner.client_id}", &[("refresh_token", "rt")]).as_deref(), Some("id-of-web"));
    assert_eq!(resolved("{held.id_token.sub}", &[]).as_deref(), Some("s"));
    assert_eq!(resolved("{kind_of.form.t}", &[("t", "at")]).as_deref(), Some("urn:ietf:params:oauth:token-type:access_token"));
    assert_eq!(resolved("{kind_of.form.t}", &[("t", "unheard-of")]), None, "what leads nowhere is left");
    assert_eq!(resolved("{request.form.absent}", &[]), None);
}

#[test]
fn first_is_the_first_that_fitted_and_answer_the_one_in_hand() {
    let edits = r#"{ on = "token.answer", where.json.id_token = { kind = "string" }, nth = "2..", set.json.id_token = "{first.json.id_token}", set.json.was = "{answer.json.n}/" }"#;
    let mut wire = spoiling(edits);
    let mut round = |body: Value| token_answer(&mut wire, "web", &post(&[]), &body).json().unwrap();
    round(json!({ "n": 0 }));
    round(json!({ "n": 1, "id_token": "a" }));
    assert_eq!(round(json!({ "n": 2, "id_token": "b" })), json!({ "n": 2, "id_token": "a", "was": "2/" }));
}

#[test]
fn off_the_wire_a_defect_neither_acts_nor_counts_but_remembers_tokens() {
    let mut wire = spoiling(r#"{ on = "token.request", nth = 1, as = "{owner}" }"#);
    wire.mount(false);
    wire.answer(Endpoint::Authorize, Some("shop"), &get("https://op.test/a"), redirect("https://x.test/cb?code=abc"), NOW);
    assert_eq!(sent(wire.request(Endpoint::Token, None, post(&[("code", "abc")]), NOW)), post(&[("code", "abc")]));
    wire.mount(true);
    let going = sent(wire.request(Endpoint::Token, None, post(&[("code", "abc")]), NOW));
    assert_eq!(going.param("client_id").as_deref(), Some("id-of-shop"));
    assert_eq!(wire.touched(), 1);
}

#[test]
fn members_of_a_list_are_found_by_number_or_by_what_they_hold() {
    let mut wire = spoiling(r#"{ on = "keys.answer", drop = ["json.keys.[kid=b]"], set.json.keys.0.use = "enc" }"#);
    let keys = answer(200, &json!({ "keys": [{ "kid": "a" }, { "kid": "b" }] }));
    let spoilt = wire.answer(Endpoint::Keys, None, &get("https://op.test/keys"), keys, NOW).answer;
    assert_eq!(spoilt.json(), Some(json!({ "keys": [{ "kid": "a", "use": "enc" }] })));
}
