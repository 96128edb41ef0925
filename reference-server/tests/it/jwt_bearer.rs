//! RFC 7523, section 2.1: a client says for which user it wants a token.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::signed::{backoffice, said};
use crate::walker::{Reply, Walker};

const GRANT: (&str, &str) = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
const ALICE: &str = "6b2f1c9e-alice";

async fn show(walker: &mut Walker, assertion: &str, scope: &str) -> Reply {
    walker.ask("backoffice", "/token", &[GRANT, ("assertion", assertion), ("scope", scope)]).await
}

fn error(reply: &Reply) -> (u16, Value) {
    (reply.status.as_u16(), reply.json()["error"].clone())
}

#[tokio::test]
async fn an_assertion_buys_an_access_token_of_its_user_and_nothing_else() {
    let (handle, mut walker, _parties) = backoffice(|config| config).await;
    let reply = show(&mut walker, &said(&handle, ALICE, &json!({})), "openid email").await;
    assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, "no-store"), "{reply:?}");
    let answer = reply.json();
    let names: Vec<&String> = answer.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["access_token", "token_type", "expires_in", "scope"]);
    let info = walker.info(&answer).await.json();
    assert_eq!((&info["sub"], &info["email"]), (&json!(ALICE), &json!("alice@acme.test")));
    let token = answer["access_token"].as_str().expect("a token");
    let told = walker.ask("backoffice", "/introspect", &[("token", token)]).await.json();
    assert_eq!((&told["active"], &told["sub"], told.get("act")), (&json!(true), &json!(ALICE), None));
    let added = walker.events("oidc_session.access_token.added").await;
    assert_eq!((&added[0]["payload"]["reason"], added[0]["payload"].get("actor")), (&json!("jwt_profile"), None));
}

#[tokio::test]
async fn a_name_is_good_once_and_what_has_none_as_long_as_it_lives() {
    let (handle, mut walker, _parties) = backoffice(|config| config).await;
    let named = said(&handle, ALICE, &json!({ "jti": "one" }));
    assert_eq!(error(&show(&mut walker, &named, "unheard-of").await), (400, json!("invalid_scope")));
    assert_eq!(show(&mut walker, &named, "openid").await.status, 200, "one that has bought nothing is not used");
    assert_eq!(error(&show(&mut walker, &named, "openid").await), (400, json!("invalid_grant")));
    let unnamed = said(&handle, ALICE, &json!({}));
    for _ in 0..2 {
        assert_eq!(show(&mut walker, &unnamed, "openid").await.status, 200);
    }
    let handle = Arc::new(handle);
    let raced = said(&handle, ALICE, &json!({ "jti": "two" }));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (mut walker, raced) = (Walker::new(&handle), raced.clone());
        tasks.spawn(async move { show(&mut walker, &raced, "openid").await.status.as_u16() });
    }
    assert_eq!(tasks.join_all().await.iter().filter(|status| **status == 200).count(), 1);
}

#[tokio::test]
async fn one_that_does_not_hold_is_no_grant() {
    let (handle, mut walker, _parties) = backoffice(|config| config).await;
    let now = handle.now_ms() / 1000;
    for (changes, right) in [
        (json!({ "aud": ["https://rs.test", "https://op.test"] }), true),
        (json!({ "aud": "https://op.test/token" }), true),
        (json!({ "iat": now - 3600 }), true),
        (json!({ "nbf": now, "iat": now + 30 }), true),
        (json!({ "iss": "web" }), false),
        (json!({ "iss": null }), false),
        (json!({ "sub": null }), false),
        (json!({ "sub": "nobody" }), false),
        (json!({ "sub": "backoffice" }), false),
        (json!({ "aud": null }), false),
        (json!({ "aud": "https://other.op.test" }), false),
        (json!({ "aud": "https://op.test/" }), false),
        (json!({ "aud": 1 }), false),
        (json!({ "exp": null }), false),
        (json!({ "exp": now }), false),
        (json!({ "exp": "tomorrow" }), false),
        (json!({ "iat": null }), false),
        (json!({ "iat": now - 3601 }), false),
        (json!({ "iat": now + 31 }), false),
        (json!({ "nbf": now + 31 }), false),
        (json!({ "jti": 1 }), false),
    ] {
        let reply = show(&mut walker, &said(&handle, ALICE, &changes), "openid").await;
        let wanted = if right { (200, Value::Null) } else { (400, json!("invalid_grant")) };
        assert_eq!(error(&reply), wanted, "{changes}");
    }
    let good = said(&handle, ALICE, &json!({}));
    let altered = good.replacen(".ey", ".fy", 1);
    let id_token = walker.login("alice", "backoffice").await["id_token"].as_str().expect("a token").to_owned();
    for wrong in ["no-jwt", &altered, &id_token, "e30.e30."] {
        assert_eq!(error(&show(&mut walker, wrong, "openid").await), (400, json!("invalid_grant")), "{wrong}");
    }
    for (scope, wanted) in [("", "invalid_request"), ("openid offline_access", "invalid_scope"), ("orders.read", "invalid_scope")] {
        assert_eq!(error(&show(&mut walker, &good, scope).await), (400, json!(wanted)), "{scope}");
    }
    assert_eq!(error(&walker.ask("backoffice", "/token", &[GRANT, ("scope", "openid")]).await), (400, json!("invalid_request")));
    let other = walker.ask("web", "/token", &[GRANT, ("assertion", &good), ("scope", "openid")]).await;
    assert_eq!(error(&other), (400, json!("unauthorized_client")));
}
