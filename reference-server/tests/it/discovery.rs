//! What the provider says of itself, and how it is found.

use hyper::Method;
use serde_json::json;

use crate::walker::{Walker, fixtures, provider, provider_with};

#[tokio::test]
async fn both_documents_say_the_same_and_only_what_works() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let openid = walker.get("https://op.test/.well-known/openid-configuration").await;
    let oauth = walker.get("https://op.test/.well-known/oauth-authorization-server").await;
    assert_eq!(openid.body, oauth.body);
    let said = openid.json();
    assert_eq!(said["issuer"], "https://op.test");
    let plain = ["authorization_code", "refresh_token", "client_credentials"].map(str::to_owned).to_vec();
    let named = ["device_code", "jwt-bearer", "token-exchange"].map(|name| format!("urn:ietf:params:oauth:grant-type:{name}")).to_vec();
    assert_eq!(said["grant_types_supported"], json!([plain, named].concat()));
    assert_eq!(said["introspection_endpoint"], "https://op.test/introspect");
    let secrets = json!(["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"]);
    assert_eq!(said["introspection_endpoint_auth_methods_supported"], secrets);
    assert_eq!(said["revocation_endpoint"], "https://op.test/revoke");
    let all = json!(["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"]);
    assert_eq!(said["revocation_endpoint_auth_methods_supported"], all);
    assert_eq!(said["id_token_signing_alg_values_supported"], json!(["ES256", "RS256", "EdDSA"]));
    assert_eq!(said["backchannel_logout_supported"], true);
    assert_eq!(said["registration_endpoint"], "https://op.test/register");
    assert_eq!(said["device_authorization_endpoint"], "https://op.test/device_authorization");
    for (name, value) in said.as_object().expect("an object") {
        assert_ne!(value.as_array().map(Vec::len), Some(0), "{name} is empty");
    }
    assert_eq!(openid.header("access-control-allow-origin"), "*");
    let keys = walker.get("https://op.test/keys").await;
    for key in keys.json()["keys"].as_array().expect("keys") {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none());
        }
    }
    let other = walker.get("https://other.op.test/.well-known/openid-configuration").await.json();
    assert_eq!((&other["issuer"], &other["jwks_uri"]), (&json!("https://other.op.test"), &json!("https://other.op.test/keys")));
}

#[tokio::test]
async fn without_the_flag_back_channel_logout_is_not_mentioned() {
    let config = fixtures().replace("enable_back_channel_logout         = true", "enable_back_channel_logout = false");
    let handle = provider_with(&config, std::sync::Arc::new(|_, _| None)).await;
    let said = Walker::new(&handle).get("https://op.test/.well-known/openid-configuration").await.json();
    assert!(said.get("backchannel_logout_supported").is_none() && said.get("backchannel_logout_session_supported").is_none());
}

#[tokio::test]
async fn an_issuer_with_a_path_is_found_in_both_forms() {
    let config = fixtures().replace("issuer = \"https://other.op.test\"", "issuer = \"https://op.test/tenant\"");
    let handle = provider_with(&config, std::sync::Arc::new(|_, _| None)).await;
    let mut walker = Walker::new(&handle);
    for path in [
        "/tenant/.well-known/openid-configuration",
        "/.well-known/openid-configuration/tenant",
        "/.well-known/oauth-authorization-server/tenant",
    ] {
        let said = walker.get(&format!("https://op.test{path}")).await.json();
        assert_eq!((&said["issuer"], &said["token_endpoint"]), (&json!("https://op.test/tenant"), &json!("https://op.test/tenant/token")));
    }
    let said = walker.get("https://op.test/.well-known/openid-configuration").await.json();
    assert_eq!(said["issuer"], "https://op.test");
    // Two issuers on one host know a browser by one cookie, and yet not each other's sessions.
    walker.login("alice", "web").await;
    let url = Walker::authorize_url("web", &[("prompt", "none")]).replace("op.test/authorize", "op.test/tenant/authorize");
    assert_eq!(walker.get(&url).await.param("error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn other_names_paths_and_methods_are_told_apart() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    assert_eq!(walker.get("https://web.rp.test/").await.status, 421);
    assert_eq!(walker.get("https://op.test/nothing").await.status, 404);
    let refused = walker.get("https://op.test/token").await;
    assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, "POST, OPTIONS"));
    let refused = walker.send(Method::HEAD, "https://op.test/end_session", &[], "").await;
    assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, "GET, POST"));
    let preflight = walker.send(Method::OPTIONS, "https://op.test/token", &[("origin", "https://spa.rp.test")], "").await;
    assert_eq!((preflight.status.as_u16(), preflight.header("access-control-allow-origin")), (204, "*"));
    let none = walker.send(Method::OPTIONS, "https://op.test/authorize", &[], "").await;
    assert_eq!((none.status.as_u16(), none.header("access-control-allow-origin")), (405, ""));
}
