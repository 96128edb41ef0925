//! Clients as the operator sees, adds, changes and removes them.

use std::sync::Arc;

use hyper::Method;
use serde_json::{Value, json};

use crate::relying_party::Parties;
use crate::walker::{Walker, claims, fixtures, provider, provider_with};

async fn client(walker: &mut Walker, id: &str) -> Value {
    walker.manage(Method::GET, &format!("clients/{id}"), None).await.json()
}

async fn patch(walker: &mut Walker, id: &str, with: Value) -> (u16, Value) {
    let reply = walker.manage(Method::PATCH, &format!("clients/{id}"), Some(&with)).await;
    (reply.status.as_u16(), reply.json())
}

#[tokio::test]
async fn a_configured_client_is_shown_whole_and_without_its_secret() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let web = client(&mut walker, "web").await;
    assert_eq!((&web["client_id"], &web["origin"], &web["client_name"]), (&json!("web"), &json!("configured"), &json!("Web")));
    assert_eq!(web["backchannel_logout_uri"], "https://web.rp.test/bcl");
    assert_eq!((&web["application_type"], &web["access_token_format"]), (&json!("web"), &json!("opaque")), "defaults are said too");
    let all = walker.manage(Method::GET, "clients", None).await;
    assert!(!all.body.contains("secret-") && !all.body.contains("client_secret\""), "{}", all.body);
    let names: Vec<&str> = all.json()["clients"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|c| c["client_id"].as_str().expect("a name").to_owned().leak() as &str)
        .collect();
    assert!(names.is_sorted() && names.contains(&"web") && names.contains(&"spa"), "{names:?}");
    let after = walker.manage(Method::GET, "clients?after=spa&limit=1", None).await.json();
    let next = names[names.iter().position(|name| *name == "spa").expect("it is there") + 1];
    assert_eq!((after["clients"].as_array().map(Vec::len), &after["clients"][0]["client_id"]), (Some(1), &json!(next)));
}

#[tokio::test]
async fn a_change_counts_at_once_and_what_is_null_is_as_if_never_said() {
    let parties = Parties::new().await;
    let handle = Arc::new(provider_with(&fixtures(), parties.resolve()).await);
    parties.clock(&handle);
    let mut walker = Walker::new(&handle);
    let before = client(&mut walker, "web").await;
    let (status, changed) = patch(&mut walker, "web", json!({ "backchannel_logout_uri": "https://web.rp.test/elsewhere" })).await;
    assert_eq!((status, &changed["backchannel_logout_uri"]), (200, &json!("https://web.rp.test/elsewhere")));
    assert_eq!(changed.get("client_secret"), None, "it keeps the secret that it had");
    let tokens = walker.login("alice", "web").await;
    let sid = claims(tokens["id_token"].as_str().expect("an ID token"))["sid"].as_str().expect("a sid").to_owned();
    walker.manage(Method::DELETE, &format!("sessions/{sid}"), None).await;
    parties.advance(&handle, 0).await;
    assert!(parties.told()[0].head.starts_with("POST /elsewhere "), "{:?}", parties.told());

    let (_, without) = patch(&mut walker, "web", json!({ "backchannel_logout_uri": null })).await;
    assert_eq!(without.get("backchannel_logout_uri"), None);
    let (_, back) = patch(&mut walker, "web", json!({ "backchannel_logout_uri": before["backchannel_logout_uri"] })).await;
    assert_eq!(back, before);
    assert_eq!(walker.events("client.changed").await.len(), 3);
    let (_, same) = patch(&mut walker, "web", json!({ "client_name": "Web" })).await;
    assert_eq!((same, walker.events("client.changed").await.len()), (before, 3), "what is so already is no event");
}

#[tokio::test]
async fn grants_are_taken_and_given() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login_for("alice", "web", "openid offline_access").await;
    patch(&mut walker, "web", json!({ "grant_types": ["authorization_code"] })).await;
    assert_eq!(walker.refresh("web", &tokens, &[]).await.json()["error"], "unauthorized_client");
    patch(&mut walker, "web", json!({ "grant_types": ["authorization_code", "refresh_token"] })).await;
    assert_eq!(walker.refresh("web", &tokens, &[]).await.status, 200);
}

#[tokio::test]
async fn a_client_that_is_added_gets_a_secret_once_and_can_sign_users_in() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let metadata = json!({ "client_name": "New", "redirect_uris": ["https://new.rp.test/cb"], "audience": ["https://api.test"] });
    let added = walker.manage(Method::POST, "clients", Some(&metadata)).await;
    assert_eq!(added.status, 201, "{added:?}");
    let added = added.json();
    let (id, secret) = (added["client_id"].as_str().expect("a name"), added["client_secret"].as_str().expect("a secret"));
    assert_eq!((&added["origin"], &added["audience"]), (&json!("added"), &json!(["https://api.test"])));
    let mut shown = client(&mut walker, id).await;
    assert_eq!(shown.get("client_secret"), None);
    shown["client_secret"] = json!(secret);
    assert_eq!(shown, added);
    assert!(!serde_json::to_string(&walker.events("client.").await).expect("JSON").contains(secret));

    let changes = [("client_id", id), ("redirect_uri", "https://new.rp.test/cb")];
    let code = walker.code("alice", "new", &changes).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", "https://new.rp.test/cb"),
        ("code_verifier", crate::walker::VERIFIER),
    ];
    let headers = [("authorization", &*crate::walker::basic(id, secret)), ("content-type", "application/x-www-form-urlencoded")];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let tokens = walker.send(Method::POST, "https://op.test/token", &headers, &body).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");

    let (_, public) = patch(&mut walker, id, json!({ "token_endpoint_auth_method": "none" })).await;
    assert_eq!((&public["token_endpoint_auth_method"], public.get("client_secret")), (&json!("none"), None));
    let (_, by_mac) = patch(&mut walker, id, json!({ "token_endpoint_auth_method": "client_secret_jwt" })).await;
    let key = by_mac["client_secret"].as_str().expect("a key for its MAC is another secret");
    assert!(key.len() >= 64 && key != secret);
    let log = serde_json::to_string(&walker.events("client.").await).expect("JSON");
    assert!(!log.contains(key), "{log}");
}

#[tokio::test]
async fn whoever_is_removed_is_unknown_and_leaves_no_name() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login("alice", "web").await;
    assert_eq!(walker.manage(Method::DELETE, "clients/web", None).await.status, 204);
    assert_eq!(walker.info(&tokens).await.status, 401);
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(walker.manage(method, "clients/web", None).await.status, 404);
    }
    assert_eq!(patch(&mut walker, "web", json!({})).await.0, 404);
    for taken in ["web", "shop"] {
        let again = json!({ "client_id": taken, "token_endpoint_auth_method": "none" });
        let reply = walker.manage(Method::POST, "clients", Some(&again)).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["id"]), (409, &json!("CONFLICT")), "{taken}");
    }
    let all = walker.manage(Method::GET, "clients", None).await.json();
    assert!(all["clients"].as_array().expect("a list").iter().all(|client| client["client_id"] != "web"));
}

#[tokio::test]
async fn what_would_be_no_client_is_refused_and_changes_nothing() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let wrong = [
        json!({ "backchannel_logout_uri": "ftp://web.rp.test" }),
        json!({ "grant_types": ["teleport"] }),
        json!({ "redirect_uris": ["web.rp.test/cb"] }),
        json!({ "redirect_uris": "https://web.rp.test/cb" }),
        json!({ "client_secret": "of my own" }),
        json!({ "client_id": "other" }),
        json!({ "token_endpoint_auth_method": "private_key_jwt" }),
        json!({ "backchannel_logout_url": "https://web.rp.test/bcl" }),
        json!({ "subject_type": "pairwise", "redirect_uris": ["https://a.test/cb", "https://b.test/cb"] }),
    ];
    for with in wrong {
        let (status, said) = patch(&mut walker, "web", with.clone()).await;
        assert_eq!((status, &said["id"]), (400, &json!("MALFORMED")), "{with}: {said}");
        if with.get("client_id").is_none() {
            assert_eq!(walker.manage(Method::POST, "clients", Some(&with)).await.status, 400, "{with}");
        }
    }
    assert!(walker.events("client.").await.is_empty());
}

#[tokio::test]
async fn a_client_that_has_registered_itself_is_changed_by_the_rules_of_registration() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let metadata = json!({ "redirect_uris": ["https://own.rp.test/cb"], "contacts": ["ops@own.rp.test"] }).to_string();
    let own = walker.send(Method::POST, "https://op.test/register", &[("content-type", "application/json")], &metadata).await.json();
    let id = own["client_id"].as_str().expect("a name");
    let (status, changed) = patch(&mut walker, id, json!({ "client_name": "Own", "scope": "openid" })).await;
    assert_eq!((status, &changed["origin"], &changed["client_name"]), (200, &json!("registered"), &json!("Own")), "{changed}");
    assert_eq!((&changed["contacts"], changed.get("client_secret")), (&json!(["ops@own.rp.test"]), None));
    let bearer = format!("Bearer {}", own["registration_access_token"].as_str().expect("a token"));
    let read =
        walker.send(Method::GET, own["registration_client_uri"].as_str().expect("an address"), &[("authorization", &bearer)], "").await;
    assert_eq!(read.json()["client_name"], "Own", "the client sees it too");
    let (status, _) =
        patch(&mut walker, id, json!({ "redirect_uris": ["http://own.rp.test/cb"], "token_endpoint_auth_method": "none" })).await;
    assert_eq!(status, 400);
    assert_eq!(walker.manage(Method::DELETE, &format!("clients/{id}"), None).await.status, 204);
    let read =
        walker.send(Method::GET, own["registration_client_uri"].as_str().expect("an address"), &[("authorization", &bearer)], "").await;
    assert_eq!(read.status, 401);
}
