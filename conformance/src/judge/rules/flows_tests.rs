//! The flows of clients, honest and spoilt, for the rules that look at them.

use serde_json::{Value, json};

use super::tests::Spoil;
use crate::judge::sample::*;
use crate::scenario::{Expectations, Verb};
use crate::transcript::{Endpoint, Place, Reply, Transcript};

/// Where things are in the honest walk.
pub struct Marks {
    discovery: usize,
    keys: usize,
    web: usize,
    told: usize,
    /// Refusals of UserInfo: a bad token, none, too little scope, two tokens.
    bad: usize,
    none: usize,
    little: usize,
    two: usize,
}

pub fn honest() -> (Transcript, Marks) {
    let mut s = Sample::new(check("a/b", Expectations::default())).apart();
    let document = json!({
        "issuer": ISSUER,
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
        "scopes_supported": ["openid"],
        "backchannel_logout_supported": true,
    });
    let well_known = request("GET", "https://op.test/.well-known/openid-configuration", &[]);
    let discovery = s.exchange(Endpoint::Discovery, "", None, well_known, json_answer(200, &document));
    s.keys();
    let keys = discovery + 1;
    let web = s.login("web", "web", "alice", "first", &[]);
    s.login("shop", "shop", "alice", "first", &[]);
    let mut asks = |status: u16, token: Option<&str>, challenge: &str| {
        let mut asked = request("GET", "https://op.test/userinfo", &[]);
        asked.headers.extend(token.map(|t| ("authorization".to_owned(), format!("Bearer {t}"))));
        s.exchange(Endpoint::Userinfo, "web", None, asked, answer(status, &[("www-authenticate", challenge)], ""))
    };
    let bad = asks(401, Some("bad"), r#"Bearer error="invalid_token", error_description="it is none""#);
    let none = asks(401, None, r#"Bearer realm="op""#);
    let little = asks(403, Some("little"), r#"Bearer error="insufficient_scope", scope="openid email""#);
    let two = asks(400, Some("one of two"), r#"Bearer error="invalid_request""#);
    s.done(Place::Walk, Verb::Userinfo, None, Reply { answer: Some(two), ..Reply::default() });
    let mut told = 0;
    s.logout("web", "first", Place::Ask, |s| told = s.deliver("web", "sub-of-alice", "sid-of-first", json!(200)));
    (s.t, Marks { discovery, keys, web, told, bad, none, little, two })
}

fn challenge(t: &mut Transcript, exchange: usize, value: Option<&str>) {
    let headers = &mut t.exchanges[exchange].answer.as_mut().unwrap().headers;
    headers.clear();
    headers.extend(value.map(|v| ("www-authenticate".to_owned(), v.to_owned())));
}

fn status(t: &mut Transcript, exchange: usize, status: u16) {
    t.exchanges[exchange].answer.as_mut().unwrap().status = status;
}

/// A rule, and the way in which the honest walk is spoilt for it.
pub const SPOILT: &[(&str, Spoil<Marks>)] = &[
    ("what-buys-tokens-is-announced", |t, m| edit_json(t, m.discovery, |d| d["grant_types_supported"] = json!(["refresh_token"]))),
    ("how-clients-get-in-is-announced", |t, m| {
        edit_json(t, m.discovery, |d| d["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]));
    }),
    ("who-tells-clients-announces-it", |t, m| edit_json(t, m.discovery, |d| d["backchannel_logout_supported"] = json!(false))),
    ("metadata-has-no-empty-lists", |t, m| edit_json(t, m.discovery, |d| d["ui_locales_supported"] = json!([]))),
    ("metadata-lists-are-lists", |t, m| edit_json(t, m.discovery, |d| d["scopes_supported"] = json!("openid"))),
    ("no-unsigned-assertion-is-announced", |t, m| {
        edit_json(t, m.discovery, |d| d["token_endpoint_auth_signing_alg_values_supported"] = json!(["RS256", "none"]));
    }),
    ("assertion-algorithms-are-announced", |t, m| {
        edit_json(t, m.discovery, |d| d["token_endpoint_auth_signing_alg_values_supported"] = Value::Null);
    }),
    ("assertions-may-be-signed-by-rs256", |t, m| {
        edit_json(t, m.discovery, |d| d["token_endpoint_auth_signing_alg_values_supported"] = json!(["ES256"]));
    }),
    ("no-private-key-is-published", |t, m| edit_json(t, m.keys, |d| d["keys"][0]["d"] = json!("AA"))),
    ("keys-of-two-uses-say-which", |t, m| {
        edit_json(t, m.keys, |d| {
            let mut other = d["keys"][0].clone();
            other["use"] = json!("enc");
            let mut open = other.clone();
            open.as_object_mut().unwrap().shift_remove("use");
            d["keys"].as_array_mut().unwrap().extend([other, open]);
        });
    }),
    ("a-resource-asks-for-a-bearer-token", |t, m| challenge(t, m.none, None)),
    ("a-resource-asks-for-a-bearer-token", |t, m| challenge(t, m.none, Some("Basic realm=op"))),
    ("a-challenge-says-each-thing-once", |t, m| challenge(t, m.bad, Some(r#"Bearer error="invalid_token", error="invalid_token""#))),
    ("challenges-keep-to-the-alphabet", |t, m| challenge(t, m.bad, Some(r#"Bearer error="invalid_token", error_description="\"no\"""#))),
    ("invalid_token-is-401", |t, m| status(t, m.bad, 403)),
    ("insufficient_scope-is-403", |t, m| status(t, m.little, 401)),
    ("a-malformed-request-for-a-resource-is-400", |t, m| status(t, m.two, 401)),
    ("who-shows-no-token-is-told-no-error", |t, m| challenge(t, m.none, Some("Bearer error=invalid_token"))),
    ("who-shows-a-token-is-told-the-error", |t, m| challenge(t, m.bad, Some("Bearer realm=op"))),
    ("a-sub-is-short", |t, m| edit_id_token(t, m.web, |_, c| c["sub"] = json!("s".repeat(256)))),
    ("a-sid-is-a-word", |t, m| edit_id_token(t, m.web, |_, c| c["sid"] = json!(7))),
    ("a-sid-is-a-word", |t, m| edit_logout_token(t, m.told, |_, c| c["sid"] = json!("snö"))),
    ("bearer-tokens-live-an-hour", |t, m| edit_json(t, m.web, |b| b["expires_in"] = json!(3601))),
    ("a-narrowed-scope-is-said", |t, _| edit_access_jwt(t, |_, c| c["scope"] = json!("narrow"))),
    ("a-jwt-access-token-names-its-scope", |t, _| {
        edit_access_jwt(t, |_, c| {
            c.as_object_mut().unwrap().shift_remove("scope");
        });
    }),
    ("each-jwt-has-its-own-jti", |t, _| {
        let shop = t.exchanges.iter().position(|e| e.endpoint == Endpoint::Token && e.client.as_deref() == Some("shop")).unwrap();
        let mut other = t.exchanges[shop].clone();
        other.answered_seq += 1_000_000;
        t.exchanges.push(other);
        let last = t.exchanges.len() - 1;
        edit_json(t, last, |b| {
            b["access_token"] = json!(resigned(b["access_token"].as_str().unwrap(), |_, c| c["iat"] = json!(NOON / 1000 + 1)));
        });
    }),
    ("a-redirect-after-a-password-is-303", |t, _| {
        let typed = t.exchanges.iter().position(|e| e.endpoint == Endpoint::Page).unwrap();
        status(t, typed, 302);
    }),
    ("pages-load-nothing-from-elsewhere", |t, _| {
        let page = t.exchanges.iter().position(|e| e.endpoint == Endpoint::Authorize).unwrap();
        let answer = t.exchanges[page].answer.as_mut().unwrap();
        answer.body = format!("<script src='//elsewhere.example/x.js'></script>{}", answer.body);
    }),
];

fn edit_access_jwt(t: &mut Transcript, change: impl FnOnce(&mut Value, &mut Value)) {
    let shop = t.exchanges.iter().position(|e| e.endpoint == Endpoint::Token && e.client.as_deref() == Some("shop")).unwrap();
    edit_json(t, shop, |b| b["access_token"] = json!(resigned(b["access_token"].as_str().unwrap(), change)));
}
