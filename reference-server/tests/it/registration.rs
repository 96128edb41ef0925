//! Clients that register themselves, read, change and remove what they are.

use hyper::Method;
use serde_json::{Value, json};

use crate::relying_party::Parties;
use crate::walker::{Reply, VERIFIER, Walker, basic, fixtures, provider, provider_with};

async fn send(walker: &mut Walker, method: Method, url: &str, token: Option<&str>, body: &Value) -> Reply {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("content-type", "application/json; charset=utf-8")];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    let body = if body.is_null() { String::new() } else { body.to_string() };
    walker.send(method, url, &headers, &body).await
}

async fn register(walker: &mut Walker, body: &Value) -> Reply {
    send(walker, Method::POST, "https://op.test/register", None, body).await
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// Signs alice in to a client that has registered itself, and buys tokens.
async fn login(walker: &mut Walker, client: &Value) -> Reply {
    let id = text(client, "client_id");
    let changes = [("client_id", id), ("redirect_uri", "https://wiki.rp.test/cb")];
    let mut reply = walker.get(&Walker::authorize_url("wiki", &changes)).await;
    if reply.location().contains("/sign-in/") && reply.param("code").is_none() {
        let page = walker.get(reply.location()).await;
        if page.heading() == "Sign in" {
            reply = walker.sign_in(&reply, "alice").await;
        }
        if !reply.location().starts_with("https://wiki") {
            let page = walker.get(reply.location()).await;
            assert_eq!(page.heading(), "Allow access", "{page:?}");
            reply = walker.post_to(&page, "decide", &[("decide", "approve")]).await;
        }
    }
    let code = reply.param("code").unwrap_or_else(|| panic!("no code: {reply:?}"));
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", "https://wiki.rp.test/cb"),
        ("code_verifier", VERIFIER),
    ];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let authorization = basic(id, text(client, "client_secret"));
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("authorization", authorization.as_str())];
    walker.send(Method::POST, "https://op.test/token", &headers, &body).await
}

#[tokio::test]
async fn a_client_registers_signs_people_in_is_told_and_goes() {
    let parties = Parties::new().await;
    let handle = std::sync::Arc::new(provider_with(&fixtures(), parties.resolve()).await);
    let mut walker = Walker::new(&handle);
    let wanted = json!({
        "redirect_uris": ["https://wiki.rp.test/cb"],
        "client_name": "<b>Self-made</b>",
        "id_token_signed_response_alg": "ES256",
        "backchannel_logout_uri": "https://wiki.rp.test/bcl",
        "unheard_of": { "a": 1 },
        "policy_uri": null,
    });
    let reply = register(&mut walker, &wanted).await;
    assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (201, "no-store"), "{reply:?}");
    let client = reply.json();
    assert_eq!(client["client_id_issued_at"], handle.now_ms() / 1000);
    assert_eq!(client["client_secret_expires_at"], 0);
    assert_eq!(client["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!((&client["grant_types"], &client["response_types"]), (&json!(["authorization_code"]), &json!(["code"])));
    assert_eq!((&client["application_type"], &client["subject_type"]), (&json!("web"), &json!("public")));
    assert_eq!(client["backchannel_logout_session_required"], false);
    assert!(client.get("unheard_of").is_none() && client.get("policy_uri").is_none());
    let tokens = login(&mut walker, &client).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    let tokens = tokens.json();
    walker.get(&format!("https://op.test/end_session?id_token_hint={}", text(&tokens, "id_token"))).await;
    parties.settle(&handle).await;
    assert_eq!(parties.told_to("wiki.rp.test").len(), 1);

    let tokens = login(&mut walker, &client).await.json();
    let bearer = format!("Bearer {}", text(&tokens, "access_token"));
    let uri = text(&client, "registration_client_uri");
    let token = text(&client, "registration_access_token");
    assert_eq!(walker.send(Method::GET, "https://op.test/userinfo", &[("authorization", &bearer)], "").await.status, 200);
    let gone = send(&mut walker, Method::DELETE, uri, Some(token), &Value::Null).await;
    assert_eq!((gone.status.as_u16(), gone.body.as_str()), (204, ""));
    assert_eq!(walker.send(Method::GET, "https://op.test/userinfo", &[("authorization", &bearer)], "").await.status, 401);
    assert_eq!(send(&mut walker, Method::GET, uri, Some(token), &Value::Null).await.status, 401);
    walker.get(&format!("https://op.test/end_session?id_token_hint={}", text(&tokens, "id_token"))).await;
    parties.settle(&handle).await;
    assert_eq!(parties.told_to("wiki.rp.test").len(), 1, "who is gone is not told");
    let mut log = walker.events("client.").await;
    log.extend(walker.events("oidc_session").await);
    let text = json!(log).to_string();
    assert!(!text.contains(client["client_secret"].as_str().expect("a secret")) && !text.contains(token));
}

#[tokio::test]
async fn a_registration_is_its_clients_alone() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let wanted = json!({ "redirect_uris": ["https://wiki.rp.test/cb"], "tos_uri": "https://wiki.rp.test/tos" });
    let first = register(&mut walker, &wanted).await.json();
    let second = register(&mut walker, &wanted).await.json();
    for name in ["client_id", "client_secret", "registration_access_token"] {
        assert_ne!(first[name], second[name]);
    }
    let uri = text(&first, "registration_client_uri").to_owned();
    let token = text(&first, "registration_access_token").to_owned();
    let read = send(&mut walker, Method::GET, &uri, Some(&token), &Value::Null).await;
    assert_eq!((read.status.as_u16(), read.header("cache-control")), (200, "no-store"));
    let mut known = first.clone();
    for name in ["client_secret", "client_secret_expires_at"] {
        known.as_object_mut().expect("an object").remove(name);
    }
    assert_eq!(read.json(), known);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        for wrong in [None, Some("wrong"), second["registration_access_token"].as_str()] {
            let reply = send(&mut walker, method.clone(), &uri, wrong, &wanted).await;
            assert_eq!(reply.status, 401, "{method} {wrong:?}");
            assert_eq!(reply.header("www-authenticate").contains("invalid_token"), wrong.is_some());
        }
    }
    let other = uri.replace("https://op.test", "https://other.op.test");
    assert_eq!(send(&mut walker, Method::GET, &other, Some(&token), &Value::Null).await.status, 401);

    let id = text(&first, "client_id");
    for (name, value) in [
        ("client_id", json!(null)),
        ("client_id", second["client_id"].clone()),
        ("client_secret", json!("of my own")),
        ("registration_access_token", json!(token)),
        ("client_id_issued_at", json!(1)),
        ("redirect_uris", json!([])),
    ] {
        let mut change = json!({ "client_id": id, "redirect_uris": ["https://wiki.rp.test/other"] });
        change[name] = value;
        let reply = send(&mut walker, Method::PUT, &uri, Some(&token), &change).await;
        assert_eq!(reply.status, 400, "{name}: {reply:?}");
    }
    let change = json!({
        "client_id": id, "client_secret": first["client_secret"], "redirect_uris": ["https://wiki.rp.test/other"], "client_name": "Anew",
    });
    let changed = send(&mut walker, Method::PUT, &uri, Some(&token), &change).await.json();
    assert_eq!((&changed["client_name"], &changed["registration_access_token"]), (&json!("Anew"), &json!(token)));
    assert!(changed.get("tos_uri").is_none(), "what is not said is taken away");
    assert!(changed.get("client_secret").is_none());
    let mac =
        json!({ "client_id": id, "redirect_uris": ["https://wiki.rp.test/other"], "token_endpoint_auth_method": "client_secret_jwt" });
    let changed = send(&mut walker, Method::PUT, &uri, Some(&token), &mac).await.json();
    assert_ne!(changed["client_secret"], first["client_secret"], "of the old one there is only a hash");
    assert!(text(&changed, "client_secret").len() >= 64);
    assert!(!json!(walker.events("client.").await).to_string().contains(text(&changed, "client_secret")));
}

#[tokio::test]
async fn what_cannot_be_had_is_refused() {
    let handle =
        provider_with(&fixtures().replace("guard_internal = false", "guard_internal = true"), std::sync::Arc::new(|_, _| None)).await;
    let mut walker = Walker::new(&handle);
    let redirect = [
        json!({}),
        json!({ "redirect_uris": [] }),
        json!({ "redirect_uris": "https://wiki.rp.test/cb" }),
        json!({ "redirect_uris": ["/cb"] }),
        json!({ "redirect_uris": ["https://wiki.rp.test/cb#"] }),
        json!({ "redirect_uris": ["http://wiki.rp.test/cb"] }),
        json!({ "redirect_uris": ["javascript:alert(1)"] }),
        json!({ "redirect_uris": ["app.test:/cb"] }),
        json!({ "redirect_uris": ["http://127.0.0.1/cb"], "token_endpoint_auth_method": "none" }),
        json!({ "redirect_uris": ["https://wiki.rp.test/cb"], "application_type": "native" }),
    ];
    for wanted in redirect {
        let reply = register(&mut walker, &wanted).await;
        assert_eq!((reply.status.as_u16(), text(&reply.json(), "error")), (400, "invalid_redirect_uri"), "{wanted}");
    }
    let jwk = json!({ "kty": "oct", "k": "c2VjcmV0" });
    let members = [
        ("grant_types", json!(["implicit"])),
        ("grant_types", json!(["authorization_code", "urn:ietf:params:oauth:grant-type:jwt-bearer"])),
        ("grant_types", json!(["authorization_code", "urn:ietf:params:oauth:grant-type:token-exchange"])),
        ("grant_types", json!(["client_credentials"])),
        ("grant_types", json!([])),
        ("grant_types", json!(["refresh_token"])),
        ("grant_types", json!(["client_credentials", "refresh_token"])),
        ("response_types", json!(["code id_token"])),
        ("response_types", json!([])),
        ("application_type", json!("desktop")),
        ("token_endpoint_auth_method", json!("tls_client_auth")),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("token_endpoint_auth_method", json!(7)),
        ("token_endpoint_auth_signing_alg", json!("none")),
        ("id_token_signed_response_alg", json!("none")),
        ("id_token_signed_response_alg", json!("HS256")),
        ("id_token_encrypted_response_alg", json!("RSA-OAEP")),
        ("userinfo_signed_response_alg", json!("none")),
        ("subject_type", json!("private")),
        ("sector_identifier_uri", json!("https://nowhere.test/sector")),
        ("jwks", json!({ "keys": [jwk] })),
        ("jwks", json!("keys")),
        ("jwks_uri", json!("http://wiki.rp.test/jwks")),
        ("jwks_uri", json!("https://127.0.0.1/jwks")),
        ("jwks_uri", json!("https://localhost/jwks")),
        ("backchannel_logout_uri", json!("https://[::1]/bcl")),
        ("backchannel_logout_uri", json!("https://169.254.169.254/bcl")),
        ("backchannel_logout_uri", json!("https://wiki.rp.test/bcl#a")),
        ("backchannel_logout_session_required", json!("yes")),
        ("post_logout_redirect_uris", json!(["https://wiki.rp.test/out#"])),
        ("contacts", json!("me")),
        ("client_name", json!(["a"])),
        ("logo_uri", json!("logo")),
        ("initiate_login_uri", json!("http://wiki.rp.test/")),
        ("default_max_age", json!(-1)),
        ("require_auth_time", json!("true")),
    ];
    for (name, value) in members {
        let mut wanted = json!({ "redirect_uris": ["https://wiki.rp.test/cb"] });
        wanted[name] = value.clone();
        if name == "grant_types" && value == json!(["client_credentials"]) {
            wanted["response_types"] = json!(["code"]);
        }
        let reply = register(&mut walker, &wanted).await;
        assert_eq!((reply.status.as_u16(), text(&reply.json(), "error")), (400, "invalid_client_metadata"), "{name}: {value}");
    }
    for (media_type, body) in
        [("application/x-www-form-urlencoded", "redirect_uris=a"), ("application/json", "[]"), ("application/json", "")]
    {
        let reply = walker.send(Method::POST, "https://op.test/register", &[("content-type", media_type)], body).await;
        assert_eq!(text(&reply.json(), "error"), "invalid_request", "{body}");
    }
    for wanted in [
        json!({ "redirect_uris": ["app.test:/cb", "http://[::1]:99/cb"], "application_type": "native", "token_endpoint_auth_method": "none" }),
        json!({ "grant_types": ["client_credentials"] }),
        json!({ "redirect_uris": ["https://wiki.rp.test/cb"], "subject_type": "pairwise", "scope": "openid orders.read" }),
    ] {
        let reply = register(&mut walker, &wanted).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        assert!(reply.json().get("scope").is_none_or(|scope| scope == "openid"));
    }
}

#[tokio::test]
async fn a_device_that_has_registered_itself_gets_tokens_and_refreshes_them() {
    let handle = provider().await;
    let (mut device, mut browser) = (Walker::new(&handle), Walker::new(&handle));
    let device_code = "urn:ietf:params:oauth:grant-type:device_code";
    let wanted = json!({ "grant_types": [device_code, "refresh_token"], "token_endpoint_auth_method": "none" });
    let client = register(&mut device, &wanted).await;
    assert_eq!((client.status.as_u16(), &client.json()["response_types"]), (201, &json!([])), "{client:?}");
    let client = client.json();
    let who = ("client_id", text(&client, "client_id"));
    let codes = device.post("https://op.test/device_authorization", &[who, ("scope", "openid offline_access")]).await.json();
    let page = browser.get(text(&codes, "verification_uri_complete")).await;
    let entered = browser.post_to(&page, "user_code", &[("user_code", text(&codes, "user_code"))]).await;
    let signed_in = browser.sign_in(&entered, "alice").await;
    let page = browser.get(signed_in.location()).await;
    let session = page.field("session");
    browser.post_to(&page, "name=\"decide\"", &[("session", &session), ("decide", "approve")]).await;
    let poll = [who, ("grant_type", device_code), ("device_code", text(&codes, "device_code"))];
    let tokens = device.post("https://op.test/token", &poll).await.json();
    let refresh = [who, ("grant_type", "refresh_token"), ("refresh_token", text(&tokens, "refresh_token"))];
    assert_eq!(device.post("https://op.test/token", &refresh).await.status, 200);
}

#[tokio::test]
async fn a_sector_vouches_for_every_address() {
    let parties = Parties::new().await;
    let handle = provider_with(&fixtures(), parties.resolve()).await;
    let mut walker = Walker::new(&handle);
    let wanted = json!({
        "redirect_uris": ["https://wiki.rp.test/cb"], "subject_type": "pairwise", "sector_identifier_uri": "https://shop.rp.test/sector",
    });
    parties.publishes("shop.rp.test", r#"["https://shop.rp.test/cb"]"#);
    assert_eq!(text(&register(&mut walker, &wanted).await.json(), "error"), "invalid_client_metadata");
    parties.publishes("shop.rp.test", r#"["https://shop.rp.test/cb", "https://wiki.rp.test/cb"]"#);
    assert_eq!(register(&mut walker, &wanted).await.status, 201);
    // Where the guard is on, a name that leads inside is as good as nowhere, whatever it is called.
    let guarded = provider_with(&fixtures().replace("guard_internal = false", "guard_internal = true"), parties.resolve()).await;
    let mut walker = Walker::new(&guarded);
    let asked = parties.asked();
    assert_eq!(text(&register(&mut walker, &wanted).await.json(), "error"), "invalid_client_metadata");
    assert_eq!(parties.asked(), asked);
}

#[tokio::test]
async fn who_may_register_is_configured() {
    let nowhere = || -> reference_server::ResolveName { std::sync::Arc::new(|_, _| None) };
    let off = provider_with(&fixtures().replace("mode                 = \"open\"", "mode = \"off\""), nowhere()).await;
    let mut walker = Walker::new(&off);
    let wanted = json!({ "redirect_uris": ["https://wiki.rp.test/cb"] });
    assert_eq!(register(&mut walker, &wanted).await.status, 404);
    let said = walker.get("https://op.test/.well-known/openid-configuration").await.json();
    assert!(said.get("registration_endpoint").is_none());
    let initial = "initial-access-token-of-the-fixtures-it-is-public";
    let token = provider_with(&fixtures().replace("mode                 = \"open\"", "mode = \"token\""), nowhere()).await;
    let mut walker = Walker::new(&token);
    for (shown, status) in [(None, 401), (Some("wrong"), 401), (Some(initial), 201)] {
        let reply = send(&mut walker, Method::POST, "https://op.test/register", shown, &wanted).await;
        assert_eq!(reply.status.as_u16(), status);
    }
}
