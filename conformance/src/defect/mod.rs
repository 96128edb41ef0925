//! Defects as data: a named way to spoil the wire, so that a check can be seen to fail.
//!
//! A defect is a table of a file in `fixtures/defects/`: its name is the key, `breaks` says which requirements it breaks, `seen_in`
//! which released product had it, and `edit` is a list of changes to messages. An edit says where and what:
//!
//! | word | is |
//! | --- | --- |
//! | `on` | `"<endpoint>.request"`, `"<endpoint>.answer"`, `"delivery.request"`, `"delivery.answer"`, or a list of them. Endpoints: [`ENDPOINTS`] |
//! | `where` | conditions, written as `expect` in a scenario; on an answer `where.request.…` looks at its request as it came in |
//! | `nth` | which of the messages that fit: `2`, `"2.."`, `"..1"`, `"3/3"` (every third from the third on) |
//! | `per` | what `nth` is counted for: `"client"`, or a path whose values are told apart |
//! | `after` | only once a message has passed that fits this selector (`on`, `where`, and `ago = "1h"`: that long ago) |
//! | `set` `drop` `repeat` | changes of places, see [`Edit::set`] |
//! | `sign` | how an edited token is signed again, see [`Sign`] |
//! | `answer` | the answer, given without asking the provider |
//! | `swallow` | `true`: answered as if it had been done, and not sent on |
//! | `replay` | the first good answer to a request with the same value at this path; `"client"`: the last good one of this client |
//! | `as` | sent on with the credentials of this client |
//! | `duplicate` | so many copies more of a delivery |
//! | `reroute` | the delivery goes to this client, or to the `"first"` or `"second"` address of the same one |
//! | `hold` | held back: `"30s"`, `"deliveries"` (until all other deliveries are over), `"answer"` (until the harness has its answer) |
//! | `follow` | `true`: the redirect that a client answered with is followed |
//! | `tell` | on this message the wire itself sends that client a well-formed logout token: `"web"`, or `{ client = "web", in = "15d" }` |
//!
//! Where `duplicate` stands on a delivery beside `reroute`, `set`, `drop`, `repeat` or `sign`, those are about the copies.
//!
//! Values may hold `{references}`; a string that is one alone keeps the type of what it names, and `now`, `now+1h` are times. Roots:
//!
//! | root | is |
//! | --- | --- |
//! | `request` | the request as it came in, before any edit |
//! | `answer` | the answer as it came in, before any edit |
//! | `client.NAME` | metadata of a client, as in scenarios |
//! | `op` | origins, as in scenarios; `op.known_verifier`, `op.known_challenge`, `op.admin_token` are the harness's own |
//! | `owner` | the client that the code, device code or refresh token in the request was issued to: alone its name, `owner.X` its metadata |
//! | `first` | the first message that fitted the edit, as it came in |
//! | `held` | the tokens in the last good answer to the client on whose behalf the request is: `held.id_token` |
//! | `kind_of.X` | the token type (RFC 8693 §3) that the token at X of the request really is |
//!
//! `wire` plays a defect. It is one function on messages with a memory, and knows no socket and no clock.

pub mod load;
mod memory;
mod message;
mod play;
#[cfg(test)]
mod tests;
mod token;
pub(crate) mod tree;
pub mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::scenario::Expected;
use crate::transcript::{Endpoint, Millis};

/// The endpoints that a defect can name.
pub const ENDPOINTS: [Endpoint; 13] = [
    Endpoint::Authorize,
    Endpoint::Page,
    Endpoint::Token,
    Endpoint::Device,
    Endpoint::Userinfo,
    Endpoint::Introspect,
    Endpoint::Revoke,
    Endpoint::EndSession,
    Endpoint::Register,
    Endpoint::Discovery,
    Endpoint::Keys,
    Endpoint::Management,
    Endpoint::Other,
];

/// All defects by name.
#[derive(Debug, Clone, Default)]
pub struct Defects(pub BTreeMap<String, Arc<Defect>>);

impl Defects {
    /// The defect of that name.
    pub fn get(&self, id: &str) -> Option<&Arc<Defect>> {
        self.0.get(id)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// A named way to spoil the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct Defect {
    /// Its name: what a provider does that has it.
    pub id: String,
    /// The file, as a path below the folder of defects.
    pub file: String,
    /// Line of its table, from 1.
    pub line: usize,
    /// Requirements that it breaks, by id.
    pub breaks: Vec<String>,
    /// Public issues or versions of released products that had it.
    pub seen_in: Vec<String>,
    /// What the wire cannot play, and what is done instead.
    pub instead: Option<String>,
    /// Anything else that a reader has to know.
    pub note: Option<String>,
    /// True if nothing needs it yet: its flow is not in the suite.
    pub later: bool,
    /// What is changed. More than one edit may act on one message.
    pub edits: Vec<Edit>,
}

/// Which messages.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selector {
    /// Any of these kinds.
    pub on: Vec<On>,
    /// All of these conditions.
    pub conditions: Vec<Expected>,
}

/// A kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// A request to an endpoint of the provider.
    Request(Endpoint),
    /// An answer of that endpoint.
    Answer(Endpoint),
    /// A delivery to a client.
    Delivery,
    /// The client's answer to a delivery.
    DeliveryAnswer,
}

/// One change of one kind of message.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Edit {
    /// Line in the file, from 1.
    pub line: usize,
    /// Which messages.
    pub selector: Selector,
    /// Which of those that fit; `None`: all.
    pub nth: Option<Nth>,
    /// What `nth` is counted for; `None`: all together. `["client"]`, or a path into the message.
    pub per: Option<Vec<String>>,
    /// Only once a message that fits this has passed …
    pub after: Option<Selector>,
    /// … so many milliseconds ago at least.
    pub ago: Millis,
    /// Places and their new values. A place is `status`, `method`, `url`, `body`, `html` (the body, with its content type), `header.X`,
    /// `query.X`, `form.X`, `param.X` (of form or query, wherever it is), `json.X`, or `location.X` (a parameter of the `Location`'s query).
    /// A path goes on into objects, into arrays (`keys.0`, `keys.[kid=old]`) and into tokens (`json.id_token.act.sub`,
    /// `json.id_token_header.alg`).
    pub set: Vec<(Vec<String>, Value)>,
    /// Places that are taken away.
    pub drop: Vec<Vec<String>>,
    /// Places that come a second time, with this value.
    pub repeat: Vec<(Vec<String>, Value)>,
    /// How an edited token is signed.
    pub sign: Option<Sign>,
    /// What happens to the message as a whole.
    pub whole: Whole,
}

/// How a token that was edited is signed again. Without it: by the key that its `kid` names, or if `alg` was edited by a key of that algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sign {
    /// The old signature stays.
    Keep,
    /// By a key that nobody published.
    Foreign,
    /// Not at all; `alg` becomes `none`.
    None,
    /// HS256 with the published key's PEM text as the secret (RFC 8725 §2.1).
    Hs256Public,
    /// By this key, which `kid` then names.
    Kid(String),
}

/// What happens to a whole message.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Whole {
    /// This answer, without asking the provider: a list of places as in [`Edit::set`].
    pub answer: Option<Vec<(Vec<String>, Value)>>,
    /// Answered as if done.
    pub swallow: bool,
    /// The path of the key under which answers are remembered, or `["client"]`.
    pub replay: Option<Vec<String>>,
    /// The client whose credentials are used: a name, or a reference to one.
    pub sent_as: Option<String>,
    /// Copies.
    pub duplicate: u32,
    /// `NAME`, `NAME.second`, `first` or `second`.
    pub reroute: Option<String>,
    /// Held back.
    pub hold: Option<Hold>,
    /// A redirect is followed.
    pub follow: bool,
    /// A client that the wire tells, and how many milliseconds later.
    pub tell: Option<(String, Millis)>,
}

/// Until when a message is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// So many milliseconds of the target's time.
    ForMs(Millis),
    /// Until all other deliveries are over.
    Deliveries,
    /// Until the request of the harness that is open has its answer.
    Answer,
}

/// Which of the messages that fit, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nth {
    /// The first.
    pub from: u32,
    /// The last; `None`: all that come.
    pub to: Option<u32>,
    /// Every so many-th from the first on.
    pub step: u32,
}

impl Nth {
    /// Whether the message of this number is meant.
    pub fn holds(self, number: u32) -> bool {
        number >= self.from && self.to.is_none_or(|to| number <= to) && (number - self.from).is_multiple_of(self.step)
    }
}
