//! Every endpoint under random input: never a panic, never a 5xx, always an answer of the right shape.

use hyper::Method;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use reference_server::{Handle, paths};
use serde_json::{Map, Value, json};

use crate::walker::{CHALLENGE, MANAGEMENT, Reply, VERIFIER, Walker, basic, plain_provider, secret};

/// What requests are made of, beside chance: every name that means something to one endpoint or another.
const NAMES: &[&str] = &[
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "refresh_token",
    "scope",
    "audience",
    "resource",
    "subject_token",
    "subject_token_type",
    "actor_token",
    "actor_token_type",
    "requested_token_type",
    "assertion",
    "device_code",
    "user_code",
    "token",
    "token_type_hint",
    "access_token",
    "response_type",
    "response_mode",
    "state",
    "nonce",
    "prompt",
    "max_age",
    "display",
    "ui_locales",
    "id_token_hint",
    "login_hint",
    "acr_values",
    "claims",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
    "registration",
    "post_logout_redirect_uri",
    "logout_hint",
    "form_token",
    "username",
    "password",
    "account",
    "decision",
    "decide",
    "session",
    "after",
    "limit",
    "organization",
    "enabled",
    "enable_impersonation",
    "redirect_uris",
    "grant_types",
    "backchannel_logout_uri",
    "jwks",
    "jwks_uri",
    "token_endpoint_auth_method",
];

/// Values that mean something, whoever asks.
const WORDS: &[&str] = &[
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:token-type:access_token",
    "urn:ietf:params:oauth:token-type:id_token",
    "urn:ietf:params:oauth:token-type:jwt",
    "urn:zitadel:params:oauth:token-type:user_id",
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "code",
    "form_post",
    "none",
    "login",
    "consent",
    "S256",
    "openid",
    "openid profile offline_access",
    "web",
    "spa",
    "backoffice",
    "tv",
    "alice",
    "6b2f1c9e-alice",
    "https://web.rp.test/cb",
    "https://web.rp.test/out",
    "system",
    "token_exchange",
    "ORG_END_USER_IMPERSONATOR",
    "de en",
    "true",
    "0",
    "-1",
    "99999999999999999999",
    "{}",
    "[]",
    r#"{"id_token":{"sub":null}}"#,
    "eyJhbGciOiJub25lIn0.e30.",
    "e30.e30.e30",
    "..",
    "%",
    "\0",
    "\u{202e}\u{feff}",
];

/// Path, who sends it, and its parameters.
type Honest = (&'static str, Shows, &'static [(&'static str, &'static str)]);

/// Honest requests; `{name}` is what this provider has given out under that name.
/// Chance starts from one of them as often as from nothing.
const HONEST: &[Honest] = &[
    (
        "/authorize",
        Shows::Nothing,
        &[
            ("client_id", "web"),
            ("redirect_uri", "https://web.rp.test/cb"),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", "state"),
            ("nonce", "nonce"),
            ("prompt", "login"),
            ("max_age", "10"),
            ("claims", r#"{"id_token":{"email":{"essential":true}}}"#),
            ("id_token_hint", "{web.id_token}"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ],
    ),
    (
        "/token",
        Shows::Client("web"),
        &[
            ("grant_type", "authorization_code"),
            ("code", "{web.code}"),
            ("redirect_uri", "https://web.rp.test/cb"),
            ("code_verifier", VERIFIER),
        ],
    ),
    ("/token", Shows::Client("web"), &[("grant_type", "refresh_token"), ("refresh_token", "{web.refresh_token}"), ("scope", "openid")]),
    ("/token", Shows::Client("service"), &[("grant_type", "client_credentials"), ("scope", "openid")]),
    (
        "/token",
        Shows::Client("backoffice"),
        &[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", "{backoffice.access_token}"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("actor_token", "{backoffice.id_token}"),
            ("actor_token_type", "urn:ietf:params:oauth:token-type:id_token"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("audience", "backoffice"),
            ("scope", "openid"),
        ],
    ),
    (
        "/token",
        Shows::Client("backoffice"),
        &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", "{backoffice.id_token}"), ("scope", "openid")],
    ),
    (
        "/token",
        Shows::Nothing,
        &[("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", "{tv.device_code}"), ("client_id", "tv")],
    ),
    (
        "/token",
        Shows::Nothing,
        &[
            ("grant_type", "client_credentials"),
            ("client_id", "robot"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", "{web.id_token}"),
        ],
    ),
    ("/device_authorization", Shows::Nothing, &[("client_id", "tv"), ("scope", "openid")]),
    ("/device", Shows::Nothing, &[("form_token", "{form_token}"), ("user_code", "{tv.user_code}")]),
    ("/introspect", Shows::Client("web"), &[("token", "{web.access_token}"), ("token_type_hint", "access_token")]),
    ("/revoke", Shows::Client("web"), &[("token", "{web.access_token}"), ("token_type_hint", "access_token")]),
    ("/userinfo", Shows::Nothing, &[("access_token", "{web.access_token}")]),
    (
        "/end_session",
        Shows::Nothing,
        &[
            ("id_token_hint", "{web.id_token}"),
            ("client_id", "web"),
            ("post_logout_redirect_uri", "https://web.rp.test/out"),
            ("state", "state"),
        ],
    ),
    ("/sign-in/{id}/password", Shows::Nothing, &[("form_token", "{form_token}"), ("username", "alice"), ("password", "alice's password")]),
    ("/management/events", Shows::Management, &[("after", "1"), ("limit", "2")]),
];

/// A value of a parameter, of a header, or of a place in a path.
#[derive(Clone, Debug)]
enum Text {
    /// One of those that this provider has given out.
    Given(usize),
    /// This one of those.
    Named(&'static str),
    Literal(String),
}

/// What a request shows in `Authorization`.
#[derive(Clone, Debug)]
enum Shows {
    Nothing,
    Client(&'static str),
    Management,
    Bearer(Text),
    Literal(String),
}

#[derive(Clone, Debug)]
struct Sent {
    path: Path,
    /// A method of that path, or any.
    method: Option<&'static str>,
    id: Text,
    query: Vec<(&'static str, Text)>,
    pairs: Vec<(&'static str, Text)>,
    body: Body,
    shows: Shows,
}

#[derive(Clone, Debug)]
enum Path {
    Any(usize),
    This(&'static str),
}

#[derive(Clone, Debug)]
enum Body {
    Form,
    Json,
    Literal(&'static str, String),
}

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        4 => any::<usize>().prop_map(Text::Given),
        4 => select(WORDS).prop_map(|word| Text::Literal(word.to_owned())),
        2 => ".{0,24}".prop_map(Text::Literal),
        1 => ("[a-zA-Z0-9./{}%]", 1_usize..9000).prop_map(|(letter, times)| Text::Literal(letter.repeat(times))),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    let method = prop_oneof![
        6 => Just(None),
        1 => select(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"][..]).prop_map(Some),
    ];
    let types = ["application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x", "text/plain", ";"];
    let body = prop_oneof![
        12 => Just(Body::Form),
        2 => Just(Body::Json),
        1 => (select(types.to_vec()), ".{0,40}").prop_map(|(kind, text)| Body::Literal(kind, text)),
    ];
    let shows = prop_oneof![
        3 => Just(Shows::Nothing),
        3 => select(&["web", "forum", "backoffice", "service"][..]).prop_map(Shows::Client),
        3 => Just(Shows::Management),
        2 => text().prop_map(Shows::Bearer),
        1 => "[ -~]{0,30}".prop_map(Shows::Literal),
    ];
    let pair = || (select(NAMES), text());
    let anything = (any::<usize>(), text(), vec(pair(), 0..4), vec(pair(), 0..7), shows)
        .prop_map(|(path, id, query, pairs, shows)| (Path::Any(path), id, query, pairs, shows));
    // Each parameter as it is, or gone, or another one, or there twice.
    let slip = || prop_oneof![10 => Just(Slip::None), 1 => Just(Slip::Drop), 2 => text().prop_map(Slip::Instead), 1 => Just(Slip::Twice)];
    let nearly = (select(HONEST), vec(slip(), 12), vec(pair(), 0..2), text()).prop_map(|((path, shows, honest), slips, more, id)| {
        let mut pairs = Vec::new();
        for ((name, value), slip) in honest.iter().zip(slips) {
            let named = value.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).filter(|name| !name.contains('"'));
            let value = named.map_or_else(|| Text::Literal((*value).to_owned()), Text::Named);
            match slip {
                Slip::None => pairs.push((*name, value)),
                Slip::Drop => {}
                Slip::Instead(other) => pairs.push((*name, other)),
                Slip::Twice => pairs.extend([(*name, value.clone()), (*name, value)]),
            }
        }
        pairs.extend(more);
        // In the address too, for the endpoints that are asked by GET.
        (Path::This(path), id, pairs.clone(), pairs, shows.clone())
    });
    (prop_oneof![anything, nearly], method, body).prop_map(|((path, id, query, pairs, shows), method, body)| {
        let query = match (&path, &method) {
            (Path::This("/authorize" | "/end_session" | "/management/events"), _) | (Path::Any(_), _) => query,
            (Path::This(_), _) => Vec::new(),
        };
        Sent { path, method, id, query, pairs, body, shows }
    })
}

#[derive(Clone, Debug)]
enum Slip {
    None,
    Drop,
    Instead(Text),
    Twice,
}

/// Everything that this provider gives to somebody in a day, under a name, for requests to be made of.
async fn given(walker: &mut Walker) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut keep = |of: &str, reply: &Value, names: &[&str]| {
        for name in names {
            all.extend(reply[name].as_str().map(|value| (format!("{of}.{name}"), value.to_owned())));
        }
    };
    for client in ["web", "backoffice", "spa"] {
        let tokens = walker.login_for("alice", client, "openid profile offline_access").await;
        keep(client, &tokens, &["access_token", "refresh_token", "id_token"]);
    }
    let device = walker.ask("tv", "/device_authorization", &[("scope", "openid")]).await;
    if device.status == 200 {
        keep("tv", &device.json(), &["device_code", "user_code"]);
    }
    let registration = json!({ "redirect_uris": ["https://robot.rp.test/cb"] }).to_string();
    let kind = [("content-type", "application/json")];
    let registered = walker.send(Method::POST, "https://op.test/register", &kind, &registration).await.json();
    keep("registered", &registered, &["client_id", "client_secret", "registration_access_token"]);
    all.push(("web.code".to_owned(), walker.code("alice", "web", &[]).await));
    let begun = walker.get(&Walker::authorize_url("web", &[("prompt", "login")])).await;
    all.push(("sign-in".to_owned(), begun.location().rsplit('/').next().unwrap_or_default().to_owned()));
    let page = walker.get(begun.location()).await;
    all.push(("form_token".to_owned(), page.field("form_token")));
    all
}

async fn send(walker: &mut Walker, sent: &Sent, given: &[(String, String)]) -> Reply {
    let words = |text: &Text| match text {
        Text::Given(which) => given[which % given.len()].1.clone(),
        Text::Named(wanted) => given.iter().find(|(name, _)| name == wanted).map_or_else(String::new, |(_, value)| value.clone()),
        Text::Literal(text) => text.clone(),
    };
    let all: Vec<_> = paths().collect();
    let (path, methods) = match &sent.path {
        Path::Any(which) => all[which % all.len()],
        Path::This(path) => all.iter().find(|(known, _)| known == path).copied().unwrap_or((path, &[Method::POST])),
    };
    let method = sent.method.unwrap_or_else(|| methods[sent.pairs.len() % methods.len()].as_str());
    let mut url = url::Url::parse("https://op.test/").expect("an address");
    {
        let mut segments = url.path_segments_mut().expect("a path");
        segments.clear();
        for segment in path.split('/').skip(1) {
            let id = words(&sent.id);
            segments.push(if segment.starts_with('{') { &id } else { segment });
        }
    }
    if !sent.query.is_empty() {
        url.query_pairs_mut().extend_pairs(sent.query.iter().map(|(name, value)| (*name, words(value))));
    }
    let pairs = || sent.pairs.iter().map(|(name, value)| (*name, words(value)));
    let (kind, body) = match &sent.body {
        Body::Form => {
            ("application/x-www-form-urlencoded", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs()).finish())
        }
        Body::Json => {
            let members: Map<String, Value> =
                pairs().map(|(name, value)| (name.to_owned(), serde_json::from_str(&value).unwrap_or(json!(value)))).collect();
            ("application/json", json!(members).to_string())
        }
        Body::Literal(kind, text) => (*kind, text.clone()),
    };
    let shows = match &sent.shows {
        Shows::Nothing => None,
        Shows::Client(client) => Some(basic(client, &secret(client))),
        Shows::Management => Some(format!("Bearer {MANAGEMENT}")),
        Shows::Bearer(text) => Some(format!("Bearer {}", words(text))),
        Shows::Literal(text) => Some(text.clone()),
    };
    let mut headers = vec![("content-type", kind)];
    headers.extend(shows.as_deref().filter(|text| text.bytes().all(|byte| (32..127).contains(&byte))).map(|text| ("authorization", text)));
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let body = if method == Method::GET || method == Method::HEAD { String::new() } else { body };
    walker.send(method, url.as_str(), &headers, &body).await
}

/// What is true of every answer.
fn shape(reply: &Reply) -> Result<(), TestCaseError> {
    let status = reply.status.as_u16();
    prop_assert!(status < 500, "{reply:?}");
    let kind = reply.header("content-type");
    if !reply.body.is_empty() {
        prop_assert!(!kind.is_empty(), "a body of no type: {reply:?}");
    }
    if kind.starts_with("application/json") && !reply.body.is_empty() {
        let json: Result<Value, _> = serde_json::from_str(&reply.body);
        prop_assert!(json.is_ok(), "no JSON: {reply:?}");
        if status >= 400 {
            prop_assert!(json.is_ok_and(|json| json["error"].is_string()), "a refusal without `error`: {reply:?}");
        }
    }
    if kind.starts_with("text/html") && !reply.body.is_empty() {
        prop_assert!(reply.body.contains("<h1>"), "a page without a heading: {reply:?}");
        prop_assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"), "{reply:?}");
    }
    if (300..400).contains(&status) {
        prop_assert!(!reply.location().is_empty(), "{reply:?}");
    }
    if status == 401 {
        prop_assert!(!reply.header("www-authenticate").is_empty(), "{reply:?}");
    }
    if status == 405 {
        prop_assert!(!reply.header("allow").is_empty(), "{reply:?}");
    }
    Ok(())
}

async fn story(handle: &Handle, requests: &[Sent]) -> Result<(), TestCaseError> {
    let mut walker = Walker::plain(handle.addr());
    let given = given(&mut walker).await;
    for sent in requests {
        shape(&send(&mut walker, sent, &given).await)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_has_an_answer_of_the_right_shape(requests in vec(sent(), 60..140)) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let handle = plain_provider().await;
            story(&handle, &requests).await
        })?;
    }
}
