//! What outlives the provider: stopped in good order, or killed in the middle of something.

use std::sync::Arc;

use hyper::Method;
use reference_server::{End, Handle, OpenError, Outside, Quiet, ServeError, ServeOptions, StartError, serve, start};
use serde_json::json;
use tokio::sync::oneshot;

use crate::relying_party::{Manner, Parties};
use crate::serving::{anywhere, said};
use crate::walker::{MANAGEMENT, Walker, claims, client_tls, durable_provider, fixtures, jose_header};

async fn restart(handle: &Handle, how: End) {
    handle.down(how).await;
    handle.up().await.expect("the same file");
}

#[tokio::test]
async fn sessions_tokens_and_spent_codes_are_what_they_were() {
    for how in [End::Stop, End::Kill] {
        let folder = tempfile::tempdir().expect("a folder");
        let handle = durable_provider(&folder.path().join("op.data"), Arc::new(|_, _| None)).await;
        let mut walker = Walker::new(&handle);
        let spent = walker.code("alice", "web", &[]).await;
        let tokens = walker.redeem("web", &spent, &[]).await.json();
        let open = walker.code("alice", "shop", &[]).await;
        let before = (handle.now_ms(), walker.events("").await);
        restart(&handle, how).await;
        assert_eq!((handle.now_ms(), walker.events("").await), before, "{how:?}");
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("a token"));
        let userinfo = walker.send(Method::GET, "https://op.test/userinfo", &[("authorization", &bearer)], "").await;
        assert_eq!(userinfo.status, 200, "{how:?}");
        assert_eq!(walker.redeem("shop", &open, &[]).await.status, 200, "{how:?}: a code that was not spent buys");
        let silent = walker.get(&Walker::authorize_url("web", &[("prompt", "none")])).await;
        assert!(silent.param("code").is_some(), "{how:?}: the browser is signed in");
        let again = walker.redeem("web", &spent, &[]).await;
        assert_eq!(again.json()["error"], "invalid_grant", "{how:?}: a code buys once");
        restart(&handle, how).await;
        let userinfo = walker.send(Method::GET, "https://op.test/userinfo", &[("authorization", &bearer)], "").await;
        assert_eq!(userinfo.status, 401, "{how:?}: what it had bought was revoked");
        handle.stop().await;
    }
}

#[tokio::test]
async fn whoever_was_not_told_is_told_after_the_restart_and_nobody_twice() {
    for how in [End::Stop, End::Kill] {
        let folder = tempfile::tempdir().expect("a folder");
        let parties = Parties::new().await;
        let handle = Arc::new(durable_provider(&folder.path().join("op.data"), parties.resolve()).await);
        parties.clock(&handle);
        let mut walker = Walker::new(&handle);
        let web = walker.login("alice", "web").await;
        walker.login("alice", "shop").await;
        walker.login("alice", "forum").await;
        parties.answers("shop.rp.test", &[Manner::Hang, Manner::Status(200)]);
        parties.answers("forum.rp.test", &[Manner::Status(503), Manner::Status(200)]);
        let sid = claims(web["id_token"].as_str().expect("an ID token"))["sid"].as_str().expect("a sid").to_owned();
        let bearer = format!("Bearer {MANAGEMENT}");
        let url = format!("https://op.test/management/sessions/{sid}");
        walker.send(Method::DELETE, &url, &[("authorization", &bearer)], "").await;
        parties.settle(&handle).await;
        assert_eq!((handle.quiet().open, parties.told().len()), (1, 3), "shop holds its answer back");
        handle.down(how).await;
        parties.settle(&handle).await;
        handle.up().await.expect("the same file");
        parties.advance(&handle, 3_600_000).await;
        let times = |host: &str| parties.told_to(host).len();
        assert_eq!((times("web.rp.test"), times("shop.rp.test"), times("forum.rp.test")), (1, 2, 2), "{how:?}");
        assert_eq!(walker.events("session_logout.back_channel.sent").await.len(), 3, "{how:?}");
        assert_eq!(handle.quiet(), Quiet::default(), "{how:?}");
        let mut jtis: Vec<String> = parties.told().iter().map(|told| claims(&told.logout_token)["jti"].to_string()).collect();
        jtis.sort();
        jtis.dedup();
        assert_eq!(jtis.len(), 5, "{how:?}: each attempt is a token of its own");
        handle.down(how).await;
        parties.settle(&handle).await;
        handle.up().await.expect("the same file");
        parties.advance(&handle, 3_600_000).await;
        assert_eq!(parties.told().len(), 5, "{how:?}: and that is the end of it");
    }
}

#[tokio::test]
async fn a_kill_answers_nobody_and_a_handler_that_waits_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let parties = Parties::new().await;
    let handle = Arc::new(durable_provider(&folder.path().join("op.data"), parties.resolve()).await);
    parties.clock(&handle);
    let mut walker = Walker::new(&handle);
    let web = walker.login("alice", "web").await;
    parties.answers("web.rp.test", &[Manner::Hang]);
    let hint = web["id_token"].as_str().expect("an ID token").to_owned();
    let url = url::Url::parse_with_params("https://op.test/end_session", [("id_token_hint", hint)]).expect("an address").to_string();
    let asked = tokio::spawn(async move { walker.try_get(&url).await });
    let mut changes = handle.changes();
    while handle.quiet().parked == 0 || handle.quiet().open == 0 {
        changes.changed().await.expect("it lives");
    }
    parties.settle(&handle).await;
    handle.down(End::Kill).await;
    assert!(asked.await.expect("no panic").is_none(), "the connection ended without an answer");
    parties.settle(&handle).await;
    handle.up().await.expect("the same file");
    parties.settle(&handle).await;
    assert_eq!(parties.told().len(), 2, "told again, since nobody had answered");
}

#[tokio::test]
async fn without_a_file_a_durable_store_is_refused() {
    let config = fixtures().replace("store  = \"memory\"", "store = \"durable\"");
    assert_ne!(config, fixtures());
    let outside = Outside { tls: None, client_tls: client_tls(), resolve: Arc::new(|_, _| None), data: None };
    assert!(matches!(start(&config, [7; 32], outside).await.err(), Some(StartError::NoFile)));
}

/// Serves until the second half is let go; the text says where and with what.
async fn serving(options: ServeOptions) -> (String, impl AsyncFnOnce()) {
    let (say, said_it) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(serve(options, move |text: &str| say.send(text.to_owned()).expect("somebody listens"), async {
        let _ = stopped.await;
    }));
    let text = said_it.await.expect("it begins");
    (text, async move || {
        stop.send(()).expect("it serves");
        serving.await.expect("no panic").expect("a good end");
    })
}

#[tokio::test]
async fn serve_keeps_sessions_keys_and_rotations_in_its_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("op.data");
    let options = || ServeOptions { issuers: vec!["https://op.test".to_owned()], http: true, data: Some(data.clone()), ..anywhere() };
    let (text, stop) = serving(options()).await;
    assert!(text.contains(&format!("data        {}\n", data.display())), "{text}");
    let addr = said(&text, "Listening on").parse().expect("an address");
    let mut walker = Walker::plain(addr);
    let management = format!("Bearer {}", said(&text, "            bearer "));
    let rotated = walker.send(Method::POST, "https://op.test/management/keys/rotate", &[("authorization", &management)], "").await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    let tokens = walker.login("alice", "shop").await;
    let kid = |tokens: &serde_json::Value| jose_header(tokens["id_token"].as_str().expect("an ID token"))["kid"].clone();
    let refused = serve(options(), |_| {}, std::future::pending()).await.expect_err("it is open");
    assert!(matches!(refused, ServeError::Data(OpenError::InUse(_))), "{refused}");
    stop().await;

    let (text, stop) = serving(options()).await;
    walker.moves_to(said(&text, "Listening on").parse().expect("an address"));
    let silent = walker.code("nobody has to sign in", "shop", &[("prompt", "none")]).await;
    let again = walker.redeem("shop", &silent, &[]).await.json();
    assert_eq!(kid(&again), kid(&tokens), "the key of the rotation signs");
    let keys = walker.get("https://op.test/keys").await.json();
    assert!(keys["keys"].as_array().expect("keys").iter().any(|key| key["kid"] == kid(&tokens)));
    let hinted = [("id_token_hint", tokens["id_token"].as_str().expect("an ID token")), ("prompt", "none")];
    assert!(walker.get(&Walker::authorize_url("shop", &hinted)).await.param("code").is_some(), "what it signed is known as its own");
    let bytes = std::fs::read(&data).expect("a file");
    let secret = tokens["access_token"].as_str().expect("a token").as_bytes();
    assert!(!bytes.windows(secret.len()).any(|window| window == secret), "no secret is in the data file");
    assert_eq!(json!(std::fs::read_dir(folder.path()).expect("a folder").count()), 2, "data and keys");
    stop().await;
}
