//! What people see: HTML that needs no script, and headers that keep others out.

use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use crate::exchange::{Answer, Request};
use crate::names::FormToken;
use crate::provider::Cx;
use crate::refusal::{ErrorCode, Refusal};
use crate::texts::{self, Text, Texts};

/// What every page has.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// In which language.
    pub texts: &'static Texts,
    /// The path of the issuer.
    pub base: &'a str,
}

impl<'a> Frame<'a> {
    /// A page of the issuer that was asked.
    pub fn of(cx: &Cx<'a>, texts: &'static Texts) -> Self {
        Self { texts, base: &cx.origin.path }
    }
}

/// What every page of a conversation has.
pub struct Talk<'a> {
    /// Where its pages are.
    pub at: String,
    /// Proof that the form was shown in this browser.
    pub form_token: FormToken,
    /// Who wants something of the user.
    pub client: &'a str,
}

/// "Sign in".
#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage<'a> {
    /// What every page has.
    pub frame: Frame<'a>,
    /// What every page of a conversation has.
    pub talk: Talk<'a>,
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
    /// What every page has.
    pub frame: Frame<'a>,
    /// What every page of a conversation has.
    pub talk: Talk<'a>,
    /// Who is here.
    pub accounts: Vec<Account<'a>>,
}

/// "Allow access".
#[derive(Template)]
#[template(path = "consent.html")]
pub struct ConsentPage<'a> {
    /// What every page has.
    pub frame: Frame<'a>,
    /// What every page of a conversation has.
    pub talk: Talk<'a>,
    /// Whose it is.
    pub user: &'a str,
    /// What it is, in words.
    pub wants: Vec<&'static Text>,
}

/// "Connect a device".
#[derive(Template)]
#[template(path = "device_code.html")]
pub struct DeviceCodePage<'a> {
    /// What every page has.
    pub frame: Frame<'a>,
    /// Proof that the form was shown in this browser.
    pub form_token: FormToken,
    /// What the address brings, or what was typed.
    pub user_code: &'a str,
    /// The language that was wished for, for the pages that follow.
    pub ui_locales: Option<&'a str>,
    /// What is wrong with it.
    pub problem: Option<&'static Text>,
}

/// "Connect this device?".
#[derive(Template)]
#[template(path = "device.html")]
pub struct DevicePage<'a> {
    /// What every page has.
    pub frame: Frame<'a>,
    /// What every page of a conversation has.
    pub talk: Talk<'a>,
    /// Who is asked.
    pub user: &'a str,
    /// The session in which that is.
    pub session_id: &'a str,
    /// What the device shows.
    pub user_code: &'a str,
    /// What it wants, in words.
    pub wants: Vec<&'static Text>,
}

/// "Sign out?".
#[derive(Template)]
#[template(path = "sign_out.html")]
pub struct SignOutPage<'a> {
    /// What every page has.
    pub frame: Frame<'a>,
    /// Proof that the form was shown in this browser.
    pub form_token: FormToken,
    /// Who wants that, if somebody says so.
    pub client: Option<&'a str>,
    /// Who would be signed out.
    pub users: &'a str,
    /// The session that the question is about.
    pub session_id: &'a str,
    /// The parameters of the request, to be looked at again.
    pub params: Vec<(&'a str, &'a str)>,
}

/// A page that says something and asks nothing.
#[derive(Template)]
#[template(path = "notice.html")]
struct NoticePage<'a> {
    frame: Frame<'a>,
    /// What it is about.
    heading: &'a str,
    /// What it says.
    text: &'a str,
    /// For the developer of a client: the code, and the sentence to it in English, if it is not for everybody.
    developers: Option<(&'static str, Option<&'a str>)>,
}

/// The answer to a client as a form that sends itself.
#[derive(Template)]
#[template(path = "form_post.html")]
struct FormPostPage<'a> {
    texts: &'static Texts,
    redirect_uri: &'a str,
    pairs: &'a [(&'a str, &'a str)],
    script: &'static str,
}

/// The only script there is.
const SUBMIT: &str = "document.forms[0].submit()";

/// A page. `form_action` says where its forms may lead.
pub fn page(status: StatusCode, texts: &Texts, page: &impl Template, form_action: &str) -> Answer {
    let policy = format!("default-src 'none'; style-src 'self'; form-action {form_action}; frame-ancestors 'none'; base-uri 'none'");
    html(status, texts, page, &policy)
}

/// A page whose forms lead to ours alone, and which may have a script of ours that asks us for more.
pub fn page_with_script(status: StatusCode, texts: &Texts, page: &impl Template) -> Answer {
    let policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    html(status, texts, page, policy)
}

/// The script of the event log.
pub fn script() -> Answer {
    Answer { body: Bytes::from_static(include_bytes!("../templates/admin_log.js")), ..Answer::empty(StatusCode::OK) }
        .with(CONTENT_TYPE, "text/javascript; charset=utf-8")
        .with(CACHE_CONTROL, "public, max-age=3600")
        .with(X_CONTENT_TYPE_OPTIONS, "nosniff")
}

fn html(status: StatusCode, texts: &Texts, page: &impl Template, policy: &str) -> Answer {
    // Templates are checked when they are compiled; what can fail is writing to memory.
    let text = page.render().unwrap_or_default();
    Answer { body: Bytes::from(text), ..Answer::empty(status) }
        .with(CONTENT_TYPE, "text/html; charset=utf-8")
        .with_text(CONTENT_LANGUAGE, texts.tag.as_str())
        .with_text(CONTENT_SECURITY_POLICY, policy)
        .with(X_CONTENT_TYPE_OPTIONS, "nosniff")
        .with(X_FRAME_OPTIONS, "DENY")
        .with(REFERRER_POLICY, "no-referrer")
        .never_stored()
}

/// A page that says something and asks nothing.
pub fn notice(status: StatusCode, frame: Frame<'_>, heading: &str, text: &str) -> Answer {
    page(status, frame.texts, &NoticePage { frame, heading, text, developers: None }, "'none'")
}

/// "Something is not right": a refusal that cannot go to a client.
pub fn refused(cx: &Cx<'_>, refusal: &Refusal) -> Answer {
    let texts = texts::asked(cx.request);
    let code = refusal.code();
    let sentence = sentence(&refusal.to_string());
    let (text, more) = match refusal {
        Refusal::SignInGone => (&texts.problem_sign_in_gone, None),
        Refusal::DeviceGone => (&texts.problem_device_gone, None),
        Refusal::FormForged => (&texts.problem_form, None),
        _ if code == ErrorCode::ServerError => (&texts.problem_inside, None),
        // What an application has done wrong is for who has written it.
        _ => (&texts.problem_request, Some(sentence.as_str())),
    };
    let developers = Some((code.text(), more));
    let page = NoticePage { frame: Frame::of(cx, texts), heading: texts.problem.as_str(), text: text.as_str(), developers };
    let status = if code.status() == 500 { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_REQUEST };
    self::page(status, texts, &page, "'none'")
}

/// What is a clause for a developer, as a sentence.
fn sentence(clause: &str) -> String {
    let mut chars = clause.chars();
    chars.next().map(|first| format!("{}{}.", first.to_uppercase(), chars.as_str())).unwrap_or_default()
}

/// "Something is not right", where there is no issuer to speak for.
pub fn problem(status: StatusCode, request: &Request, text: fn(&Texts) -> &Text) -> Answer {
    let texts = texts::asked(request);
    notice(status, Frame { texts, base: "" }, texts.problem.as_str(), text(texts).as_str())
}

/// OAuth 2.0 Form Post Response Mode, section 2.
pub fn form_post(request: &Request, redirect_uri: &str, pairs: &[(&str, &str)]) -> Answer {
    static HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(digest::digest(&digest::SHA256, SUBMIT.as_bytes())));
    let scheme = redirect_uri.split_once(':').map_or("https", |(scheme, _)| scheme);
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; form-action {scheme}:; frame-ancestors 'none'; base-uri 'none'",
        HASH.as_str()
    );
    let texts = texts::asked(request);
    html(StatusCode::OK, texts, &FormPostPage { texts, redirect_uri, pairs, script: SUBMIT }, &policy)
}

/// The style sheet of all pages.
pub fn style() -> Answer {
    Answer { body: Bytes::from_static(include_bytes!("../templates/style.css")), ..Answer::empty(StatusCode::OK) }
        .with(CONTENT_TYPE, "text/css; charset=utf-8")
        .with(CACHE_CONTROL, "public, max-age=3600")
        .with(X_CONTENT_TYPE_OPTIONS, "nosniff")
}
