//! Refresh tokens: RFC 6749, section 6; RFC 9700, section 4.14; Core, sections 11 and 12.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::walker::{Reply, Walker, claims, fixtures, provider, provider_with};

const DAY_MS: i64 = 86_400_000;

fn error(reply: &Reply) -> (u16, Value) {
    (reply.status.as_u16(), reply.json()["error"].clone())
}

fn invalid_grant() -> (u16, Value) {
    (400, json!("invalid_grant"))
}

#[tokio::test]
async fn a_refresh_brings_everything_anew_and_keeps_the_person() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let first = walker.login_for("alice", "web", "openid email offline_access").await;
    let _ = handle.step(handle.now_ms() + 60_000);
    let reply = walker.refresh("web", &first, &[]).await;
    assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, "no-store"), "{reply:?}");
    let second = reply.json();
    assert_eq!((&second["scope"], &second["expires_in"]), (&json!("openid email offline_access"), &json!(3600)));
    for name in ["access_token", "refresh_token", "id_token"] {
        assert_ne!(first[name], second[name]);
    }
    let (before, after) = (claims(first["id_token"].as_str().expect("a token")), claims(second["id_token"].as_str().expect("a token")));
    for name in ["iss", "sub", "aud", "azp", "auth_time", "sid", "acr", "amr"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    assert_eq!((after.get("nonce"), &after["iat"]), (None, &json!(handle.now_ms() / 1000)));
    assert_ne!(before["at_hash"], after["at_hash"]);
    assert_eq!(walker.info(&second).await.json()["email"], "alice@acme.test");
    assert_eq!(walker.info(&first).await.status, 200, "the access token before lives as long as it was said to");
    let events = walker.events("oidc_session.").await;
    let types: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(
        types,
        [
            "oidc_session.added",
            "oidc_session.access_token.added",
            "oidc_session.refresh_token.added",
            "oidc_session.access_token.added",
            "oidc_session.refresh_token.renewed"
        ]
    );
    assert_eq!((&events[1]["payload"]["reason"], &events[3]["payload"]["reason"]), (&json!("auth_request"), &json!("refresh")));
}

#[tokio::test]
async fn a_token_that_comes_again_ends_its_family_and_no_other() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let first = walker.login_for("alice", "web", "openid offline_access").await;
    let other = walker.login_for("alice", "web", "openid offline_access").await;
    let second = walker.refresh("web", &first, &[]).await.json();
    assert_eq!(error(&walker.refresh("shop", &first, &[]).await), invalid_grant(), "another client's attempt is no use");
    assert_eq!(walker.info(&second).await.status, 200);
    assert_eq!(error(&walker.refresh("web", &first, &[]).await), invalid_grant());
    assert_eq!(error(&walker.refresh("web", &second, &[]).await), invalid_grant());
    assert_eq!((walker.info(&first).await.status.as_u16(), walker.info(&second).await.status.as_u16()), (401, 401));
    assert_eq!(walker.refresh("web", &other, &[]).await.status, 200);
    let revoked = walker.events("oidc_session.revoked").await;
    assert_eq!((revoked.len(), &revoked[0]["payload"]["reason"]), (1, &json!("refresh_token_reused")));
}

#[tokio::test]
async fn of_eight_who_refresh_at_once_one_succeeds_and_the_family_ends() {
    let handle = Arc::new(provider().await);
    let tokens = Walker::new(&handle).login_for("alice", "spa", "openid offline_access").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (mut walker, tokens) = (Walker::new(&handle), tokens.clone());
        tasks.spawn(async move { walker.refresh("spa", &tokens, &[]).await });
    }
    let replies = tasks.join_all().await;
    let won: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(won.len(), 1);
    assert!(replies.iter().filter(|reply| reply.status != 200).all(|reply| error(reply) == invalid_grant()));
    let mut walker = Walker::new(&handle);
    assert_eq!(error(&walker.refresh("spa", &won[0].json(), &[]).await), invalid_grant());
    assert_eq!(walker.events("oidc_session.revoked").await.len(), 1);
}

#[tokio::test]
async fn a_scope_is_narrowed_for_one_access_token_and_never_widened() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let first = walker.login_for("alice", "web", "openid email offline_access").await;
    for wider in ["openid profile", "openid unheard-of", "OPENID", " "] {
        let refused = walker.refresh("web", &first, &[("scope", wider)]).await;
        assert_eq!(error(&refused), (400, json!("invalid_scope")), "{wider}");
    }
    let narrow = walker.refresh("web", &first, &[("scope", "openid")]).await.json();
    assert_eq!(narrow["scope"], "openid");
    assert_eq!(walker.info(&narrow).await.json().get("email"), None);
    let bare = walker.refresh("web", &narrow, &[("scope", "email")]).await.json();
    assert_eq!((&bare["scope"], bare.get("id_token")), (&json!("email"), None));
    assert_eq!(walker.info(&bare).await.status, 403);
    let whole = walker.refresh("web", &bare, &[("scope", "")]).await.json();
    assert_eq!(whole["scope"], "openid email offline_access");
}

#[tokio::test]
async fn a_refresh_token_is_given_to_those_who_may_have_one() {
    let handle = provider_with(&fixtures().replace("offline_access_without_consent       = true", ""), Arc::new(|_, _| None)).await;
    let mut walker = Walker::new(&handle);
    let unasked = walker.login_for("alice", "web", "openid offline_access").await;
    assert_eq!((&unasked["scope"], unasked.get("refresh_token")), (&json!("openid"), None));
    let bound = walker.login_for("alice", "spa", "openid offline_access").await;
    assert_eq!((&bound["scope"], bound["refresh_token"].is_string()), (&json!("openid"), true));
    let page = walker.get(&Walker::authorize_url("web", &[("scope", "openid offline_access"), ("prompt", "consent")])).await;
    let page = walker.get(page.location()).await;
    assert!(page.heading() == "Allow access" && page.body.contains("while you are away"), "{page:?}");
    let agreed = walker.post_to(&page, "approve", &[("decide", "approve")]).await;
    let tokens = walker.redeem("web", &agreed.param("code").expect("a code"), &[]).await.json();
    assert_eq!((&tokens["scope"], tokens["refresh_token"].is_string()), (&json!("openid offline_access"), true));
    let alone = walker.get(&Walker::authorize_url("web", &[("scope", "offline_access")])).await;
    assert_eq!(alone.param("error").as_deref(), Some("invalid_scope"));
    let never = walker.login_for("alice", "forum", "openid offline_access").await;
    assert_eq!((&never["scope"], never.get("refresh_token")), (&json!("openid"), None), "it is not registered for refresh tokens");
}

#[tokio::test]
async fn without_offline_access_it_ends_with_its_session_and_with_it_it_stays() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let online = walker.login_for("alice", "spa", "openid").await;
    let online = walker.refresh("spa", &online, &[]).await.json();
    let offline = walker.login_for("alice", "web", "openid offline_access").await;
    let hint = offline["id_token"].as_str().expect("a token");
    walker.get(&format!("https://op.test/end_session?id_token_hint={hint}")).await;
    assert_eq!(error(&walker.refresh("spa", &online, &[]).await), invalid_grant());
    assert_eq!(walker.info(&online).await.status, 401);
    let after = walker.refresh("web", &offline, &[]).await;
    assert_eq!(after.status, 200, "{after:?}");
    assert_eq!(walker.info(&after.json()).await.status, 200);
    let expires = walker.login_for("alice", "spa", "openid").await;
    let until = handle.now_ms() + 14 * DAY_MS;
    while handle.step(until) {}
    assert_eq!(error(&walker.refresh("spa", &expires, &[]).await), invalid_grant(), "nobody has used its session for two weeks");
}

#[tokio::test]
async fn thirty_days_without_use_and_ninety_days_in_all() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let unused = walker.login_for("alice", "web", "openid offline_access").await;
    let mut used = walker.login_for("alice", "web", "openid offline_access").await;
    for _ in 0..3 {
        let _ = handle.step(handle.now_ms() + 30 * DAY_MS - 1);
        let reply = walker.refresh("web", &used, &[]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        used = reply.json();
        assert_eq!(claims(used["id_token"].as_str().expect("a token"))["auth_time"], json!(1_767_268_800));
    }
    let _ = handle.step(handle.now_ms() + 2);
    assert_eq!(walker.refresh("web", &used, &[]).await.status, 200, "a millisecond before the end");
    let _ = handle.step(handle.now_ms() + 1);
    assert_eq!(error(&walker.refresh("web", &unused, &[]).await), invalid_grant());
    let fresh = walker.login_for("alice", "web", "openid offline_access").await;
    let _ = handle.step(handle.now_ms() + 30 * DAY_MS);
    assert_eq!(error(&walker.refresh("web", &fresh, &[]).await), invalid_grant());
}

#[tokio::test]
async fn what_is_no_refresh_token_of_this_client_buys_nothing() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let web = walker.login_for("alice", "web", "openid offline_access").await;
    let text = |name: &str| web[name].as_str().expect("a token").to_owned();
    let refresh_token = text("refresh_token");
    for (client, token, wanted) in [
        ("web", "", "invalid_request"),
        ("web", "never-issued", "invalid_grant"),
        ("web", "\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}", "invalid_grant"),
        ("web", &text("access_token"), "invalid_grant"),
        ("web", &text("id_token"), "invalid_grant"),
        ("web", &format!("{refresh_token}A"), "invalid_grant"),
        ("web", &refresh_token[..22], "invalid_grant"),
        ("shop", &refresh_token, "invalid_grant"),
        ("spa", &refresh_token, "invalid_grant"),
        ("forum", &refresh_token, "unauthorized_client"),
    ] {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        assert_eq!(error(&walker.ask(client, "/token", &form).await), (400, json!(wanted)), "{client} {token}");
    }
    let bearer = json!({ "access_token": refresh_token });
    assert_eq!(walker.info(&bearer).await.status, 401, "it is no access token");
    assert_eq!(walker.refresh("web", &web, &[]).await.status, 200, "none of these has used it up");
}

#[tokio::test]
async fn a_code_that_comes_twice_takes_back_its_refresh_token() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let code = walker.code("alice", "web", &[("scope", "openid offline_access")]).await;
    let first = walker.redeem("web", &code, &[]).await.json();
    let second = walker.refresh("web", &first, &[]).await.json();
    walker.redeem("web", &code, &[]).await;
    assert_eq!(error(&walker.refresh("web", &second, &[]).await), invalid_grant());
    assert_eq!(walker.info(&second).await.status, 401);
}
