//! The verbs of clients, at a provider of this test's own that writes down what it is asked.

use std::sync::{Arc, Mutex};

use conformance::transcript::jose::Jws;
use conformance::transcript::view::View;
use conformance::transcript::{Ended, Outcome, Transcript};
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::foreign::{scenarios, still, stub, target, transcript, walked};

/// What was asked of the provider: method and path, headers and body of each request but for discovery.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<Request>>>);

impl Asked {
    fn of(&self, path: &str) -> Vec<Request> {
        self.0.lock().unwrap().iter().filter(|r| r.url.path() == path).cloned().collect()
    }

    fn forms(&self, path: &str) -> Vec<Vec<(String, String)>> {
        self.of(path).iter().map(|r| url::form_urlencoded::parse(&r.body).into_owned().collect()).collect()
    }

    fn bodies(&self, path: &str) -> Vec<Value> {
        self.of(path).iter().map(|r| serde_json::from_slice(&r.body).unwrap_or_default()).collect()
    }
}

fn param<'f>(form: &'f [(String, String)], name: &str) -> Option<&'f str> {
    form.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
}

fn header(request: &Request, name: &str) -> Option<String> {
    request.headers.get(name).map(|v| v.to_str().unwrap().to_owned())
}

const ISSUED: &str = "a-registration-token-that-nobody-may-read";

/// A provider that believes everything.
fn answer(asked: &Asked, request: &Request, without: &[&str]) -> ResponseTemplate {
    let base = format!("http://{}", request.headers["host"].to_str().unwrap());
    let json = |status: u16, body: Value| ResponseTemplate::new(status).set_body_json(body);
    if request.url.path().contains("/.well-known/") {
        let mut document = json!({ "issuer": base });
        for endpoint in ["token", "introspection", "revocation", "registration"] {
            let member = format!("{endpoint}_endpoint");
            if !without.contains(&member.as_str()) {
                document[member] = format!("{base}/{endpoint}").into();
            }
        }
        return json(200, document);
    }
    asked.0.lock().unwrap().push(request.clone());
    let count = asked.of(request.url.path()).len();
    match (request.method.as_str(), request.url.path()) {
        // Every second refresh brings a new refresh token.
        ("POST", "/token") if count.is_multiple_of(2) => {
            json(200, json!({ "access_token": format!("at-{count}"), "token_type": "Bearer", "refresh_token": format!("rt-{count}") }))
        }
        ("POST", "/token") => json(200, json!({ "access_token": format!("at-{count}"), "token_type": "Bearer" })),
        ("POST", "/introspection") => json(200, json!({ "active": true })),
        ("POST", "/revocation") => ResponseTemplate::new(200),
        ("POST", "/registration") => {
            let mut client: Value = request.body_json().unwrap();
            client["client_id"] = "made".into();
            client["client_secret"] = "a-secret-of-the-providers-own-choice".into();
            client["registration_client_uri"] = format!("{base}/registration/made").into();
            client["registration_access_token"] = ISSUED.into();
            json(201, client)
        }
        ("DELETE", "/registration/made") => ResponseTemplate::new(204),
        (method, "/registration/made") => {
            let mut client: Value = if method == "PUT" { request.body_json().unwrap() } else { json!({ "client_id": "made" }) };
            client["registration_client_uri"] = format!("{base}/registration/made").into();
            client["registration_access_token"] = format!("{ISSUED}, again").into();
            json(200, client)
        }
        _ => ResponseTemplate::new(404),
    }
}

/// Walks one scenario at a provider that lacks these members of its discovery document.
fn walk(text: &str, without: &'static [&str], clients: &str) -> (Transcript, Asked) {
    let checks = scenarios(&[("a/b.toml".into(), format!("title = 'x'\ncites = ['rfc6749-3.2-unknown-param-ignored']\n{text}"))]);
    let (asked, folder) = (Asked::default(), tempfile::tempdir().unwrap());
    let walks = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let server = stub({
            let asked = asked.clone();
            move |request| answer(&asked, request, without)
        })
        .await;
        let file = format!("name = 'a stub'\nissuer = '{}'\nquiet.after = '1ms'\n{clients}", server.uri());
        walked(&target(folder.path(), &file, still()), &checks).await.unwrap()
    });
    (transcript(&walks[0]).clone(), asked)
}

/// A client that is given.
const GIVEN: &str = "[clients]\nhow = 'given'\n[clients.web]\nclient_id = 'web'\nclient_secret = 'a secret & more: of thirty-two bytes'\nredirect_uris = ['http://127.0.0.1:9/web/cb']\n";

#[test]
fn a_refresh_goes_on_with_the_token_that_is_good_then() {
    let text = "[[step]]\nrefresh = { client = 'web', refresh_token = 'rt-0' }\nsave = 'first'\n\
        [[step]]\nrefresh = { of = '{first}', scope = 'openid' }\nsave = 'second'\n\
        [ask]\nrefresh = { of = '{second}' }\nset.scope = 'more'\nexpect.json.token_type = 'Bearer'\n";
    let (t, asked) = walk(text, &[], GIVEN);
    assert_eq!(t.ended, Ended::Asked { watched: 0 }, "{t:#?}");
    let forms = asked.forms("/token");
    let said: Vec<_> = forms.iter().map(|f| (param(f, "grant_type"), param(f, "refresh_token"), param(f, "scope"))).collect();
    let grant = Some("refresh_token");
    // The first answer brought none, so the old one stays good; the second brought one.
    assert_eq!(said, [(grant, Some("rt-0"), None), (grant, Some("rt-0"), Some("openid")), (grant, Some("rt-2"), Some("more"))]);
    let basic = header(&asked.of("/token")[0], "authorization").unwrap();
    assert!(basic.starts_with("Basic "), "RFC 6749 §2.3.1: {basic}");
    assert_eq!(t.exchanges.last().unwrap().edited, ["set scope"]);
}

#[test]
fn a_token_is_asked_about_and_given_back_by_whoever_got_it() {
    let text = "[[step]]\nclient_credentials = { client = 'web', scope = 'x' }\nsave = 'got'\n\
        [[step]]\nrevoke = { of = '{got}', token_type_hint = 'access_token' }\n\
        [ask]\nintrospect = { client = 'web', token = '{got.access_token}', auth = 'client_secret_post' }\nexpect.json.active = true\n";
    let (t, asked) = walk(text, &[], GIVEN);
    assert!(matches!(t.ended, Ended::Asked { .. }), "{:?}", t.ended);
    assert_eq!(param(&asked.forms("/token")[0], "grant_type"), Some("client_credentials"));
    let revoked = &asked.forms("/revocation")[0];
    assert_eq!((param(revoked, "token"), param(revoked, "token_type_hint")), (Some("at-1"), Some("access_token")));
    let introspected = &asked.forms("/introspection")[0];
    assert_eq!((param(introspected, "token"), param(introspected, "client_id")), (Some("at-1"), Some("web")));
}

/// The assertion of the only token request.
fn asserted(edits: &str, auth: &str) -> Jws {
    let text = format!("[ask]\nclient_credentials = {{ client = 'web', auth = '{auth}' }}\n{edits}expect.json.token_type = 'Bearer'\n");
    let (t, asked) = walk(&text, &[], GIVEN);
    let forms = asked.forms("/token");
    let form = forms.first().unwrap_or_else(|| panic!("{:?}", t.steps));
    assert_eq!(param(form, "client_assertion_type"), Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
    assert_eq!((param(form, "client_secret"), header(&asked.of("/token")[0], "authorization")), (None, None));
    Jws::parse(param(form, "client_assertion").unwrap()).unwrap()
}

#[test]
fn an_assertion_says_who_signs_for_whom_and_how_long() {
    let by_key = asserted("", "private_key_jwt");
    let keys = conformance::drive::published::client_keys("web");
    let key = keys["keys"].as_array().unwrap().iter().find(|k| k["kid"] == by_key.header["kid"]).unwrap();
    assert_eq!((by_key.header_str("alg"), by_key.verifies_under(key)), (Some("RS256"), Some(true)));
    let claims = &by_key.claims;
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("web"), &json!("web")));
    assert!(claims["aud"].as_str().unwrap().ends_with("/token"));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    assert!(claims["jti"].as_str().unwrap().len() > 20);
    assert_eq!(asserted("", "client_secret_jwt").header_str("alg"), Some("HS256"));
}

#[test]
fn an_assertion_is_changed_before_it_is_signed() {
    let edits = "set.assertion.aud = 'https://elsewhere.example'\nset.assertion_header.crit = ['b64']\ndrop = ['assertion.jti']\n";
    let edited = asserted(edits, "private_key_jwt");
    assert_eq!((&edited.claims["aud"], edited.claims.get("jti")), (&json!("https://elsewhere.example"), None));
    assert_eq!(edited.header["crit"], json!(["b64"]));
    let keys = conformance::drive::published::client_keys("web");
    let key = keys["keys"].as_array().unwrap().iter().find(|k| k["alg"] == "RS256").unwrap().clone();
    assert_eq!(edited.verifies_under(&key), Some(true));
    assert_eq!(asserted("set.assertion_key = 'foreign'\n", "private_key_jwt").verifies_under(&key), Some(false));
    let unsigned = asserted("set.assertion_header.alg = 'none'\n", "private_key_jwt");
    assert_eq!((unsigned.header_str("alg"), unsigned.signature.len()), (Some("none"), 0));
    let confused = asserted("set.assertion_key = 'hs256-public'\n", "private_key_jwt");
    assert_eq!(confused.header_str("alg"), Some("HS256"));
}

#[test]
fn an_assertion_that_is_not_there_cannot_be_changed() {
    let (t, _) = walk("[ask]\nclient_credentials = { client = 'web' }\nset.assertion.aud = 'x'\nexpect.status = 200\n", &[], GIVEN);
    let Outcome::Failed(why) = &t.steps[0].outcome else { panic!("{t:?}") };
    assert_eq!(why, "`assertion.aud` is changed, and `web` shows no assertion: it uses client_secret_basic");
}

#[test]
fn an_endpoint_that_is_missing_is_said() {
    let text = "[ask]\nintrospect = { client = 'web', token = 'x' }\nexpect.status = 200\n";
    let (t, _) = walk(text, &["introspection_endpoint"], GIVEN);
    let Outcome::Failed(why) = &t.steps[0].outcome else { panic!("{t:?}") };
    assert_eq!(
        why,
        "the discovery document has no `introspection_endpoint`; if the provider has no introspection, its target file says so: `[[lacks]]` with `feature = \"introspection\"`"
    );
}

#[test]
fn a_client_is_made_read_changed_and_removed() {
    let text = "[[step]]\nregister = { act = 'make', client_name = 'Mine', redirect_uris = ['https://mine.example/cb'], bearer = 'initial' }\nsave = 'made'\n\
        [[step]]\nregister = { act = 'read', of = '{made}' }\nsave = 'read'\n\
        [[step]]\nregister = { act = 'change', of = '{made}', client_name = 'Yours' }\nsave = 'changed'\n\
        [ask]\nregister = { act = 'remove', of = '{changed}' }\nexpect.status = 204\n";
    let (t, asked) = walk(text, &[], GIVEN);
    assert!(matches!(t.ended, Ended::Asked { .. }), "{:?}", t.ended);
    let made = &asked.of("/registration")[0];
    assert_eq!(header(made, "authorization").as_deref(), Some("Bearer initial"));
    assert_eq!(asked.bodies("/registration")[0], json!({ "client_name": "Mine", "redirect_uris": ["https://mine.example/cb"] }));
    let managed = asked.of("/registration/made");
    let methods: Vec<_> = managed.iter().map(|r| r.method.as_str()).collect();
    assert_eq!(methods, ["GET", "PUT", "DELETE"]);
    // A change says everything again, but for what is the provider's own (RFC 7592 §2.2).
    let wanted = json!({ "client_name": "Yours", "redirect_uris": ["https://mine.example/cb"], "client_id": "made" });
    assert_eq!(asked.bodies("/registration/made")[1], wanted);
    let tokens: Vec<_> = managed.iter().map(|r| header(r, "authorization").unwrap()).collect();
    assert_eq!(tokens, [format!("Bearer {ISSUED}"), format!("Bearer {ISSUED}"), format!("Bearer {ISSUED}, again")]);
}

/// What a test of a registration may change.
#[test]
fn a_registration_is_edited_member_by_member() {
    let text = "[ask]\nregister = { act = 'make', client_name = 'Mine', redirect_uris = ['https://mine.example/cb'] }\n\
        set.redirect_uris = []\nset.jwks.keys = []\ndrop = ['client_name']\nexpect.status = 201\n";
    let (t, asked) = walk(text, &[], GIVEN);
    assert_eq!(asked.bodies("/registration")[0], json!({ "redirect_uris": [], "jwks": { "keys": [] } }));
    assert_eq!(t.exchanges.last().unwrap().edited, ["set jwks.keys", "set redirect_uris", "drop client_name"]);
}

#[test]
fn a_client_of_the_file_that_registers_is_what_the_provider_made_of_it() {
    let text = "[client.mine]\nlike = 'web'\nregister = true\n\
        [[step]]\nregister = { act = 'change', client = 'mine', redirect_uris = ['https://other.example/cb'] }\n\
        [ask]\nclient_credentials = { client = 'mine' }\nexpect.json.token_type = 'Bearer'\n";
    let (t, asked) = walk(text, &[], "clients.how = 'register'\n");
    assert!(matches!(t.ended, Ended::Asked { .. }), "{:?}", t.ended);
    let basic = header(&asked.of("/token")[0], "authorization").unwrap();
    let view = View { transcript: &t, now: 0 };
    assert_eq!(basic, format!("Basic {}", view.client("mine").unwrap()["basic"].as_str().unwrap()));
    // Both addresses lead to it, for somebody may still be on the way to the old one; no rule may say which of them was registered when.
    assert_eq!(t.clients["mine"]["redirect_uris"].as_array().unwrap().len(), 2);
    assert!(t.changed["mine"].contains_key("redirect_uris"));
    let normal = serde_json::to_string(&conformance::transcript::normal::normal(&t)).unwrap();
    assert!(!normal.contains(ISSUED) && !normal.contains("a-secret-of-the-providers-own-choice"), "{normal}");
}
