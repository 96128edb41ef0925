//! What people see: HTML that needs no script, and headers that keep others out.

use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};

use crate::exchange::Answer;
use crate::names::FormToken;
use crate::provider::Cx;
use crate::refusal::Refusal;

/// "Sign in".
#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage<'a> {
    /// The path of the issuer.
    pub base: &'a str,
    /// Where the pages of this sign-in are.
    pub at: &'a str,
    /// Proof that the form was shown in this browser.
    pub form_token: FormToken,
    /// Who wants to know.
    pub client: &'a str,
    /// Who it probably is.
    pub username: &'a str,
    /// Whether that did not work.
    pub failed: bool,
}

/// An account to choose.
pub struct Account<'a> {
    /// The session.
    pub session_id: &'a str,
    /// What its user is called.
    pub name: &'a str,
    /// What its user signs in with.
    pub login: &'a str,
}

/// "Choose an account".
#[derive(Template)]
#[template(path = "accounts.html")]
pub struct AccountsPage<'a> {
    /// The path of the issuer.
    pub base: &'a str,
    /// Where the pages of this sign-in are.
    pub at: &'a str,
    /// Proof that the form was shown in this browser.
    pub form_token: FormToken,
    /// Who wants to know.
    pub client: &'a str,
    /// Who is here.
    pub accounts: Vec<Account<'a>>,
}

/// "Allow access".
#[derive(Template)]
#[template(path = "consent.html")]
pub struct ConsentPage<'a> {
    /// The path of the issuer.
    pub base: &'a str,
    /// Where the pages of this sign-in are.
    pub at: &'a str,
    /// Proof that the form was shown in this browser.
    pub form_token: FormToken,
    /// Who wants it.
    pub client: &'a str,
    /// Whose it is.
    pub user: &'a str,
    /// What it is, in words.
    pub wants: Vec<&'static str>,
}

/// "Connect a device".
#[derive(Template)]
#[template(path = "device_code.html")]
pub struct DeviceCodePage<'a> {
    /// The path of the issuer.
    pub base: &'a str,
    /// Proof that the form was shown in this browser.
    pub form_token: FormToken,
    /// What the address brings, or what was typed.
    pub user_code: &'a str,
    /// What is wrong with it.
    pub problem: Option<DeviceCodeProblem>,
}

/// What is wrong with the code that somebody has entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceCodeProblem {
    /// No device shows it.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was decided upon.
    Used,
    /// So many were wrong that none is looked at now.
    TooManyGuesses,
}

impl DeviceCodeProblem {
    fn text(self) -> &'static str {
        match self {
            Self::Unknown => "No device is waiting with this code.",
            Self::Expired => "This code has expired. The device can show another one.",
            Self::Used => "This code was used already.",
            Self::TooManyGuesses => "Too many codes were wrong. Try again in a quarter of an hour.",
        }
    }
}

/// "Connect this device?".
#[derive(Template)]
#[template(path = "device.html")]
pub struct DevicePage<'a> {
    /// The path of the issuer.
    pub base: &'a str,
    /// Where the pages of this verification are.
    pub at: &'a str,
    /// Proof that the form was shown in this browser.
    pub form_token: FormToken,
    /// Whose device it is.
    pub client: &'a str,
    /// Who is asked.
    pub user: &'a str,
    /// The session in which that is.
    pub session_id: &'a str,
    /// What the device shows.
    pub user_code: &'a str,
    /// What it wants, in words.
    pub wants: Vec<&'static str>,
}

/// "Sign out?".
#[derive(Template)]
#[template(path = "sign_out.html")]
pub struct SignOutPage<'a> {
    /// The path of the issuer.
    pub base: &'a str,
    /// Proof that the form was shown in this browser.
    pub form_token: FormToken,
    /// Who wants that, if somebody says so.
    pub client: Option<&'a str>,
    /// Who would be signed out.
    pub users: Vec<&'a str>,
    /// The session that the question is about.
    pub session_id: &'a str,
    /// The parameters of the request, to be looked at again.
    pub params: Vec<(&'a str, &'a str)>,
}

/// A page that says something and asks nothing.
#[derive(Template)]
#[template(path = "notice.html")]
pub struct NoticePage<'a> {
    /// The path of the issuer.
    pub base: &'a str,
    /// What it is about.
    pub heading: &'a str,
    /// What it says.
    pub text: &'a str,
    /// For the developer of a client.
    pub code: Option<&'a str>,
}

/// The answer to a client as a form that sends itself.
#[derive(Template)]
#[template(path = "form_post.html")]
struct FormPostPage<'a> {
    redirect_uri: &'a str,
    pairs: &'a [(&'a str, &'a str)],
    script: &'static str,
}

/// The only script there is.
const SUBMIT: &str = "document.forms[0].submit()";

/// A page. `form_action` says where its forms may lead.
pub fn page(status: StatusCode, page: &impl Template, form_action: &str) -> Answer {
    html(status, page, &format!("default-src 'none'; style-src 'self'; form-action {form_action}; frame-ancestors 'none'; base-uri 'none'"))
}

fn html(status: StatusCode, page: &impl Template, policy: &str) -> Answer {
    // Templates are checked when they are compiled; what can fail is writing to memory.
    let text = page.render().unwrap_or_default();
    Answer { body: Bytes::from(text), ..Answer::empty(status) }
        .with(CONTENT_TYPE, "text/html; charset=utf-8")
        .with_text(CONTENT_SECURITY_POLICY, policy)
        .with(X_CONTENT_TYPE_OPTIONS, "nosniff")
        .with(X_FRAME_OPTIONS, "DENY")
        .with(REFERRER_POLICY, "no-referrer")
        .never_stored()
}

/// "Something is not right": a refusal that cannot go to a client.
pub fn refused(cx: &Cx<'_>, refusal: &Refusal) -> Answer {
    let code = refusal.code();
    let text = sentence(&refusal.to_string());
    let notice = NoticePage { base: &cx.origin.path, heading: "Something is not right", text: &text, code: Some(code.text()) };
    let status = if code.status() == 500 { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_REQUEST };
    page(status, &notice, "'none'")
}

/// What is a clause for a developer, as a sentence for everybody.
fn sentence(clause: &str) -> String {
    let mut chars = clause.chars();
    chars.next().map(|first| format!("{}{}.", first.to_uppercase(), chars.as_str())).unwrap_or_default()
}

/// "Something is not right", where there is no issuer to speak for.
pub fn problem(status: StatusCode, text: &str) -> Answer {
    page(status, &NoticePage { base: "", heading: "Something is not right", text, code: None }, "'none'")
}

/// OAuth 2.0 Form Post Response Mode, section 2.
pub fn form_post(redirect_uri: &str, pairs: &[(&str, &str)]) -> Answer {
    static HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(digest::digest(&digest::SHA256, SUBMIT.as_bytes())));
    let scheme = redirect_uri.split_once(':').map_or("https", |(scheme, _)| scheme);
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; form-action {scheme}:; frame-ancestors 'none'; base-uri 'none'",
        HASH.as_str()
    );
    html(StatusCode::OK, &FormPostPage { redirect_uri, pairs, script: SUBMIT }, &policy)
}

/// The style sheet of all pages.
pub fn style() -> Answer {
    Answer { body: Bytes::from_static(include_bytes!("../templates/style.css")), ..Answer::empty(StatusCode::OK) }
        .with(CONTENT_TYPE, "text/css; charset=utf-8")
        .with(CACHE_CONTROL, "public, max-age=3600")
        .with(X_CONTENT_TYPE_OPTIONS, "nosniff")
}
