//! Exchanges, actors and devices, honest and spoilt, for the rules that look at them.

use serde_json::{Value, json};

use super::tests::Spoil;
use crate::judge::sample::*;
use crate::scenario::{Expectations, Verb};
use crate::transcript::view::basic;
use crate::transcript::{Answer, Endpoint, Place, Reply, Request, Transcript};

/// Where things are in the honest walk.
pub struct Marks {
    /// Exchanges: with an actor, with an actor who has one, without an actor, for an ID token, of an ID token.
    acted: usize,
    nested: usize,
    plain: usize,
    id_token: usize,
    of_id_token: usize,
    refreshed: usize,
    introspected: usize,
    managed: usize,
    /// What two devices are told.
    device: usize,
    other: usize,
    /// The page on which a person decides about the first.
    decides: usize,
    /// Polls: too early, by another client, in time, once more.
    pending: usize,
    anothers: usize,
    bought: usize,
    again: usize,
}

const TYPE: &str = "urn:ietf:params:oauth:token-type:";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn form(path: &str, params: &[(&str, &str)]) -> Request {
    let mut asked = request("POST", &format!("https://op.test/{path}"), params);
    asked.headers.push(("authorization".into(), format!("Basic {}", basic("web", "secret"))));
    asked
}

fn member(t: &Transcript, exchange: usize, name: &str) -> String {
    t.exchanges[exchange].ok().unwrap().json().unwrap()[name].as_str().unwrap().to_owned()
}

/// An ID token of `web` about alice, for whom somebody may act.
fn id_token(s: &Sample, act: Option<&Value>) -> String {
    let mut claims = json!({
        "iss": ISSUER, "aud": ["web"], "azp": "web", "sub": "sub-of-alice", "iat": s.now / 1000, "exp": s.now / 1000 + 3600,
        "acr": "1", "amr": ["pwd"], "auth_time": NOON / 1000,
    });
    if let Some(act) = act {
        claims["act"] = act.clone();
    }
    key("ed").token(&json!({ "alg": "EdDSA", "kid": "ed" }), &claims)
}

fn exchange(s: &mut Sample, given: &[(&str, &str)], act: Option<&Value>) -> usize {
    let mut params = vec![("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("scope", "openid")];
    params.extend(given);
    let body = json!({
        "access_token": s.fresh("access"), "issued_token_type": format!("{TYPE}access_token"), "token_type": "Bearer", "expires_in": 3600,
        "scope": "openid", "refresh_token": s.fresh("refresh"), "id_token": id_token(s, act),
    });
    s.exchange(Endpoint::Token, "web", None, form("token", &params), json_answer(200, &body))
}

pub fn honest() -> (Transcript, Marks) {
    let mut s = Sample::new(check("a/b", Expectations::default())).apart_by(700);
    s.keys();
    let alice = s.login("alice", "web", "alice", "first", &[]);
    let support = s.login("support", "web", "support", "second", &[]);
    let (of_alice, of_support) = (member(&s.t, alice, "access_token"), member(&s.t, support, "access_token"));
    let subject = ("subject_token", of_alice.as_str());
    let one = json!({ "sub": "sub-of-support", "iss": ISSUER });
    let acted = exchange(&mut s, &[subject, ("actor_token", &of_support)], Some(&one));
    let of_acted = member(&s.t, acted, "access_token");
    let two = json!({ "sub": "sub-of-alice", "iss": ISSUER, "act": one });
    let nested = exchange(&mut s, &[subject, ("actor_token", &of_acted)], Some(&two));
    let plain = exchange(&mut s, &[("subject_token", &of_acted)], Some(&one));
    let of_alices_login = member(&s.t, alice, "id_token");
    let of_id_token = exchange(&mut s, &[("subject_token", &of_alices_login)], None);
    let params = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        subject,
        ("requested_token_type", "urn:ietf:params:oauth:token-type:id_token"),
    ];
    let body = json!({
        "access_token": id_token(&s, None), "issued_token_type": format!("{TYPE}id_token"), "token_type": "N_A", "expires_in": 3600, "scope": "openid",
    });
    let id_token_alone = s.exchange(Endpoint::Token, "web", None, form("token", &params), json_answer(200, &body));
    let spent = member(&s.t, acted, "refresh_token");
    let body = json!({
        "access_token": s.fresh("access"), "token_type": "Bearer", "expires_in": 3600, "scope": "openid", "refresh_token": s.fresh("refresh"),
        "id_token": id_token(&s, Some(&one)),
    });
    let params = [("grant_type", "refresh_token"), ("refresh_token", spent.as_str())];
    let refreshed = s.exchange(Endpoint::Token, "web", None, form("token", &params), json_answer(200, &body));
    let said = json!({ "active": true, "client_id": "web", "scope": "openid", "sub": "sub-of-alice", "act": one });
    let introspected = s.exchange(Endpoint::Introspect, "web", None, form("introspect", &[("token", &of_acted)]), json_answer(200, &said));
    let mut asked = request("GET", "https://op.test/management/users", &[]);
    asked.headers.push(("authorization".into(), format!("Bearer {of_acted}")));
    let managed = s.exchange(Endpoint::Management, "", None, asked, json_answer(403, &json!({ "id": "ACTOR-REFUSED" })));
    let [device, decides, pending, anothers, bought, again, other] = with_a_device(&mut s);
    let marks = Marks {
        acted,
        nested,
        plain,
        id_token: id_token_alone,
        of_id_token,
        refreshed,
        introspected,
        managed,
        device,
        other,
        decides,
        pending,
        anothers,
        bought,
        again,
    };
    (s.t, marks)
}

const DECIDES: &str = r#"<form method="post" action="/device/decide"><p>shop, WDJB-MJHT</p><button name="decide">Yes</button></form>"#;

fn with_a_device(s: &mut Sample) -> [usize; 7] {
    let told = |s: &mut Sample, user_code: &str| {
        let said = json!({
            "device_code": s.fresh("device"), "user_code": user_code, "verification_uri": "https://op.test/device",
            "verification_uri_complete": format!("https://op.test/device?user_code={user_code}"), "expires_in": 300, "interval": 5,
        });
        let asked = request("POST", "https://op.test/codes", &[("client_id", "shop"), ("scope", "openid")]);
        s.exchange(Endpoint::Device, "shop", None, asked, json_answer(200, &said))
    };
    let device = told(s, "WDJB-MJHT");
    let code = member(&s.t, device, "device_code");
    let poll = |s: &mut Sample, client: &str, answer: Answer| {
        let asked = request("POST", "https://op.test/token", &[("grant_type", DEVICE), ("device_code", &code), ("client_id", client)]);
        s.exchange(Endpoint::Token, client, None, asked, answer)
    };
    let refusal = |error: &str| json_answer(400, &json!({ "error": error }));
    let pending = poll(s, "shop", refusal("authorization_pending"));
    let mut page = |asked: Request, says: &str| {
        let headers = [
            ("content-type", "text/html; charset=utf-8"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("referrer-policy", "no-referrer"),
        ];
        s.exchange(Endpoint::Page, "shop", Some(("first", Some("alice"))), asked, answer(200, &headers, says))
    };
    let decides = page(request("GET", "https://op.test/device?user_code=WDJB-MJHT", &[]), DECIDES);
    page(request("POST", "https://op.test/device/decide", &[("decide", "approve")]), "<h1>Done</h1>");
    let anothers = poll(s, "web", refusal("invalid_grant"));
    let body = json!({ "access_token": s.fresh("access"), "token_type": "Bearer", "expires_in": 3600, "scope": "openid" });
    let bought = poll(s, "shop", json_answer(200, &body));
    let again = poll(s, "shop", refusal("invalid_grant"));
    let other = told(s, "BCDF-GHJK");
    s.done(Place::Ask, Verb::Poll, None, Reply { answer: Some(bought), success: true, ..Reply::default() });
    [device, decides, pending, anothers, bought, again, other]
}

fn without(body: &mut Value, name: &str) {
    body.as_object_mut().unwrap().shift_remove(name);
}

fn succeed(t: &mut Transcript, exchange: usize) {
    let body = json!({ "access_token": "a-token-that-nobody-should-have-got-4hT2sXq9", "token_type": "Bearer" });
    t.exchanges[exchange].answer = Ok(json_answer(200, &body));
}

/// A rule, and the way in which the honest walk is spoilt for it.
pub const SPOILT: &[(&str, Spoil<Marks>)] = &[
    ("an-exchange-says-what-was-issued", |t, m| edit_json(t, m.plain, |b| without(b, "issued_token_type"))),
    ("the-issued-type-is-true", |t, m| edit_json(t, m.plain, |b| b["issued_token_type"] = json!(format!("{TYPE}id_token")))),
    ("the-issued-type-is-true", |t, m| edit_json(t, m.plain, |b| b["issued_token_type"] = json!(format!("{TYPE}jwt")))),
    ("n_a-means-no-access-token", |t, m| edit_json(t, m.id_token, |b| b["token_type"] = json!("Bearer"))),
    ("n_a-means-no-access-token", |t, m| edit_json(t, m.acted, |b| b["token_type"] = json!("N_A"))),
    ("an-exchange-says-which-scope-it-narrowed", |t, m| {
        edit_json(t, m.acted, |b| without(b, "scope"));
        edit_json(t, m.introspected, |b| b["scope"] = json!("email"));
    }),
    ("an-exchange-never-widens-the-scope", |t, m| edit_json(t, m.acted, |b| b["scope"] = json!("openid email"))),
    ("an-exchange-never-changes-the-audience", |t, m| edit_id_token(t, m.of_id_token, |_, c| c["aud"] = json!(["web", "everybody"]))),
    ("an-exchange-keeps-the-subject", |t, m| edit_id_token(t, m.acted, |_, c| c["sub"] = json!("sub-of-support"))),
    ("an-actor-is-an-object", |t, m| edit_id_token(t, m.acted, |_, c| c["act"] = json!("sub-of-support"))),
    ("an-actor-is-an-object", |t, m| edit_id_token(t, m.nested, |_, c| c["act"]["act"] = json!([]))),
    ("an-actor-is-identity-alone", |t, m| edit_id_token(t, m.nested, |_, c| c["act"]["act"]["exp"] = json!(1))),
    ("a-delegation-names-its-actor", |t, m| edit_id_token(t, m.acted, |_, c| c["act"]["sub"] = json!("sub-of-bob"))),
    ("an-earlier-actor-is-nested", |t, m| edit_id_token(t, m.nested, |_, c| without(&mut c["act"], "act"))),
    ("an-actor-is-never-lost", |t, m| edit_id_token(t, m.plain, |_, c| without(c, "act"))),
    ("an-actor-is-never-lost", |t, m| edit_id_token(t, m.refreshed, |_, c| without(c, "act"))),
    ("introspection-names-the-actor", |t, m| edit_json(t, m.introspected, |b| without(b, "act"))),
    ("an-actor-does-not-manage", |t, m| t.exchanges[m.managed].answer.as_mut().unwrap().status = 200),
    ("a-device-is-told-everything", |t, m| edit_json(t, m.other, |b| without(b, "verification_uri"))),
    ("a-device-is-told-everything", |t, m| edit_json(t, m.other, |b| b["expires_in"] = json!("soon"))),
    ("device-answers-are-json", |t, m| t.exchanges[m.device].answer.as_mut().unwrap().headers[0].1 = "text/plain".into()),
    ("device-answers-are-never-stored", |t, m| {
        t.exchanges[m.device].answer.as_mut().unwrap().headers.retain(|(n, _)| n != "cache-control")
    }),
    ("a-device-is-told-nothing-twice", |t, m| {
        let answer = t.exchanges[m.device].answer.as_mut().unwrap();
        answer.body = answer.body.replacen('{', r#"{"interval":5,"#, 1);
    }),
    ("whoever-decides-about-a-device-is-told-who-asks", |t, m| {
        let answer = t.exchanges[m.decides].answer.as_mut().unwrap();
        answer.body = answer.body.replace("shop", "a device");
    }),
    ("a-code-in-the-address-is-shown", |t, m| {
        let answer = t.exchanges[m.decides].answer.as_mut().unwrap();
        answer.body = answer.body.replace("WDJB-MJHT", "a code");
    }),
    ("each-device-has-codes-of-its-own", |t, m| edit_json(t, m.other, |b| b["user_code"] = json!("WDJB-MJHT"))),
    ("a-device-code-is-long-enough", |t, m| edit_json(t, m.other, |b| b["device_code"] = json!("4711"))),
    ("a-user-code-can-be-read-aloud", |t, m| edit_json(t, m.other, |b| b["user_code"] = json!("WDJB-MJH0"))),
    ("the-address-to-type-has-no-code-in-it", |t, m| {
        edit_json(t, m.other, |b| b["verification_uri"] = json!("https://op.test/device?c=bcdfghjk"))
    }),
    ("no-tokens-before-a-person-decides", |t, m| succeed(t, m.pending)),
    ("a-device-code-buys-once", |t, m| succeed(t, m.again)),
    ("a-device-code-is-for-its-client", |t, m| succeed(t, m.anothers)),
    ("answers-to-polls-are-400", |t, m| t.exchanges[m.pending].answer.as_mut().unwrap().status = 403),
    ("only-n_a-is-not-bearer", |t, m| edit_json(t, m.bought, |b| b["token_type"] = json!("mac"))),
];
