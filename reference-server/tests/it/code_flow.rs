//! The code flow, from the first request to UserInfo.

use hyper::Method;

use serde_json::json;

use crate::walker::{CHALLENGE, VERIFIER, Walker, basic, claims, jose_header, provider, secret};

#[tokio::test]
async fn a_login_gives_the_tokens_of_the_user() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login("alice", "web").await;
    let id_token = tokens["id_token"].as_str().expect("an ID token");
    let claims = claims(id_token);
    let now = handle.now_ms() / 1000;
    assert_eq!(jose_header(id_token), serde_json::json!({ "typ": "JWT", "alg": "RS256", "kid": "fixture-rs256-1" }));
    assert_eq!(claims["iss"], "https://op.test");
    assert_eq!(claims["sub"], "6b2f1c9e-alice");
    assert_eq!(claims["aud"], "web");
    assert_eq!(claims["nonce"], "the nonce");
    assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(now), Some(now + 3600)));
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("a token"));
    let info = walker.send(Method::GET, "https://op.test/userinfo", &[("authorization", &bearer)], "").await;
    assert_eq!(info.json()["sub"], claims["sub"]);
    assert_eq!(info.json()["email"], "alice@acme.test");
    assert_eq!(info.header("date"), "Thu, 01 Jan 2026 12:00:00 GMT");
    assert_eq!(handle.quiet(), reference_server::Quiet::default());
    handle.stop().await;
}

#[tokio::test]
async fn a_code_buys_once_and_the_second_time_takes_back_what_it_bought() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let code = walker.code("alice", "web", &[]).await;
    let stolen = walker.redeem("wiki", &code, &[("redirect_uri", "https://web.rp.test/cb")]).await;
    assert_eq!((stolen.status.as_u16(), &stolen.json()["error"]), (400, &json!("invalid_grant")));
    let first = walker.redeem("web", &code, &[]).await;
    assert_eq!(first.status, 200, "another client's attempt does not burn it");
    assert_eq!(first.header("cache-control"), "no-store");
    let bearer = format!("Bearer {}", first.json()["access_token"].as_str().expect("a token"));
    assert_eq!(walker.send(Method::GET, "https://op.test/userinfo", &[("authorization", &bearer)], "").await.status, 200);
    let second = walker.redeem("web", &code, &[]).await;
    assert_eq!((second.status.as_u16(), &second.json()["error"]), (400, &json!("invalid_grant")));
    let info = walker.send(Method::GET, "https://op.test/userinfo", &[("authorization", &bearer)], "").await;
    assert_eq!(info.status, 401);
    assert!(info.header("www-authenticate").contains("error=\"invalid_token\""));
}

#[tokio::test]
async fn of_eight_who_redeem_a_code_at_once_one_succeeds() {
    let handle = std::sync::Arc::new(provider().await);
    let code = Walker::new(&handle).code("alice", "web", &[]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (mut walker, code) = (Walker::new(&handle), code.clone());
        tasks.spawn(async move { walker.redeem("web", &code, &[]).await.status.as_u16() });
    }
    let mut statuses = tasks.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400, 400, 400, 400, 400, 400, 400]);
}

#[tokio::test]
async fn a_code_needs_its_verifier_its_address_and_its_minute() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    for (changes, error) in [
        ([("code_verifier", "")], "invalid_grant"),
        ([("code_verifier", "another-verifier-another-verifier-another-v")], "invalid_grant"),
        ([("code_verifier", CHALLENGE)], "invalid_grant"),
        ([("code_verifier", "abc")], "invalid_grant"),
        ([("redirect_uri", "https://web.rp.test/other")], "invalid_grant"),
        ([("redirect_uri", "")], "invalid_request"),
        ([("code", "")], "invalid_request"),
        ([("code", "unheard-of")], "invalid_grant"),
        ([("grant_type", "")], "invalid_request"),
        ([("grant_type", "password")], "unsupported_grant_type"),
    ] {
        let code = walker.code("alice", "web", &[]).await;
        let reply = walker.redeem("web", &code, &changes).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]), (400, &json!(error)), "{changes:?}");
    }
    let code = walker.code("alice", "web", &[]).await;
    walker.redeem("web", &code, &[("code_verifier", "another-verifier-another-verifier-another-v")]).await;
    assert_eq!(walker.redeem("web", &code, &[]).await.status, 400, "nobody guesses on");
    let code = walker.code("alice", "web", &[]).await;
    let _ = handle.step(handle.now_ms() + 60_000);
    assert_eq!(walker.redeem("web", &code, &[]).await.json()["error"], "invalid_grant");
    let kept = walker.code("alice", "web", &[]).await;
    let _ = handle.step(handle.now_ms() + 59_999);
    assert_eq!(walker.redeem("web", &kept, &[]).await.status, 200);
}

#[tokio::test]
async fn a_client_is_let_in_by_its_own_method_only() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let (web, shop) = (basic("web", &secret("web")), basic("shop", &secret("shop")));
    let (wrong, nobody) = (basic("web", "wrong"), basic("nobody", "x"));
    let cases = [
        ("web", Some(web.as_str()), "", 200, ""),
        ("web", Some(wrong.as_str()), "", 401, "invalid_client"),
        ("web", Some(nobody.as_str()), "", 401, "invalid_client"),
        ("web", Some("Basic %%%"), "", 401, "invalid_client"),
        ("web", Some("Bearer x"), "", 401, "invalid_client"),
        ("web", Some(web.as_str()), "client_secret=x", 400, "invalid_request"),
        ("web", Some(web.as_str()), "client_id=shop", 401, "invalid_client"),
        ("web", Some(web.as_str()), "client_id=web", 200, ""),
        ("web", None, "client_id=web", 401, "invalid_client"),
        ("web", None, "", 401, "invalid_client"),
        ("shop", Some(shop.as_str()), "", 401, "invalid_client"),
        ("spa", None, "client_id=spa", 200, ""),
        ("spa", None, "client_id=spa&client_secret=x", 401, "invalid_client"),
    ];
    for (client, header, more, status, error) in cases {
        let code = walker.code("alice", client, &[]).await;
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER)])
            .append_pair("redirect_uri", &format!("https://{client}.rp.test/cb"))
            .finish();
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded; charset=UTF-8")];
        headers.extend(header.map(|header| ("authorization", header)));
        let reply = walker.send(Method::POST, "https://op.test/token", &headers, &format!("{body}&{more}")).await;
        assert_eq!(reply.status.as_u16(), status, "{client} {header:?} {more}: {reply:?}");
        assert_eq!(reply.json()["error"].as_str().unwrap_or_default(), error);
        assert_eq!(reply.header("www-authenticate").starts_with("Basic "), status == 401);
    }
    let scheme_in_capitals = web.replace("Basic", "BASIC");
    let code = walker.code("alice", "web", &[]).await;
    let reply = walker.redeem("spa", &code, &[("redirect_uri", "https://web.rp.test/cb")]).await;
    assert_eq!(reply.json()["error"], "invalid_grant");
    let body = format!("grant_type=authorization_code&code={code}&code_verifier={VERIFIER}&redirect_uri=https%3A%2F%2Fweb.rp.test%2Fcb");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let address = "https://op.test/token?client_id=web";
    assert_eq!(walker.send(Method::POST, address, &[form, ("authorization", &web)], &body).await.json()["error"], "invalid_request");
    let json = [("content-type", "application/json"), ("authorization", web.as_str())];
    assert_eq!(walker.send(Method::POST, "https://op.test/token", &json, "{}").await.json()["error"], "invalid_request");
    let twice = format!("{body}&unheard_of=1&unheard_of=2");
    let reply = walker.send(Method::POST, "https://op.test/token", &[form, ("authorization", &web)], &twice).await;
    assert_eq!(reply.json()["error"], "invalid_request");
    let unknown = format!("{body}&unheard_of=1&empty=&empty=");
    let reply = walker.send(Method::POST, "https://op.test/token", &[form, ("authorization", &scheme_in_capitals)], &unknown).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let service = basic("service", &secret("service"));
    let reply = walker.send(Method::POST, "https://op.test/token", &[form, ("authorization", &service)], &body).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]), (400, &json!("unauthorized_client")));
}

#[tokio::test]
async fn an_access_token_of_rfc_9068_opens_userinfo_until_its_session_ends() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login("alice", "spa").await;
    let token = tokens["access_token"].as_str().expect("a token");
    assert_eq!(jose_header(token), json!({ "typ": "at+jwt", "alg": "ES256", "kid": "fixture-es256-1" }));
    let found = claims(token);
    assert_eq!(found["aud"], json!(["service", "https://op.test"]));
    assert_eq!((&found["client_id"], &found["scope"]), (&json!("spa"), &json!("openid profile email")));
    let bearer = format!("bearer {token}");
    let info = walker.send(Method::POST, "https://op.test/userinfo", &[("authorization", &bearer)], "").await;
    assert_eq!(info.json()["preferred_username"], "alice");
    assert_eq!(walker.post("https://op.test/userinfo", &[("access_token", token)]).await.status, 200);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let body = format!("access_token={token}");
    let both = walker.send(Method::POST, "https://op.test/userinfo", &[form, ("authorization", &bearer)], &body).await;
    assert_eq!(both.status, 400);
    let other = walker.send(Method::GET, "https://other.op.test/userinfo", &[("authorization", &bearer)], "").await;
    assert_eq!(other.status, 401, "it was issued by another issuer");
    let id_token = format!("Bearer {}", tokens["id_token"].as_str().expect("an ID token"));
    assert_eq!(walker.send(Method::GET, "https://op.test/userinfo", &[("authorization", &id_token)], "").await.status, 401);
    let nothing = walker.get("https://op.test/userinfo").await;
    assert_eq!((nothing.status.as_u16(), nothing.header("www-authenticate")), (401, "Bearer realm=\"https://op.test\""));
    let hint = tokens["id_token"].as_str().expect("an ID token");
    walker.get(&format!("https://op.test/end_session?id_token_hint={hint}")).await;
    let ended = walker.send(Method::GET, "https://op.test/userinfo", &[("authorization", &bearer)], "").await;
    assert_eq!(ended.status, 401);
}

#[tokio::test]
async fn a_code_of_an_ended_session_buys_nothing() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login("alice", "web").await;
    let code = walker.code("alice", "shop", &[]).await;
    let hint = tokens["id_token"].as_str().expect("an ID token");
    walker.get(&format!("https://op.test/end_session?id_token_hint={hint}")).await;
    assert_eq!(walker.redeem("shop", &code, &[]).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn without_openid_there_is_no_id_token_and_no_userinfo() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let code = walker.code("alice", "web", &[("scope", "email")]).await;
    let tokens = walker.redeem("web", &code, &[]).await.json();
    assert_eq!((tokens.get("id_token"), &tokens["scope"]), (None, &json!("email")));
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("a token"));
    let info = walker.send(Method::GET, "https://op.test/userinfo", &[("authorization", &bearer)], "").await;
    assert_eq!(info.status, 403);
    assert!(info.header("www-authenticate").contains("insufficient_scope"));
}
