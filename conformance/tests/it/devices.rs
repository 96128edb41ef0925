//! The verbs of the device grant and of exchanges, at a provider of this test's own with pages of its own.

use std::sync::{Arc, Mutex};

use conformance::transcript::{Ended, Landed, Transcript};
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::foreign::{scenarios, still, stub, target, transcript, walked};

type Form = Vec<(String, String)>;

/// What was posted, in its order: path and form.
type Posted = Arc<Mutex<Vec<(String, Form)>>>;

fn param<'f>(form: &'f [(String, String)], name: &str) -> Option<&'f str> {
    form.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
}

const ENTRY: &str = "<title>Connect a device</title><form method=post action=/device><label>What the device shows \
                     <input name=the_code></label><button>Go on</button></form>";
const SIGN_IN: &str =
    "<form method=post action=/sign-in><input name=username><input type=password name=password><button>Sign in</button></form>";
const CONFIRM: &str = "<h1>Let the television in?</h1><form method=post action=/decide><input type=hidden name=ticket value=7>\
                       <button name=a value=allow>Allow</button><button name=a value=deny>Deny</button></form>";

/// A provider with one device: it asks for the code, for the person, for the decision.
fn answer(posted: &Posted, request: &Request) -> ResponseTemplate {
    let base = format!("http://{}", request.headers["host"].to_str().unwrap());
    let json = |status: u16, body: Value| ResponseTemplate::new(status).set_body_json(body);
    let page = |status: u16, html: &str| ResponseTemplate::new(status).set_body_raw(html.as_bytes().to_vec(), "text/html");
    let path = request.url.path();
    if path.contains("/.well-known/") {
        let endpoints = [("device_authorization", "codes"), ("token", "token")];
        let mut document = json!({ "issuer": base });
        for (name, path) in endpoints {
            document[format!("{name}_endpoint")] = format!("{base}/{path}").into();
        }
        return json(200, document);
    }
    if request.method.as_str() == "GET" {
        return page(200, if request.url.query().is_some() { SIGN_IN } else { ENTRY });
    }
    let form: Form = url::form_urlencoded::parse(&request.body).into_owned().collect();
    posted.lock().unwrap().push((path.to_owned(), form.clone()));
    let decided = posted.lock().unwrap().iter().rev().find_map(|(_, form)| param(form, "a").map(str::to_owned));
    match path {
        "/codes" => json(
            200,
            json!({ "device_code": "dc", "user_code": "WDJB-MJHT", "verification_uri": format!("{base}/device"),
                "verification_uri_complete": format!("{base}/device?user_code=WDJB-MJHT"), "expires_in": 300, "interval": 0 }),
        ),
        "/device" if param(&form, "the_code").is_some_and(|code| code.to_uppercase().starts_with("WDJB")) => page(200, SIGN_IN),
        "/device" => page(400, ENTRY),
        "/sign-in" => page(200, CONFIRM),
        "/decide" => page(200, if decided.as_deref() == Some("allow") { "<h1>Connected</h1>" } else { "<h1>Denied</h1>" }),
        _ => match decided.as_deref() {
            None if param(&form, "device_code").is_some() => json(400, json!({ "error": "authorization_pending" })),
            Some("deny") if param(&form, "device_code").is_some() => json(400, json!({ "error": "access_denied" })),
            _ => json(200, json!({ "access_token": "at", "token_type": "Bearer" })),
        },
    }
}

fn walk(text: &str) -> (Transcript, Vec<(String, Form)>) {
    let checks = scenarios(&[("a/b.toml".into(), format!("title = 'x'\ncites = ['rfc6749-3.2-unknown-param-ignored']\n{text}"))]);
    let (posted, folder) = (Posted::default(), tempfile::tempdir().unwrap());
    let walks = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let server = stub({
            let posted = posted.clone();
            move |request| answer(&posted, request)
        })
        .await;
        let file = format!(
            "name = 'a stub'\nissuer = '{}'\nquiet.after = '1ms'\n[clients]\nhow = 'given'\n[clients.web]\nclient_id = 'web'\n\
             client_secret = 'a secret of thirty-two bytes and more'\nredirect_uris = ['http://127.0.0.1:9/web/cb']\n\
             [clients.tv]\nclient_id = 'tv'\ntoken_endpoint_auth_method = 'none'\nredirect_uris = ['http://127.0.0.1:9/tv/cb']\n\
             [users.alice]\nusername = 'alice'\npassword = 'pw'\n[login]\ndriver = 'form'\n",
            server.uri()
        );
        walked(&target(folder.path(), &file, still()), &checks).await.unwrap()
    });
    let posted = posted.lock().unwrap().clone();
    (transcript(&walks[0]).clone(), posted)
}

const DEVICE: &str = "[[step]]\ndevice = { client = 'tv', scope = 'openid' }\nsave = 'device'\n";

fn landed(t: &Transcript) -> Option<Landed> {
    t.steps.iter().flat_map(|s| &s.replies).find_map(|r| r.landed)
}

#[test]
fn a_person_types_the_code_signs_in_and_decides() {
    let text = format!(
        "{DEVICE}[[step]]\npoll = {{ of = '{{device}}' }}\nrefused = ['authorization_pending']\n\
         [[step]]\nenter_code = {{ of = '{{device}}', user = 'alice', typed = 'lower' }}\n\
         [ask]\npoll = {{ of = '{{device}}' }}\nexpect.json.token_type = 'Bearer'\n"
    );
    let (t, posted) = walk(&text);
    assert!(matches!(t.ended, Ended::Asked { .. }), "{:?}", t.ended);
    let paths: Vec<_> = posted.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/codes", "/token", "/device", "/sign-in", "/decide", "/token"]);
    assert_eq!((param(&posted[0].1, "client_id"), param(&posted[0].1, "scope")), (Some("tv"), Some("openid")));
    assert_eq!(param(&posted[2].1, "the_code"), Some("wdjb-mjht"));
    assert_eq!((param(&posted[4].1, "ticket"), param(&posted[4].1, "a")), (Some("7"), Some("allow")));
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    assert_eq!((param(&posted[5].1, "grant_type"), param(&posted[5].1, "device_code")), (Some(grant), Some("dc")));
    assert_eq!(landed(&t), Some(Landed::Done));
}

#[test]
fn a_no_is_a_decision_too_and_a_page_that_the_address_has_filled_in_asks_for_no_code() {
    let text = format!(
        "{DEVICE}[[step]]\nenter_code = {{ of = '{{device}}', user = 'alice', typed = 'complete', decide = 'deny' }}\n\
         [[step]]\npoll = {{ of = '{{device}}' }}\nrefused = ['access_denied']\n\
         [ask]\nclient_credentials = {{ client = 'web' }}\nexpect.status = 200\n"
    );
    let (t, posted) = walk(&text);
    assert!(matches!(t.ended, Ended::Asked { .. }), "{:?}", t.ended);
    let paths: Vec<_> = posted.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(&paths[..3], ["/codes", "/sign-in", "/decide"]);
    assert_eq!(landed(&t), Some(Landed::Done));
}

#[test]
fn a_wrong_code_ends_where_the_code_is_asked_for_again() {
    let text = format!(
        "{DEVICE}[[step]]\nenter_code = {{ of = '{{device}}', user = 'alice', typed = 'wrong' }}\nrefused = 'page'\n\
         [ask]\nenter_code = {{ of = '{{device}}', user = 'alice' }}\nexpect.landed = 'done'\n"
    );
    let (t, posted) = walk(&text);
    assert!(matches!(t.ended, Ended::Asked { .. }), "{:?}", t.ended);
    assert_eq!(landed(&t), Some(Landed::EnterCode));
    assert_eq!(param(&posted[1].1, "the_code"), Some("XFKC-NKJV"), "of the same shape");
}

#[test]
fn a_token_is_exchanged_and_its_type_is_said_where_nobody_says_another() {
    let text = "[[step]]\nclient_credentials = { client = 'web' }\nsave = 'got'\n\
        [[step]]\nexchange = { of = '{got}', subject_token_type = 'urn:ietf:params:oauth:token-type:jwt' }\nsave = 'one'\n\
        [[step]]\njwt_bearer = { client = 'web', assertion = 'a.b.c', scope = 'x' }\n\
        [ask]\nexchange = { client = 'web', subject_token = '{one.access_token}', actor_token = '{got.access_token}' }\n\
        set.scope = 'y'\nexpect.json.token_type = 'Bearer'\n";
    let (t, posted) = walk(text);
    assert!(matches!(t.ended, Ended::Asked { .. }), "{:?}", t.ended);
    let forms: Vec<_> = posted.iter().map(|(_, form)| form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>()).collect();
    let exchange = ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
    let access = "urn:ietf:params:oauth:token-type:access_token";
    assert_eq!(forms[1], [exchange, ("subject_token", "at"), ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt")]);
    assert_eq!(forms[2], [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", "a.b.c"), ("scope", "x")]);
    let both = [("subject_token", "at"), ("subject_token_type", access), ("actor_token", "at"), ("actor_token_type", access)];
    assert_eq!(forms[3][..5], [vec![exchange], both.to_vec()].concat());
    assert_eq!(forms[3][5], ("scope", "y"));
}
