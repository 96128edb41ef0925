//! Features and the policy, switched while the provider runs.

use hyper::Method;
use serde_json::{Value, json};

use crate::walker::{MANAGEMENT, Walker, fixtures, provider, provider_with};

const FLAGS: [&str; 4] = ["token_exchange", "debug_oidc_parent_error", "oidc_single_v1_session_termination", "enable_back_channel_logout"];

async fn all(walker: &mut Walker) -> Value {
    walker.manage(Method::GET, "flags", None).await.json()["flags"].clone()
}

#[tokio::test]
async fn the_instance_goes_before_the_system_and_the_system_before_the_configuration() {
    for flag in FLAGS {
        let config = fixtures().replace("= true", "= false");
        let handle = provider_with(&config, std::sync::Arc::new(|_, _| None)).await;
        let mut walker = Walker::new(&handle);
        let before = all(&mut walker).await;
        assert_eq!(before[flag], json!({ "enabled": false, "source": "configuration"  }));
        let steps = [
            (Method::PUT, "system", Some(true), json!({ "enabled": true, "source": "system", "system": true })),
            (Method::PUT, "instance", Some(false), json!({ "enabled": false, "source": "instance", "system": true, "instance": false })),
            (Method::DELETE, "system", None, json!({ "enabled": false, "source": "instance", "instance": false })),
            (Method::PUT, "instance", Some(true), json!({ "enabled": true, "source": "instance", "instance": true })),
            (Method::PUT, "system", Some(false), json!({ "enabled": true, "source": "instance", "system": false, "instance": true })),
            (Method::DELETE, "instance", None, json!({ "enabled": false, "source": "system", "system": false })),
            (Method::DELETE, "system", None, before[flag].clone()),
        ];
        for (method, level, enabled, holds) in steps {
            let body = enabled.map(|enabled| json!({ "enabled": enabled }));
            let reply = walker.manage(method, &format!("flags/{level}/{flag}"), body.as_ref()).await;
            assert_eq!((reply.status.as_u16(), reply.json()), (200, holds.clone()), "{flag}");
            let mut others = all(&mut walker).await;
            assert_eq!(others[flag], holds);
            others[flag] = before[flag].clone();
            assert_eq!(others, before, "{flag} and no other flag has changed");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_switched_so_is_told() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    for path in ["flags/system/nothing", "flags/world/token_exchange", "flags/instance/TokenExchange", "flags/5"] {
        let reply = walker.manage(Method::PUT, path, Some(&json!({ "enabled": true }))).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["id"]), (404, &json!("NOT-FOUND")), "{path}");
    }
    for body in [json!({}), json!({ "enabled": "true" }), json!({ "enabled": null }), json!({ "enabled": true, "more": 1 }), json!([true])]
    {
        let reply = walker.manage(Method::PUT, "flags/system/token_exchange", Some(&body)).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["id"]), (400, &json!("MALFORMED")), "{body}");
    }
    let bearer = format!("Bearer {MANAGEMENT}");
    let url = "https://op.test/management/flags/system/token_exchange";
    let untyped = walker.send(Method::PUT, url, &[("authorization", &bearer)], "{\"enabled\": true}").await;
    assert_eq!(untyped.status, 400);
    let method = walker.manage(Method::POST, "flags/system/token_exchange", None).await;
    assert_eq!((method.status.as_u16(), method.header("allow")), (405, "PUT, DELETE"));
    assert_eq!(method.json()["id"], "METHOD-UNKNOWN");
    assert!(walker.events("feature.").await.is_empty());
}

#[tokio::test]
async fn owners_alone_switch() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    for (user, status) in [("alice", 403), ("support", 403), ("admin", 200)] {
        let tokens = Walker::new(&handle).login(user, "web").await;
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("a token"));
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let url = "https://op.test/management/flags/instance/debug_oidc_parent_error";
        assert_eq!(walker.send(Method::PUT, url, &headers, "{\"enabled\": true}").await.status, status, "{user}");
    }
}

#[tokio::test]
async fn the_policy_is_what_it_was_set_to_last() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    assert_eq!(walker.manage(Method::GET, "policies/security", None).await.json(), json!({ "enable_impersonation": true }));
    for to in [false, false, true] {
        let reply = walker.manage(Method::PUT, "policies/security", Some(&json!({ "enable_impersonation": to }))).await;
        assert_eq!(reply.json(), json!({ "enable_impersonation": to }));
    }
    assert_eq!(walker.events("policy.security.set").await.len(), 2, "what holds already is no event");
}

#[tokio::test]
async fn back_channel_logout_is_told_of_while_it_is_on() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let mut said = async |on: Option<bool>| {
        let body = on.map(|on| json!({ "enabled": on }));
        let method = if on.is_some() { Method::PUT } else { Method::DELETE };
        walker.manage(method, "flags/instance/enable_back_channel_logout", body.as_ref()).await;
        let discovery = walker.get("https://op.test/.well-known/openid-configuration").await.json();
        (discovery.get("backchannel_logout_supported").cloned(), discovery.get("backchannel_logout_session_supported").cloned())
    };
    let yes = Some(json!(true));
    assert_eq!(said(Some(false)).await, (None, None));
    assert_eq!(said(Some(true)).await, (yes.clone(), yes.clone()));
    assert_eq!(said(None).await, (yes.clone(), yes));
}

#[tokio::test]
async fn the_inner_reason_is_told_while_that_is_on() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let mut parent = async |on: bool| {
        walker.manage(Method::PUT, "flags/instance/debug_oidc_parent_error", Some(&json!({ "enabled": on }))).await;
        let refusal = walker.redeem("web", "no such code", &[]).await.json();
        assert_eq!(refusal["error"], "invalid_grant");
        refusal.get("parent").cloned()
    };
    assert_eq!(parent(true).await, Some(json!("CodeUnknown")));
    assert_eq!(parent(false).await, None);
}
