//! RFC 6749, section 4.4: a client on its own behalf.

use std::sync::Arc;

use serde_json::json;

use crate::walker::{Walker, claims, fixtures, jose_header, provider, provider_with};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

#[tokio::test]
async fn a_client_gets_an_access_token_for_itself_and_nothing_else() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let reply = walker.ask("service", "/token", &[GRANT]).await;
    assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, "no-store"), "{reply:?}");
    let answer = reply.json();
    let names: Vec<&String> = answer.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["access_token", "token_type", "expires_in", "scope"]);
    assert_eq!(answer["scope"], "orders.read orders.write");
    let token = answer["access_token"].as_str().expect("a token");
    assert_eq!(jose_header(token)["typ"], "at+jwt");
    let said = claims(token);
    assert_eq!((&said["sub"], &said["client_id"]), (&json!("service"), &json!("service")));
    assert_eq!((&said["aud"], &said["scope"]), (&json!(["https://op.test"]), &answer["scope"]));
    assert_eq!((said.get("auth_time"), said.get("acr"), said.get("amr")), (None, None, None));
    let info = walker.info(&answer).await;
    assert!(info.status == 403 && info.header("www-authenticate").contains("insufficient_scope"), "{info:?}");
    let bearer = format!("Bearer {token}");
    let managed = walker.send(hyper::Method::GET, "https://op.test/management/sessions", &[("authorization", &bearer)], "").await;
    assert_eq!(managed.status, 403);
}

#[tokio::test]
async fn a_scope_has_to_be_one_of_the_client() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let narrow = walker.ask("service", "/token", &[GRANT, ("scope", "orders.read")]).await;
    assert_eq!(narrow.json()["scope"], "orders.read");
    for wrong in ["openid", "offline_access", "orders.read unheard-of", "ORDERS.READ", " "] {
        let refused = walker.ask("service", "/token", &[GRANT, ("scope", wrong)]).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["error"]), (400, &json!("invalid_scope")), "{wrong}");
    }
    for client in ["web", "spa"] {
        let refused = walker.ask(client, "/token", &[GRANT]).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["error"]), (400, &json!("unauthorized_client")), "{client}");
    }
}

#[tokio::test]
async fn eight_at_once_get_eight_tokens_that_differ() {
    let config = fixtures().replace("scope                                = \"orders.read orders.write\"", "").replace(
        "grant_types                          = [\"client_credentials\"]",
        "grant_types                          = [\"client_credentials\"]\naccess_token_format = \"opaque\"",
    );
    let config = config.replace("access_token_format                  = \"jwt\"\nmay_introspect", "may_introspect");
    let handle = Arc::new(provider_with(&config, Arc::new(|_, _| None)).await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let mut walker = Walker::new(&handle);
        tasks.spawn(async move { walker.ask("service", "/token", &[GRANT]).await.json() });
    }
    let answers = tasks.join_all().await;
    assert!(answers.iter().all(|answer| answer.get("scope").is_none()), "a client without scopes has none");
    let mut tokens: Vec<&str> = answers.iter().filter_map(|answer| answer["access_token"].as_str()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), 8);
}
