//! What a client learns of a user: by scope, by the `claims` parameter, signed, and under which `sub`.

use hyper::Method;
use serde_json::{Value, json};

use crate::walker::{Reply, Walker, claims, fixtures, jose_header, provider, provider_with};

/// Asks for a code with these parameters and buys tokens with it.
async fn login(walker: &mut Walker, user: &str, client: &str, changes: &[(&str, &str)]) -> Value {
    let code = walker.code(user, client, changes).await;
    let reply = walker.redeem(client, &code, &[]).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

async fn userinfo(walker: &mut Walker, tokens: &Value) -> Reply {
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("a token"));
    let reply = walker.send(Method::GET, "https://op.test/userinfo", &[("authorization", &bearer)], "").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

fn id_token(tokens: &Value) -> Value {
    claims(tokens["id_token"].as_str().expect("an ID token"))
}

fn names(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

async fn error(walker: &mut Walker, client: &str, changes: &[(&str, &str)]) -> Option<String> {
    walker.get(&Walker::authorize_url(client, changes)).await.param("error")
}

#[tokio::test]
async fn each_scope_opens_its_claims_at_userinfo_and_none_in_the_id_token() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let profile = [
        "sub",
        "name",
        "given_name",
        "family_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ];
    let cases: [(&str, &[&str]); 5] = [
        ("openid", &["sub"]),
        ("openid profile", &profile),
        ("openid email", &["sub", "email", "email_verified"]),
        ("openid phone", &["sub", "phone_number", "phone_number_verified"]),
        ("openid address", &["sub", "address"]),
    ];
    for (scope, wanted) in cases {
        let tokens = login(&mut walker, "alice", "web", &[("scope", scope)]).await;
        assert_eq!(tokens["scope"], scope);
        let info = userinfo(&mut walker, &tokens).await.json();
        assert_eq!(names(&info), wanted, "{scope}");
        assert!(names(&id_token(&tokens)).iter().all(|name| !wanted[1..].contains(name)), "{scope}");
    }
    let tokens = login(&mut walker, "alice", "web", &[("scope", "openid profile email address phone")]).await;
    let info = userinfo(&mut walker, &tokens).await.json();
    assert_eq!((&info["updated_at"], &info["phone_number_verified"]), (&json!(1_735_689_600), &json!(true)));
    assert_eq!(info["address"]["postal_code"], "8001");
}

#[tokio::test]
async fn who_has_little_to_say_has_no_empty_claims() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = login(&mut walker, "zoe", "web", &[("scope", "openid profile email address phone")]).await;
    let info = userinfo(&mut walker, &tokens).await.json();
    assert_eq!(names(&info), ["sub", "name", "given_name", "family_name", "preferred_username", "email", "email_verified"]);
    assert_eq!(info["email_verified"], false);
}

#[tokio::test]
async fn claims_can_be_asked_for_by_name() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let asked = r#"{"userinfo":{"email":null,"nickname":{"essential":true},"locale":{"values":["de-CH","fr"]},"name":{"value":"Bob"},"unheard_of":null},
        "id_token":{"phone_number":null,"auth_time":{"essential":true},"acr":null},"unheard_of":[]}"#;
    let tokens = login(&mut walker, "alice", "web", &[("scope", "openid"), ("claims", asked)]).await;
    let info = userinfo(&mut walker, &tokens).await.json();
    assert_eq!(names(&info), ["sub", "nickname", "email", "locale"]);
    let token = id_token(&tokens);
    assert_eq!(token["phone_number"], "+41 44 268 12 00");
    assert!(token.get("email").is_none() && token["auth_time"].is_number() && token["acr"].is_string());
    let tokens = login(&mut walker, "alice", "web", &[("scope", "openid email"), ("claims", r#"{"userinfo":{"gender":null}}"#)]).await;
    assert_eq!(names(&userinfo(&mut walker, &tokens).await.json()), ["sub", "email", "email_verified", "gender"]);
}

#[tokio::test]
async fn a_claims_parameter_that_makes_no_sense_is_refused() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    for wrong in ["{", "[]", "null", "7", r#"{"userinfo":[]}"#, r#"{"userinfo":{"email":1}}"#, r#"{"id_token":{"acr":{"values":"x"}}}"#] {
        assert_eq!(error(&mut walker, "web", &[("claims", wrong)]).await.as_deref(), Some("invalid_request"), "{wrong}");
    }
}

#[tokio::test]
async fn an_essential_acr_is_met_or_nobody_signs_in() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let gold = r#"{"id_token":{"acr":{"essential":true,"values":["urn:example:gold"]}}}"#;
    assert_eq!(error(&mut walker, "web", &[("claims", gold)]).await.as_deref(), Some("unmet_authentication_requirements"));
    let password = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
    let either = format!(r#"{{"id_token":{{"acr":{{"essential":true,"values":["urn:example:gold","{password}"]}}}}}}"#);
    assert_eq!(id_token(&login(&mut walker, "alice", "web", &[("claims", &either)]).await)["acr"], password);
    let voluntary = gold.replace(r#""essential":true,"#, "");
    assert_eq!(id_token(&login(&mut walker, "alice", "web", &[("claims", &voluntary)]).await)["acr"], password);
    let tokens = login(&mut walker, "alice", "web", &[("acr_values", "urn:example:gold"), ("display", "wap"), ("ui_locales", "xx")]).await;
    assert_eq!(id_token(&tokens)["acr"], password);
}

#[tokio::test]
async fn a_subject_that_is_asked_for_is_the_one_or_there_is_no_answer() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let about = |sub: &str| format!(r#"{{"id_token":{{"sub":{{"value":"{sub}"}}}}}}"#);
    let (alice, bob) = (about("6b2f1c9e-alice"), about("0d7e4a35-bob"));
    login(&mut walker, "alice", "web", &[]).await;
    assert!(walker.get(&Walker::authorize_url("web", &[("prompt", "none"), ("claims", &alice)])).await.param("code").is_some());
    for (claims, more) in [(&bob, "none"), (&about("nobody"), "none"), (&about("nobody"), "login")] {
        assert_eq!(error(&mut walker, "web", &[("prompt", more), ("claims", claims)]).await.as_deref(), Some("login_required"));
    }
    // The page expects Bob; Alice proves who she is, and there is no code of hers.
    let asked = walker.get(&Walker::authorize_url("web", &[("claims", &bob)])).await;
    let page = walker.get(asked.location()).await;
    assert!(page.body.contains("value=\"bob\""));
    let answer = walker.sign_in(&asked, "alice").await;
    assert_eq!((answer.param("error").as_deref(), answer.param("code")), (Some("login_required"), None));
    assert_eq!(id_token(&login(&mut walker, "bob", "web", &[("claims", &bob)]).await)["sub"], "0d7e4a35-bob");
    let hint = login(&mut walker, "alice", "web", &[("prompt", "login"), ("claims", &alice)]).await;
    let hint = hint["id_token"].as_str().expect("an ID token");
    assert_eq!(error(&mut walker, "web", &[("id_token_hint", hint), ("claims", &bob)]).await.as_deref(), Some("login_required"));
}

#[tokio::test]
async fn claims_by_name_need_the_same_consent_as_their_scope() {
    let config = fixtures().replace("client_name                          = \"Wiki\"", "client_name = \"Wiki\"\nconsent = \"once\"");
    let handle = provider_with(&config, std::sync::Arc::new(|_, _| None)).await;
    let mut walker = Walker::new(&handle);
    let asked = walker.get(&Walker::authorize_url("wiki", &[("scope", "openid")])).await;
    let page = walker.sign_in(&asked, "alice").await;
    let page = walker.get(page.location()).await;
    assert_eq!(page.heading(), "Allow access");
    let answer = walker.post_to(&page, "decide", &[("decide", "approve")]).await;
    assert!(answer.param("code").is_some());
    let phone = [("scope", "openid"), ("claims", r#"{"userinfo":{"phone_number":null}}"#)];
    let page = walker.get(&Walker::authorize_url("wiki", &phone)).await;
    let page = walker.get(page.location()).await;
    assert!(page.heading() == "Allow access" && page.body.contains("the phone number"), "{page:?}");
    let answer = walker.post_to(&page, "decide", &[("decide", "approve")]).await;
    assert!(answer.param("code").is_some());
    assert!(walker.get(&Walker::authorize_url("wiki", &phone)).await.param("code").is_some(), "asked once");
}

#[tokio::test]
async fn signed_userinfo_names_issuer_and_audience_and_is_no_hint() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = login(&mut walker, "alice", "vault", &[]).await;
    let info = userinfo(&mut walker, &tokens).await;
    assert_eq!((info.header("content-type"), info.header("cache-control")), ("application/jwt", "no-store"));
    let header = jose_header(&info.body);
    assert_eq!((&header["alg"], header.get("typ")), (&json!("ES256"), None));
    let said = claims(&info.body);
    assert_eq!((&said["iss"], &said["aud"]), (&json!("https://op.test"), &json!("vault")));
    assert_eq!((&said["sub"], &said["email"]), (&id_token(&tokens)["sub"], &json!("alice@acme.test")));
    let hint = [("prompt", "none"), ("id_token_hint", info.body.as_str())];
    assert_eq!(error(&mut walker, "vault", &hint).await.as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn a_pairwise_client_knows_a_user_by_a_name_of_its_sector() {
    let clients = r#"
[clients.near]
client_id = "near"
token_endpoint_auth_method = "none"
redirect_uris = ["https://near.rp.test/cb", "https://elsewhere.rp.test/cb"]
subject_type = "pairwise"
sector_identifier_uri = "https://diary.rp.test/sector.json"
[clients.far]
client_id = "far"
token_endpoint_auth_method = "none"
redirect_uris = ["https://far.rp.test/cb"]
subject_type = "pairwise"
access_token_format = "jwt"
"#;
    let config = format!("{}{clients}", fixtures());
    let handle = provider_with(&config, std::sync::Arc::new(|_, _| None)).await;
    let mut walker = Walker::new(&handle);
    let diary = login(&mut walker, "alice", "diary", &[]).await;
    let sub = id_token(&diary)["sub"].as_str().expect("a subject").to_owned();
    assert!(sub.len() == 43 && !sub.contains("alice"));
    assert_eq!(userinfo(&mut walker, &diary).await.json()["sub"], sub.as_str());
    assert_eq!(id_token(&login(&mut walker, "alice", "diary", &[]).await)["sub"], sub.as_str());
    let mut public = async |client: &str, user: &str| {
        let code = walker.code(user, client, &[]).await;
        let redirect_uri = format!("https://{client}.rp.test/cb");
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &redirect_uri),
            ("code_verifier", crate::walker::VERIFIER),
            ("client_id", client),
        ];
        walker.post("https://op.test/token", &form).await.json()
    };
    assert_eq!(id_token(&public("near", "alice").await)["sub"], sub.as_str());
    let far = public("far", "alice").await;
    let other = id_token(&far)["sub"].as_str().expect("a subject").to_owned();
    assert_ne!(other, sub);
    assert_eq!(claims(far["access_token"].as_str().expect("a token"))["sub"], other.as_str());
    // The name leads back: in a hint, and among the claims that are asked for, each for its own sector.
    let about = |sub: &str| format!(r#"{{"id_token":{{"sub":{{"value":"{sub}"}}}}}}"#);
    let silent = |claims: &str| Walker::authorize_url("diary", &[("prompt", "none"), ("claims", claims)]);
    assert!(walker.get(&silent(&about(&sub))).await.param("code").is_some());
    for stranger in [other.as_str(), "6b2f1c9e-alice"] {
        assert_eq!(walker.get(&silent(&about(stranger))).await.param("error").as_deref(), Some("login_required"));
    }
    let hint = diary["id_token"].as_str().expect("an ID token");
    assert!(walker.get(&Walker::authorize_url("diary", &[("prompt", "none"), ("id_token_hint", hint)])).await.param("code").is_some());
    let gone = walker.get(&format!("https://op.test/end_session?id_token_hint={hint}")).await;
    assert_eq!(gone.location(), "https://op.test/signed-out");
    assert_eq!(error(&mut walker, "diary", &[("prompt", "none")]).await.as_deref(), Some("login_required"));
}

#[tokio::test]
async fn discovery_says_what_can_be_asked_for() {
    let handle = provider().await;
    let said = Walker::new(&handle).get("https://op.test/.well-known/openid-configuration").await.json();
    assert_eq!(said["subject_types_supported"], json!(["public", "pairwise"]));
    assert_eq!(said["userinfo_signing_alg_values_supported"], said["id_token_signing_alg_values_supported"]);
    assert_eq!((&said["claims_parameter_supported"], &said["ui_locales_supported"]), (&json!(true), &json!(["en", "de"])));
    for scope in ["openid", "profile", "email", "address", "phone"] {
        assert!(said["scopes_supported"].as_array().expect("a list").contains(&json!(scope)), "{scope}");
    }
    for claim in ["sub", "acr", "name", "birthdate", "address", "phone_number_verified"] {
        assert!(said["claims_supported"].as_array().expect("a list").contains(&json!(claim)), "{claim}");
    }
    let salt = "pairwise_salt = \"salt of the fixtures, it is public, 5e2c90b7\"";
    let config = fixtures().replace(salt, "").replace("subject_type                         = \"pairwise\"", "");
    let handle = provider_with(&config, std::sync::Arc::new(|_, _| None)).await;
    let said = Walker::new(&handle).get("https://op.test/.well-known/openid-configuration").await.json();
    assert_eq!(said["subject_types_supported"], json!(["public"]));
}
