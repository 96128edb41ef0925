//! What a scenario says, after loading: a walk, then one question, and its rows.
//!
//! The loader resolves every row to a [`Check`] of its own, so nobody downstream knows what a row is.

pub mod load;
pub mod matcher;
pub mod schema;
pub mod verb;
pub mod word;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use matcher::{Expected, Kind, Matcher};

/// A question or a row: what a verdict, a proof and a JUnit case are about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The path of the file without its ending, and `#row` for a row: `code/pkce-at-the-token-endpoint#plain`.
    pub id: String,
    /// The file, as a path below the folder of scenarios.
    pub file: String,
    /// Line of the question or the row in that file, from 1.
    pub line: usize,
    /// The sentence that the file proves.
    pub title: String,
    /// Requirements of one strength, by id.
    pub cites: Vec<String>,
    /// Features and powers without which the check is skipped.
    pub needs: Vec<String>,
    /// Requirements that leave the room which `refused` lists.
    pub room: Vec<String>,
    /// Defects under which the check has to be red.
    pub broken_by: Vec<String>,
    /// Why no wire can play the culprit.
    pub unbreakable: Option<String>,
    /// Checks that have to be green before this one says anything.
    pub control: Vec<String>,
    /// The check of `[ask]`, if this one is a row of it.
    pub base: Option<String>,
    /// The check whose transcript this one is judged on, if it asks something else of the same answer.
    pub same_walk_as: Option<String>,
    /// Clients of this file: differences to a fixture (`like`), by name.
    pub clients: BTreeMap<String, Value>,
    /// Configuration laid over the embedded provider's; an empty object if there is none.
    pub provider: Value,
    /// What rows may vary, with the values of this check.
    pub with: BTreeMap<String, Value>,
    /// The steps before the question; they have to work.
    pub walk: Vec<Step>,
    /// The question's own verb, with the edits of the row.
    pub ask: Step,
    /// A verb after the question's own; the expectations are about its reply.
    pub then: Option<Step>,
    /// What has to be seen.
    pub expect: Expectations,
}

impl Check {
    /// The folder of the file: `code` of `code/pkce-at-the-token-endpoint#plain`.
    pub fn area(&self) -> &str {
        self.id.split_once('/').map_or(self.id.as_str(), |(area, _)| area)
    }

    /// Every step in its order, also what is done beside another.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.walk.iter().chain([&self.ask]).chain(&self.then).flat_map(Step::both)
    }

    /// The name of the row, if this check is one.
    pub fn row(&self) -> Option<&str> {
        self.id.split_once('#').map(|(_, row)| row)
    }
}

/// One verb with its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is done.
    pub verb: Verb,
    /// The verb's fields as written: strings may hold `{references}`. A verb whose value is no table (`advance`, `restart`) has it under `value`.
    pub fields: BTreeMap<String, Value>,
    /// The name that later steps know the reply by.
    pub save: Option<String>,
    /// The refusal that is the working outcome.
    pub refused: Option<Refused>,
    /// How often it is done, one after another; a number or a `{reference}` to one.
    pub times: Option<Value>,
    /// How many are sent at the same moment.
    pub at_once: Option<u32>,
    /// How many of those have to succeed.
    pub succeed: Option<u32>,
    /// How much of the target's time may pass before the step is stuck, as written: `"2s"`.
    pub within: Option<String>,
    /// What is changed in the request as it goes out.
    pub edits: Edits,
    /// Another verb whose request goes out at the same moment. Either may come first, so its own outcome is nobody's question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Box<Step>>,
}

impl Step {
    /// The step itself, and the verb beside it.
    pub fn both(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.beside.as_deref())
    }
}

/// Changes to the one request of a step. A path names a wire parameter; `header.X`, `query.X`, `body`, `method`, `assertion.X`,
/// `assertion_header.X`, `assertion_key` reach the rest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Edits {
    /// Parameter to the value it gets instead.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, Value>,
    /// Parameters that are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
    /// Parameter to the value that it comes with a second time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub repeat: BTreeMap<String, Value>,
}

impl Edits {
    /// Nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.drop.is_empty() && self.repeat.is_empty()
    }

    /// The marks that the exchange carries: `set code_verifier`, `drop state`.
    pub fn marks(&self) -> Vec<String> {
        let set = self.set.keys().map(|k| format!("set {k}"));
        let drop = self.drop.iter().map(|k| format!("drop {k}"));
        let repeat = self.repeat.keys().map(|k| format!("repeat {k}"));
        set.chain(drop).chain(repeat).collect()
    }
}

/// The refusal that a step or a question wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// One of these OAuth errors as JSON, 4xx, nothing issued.
    Codes(Vec<String>),
    /// One of these errors at the client's redirect URI.
    AtClient(Vec<String>),
    /// A page of the provider, never a redirect to a client.
    Page,
    /// Any refusal.
    Any,
}

/// What has to be seen after the question.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Expectations {
    /// Places of the reply and what they have to hold, in the order of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reply: Vec<Expected>,
    /// The refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// The whole ledger, client by client; a client that is not named got nothing. `None`: not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<BTreeMap<String, Tellings>>,
    /// Prefix of the event type to the events that begin so, exact and in order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub events: BTreeMap<String, Vec<EventExpected>>,
}

/// The tellings of one client: written out, or a `{reference}` to a list of references.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Tellings {
    /// In the order in which they came.
    List(Vec<Telling>),
    /// `{with.told}`: a list of references to logins.
    Reference(String),
}

/// One notification of one login: its attempts, all with the same client, `sub` and `sid`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Telling {
    /// Reference to the login: `{web}`.
    pub of: String,
    /// The answers that the client gave, attempt by attempt. `None`: one attempt, answered 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Vec<Value>>,
    /// These attempts, and perhaps more with the last answer.
    #[serde(default)]
    pub at_least: bool,
    /// The pauses between the attempts: durations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Matcher>,
    /// The registered address that it came to: `first` or `second`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The first attempt came before the question was answered (true), or after (false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_answer: Option<bool>,
    /// Claims of each attempt's logout token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logout_token: Vec<Expected>,
    /// Header parameters of each attempt's logout token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logout_token_header: Vec<Expected>,
}

/// One place in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventExpected {
    /// An event of this type (the prefix left away), with conditions on its members (`payload.X`).
    One {
        /// The rest of the type behind the prefix.
        r#type: String,
        /// Conditions, paths such as `payload.client_id`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<Expected>,
    },
    /// These, in any order.
    AnyOrder(Vec<EventExpected>),
}

/// What a step can do. The table of their fields is the loader's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the language's own words; `scenario::verb` says what each is")]
pub enum Verb {
    Login,
    Authorize,
    Redeem,
    Refresh,
    Exchange,
    JwtBearer,
    ClientCredentials,
    Device,
    EnterCode,
    Poll,
    Userinfo,
    Introspect,
    Revoke,
    Keys,
    Discover,
    EndSession,
    Register,
    Send,
    Forge,
    Answer,
    Advance,
    Admin,
    Restart,
}
