//! The flows of clients, honest and spoilt, for the rules that look at them.

use serde_json::{Value, json};

use super::tests::Spoil;
use crate::judge::sample::*;
use crate::scenario::{Expectations, Verb};
use crate::transcript::jose::Jws;
use crate::transcript::view::basic;
use crate::transcript::{Answer, Endpoint, Place, Reply, Request, Transcript};

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
    /// Token answers: a refresh, the same token once more, the refresh of a JWT, another client's attempts, a client for itself.
    refreshed: usize,
    again: usize,
    jwt: usize,
    anothers: usize,
    anothers_code: usize,
    own: usize,
    /// Introspection: of a living token, of one whose time is over, by nobody, of one that was given back.
    living: usize,
    over: usize,
    nobody: usize,
    revoked: usize,
    /// What opens after the refresh token was given back: itself, UserInfo with its access token.
    spent: usize,
    cascade: usize,
    /// Registrations: two that worked, one that did not.
    made: usize,
    second: usize,
    refused: usize,
}

/// A form to the token endpoint and its neighbours, by a client with Basic.
fn form(client: &str, path: &str, params: &[(&str, &str)]) -> Request {
    let mut asked = request("POST", &format!("https://op.test/{path}"), params);
    asked.headers.push(("authorization".into(), format!("Basic {}", basic(client, "secret"))));
    asked
}

fn member(t: &Transcript, exchange: usize, name: &str) -> String {
    t.exchanges[exchange].ok().unwrap().json().unwrap()[name].as_str().unwrap().to_owned()
}

pub fn honest() -> (Transcript, Marks) {
    let mut s = Sample::new(check("a/b", Expectations::default())).apart();
    let document = json!({
        "issuer": ISSUER,
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid"],
        "backchannel_logout_supported": true,
    });
    let well_known = request("GET", "https://op.test/.well-known/openid-configuration", &[]);
    let discovery = s.exchange(Endpoint::Discovery, "", None, well_known, json_answer(200, &document));
    s.t.clients.get_mut("shop").unwrap()["token_endpoint_auth_method"] = json!("none");
    s.keys();
    let keys = discovery + 1;
    let web = s.login("web", "web", "alice", "first", &[("code_challenge", "c"), ("code_challenge_method", "S256")]);
    s.t.exchanges[web].request.body.push_str("&code_verifier=v");
    let shop = s.login("shop", "shop", "alice", "first", &[]);
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
    let refresh = |s: &mut Sample, client: &str, token: &str, answer: Answer| {
        s.exchange(
            Endpoint::Token,
            client,
            None,
            form(client, "token", &[("grant_type", "refresh_token"), ("refresh_token", token)]),
            answer,
        )
    };
    let refusal = || json_answer(400, &json!({ "error": "invalid_grant" }));
    // Alice's tokens at `web` are renewed a minute later, and the old refresh token comes again; `shop` tries it too.
    s.now += 60_000;
    let old = member(&s.t, web, "refresh_token");
    let mut body = s.t.exchanges[web].ok().unwrap().json().unwrap();
    body["refresh_token"] = json!(s.fresh("refresh"));
    body["access_token"] = json!(s.fresh("access"));
    body["id_token"] = json!(resigned(body["id_token"].as_str().unwrap(), |_, c| {
        c["iat"] = json!(s.now / 1000);
        c["exp"] = json!(s.now / 1000 + 3600);
        for gone in ["nonce", "at_hash"] {
            c.as_object_mut().unwrap().shift_remove(gone);
        }
    }));
    let refreshed = refresh(&mut s, "web", &old, json_answer(200, &body));
    let again = refresh(&mut s, "web", &old, refusal());
    let new = member(&s.t, refreshed, "refresh_token");
    let anothers = refresh(&mut s, "shop", &new, refusal());
    let of_shop = member(&s.t, shop, "refresh_token");
    let access = resigned(&member(&s.t, shop, "access_token"), |_, c| c["jti"] = json!("another"));
    let body = json!({ "access_token": access, "token_type": "Bearer", "expires_in": 3600, "scope": "openid", "refresh_token": s.fresh("refresh") });
    let jwt = refresh(&mut s, "shop", &of_shop, json_answer(200, &body));
    let code = s.t.exchanges[web].request.param("code").unwrap();
    let anothers_code = s.token_request("shop", &code, refusal());
    let own = key("ed").token(
        &json!({ "alg": "EdDSA", "kid": "ed", "typ": "at+jwt" }),
        &json!({ "iss": ISSUER, "exp": s.now / 1000 + 3600, "aud": "x", "sub": "web", "client_id": "web", "iat": s.now / 1000, "jti": "own" }),
    );
    let body = json!({ "access_token": own, "token_type": "Bearer", "expires_in": 3600 });
    let own =
        s.exchange(Endpoint::Token, "web", None, form("web", "token", &[("grant_type", "client_credentials")]), json_answer(200, &body));
    let introspect = |s: &mut Sample, client: &str, token: &str, said: Value| {
        s.exchange(Endpoint::Introspect, client, None, form(client, "introspect", &[("token", token)]), json_answer(200, &said))
    };
    let access = member(&s.t, refreshed, "access_token");
    let said = json!({ "active": true, "client_id": "web", "scope": "openid", "exp": s.now / 1000 + 3600, "iat": s.now / 1000, "sub": "sub-of-alice" });
    let living = introspect(&mut s, "web", &access, said);
    let mut who = json_answer(401, &json!({ "error": "invalid_client" }));
    who.headers.push(("www-authenticate".into(), "Basic realm=\"op\"".into()));
    let nobody = s.exchange(Endpoint::Introspect, "", None, request("POST", "https://op.test/introspect", &[("token", &access)]), who);
    let refresh_token = member(&s.t, refreshed, "refresh_token");
    s.exchange(Endpoint::Revoke, "web", None, form("web", "revoke", &[("token", &refresh_token)]), answer(200, &[], ""));
    let spent = refresh(&mut s, "web", &refresh_token, refusal());
    let revoked = introspect(&mut s, "web", &refresh_token, json!({ "active": false }));
    let mut asked = request("GET", "https://op.test/userinfo", &[]);
    asked.headers.push(("authorization".into(), format!("Bearer {access}")));
    let cascade =
        s.exchange(Endpoint::Userinfo, "web", None, asked, answer(401, &[("www-authenticate", r#"Bearer error="invalid_token""#)], ""));
    s.now += 3_700_000;
    let ended = member(&s.t, own, "access_token");
    let over = introspect(&mut s, "web", &ended, json!({ "active": false }));
    let register = |s: &mut Sample, status: u16, said: &Value| {
        let mut asked = request("POST", "https://op.test/register", &[]);
        asked.headers = vec![("content-type".into(), "application/json".into())];
        asked.body = json!({ "redirect_uris": ["https://mine.example/cb"] }).to_string();
        s.exchange(Endpoint::Register, "", None, asked, json_answer(status, said))
    };
    let client = |id: &str| {
        json!({
            "client_id": id, "client_secret": format!("secret of {id}"), "client_secret_expires_at": 0, "redirect_uris": ["https://mine.example/cb"],
            "registration_client_uri": format!("https://op.test/register/{id}"), "registration_access_token": format!("opens {id}"),
        })
    };
    let made = register(&mut s, 201, &client("one"));
    let second = register(&mut s, 201, &client("two"));
    let refused = register(&mut s, 400, &json!({ "error": "invalid_redirect_uri" }));
    s.done(Place::Walk, Verb::Register, None, Reply { answer: Some(refused), ..Reply::default() });
    let mut told = 0;
    s.logout("web", "first", Place::Ask, |s| told = s.deliver("web", "sub-of-alice", "sid-of-first", json!(200)));
    let marks = Marks {
        discovery,
        keys,
        web,
        told,
        bad,
        none,
        little,
        two,
        refreshed,
        again,
        jwt,
        anothers,
        anothers_code,
        own,
        living,
        over,
        nobody,
        revoked,
        spent,
        cascade,
        made,
        second,
        refused,
    };
    (s.t, marks)
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
    ("announced-grants-are-known", |t, m| edit_json(t, m.again, |b| b["error"] = json!("unsupported_grant_type"))),
    ("what-is-answered-is-announced", |t, m| edit_json(t, m.discovery, |d| d["response_types_supported"] = json!(["id_token"]))),
    ("announced-response-types-are-known", |t, _| {
        let typed = t.exchanges.iter().position(|e| e.endpoint == Endpoint::Page).unwrap();
        let answer = t.exchanges[typed].answer.as_mut().unwrap();
        answer.headers = vec![("location".into(), "https://web.rp.test/cb?error=unsupported_response_type".into())];
    }),
    ("challenges-that-work-are-announced", |t, m| edit_json(t, m.discovery, |d| d["code_challenge_methods_supported"] = json!(["plain"]))),
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
    ("refresh-never-widens", |t, m| edit_json(t, m.jwt, |b| b["scope"] = json!("openid email"))),
    ("a-refresh-that-names-no-scope-keeps-it", |t, m| edit_json(t, m.jwt, |b| b["scope"] = json!("narrow"))),
    ("refresh-keeps-the-issuer", |t, m| edit_id_token(t, m.refreshed, |_, c| c["iss"] = json!("https://elsewhere.test"))),
    ("refresh-keeps-the-person", |t, m| edit_id_token(t, m.refreshed, |_, c| c["sub"] = json!("sub-of-bob"))),
    ("refresh-keeps-the-audience", |t, m| edit_id_token(t, m.refreshed, |_, c| c["aud"] = json!(["shop"]))),
    ("refresh-keeps-the-login-time", |t, m| edit_id_token(t, m.refreshed, |_, c| c["auth_time"] = json!(NOON / 1000 + 60))),
    ("a-refreshed-id-token-is-new", |t, m| edit_id_token(t, m.refreshed, |_, c| c["iat"] = json!(NOON / 1000))),
    ("a-refreshed-nonce-is-the-old-one", |t, m| edit_id_token(t, m.refreshed, |_, c| c["nonce"] = json!("made up"))),
    ("a-refreshed-id-token-has-no-nonce", |t, m| {
        let first = Jws::parse(&member(t, m.web, "id_token")).unwrap().claims["nonce"].clone();
        edit_id_token(t, m.refreshed, |_, c| c["nonce"] = first);
    }),
    ("a-rotated-refresh-token-is-dead", |t, m| succeed(t, m.again)),
    ("refresh-tokens-of-public-clients-rotate", |t, m| {
        let old = t.exchanges[m.jwt].request.param("refresh_token").unwrap();
        edit_json(t, m.jwt, |b| b["refresh_token"] = json!(old));
    }),
    ("a-refresh-token-is-for-its-client", |t, m| succeed(t, m.anothers)),
    ("a-code-is-for-its-client", |t, m| succeed(t, m.anothers_code)),
    ("the-login-in-access-tokens-stays", |t, m| edit_access(t, m.jwt, |c| c["auth_time"] = json!(NOON / 1000 + 60))),
    ("a-client-for-itself-gets-no-refresh-token", |t, m| edit_json(t, m.own, |b| b["refresh_token"] = json!("r"))),
    ("a-client-for-itself-is-its-own-subject", |t, m| edit_access(t, m.own, |c| c["sub"] = json!("administrator"))),
    ("introspection-answers-are-json", |t, m| t.exchanges[m.living].answer.as_mut().unwrap().headers.clear()),
    ("active-is-a-boolean", |t, m| edit_json(t, m.living, |b| b["active"] = json!("true"))),
    ("inactive-says-nothing-more", |t, m| edit_json(t, m.over, |b| b["exp"] = json!(1))),
    ("introspected-scope-is-a-string", |t, m| edit_json(t, m.living, |b| b["scope"] = json!(["openid"]))),
    ("introspected-times-are-whole-seconds", |t, m| edit_json(t, m.living, |b| b["exp"] = json!("tomorrow"))),
    ("introspection-agrees-with-the-token", |t, m| edit_json(t, m.living, |b| b["client_id"] = json!("shop"))),
    ("an-expired-token-is-not-active", |t, m| edit_json(t, m.over, |b| b["active"] = json!(true))),
    ("nobody-introspects-unasked", |t, m| status(t, m.nobody, 200)),
    ("a-revoked-token-is-dead", |t, m| succeed(t, m.spent)),
    ("a-revoked-token-is-not-active", |t, m| edit_json(t, m.revoked, |b| b["active"] = json!(true))),
    ("a-revoked-grant-ends-its-access-tokens", |t, m| status(t, m.cascade, 200)),
    ("a-registration-is-201", |t, m| status(t, m.made, 200)),
    ("a-registration-names-the-client", |t, m| edit_json(t, m.made, |b| b["client_id"] = json!(""))),
    ("no-two-clients-have-one-name", |t, m| edit_json(t, m.second, |b| b["client_id"] = json!("one"))),
    ("no-two-clients-have-one-secret", |t, m| edit_json(t, m.second, |b| b["client_secret"] = json!("secret of one"))),
    ("a-secret-says-when-it-ends", |t, m| edit_json(t, m.made, |b| b["client_secret_expires_at"] = Value::Null)),
    ("a-registration-says-what-was-registered", |t, m| edit_json(t, m.made, |b| b["redirect_uris"] = Value::Null)),
    ("redirect-uris-are-registered-as-they-were-sent", |t, m| {
        edit_json(t, m.made, |b| b["redirect_uris"] = json!(["https://mine.example/cb/"]))
    }),
    ("an-address-for-changes-comes-with-its-token", |t, m| {
        edit_json(t, m.made, |b| drop(b.as_object_mut().unwrap().shift_remove("registration_access_token")));
    }),
    ("registrations-are-never-stored", |t, m| t.exchanges[m.made].answer.as_mut().unwrap().headers.clear()),
    ("registration-errors-are-400", |t, m| status(t, m.refused, 422)),
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
    ("a-password-goes-no-further", |t, _| {
        let typed = t.exchanges.iter().position(|e| e.endpoint == Endpoint::Page).unwrap();
        let answer = t.exchanges[typed].answer.as_mut().unwrap();
        answer.headers = vec![("location".into(), "/next?p=secret".into())];
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

/// Tokens where a refusal was.
fn succeed(t: &mut Transcript, exchange: usize) {
    t.exchanges[exchange].answer =
        Ok(json_answer(200, &json!({ "access_token": "a-token-that-nobody-should-have-got-4hT2sXq9", "token_type": "Bearer" })));
}

fn edit_access(t: &mut Transcript, exchange: usize, change: impl FnOnce(&mut Value)) {
    edit_json(t, exchange, |b| b["access_token"] = json!(resigned(b["access_token"].as_str().unwrap(), |_, c| change(c))));
}

fn edit_access_jwt(t: &mut Transcript, change: impl FnOnce(&mut Value, &mut Value)) {
    let shop = t.exchanges.iter().position(|e| e.endpoint == Endpoint::Token && e.client.as_deref() == Some("shop")).unwrap();
    edit_json(t, shop, |b| b["access_token"] = json!(resigned(b["access_token"].as_str().unwrap(), change)));
}
