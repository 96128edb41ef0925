//! RP-Initiated Logout 1.0: what ends a session, who is asked, and where it leads.

use serde_json::Value;

use crate::walker::{Reply, Walker, fixtures, provider, provider_with};

fn url(params: &[(&str, &str)]) -> String {
    url::Url::parse_with_params("https://op.test/end_session", params).expect("an address").into()
}

fn id_token(tokens: &Value) -> &str {
    tokens["id_token"].as_str().expect("an ID token")
}

const OUT: (&str, &str) = ("post_logout_redirect_uri", "https://web.rp.test/out");

async fn is_in(walker: &mut Walker, client: &str) -> bool {
    walker.get(&Walker::authorize_url(client, &[("prompt", "none")])).await.param("code").is_some()
}

async fn decide(walker: &mut Walker, page: &Reply, decide: &str) -> Reply {
    assert_eq!(page.heading(), "Sign out?", "{page:?}");
    let names = ["session", "id_token_hint", "client_id", "post_logout_redirect_uri", "state"];
    let fields: Vec<(&str, String)> = names.into_iter().map(|name| (name, page.field(name))).collect();
    let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fields.push(("decide", decide));
    walker.post_to(page, "decide", &fields).await
}

#[tokio::test]
async fn a_good_hint_of_the_present_session_ends_it_and_leads_home() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login("alice", "web").await;
    let _ = handle.step(handle.now_ms() + 2 * 86_400_000);
    let reply = walker.get(&url(&[("id_token_hint", id_token(&tokens)), OUT])).await;
    assert_eq!((reply.status.as_u16(), reply.location()), (303, "https://web.rp.test/out"), "an expired hint is a hint");
    assert!(!is_in(&mut walker, "web").await);
    let mut fresh = Walker::new(&handle);
    let reply = fresh.get(&url(&[("id_token_hint", id_token(&tokens)), OUT, ("state", "s")])).await;
    assert_eq!(reply.location(), "https://web.rp.test/out?state=s", "logging out twice is no error");
}

#[tokio::test]
async fn by_post_it_is_the_same_and_without_a_cookie_it_comes_again_by_get() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login("alice", "web").await;
    let form = [("id_token_hint", id_token(&tokens)), OUT];
    let mut elsewhere = Walker::new(&handle);
    let again = elsewhere.post("https://op.test/end_session", &form).await;
    assert!(again.location().starts_with("https://op.test/end_session?id_token_hint="), "{again:?}");
    let reply = walker.post("https://op.test/end_session", &form).await;
    assert_eq!(reply.location(), "https://web.rp.test/out");
}

#[tokio::test]
async fn what_is_not_registered_or_not_ours_ends_nothing() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login("alice", "web").await;
    let hint = ("id_token_hint", id_token(&tokens));
    let forged = format!("{}x", id_token(&tokens));
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", id_token(&tokens).split('.').nth(1).expect("a payload"));
    for params in [
        vec![hint, ("post_logout_redirect_uri", "https://web.rp.test/out/")],
        vec![hint, ("post_logout_redirect_uri", "https://web.rp.test/cb")],
        vec![hint, ("post_logout_redirect_uri", "https://shop.rp.test/out")],
        vec![hint, OUT, ("client_id", "shop")],
        vec![hint, OUT, ("client_id", "nobody")],
        vec![hint, OUT, ("state", "a"), ("state", "b")],
        vec![("id_token_hint", forged.as_str()), OUT],
        vec![("id_token_hint", unsigned.as_str()), OUT],
        vec![("id_token_hint", tokens["access_token"].as_str().expect("a token")), OUT],
        vec![("client_id", "web"), ("post_logout_redirect_uri", "https://elsewhere.example/")],
    ] {
        let reply = walker.get(&url(&params)).await;
        assert_eq!((reply.status.as_u16(), reply.heading()), (400, "Something is not right"), "{params:?}");
    }
    assert!(is_in(&mut walker, "web").await);
}

#[tokio::test]
async fn without_a_hint_the_user_is_asked_and_the_answer_counts() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    walker.login("alice", "web").await;
    let page = walker.get(&url(&[("client_id", "web"), OUT])).await;
    assert!(page.body.contains("Alice Adams") && page.body.contains("Web"));
    let no = decide(&mut walker, &page, "no").await;
    assert_eq!(no.heading(), "Still signed in");
    assert!(is_in(&mut walker, "web").await);
    let forged = walker.post("https://op.test/end_session/confirm", &[("decide", "yes"), ("form_token", "x")]).await;
    assert_eq!(forged.status, 400);
    let yes = decide(&mut walker, &page, "yes").await;
    assert_eq!(yes.location(), "https://op.test/signed-out", "without a hint it leads nowhere else");
    assert_eq!(walker.get(yes.location()).await.heading(), "Signed out");
    assert!(!is_in(&mut walker, "web").await);
    let nobody = walker.get("https://op.test/end_session").await;
    assert_eq!(nobody.location(), "https://op.test/signed-out");
}

#[tokio::test]
async fn a_hint_of_another_session_never_ends_anything_unasked() {
    let handle = provider().await;
    let (mut first, mut second) = (Walker::new(&handle), Walker::new(&handle));
    let alice = second.login("alice", "web").await;
    first.login("bob", "web").await;
    let hint = ("id_token_hint", id_token(&alice));
    let page = first.get(&url(&[hint, OUT])).await;
    assert!(page.body.contains("Bob Brown"), "the question is about who is here");
    assert!(is_in(&mut first, "web").await && is_in(&mut second, "web").await);
    let mut third = Walker::new(&handle);
    assert_eq!(third.get(&url(&[hint, OUT])).await.location(), "https://web.rp.test/out");
    assert!(is_in(&mut second, "web").await, "nobody is here, so nothing ends elsewhere");
    let yes = decide(&mut first, &page, "yes").await;
    assert_eq!(yes.location(), "https://web.rp.test/out");
    assert!(!is_in(&mut first, "web").await);
    assert!(is_in(&mut second, "web").await);
}

#[tokio::test]
async fn an_old_hint_of_the_same_user_asks_about_the_new_session() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let old = walker.login("alice", "web").await;
    walker.get(&url(&[("id_token_hint", id_token(&old))])).await;
    walker.login("alice", "web").await;
    let page = walker.get(&url(&[("id_token_hint", id_token(&old))])).await;
    assert_eq!(page.heading(), "Sign out?");
    assert!(is_in(&mut walker, "web").await);
}

#[tokio::test]
async fn of_two_users_in_a_browser_one_goes_or_both_by_the_flag() {
    for (single, bob_stays) in [(true, true), (false, false)] {
        let flag = format!("oidc_single_v1_session_termination = {single}");
        let config = fixtures().replace("oidc_single_v1_session_termination = true", &flag);
        let handle = provider_with(&config, std::sync::Arc::new(|_, _| None)).await;
        let mut walker = Walker::new(&handle);
        let alice = walker.login("alice", "web").await;
        let code = walker.code("bob", "wiki", &[("prompt", "select_account")]).await;
        assert_eq!(walker.redeem("wiki", &code, &[]).await.status, 200);
        let page = walker.get(&url(&[("id_token_hint", id_token(&alice)), OUT])).await;
        assert_eq!(page.body.contains("Bob Brown"), !bob_stays, "the page says whom it is about");
        // The provider's clients live nowhere: the first attempts are over at once.
        let reply = decide(&mut walker, &page, "yes").await;
        assert_eq!(reply.location(), "https://web.rp.test/out");
        assert_eq!(is_in(&mut walker, "wiki").await, bob_stays);
    }
}

#[tokio::test]
async fn where_no_hint_names_a_session_the_user_is_asked_about_all_of_the_browser() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    walker.login("alice", "web").await;
    let code = walker.code("bob", "wiki", &[("prompt", "select_account")]).await;
    assert_eq!(walker.redeem("wiki", &code, &[]).await.status, 200);
    let page = walker.get("https://op.test/end_session").await;
    assert!(page.body.contains("Alice Adams") && page.body.contains("Bob Brown"), "the page says whom it is about");
    assert!(is_in(&mut walker, "wiki").await, "before an answer nothing has ended");
    // The provider's clients live nowhere: the first attempts are over at once.
    assert_eq!(decide(&mut walker, &page, "yes").await.location(), "https://op.test/signed-out");
    let ended = walker.events("session.terminated").await;
    assert_eq!(ended.len(), 2);
}
