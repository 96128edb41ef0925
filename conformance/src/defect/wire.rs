//! A defect at work: one function on messages, with a memory. No socket and no clock: time is an argument.
//!
//! The recorder hands every request and every answer through it, the relying parties' front every delivery and what the client
//! answered. Only what an edit names is changed; a message that no edit touches keeps its bytes. `Content-Length` is the sender's business.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::memory::Memory;
use super::message::{Address, Parts, answer_tree, request_tree};
use super::play::{Heard, Played};
use super::{Defect, Hold, On};
use crate::transcript::jose::SigningKey;
use crate::transcript::{Answer, Endpoint, Millis, Request, Transcript};

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

impl Facts {
    /// What a transcript tells, with what no transcript holds: the keys, a verifier, the bearer of the harness's own acts.
    pub fn of(transcript: &Transcript, keys: BTreeMap<String, SigningKey>, verifier: String, admin_token: Option<String>) -> Self {
        let address = |client: &Value| {
            let uri = client.get("backchannel_logout_uri")?.as_str()?;
            // Every relying party has two addresses: the second is below the first of the fixture.
            let first = uri.strip_suffix("/second").unwrap_or(uri);
            Some([first.to_owned(), format!("{first}/second")])
        };
        Self {
            clients: transcript.clients.clone(),
            issuers: transcript.target.issuers.clone(),
            management: transcript.target.management.clone(),
            keys,
            verifier,
            admin_token,
            addresses: transcript.clients.iter().filter_map(|(name, client)| Some((name.clone(), address(client)?))).collect(),
        }
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
    played: Played,
    facts: Facts,
    memory: Memory,
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
        let played = Played::new(defect);
        Self { playing: Some(Playing { played, facts, memory: Memory::default(), mounted: true, touched: 0 }) }
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
    pub fn request(&mut self, endpoint: Endpoint, client: Option<&str>, request: Request, now: Millis) -> Going {
        match &mut self.playing {
            Some(playing) if playing.hears(On::Request(endpoint)) => playing.request(endpoint, client, request, now),
            _ => Going::Send(request),
        }
    }

    /// An answer of the provider. `request` is the request as it came in, before any edit.
    pub fn answer(&mut self, endpoint: Endpoint, client: Option<&str>, request: &Request, answer: Answer, now: Millis) -> Coming {
        match &mut self.playing {
            Some(playing) if playing.hears(On::Answer(endpoint)) || playing.learns(endpoint, &answer) => {
                playing.answer(endpoint, client, request, answer, now)
            }
            _ => Coming { answer, hold: None, tell: Vec::new() },
        }
    }

    /// A delivery of the provider on its way to a client (the name of the fixture, or the host where it is nobody's). An empty list: it is
    /// swallowed.
    pub fn delivery(&mut self, client: &str, request: Request, now: Millis) -> Vec<Arrival> {
        match &mut self.playing {
            Some(playing) if playing.hears(On::Delivery) => playing.delivery(client, request, now),
            _ => vec![Arrival { client: client.to_owned(), request, hold: None, replies_to_provider: true }],
        }
    }

    /// What a client answered to a delivery that replies to the provider. `request` is what reached the client. Not called where there is no
    /// answer (`hang`, `drop`, `gone`).
    pub fn delivery_answer(&mut self, client: &str, request: &Request, answer: Answer, now: Millis) -> AfterDelivery {
        match &mut self.playing {
            Some(playing) if playing.hears(On::DeliveryAnswer) => playing.delivery_answer(client, request, answer, now),
            _ => AfterDelivery { answer, again: 0, follow: None, tell: Vec::new() },
        }
    }
}

impl Playing {
    /// Whether messages of this kind are the defect's business at the moment.
    fn hears(&self, on: On) -> bool {
        self.mounted && self.played.listens(on)
    }

    /// Whether an answer is worth remembering.
    fn learns(&self, endpoint: Endpoint, answer: &Answer) -> bool {
        self.played.keeps(endpoint) || Memory::wants(endpoint, answer)
    }

    fn request(&mut self, endpoint: Endpoint, client: Option<&str>, request: Request, now: Millis) -> Going {
        let seen = request_tree(&request, client);
        let heard = Heard { on: On::Request(endpoint), tree: &seen, request: &seen, answer: None, client, now };
        let mut going = request.clone();
        let mut instead = None;
        for act in self.played.acts(heard, &self.memory, &self.facts) {
            let whole = &act.edit().whole;
            if let Some(places) = &whole.answer {
                instead = Some(act.make(places, heard, &self.memory, &self.facts));
            } else if whole.swallow {
                instead = Some(as_if_done(endpoint, &request));
            } else if whole.replay.is_some() {
                instead = act.remembered.clone().or(instead);
            } else if let Some(name) = act.sent_as(heard, &self.memory, &self.facts).and_then(|n| self.facts.clients.get(&n)) {
                going = with_credentials_of(name, going);
            }
            going = act.spoil(Parts::from(going), heard, &self.memory, &self.facts).into_request(act.seal(&self.facts));
        }
        self.touched += usize::from(instead.is_some() || going != request);
        instead.map_or(Going::Send(going), Going::Instead)
    }

    fn answer(&mut self, endpoint: Endpoint, client: Option<&str>, request: &Request, answer: Answer, now: Millis) -> Coming {
        let asked = request_tree(request, client);
        let seen = answer_tree(&answer, asked.clone(), client);
        let heard = Heard { on: On::Answer(endpoint), tree: &seen, request: &asked, answer: Some(&seen), client, now };
        let mut coming = Coming { answer: answer.clone(), hold: None, tell: Vec::new() };
        if self.mounted {
            for act in self.played.acts(heard, &self.memory, &self.facts) {
                let parts = act.spoil(Parts::from(coming.answer), heard, &self.memory, &self.facts);
                coming.answer = parts.into_answer(act.seal(&self.facts));
                coming.hold = act.edit().whole.hold.or(coming.hold);
                if let Some((client, in_ms)) = &act.edit().whole.tell {
                    coming.tell.extend(self.memory.tell(client, *in_ms, now, &self.facts));
                }
            }
            self.touched += usize::from(coming.answer != answer || coming.hold.is_some() || !coming.tell.is_empty());
        }
        let spoilt = answer_tree(&coming.answer, asked.clone(), client);
        self.memory.learn(endpoint, client, &asked, &spoilt, &self.facts);
        self.played.keep(endpoint, client, &asked, &coming.answer);
        coming
    }

    fn delivery(&mut self, client: &str, request: Request, now: Millis) -> Vec<Arrival> {
        let seen = request_tree(&request, Some(client));
        let heard = Heard { on: On::Delivery, tree: &seen, request: &seen, answer: None, client: Some(client), now };
        let came = Arrival { client: client.to_owned(), request, hold: None, replies_to_provider: true };
        let mut original = Some(came.clone());
        let mut copies = Vec::new();
        for act in self.played.acts(heard, &self.memory, &self.facts) {
            let spoilt = |mut arrival: Arrival, memory: &Memory, facts: &Facts| {
                let parts = act.spoil(Parts::from(arrival.request), heard, memory, facts);
                arrival.request = parts.into_request(act.seal(facts));
                if let Some(to) = &act.edit().whole.reroute {
                    arrival = rerouted(arrival, to, facts);
                }
                arrival.hold = act.edit().whole.hold.or(arrival.hold);
                arrival.replies_to_provider &= arrival.hold.is_none();
                arrival
            };
            let whole = &act.edit().whole;
            if whole.duplicate > 0 {
                let copy = Arrival { replies_to_provider: false, ..spoilt(came.clone(), &self.memory, &self.facts) };
                copies.extend(std::iter::repeat_n(copy, whole.duplicate as usize));
            } else if whole.swallow {
                original = None;
            } else {
                original = original.map(|arrival| spoilt(arrival, &self.memory, &self.facts));
            }
        }
        self.touched += usize::from(original.as_ref() != Some(&came) || !copies.is_empty());
        original.into_iter().chain(copies).collect()
    }

    fn delivery_answer(&mut self, client: &str, request: &Request, answer: Answer, now: Millis) -> AfterDelivery {
        let asked = request_tree(request, Some(client));
        let seen = answer_tree(&answer, asked.clone(), Some(client));
        let heard = Heard { on: On::DeliveryAnswer, tree: &seen, request: &asked, answer: Some(&seen), client: Some(client), now };
        let mut after = AfterDelivery { answer: answer.clone(), again: 0, follow: None, tell: Vec::new() };
        for act in self.played.acts(heard, &self.memory, &self.facts) {
            let parts = act.spoil(Parts::from(after.answer), heard, &self.memory, &self.facts);
            after.answer = parts.into_answer(act.seal(&self.facts));
            let whole = &act.edit().whole;
            after.again += whole.duplicate;
            if whole.follow
                && let Some(location) = answer.header("location").next()
            {
                let joined = url::Url::parse(&request.url).and_then(|base| base.join(location));
                after.follow = Some(joined.map_or_else(|_| location.to_owned(), |url| url.to_string()));
            }
            if let Some((client, in_ms)) = &whole.tell {
                after.tell.extend(self.memory.tell(client, *in_ms, now, &self.facts));
            }
        }
        self.touched += usize::from(after.answer != answer || after.again > 0 || after.follow.is_some() || !after.tell.is_empty());
        after
    }
}

/// What a provider answers that has done it.
fn as_if_done(endpoint: Endpoint, request: &Request) -> Answer {
    let answer = |status, content_type: &str, body: &str| Answer {
        status,
        headers: vec![("content-type".into(), content_type.into())],
        body: body.into(),
    };
    match (endpoint, request.param("post_logout_redirect_uri")) {
        (Endpoint::EndSession, Some(back)) => {
            let address = Address::split(&back);
            let mut query = address.query.to_owned();
            if let Some(state) = request.param("state") {
                let state = url::form_urlencoded::Serializer::new(String::new()).append_pair("state", &state).finish();
                query = if query.is_empty() { state } else { format!("{query}&{state}") };
            }
            Answer { status: 303, headers: vec![("location".into(), address.with_query(&query))], body: String::new() }
        }
        (Endpoint::EndSession, None) => answer(200, "text/html; charset=utf-8", SIGNED_OUT),
        (Endpoint::Revoke, _) => Answer { status: 200, headers: Vec::new(), body: String::new() },
        _ => answer(200, "application/json", "{}"),
    }
}

/// A page that says what a signed-out page says.
const SIGNED_OUT: &str =
    "<!doctype html><html lang=\"en\"><head><title>Signed out</title></head><body><main><h1>Signed out</h1></main></body></html>";

/// The request with the credentials of that client, in the way that it is registered with.
fn with_credentials_of(metadata: &Value, request: Request) -> Request {
    let text = |name: &str| metadata.get(name).and_then(Value::as_str).unwrap_or_default();
    let (id, secret) = (text("client_id"), text("client_secret"));
    let method = match text("token_endpoint_auth_method") {
        "" => "client_secret_basic",
        method => method,
    };
    const OURS: [&str; 4] = ["client_id", "client_secret", "client_assertion", "client_assertion_type"];
    let mut form: Vec<(String, String)> = request.form().into_iter().filter(|(n, _)| !OURS.contains(&n.as_str())).collect();
    let mut headers = request.headers;
    let basic = |(n, v): &(String, String)| n.eq_ignore_ascii_case("authorization") && v.to_ascii_lowercase().starts_with("basic ");
    headers.retain(|h| !basic(h));
    if method == "client_secret_basic" {
        headers.push(("authorization".into(), format!("Basic {}", crate::transcript::view::basic(id, secret))));
    } else {
        form.push(("client_id".into(), id.to_owned()));
    }
    if method == "client_secret_post" {
        form.push(("client_secret".into(), secret.to_owned()));
    }
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    Request { headers, body, ..request }
}

/// The delivery as it reaches another address: `NAME`, `NAME.second`, or `first` and `second` of the same client.
fn rerouted(arrival: Arrival, to: &str, facts: &Facts) -> Arrival {
    let (client, which) = match to {
        "first" | "second" => (arrival.client.as_str(), to),
        _ => to.split_once('.').unwrap_or((to, "first")),
    };
    let Some(addresses) = facts.addresses.get(client) else { return arrival };
    let url = addresses[usize::from(which == "second")].clone();
    let mut headers = arrival.request.headers;
    if let Some((_, host)) = headers.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case("host"))
        && let Ok(parsed) = url::Url::parse(&url)
    {
        *host = parsed[url::Position::BeforeHost..url::Position::AfterPort].to_owned();
    }
    let client = client.to_owned();
    Arrival { client, request: Request { url, headers, ..arrival.request }, ..arrival }
}
