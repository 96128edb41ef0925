//! A browser and a client in one, as small as they can be, and the provider that they talk to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderValue, LOCATION, SET_COOKIE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use reference_server::{Chance, Handle, Outside, ResolveName, start};
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A CA and a certificate for every name of the tests, made once.
struct Pki {
    server: Arc<rustls::ServerConfig>,
    client: Arc<rustls::ClientConfig>,
}

static PKI: LazyLock<Pki> = LazyLock::new(|| {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut ca = rcgen::CertificateParams::default();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_key = rcgen::KeyPair::generate().expect("a key");
    let ca_cert = ca.self_signed(&ca_key).expect("a CA");
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().expect("a key");
    let names =
        ["op.test", "other.op.test", "web.rp.test", "shop.rp.test", "forum.rp.test", "wiki.rp.test", "robot.rp.test", "backoffice.rp.test"];
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let cert = rcgen::CertificateParams::new(names).expect("names").signed_by(&key, &issuer).expect("a certificate");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca_cert.der().clone()).expect("a root");
    let private = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS#8");
    let server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], private)
        .expect("a certificate and its key");
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Pki { server: Arc::new(server), client: Arc::new(client) }
});

/// TLS for a relying party of a test.
pub fn server_tls() -> Arc<rustls::ServerConfig> {
    PKI.server.clone()
}

/// TLS of a client that trusts the tests.
pub fn client_tls() -> Arc<rustls::ClientConfig> {
    PKI.client.clone()
}

/// The fixtures as one configuration.
pub fn fixtures() -> String {
    [
        include_str!("../../../fixtures/provider.toml"),
        include_str!("../../../fixtures/keys.toml"),
        include_str!("../../../fixtures/clients.toml"),
        include_str!("../../../fixtures/users.toml"),
    ]
    .join("\n")
}

/// A provider with the fixtures; its clients live where `resolve` says.
pub async fn provider_with(config: &str, resolve: ResolveName) -> Handle {
    let outside = Outside { tls: Some(PKI.server.clone()), client_tls: PKI.client.clone(), resolve, data: None };
    start(config, [7; 32], outside).await.expect("the configuration is right")
}

/// A provider with the fixtures whose fresh names are drawn so.
pub async fn provider_by(chance: Chance) -> Handle {
    let outside = Outside { tls: Some(PKI.server.clone()), client_tls: PKI.client.clone(), resolve: Arc::new(|_, _| None), data: None };
    start(&fixtures(), chance, outside).await.expect("the configuration is right")
}

/// A provider with the fixtures that keeps its log in a file.
pub async fn durable_provider(data: &Path, resolve: ResolveName) -> Handle {
    let config = fixtures().replace("store  = \"memory\"", "store = \"durable\"");
    let outside = Outside { tls: Some(PKI.server.clone()), client_tls: PKI.client.clone(), resolve, data: Some(data.to_owned()) };
    start(&config, [7; 32], outside).await.expect("a data file")
}

/// A provider with the fixtures that speaks plain HTTP, as behind a proxy that ends TLS.
pub async fn plain_provider() -> Handle {
    plain_provider_with(&fixtures()).await
}

/// The same with another configuration.
pub async fn plain_provider_with(config: &str) -> Handle {
    let outside = Outside { tls: None, client_tls: PKI.client.clone(), resolve: Arc::new(|_, _| None), data: None };
    start(config, [7; 32], outside).await.expect("the configuration is right")
}

/// A provider with the fixtures, and clients that live nowhere.
pub async fn provider() -> Handle {
    provider_with(&fixtures(), Arc::new(|_, _| None)).await
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// A parameter of the address that this leads to.
    pub fn param(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(self.location()).ok()?;
        url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    pub fn heading(&self) -> &str {
        self.body.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next()).unwrap_or_default()
    }

    /// The value of a hidden field.
    pub fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        self.body.split(&start).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
    }

    /// Where the form leads that has this field or button.
    pub fn action(&self, with: &str) -> String {
        let forms = self.body.split("<form ").skip(1);
        let form = forms.into_iter().find(|form| form.split("</form>").next().is_some_and(|form| form.contains(with)));
        form.and_then(|form| form.split("action=\"").nth(1)).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
    }
}

/// The claims of a JWT, unverified.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

/// The header of a JWT.
pub fn jose_header(token: &str) -> Value {
    let header = token.split('.').next().expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).expect("base64url")).expect("JSON")
}

pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub const MANAGEMENT: &str = "management-of-the-fixtures-it-is-public";

/// A browser with cookies, which follows nothing of itself.
pub struct Walker {
    addr: SocketAddr,
    tls: Option<Arc<rustls::ClientConfig>>,
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

impl Walker {
    pub fn new(handle: &Handle) -> Self {
        Self::to(handle.addr(), PKI.client.clone())
    }

    /// A browser that trusts somebody else.
    pub fn to(addr: SocketAddr, tls: Arc<rustls::ClientConfig>) -> Self {
        Self { addr, tls: Some(tls), cookies: BTreeMap::new() }
    }

    /// A browser before whom somebody has ended TLS.
    pub fn plain(addr: SocketAddr) -> Self {
        Self { addr, tls: None, cookies: BTreeMap::new() }
    }

    /// The provider is elsewhere now.
    pub fn moves_to(&mut self, addr: SocketAddr) {
        self.addr = addr;
    }

    pub async fn send(&mut self, method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        self.try_send(method, url, headers, body).await.expect("an answer")
    }

    /// An answer, if there is one.
    pub async fn try_get(&mut self, url: &str) -> Option<Reply> {
        self.try_send(Method::GET, url, &[], "").await
    }

    async fn try_send(&mut self, method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> Option<Reply> {
        let url = url::Url::parse(url).expect("an address");
        let host = url.host_str().expect("a host").to_owned();
        let mut request =
            Request::builder().method(method).uri(&url[url::Position::BeforePath..url::Position::AfterQuery]).header(HOST, &host);
        if let Some(cookies) = self.cookies.get(&host).filter(|cookies| !cookies.is_empty()) {
            let line: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, line.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_str(value).expect("a header"));
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("a request");
        let stream = TcpStream::connect(self.addr).await.expect("the provider listens");
        stream.set_nodelay(true).expect("a socket");
        let response = match &self.tls {
            None => exchange(stream, request).await?,
            Some(tls) => {
                let name = ServerName::try_from(host.clone()).expect("a name");
                exchange(TlsConnector::from(tls.clone()).connect(name, stream).await.expect("TLS"), request).await?
            }
        };
        let (head, body) = response.into_parts();
        let body = String::from_utf8(body.collect().await.expect("a body").to_bytes().to_vec()).expect("UTF-8");
        for cookie in head.headers.get_all(SET_COOKIE) {
            let line = cookie.to_str().expect("ASCII");
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            self.cookies.entry(host.clone()).or_default().insert(name.to_owned(), value.to_owned());
        }
        Some(Reply { status: head.status, headers: head.headers, body })
    }

    pub async fn get(&mut self, url: &str) -> Reply {
        self.send(Method::GET, url, &[], "").await
    }

    pub async fn post(&mut self, url: &str, form: &[(&str, &str)]) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(Method::POST, url, &[(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")], &body).await
    }

    /// The address of an honest request, with some parameters changed; an empty value leaves one out.
    pub fn authorize_url(client: &str, changes: &[(&str, &str)]) -> String {
        let mut params = BTreeMap::from([
            ("client_id", client.to_owned()),
            ("redirect_uri", format!("https://{client}.rp.test/cb")),
            ("response_type", "code".to_owned()),
            ("scope", "openid profile email".to_owned()),
            ("state", "the state".to_owned()),
            ("nonce", "the nonce".to_owned()),
            ("code_challenge", CHALLENGE.to_owned()),
            ("code_challenge_method", "S256".to_owned()),
        ]);
        for (name, value) in changes {
            params.insert(name, (*value).to_owned());
        }
        params.retain(|_, value| !value.is_empty());
        url::Url::parse_with_params("https://op.test/authorize", params).expect("an address").into()
    }

    /// Signs in on the page that a reply leads to, and returns what comes of it.
    pub async fn sign_in(&mut self, reply: &Reply, user: &str) -> Reply {
        let page = self.get(reply.location()).await;
        let page = if page.heading() == "Choose an account" {
            let next = self.post_to(&page, "account", &[("account", "another")]).await;
            self.get(next.location()).await
        } else {
            page
        };
        assert_eq!(page.heading(), "Sign in", "{page:?}");
        let password = format!("{user}'s password");
        self.post_to(&page, "name=\"password\"", &[("username", user), ("password", &password)]).await
    }

    /// Sends the form of a page that has this field.
    pub async fn post_to(&mut self, page: &Reply, with: &str, fields: &[(&str, &str)]) -> Reply {
        let action = format!("https://op.test{}", page.action(with));
        let token = page.field("form_token");
        let mut form = vec![("form_token", token.as_str())];
        form.extend(fields);
        self.post(&action, &form).await
    }

    /// An authorization request that ends with a code, signing in if need be.
    pub async fn code(&mut self, user: &str, client: &str, changes: &[(&str, &str)]) -> String {
        let mut reply = self.get(&Self::authorize_url(client, changes)).await;
        if reply.location().contains("/sign-in/") {
            reply = self.sign_in(&reply, user).await;
        }
        reply.param("code").unwrap_or_else(|| panic!("no code: {reply:?}"))
    }

    /// Redeems a code as the client would.
    pub async fn redeem(&mut self, client: &str, code: &str, changes: &[(&str, &str)]) -> Reply {
        let redirect_uri = format!("https://{client}.rp.test/cb");
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", VERIFIER.to_owned()),
        ];
        for (name, value) in changes {
            form.retain(|(known, _)| known != name);
            form.push((name, (*value).to_owned()));
        }
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.ask(client, "/token", &form).await
    }

    /// A form that a client sends by itself, authenticated as it is registered.
    pub async fn ask(&mut self, client: &str, path: &str, form: &[(&str, &str)]) -> Reply {
        let mut headers = vec![(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded".to_owned())];
        let mut form: Vec<(&str, String)> = form.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        match client {
            "spa" | "native" | "tv" | "kiosk" => form.push(("client_id", client.to_owned())),
            "shop" => form.extend([("client_id", client.to_owned()), ("client_secret", secret(client))]),
            _ => headers.push(("authorization", basic(client, &secret(client)))),
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.send(Method::POST, &format!("https://op.test{path}"), &headers, &body).await
    }

    /// Uses a refresh token.
    pub async fn refresh(&mut self, client: &str, tokens: &Value, more: &[(&str, &str)]) -> Reply {
        let token = tokens["refresh_token"].as_str().expect("a refresh token");
        let form = [&[("grant_type", "refresh_token"), ("refresh_token", token)], more].concat();
        self.ask(client, "/token", &form).await
    }

    /// What UserInfo says to the access token of an answer.
    pub async fn info(&mut self, tokens: &Value) -> Reply {
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("an access token"));
        self.send(Method::GET, "https://op.test/userinfo", &[("authorization", &bearer)], "").await
    }

    /// From nothing to tokens of this scope.
    pub async fn login_for(&mut self, user: &str, client: &str, scope: &str) -> Value {
        let code = self.code(user, client, &[("scope", scope)]).await;
        let reply = self.redeem(client, &code, &[]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// From nothing to tokens.
    pub async fn login(&mut self, user: &str, client: &str) -> Value {
        let code = self.code(user, client, &[]).await;
        let reply = self.redeem(client, &code, &[]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// What the management API says to the operator, below its path.
    pub async fn manage(&mut self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        let bearer = format!("Bearer {MANAGEMENT}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(body.map(|_| (CONTENT_TYPE.as_str(), "application/json")));
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send(method, &format!("https://op.test/management/{path}"), &headers, &body).await
    }

    /// What introspection says of an access token to its client, which is `web`.
    pub async fn asked_about(&mut self, tokens: &Value) -> Value {
        let token = tokens["access_token"].as_str().expect("an access token");
        self.ask("web", "/introspect", &[("token", token)]).await.json()
    }

    /// The events of the log whose type begins so.
    pub async fn events(&mut self, prefix: &str) -> Vec<Value> {
        let bearer = format!("Bearer {MANAGEMENT}");
        let reply = self.send(Method::GET, "https://op.test/management/events", &[("authorization", &bearer)], "").await;
        let events = reply.json()["events"].as_array().expect("a list").clone();
        events.into_iter().filter(|event| event["type"].as_str().is_some_and(|kind| kind.starts_with(prefix))).collect()
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Option<Response<Incoming>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    sender.send_request(request).await.ok()
}

/// The secret of a client of the fixtures.
pub fn secret(client: &str) -> String {
    let fixtures: toml::Table = include_str!("../../../fixtures/clients.toml").parse().expect("TOML");
    fixtures["clients"][client]["client_secret"].as_str().expect("a secret").to_owned()
}

/// `Basic`, form-encoded as RFC 6749 has it.
pub fn basic(client: &str, secret: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(client), encode(secret))))
}
