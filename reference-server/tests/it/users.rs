//! What becomes of users while the provider runs: locked, deactivated, removed, and what they may do.

use hyper::Method;
use serde_json::{Value, json};

use crate::walker::{Walker, provider};

const ALICE: &str = "6b2f1c9e-alice";
const SUPPORT: &str = "9c31f0d8-support";

#[tokio::test]
async fn whoever_is_locked_or_deactivated_gets_nothing_until_that_is_over() {
    for (away, back) in [("lock", "unlock"), ("deactivate", "reactivate")] {
        let handle = provider().await;
        let mut walker = Walker::new(&handle);
        let tokens = walker.login_for("alice", "web", "openid offline_access").await;
        let code = walker.code("alice", "web", &[]).await;

        walker.manage(Method::POST, &format!("users/{ALICE}/{away}"), None).await;
        assert_eq!(walker.info(&tokens).await.status, 401, "{away}: userinfo");
        assert_eq!(walker.asked_about(&tokens).await["active"], json!(false), "{away}: introspection");
        assert_eq!(walker.redeem("web", &code, &[]).await.json()["error"], "invalid_grant", "{away}: a code");
        assert_eq!(walker.refresh("web", &tokens, &[]).await.json()["error"], "invalid_grant", "{away}: a refresh token");
        let silent = walker.get(&Walker::authorize_url("web", &[("prompt", "none")])).await;
        assert_eq!(silent.param("error").as_deref(), Some("login_required"), "{away}: the session");
        let begun = walker.get(&Walker::authorize_url("web", &[])).await;
        let refused = walker.sign_in(&begun, "alice").await;
        assert!(refused.body.contains("do not fit"), "{away}: the password: {refused:?}");
        assert!(walker.events("session.terminated").await.is_empty(), "{away}: no session ends by it");

        walker.manage(Method::POST, &format!("users/{ALICE}/{back}"), None).await;
        assert_eq!(walker.info(&tokens).await.status, 200, "{back}: userinfo");
        assert_eq!(walker.redeem("web", &code, &[]).await.status, 200, "{back}: the code was not spent");
        assert_eq!(walker.refresh("web", &tokens, &[]).await.status, 200, "{back}: the refresh token was not spent");
        let silent = walker.get(&Walker::authorize_url("web", &[("prompt", "none")])).await;
        assert!(silent.param("code").is_some(), "{back}: the session");
    }
}

#[tokio::test]
async fn whoever_is_removed_is_gone() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login("alice", "web").await;
    let gone = walker.manage(Method::DELETE, &format!("users/{ALICE}"), None).await;
    assert_eq!(gone.status, 204);
    assert_eq!(walker.info(&tokens).await.status, 401);
    for (method, path) in [(Method::GET, ""), (Method::DELETE, ""), (Method::POST, "/unlock"), (Method::PUT, "/roles/IAM_OWNER")] {
        let reply = walker.manage(method, &format!("users/{ALICE}{path}"), None).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["id"]), (404, &json!("NOT-FOUND")));
    }
    let all = walker.manage(Method::GET, "users", None).await.json();
    assert!(all["users"].as_array().expect("a list").iter().all(|user| user["id"] != ALICE), "{all}");
}

#[tokio::test]
async fn what_is_so_already_is_no_event() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    for _ in 0..2 {
        for act in ["lock", "deactivate", "unlock"] {
            let reply = walker.manage(Method::POST, &format!("users/{ALICE}/{act}"), None).await;
            assert_eq!(reply.status, 200, "{reply:?}");
        }
    }
    let user = walker.manage(Method::GET, &format!("users/{ALICE}"), None).await.json();
    assert_eq!(user["state"], "deactivated");
    let types: Vec<Value> = walker.events("user.").await.into_iter().map(|event| event["type"].clone()).collect();
    assert_eq!(types, ["user.locked", "user.deactivated", "user.unlocked", "user.locked", "user.unlocked"]);
}

#[tokio::test]
async fn roles_are_granted_and_withdrawn_and_count_at_once() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login("support", "web").await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("a token"));
    let mut as_support = Walker::new(&handle);
    let mut may = async || as_support.send(Method::GET, "https://op.test/management/users", &[("authorization", &bearer)], "").await.status;
    assert_eq!(may().await, 403);
    let role = format!("users/{SUPPORT}/roles/IAM_OWNER");
    let granted = walker.manage(Method::PUT, &role, None).await.json();
    assert_eq!(granted["memberships"], json!([{ "role": "IAM_ADMIN_IMPERSONATOR" }, { "role": "IAM_OWNER" }]));
    assert_eq!(may().await, 200);
    walker.manage(Method::DELETE, &role, None).await;
    assert_eq!(may().await, 403);

    let of_organization = |more: &str| format!("users/{SUPPORT}/roles/ORG_END_USER_IMPERSONATOR{more}");
    let own = walker.manage(Method::PUT, &of_organization(""), None).await.json();
    assert_eq!(own["memberships"][1], json!({ "role": "ORG_END_USER_IMPERSONATOR", "organization": "acme" }));
    let other = walker.manage(Method::PUT, &of_organization("?organization=initech"), None).await.json();
    assert_eq!(other["memberships"][2]["organization"], "initech");
    for wrong in ["iam_owner", "OWNER", "IAM_", "IAM_OWNER?organization=acme", "ORG_OWNER?organization=a&organization=b"] {
        let reply = walker.manage(Method::PUT, &format!("users/{SUPPORT}/roles/{wrong}"), None).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["id"]), (400, &json!("MALFORMED")), "{wrong}");
    }
}
