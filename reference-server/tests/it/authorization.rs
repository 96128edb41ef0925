//! The authorization endpoint and its pages.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::walker::{CHALLENGE, Reply, Walker, claims, fixtures, provider, provider_with};

async fn ask(walker: &mut Walker, client: &str, changes: &[(&str, &str)]) -> Reply {
    walker.get(&Walker::authorize_url(client, changes)).await
}

async fn error(walker: &mut Walker, client: &str, changes: &[(&str, &str)]) -> Option<String> {
    let reply = ask(walker, client, changes).await;
    if let Some(error) = reply.param("error") {
        assert_eq!(reply.param("iss").as_deref(), Some("https://op.test"), "iss is in every answer");
        return Some(error);
    }
    None
}

#[tokio::test]
async fn what_is_wrong_before_the_address_is_known_is_a_page() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let twice = format!("{}&redirect_uri=https%3A%2F%2Felsewhere.example%2F", Walker::authorize_url("web", &[]));
    for url in [
        Walker::authorize_url("web", &[("client_id", "")]),
        Walker::authorize_url("web", &[("client_id", "nobody")]),
        Walker::authorize_url("web", &[("redirect_uri", "")]),
        Walker::authorize_url("web", &[("redirect_uri", "https://web.rp.test/cb/")]),
        Walker::authorize_url("web", &[("redirect_uri", "https://WEB.rp.test/cb")]),
        Walker::authorize_url("web", &[("redirect_uri", "https://web.rp.test/cb?x=1")]),
        Walker::authorize_url("web", &[("response_mode", "fragment")]),
        twice,
    ] {
        let reply = walker.get(&url).await;
        assert_eq!((reply.status.as_u16(), reply.heading(), reply.location()), (400, "Something is not right", ""), "{url}");
    }
}

#[tokio::test]
async fn what_is_wrong_later_goes_to_the_client() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let cases: [(&[(&str, &str)], &str); 15] = [
        (&[("response_type", "")], "invalid_request"),
        (&[("response_type", "id_token")], "unsupported_response_type"),
        (&[("scope", "")], "invalid_scope"),
        (&[("scope", "unheard-of")], "invalid_scope"),
        (&[("code_challenge", ""), ("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge", "abc")], "invalid_request"),
        (&[("request", "x.y.z")], "request_not_supported"),
        (&[("request_uri", "https://web.rp.test/r")], "request_uri_not_supported"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("prompt", "none")], "login_required"),
        (&[("max_age", "-1")], "invalid_request"),
        (&[("max_age", "x")], "invalid_request"),
        (&[("id_token_hint", "x.y.z")], "invalid_request"),
    ];
    for (changes, wanted) in cases {
        assert_eq!(error(&mut walker, "web", changes).await.as_deref(), Some(wanted), "{changes:?}");
    }
    let url = format!("{}&state=second", Walker::authorize_url("web", &[]));
    let reply = walker.get(&url).await;
    assert_eq!((reply.param("error").as_deref(), reply.param("state")), (Some("invalid_request"), None));
    let reply = ask(&mut walker, "web", &[("prompt", "none"), ("state", "a&b=\"<ü")]).await;
    assert_eq!(reply.param("state").as_deref(), Some("a&b=\"<ü"));
    let config = fixtures().replace("\"authorization_code\", \"refresh_token\", \"urn", "\"refresh_token\", \"urn");
    let handle = provider_with(&config, std::sync::Arc::new(|_, _| None)).await;
    assert_eq!(error(&mut Walker::new(&handle), "backoffice", &[]).await.as_deref(), Some("unauthorized_client"));
}

#[tokio::test]
async fn pages_keep_others_out() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let reply = ask(&mut walker, "web", &[]).await;
    let cookie = reply.header("set-cookie");
    assert!(cookie.starts_with("__Host-browser=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    let page = walker.get(reply.location()).await;
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self' https:")
    );
    for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("cache-control", "no-store")] {
        assert_eq!(page.header(name), value);
    }
    assert!(page.body.contains("<label for=\"username\">") && page.body.contains("<label for=\"password\">"));
    assert!(!page.body.contains("<script"));
    let action = format!("https://op.test{}", page.action("name=\"password\""));
    let form = [("username", "alice"), ("password", "alice's password")];
    assert_eq!(walker.post(&action, &form).await.status, 400, "a form without the token of this browser");
    let mut stranger = Walker::new(&handle);
    let token = page.field("form_token");
    let stolen = [("username", "alice"), ("password", "alice's password"), ("form_token", token.as_str())];
    assert_eq!(stranger.post(&action, &stolen).await.status, 400);
    assert_eq!(stranger.get(reply.location()).await.status, 400, "another browser does not even see it");
    let wrong = walker.post_to(&page, "name=\"password\"", &[("username", "<b>alice"), ("password", "wrong")]).await;
    assert_eq!((wrong.status.as_u16(), wrong.heading()), (200, "Sign in"));
    assert!(wrong.body.contains("do not fit") && !wrong.body.contains("<b>alice"), "what is shown again is escaped");
    let right = walker.post_to(&wrong, "name=\"password\"", &form).await;
    assert_eq!(right.status, 303);
    assert!(right.param("code").is_some());
    assert_eq!(walker.get(reply.location()).await.status, 400, "a sign-in is over when it is over");
}

#[tokio::test]
async fn a_session_answers_for_itself_until_something_else_is_asked() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let first = walker.login("alice", "web").await;
    let sid = |tokens: &Value| claims(tokens["id_token"].as_str().expect("an ID token"))["sid"].clone();
    assert!(ask(&mut walker, "shop", &[]).await.param("code").is_some());
    let _ = handle.step(handle.now_ms() + 100_000);
    assert!(ask(&mut walker, "web", &[("max_age", "100")]).await.param("code").is_some());
    assert_eq!(error(&mut walker, "web", &[("max_age", "99"), ("prompt", "none")]).await.as_deref(), Some("login_required"));
    for changes in [[("prompt", "login")], [("max_age", "0")], [("max_age", "99")]] {
        let reply = ask(&mut walker, "web", &changes).await;
        let page = walker.get(reply.location()).await;
        assert_eq!(page.heading(), "Sign in", "{changes:?}");
        assert!(page.body.contains("value=\"alice\""), "who has to sign in again is who is here");
    }
    let code = walker.code("alice", "web", &[("prompt", "login")]).await;
    let again = walker.redeem("web", &code, &[]).await.json();
    assert_eq!(sid(&again), sid(&first), "signing in again keeps the session");
    assert_eq!(claims(again["id_token"].as_str().expect("an ID token"))["auth_time"], handle.now_ms() / 1000);
    let code = walker.code("bob", "web", &[("prompt", "select_account")]).await;
    let bob = walker.redeem("web", &code, &[]).await.json();
    assert_ne!(sid(&bob), sid(&first));
    let reply = ask(&mut walker, "web", &[("prompt", "none"), ("login_hint", "alice")]).await;
    let alice = walker.redeem("web", &reply.param("code").expect("a code"), &[]).await.json();
    assert_eq!(sid(&alice), sid(&first));
}

#[tokio::test]
async fn accounts_are_chosen_and_hints_insist() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let alice = walker.login("alice", "web").await;
    walker.code("bob", "web", &[("prompt", "login")]).await;
    let reply = ask(&mut walker, "web", &[("prompt", "select_account")]).await;
    let page = walker.get(reply.location()).await;
    assert_eq!(page.heading(), "Choose an account");
    let sid = claims(alice["id_token"].as_str().expect("an ID token"))["sid"].as_str().expect("a sid").to_owned();
    let chosen = walker.post_to(&page, "account", &[("account", &sid)]).await;
    let tokens = walker.redeem("web", &chosen.param("code").expect("a code"), &[]).await.json();
    assert_eq!(claims(tokens["id_token"].as_str().expect("an ID token"))["sub"], "6b2f1c9e-alice");
    let hint = alice["id_token"].as_str().expect("an ID token");
    let mut other = Walker::new(&handle);
    other.login("bob", "web").await;
    assert_eq!(error(&mut other, "web", &[("prompt", "none"), ("id_token_hint", hint)]).await.as_deref(), Some("login_required"));
    let reply = ask(&mut other, "web", &[("id_token_hint", hint)]).await;
    let reply = other.sign_in(&reply, "bob").await;
    assert_eq!(reply.param("error").as_deref(), Some("login_required"), "another user than the hint's gets no code");
    let reply = ask(&mut other, "web", &[("id_token_hint", hint)]).await;
    let reply = other.sign_in(&reply, "alice").await;
    assert!(reply.param("code").is_some());
}

#[tokio::test]
async fn after_the_current_session_ended_nobody_takes_its_place_unasked() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    walker.login("alice", "web").await;
    let code = walker.code("bob", "web", &[("prompt", "login")]).await;
    let bob = walker.redeem("web", &code, &[]).await.json();
    let hint = bob["id_token"].as_str().expect("an ID token");
    walker.get(&format!("https://op.test/end_session?id_token_hint={hint}")).await;
    assert_eq!(error(&mut walker, "web", &[("prompt", "none")]).await.as_deref(), Some("account_selection_required"));
    let reply = ask(&mut walker, "web", &[]).await;
    assert_eq!(walker.get(reply.location()).await.heading(), "Choose an account");
}

#[tokio::test]
async fn consent_is_asked_when_wanted_and_remembered() {
    let config = fixtures().replace("[clients.wiki] ", "[clients.wiki]\nconsent = \"once\" ");
    let handle = provider_with(&config, std::sync::Arc::new(|_, _| None)).await;
    let mut walker = Walker::new(&handle);
    walker.login("alice", "web").await;
    assert_eq!(error(&mut walker, "wiki", &[("prompt", "none")]).await.as_deref(), Some("consent_required"));
    for (decision, wanted) in [("deny", Some("access_denied")), ("approve", None)] {
        let reply = ask(&mut walker, "wiki", &[]).await;
        let page = walker.get(reply.location()).await;
        assert_eq!(page.heading(), "Allow access");
        assert!(page.body.contains("the e-mail address"));
        let reply = walker.post_to(&page, "decide", &[("decide", decision)]).await;
        assert_eq!(reply.param("error").as_deref(), wanted);
        assert_eq!(reply.param("code").is_some(), wanted.is_none());
    }
    assert!(ask(&mut walker, "wiki", &[("prompt", "none")]).await.param("code").is_some());
    let reply = ask(&mut walker, "wiki", &[("prompt", "consent")]).await;
    assert_eq!(walker.get(reply.location()).await.heading(), "Allow access");
}

#[tokio::test]
async fn form_post_answers_as_a_form() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let reply = ask(&mut walker, "web", &[("response_mode", "form_post"), ("prompt", "none"), ("state", "\"><script>x</script>")]).await;
    assert_eq!((reply.status.as_u16(), reply.location()), (200, ""));
    assert_eq!(reply.field("error"), "login_required");
    assert_eq!(reply.field("iss"), "https://op.test");
    assert!(!reply.body.contains("<script>x"), "what comes back is escaped");
    assert_eq!(reply.body.matches("<script>").count(), 1);
    assert!(reply.header("content-security-policy").contains("script-src 'sha256-"));
    assert!(reply.body.contains("<button>"), "it works without a script too");
}

#[tokio::test]
async fn native_clients_take_any_port_on_loopback() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    walker.login("alice", "native").await;
    for (uri, fits) in [("http://127.0.0.1:50123/cb", true), ("http://[::1]:1/cb", true), ("http://127.0.0.1:50123/other", false)] {
        let reply = ask(&mut walker, "native", &[("redirect_uri", uri)]).await;
        assert_eq!(reply.location().starts_with(uri), fits, "{reply:?}");
    }
    let reply = ask(&mut walker, "web", &[("redirect_uri", "https://web.rp.test:8443/cb")]).await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn by_post_it_is_the_same_and_a_new_browser_comes_again_by_get() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let url = url::Url::parse(&Walker::authorize_url("web", &[])).expect("an address");
    let params: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let form: Vec<(&str, &str)> = params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let again = walker.post("https://op.test/authorize", &form).await;
    assert!(again.location().starts_with("https://op.test/authorize?client_id=web&"), "{again:?}");
    let reply = walker.get(again.location()).await;
    walker.sign_in(&reply, "alice").await;
    let reply = walker.post("https://op.test/authorize", &form).await;
    assert!(reply.param("code").is_some());
}

#[tokio::test]
async fn eight_browsers_and_eight_requests_of_one_at_once_are_told_apart() {
    let handle = provider().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let mut walker = Walker::new(&handle);
        tasks
            .spawn(async move { claims(walker.login("alice", "web").await["id_token"].as_str().expect("an ID token"))["sid"].to_string() });
    }
    let mut sids: Vec<String> = tasks.join_all().await;
    sids.sort();
    sids.dedup();
    assert_eq!(sids.len(), 8);
    assert_eq!(CHALLENGE.len(), 43);
    assert_eq!(json!(handle.quiet().busy), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn strangers_who_come_at_the_same_moment_are_not_one_browser() {
    let handle = std::sync::Arc::new(provider().await);
    let mut comers = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let handle = handle.clone();
        comers.spawn(async move {
            let reply = Walker::new(&handle).get(&Walker::authorize_url("web", &[])).await;
            reply.header("set-cookie").split(';').next().expect("a cookie").to_owned()
        });
    }
    let cookies: std::collections::BTreeSet<String> = comers.join_all().await.into_iter().collect();
    assert_eq!(cookies.len(), 200, "each has a cookie of its own");
}
