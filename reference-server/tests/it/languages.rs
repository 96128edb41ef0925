//! Pages in the language that is wished for: `ui_locales`, else what the browser likes, else English.

use hyper::Method;

use crate::walker::{Reply, Walker, provider};

async fn in_german(walker: &mut Walker, url: &str) -> Reply {
    walker.send(Method::GET, url, &[("accept-language", "de-DE, en;q=0.5")], "").await
}

fn speaks(page: &Reply, tag: &str, heading: &str) {
    assert_eq!((page.header("content-language"), page.heading()), (tag, heading), "{page:?}");
    assert!(page.body.contains(&format!("<html lang=\"{tag}\">")), "{page:?}");
}

#[tokio::test]
async fn a_sign_in_is_in_the_language_of_the_wish_and_then_of_the_browser() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    for (wish, tag, heading) in
        [("", "en", "Sign in"), ("de", "de", "Anmelden"), ("tlh fr-CA de-AT en", "de", "Anmelden"), ("tlh", "en", "Sign in")]
    {
        let begun = walker.get(&Walker::authorize_url("web", &[("ui_locales", wish)])).await;
        speaks(&walker.get(begun.location()).await, tag, heading);
    }
    let begun = in_german(&mut walker, &Walker::authorize_url("web", &[("ui_locales", "en-GB")])).await;
    speaks(&in_german(&mut walker, begun.location()).await, "en", "Sign in");
    let begun = in_german(&mut walker, &Walker::authorize_url("web", &[("ui_locales", "tlh")])).await;
    let page = in_german(&mut walker, begun.location()).await;
    speaks(&page, "de", "Anmelden");
    assert!(page.body.contains("um mit "), "{page:?}");
    speaks(&in_german(&mut walker, "https://op.test/nothing").await, "de", "Etwas stimmt nicht");
}

#[tokio::test]
async fn the_wish_is_carried_through_password_accounts_and_consent() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let url = Walker::authorize_url("web", &[("ui_locales", "de"), ("prompt", "consent select_account")]);
    let begun = walker.get(&url).await;
    let page = walker.get(begun.location()).await;
    let again = walker.post_to(&page, "name=\"password\"", &[("username", "alice"), ("password", "wrong")]).await;
    speaks(&again, "de", "Anmelden");
    assert!(again.body.contains("passen nicht zueinander"), "{again:?}");
    let next = walker.post_to(&again, "name=\"password\"", &[("username", "alice"), ("password", "alice's password")]).await;
    let consent = walker.get(next.location()).await;
    speaks(&consent, "de", "Zugriff erlauben");
    assert!(consent.body.contains("die E-Mail-Adresse"), "{consent:?}");
    let begun = walker.get(&url).await;
    speaks(&walker.get(begun.location()).await, "de", "Konto w\u{e4}hlen");
}

#[tokio::test]
async fn a_logout_asks_and_ends_in_the_language_of_its_wish() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    walker.login("alice", "web").await;
    let question = walker.get("https://op.test/end_session?ui_locales=de").await;
    speaks(&question, "de", "Abmelden?");
    let session = question.field("session");
    for (decide, heading) in [("no", "Weiterhin angemeldet"), ("yes", "Abgemeldet")] {
        let form = [("session", session.as_str()), ("ui_locales", "de"), ("decide", decide)];
        let said = walker.post_to(&question, "name=\"decide\"", &form).await;
        let page = if said.status == 303 { walker.get(said.location()).await } else { said };
        speaks(&page, "de", heading);
    }
    assert_eq!(question.field("ui_locales"), "de");
}

#[tokio::test]
async fn the_pages_for_a_device_carry_the_wish_along() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let codes = walker.ask("tv", "/device_authorization", &[("scope", "openid")]).await.json();
    let page = walker.get("https://op.test/device?ui_locales=de").await;
    speaks(&page, "de", "Ein Ger\u{e4}t verbinden");
    let wrong = walker.post_to(&page, "name=\"user_code\"", &[("user_code", "BBBB-BBBB"), ("ui_locales", "de")]).await;
    speaks(&wrong, "de", "Ein Ger\u{e4}t verbinden");
    let code = codes["user_code"].as_str().expect("a code");
    let next = walker.post_to(&wrong, "name=\"user_code\"", &[("user_code", code), ("ui_locales", &wrong.field("ui_locales"))]).await;
    let page = walker.get(next.location()).await;
    speaks(&page, "de", "Anmelden");
    let next = walker.post_to(&page, "name=\"password\"", &[("username", "alice"), ("password", "alice's password")]).await;
    let page = walker.get(next.location()).await;
    speaks(&page, "de", "Dieses Ger\u{e4}t verbinden?");
    let next = walker.post_to(&page, "name=\"decide\"", &[("session", &page.field("session")), ("decide", "approve")]).await;
    speaks(&walker.get(next.location()).await, "de", "Ger\u{e4}t verbunden");
}

#[tokio::test]
async fn what_only_developers_understand_stays_in_english_and_says_so() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let page = walker.get(&Walker::authorize_url("web", &[("ui_locales", "de"), ("redirect_uri", "https://elsewhere.example/cb")])).await;
    speaks(&page, "de", "Etwas stimmt nicht");
    assert!(page.body.contains("<span lang=\"en\">The redirect_uri is not one that the client has registered.</span>"), "{page:?}");
}
