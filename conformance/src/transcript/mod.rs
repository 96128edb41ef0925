//! What happened: one self-contained value for each check, written by the drive and read by the judge.
//!
//! A transcript knows bytes and times and no judgement. It can be saved and loaded as JSON ([`FORMAT`]).
//! Drive and judge read it through the same [`view`].

pub mod jose;
pub mod names;
pub mod normal;
pub mod page;
pub mod refusal;
pub mod tokens;
pub mod view;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scenario::{Check, Verb};

/// The version of the JSON form. It goes up when a member changes its meaning.
pub const FORMAT: u32 = 2;

/// Milliseconds since 1970-01-01T00:00:00Z on the target's clock.
pub type Millis = i64;

/// Everything that happened while one check was walked and asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// [`FORMAT`] of the writer.
    pub format: u32,
    /// The scenario as resolved.
    pub check: Check,
    /// Who was asked.
    pub target: Profile,
    /// Metadata of each client as registered, by the name of the fixture.
    pub clients: BTreeMap<String, Value>,
    /// Members of a client's metadata that have another value now than when the check began, by the name of the fixture, with the values that
    /// they had before, in order: the first may be of a registration that no exchange here shows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changed: BTreeMap<String, BTreeMap<String, Vec<Value>>>,
    /// The people, by the name of the fixture.
    pub users: BTreeMap<String, Value>,
    /// Steps of the walk, then the question, then `then`.
    pub steps: Vec<StepRecord>,
    /// Every exchange of the harness with the target, in the order in which they were begun.
    pub exchanges: Vec<Exchange>,
    /// Every delivery to anybody, in the order in which they came.
    pub deliveries: Vec<Delivery>,
    /// What the `openidconnect` client refused.
    pub opinions: Vec<Opinion>,
    /// The target's event log as read when the check ended; `None` if it was not read.
    pub log: Option<Vec<LogEvent>>,
    /// How the walk ended.
    pub ended: Ended,
}

/// The target, without its secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// `embedded`, or the name in the target file.
    pub name: String,
    /// `primary`, `other`: their issuers.
    pub issuers: BTreeMap<String, String>,
    /// Base address of the management API, if there is one.
    pub management: Option<String>,
    /// The discovery document, as first read; `null` if it could not be.
    pub metadata: Value,
    /// True where the clock is the harness's own (embedded): skew is zero then.
    pub virtual_time: bool,
    /// By how many seconds the target's clock may differ from the harness's.
    pub skew: i64,
    /// What the target file says that it has beyond what everybody is asked for: `rfc9068`.
    pub has: Vec<String>,
}

/// One step as it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Where it stands.
    pub place: Place,
    /// What was done.
    pub verb: Verb,
    /// The name of its reply.
    pub save: Option<String>,
    /// Its fields, resolved.
    pub fields: Value,
    /// One for each time that it was done; with `save` and `at_once` the one success comes first.
    pub replies: Vec<Reply>,
    /// What was done at the same moment, if the step says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Box<StepRecord>>,
    /// How it went.
    pub outcome: Outcome,
    /// When it began and when the target had settled again.
    pub began: Millis,
    /// See `began`.
    pub ended: Millis,
}

/// Where a step stands in its check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Before the question.
    Walk,
    /// The question's own verb.
    Ask,
    /// The verb after it.
    Then,
}

/// How a step went, by what its verb is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It brought what the verb is for, or the refusal that the step names.
    Worked,
    /// It did not: what came instead, in words.
    Failed(String),
    /// Its own request was still open in a settled target.
    Stuck(String),
}

/// What a step got back. Everything that a reference can name is derived from it by [`view`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The exchange whose request counts (`{saved.request.X}`).
    pub request: Option<usize>,
    /// The exchange whose answer counts (`{saved.status}`, `{saved.json.X}`).
    pub answer: Option<usize>,
    /// The page or address where the browser ended.
    pub landed: Option<Landed>,
    /// What reached the client.
    pub callback: Option<Callback>,
    /// What was made here without a request (`forge`), or told by an act (`admin`).
    pub made: Value,
    /// Whether it brought what the verb is for.
    pub success: bool,
    /// What an honest continuation (`of`) needs: client, browser, origin, redirect_uri, code_verifier, nonce, user, scope.
    pub context: BTreeMap<String, String>,
}

/// Where a browser ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the language's own words")]
pub enum Landed {
    Callback,
    Login,
    Consent,
    SelectAccount,
    Confirm,
    EnterCode,
    Done,
    SignedOut,
    PostLogout,
    Error,
    Elsewhere,
}

impl Landed {
    /// The word of the language.
    pub fn word(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
            Self::Confirm => "confirm",
            Self::EnterCode => "enter_code",
            Self::Done => "done",
            Self::SignedOut => "signed_out",
            Self::PostLogout => "post_logout",
            Self::Error => "error",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// What reached a client through the browser: at its redirect URI, or its post-logout URI.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Callback {
    /// `query`, `post` or `fragment`: how the parameters travelled.
    pub by: String,
    /// The address, whole.
    pub url: String,
    /// The client whose address it is, if it is anybody's.
    pub client: Option<String>,
    /// The parameters in their order, by whatever way they came.
    pub params: Vec<(String, String)>,
}

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// Index of the step that it belongs to.
    pub step: usize,
    /// The client on whose behalf it was sent, if any.
    pub client: Option<String>,
    /// The browser that sent it, if one did.
    pub browser: Option<String>,
    /// The person in front of that browser.
    pub user: Option<String>,
    /// What it was sent to.
    pub endpoint: Endpoint,
    /// `primary`, `other`, `management`, or empty where it is no origin of the target.
    pub origin: String,
    /// The request as the harness made it.
    pub request: Request,
    /// The answer as the harness saw it, or what happened instead.
    pub answer: Result<Answer, String>,
    /// When it was sent, and when the answer was there.
    pub sent: Millis,
    /// See `sent`.
    pub answered: Millis,
    /// Its place among all messages of the check: sent.
    pub sent_seq: u64,
    /// Its place among all messages of the check: answered.
    pub answered_seq: u64,
    /// What was changed on purpose. Rules that presume an honest request pass over it.
    pub edited: Vec<String>,
    /// It is of the verb that went out beside the step's own: whether its answer came of a world before or after the other, nobody knows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
}

/// What a request was sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names of the endpoints")]
pub enum Endpoint {
    Discovery,
    Keys,
    Authorize,
    /// A page of the target between a request and its end: login, consent, confirmation.
    Page,
    Token,
    Userinfo,
    Introspect,
    Revoke,
    EndSession,
    Device,
    Register,
    Management,
    Other,
}

impl Endpoint {
    /// The word that defects and reports use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Keys => "keys",
            Self::Authorize => "authorize",
            Self::Page => "page",
            Self::Token => "token",
            Self::Userinfo => "userinfo",
            Self::Introspect => "introspect",
            Self::Revoke => "revoke",
            Self::EndSession => "end_session",
            Self::Device => "device",
            Self::Register => "register",
            Self::Management => "management",
            Self::Other => "other",
        }
    }
}

/// A request, with everything that went over the wire but the framing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// `GET`, `POST` …
    pub method: String,
    /// The whole address.
    pub url: String,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body as text (a byte that is no UTF-8 becomes U+FFFD).
    pub body: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body as text (a byte that is no UTF-8 becomes U+FFFD).
    pub body: String,
}

/// A message that came to a relying party's delivery address, or to an address of nobody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Index of the step during which it came.
    pub step: usize,
    /// The client whose host it came to, if that is one.
    pub client: Option<String>,
    /// `first`, `second`, or the path where it is neither.
    pub at: String,
    /// The request, raw.
    pub request: Request,
    /// What the client answered: a number, or `"hang"`, `"drop"`, `"gone"`.
    pub answered: Value,
    /// When it came.
    pub came: Millis,
    /// Its place among all messages of the check: came.
    pub came_seq: u64,
    /// When its answer went out or its connection ended; `None` while it hangs.
    pub over: Option<Millis>,
    /// Its place among all messages of the check: over.
    pub over_seq: Option<u64>,
}

/// A refusal by the `openidconnect` client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opinion {
    /// The exchange whose answer it refuses.
    pub exchange: usize,
    /// Its words.
    pub says: String,
}

/// An event of the target's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEvent {
    /// From 1, without gaps.
    pub position: u64,
    /// `session.added`.
    pub r#type: String,
    /// The aggregate it belongs to.
    pub aggregate: String,
    /// When.
    pub at: Value,
    /// Its members.
    pub payload: Value,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The question was asked. `watched` says for how many milliseconds of wall time deliveries were waited for after the last
    /// step; 0 where the target says itself that it is settled.
    Asked {
        /// See above.
        watched: u64,
    },
    /// A step before the question did not work.
    Blocked {
        /// Its index.
        step: usize,
        /// Why, in words.
        why: String,
    },
    /// The harness could not do its own part.
    Harness(String),
}

impl Transcript {
    /// The record of the question's own verb.
    pub fn asked(&self) -> Option<&StepRecord> {
        self.steps.iter().find(|s| s.place == Place::Ask)
    }

    /// The record whose reply the expectations are about: `then` where there is one, else the question.
    pub fn judged(&self) -> Option<&StepRecord> {
        self.steps.iter().rfind(|s| s.place != Place::Walk)
    }
}

impl Exchange {
    /// The answer, if one came.
    pub fn ok(&self) -> Option<&Answer> {
        self.answer.as_ref().ok()
    }

    /// Nothing was changed on purpose.
    pub fn honest(&self) -> bool {
        self.edited.is_empty()
    }
}

impl Request {
    /// All values of a header; `name` in lower case.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        header(&self.headers, name)
    }

    /// The parameters of the query, decoded, in their order.
    pub fn query(&self) -> Vec<(String, String)> {
        url::Url::parse(&self.url).map(|u| pairs(u.query().unwrap_or(""))).unwrap_or_default()
    }

    /// The parameters of a form body, decoded, in their order; empty for any other content type.
    pub fn form(&self) -> Vec<(String, String)> {
        let form = self.header("content-type").any(|t| t.trim_start().starts_with("application/x-www-form-urlencoded"));
        if form { pairs(&self.body) } else { Vec::new() }
    }

    /// Form parameters, and those of the query behind them.
    pub fn params(&self) -> Vec<(String, String)> {
        let mut all = self.form();
        all.extend(self.query());
        all
    }

    /// The first value of a parameter of form or query.
    pub fn param(&self, name: &str) -> Option<String> {
        self.params().into_iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// The body as a JSON object, if it says that it is JSON and is one.
    pub fn json(&self) -> Option<serde_json::Map<String, Value>> {
        let json = self.header("content-type").any(|t| t.trim_start().starts_with("application/json"));
        json.then(|| serde_json::from_str(&self.body).ok()).flatten()
    }

    /// What the request says, by name: the members of a JSON body, else the parameters.
    pub fn members(&self) -> serde_json::Map<String, Value> {
        self.json().unwrap_or_else(|| view::to_object(self.params()))
    }

    /// The path of the address.
    pub fn path(&self) -> String {
        url::Url::parse(&self.url).map(|u| u.path().to_owned()).unwrap_or_default()
    }
}

impl Answer {
    /// All values of a header; `name` in lower case.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        header(&self.headers, name)
    }

    /// The body as JSON, if it is.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
}

/// Decodes `application/x-www-form-urlencoded`.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}
