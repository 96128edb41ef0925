//! The management API.

use hyper::Method;

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
