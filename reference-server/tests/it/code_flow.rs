//! The code flow, from the first request to UserInfo.

use hyper::Method;

use crate::walker::{Walker, claims, jose_header, provider};

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
