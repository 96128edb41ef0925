//! RFC 8693 without anybody who acts: what is taken, what is given, and that nothing is ever widened.

use hyper::Method;
use serde_json::{Value, json};

use crate::signed::{backoffice, said};
use crate::walker::{Reply, Walker, claims, fixtures, jose_header, provider, provider_with};

const GRANT: (&str, &str) = ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const REFRESH: &str = "urn:ietf:params:oauth:token-type:refresh_token";
const USER: &str = "urn:zitadel:params:oauth:token-type:user_id";

async fn exchange(walker: &mut Walker, client: &str, token: &Value, kind: &str, more: &[(&str, &str)]) -> Reply {
    let token = token.as_str().expect("a token");
    let form = [&[GRANT, ("subject_token", token), ("subject_token_type", kind)], more].concat();
    walker.ask(client, "/token", &form).await
}

fn error(reply: &Reply) -> (u16, Value) {
    (reply.status.as_u16(), reply.json()["error"].clone())
}

fn with_api(config: String) -> String {
    config.replace("[clients.backoffice]", "[clients.backoffice]\naudience = ['https://api.test', 'https://mail.test/?tenant=1']")
}

#[tokio::test]
async fn an_access_token_buys_each_type_and_the_answer_says_which() {
    let (_handle, mut walker, _parties) = backoffice(|config| config).await;
    let alice = walker.login_for("alice", "backoffice", "openid email").await;
    let reply = exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, &[]).await;
    assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, "no-store"), "{reply:?}");
    let opaque = reply.json();
    let names: Vec<&String> = opaque.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["access_token", "issued_token_type", "token_type", "expires_in", "scope", "id_token"]);
    assert_eq!(
        (&opaque["issued_token_type"], &opaque["token_type"], &opaque["scope"]),
        (&json!(ACCESS), &json!("Bearer"), &json!("openid email"))
    );
    assert!(!opaque["access_token"].as_str().expect("a token").contains('.'));
    assert_eq!(walker.info(&opaque).await.json()["email"], "alice@acme.test");

    let jwt = exchange(&mut walker, "backoffice", &opaque["access_token"], ACCESS, &[("requested_token_type", JWT)]).await.json();
    assert_eq!((&jwt["issued_token_type"], &jwt["token_type"]), (&json!(JWT), &json!("Bearer")));
    let text = jwt["access_token"].as_str().expect("a token");
    let members = claims(text);
    assert_eq!(jose_header(text)["typ"], "at+jwt");
    let names: Vec<&String> = members.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "scope", "nbf"]);
    assert_eq!((&members["aud"], &members["sub"]), (&json!(["https://op.test"]), &json!("6b2f1c9e-alice")));

    let id = exchange(&mut walker, "backoffice", &jwt["access_token"], ACCESS, &[("requested_token_type", ID)]).await.json();
    let names: Vec<&String> = id.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["access_token", "issued_token_type", "token_type", "expires_in", "scope"]);
    assert_eq!((&id["issued_token_type"], &id["token_type"], &id["expires_in"]), (&json!(ID), &json!("N_A"), &json!(3600)));
    let text = id["access_token"].as_str().expect("a token");
    let members = claims(text);
    let names: Vec<&String> = members.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["iss", "sub", "aud", "azp", "exp", "iat", "client_id", "amr", "email", "email_verified"]);
    assert_eq!((&members["aud"], &members["azp"]), (&json!("backoffice"), &json!("backoffice")));
    let beside = claims(opaque["id_token"].as_str().expect("a token"));
    assert!(beside["at_hash"].is_string() && beside.get("sid").is_none() && beside.get("nonce").is_none() && beside.get("email").is_none());
    assert_eq!(walker.info(&id).await.status, 401, "it is no access token");

    let added = walker.events("oidc_session.access_token.added").await;
    let reasons: Vec<&Value> = added.iter().map(|event| &event["payload"]["reason"]).collect();
    assert_eq!(reasons, ["auth_request", "exchange", "exchange"]);
    assert_eq!(walker.events("user.").await.len(), 0);
    assert_eq!(walker.events("session_logout.").await.len(), 0);
}

#[tokio::test]
async fn an_id_token_stands_for_openid_and_keeps_when_its_user_signed_in() {
    let (handle, mut walker, _parties) = backoffice(|config| config).await;
    let alice = walker.login_for("alice", "backoffice", "openid email").await;
    let answer = exchange(&mut walker, "backoffice", &alice["id_token"], ID, &[]).await.json();
    assert_eq!(answer["scope"], "openid");
    let (before, after) = (claims(alice["id_token"].as_str().expect("a token")), claims(answer["id_token"].as_str().expect("a token")));
    assert_eq!((&before["auth_time"], &before["amr"]), (&after["auth_time"], &after["amr"]));
    assert_eq!((after.get("acr"), after.get("nonce"), after.get("sid")), (None, None, None));
    let wider = exchange(&mut walker, "backoffice", &alice["id_token"], ID, &[("scope", "openid email")]).await;
    assert_eq!(error(&wider), (400, json!("invalid_scope")));
    let again = exchange(&mut walker, "backoffice", &answer["id_token"], ID, &[]).await;
    assert_eq!(again.status, 200, "{again:?}");
    let hint = alice["id_token"].as_str().expect("a token");
    walker.get(&format!("https://op.test/end_session?id_token_hint={hint}")).await;
    let ended = exchange(&mut walker, "backoffice", &alice["id_token"], ID, &[]).await;
    assert_eq!(error(&ended), (400, json!("invalid_request")), "its session was ended");
    let _ = handle.step(handle.now_ms() + 3_600_000);
    let expired = exchange(&mut walker, "backoffice", &answer["id_token"], ID, &[]).await;
    assert_eq!(error(&expired), (400, json!("invalid_request")));
}

#[tokio::test]
async fn a_token_passes_as_what_it_is_and_as_nothing_else() {
    let (handle, mut walker, _parties) = backoffice(|config| config).await;
    let alice = walker.login_for("alice", "backoffice", "openid offline_access").await;
    let jwt = exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, &[("requested_token_type", JWT)]).await.json();
    let own = json!(said(&handle, "6b2f1c9e-alice", &json!({})));
    let tokens = [
        (ACCESS, &alice["access_token"]),
        (ACCESS, &jwt["access_token"]),
        (ID, &alice["id_token"]),
        (JWT, &own),
        (USER, &json!("6b2f1c9e-alice")),
        (REFRESH, &alice["refresh_token"]),
    ];
    let support = walker_of_support(&handle).await;
    for (kind, token) in tokens {
        for declared in [ACCESS, ID, JWT, USER, REFRESH, "urn:ietf:params:oauth:token-type:saml2", "urn:example:unheard-of"] {
            let actor = support["access_token"].as_str().expect("a token");
            let more = [("scope", "openid"), ("actor_token", actor), ("actor_token_type", ACCESS)];
            let reply = exchange(&mut walker, "backoffice", token, declared, &more).await;
            let right = kind == declared && kind != REFRESH;
            let wanted = if right { (200, Value::Null) } else { (400, json!("invalid_request")) };
            assert_eq!(error(&reply), wanted, "{kind} as {declared}");
            let more = [("scope", "openid"), ("actor_token", token.as_str().expect("text")), ("actor_token_type", declared)];
            let reply = exchange(&mut walker, "backoffice", &support["access_token"], ACCESS, &more).await;
            // Alice may not act for anybody, so the right actor is refused too, with the same error and another reason.
            let about_the_token = reply.json()["error_description"].as_str().is_some_and(|text| text.contains("actor_token"));
            let right = kind == declared && matches!(kind, ACCESS | ID);
            assert_eq!((error(&reply), about_the_token), ((400, json!("invalid_request")), !right), "{kind} as an actor's {declared}");
        }
    }
}

async fn walker_of_support(handle: &reference_server::Handle) -> Value {
    Walker::new(handle).login_for("support", "backoffice", "openid").await
}

#[tokio::test]
async fn a_request_is_whole_and_has_everything_once() {
    let (_handle, mut walker, _parties) = backoffice(|config| config).await;
    let alice = walker.login_for("alice", "backoffice", "openid").await;
    let token = alice["access_token"].as_str().expect("a token");
    let honest = [GRANT, ("subject_token", token), ("subject_token_type", ACCESS)];
    assert_eq!(walker.ask("backoffice", "/token", &honest).await.status, 200);
    for wrong in [
        &[GRANT, ("subject_token_type", ACCESS)][..],
        &[GRANT, ("subject_token", ""), ("subject_token_type", ACCESS)],
        &[GRANT, ("subject_token", token)],
        &[GRANT, ("subject_token", token), ("subject_token_type", "")],
        &[&honest[..], &[("subject_token", token)]].concat(),
        &[&honest[..], &[("actor_token", token)]].concat(),
        &[&honest[..], &[("actor_token_type", ACCESS)]].concat(),
        &[&honest[..], &[("requested_token_type", REFRESH)]].concat(),
        &[&honest[..], &[("requested_token_type", USER)]].concat(),
        &[&honest[..], &[("requested_token_type", "urn:example:unheard-of")]].concat(),
        &[&honest[..], &[("scope", "openid"), ("scope", "openid")]].concat(),
    ] {
        assert_eq!(error(&walker.ask("backoffice", "/token", wrong).await), (400, json!("invalid_request")), "{wrong:?}");
    }
    let not_allowed = walker.ask("web", "/token", &honest).await;
    assert_eq!(error(&not_allowed), (400, json!("unauthorized_client")));
}

#[tokio::test]
async fn each_token_is_bound_to_its_client_or_audience_and_good_still() {
    let change = |config: String| {
        let grant = "\"authorization_code\", \"refresh_token\", \"urn:ietf:params:oauth:grant-type:token-exchange\"]";
        config.replacen("\"authorization_code\", \"refresh_token\"]", grant, 2).replace("[\"service\"]", "[\"service\", \"shop\"]")
    };
    let (handle, mut walker, _parties) = backoffice(change).await;
    let office = walker.login_for("alice", "backoffice", "openid offline_access").await;
    for client in ["web", "shop"] {
        for (kind, name) in [(ACCESS, "access_token"), (ID, "id_token")] {
            let reply = exchange(&mut walker, client, &office[name], kind, &[]).await;
            assert_eq!(error(&reply), (400, json!("invalid_request")), "{client} {kind}");
        }
    }
    let spa = walker.login_for("alice", "spa", "openid offline_access").await;
    let reply = exchange(&mut walker, "shop", &spa["access_token"], ACCESS, &[("scope", "openid")]).await;
    assert_eq!(reply.status, 200, "it is in the audience: {reply:?}");
    assert_eq!(error(&exchange(&mut walker, "web", &spa["access_token"], ACCESS, &[]).await), (400, json!("invalid_request")));
    let own = walker.ask("service", "/token", &[("grant_type", "client_credentials")]).await.json();
    assert_eq!(error(&exchange(&mut walker, "shop", &own["access_token"], ACCESS, &[]).await), (400, json!("invalid_request")));
    walker.ask("spa", "/revoke", &[("token", spa["access_token"].as_str().expect("a token"))]).await;
    assert_eq!(error(&exchange(&mut walker, "shop", &spa["access_token"], ACCESS, &[]).await), (400, json!("invalid_request")), "revoked");
    let still = walker.refresh("backoffice", &office, &[]).await;
    assert_eq!(still.status, 200, "an exchange is no use of the subject's family");
    let _ = handle.step(handle.now_ms() + 3_600_000);
    assert_eq!(
        error(&exchange(&mut walker, "backoffice", &office["access_token"], ACCESS, &[]).await),
        (400, json!("invalid_request")),
        "expired"
    );
}

#[tokio::test]
async fn scope_and_audience_are_narrowed_and_never_widened_however_often() {
    let (_handle, mut walker, _parties) = backoffice(with_api).await;
    let alice = walker.login_for("alice", "backoffice", "openid email offline_access").await;
    let api = [("audience", "https://api.test"), ("audience", "https://api.test"), ("requested_token_type", JWT)];
    let narrow =
        exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, &[&api[..], &[("scope", "email offline_access")]].concat())
            .await
            .json();
    assert_eq!((&narrow["scope"], narrow.get("id_token")), (&json!("email offline_access"), None));
    assert_eq!(claims(narrow["access_token"].as_str().expect("a token"))["aud"], json!(["https://api.test"]));
    assert_eq!(walker.info(&narrow).await.status, 401, "it is not for the provider");
    for (more, wanted) in [
        (&[("scope", "openid")][..], "invalid_scope"),
        (&[("scope", "email unheard-of")], "invalid_scope"),
        (&[("scope", "EMAIL")], "invalid_scope"),
        (&[("scope", " ")], "invalid_scope"),
        (&[("requested_token_type", ID)], "invalid_scope"),
        (&[("audience", "https://mail.test/?tenant=1")], "invalid_target"),
        (&[("audience", "https://api.test"), ("audience", "https://op.test")], "invalid_target"),
        (&[("resource", "https://mail.test/?tenant=1")], "invalid_target"),
        (&[("resource", "https://nobody.test")], "invalid_target"),
        (&[("resource", "https://api.test#part")], "invalid_target"),
        (&[("resource", "/api")], "invalid_target"),
    ] {
        assert_eq!(
            error(&exchange(&mut walker, "backoffice", &narrow["access_token"], ACCESS, more).await),
            (400, json!(wanted)),
            "{more:?}"
        );
    }
    let refreshed = walker.refresh("backoffice", &narrow, &[]).await.json();
    assert_eq!(refreshed["scope"], "email offline_access");
    assert!(!refreshed["access_token"].as_str().expect("a token").contains('.'), "it has the form of its client");
    let token = refreshed["access_token"].as_str().expect("a token");
    let told = walker.ask("backoffice", "/introspect", &[("token", token)]).await.json();
    assert_eq!(told["aud"], json!(["https://api.test"]));
    assert_eq!(error(&walker.refresh("backoffice", &refreshed, &[("scope", "openid")]).await), (400, json!("invalid_scope")));
    let both = [("resource", "https://api.test"), ("resource", "https://mail.test/?tenant=1"), ("requested_token_type", JWT)];
    let both = exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, &both).await.json();
    assert_eq!(claims(both["access_token"].as_str().expect("a token"))["aud"], json!(["https://api.test", "https://mail.test/?tenant=1"]));
    assert_eq!(claims(both["id_token"].as_str().expect("a token"))["aud"], "backoffice", "beside an access token it is the client's alone");
    let alone = [("resource", "https://api.test"), ("requested_token_type", ID)];
    let alone = exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, &alone).await.json();
    assert_eq!(claims(alone["access_token"].as_str().expect("a token"))["aud"], json!(["backoffice", "https://api.test"]));
}

#[tokio::test]
async fn a_refresh_token_comes_with_offline_access_and_ends_with_the_grant() {
    let (handle, mut walker, _parties) = backoffice(|config| config).await;
    let alice = walker.login_for("alice", "backoffice", "openid offline_access").await;
    for (more, comes) in [
        (&[][..], true),
        (&[("requested_token_type", JWT)], true),
        (&[("requested_token_type", ID)], false),
        (&[("scope", "openid")], false),
    ] {
        let answer = exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, more).await.json();
        assert_eq!(answer.get("refresh_token").is_some(), comes, "{more:?}");
    }
    let exchanged = exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, &[]).await.json();
    let hint = alice["id_token"].as_str().expect("a token");
    walker.get(&format!("https://op.test/end_session?id_token_hint={hint}")).await;
    let reply = walker.refresh("backoffice", &exchanged, &[]).await;
    assert_eq!(reply.status, 200, "no session belongs to it: {reply:?}");
    drop(handle);
    let config = fixtures().replace(
        "\"refresh_token\", \"urn:ietf:params:oauth:grant-type:token-exchange\"",
        "\"urn:ietf:params:oauth:grant-type:token-exchange\"",
    );
    let handle = provider_with(&config, std::sync::Arc::new(|_, _| None)).await;
    let mut walker = Walker::new(&handle);
    let alice = walker.login_for("alice", "backoffice", "openid offline_access").await;
    let answer = exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, &[]).await.json();
    assert_eq!(
        (&answer["scope"], answer.get("refresh_token")),
        (&json!("openid"), None),
        "who cannot refresh is given nothing to refresh with"
    );
    let asked = exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, &[("scope", "openid offline_access")]).await;
    assert_eq!(error(&asked), (400, json!("invalid_scope")));
}

#[tokio::test]
async fn what_an_exchange_brought_is_refreshed_while_its_client_may_exchange() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let alice = walker.login_for("alice", "backoffice", "openid offline_access").await;
    let support = walker_of_support(&handle).await;
    let plain = exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, &[]).await.json();
    let actor = [("actor_token", support["access_token"].as_str().expect("a token")), ("actor_token_type", ACCESS)];
    let acting = exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, &actor).await.json();
    // A successor is of the exchange as well.
    let plain = walker.refresh("backoffice", &plain, &[]).await.json();
    let grants = |more: &[&str]| json!({ "grant_types": ([&["authorization_code", "refresh_token"], more].concat()) });
    let lost = walker.manage(Method::PATCH, "clients/backoffice", Some(&grants(&[]))).await;
    assert_eq!(lost.status, 200, "{lost:?}");
    for tokens in [&plain, &acting] {
        let reply = walker.refresh("backoffice", tokens, &[]).await;
        assert_eq!(error(&reply), (400, json!("invalid_grant")), "{reply:?}");
    }
    assert_eq!(walker.refresh("backoffice", &alice, &[]).await.status, 200, "what a sign-in brought is not of the exchange");
    walker.manage(Method::PATCH, "clients/backoffice", Some(&grants(&[GRANT.1]))).await;
    for tokens in [&plain, &acting] {
        let reply = walker.refresh("backoffice", tokens, &[]).await;
        assert_eq!(reply.status, 200, "nothing was used up: {reply:?}");
    }
}

#[tokio::test]
async fn without_the_flag_there_is_no_exchange_and_the_first_check_decides() {
    let off = fixtures().replace("token_exchange                     = true", "token_exchange = false");
    let handle = provider_with(&off, std::sync::Arc::new(|_, _| None)).await;
    let mut walker = Walker::new(&handle);
    let alice = walker.login_for("alice", "backoffice", "openid").await;
    let reply = exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, &[]).await;
    assert_eq!(error(&reply), (400, json!("invalid_request")));
    assert_eq!(reply.json()["error_description"], "token exchange is switched off");
    let metadata = walker.get("https://op.test/.well-known/openid-configuration").await.json();
    assert!(!metadata["grant_types_supported"].as_array().expect("a list").contains(&json!(GRANT.1)));
    let resource = exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, &[("resource", "https://nobody.test")]).await;
    assert_eq!(error(&resource), (400, json!("invalid_request")), "the flag is asked before the resource");

    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let alice = walker.login_for("alice", "backoffice", "openid").await;
    let all_wrong = [
        ("resource", "https://nobody.test"),
        ("audience", "https://nobody.test"),
        ("scope", "email"),
        ("actor_token", "no-token"),
        ("actor_token_type", ACCESS),
    ];
    let said = |reply: &Reply| (reply.json()["error"].clone(), reply.json()["error_description"].as_str().unwrap_or_default().to_owned());
    let wrong_subject = exchange(&mut walker, "backoffice", &json!("no-token"), ACCESS, &all_wrong).await;
    assert_eq!(said(&wrong_subject).0, "invalid_target");
    let wrong_subject = exchange(&mut walker, "backoffice", &json!("no-token"), ACCESS, &all_wrong[1..]).await;
    assert!(said(&wrong_subject).1.starts_with("the subject_token"), "{wrong_subject:?}");
    let wrong_actor = exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, &all_wrong[1..]).await;
    assert!(said(&wrong_actor).1.starts_with("the actor_token"), "{wrong_actor:?}");
    let wrong_audience = exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, &all_wrong[1..3]).await;
    assert_eq!(said(&wrong_audience).0, "invalid_target");
    let wrong_scope = exchange(&mut walker, "backoffice", &alice["access_token"], ACCESS, &all_wrong[2..3]).await;
    assert_eq!(said(&wrong_scope).0, "invalid_scope");
}
