//! The management API.

use hyper::Method;
use serde_json::{Value, json};

use crate::walker::{MANAGEMENT, Walker, claims, provider};

#[tokio::test]
async fn the_static_token_and_an_owner_may_manage_and_nobody_else() {
    let handle = provider().await;
    let (mut admin, mut alice) = (Walker::new(&handle), Walker::new(&handle));
    let owner = admin.login("admin", "web").await;
    let tokens = alice.login("alice", "web").await;
    let url = "https://op.test/management/sessions";
    let mut status = async |token: &str| {
        let bearer = format!("Bearer {token}");
        admin.send(Method::GET, url, &[("authorization", &bearer)], "").await.status.as_u16()
    };
    assert_eq!(status(MANAGEMENT).await, 200);
    assert_eq!(status(owner["access_token"].as_str().expect("a token")).await, 200);
    assert_eq!(status(tokens["access_token"].as_str().expect("a token")).await, 403);
    assert_eq!(status("nonsense").await, 401);
    assert_eq!(alice.get(url).await.status, 401);
}

#[tokio::test]
async fn sessions_are_listed_and_events_go_on_after_a_position() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login("alice", "web").await;
    let bearer = format!("Bearer {MANAGEMENT}");
    let list = walker.send(Method::GET, "https://op.test/management/sessions", &[("authorization", &bearer)], "").await.json();
    let sid = &claims(tokens["id_token"].as_str().expect("an ID token"))["sid"];
    assert_eq!((&list["sessions"][0]["sid"], &list["sessions"][0]["active"]), (sid, &serde_json::json!(true)));
    let all = walker.events("").await;
    let positions: Vec<u64> = all.iter().filter_map(|event| event["position"].as_u64()).collect();
    assert_eq!(positions, (1..=all.len() as u64).collect::<Vec<_>>(), "no position is left out");
    let url = format!("https://op.test/management/events?after={}", all.len() - 2);
    let rest = walker.send(Method::GET, &url, &[("authorization", &bearer)], "").await.json();
    assert_eq!(rest["events"].as_array().expect("a list")[..], all[all.len() - 2..]);
    let wrong = walker.send(Method::GET, "https://op.test/management/events?after=x", &[("authorization", &bearer)], "").await;
    assert_eq!(wrong.status, 400);
    let text = serde_json::to_string(&all).expect("JSON");
    for secret in ["alice's password", tokens["access_token"].as_str().expect("a token")] {
        assert!(!text.contains(secret), "the log holds no secret");
    }
    let absent = walker.send(Method::DELETE, "https://op.test/management/sessions/none", &[("authorization", &bearer)], "").await;
    assert_eq!(absent.status, 404);
}

/// Exchanges the subject's access token, for the actor to act with if there is one, and returns the bearer header of what came.
async fn exchanged(walker: &mut Walker, subject: &Value, actor: Option<&Value>) -> String {
    let text = |tokens: &Value| tokens["access_token"].as_str().expect("a token").to_owned();
    let kind = "urn:ietf:params:oauth:token-type:access_token";
    let (subject, actor) = (text(subject), actor.map(text));
    let mut form = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", &subject),
        ("subject_token_type", kind),
        ("scope", "openid"),
    ];
    if let Some(actor) = &actor {
        form.extend([("actor_token", actor.as_str()), ("actor_token_type", kind)]);
    }
    let reply = walker.ask("backoffice", "/token", &form).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    format!("Bearer {}", text(&reply.json()))
}

#[tokio::test]
async fn whoever_acts_for_an_owner_is_refused_good_or_not_and_an_owner_with_an_exchanged_token_is_not() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let admin = Walker::new(&handle).login_for("admin", "backoffice", "openid").await;
    let support = Walker::new(&handle).login_for("support", "backoffice", "openid").await;
    let plain = exchanged(&mut walker, &admin, None).await;
    let acting = exchanged(&mut walker, &admin, Some(&support)).await;
    // An owner who acts for somebody else is refused as well.
    walker.manage(Method::PUT, "users/9c31f0d8-support/roles/IAM_OWNER", None).await;
    let alice = Walker::new(&handle).login_for("alice", "backoffice", "openid").await;
    let for_alice = exchanged(&mut walker, &alice, Some(&support)).await;
    let mut asked = async |bearer: &str| {
        let reply = walker.send(Method::GET, "https://op.test/management/users", &[("authorization", bearer)], "").await;
        (reply.status.as_u16(), reply.json()["id"].clone())
    };
    assert_eq!(asked(&plain).await, (200, Value::Null));
    for acting in [&acting, &for_alice] {
        assert_eq!(asked(acting).await, (403, json!("ACTOR-REFUSED")));
    }
    let _ = handle.step(handle.now_ms() + 2 * 3_600_000);
    assert_eq!(asked(&plain).await, (401, json!("TOKEN-INVALID")), "it has expired");
    assert_eq!(asked(&acting).await, (403, json!("ACTOR-REFUSED")), "also when it has expired: before anything else");
}
