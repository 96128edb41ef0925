//! A defect at work: one function on messages, with a memory. No socket and no clock: time is an argument.
//!
//! The recorder hands every request and every answer through it, the relying parties' front every delivery and what the client
//! answered. Only what an edit names is changed; a message that no edit touches keeps its bytes. `Content-Length` is the sender's business.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Defect, Hold};
use crate::transcript::jose::SigningKey;
use crate::transcript::{Answer, Endpoint, Millis, Request};

/// What the wire has to know of the world around it.
#[derive(Clone, Default)]
pub struct Facts {
    /// Metadata of each client as registered, by the name of the fixture.
    pub clients: BTreeMap<String, Value>,
    /// `primary`, `other`: their issuers.
    pub issuers: BTreeMap<String, String>,
    /// Base address of the management API, if there is one.
    pub management: Option<String>,
    /// The provider's private keys by `kid`: those of the fixtures, which are public on purpose.
    pub keys: BTreeMap<String, SigningKey>,
    /// A PKCE verifier of the harness's own.
    pub verifier: String,
    /// The bearer token of the harness's own acts.
    pub admin_token: Option<String>,
    /// The two addresses for deliveries of each client.
    pub addresses: BTreeMap<String, [String; 2]>,
}

impl std::fmt::Debug for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts")
            .field("clients", &self.clients.keys().collect::<Vec<_>>())
            .field("issuers", &self.issuers)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Going {
    /// This is sent.
    Send(Request),
    /// Nothing is sent; this is the answer, and it does not pass [`Wire::answer`].
    Instead(Answer),
}

/// What becomes of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Coming {
    /// What the harness sees.
    pub answer: Answer,
    /// Until when it does not see it. The request counts as open meanwhile.
    pub hold: Option<Hold>,
    /// Deliveries that the wire makes up.
    pub tell: Vec<Tell>,
}

/// A delivery that the wire itself makes. It goes to the client as it stands and does not pass the wire; its answer goes to nobody.
#[derive(Debug, Clone, PartialEq)]
pub struct Tell {
    /// The client.
    pub client: String,
    /// The request, whole.
    pub request: Request,
    /// So many milliseconds of the target's time from now.
    pub in_ms: Millis,
}

/// A delivery as it reaches a client.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// The client that it reaches.
    pub client: String,
    /// The request as it reaches it.
    pub request: Request,
    /// Until when it does not.
    pub hold: Option<Hold>,
    /// Whether the provider gets this client's answer, by way of [`Wire::delivery_answer`]. At most one arrival of a delivery does; if none,
    /// the provider is answered 200 at once.
    pub replies_to_provider: bool,
}

/// What becomes of a client's answer to a delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct AfterDelivery {
    /// What the provider sees.
    pub answer: Answer,
    /// So many times more the same delivery reaches the client at once; the copies do not pass the wire.
    pub again: u32,
    /// The address to which the same delivery goes on, as after a redirect; it does not pass the wire again.
    pub follow: Option<String>,
    /// Deliveries that the wire makes up.
    pub tell: Vec<Tell>,
}

/// A defect on the wire of one check, or none.
#[derive(Debug, Clone, Default)]
pub struct Wire {
    playing: Option<Playing>,
}

#[derive(Debug, Clone)]
struct Playing {
    defect: Arc<Defect>,
    facts: Facts,
    mounted: bool,
    touched: usize,
}

impl Wire {
    /// A wire that does nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// A wire that has this defect, mounted.
    pub fn new(defect: Arc<Defect>, facts: Facts) -> Self {
        Self { playing: Some(Playing { defect, facts, mounted: true, touched: 0 }) }
    }

    /// Takes the defect off the wire (`false`) or puts it on again. While it is off nothing is changed or counted; what the wire
    /// remembers of tokens goes on.
    pub fn mount(&mut self, on: bool) {
        if let Some(playing) = &mut self.playing {
            playing.mounted = on;
        }
    }

    /// What the wire knows of the world, for what is learnt on the way: a client registered, a key made. `None` on [`Wire::none`].
    pub fn facts_mut(&mut self) -> Option<&mut Facts> {
        self.playing.as_mut().map(|p| &mut p.facts)
    }

    /// How many messages were changed, held, made or kept back. A proof whose defect touched none proves nothing.
    pub fn touched(&self) -> usize {
        self.playing.as_ref().map_or(0, |p| p.touched)
    }

    /// A request of the harness on its way to the provider. `client` is the name of the client on whose behalf it is.
    pub fn request(&mut self, _endpoint: Endpoint, _client: Option<&str>, request: Request, _now: Millis) -> Going {
        Going::Send(request)
    }

    /// An answer of the provider. `request` is the request as it came in, before any edit.
    pub fn answer(&mut self, _endpoint: Endpoint, _client: Option<&str>, _request: &Request, answer: Answer, _now: Millis) -> Coming {
        Coming { answer, hold: None, tell: Vec::new() }
    }

    /// A delivery of the provider on its way to a client (the name of the fixture, or the host where it is nobody's). An empty list: it is
    /// swallowed.
    pub fn delivery(&mut self, client: &str, request: Request, _now: Millis) -> Vec<Arrival> {
        vec![Arrival { client: client.to_owned(), request, hold: None, replies_to_provider: true }]
    }

    /// What a client answered to a delivery that replies to the provider. `request` is what reached the client. Not called where there is no
    /// answer (`hang`, `drop`, `gone`).
    pub fn delivery_answer(&mut self, _client: &str, _request: &Request, answer: Answer, _now: Millis) -> AfterDelivery {
        AfterDelivery { answer, again: 0, follow: None, tell: Vec::new() }
    }
}
