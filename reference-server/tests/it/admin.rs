//! The admin page, as somebody without script uses it.

use std::sync::Arc;

use hyper::Method;
use serde_json::{Value, json};

use crate::relying_party::Parties;
use crate::walker::{Reply, Walker, claims, fixtures, provider, provider_with};

const CLIENT: &str = "https://op.test/admin/clients/web";

async fn signed_in(walker: &mut Walker, user: &str) -> Reply {
    let page = walker.get("https://op.test/admin").await;
    assert_eq!(page.heading(), "Sign in", "{page:?}");
    let password = format!("{user}'s password");
    walker.post_to(&page, "name=\"password\"", &[("username", user), ("password", &password)]).await
}

/// What the form of a client holds, with some fields changed.
fn fields<'f>(changes: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let mut form = vec![
        ("client_name", "Web"),
        ("backchannel_logout_uri", "https://web.rp.test/bcl"),
        ("backchannel_logout_session_required", "true"),
        ("grant_types", "authorization_code\r\nrefresh_token\r\n"),
        ("redirect_uris", "https://web.rp.test/cb"),
        ("post_logout_redirect_uris", "https://web.rp.test/out\r\nhttps://web.rp.test/out?kept=1"),
    ];
    for change in changes {
        form.retain(|(name, _)| *name != change.0);
        form.push(*change);
    }
    form
}

#[tokio::test]
async fn every_page_is_in_the_language_that_is_asked_for() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    assert_eq!(walker.get("https://op.test/admin?ui_locales=de").await.heading(), "Anmelden");
    signed_in(&mut walker, "admin").await;
    let headings = [
        ("clients", "Clients", "Woher"),
        ("sessions", "Sitzungen", "Begonnen"),
        ("flags", "Funktionen", "Erben"),
        ("events", "Ereignisse", "Wann"),
    ];
    for (page, heading, word) in headings {
        let reply = walker.get(&format!("https://op.test/admin/{page}?ui_locales=de")).await;
        assert_eq!((reply.heading(), reply.header("content-language")), (heading, "de"));
        assert!(reply.body.contains(word) && reply.body.contains("Abmelden") && !reply.body.contains("Sign out"), "{reply:?}");
    }
}

#[tokio::test]
async fn owners_come_in_and_others_do_not() {
    let handle = provider().await;
    let pages = ["clients", "clients/web", "sessions", "flags", "events", "events.json"];
    for user in ["alice", "support"] {
        let mut walker = Walker::new(&handle);
        let refused = signed_in(&mut walker, user).await;
        assert_eq!((refused.status.as_u16(), refused.heading()), (403, "Not yours"), "{user}");
        for page in pages {
            let reply = walker.get(&format!("https://op.test/admin/{page}")).await;
            assert_eq!((reply.status.as_u16(), reply.location()), (303, "https://op.test/admin"), "{user}: {page}");
        }
    }
    let mut walker = Walker::new(&handle);
    let wrong = signed_in(&mut walker, "nobody").await;
    assert!(wrong.body.contains("do not fit"));
    let reply = signed_in(&mut walker, "admin").await;
    assert_eq!((reply.status.as_u16(), reply.location()), (303, "https://op.test/admin/clients"));
    for page in pages {
        let reply = walker.get(&format!("https://op.test/admin/{page}")).await;
        assert_eq!(reply.status, 200, "{page}");
        assert_eq!(
            (reply.header("cache-control"), reply.header("x-frame-options").len()),
            ("no-store", if page.ends_with("json") { 0 } else { 4 })
        );
    }
    assert_eq!(walker.get("https://op.test/admin").await.location(), "https://op.test/admin/clients");
    walker.manage(Method::DELETE, "users/b18f60a4-admin/roles/IAM_OWNER", None).await;
    assert_eq!(walker.get("https://op.test/admin/flags").await.location(), "https://op.test/admin", "the role is looked at each time");
}

#[tokio::test]
async fn a_form_that_was_not_shown_here_does_nothing() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    signed_in(&mut walker, "admin").await;
    let before = walker.events("").await.len();
    let mut stranger = Walker::new(&handle);
    let strange = stranger.get("https://op.test/admin").await.field("form_token");
    for token in ["", "made-up", strange.as_str()] {
        for (path, form) in [
            ("clients/web", fields(&[("client_name", "Evil")])),
            ("flags", vec![("level", "instance"), ("flag", "token_exchange"), ("to", "off")]),
            ("sessions/any/end", vec![]),
            ("password", vec![("username", "admin"), ("password", "admin's password")]),
        ] {
            let form = [form, vec![("form_token", token)]].concat();
            let reply = walker.post(&format!("https://op.test/admin/{path}"), &form).await;
            assert_eq!((reply.status.as_u16(), reply.heading()), (400, "Something is not right"), "{path}");
        }
    }
    let by_get = walker.get("https://op.test/admin/flags?level=instance&flag=token_exchange&to=off").await;
    assert_eq!(by_get.status, 200);
    // The stranger's browser is the one thing that came.
    assert_eq!(walker.events("").await.len(), before + 1);
}

#[tokio::test]
async fn the_address_of_a_client_is_changed_and_counts() {
    let parties = Parties::new().await;
    let handle = Arc::new(provider_with(&fixtures(), parties.resolve()).await);
    parties.clock(&handle);
    let mut walker = Walker::new(&handle);
    signed_in(&mut walker, "admin").await;
    let list = walker.get("https://op.test/admin/clients").await;
    assert!(list.body.contains("href=\"/admin/clients/web\"") && list.body.contains("https://web.rp.test/bcl"));
    let page = walker.get(CLIENT).await;
    assert!(!page.body.contains("web-secret"), "no secret is shown");
    let unchanged = walker.post_to(&page, "Save", &fields(&[])).await;
    assert_eq!(unchanged.location(), "https://op.test/admin/clients/web?saved");
    assert!(walker.events("client.").await.is_empty(), "what is so already is no event");

    let saved = walker.post_to(&page, "Save", &fields(&[("backchannel_logout_uri", "https://web.rp.test/elsewhere")])).await;
    let page = walker.get(saved.location()).await;
    assert!(page.body.contains("Saved.") && page.body.contains("value=\"https://web.rp.test/elsewhere\""), "{}", page.body);
    let wrong = walker.post_to(&page, "Save", &fields(&[("backchannel_logout_uri", "nowhere\"><script>")])).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.body.contains("role=\"alert\"") && !wrong.body.contains("<script>"), "{}", wrong.body);

    let tokens = Walker::new(&handle).login("alice", "web").await;
    let sid = claims(tokens["id_token"].as_str().expect("an ID token"))["sid"].as_str().expect("a sid").to_owned();
    let sessions = walker.get("https://op.test/admin/sessions").await;
    let ended = walker.post_to(&sessions, &format!("/admin/sessions/{sid}/end"), &[]).await;
    assert_eq!(ended.location(), "https://op.test/admin/sessions");
    parties.advance(&handle, 0).await;
    assert!(parties.told_to("web.rp.test")[0].head.starts_with("POST /elsewhere "));
    assert_eq!(walker.events("session.terminated").await[0]["payload"], json!({ "triggerOrigin": "https://op.test" }));
    let none = walker.post_to(&page, "Save", &fields(&[("backchannel_logout_uri", "")])).await;
    assert_eq!(none.status, 303);
    let client = walker.manage(Method::GET, "clients/web", None).await.json();
    assert_eq!(client.get("backchannel_logout_uri"), None);
}

#[tokio::test]
async fn features_are_switched_and_say_by_whom() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    signed_in(&mut walker, "admin").await;
    let mut flag = async |level: &str, to: &str| {
        let page = walker.get("https://op.test/admin/flags").await;
        let form = [("level", level), ("flag", "enable_back_channel_logout"), ("to", to)];
        let reply = walker.post_to(&page, "value=\"enable_back_channel_logout\"", &form).await;
        assert_eq!(reply.location(), "https://op.test/admin/flags");
        walker.manage(Method::GET, "flags", None).await.json()["flags"]["enable_back_channel_logout"].clone()
    };
    assert_eq!(flag("system", "off").await, json!({ "enabled": false, "source": "system", "system": false }));
    assert_eq!(flag("instance", "on").await, json!({ "enabled": true, "source": "instance", "system": false, "instance": true }));
    assert_eq!(flag("instance", "inherit").await, json!({ "enabled": false, "source": "system", "system": false }));
    assert_eq!(flag("system", "inherit").await, json!({ "enabled": true, "source": "configuration" }));
}

#[tokio::test]
async fn events_are_shown_newest_first_and_new_ones_can_be_asked_for() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    signed_in(&mut walker, "admin").await;
    for _ in 0..15 {
        Walker::new(&handle).login("alice", "web").await;
    }
    let page = walker.get("https://op.test/admin/events").await;
    let head = walker.events("").await.len();
    let first = page.body.split("<tbody>").nth(1).and_then(|rows| rows.split("<td>").nth(1)).expect("a row");
    assert!(first.starts_with(&format!("{head}<")), "{first}");
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("script-src 'self'") && policy.contains("connect-src 'self'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe") && !page.body.contains("<script>"), "no script stands in the page");
    let script = walker.get("https://op.test/admin/log.js").await;
    assert_eq!((script.status.as_u16(), script.header("content-type")), (200, "text/javascript; charset=utf-8"));

    let older = walker.get(&format!("https://op.test/admin/events?before={}", head - 99)).await;
    assert!(older.body.contains(&format!("<tr><td>{}</td>", head - 100)) && !older.body.contains("log.js"), "{}", older.body);
    let new: Value = walker.get(&format!("https://op.test/admin/events.json?after={}", head - 2)).await.json();
    let positions: Vec<u64> = new["events"].as_array().expect("a list").iter().filter_map(|event| event["position"].as_u64()).collect();
    assert_eq!(positions, [head as u64 - 1, head as u64]);
    assert_eq!(walker.get("https://op.test/admin/events?before=x").await.status, 400);
}
