//! RFC 7662: who may ask what about which token.

use std::sync::Arc;

use hyper::Method;
use serde_json::{Value, json};

use crate::walker::{Reply, Walker, basic, claims, fixtures, provider, provider_with, secret};

async fn ask(walker: &mut Walker, client: &str, token: &Value) -> Reply {
    walker.ask(client, "/introspect", &[("token", token.as_str().expect("a token"))]).await
}

#[tokio::test]
async fn its_client_is_told_what_a_token_is() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login_for("alice", "web", "openid email offline_access").await;
    let now = handle.now_ms() / 1000;
    let reply = ask(&mut walker, "web", &tokens["access_token"]).await;
    assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, "no-store"));
    assert_eq!(
        reply.json(),
        json!({
            "active": true, "iss": "https://op.test", "client_id": "web", "sub": "6b2f1c9e-alice", "username": "alice",
            "scope": "openid email offline_access", "token_type": "Bearer", "aud": ["https://op.test"], "iat": now, "exp": now + 3600,
        })
    );
    let refresh = ask(&mut walker, "web", &tokens["refresh_token"]).await.json();
    assert_eq!((&refresh["active"], &refresh["exp"], refresh.get("token_type")), (&json!(true), &json!(now + 30 * 86_400), None));
    for hint in ["access_token", "refresh_token", "unheard-of", ""] {
        for name in ["access_token", "refresh_token"] {
            let form = [("token", tokens[name].as_str().expect("a token")), ("token_type_hint", hint)];
            assert_eq!(walker.ask("web", "/introspect", &form).await.json()["active"], true, "{name} {hint}");
        }
    }
}

#[tokio::test]
async fn a_jwt_is_told_as_it_is_and_to_its_audience() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login_for("alice", "spa", "openid").await;
    let told = ask(&mut walker, "service", &tokens["access_token"]).await.json();
    let said = claims(tokens["access_token"].as_str().expect("a token"));
    for name in ["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "scope"] {
        assert_eq!(told[name], said[name], "{name}");
    }
    for stranger in ["web", "shop", "backoffice"] {
        assert_eq!(ask(&mut walker, stranger, &tokens["access_token"]).await.json(), json!({ "active": false }), "{stranger}");
    }
    assert_eq!(ask(&mut walker, "service", &tokens["refresh_token"]).await.json(), json!({ "active": false }));
    let own = walker.ask("service", "/token", &[("grant_type", "client_credentials")]).await.json();
    let told = ask(&mut walker, "service", &own["access_token"]).await.json();
    assert_eq!((&told["active"], &told["sub"], told.get("username")), (&json!(true), &json!("service"), None));
}

#[tokio::test]
async fn in_its_audience_only_who_is_registered_for_it_may_ask() {
    let config = fixtures().replace("audience                             = [\"service\"]", "audience = [\"service\", \"forum\"]");
    let handle = provider_with(&config, Arc::new(|_, _| None)).await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login_for("alice", "spa", "openid").await;
    assert_eq!(ask(&mut walker, "service", &tokens["access_token"]).await.json()["active"], true);
    assert_eq!(ask(&mut walker, "forum", &tokens["access_token"]).await.json(), json!({ "active": false }));
}

#[tokio::test]
async fn what_is_not_good_is_inactive_and_no_more_is_said() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login_for("alice", "web", "openid offline_access").await;
    let none = json!({ "active": false });
    for other in ["never-issued", "a.b.c", "\u{fc}", tokens["id_token"].as_str().expect("a token")] {
        assert_eq!(walker.ask("web", "/introspect", &[("token", other)]).await.json(), none, "{other}");
    }
    let next = walker.refresh("web", &tokens, &[]).await.json();
    assert_eq!(ask(&mut walker, "web", &tokens["refresh_token"]).await.json(), none, "it was used");
    assert_eq!(ask(&mut walker, "web", &next["refresh_token"]).await.json()["active"], true, "asking about a used one is no use");
    let _ = handle.step(handle.now_ms() + 3_600_000);
    assert_eq!(ask(&mut walker, "web", &next["access_token"]).await.json(), none, "it has expired");
    let elsewhere = format!("token={}", next["refresh_token"].as_str().expect("a token"));
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("authorization", &basic("web", &secret("web")))];
    let other = walker.send(Method::POST, "https://other.op.test/introspect", &headers, &elsewhere).await;
    assert_eq!(other.json(), none, "it is of another issuer");
    assert_eq!(walker.refresh("web", &tokens, &[]).await.status, 400);
    assert_eq!(ask(&mut walker, "web", &next["refresh_token"]).await.json(), none, "its family has ended");
}

#[tokio::test]
async fn who_does_not_authenticate_is_told_nothing() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login_for("alice", "spa", "openid").await;
    let token = tokens["access_token"].as_str().expect("a token");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let (right, wrong) = (basic("web", &secret("web")), basic("web", "wrong"));
    let bearer = format!("Bearer {token}");
    for (header, body, status, error) in [
        ("", format!("token={token}"), 401, "invalid_client"),
        ("", format!("token={token}&client_id=spa"), 401, "invalid_client"),
        (wrong.as_str(), format!("token={token}"), 401, "invalid_client"),
        (bearer.as_str(), format!("token={token}"), 401, "invalid_client"),
        (right.as_str(), String::new(), 400, "invalid_request"),
        (right.as_str(), "token=".to_owned(), 400, "invalid_request"),
        (right.as_str(), format!("token={token}&token={token}"), 400, "invalid_request"),
        (right.as_str(), format!("token={token}&token_type_hint=a&token_type_hint=b"), 400, "invalid_request"),
    ] {
        let mut headers = vec![form];
        headers.extend((!header.is_empty()).then_some(("authorization", header)));
        let reply = walker.send(Method::POST, "https://op.test/introspect", &headers, &body).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]), (status, &json!(error)), "{header} {body}");
        assert_eq!(!reply.header("www-authenticate").is_empty(), status == 401);
    }
    let address = format!("https://op.test/introspect?token={token}");
    let headers = [form, ("authorization", right.as_str())];
    assert_eq!(walker.send(Method::POST, &address, &headers, "").await.json()["error"], "invalid_request");
    let by_get = walker.send(Method::GET, &address, &headers, "").await;
    assert_eq!((by_get.status.as_u16(), by_get.header("allow")), (405, "POST"));
}
