//! RFC 7009: a client gives back what is its own.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::walker::{Reply, Walker, provider};

async fn revoke(walker: &mut Walker, client: &str, token: &Value, hint: &str) -> Reply {
    walker.ask(client, "/revoke", &[("token", token.as_str().expect("a token")), ("token_type_hint", hint)]).await
}

async fn active(walker: &mut Walker, client: &str, token: &Value) -> Value {
    walker.ask(client, "/introspect", &[("token", token.as_str().expect("a token"))]).await.json()["active"].clone()
}

#[tokio::test]
async fn a_refresh_token_takes_its_family_along() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    for hint in ["", "refresh_token", "access_token", "unheard-of"] {
        let first = walker.login_for("alice", "web", "openid offline_access").await;
        let second = walker.refresh("web", &first, &[]).await.json();
        let reply = revoke(&mut walker, "web", &second["refresh_token"], hint).await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, ""));
        assert_eq!(walker.refresh("web", &second, &[]).await.json()["error"], "invalid_grant");
        for tokens in [&first, &second] {
            assert_eq!(walker.info(tokens).await.status, 401);
            assert_eq!(active(&mut walker, "web", &tokens["access_token"]).await, false);
        }
        assert_eq!(revoke(&mut walker, "web", &second["refresh_token"], hint).await.status, 200, "once more is no error");
    }
    let events = walker.events("oidc_session.revoked").await;
    assert!(events.len() == 4 && events.iter().all(|event| event["payload"]["reason"] == "revoked"));
}

#[tokio::test]
async fn a_refresh_token_that_was_used_takes_its_family_along_too() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let first = walker.login_for("alice", "web", "openid offline_access").await;
    let second = walker.refresh("web", &first, &[]).await.json();
    assert_eq!(revoke(&mut walker, "web", &first["refresh_token"], "").await.status, 200);
    assert_eq!(walker.refresh("web", &second, &[]).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn an_access_token_goes_alone() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    for (client, asker) in [("web", "web"), ("spa", "service")] {
        let first = walker.login_for("alice", client, "openid offline_access").await;
        let second = walker.refresh(client, &first, &[]).await.json();
        assert_eq!(revoke(&mut walker, client, &second["access_token"], "refresh_token").await.status, 200);
        assert_eq!(walker.info(&second).await.status, 401);
        assert_eq!(active(&mut walker, asker, &second["access_token"]).await, false);
        assert_eq!(walker.info(&first).await.status, 200);
        assert_eq!(walker.refresh(client, &second, &[]).await.status, 200);
    }
    let own = walker.ask("service", "/token", &[("grant_type", "client_credentials")]).await.json();
    assert_eq!(revoke(&mut walker, "service", &own["access_token"], "").await.status, 200);
    assert_eq!(active(&mut walker, "service", &own["access_token"]).await, false);
    assert_eq!(walker.events("client_token.revoked").await.len(), 1);
}

#[tokio::test]
async fn nobody_gives_back_what_is_another_clients() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login_for("alice", "spa", "openid offline_access").await;
    for stranger in ["web", "shop", "native", "service"] {
        for name in ["access_token", "refresh_token"] {
            let refused = revoke(&mut walker, stranger, &tokens[name], "").await;
            assert_eq!((refused.status.as_u16(), &refused.json()["error"]), (400, &json!("invalid_grant")), "{stranger} {name}");
        }
    }
    assert_eq!(walker.info(&tokens).await.status, 200);
    let unknown = walker.ask("web", "/revoke", &[("token", "never-issued")]).await;
    assert_eq!((unknown.status.as_u16(), unknown.body.as_str()), (200, ""));
    let nothing = walker.ask("web", "/revoke", &[]).await;
    assert_eq!((nothing.status.as_u16(), &nothing.json()["error"]), (400, &json!("invalid_request")));
    let by_get = walker.get("https://op.test/revoke?client_id=spa").await;
    assert_eq!((by_get.status.as_u16(), by_get.header("allow")), (405, "POST, OPTIONS"));
    let anybody = walker.post("https://op.test/revoke", &[("token", tokens["access_token"].as_str().expect("a token"))]).await;
    assert_eq!((anybody.status.as_u16(), &anybody.json()["error"]), (401, &json!("invalid_client")));
}

#[tokio::test]
async fn refreshing_and_revoking_at_once_leaves_nothing_alive() {
    let handle = Arc::new(provider().await);
    for _ in 0..4 {
        let tokens = Walker::new(&handle).login_for("alice", "spa", "openid offline_access").await;
        let (mut one, mut other) = (Walker::new(&handle), Walker::new(&handle));
        let (refreshed, revoked) = tokio::join!(one.refresh("spa", &tokens, &[]), revoke(&mut other, "spa", &tokens["refresh_token"], ""));
        assert_eq!(revoked.status, 200);
        if refreshed.status == 200 {
            assert_eq!(one.refresh("spa", &refreshed.json(), &[]).await.status, 400);
            assert_eq!(one.info(&refreshed.json()).await.status, 401);
        }
        assert_eq!(one.refresh("spa", &tokens, &[]).await.status, 400);
    }
}
