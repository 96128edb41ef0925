//! RFC 8628: a device, the browser of its user, and the polls between.

use std::sync::Arc;

use hyper::Method;
use reference_server::{Chance, Handle};
use serde_json::{Value, json};

use crate::walker::{Reply, Walker, claims, fixtures, provider, provider_by, provider_with};

const GRANT: (&str, &str) = ("grant_type", "urn:ietf:params:oauth:grant-type:device_code");

struct Stage {
    handle: Handle,
    device: Walker,
    browser: Walker,
}

async fn stage_with(config: &str) -> Stage {
    Stage::at(provider_with(config, Arc::new(|_, _| None)).await)
}

async fn stage() -> Stage {
    stage_with(&fixtures()).await
}

impl Stage {
    fn at(handle: Handle) -> Self {
        Self { device: Walker::new(&handle), browser: Walker::new(&handle), handle }
    }

    async fn begin(&mut self, client: &str, scope: &str) -> Value {
        let reply = self.device.ask(client, "/device_authorization", &[("scope", scope)]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    async fn poll(&mut self, codes: &Value) -> Reply {
        self.device.ask("tv", "/token", &[GRANT, ("device_code", text(codes, "device_code"))]).await
    }

    async fn error(&mut self, codes: &Value) -> String {
        let reply = self.poll(codes).await;
        assert_eq!(reply.status, 400, "{reply:?}");
        reply.json()["error"].as_str().expect("an error").to_owned()
    }

    /// Enters a code and comes to the question, signing in on the way.
    async fn question(&mut self, typed: &str, user: &str) -> Reply {
        let reply = enter(&mut self.browser, typed).await;
        let page = self.browser.get(reply.location()).await;
        if page.heading() != "Sign in" {
            return page;
        }
        let reply = self.browser.sign_in(&reply, user).await;
        self.browser.get(reply.location()).await
    }

    async fn decide(&mut self, codes: &Value, user: &str, decide: &str) -> Reply {
        let page = self.question(text(codes, "user_code"), user).await;
        assert_eq!(page.heading(), "Connect this device?", "{page:?}");
        let session = page.field("session");
        let reply = self.browser.post_to(&page, "name=\"decide\"", &[("session", &session), ("decide", decide)]).await;
        self.browser.get(reply.location()).await
    }

    fn pass(&self, secs: i64) {
        let until = self.handle.now_ms() + secs * 1000;
        while self.handle.step(until) {}
    }
}

async fn enter(browser: &mut Walker, typed: &str) -> Reply {
    let page = browser.get("https://op.test/device").await;
    assert_eq!(page.heading(), "Connect a device", "{page:?}");
    browser.post_to(&page, "name=\"user_code\"", &[("user_code", typed)]).await
}

fn text<'v>(codes: &'v Value, name: &str) -> &'v str {
    codes[name].as_str().expect("text")
}

#[tokio::test]
async fn a_user_approves_and_the_device_has_tokens_of_that_sign_in() {
    let mut stage = stage().await;
    let codes = stage.begin("tv", "openid profile offline_access").await;
    let names: Vec<&String> = codes.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in", "interval"]);
    assert_eq!((&codes["expires_in"], &codes["interval"]), (&json!(300), &json!(5)));
    let user_code = text(&codes, "user_code");
    assert!(user_code.len() == 9 && user_code.as_bytes()[4] == b'-', "{user_code}");
    assert_eq!(text(&codes, "verification_uri_complete"), format!("https://op.test/device?user_code={user_code}"));

    assert_eq!(stage.error(&codes).await, "authorization_pending");
    let page = stage.question(user_code, "alice").await;
    for told in ["Television", user_code, "the name, and what else the profile says", "while you are away"] {
        assert!(page.body.contains(told), "{told}: {page:?}");
    }
    let signed_in_at = stage.handle.now_ms() / 1000;
    stage.pass(20);
    let done = stage.decide(&codes, "alice", "approve").await;
    assert_eq!((done.status.as_u16(), done.heading()), (200, "Device connected"));

    let tokens = stage.poll(&codes).await;
    assert_eq!((tokens.status.as_u16(), tokens.header("cache-control")), (200, "no-store"), "{tokens:?}");
    let tokens = tokens.json();
    assert!(tokens["refresh_token"].is_string());
    let id_token = claims(text(&tokens, "id_token"));
    assert_eq!((&id_token["auth_time"], &id_token["amr"]), (&json!(signed_in_at), &json!(["pwd"])));
    assert_eq!((id_token.get("nonce"), id_token["sid"].is_string()), (None, true));
    assert_eq!(stage.device.info(&tokens).await.json()["sub"], id_token["sub"]);
    assert_eq!(stage.device.refresh("tv", &tokens, &[]).await.status, 200);

    assert_eq!(stage.error(&codes).await, "invalid_grant");
    let events = stage.device.events("").await;
    let device: Vec<&str> =
        events.iter().filter_map(|event| event["type"].as_str()).filter(|kind| kind.starts_with("device.authorization.")).collect();
    assert_eq!(device, ["device.authorization.added", "device.authorization.approved", "device.authorization.done"]);
    assert!(events.iter().any(|event| event["type"] == "session_logout.back_channel.registered" && event["payload"]["client_id"] == "tv"));
    let log = json!(events).to_string();
    for secret in [text(&codes, "device_code"), user_code, &user_code.replace('-', "")] {
        assert!(!log.contains(secret), "no code is in the log");
    }
}

#[tokio::test]
async fn after_a_no_every_poll_says_so_and_nobody_decides_again() {
    let mut stage = stage().await;
    let codes = stage.begin("tv", "openid").await;
    let done = stage.decide(&codes, "alice", "deny").await;
    assert_eq!((done.status.as_u16(), done.heading()), (200, "Device not connected"));
    for pause in [0, 0, 3600] {
        stage.pass(pause);
        assert_eq!(stage.error(&codes).await, "access_denied");
    }
    let again = enter(&mut stage.browser, text(&codes, "user_code")).await;
    assert!(again.status == 400 && again.body.contains("was used already"), "{again:?}");
    let events = stage.device.events("device.authorization.canceled").await;
    assert_eq!(events.iter().map(|event| &event["payload"]["reason"]).collect::<Vec<_>>(), ["denied"]);
}

#[tokio::test]
async fn a_code_expires_at_entry_at_the_decision_and_at_the_poll() {
    let mut stage = stage().await;
    let (unused, open, approved) = (stage.begin("tv", "").await, stage.begin("tv", "").await, stage.begin("tv", "").await);
    let page = stage.question(text(&open, "user_code"), "alice").await;
    stage.decide(&approved, "alice", "approve").await;
    stage.pass(299);
    assert_eq!(stage.error(&unused).await, "authorization_pending");
    stage.pass(1);
    let late = enter(&mut stage.browser, text(&unused, "user_code")).await;
    assert!(late.status == 400 && late.body.contains("has expired"), "{late:?}");
    let session = page.field("session");
    let late = stage.browser.post_to(&page, "name=\"decide\"", &[("session", &session), ("decide", "approve")]).await;
    assert_eq!((late.status.as_u16(), late.heading()), (400, "Something is not right"));
    assert!(stage.device.events("device.authorization.canceled").await.is_empty(), "nobody has polled");
    for codes in [&unused, &open, &approved, &unused] {
        assert_eq!(stage.error(codes).await, "expired_token");
    }
    let events = stage.device.events("device.authorization.canceled").await;
    assert_eq!(events.iter().map(|event| &event["payload"]["reason"]).collect::<Vec<_>>(), ["expired", "expired", "expired"]);
}

#[tokio::test]
async fn who_polls_too_early_slows_down_and_recovers() {
    let mut stage = stage().await;
    let codes = stage.begin("tv", "openid").await;
    for (pause, answer) in [
        (0, "authorization_pending"),
        (5, "authorization_pending"),
        (4, "slow_down"),
        (5, "slow_down"),
        (14, "slow_down"),
        (20, "authorization_pending"),
        (20, "authorization_pending"),
        (19, "slow_down"),
    ] {
        stage.pass(pause);
        assert_eq!(stage.error(&codes).await, answer, "after {pause} s");
    }
    stage.decide(&codes, "alice", "approve").await;
    assert_eq!(stage.poll(&codes).await.status, 200, "whoever has been approved gets tokens however soon");
}

#[tokio::test]
async fn a_device_code_is_for_its_client_and_is_not_burnt_by_another() {
    let mut stage = stage().await;
    let codes = stage.begin("tv", "openid").await;
    stage.decide(&codes, "alice", "approve").await;
    let form = [GRANT, ("device_code", text(&codes, "device_code"))];
    let other = stage.device.ask("kiosk", "/token", &form).await;
    assert_eq!((other.status.as_u16(), &other.json()["error"]), (400, &json!("invalid_grant")));
    let unknown = stage.device.ask("tv", "/token", &[GRANT, ("device_code", "never-issued")]).await;
    assert_eq!(unknown.json()["error"], "invalid_grant");
    for path in ["/device_authorization", "/token"] {
        let refused = stage.device.ask("spa", path, &form).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["error"]), (400, &json!("unauthorized_client")), "{path}");
    }
    assert_eq!(stage.poll(&codes).await.status, 200);
}

#[tokio::test]
async fn eight_at_once_get_one_set_of_tokens() {
    let mut stage = stage().await;
    let codes = stage.begin("tv", "openid").await;
    stage.decide(&codes, "alice", "approve").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let mut device = Walker::new(&stage.handle);
        let code = text(&codes, "device_code").to_owned();
        tasks.spawn(async move { device.ask("tv", "/token", &[GRANT, ("device_code", &code)]).await });
    }
    let replies = tasks.join_all().await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    assert!(replies.iter().filter(|reply| reply.status != 200).all(|reply| reply.json()["error"] == "invalid_grant"));
}

#[tokio::test]
async fn ten_wrong_codes_lock_the_browser_and_its_address_for_a_quarter_of_an_hour() {
    let mut stage = stage().await;
    for nth in 0..10 {
        let wrong = enter(&mut stage.browser, &format!("BBBB-BBB{}", ["B", "C", "D", "F", "G", "H", "J", "K", "L", "M"][nth])).await;
        assert_eq!(wrong.status, 400);
    }
    let codes = stage.begin("tv", "openid").await;
    for mut browser in [Walker::new(&stage.handle), std::mem::replace(&mut stage.browser, Walker::new(&stage.handle))] {
        let locked = enter(&mut browser, text(&codes, "user_code")).await;
        assert_eq!((locked.status.as_u16(), locked.header("retry-after")), (429, "901"));
    }
    stage.pass(900);
    let codes = stage.begin("tv", "openid").await;
    assert_eq!(enter(&mut stage.browser, text(&codes, "user_code")).await.status, 303);
}

#[tokio::test]
async fn forms_of_others_and_other_browsers_decide_nothing() {
    let mut stage = stage().await;
    let codes = stage.begin("tv", "openid").await;
    let page = stage.question(text(&codes, "user_code"), "alice").await;
    let (action, session) = (format!("https://op.test{}", page.action("name=\"decide\"")), page.field("session"));
    for token in ["", "forged"] {
        let form = [("form_token", token), ("session", session.as_str()), ("decide", "approve")];
        assert_eq!(stage.browser.post(&action, &form).await.status, 400);
    }
    let mut other = Walker::new(&stage.handle);
    other.login("bob", "web").await;
    let token = other.get("https://op.test/device").await.field("form_token");
    let reply = other.post(&action, &[("form_token", &token), ("session", &session), ("decide", "approve")]).await;
    assert_eq!((reply.status.as_u16(), reply.heading()), (400, "Something is not right"));
    let another_session = [("session", "not the one that was asked"), ("decide", "approve")];
    let reply = stage.browser.post_to(&page, "name=\"decide\"", &another_session).await;
    assert!(reply.location().ends_with(page.action("name=\"decide\"").trim_end_matches("/consent")), "{reply:?}");
    assert_eq!(stage.error(&codes).await, "authorization_pending");
}

#[tokio::test]
async fn a_cancel_before_the_sign_in_leaves_the_device_waiting() {
    let mut stage = stage().await;
    let codes = stage.begin("tv", "openid").await;
    let reply = enter(&mut stage.browser, text(&codes, "user_code")).await;
    let page = stage.browser.get(reply.location()).await;
    let left = stage.browser.post_to(&page, "value=\"deny\"", &[("decide", "deny")]).await;
    assert!(left.status == 200 && left.body.contains("still waits"), "{left:?}");
    assert_eq!(stage.error(&codes).await, "authorization_pending");
}

#[tokio::test]
async fn codes_look_as_they_are_configured() {
    let device = "\n[device]\ncharset = \"0123456789\"\namount = 9\ndash_interval = 3\nlifetime = \"10m\"\ninterval = \"7s\"\n";
    let mut stage = stage_with(&format!("{}{device}", fixtures())).await;
    let codes = stage.begin("tv", "openid").await;
    let user_code = text(&codes, "user_code");
    let groups: Vec<&str> = user_code.split('-').collect();
    assert!(groups.len() == 3 && groups.iter().all(|group| group.len() == 3 && group.bytes().all(|byte| byte.is_ascii_digit())));
    assert_eq!((&codes["expires_in"], &codes["interval"]), (&json!(600), &json!(7)));
    let page = stage.question(&user_code.replace('-', " "), "alice").await;
    assert!(page.body.contains(user_code), "{page:?}");
}

#[tokio::test]
async fn without_a_scope_there_are_tokens_and_no_id_token() {
    let mut stage = stage().await;
    let reply = stage.device.ask("tv", "/device_authorization", &[]).await.json();
    stage.decide(&reply, "alice", "approve").await;
    let tokens = stage.poll(&reply).await.json();
    assert!(tokens["access_token"].is_string(), "{tokens}");
    for name in ["id_token", "refresh_token", "scope"] {
        assert!(tokens.get(name).is_none(), "{name}: {tokens}");
    }
    let refused = stage.device.ask("tv", "/device_authorization", &[("scope", "unheard-of")]).await;
    assert_eq!(refused.json()["error"], "invalid_scope");
}

#[tokio::test]
async fn whose_session_has_ended_gives_no_tokens() {
    let mut stage = stage().await;
    let codes = stage.begin("tv", "openid").await;
    stage.decide(&codes, "alice", "approve").await;
    let sid = stage.device.events("session.added").await[0]["aggregate"].as_str().expect("a name").replace("session/", "");
    let bearer = format!("Bearer {}", crate::walker::MANAGEMENT);
    let session = format!("https://op.test/management/sessions/{sid}");
    let ended = stage.device.send(Method::DELETE, &session, &[("authorization", &bearer)], "").await;
    assert_eq!(ended.status, 204, "{ended:?}");
    assert_eq!(stage.error(&codes).await, "invalid_grant");
}

#[tokio::test]
async fn who_is_locked_between_approval_and_poll_gets_nothing() {
    let mut stage = stage().await;
    let codes = stage.begin("tv", "openid").await;
    stage.decide(&codes, "alice", "approve").await;
    let waiting = stage.begin("tv", "openid").await;
    let page = stage.question(text(&waiting, "user_code"), "alice").await;
    stage.device.manage(Method::POST, "users/6b2f1c9e-alice/lock", None).await;
    assert_eq!(stage.error(&codes).await, "invalid_grant");
    let session = page.field("session");
    stage.browser.post_to(&page, "name=\"decide\"", &[("session", &session), ("decide", "approve")]).await;
    assert_eq!(stage.error(&waiting).await, "authorization_pending", "nor can they approve");
    stage.device.manage(Method::POST, "users/6b2f1c9e-alice/unlock", None).await;
    assert_eq!(stage.poll(&codes).await.status, 200, "the code was not spent");
}

#[tokio::test]
async fn who_is_locked_is_asked_about_no_device() {
    let mut stage = stage().await;
    let codes = stage.begin("tv", "openid").await;
    let page = stage.question(text(&codes, "user_code"), "alice").await;
    let session = page.field("session");
    stage.device.manage(Method::POST, "users/6b2f1c9e-alice/lock", None).await;
    let reply = stage.browser.post_to(&page, "name=\"decide\"", &[("session", &session), ("decide", "approve")]).await;
    assert_eq!(reply.status, 303, "{reply:?}");
    assert_eq!(stage.browser.get(reply.location()).await.heading(), "Sign in", "as for an authorization request");
    assert_eq!(stage.error(&codes).await, "authorization_pending");
    // Whoever may sign in decides.
    assert_eq!(stage.decide(&codes, "bob", "approve").await.heading(), "Device connected");
}

#[tokio::test]
async fn eight_devices_at_once_have_eight_codes() {
    let handle = provider().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let mut device = Walker::new(&handle);
        tasks.spawn(async move { device.ask("tv", "/device_authorization", &[]).await.json() });
    }
    let codes = tasks.join_all().await;
    for name in ["device_code", "user_code"] {
        let seen: std::collections::BTreeSet<&str> = codes.iter().map(|codes| text(codes, name)).collect();
        assert_eq!(seen.len(), 8, "{name}");
    }
}

/// Chance that does not see where the log is when it draws user codes: every device draws the same ones, by `purpose` of the attempt.
fn repeating(purpose: fn(&str) -> &str) -> Chance {
    let seeded = Chance::from([7; 32]);
    Chance::new(move |parts| match parts {
        [kind, id, _, attempt, nth] if attempt.starts_with("user code") => seeded.draw(&[kind, id, purpose(attempt), nth]),
        _ => seeded.draw(parts),
    })
}

#[tokio::test]
async fn who_draws_the_code_that_another_device_shows_gets_another_and_both_are_good() {
    let mut stage = Stage::at(provider_by(repeating(|attempt| attempt)).await);
    let (first, second) = (stage.begin("tv", "openid").await, stage.begin("tv", "openid").await);
    assert_ne!(first["user_code"], second["user_code"]);
    assert_eq!(stage.decide(&second, "bob", "approve").await.heading(), "Device connected");
    assert_eq!(stage.error(&first).await, "authorization_pending");
    assert_eq!(stage.decide(&first, "bob", "approve").await.heading(), "Device connected");
    for codes in [&second, &first] {
        let tokens = stage.poll(codes).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
    }
    // The first code again, which nobody shows any more: so the second device has drawn it too.
    stage.pass(301);
    assert_eq!(stage.begin("tv", "openid").await["user_code"], first["user_code"]);
}

#[tokio::test]
async fn where_no_code_is_free_the_device_is_told_and_the_other_keeps_its_own() {
    let mut stage = Stage::at(provider_by(repeating(|_| "whatever the attempt")).await);
    let first = stage.begin("tv", "openid").await;
    let reply = stage.device.ask("tv", "/device_authorization", &[("scope", "openid")]).await;
    assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (500, Some("server_error")));
    assert_eq!(stage.decide(&first, "alice", "approve").await.heading(), "Device connected");
    assert_eq!(stage.poll(&first).await.status, 200);
}
