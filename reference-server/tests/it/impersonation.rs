//! RFC 8693 with somebody who acts: who may, how it is said, and how it can be stopped.

use std::sync::Arc;

use hyper::Method;
use reference_server::Handle;
use serde_json::{Value, json};

use crate::signed::{backoffice, said};
use crate::walker::{Reply, Walker, claims, fixtures, provider, provider_with};

const GRANT: (&str, &str) = ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const USER: &str = "urn:zitadel:params:oauth:token-type:user_id";
const OP: &str = "https://op.test";

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn error(reply: &Reply) -> (u16, Value) {
    (reply.status.as_u16(), reply.json()["error"].clone())
}

/// Exchanges the token of the first for one with which the second acts.
async fn act(walker: &mut Walker, subject: (&str, &str), actor: (&str, &str), more: &[(&str, &str)]) -> Reply {
    let form = [
        &[GRANT, ("subject_token", subject.0), ("subject_token_type", subject.1), ("actor_token", actor.0), ("actor_token_type", actor.1)],
        more,
    ]
    .concat();
    walker.ask("backoffice", "/token", &form).await
}

async fn login(handle: &Handle, user: &str) -> Value {
    Walker::new(handle).login_for(user, "backoffice", "openid email offline_access").await
}

async fn introspect(walker: &mut Walker, token: &Value) -> Value {
    walker.ask("backoffice", "/introspect", &[("token", text(token))]).await.json()
}

#[tokio::test]
async fn the_actor_is_named_wherever_the_token_is_read_and_in_the_log() {
    let (handle, mut walker, _parties) = backoffice(|config| config).await;
    let (alice, support) = (login(&handle, "alice").await, login(&handle, "support").await);
    let named = json!({ "sub": "9c31f0d8-support", "iss": OP });
    let subject = (text(&alice["access_token"]), ACCESS);
    for (actor, auth_time) in [((text(&support["access_token"]), ACCESS), false), ((text(&support["id_token"]), ID), true)] {
        let answer = act(&mut walker, subject, actor, &[("requested_token_type", JWT)]).await.json();
        let (access_token, id_token) = (claims(text(&answer["access_token"])), claims(text(&answer["id_token"])));
        assert_eq!((&access_token["act"], &id_token["act"]), (&named, &named));
        assert_eq!((&access_token["sub"], &id_token["sub"]), (&json!("6b2f1c9e-alice"), &json!("6b2f1c9e-alice")));
        assert_eq!(id_token.get("auth_time").is_some(), auth_time);
        let told = introspect(&mut walker, &answer["access_token"]).await;
        assert_eq!((&told["active"], &told["act"], &told["sub"]), (&json!(true), &named, &json!("6b2f1c9e-alice")));
        assert_eq!(walker.info(&answer).await.json()["sub"], "6b2f1c9e-alice");
    }
    let alone = act(&mut walker, subject, (text(&support["id_token"]), ID), &[("requested_token_type", ID)]).await.json();
    assert_eq!(claims(text(&alone["access_token"]))["act"], named);
    let kept = json!({ "user_id": "9c31f0d8-support", "issuer": OP });
    let impersonated = walker.events("user.impersonated").await;
    assert_eq!(impersonated.len(), 3);
    for event in &impersonated {
        assert_eq!(event["payload"], json!({ "applicationId": "backoffice", "actor": kept }));
        assert_eq!(event["aggregate"], "user/6b2f1c9e-alice");
    }
    let added = walker.events("oidc_session.access_token.added").await;
    let last = &added.last().expect("events")["payload"];
    assert_eq!((&last["reason"], &last["actor"]), (&json!("impersonation"), &kept));
}

#[tokio::test]
async fn who_may_act_for_whom_is_said_by_roles_organizations_and_memberships() {
    let config = |roles: &str| {
        let roles = format!("organization          = \"acme\"\nroles = [\"{roles}\"]");
        let users = fixtures();
        let (before, bob) = users.split_once("[users.bob]").expect("bob");
        let bob = bob.replacen("organization          = \"acme\"", &roles, 1);
        format!("{before}[users.bob]{bob}").replace("[password]", "[password] # cheap")
    };
    for (role, allowed) in [
        ("IAM_ADMIN_IMPERSONATOR", &["alice", "bob", "zoe", "admin"][..]),
        ("IAM_END_USER_IMPERSONATOR", &["alice", "zoe"]),
        ("ORG_ADMIN_IMPERSONATOR", &["alice", "bob", "admin"]),
        ("ORG_END_USER_IMPERSONATOR", &["alice"]),
        ("IAM_OWNER", &[]),
        ("iam_admin_impersonator", &[]),
    ] {
        let handle = provider_with(&config(role), Arc::new(|_, _| None)).await;
        let bob = login(&handle, "bob").await;
        let mut walker = Walker::new(&handle);
        for user in ["alice", "bob", "zoe", "admin"] {
            let subject = login(&handle, user).await;
            for requested in [ACCESS, JWT, ID] {
                let before = walker.events("").await.len();
                let reply = act(
                    &mut walker,
                    (text(&subject["access_token"]), ACCESS),
                    (text(&bob["access_token"]), ACCESS),
                    &[("requested_token_type", requested)],
                )
                .await;
                let wanted = if allowed.contains(&user) { (200, Value::Null) } else { (400, json!("invalid_request")) };
                assert_eq!(error(&reply), wanted, "{role} for {user}: {requested}");
                if !allowed.contains(&user) {
                    assert_eq!(walker.events("").await.len(), before, "a refusal leaves no trace");
                    assert_eq!(reply.json().as_object().map(serde_json::Map::len), Some(2));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_subject_that_is_a_mere_name_needs_an_actor_and_takes_rights_of_the_actor_alone() {
    let (handle, mut walker, _parties) = backoffice(|config| config).await;
    let support = login(&handle, "support").await;
    let meagre = Walker::new(&handle).login_for("support", "backoffice", "openid").await;
    let own = said(&handle, "6b2f1c9e-alice", &json!({ "aud": [OP, "https://api.test"] }));
    for subject in [("6b2f1c9e-alice", USER), (own.as_str(), JWT)] {
        let answer = act(&mut walker, subject, (text(&support["access_token"]), ACCESS), &[]).await.json();
        assert_eq!((&answer["scope"], answer.get("refresh_token").is_some()), (&json!("openid email offline_access"), true));
        assert_eq!(introspect(&mut walker, &answer["access_token"]).await["aud"], json!([OP]));
        let actor = (text(&meagre["access_token"]), ACCESS);
        let claims_only = act(&mut walker, subject, actor, &[("scope", "openid profile phone")]).await;
        assert_eq!((claims_only.status.as_u16(), &claims_only.json()["scope"]), (200, &json!("openid profile phone")));
        assert_eq!(error(&act(&mut walker, subject, actor, &[("scope", "openid offline_access")]).await), (400, json!("invalid_scope")));
        assert_eq!(
            error(&act(&mut walker, subject, (text(&support["id_token"]), ID), &[]).await),
            (400, json!("invalid_request")),
            "no scope anywhere"
        );
        let alone = [GRANT, ("subject_token", subject.0), ("subject_token_type", subject.1), ("scope", "openid")];
        assert_eq!(error(&walker.ask("backoffice", "/token", &alone).await), (400, json!("invalid_request")));
    }
    let nobody = act(&mut walker, ("nobody", USER), (text(&support["access_token"]), ACCESS), &[]).await;
    assert_eq!(error(&nobody), (400, json!("invalid_request")));
    let id = (text(&meagre["id_token"]), ID);
    let reply = act(&mut walker, id, (text(&support["access_token"]), ACCESS), &[("scope", "openid profile")]).await;
    assert_eq!(reply.status, 200, "an ID token beside an actor is a name too: {reply:?}");
}

#[tokio::test]
async fn actors_nest_outermost_newest_and_a_plain_exchange_keeps_them() {
    let (handle, mut walker, _parties) = backoffice(|config| config).await;
    let (alice, support, auditor) = (login(&handle, "alice").await, login(&handle, "support").await, login(&handle, "auditor").await);
    let access = |tokens: &Value| text(&tokens["access_token"]).to_owned();
    let named = |name: &str| json!({ "sub": name, "iss": OP });
    let (alice_s, support_s, auditor_s) = ("6b2f1c9e-alice", "9c31f0d8-support", "47d6c1e3-auditor");
    // The auditor acts for support, and then acts for Alice as the one who acts for support.
    let one = act(&mut walker, (&access(&support), ACCESS), (&access(&auditor), ACCESS), &[]).await.json();
    let two = act(&mut walker, (&access(&alice), ACCESS), (&access(&one), ACCESS), &[("requested_token_type", JWT)]).await.json();
    let mut nested = named(support_s);
    nested["act"] = named(auditor_s);
    assert_eq!(claims(text(&two["access_token"]))["act"], nested);
    let kept = json!({ "user_id": support_s, "issuer": OP, "actor": { "user_id": auditor_s, "issuer": OP } });
    assert_eq!(walker.events("user.impersonated").await.last().expect("events")["payload"]["actor"], kept);
    // Alone it keeps both; as the ID token's chain too.
    let plain = [GRANT, ("subject_token", text(&two["access_token"])), ("subject_token_type", ACCESS)];
    let plain = walker.ask("backoffice", "/token", &plain).await.json();
    assert_eq!(introspect(&mut walker, &plain["access_token"]).await["act"], nested);
    let of_id = [GRANT, ("subject_token", text(&plain["id_token"])), ("subject_token_type", ID)];
    let of_id = walker.ask("backoffice", "/token", &of_id).await.json();
    assert_eq!(claims(text(&of_id["id_token"]))["act"], nested);
    let reasons = walker.events("oidc_session.access_token.added").await;
    let last: Vec<&Value> = reasons[reasons.len() - 2..].iter().map(|event| &event["payload"]["reason"]).collect();
    assert_eq!(last, ["exchange", "exchange"]);
    assert_eq!(walker.events("user.impersonated").await.len(), 2, "nobody new acts");
    // With an actor of its own the subject's actors do not count.
    let other = act(&mut walker, (&access(&two), ACCESS), (&access(&auditor), ACCESS), &[]).await.json();
    assert_eq!(claims(text(&other["id_token"]))["act"], named(auditor_s));
    // One token as both is an impersonation too.
    let both = act(&mut walker, (&access(&support), ACCESS), (&access(&support), ACCESS), &[]).await.json();
    assert_eq!(claims(text(&both["id_token"]))["act"], named(support_s));
    let not = act(&mut walker, (&access(&alice), ACCESS), (&access(&alice), ACCESS), &[]).await;
    assert_eq!(error(&not), (400, json!("invalid_request")));
    let _ = alice_s;
}

#[tokio::test]
async fn a_chain_of_actors_ends_somewhere() {
    let (handle, mut walker, _parties) = backoffice(|config| config).await;
    let (alice, support) = (login(&handle, "alice").await, login(&handle, "support").await);
    let mut actor = text(&support["access_token"]).to_owned();
    for _ in 0..31 {
        let reply = act(&mut walker, (text(&support["access_token"]), ACCESS), (&actor, ACCESS), &[]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        actor = text(&reply.json()["access_token"]).to_owned();
    }
    assert_eq!(act(&mut walker, (text(&alice["access_token"]), ACCESS), (&actor, ACCESS), &[]).await.status, 200);
    let last = act(&mut walker, (text(&alice["access_token"]), ACCESS), (&actor, ACCESS), &[]).await.json();
    let more = act(&mut walker, (text(&alice["access_token"]), ACCESS), (text(&last["access_token"]), ACCESS), &[]).await;
    assert_eq!(error(&more), (400, json!("invalid_request")));
}

#[tokio::test]
async fn may_act_names_the_one_who_may() {
    let (handle, mut walker, _parties) = backoffice(|config| config).await;
    let support = login(&handle, "support").await;
    for (may_act, right) in [
        (json!({ "sub": "9c31f0d8-support" }), true),
        (json!({ "sub": "9c31f0d8-support", "iss": OP }), true),
        (json!({ "sub": "47d6c1e3-auditor" }), false),
        (json!({ "sub": "9c31f0d8-support", "iss": "https://elsewhere.test" }), false),
        (json!({ "iss": OP }), false),
        (json!({ "sub": "9c31f0d8-support", "email": "support@acme.test" }), false),
        (json!({}), false),
        (json!("9c31f0d8-support"), false),
    ] {
        let own = said(&handle, "6b2f1c9e-alice", &json!({ "may_act": may_act }));
        let reply = act(&mut walker, (&own, JWT), (text(&support["access_token"]), ACCESS), &[]).await;
        assert_eq!(error(&reply), if right { (200, Value::Null) } else { (400, json!("invalid_request")) }, "{may_act}");
    }
}

#[tokio::test]
async fn with_the_policy_off_nobody_acts_whatever_the_actor_is() {
    let config = fixtures().replace("impersonation = true", "impersonation = false");
    let handle = provider_with(&config, Arc::new(|_, _| None)).await;
    let mut walker = Walker::new(&handle);
    let (alice, support) = (login(&handle, "alice").await, login(&handle, "support").await);
    for actor in [text(&support["access_token"]), "no-token"] {
        let reply = act(&mut walker, (text(&alice["access_token"]), ACCESS), (actor, ACCESS), &[]).await;
        assert_eq!(
            (error(&reply), &reply.json()["error_description"]),
            ((400, json!("invalid_request")), &json!("impersonation is switched off"))
        );
    }
    let alone = [GRANT, ("subject_token", "6b2f1c9e-alice"), ("subject_token_type", USER)];
    assert_eq!(walker.ask("backoffice", "/token", &alone).await.json()["error_description"], "impersonation is switched off");
    let plain = [GRANT, ("subject_token", text(&alice["access_token"])), ("subject_token_type", ACCESS)];
    assert_eq!(walker.ask("backoffice", "/token", &plain).await.status, 200);
}

#[tokio::test]
async fn a_refresh_keeps_the_actor() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let (alice, support) = (login(&handle, "alice").await, login(&handle, "support").await);
    let subject = (text(&alice["access_token"]), ACCESS);
    let mut tokens = act(&mut walker, subject, (text(&support["access_token"]), ACCESS), &[("requested_token_type", JWT)]).await.json();
    let named = json!({ "sub": "9c31f0d8-support", "iss": OP });
    for _ in 0..2 {
        let reply = walker.refresh("backoffice", &tokens, &[]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        tokens = reply.json();
        let id_token = claims(text(&tokens["id_token"]));
        assert_eq!((&id_token["act"], &id_token["sub"], id_token.get("sid")), (&named, &json!("6b2f1c9e-alice"), None));
        assert_eq!(introspect(&mut walker, &tokens["access_token"]).await["act"], named);
        assert_eq!(introspect(&mut walker, &tokens["refresh_token"]).await["act"], named);
    }
    let added = walker.events("oidc_session.access_token.added").await;
    let last = &added.last().expect("events")["payload"];
    assert_eq!((&last["reason"], &last["actor"]["user_id"]), (&json!("refresh"), &json!("9c31f0d8-support")));
    assert_eq!(walker.events("user.impersonated").await.len(), 1);
    // Who acts for an owner is none.
    let admin = login(&handle, "admin").await;
    let bearer = |tokens: &Value| format!("Bearer {}", text(&tokens["access_token"]));
    let acting = act(&mut walker, (text(&admin["access_token"]), ACCESS), (text(&support["access_token"]), ACCESS), &[]).await.json();
    for (tokens, status) in [(&admin, 200), (&acting, 403)] {
        let reply = walker.send(Method::GET, "https://op.test/management/sessions", &[("authorization", &bearer(tokens))], "").await;
        assert_eq!(reply.status, status);
    }
}

#[tokio::test]
async fn every_refresh_asks_policy_right_and_both_people_anew() {
    let (roles, policy) = ("users/9c31f0d8-support/roles/IAM_ADMIN_IMPERSONATOR", "policies/security");
    let (off, on) = (json!({ "enable_impersonation": false }), json!({ "enable_impersonation": true }));
    let people = ["users/9c31f0d8-support", "users/6b2f1c9e-alice"];
    let locks = people.map(|user| ((Method::POST, format!("{user}/lock"), None), (Method::POST, format!("{user}/unlock"), None)));
    let others = [
        ((Method::DELETE, roles.to_owned(), None), (Method::PUT, roles.to_owned(), None)),
        ((Method::PUT, policy.to_owned(), Some(off)), (Method::PUT, policy.to_owned(), Some(on))),
    ];
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    for (away, back) in locks.into_iter().chain(others) {
        let (alice, support) = (login(&handle, "alice").await, login(&handle, "support").await);
        let (subject, actor) = ((text(&alice["access_token"]), ACCESS), (text(&support["access_token"]), ACCESS));
        let tokens = act(&mut walker, subject, actor, &[]).await.json();
        let plain = [GRANT, ("subject_token", text(&tokens["access_token"])), ("subject_token_type", ACCESS)];
        let done = walker.manage(away.0, &away.1, away.2.as_ref()).await;
        assert!(done.status.is_success(), "{done:?}");
        assert_eq!(error(&walker.refresh("backoffice", &tokens, &[]).await), (400, json!("invalid_grant")), "{}", away.1);
        assert_eq!(error(&act(&mut walker, subject, actor, &[]).await), (400, json!("invalid_request")), "{}", away.1);
        let laundered = walker.ask("backoffice", "/token", &plain).await;
        assert_eq!(error(&laundered), (400, json!("invalid_request")), "{}: a plain exchange is no way around it", away.1);
        let done = walker.manage(back.0, &back.1, back.2.as_ref()).await;
        assert!(done.status.is_success(), "{done:?}");
        let reply = walker.refresh("backoffice", &tokens, &[]).await;
        assert_eq!(reply.status, 200, "{}: {reply:?}", back.1);
        assert_eq!(claims(text(&reply.json()["id_token"]))["act"]["sub"], "9c31f0d8-support");
    }
}

#[tokio::test]
async fn whoever_is_barred_acts_no_more_by_what_they_have() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let (alice, support) = (login(&handle, "alice").await, login(&handle, "support").await);
    let (subject, actor) = ((text(&alice["access_token"]), ACCESS), (text(&support["access_token"]), ACCESS));
    let tokens = act(&mut walker, subject, actor, &[]).await.json();
    assert_eq!(walker.info(&tokens).await.status, 200);
    walker.manage(Method::POST, "users/9c31f0d8-support/lock", None).await;
    assert_eq!(walker.info(&tokens).await.status, 401);
    assert_eq!(introspect(&mut walker, &tokens["access_token"]).await, json!({ "active": false }));
    walker.manage(Method::POST, "users/9c31f0d8-support/unlock", None).await;
    assert_eq!(walker.info(&tokens).await.status, 200);
}
