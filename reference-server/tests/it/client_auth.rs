//! Clients that authenticate by an assertion (RFC 7523), and what is refused of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reference_server::Handle;
use serde_json::{Value, json};

use crate::relying_party::Parties;
use crate::walker::{Reply, Walker, basic, fixtures, provider_with, secret};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A public key of the fixtures, under another name, and its private half.
fn key(kid: &str) -> (Value, EncodingKey) {
    let keys: toml::Table = include_str!("../../../fixtures/keys.toml").parse().expect("TOML");
    let entry = keys["keys"].as_array().expect("keys").iter().find(|key| key["alg"].as_str() == Some("ES256")).expect("a key");
    let private = STANDARD.decode(entry["private"].as_str().expect("text")).expect("base64");
    // The last 65 bytes of a PKCS#8 key of P-256 are its public half: 4, x, y.
    let public = &private[private.len() - 64..];
    let b64 = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let jwk = json!({ "kty": "EC", "crv": "P-256", "x": b64(&public[..32]), "y": b64(&public[32..]), "kid": kid, "use": "sig" });
    (jwk, EncodingKey::from_ec_der(&private))
}

struct Assertion {
    header: Header,
    claims: Value,
    key: EncodingKey,
}

impl Assertion {
    fn of(client: &str, handle: &Handle, jti: &str) -> Self {
        let now = handle.now_ms() / 1000;
        let claims = json!({ "iss": client, "sub": client, "aud": "https://op.test", "exp": now + 60, "iat": now, "jti": jti });
        if client == "clerk" {
            let key = EncodingKey::from_secret(secret("clerk").as_bytes());
            return Self { header: Header::new(Algorithm::HS256), claims, key };
        }
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("robot-1".to_owned());
        Self { header, claims, key: key("robot-1").1 }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        if value.is_null() {
            self.claims.as_object_mut().expect("an object").remove(name);
        } else {
            self.claims[name] = value;
        }
        self
    }

    fn signed(&self) -> String {
        jsonwebtoken::encode(&self.header, &self.claims, &self.key).expect("signed")
    }
}

/// Buys tokens with a fresh code, authenticating by this.
async fn redeem(walker: &mut Walker, client: &str, more: &[(&str, &str)]) -> Reply {
    let code = walker.code("alice", client, &[]).await;
    let redirect_uri = format!("https://{client}.rp.test/cb");
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &redirect_uri),
        ("code_verifier", crate::walker::VERIFIER),
    ];
    form.extend(more);
    walker.post("https://op.test/token", &form).await
}

async fn shown(walker: &mut Walker, client: &str, assertion: &str) -> Reply {
    redeem(walker, client, &[("client_assertion_type", JWT_BEARER), ("client_assertion", assertion)]).await
}

async fn robot() -> (Handle, Walker, Parties) {
    let parties = Parties::new().await;
    parties.publishes("robot.rp.test", &json!({ "keys": [key("robot-1").0] }).to_string());
    let handle = provider_with(&fixtures(), parties.resolve()).await;
    let walker = Walker::new(&handle);
    (handle, walker, parties)
}

#[tokio::test]
async fn an_assertion_lets_its_client_in_once() {
    let (handle, mut walker, _) = robot().await;
    for client in ["clerk", "robot"] {
        for (jti, aud) in [("1", json!("https://op.test")), ("2", json!(["https://op.test/token"]))] {
            let assertion = Assertion::of(client, &handle, jti).with("aud", aud).signed();
            let reply = shown(&mut walker, client, &assertion).await;
            assert_eq!(reply.status, 200, "{client}: {reply:?}");
            let again = shown(&mut walker, client, &assertion).await;
            assert_eq!((again.status.as_u16(), &again.json()["error"]), (401, &json!("invalid_client")));
        }
        let used = walker.events("client_assertion.used").await;
        assert!(used.iter().any(|event| event["payload"]["client_id"] == client));
    }
    // Once it has expired its name is free again.
    let _ = handle.step(handle.now_ms() + 61_000);
    let reply = shown(&mut walker, "clerk", &Assertion::of("clerk", &handle, "1").signed()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[tokio::test]
async fn of_eight_that_show_one_assertion_one_is_let_in() {
    let (handle, walker, _) = robot().await;
    let assertion = Assertion::of("clerk", &handle, "1").signed();
    let mut tasks = tokio::task::JoinSet::new();
    drop(walker);
    for _ in 0..8 {
        let (mut walker, assertion) = (Walker::new(&handle), assertion.clone());
        tasks.spawn(async move { shown(&mut walker, "clerk", &assertion).await.status.as_u16() });
    }
    let mut statuses = tasks.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401, 401, 401, 401, 401]);
}

#[tokio::test]
async fn an_assertion_that_is_wrong_in_one_place_lets_nobody_in() {
    let (handle, mut walker, _) = robot().await;
    let now = handle.now_ms() / 1000;
    let cases = [
        ("iss", json!("web")),
        ("iss", Value::Null),
        ("sub", json!("web")),
        ("sub", Value::Null),
        ("aud", json!("https://other.op.test")),
        ("aud", json!(["https://op.test", "https://elsewhere.example"])),
        ("aud", Value::Null),
        ("exp", json!(now)),
        ("exp", json!(now + 3601)),
        ("exp", json!((now + 60).to_string())),
        ("exp", Value::Null),
        ("nbf", json!(now + 31)),
        ("nbf", json!("now")),
        ("iat", json!(now + 31)),
        ("jti", Value::Null),
        ("jti", json!("")),
        ("jti", json!(7)),
    ];
    for (nth, (name, value)) in cases.into_iter().enumerate() {
        let assertion = Assertion::of("robot", &handle, &nth.to_string()).with(name, value.clone());
        let reply = shown(&mut walker, "robot", &assertion.signed()).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]), (401, &json!("invalid_client")), "{name}: {value}");
        assert!(reply.header("www-authenticate").starts_with("Basic "));
    }
    let mut headers = Vec::new();
    for change in [
        |header: &mut Header| header.typ = Some("at+jwt".to_owned()),
        |header: &mut Header| header.crit = Some(vec!["b64".to_owned()]),
        |header: &mut Header| header.kid = Some("robot-2".to_owned()),
    ] {
        let mut assertion = Assertion::of("robot", &handle, "header");
        change(&mut assertion.header);
        headers.push(assertion.signed());
    }
    let mut mac = Assertion::of("robot", &handle, "mac");
    mac.header.alg = Algorithm::HS256;
    mac.key = EncodingKey::from_secret(key("robot-1").0.to_string().as_bytes());
    headers.extend([mac.signed(), "a.b.c".to_owned(), "nothing".to_owned()]);
    let honest = Assertion::of("robot", &handle, "cut").signed();
    headers.extend([honest[..honest.len() - 2].to_owned(), format!("{honest}.")]);
    for assertion in headers {
        let reply = shown(&mut walker, "robot", &assertion).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]), (401, &json!("invalid_client")), "{assertion}");
    }
    let honest = Assertion::of("robot", &handle, "honest").with("nbf", json!(now + 30)).with("exp", json!(now + 3600)).signed();
    for (more, error) in [
        (vec![("client_assertion", honest.as_str())], "invalid_request"),
        (vec![("client_assertion_type", JWT_BEARER)], "invalid_request"),
        (
            vec![("client_assertion", &honest), ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")],
            "invalid_client",
        ),
        (vec![("client_assertion", &honest), ("client_assertion_type", JWT_BEARER), ("client_id", "web")], "invalid_client"),
        (vec![("client_assertion", &honest), ("client_assertion_type", JWT_BEARER), ("client_secret", "x")], "invalid_request"),
        (vec![("client_assertion", &honest), ("client_assertion_type", JWT_BEARER), ("client_assertion", &honest)], "invalid_request"),
        (vec![("client_id", "robot")], "invalid_client"),
    ] {
        assert_eq!(redeem(&mut walker, "robot", &more).await.json()["error"], error, "{more:?}");
    }
    let more = [("client_assertion", honest.as_str()), ("client_assertion_type", JWT_BEARER), ("client_id", "robot")];
    assert_eq!(redeem(&mut walker, "robot", &more).await.status, 200, "none of those has used it up");
}

#[tokio::test]
async fn each_method_is_for_the_clients_that_have_registered_it() {
    let (handle, mut walker, _) = robot().await;
    let header = basic("clerk", &secret("clerk"));
    let form = ("content-type", "application/x-www-form-urlencoded");
    let reply = walker
        .send(hyper::Method::POST, "https://op.test/token", &[form, ("authorization", &header)], "grant_type=authorization_code")
        .await;
    assert_eq!(reply.json()["error"], "invalid_client");
    let posted = [("client_id", "clerk"), ("client_secret", &secret("clerk"))];
    assert_eq!(redeem(&mut walker, "clerk", &posted).await.json()["error"], "invalid_client");
    let mut mac = Assertion::of("shop", &handle, "1");
    mac.header = Header::new(Algorithm::HS256);
    mac.key = EncodingKey::from_secret(secret("shop").as_bytes());
    assert_eq!(shown(&mut walker, "shop", &mac.signed()).await.json()["error"], "invalid_client");
    let mut other = Assertion::of("clerk", &handle, "2");
    other.header.alg = Algorithm::HS384;
    assert_eq!(shown(&mut walker, "clerk", &other.signed()).await.json()["error"], "invalid_client", "it has registered HS256");
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_for_a_new_name() {
    let (handle, mut walker, parties) = robot().await;
    for jti in ["1", "2"] {
        assert_eq!(shown(&mut walker, "robot", &Assertion::of("robot", &handle, jti).signed()).await.status, 200);
    }
    assert_eq!(parties.asked(), 1);
    parties.publishes("robot.rp.test", &json!({ "keys": [key("robot-2").0] }).to_string());
    let renamed = |jti: &str| {
        let mut assertion = Assertion::of("robot", &handle, jti);
        assertion.header.kid = Some("robot-2".to_owned());
        assertion.signed()
    };
    assert_eq!(shown(&mut walker, "robot", &renamed("3")).await.status, 401, "nobody makes us ask all the time");
    let _ = handle.step(handle.now_ms() + 10_000);
    assert_eq!(shown(&mut walker, "robot", &renamed("4")).await.status, 200);
    assert_eq!(parties.asked(), 2);
    parties.publishes("robot.rp.test", "no JSON");
    let _ = handle.step(handle.now_ms() + 3_600_000);
    assert_eq!(shown(&mut walker, "robot", &renamed("5")).await.json()["error"], "invalid_client");
}
