//! Back-Channel Logout 1.0: who is told what, when, and how often.

use std::sync::Arc;

use hyper::Method;
use reference_server::{Handle, Quiet};
use serde_json::{Value, json};

use crate::relying_party::{Manner, Parties};
use crate::walker::{MANAGEMENT, Reply, Walker, claims, fixtures, jose_header, provider_with};

struct Stage {
    handle: Arc<Handle>,
    parties: Parties,
    walker: Walker,
}

async fn stage() -> Stage {
    stage_with(&fixtures()).await
}

async fn stage_with(config: &str) -> Stage {
    let parties = Parties::new().await;
    let handle = Arc::new(provider_with(config, parties.resolve()).await);
    parties.clock(&handle);
    let walker = Walker::new(&handle);
    Stage { handle, parties, walker }
}

impl Stage {
    async fn logout(&mut self, tokens: &Value) -> Reply {
        let url = logout_url(tokens);
        self.walker.get(&url).await
    }
}

fn logout_url(tokens: &Value) -> String {
    let hint = tokens["id_token"].as_str().expect("an ID token");
    let params = [("id_token_hint", hint), ("post_logout_redirect_uri", "https://web.rp.test/out?kept=1"), ("state", "s")];
    url::Url::parse_with_params("https://op.test/end_session", params).expect("an address").into()
}

#[tokio::test]
async fn exactly_the_clients_of_the_session_are_told_before_the_browser_goes_on() {
    let mut stage = stage().await;
    let web = stage.walker.login("alice", "web").await;
    let shop = stage.walker.login("alice", "shop").await;
    let forum = stage.walker.login("alice", "forum").await;
    stage.walker.login("alice", "web").await;
    let mut second = Walker::new(&stage.handle);
    second.login("alice", "wiki").await;

    let reply = stage.logout(&web).await;
    assert_eq!((reply.status.as_u16(), reply.location()), (303, "https://web.rp.test/out?kept=1&state=s"));
    let mut told = stage.parties.told();
    told.sort_by(|a, b| a.host.cmp(&b.host));
    let hosts: Vec<&str> = told.iter().map(|told| told.host.as_str()).collect();
    assert_eq!(hosts, ["forum.rp.test", "shop.rp.test", "web.rp.test"], "web is told once although it signed in twice");

    let now = stage.handle.now_ms() / 1000;
    for (told, tokens, alg) in [(&told[0], &forum, "EdDSA"), (&told[1], &shop, "ES256"), (&told[2], &web, "RS256")] {
        let id_token = tokens["id_token"].as_str().expect("an ID token");
        let (header, known, mut logout) = (jose_header(&told.logout_token), claims(id_token), claims(&told.logout_token));
        assert_eq!(header, json!({ "typ": "logout+jwt", "alg": alg, "kid": jose_header(id_token)["kid"] }));
        assert!(told.head.starts_with("POST /bcl HTTP/1.1\r\n"));
        let jti = logout.as_object_mut().expect("claims").remove("jti").expect("a jti");
        assert_eq!(jti.as_str().map(str::len), Some(22));
        let wanted = json!({
            "iss": "https://op.test", "sub": known["sub"], "aud": [known["aud"]], "iat": now, "exp": now + 120,
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} }, "sid": known["sid"],
        });
        assert_eq!(logout, wanted);
    }
    let again = stage.logout(&web).await;
    assert_eq!(again.location(), reply.location(), "a second time is no error");
    stage.parties.advance(&stage.handle, 3_600_000).await;
    assert_eq!(stage.parties.told().len(), 3, "and tells nobody");
    assert_eq!(stage.handle.quiet(), Quiet::default());

    let kinds: Vec<Value> = stage.walker.events("session").await.into_iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "session.terminated").count(), 1);
    assert_eq!(kinds.iter().filter(|kind| *kind == "session_logout.back_channel.sent").count(), 3);
}

#[tokio::test]
async fn who_fails_for_the_moment_is_told_again_and_who_refuses_is_not() {
    let mut stage = stage().await;
    let web = stage.walker.login("alice", "web").await;
    stage.walker.login("alice", "shop").await;
    stage.walker.login("alice", "forum").await;
    stage.parties.answers("shop.rp.test", &[Manner::Status(500), Manner::Drop, Manner::Status(302), Manner::Status(204)]);
    stage.parties.answers("forum.rp.test", &[Manner::Status(400)]);
    let start = stage.handle.now_ms();
    stage.logout(&web).await;
    stage.parties.advance(&stage.handle, 3_600_000).await;
    let at: Vec<i64> = stage.parties.told_to("shop.rp.test").iter().map(|told| told.at_ms - start).collect();
    assert_eq!(at, [0, 1_000, 6_000, 36_000]);
    assert_eq!(stage.parties.told_to("trap.rp.test").len(), 0, "redirects are not followed");
    assert_eq!(stage.parties.told_to("forum.rp.test").len(), 1);
    let mut jtis: Vec<Value> = stage.parties.told().iter().map(|told| claims(&told.logout_token)["jti"].clone()).collect();
    jtis.sort_by_key(Value::to_string);
    jtis.dedup();
    assert_eq!(jtis.len(), stage.parties.told().len(), "each attempt is a token of its own");
    let failed = stage.walker.events("session_logout.back_channel.failed").await;
    assert_eq!(
        (failed.len(), &failed[0]["payload"]["client_id"], &failed[0]["payload"]["reason"]),
        (1, &json!("forum"), &json!("status 400"))
    );
    let sent = stage.walker.events("session_logout.back_channel.sent").await;
    assert!(sent.iter().any(|sent| sent["payload"]["client_id"] == "shop" && sent["payload"]["attempt"] == 4));
}

#[tokio::test]
async fn who_hangs_costs_the_browser_the_grace_and_nobody_else_anything() {
    let mut stage = stage().await;
    let web = stage.walker.login("alice", "web").await;
    stage.walker.login("alice", "shop").await;
    stage.parties.answers("shop.rp.test", &[Manner::Hang]);
    let start = stage.handle.now_ms();
    let url = logout_url(&web);
    let (handle, parties) = (stage.handle.clone(), stage.parties.clone());
    let mut walker = stage.walker;
    let browser = tokio::spawn(async move {
        let reply = walker.get(&url).await;
        (reply, walker)
    });
    while handle.quiet().parked == 0 || handle.quiet().open != 1 {
        tokio::task::yield_now().await;
    }
    parties.settle(&handle).await;
    assert_eq!(handle.quiet(), Quiet { open: 1, parked: 1, ..Quiet::default() });
    assert_eq!(parties.told_to("web.rp.test").len(), 1);
    assert!(!browser.is_finished());
    assert_eq!(handle.next_timer(), Some(start + 1_000));
    assert!(handle.step(start + 1_000));
    let (reply, mut walker) = browser.await.expect("no panic");
    assert_eq!(reply.status, 303);
    parties.advance(&handle, 3_600_000).await;
    // Six attempts of five seconds each, and five pauses.
    assert_eq!(parties.told_to("shop.rp.test").len(), 6);
    let failed = walker.events("session_logout.back_channel.failed").await;
    assert_eq!((&failed[0]["payload"]["attempt"], &failed[0]["payload"]["reason"]), (&json!(6), &json!("no answer in time")));
    assert_eq!(handle.quiet(), Quiet::default());
    assert_eq!(handle.next_timer(), None);
}

#[tokio::test]
async fn the_issuer_is_that_of_the_sign_in_wherever_the_session_is_ended() {
    let mut stage = stage().await;
    let web = stage.walker.login("alice", "web").await;
    let sid = claims(web["id_token"].as_str().expect("an ID token"))["sid"].as_str().expect("a sid").to_owned();
    let bearer = format!("Bearer {MANAGEMENT}");
    let url = format!("https://other.op.test/management/sessions/{sid}");
    let reply = stage.walker.send(Method::DELETE, &url, &[("authorization", &bearer)], "").await;
    assert_eq!(reply.status, 204);
    stage.parties.settle(&stage.handle).await;
    assert_eq!(claims(&stage.parties.told()[0].logout_token)["iss"], "https://op.test");
    let terminated = stage.walker.events("session.terminated").await;
    assert_eq!(terminated[0]["payload"], json!({ "triggerOrigin": "https://other.op.test" }));
    let again = stage.walker.send(Method::DELETE, &url, &[("authorization", &bearer)], "").await;
    assert_eq!(again.status, 204);
    stage.parties.settle(&stage.handle).await;
    assert_eq!(stage.parties.told().len(), 1);
}

#[tokio::test]
async fn a_name_that_does_not_exist_fails_in_the_end_and_expiry_tells_nobody() {
    let config = fixtures().replace("https://shop.rp.test/bcl", "https://gone.rp.test/bcl");
    let mut stage = stage_with(&config).await;
    let web = stage.walker.login("alice", "web").await;
    stage.walker.login("alice", "shop").await;
    let mut other = Walker::new(&stage.handle);
    other.login("bob", "wiki").await;
    stage.logout(&web).await;
    stage.parties.advance(&stage.handle, 60 * 86_400_000).await;
    assert_eq!(stage.parties.told().len(), 1, "bob's session has expired, and wiki was not told");
    let failed = stage.walker.events("session_logout.back_channel.failed").await;
    assert_eq!(failed[0]["payload"]["reason"], "the name does not exist");
}

#[tokio::test]
async fn what_ended_before_the_activation_or_without_the_flag_is_never_told() {
    for config in [
        fixtures().replace("set_up = true", "set_up = false"),
        fixtures().replace("enable_back_channel_logout         = true", "enable_back_channel_logout = false"),
    ] {
        let mut stage = stage_with(&config).await;
        let web = stage.walker.login("alice", "web").await;
        assert_eq!(stage.logout(&web).await.status, 303);
        stage.parties.advance(&stage.handle, 3_600_000).await;
        assert_eq!(stage.parties.told().len(), 0);
        assert_eq!(stage.handle.quiet(), Quiet::default());
    }
}

#[tokio::test]
async fn after_a_rotation_the_new_key_signs_and_the_old_one_is_still_published() {
    let mut stage = stage().await;
    let web = stage.walker.login("alice", "web").await;
    let bearer = format!("Bearer {MANAGEMENT}");
    let url = "https://op.test/management/keys/rotate";
    let rotated = stage.walker.send(Method::POST, url, &[("authorization", &bearer)], "").await;
    assert_eq!(rotated.json()["activated"].as_array().map(Vec::len), Some(3));
    assert_eq!(stage.walker.send(Method::POST, url, &[("authorization", &bearer)], "").await.status, 409);
    stage.logout(&web).await;
    assert_eq!(jose_header(&stage.parties.told()[0].logout_token)["kid"], "fixture-rs256-2");
    let keys = stage.walker.get("https://op.test/keys").await.json();
    let kids: Vec<&str> = keys["keys"].as_array().expect("keys").iter().filter_map(|key| key["kid"].as_str()).collect();
    assert!(kids.contains(&"fixture-rs256-1") && kids.contains(&"fixture-rs256-2"), "{kids:?}");
    stage.parties.advance(&stage.handle, 31 * 86_400_000).await;
    let keys = stage.walker.get("https://op.test/keys").await.json();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(3), "the old ones are withdrawn");
}

#[tokio::test]
async fn rs256_and_eddsa_logout_tokens_are_the_same_to_the_last_byte_in_every_run() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let mut stage = stage().await;
        let web = stage.walker.login("alice", "web").await;
        stage.walker.login("alice", "forum").await;
        stage.logout(&web).await;
        let mut told: Vec<String> = stage.parties.told().into_iter().map(|told| told.logout_token).collect();
        told.sort();
        assert_eq!(told.len(), 2);
        runs.push(told);
    }
    assert_eq!(runs[0], runs[1]);
}
