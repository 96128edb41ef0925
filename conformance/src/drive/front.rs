//! The front stands before the relying parties of a check. It records each delivery raw, also to clients that have no server, plays what HTTP
//! libraries cannot say (hang, drop), and passes the rest to that client's `wiremock` server.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use super::live::Live;
use super::net::Http;
use super::published;
use crate::defect::Hold;
use crate::defect::wire::{Arrival, Tell};
use crate::transcript::view::duration_ms;
use crate::transcript::{Answer, Delivery, Endpoint, Millis, Request};

/// Tells the `wiremock` server which of the planned answers is meant; it exists between front and server only.
const PLANNED: &str = "touchstone-planned";

/// The relying parties of one check.
#[derive(Clone)]
pub struct Booth(Arc<Inner>);

struct Inner {
    live: Live,
    http: Http,
    state: Mutex<State>,
    /// Deliveries of the provider whose answer the scenario, or a defect, holds back.
    held: AtomicUsize,
    /// Requests of the harness whose answer a defect holds back.
    kept_back: AtomicUsize,
    /// Tasks of the front's own that can run.
    working: AtomicUsize,
    tick: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    parties: BTreeMap<String, Party>,
    // Whoever is let go is handed its own count, so that at no instant it is about to run and counted nowhere.
    timers: BTreeMap<(Millis, u64), oneshot::Sender<Working>>,
    timer_count: u64,
    /// Waits for the next answer to a request of the harness.
    for_answer: Vec<oneshot::Sender<Working>>,
    /// Waits until no delivery is without an answer.
    for_deliveries: Vec<oneshot::Sender<Working>>,
}

#[derive(Default)]
struct Party {
    /// What comes next; the last goes on.
    plan: VecDeque<Value>,
    server: Option<Arc<MockServer>>,
    planned: Arc<Mutex<Vec<Value>>>,
}

/// A booth as a resolver knows it, which the booth itself holds: it keeps nothing alive. Else no booth would ever end, nor its servers.
#[derive(Clone)]
pub struct Glimpse(Weak<Inner>);

impl Glimpse {
    /// See [`Booth::is_gone`].
    pub fn is_gone(&self, client: &str) -> bool {
        self.0.upgrade().is_some_and(|inner| Booth(inner).is_gone(client))
    }
}

/// What the front does with a delivery in the end.
pub enum Played {
    /// This answer goes back.
    Answer(Answer),
    /// The connection ends without one.
    Drop,
}

/// Counts one held delivery for as long as it lives.
struct Held(Weak<Inner>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(inner) = self.0.upgrade() {
            inner.held.fetch_sub(1, Ordering::SeqCst);
            inner.tick();
        }
    }
}

/// Counts one answer that is kept back for as long as it lives.
struct KeptBack(Weak<Inner>);

impl Drop for KeptBack {
    fn drop(&mut self) {
        if let Some(inner) = self.0.upgrade() {
            inner.kept_back.fetch_sub(1, Ordering::SeqCst);
            inner.tick();
        }
    }
}

/// Counts one task of the front's own for as long as it lives.
struct Working(Arc<Inner>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Ordering::SeqCst);
        self.0.tick();
    }
}

/// A delivery until its answer: if its connection ends before, it is over as well.
struct Open {
    booth: Booth,
    delivery: usize,
    /// Let go after the end is written down: whoever sees that nothing is held may move the clock.
    held: Option<Held>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.booth.over(self.delivery);
    }
}

impl Inner {
    fn tick(&self) {
        self.tick.send_modify(|n| *n += 1);
    }
}

impl Booth {
    /// For the clients in the transcript of `live`; `http` reaches their servers.
    pub fn new(live: Live, http: Http) -> Self {
        Self(Arc::new(Inner {
            live,
            http,
            state: Mutex::default(),
            held: AtomicUsize::new(0),
            kept_back: AtomicUsize::new(0),
            working: AtomicUsize::new(0),
            tick: watch::Sender::new(0),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a client answers from now on: statuses, `"hang"`, `"drop"`, `"gone"`, `{ status, header, body, after }`. The last goes on.
    pub fn plan(&self, client: &str, answers: Vec<Value>) {
        self.state().parties.entry(client.to_owned()).or_default().plan = answers.into();
    }

    /// Stops the clients' servers until something comes again: a check that is over and still watched needs none.
    pub fn let_servers_go(&self) {
        self.state().parties.values_mut().for_each(|party| party.server = None);
    }

    /// For those whom the booth holds.
    pub fn glimpse(&self) -> Glimpse {
        Glimpse(Arc::downgrade(&self.0))
    }

    /// Whether a client's address is there at all.
    pub fn is_gone(&self, client: &str) -> bool {
        self.state().parties.get(client).and_then(|p| p.plan.front()).is_some_and(|a| a == "gone")
    }

    /// Deliveries of the provider whose answer is held back.
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::SeqCst)
    }

    /// Requests of the harness whose answer a defect holds back: they wait as if inside the provider.
    pub fn kept_back(&self) -> usize {
        self.0.kept_back.load(Ordering::SeqCst)
    }

    /// Keeps the answer to a request of the harness back.
    pub async fn keep_back(&self, hold: Hold) {
        self.0.kept_back.fetch_add(1, Ordering::SeqCst);
        let kept = KeptBack(Arc::downgrade(&self.0));
        self.0.tick();
        if let Some(waiting) = self.waiting(hold) {
            let working = waiting.await;
            // In this order, as in `wait`.
            drop(kept);
            drop(working);
        }
    }

    /// Tasks of the front's own that can run.
    pub fn working(&self) -> usize {
        self.0.working.load(Ordering::SeqCst)
    }

    /// Ticks whenever a number or the ledger may have changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.tick.subscribe()
    }

    /// When the first message that is held back by time is due.
    pub fn next_timer(&self) -> Option<Millis> {
        self.state().timers.keys().next().map(|(due, _)| *due)
    }

    /// Lets go of one message that is due by `now`.
    pub fn fire(&self, now: Millis) {
        let due = {
            let mut state = self.state();
            state.timers.first_entry().filter(|e| e.key().0 <= now).map(|e| e.remove())
        };
        if let Some(waiting) = due {
            // Nobody waits any more if its connection has ended; then there is nothing to let go of.
            let _ = waiting.send(self.work());
        }
        self.0.tick();
    }

    /// Waits until so long nothing has come (real clocks).
    pub async fn quiet_for(&self, quiet: Duration) {
        let mut changes = self.changes();
        while tokio::time::timeout(quiet, changes.changed()).await.is_ok_and(|c| c.is_ok()) {}
    }

    /// What to wait for, entered at once: a message that is held back counts as waiting from the moment when it came. `None`: for nothing.
    fn waiting(&self, hold: Hold) -> Option<oneshot::Receiver<Working>> {
        let (tell, told) = oneshot::channel();
        let mut state = self.state();
        match hold {
            Hold::ForMs(ms) => {
                state.timer_count += 1;
                let number = state.timer_count;
                state.timers.insert((self.0.live.now() + ms, number), tell);
            }
            Hold::Answer => state.for_answer.push(tell),
            // Looked at while nobody can be let go, or the last one over would be missed.
            Hold::Deliveries if self.any_open() => state.for_deliveries.push(tell),
            Hold::Deliveries => return None,
        }
        drop(state);
        self.0.tick();
        Some(told)
    }

    fn any_open(&self) -> bool {
        self.0.live.lock().transcript.deliveries.iter().any(|d| d.over.is_none())
    }

    /// A request of the harness has its answer: what was held back until then is let go.
    pub fn answered(&self, endpoint: Endpoint) {
        if matches!(endpoint, Endpoint::EndSession | Endpoint::Page | Endpoint::Management) {
            let waiting = std::mem::take(&mut self.state().for_answer);
            self.let_go(waiting);
        }
        self.0.tick();
    }

    fn let_go(&self, waiting: Vec<oneshot::Sender<Working>>) {
        for one in waiting {
            // Nobody waits any more if its connection has ended.
            let _ = one.send(self.work());
        }
    }

    /// A delivery that the wire itself makes.
    pub fn tell(&self, tell: Tell) {
        let (booth, working) = (self.clone(), self.work());
        let later = (tell.in_ms > 0).then(|| self.waiting(Hold::ForMs(tell.in_ms))).flatten();
        tokio::spawn(async move {
            let working = match later {
                Some(later) => {
                    drop(working);
                    later.await
                }
                None => Ok(working),
            };
            if let Ok(working) = working {
                booth.arrive(&tell.client, tell.request, Some(working)).await;
            }
        });
    }

    fn work(&self) -> Working {
        self.0.working.fetch_add(1, Ordering::SeqCst);
        Working(self.0.clone())
    }

    fn hold(&self) -> Held {
        self.0.held.fetch_add(1, Ordering::SeqCst);
        self.0.tick();
        Held(Arc::downgrade(&self.0))
    }

    /// A delivery of the provider, raw, as it came.
    pub async fn deliver(&self, request: Request) -> Played {
        let client = self.client_of(&request.url);
        let name = client.unwrap_or_else(|| host_of(&request.url));
        if self.is_gone(&name) {
            return Played::Drop;
        }
        // What a client publishes is read by whoever comes, and nobody is told anything.
        if let Some(document) = published::at(&self.0.live.lock().transcript.clients, &request) {
            return Played::Answer(document);
        }
        let arrivals = {
            let mut growing = self.0.live.lock();
            let now = self.0.live.now();
            growing.wire.delivery(&name, request, now)
        };
        let mut reply = None;
        for arrival in arrivals {
            if arrival.replies_to_provider {
                reply = Some(arrival);
            } else {
                self.aside(arrival).await;
            }
        }
        let Some(arrival) = reply else { return Played::Answer(plain(200)) };
        self.wait(arrival.hold, &mut None).await;
        let client = arrival.client.clone();
        let (request, played) = self.arrive(&client, arrival.request, None).await;
        let Played::Answer(answer) = played else { return played };
        let after = {
            let mut growing = self.0.live.lock();
            let now = self.0.live.now();
            growing.wire.delivery_answer(&client, &request, answer, now)
        };
        for tell in after.tell {
            self.tell(tell);
        }
        for _ in 0..after.again {
            self.arrive(&client, request.clone(), None).await;
        }
        if let Some(url) = after.follow {
            let client = self.client_of(&url).unwrap_or_else(|| host_of(&url));
            self.arrive(&client, Request { url, ..request }, None).await;
        }
        Played::Answer(after.answer)
    }

    /// An arrival whose answer goes to nobody.
    async fn aside(&self, arrival: Arrival) {
        let Some(waiting) = arrival.hold.and_then(|hold| self.waiting(hold)) else {
            self.arrive(&arrival.client, arrival.request, None).await;
            return;
        };
        let booth = self.clone();
        tokio::spawn(async move {
            // The provider has its answer already.
            if let Ok(working) = waiting.await {
                booth.arrive(&arrival.client, arrival.request, Some(working)).await;
            }
        });
    }

    /// Holds a delivery of the provider back, counted in `held`.
    async fn wait(&self, hold: Option<Hold>, held: &mut Option<Held>) {
        let Some(waiting) = hold.and_then(|hold| self.waiting(hold)) else { return };
        *held = Some(self.hold());
        let working = waiting.await;
        // In this order, or there were an instant at which it is held by nobody's count but its own, and all looks settled.
        *held = None;
        drop(working);
    }

    /// Records a delivery and lets its client answer. Where the provider does not wait for that, it is work of the front's own, and while the
    /// client takes its time it is counted nowhere: no number of the provider's stands for it.
    async fn arrive(&self, client: &str, request: Request, mut alone: Option<Working>) -> (Request, Played) {
        let planned = {
            let mut state = self.state();
            let party = state.parties.entry(client.to_owned()).or_default();
            match party.plan.len() {
                0 => json!(200),
                1 => party.plan[0].clone(),
                _ => party.plan.pop_front().unwrap_or(json!(200)),
            }
        };
        let mut open = Open { booth: self.clone(), delivery: self.came(client, &request, &planned), held: None };
        let played = match planned.as_str() {
            Some("hang") => {
                open.held = alone.is_none().then(|| self.hold());
                drop(alone.take());
                std::future::pending::<()>().await;
                Played::Drop
            }
            Some(_) => Played::Drop,
            None => {
                let after = planned.get("after").and_then(Value::as_str).and_then(duration_ms);
                match alone.take() {
                    None => self.wait(after.map(Hold::ForMs), &mut open.held).await,
                    Some(working) => {
                        let waiting = after.and_then(|ms| self.waiting(Hold::ForMs(ms)));
                        alone = match waiting {
                            None => Some(working),
                            Some(waiting) => {
                                drop(working);
                                waiting.await.ok()
                            }
                        };
                    }
                }
                Played::Answer(self.ask(client, &request, planned).await)
            }
        };
        drop(open);
        // Only now, or there were an instant at which all looks settled and it is not written down that this is over.
        drop(alone);
        (request, played)
    }

    fn came(&self, client: &str, request: &Request, planned: &Value) -> usize {
        let mut growing = self.0.live.lock();
        let (step, now, seq) = (growing.step(), self.0.live.now(), growing.next_seq());
        let known = growing.transcript.clients.get(client).and_then(|c| address(c, &request.url));
        let at = known.map_or_else(|| request.path(), str::to_owned);
        let answered = planned.get("status").cloned().unwrap_or_else(|| planned.clone());
        let client = growing.transcript.clients.contains_key(client).then(|| client.to_owned());
        let request = request.clone();
        growing.transcript.deliveries.push(Delivery {
            step,
            client,
            at,
            request,
            answered,
            came: now,
            came_seq: seq,
            over: None,
            over_seq: None,
        });
        let index = growing.transcript.deliveries.len() - 1;
        drop(growing);
        self.0.tick();
        index
    }

    fn over(&self, delivery: usize) {
        let mut growing = self.0.live.lock();
        let (now, seq) = (self.0.live.now(), growing.next_seq());
        if let Some(record) = growing.transcript.deliveries.get_mut(delivery).filter(|d| d.over.is_none()) {
            record.over = Some(now);
            record.over_seq = Some(seq);
        }
        drop(growing);
        let waiting = {
            let mut state = self.state();
            if self.any_open() { Vec::new() } else { std::mem::take(&mut state.for_deliveries) }
        };
        self.let_go(waiting);
        self.0.tick();
    }

    /// The answer of the client's own server.
    async fn ask(&self, client: &str, request: &Request, planned: Value) -> Answer {
        let (server, list) = {
            let mut state = self.state();
            let party = state.parties.entry(client.to_owned()).or_default();
            (party.server.clone(), party.planned.clone())
        };
        let server = match server {
            Some(server) => server,
            None => {
                let server = Arc::new(relying_party(list.clone()).await);
                self.state().parties.entry(client.to_owned()).or_default().server.get_or_insert(server).clone()
            }
        };
        let number = {
            let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
            list.push(planned);
            list.len() - 1
        };
        let mut inside = request.clone();
        let rest = url::Url::parse(&request.url).map(|u| u[url::Position::BeforePath..].to_owned()).unwrap_or_default();
        inside.url = format!("{}{rest}", server.uri());
        inside.headers.retain(|(n, _)| !matches!(n.as_str(), "host" | "connection" | "transfer-encoding" | "content-length"));
        inside.headers.push((PLANNED.into(), number.to_string()));
        match self.0.http.send(&inside, None).await {
            Ok(mut answer) => {
                answer.headers.retain(|(n, _)| !matches!(n.as_str(), "date" | "content-length" | "connection" | "transfer-encoding"));
                answer
            }
            Err(why) => Answer { status: 502, headers: Vec::new(), body: why },
        }
    }

    /// The client to whom an address is known as one for deliveries, or whose host, or whose folder on a host, it is in.
    pub fn client_of(&self, url: &str) -> Option<String> {
        let growing = self.0.live.lock();
        let clients = || growing.transcript.clients.iter();
        let known = clients().find(|(_, c)| addresses(c).is_some_and(|all| all.iter().any(|a| without_query(a) == without_query(url))));
        let name = known.or_else(|| clients().find(|(_, c)| folder(c).is_some_and(|f| url.starts_with(&f))));
        name.map(|(name, _)| name.clone())
    }
}

/// The folder of a client: its first redirect URI without the last segment.
pub fn folder(client: &Value) -> Option<String> {
    let uri = client.get("redirect_uris")?.get(0)?.as_str()?;
    Some(uri[..=uri.rfind('/')?].to_owned())
}

/// The two addresses for deliveries that a client has, without any query: the one that is registered, or `bcl` in its folder, and
/// `second` below that.
pub fn addresses(client: &Value) -> Option<[String; 2]> {
    let registered = client.get("backchannel_logout_uri").and_then(Value::as_str).map(without_query);
    let first = registered.map(|uri| uri.strip_suffix("/second").unwrap_or(uri).to_owned());
    let first = first.or_else(|| folder(client).map(|folder| format!("{folder}bcl")))?;
    let second = format!("{first}/second");
    Some([first, second])
}

/// Which of a client's addresses this is, `first` or `second`. A query that was registered belongs to it, and no other does.
fn address(client: &Value, url: &str) -> Option<&'static str> {
    let registered = client.get("backchannel_logout_uri").and_then(Value::as_str).unwrap_or_default();
    let whole = |plain: &str| if without_query(registered) == plain { registered.to_owned() } else { plain.to_owned() };
    let addresses = addresses(client)?;
    let found = addresses.iter().position(|plain| url == whole(plain));
    found.map(|index| if index == 0 { "first" } else { "second" })
}

fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

/// A `wiremock` server that answers as planned.
async fn relying_party(planned: Arc<Mutex<Vec<Value>>>) -> MockServer {
    let server = MockServer::start().await;
    let respond = move |request: &wiremock::Request| {
        let number = request.headers.get(PLANNED).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
        let list = planned.lock().unwrap_or_else(PoisonError::into_inner);
        template(number.and_then(|n| list.get(n)).unwrap_or(&Value::Null))
    };
    Mock::given(matchers::any()).respond_with(respond).mount(&server).await;
    server
}

/// A status, or `{ status, header, body }`, as `wiremock` has it.
fn template(planned: &Value) -> ResponseTemplate {
    let status = planned.as_u64().or_else(|| planned.get("status").and_then(Value::as_u64)).and_then(|s| u16::try_from(s).ok());
    let mut template = ResponseTemplate::new(status.unwrap_or(200));
    if let Some(headers) = planned.get("header").and_then(Value::as_object) {
        for (name, value) in headers {
            template = template.insert_header(name.as_str(), value.as_str().unwrap_or_default());
        }
    }
    match planned.get("body").and_then(Value::as_str) {
        Some(body) => template.set_body_string(body),
        None => template,
    }
}

fn plain(status: u16) -> Answer {
    Answer { status, headers: Vec::new(), body: String::new() }
}

fn host_of(url: &str) -> String {
    url::Url::parse(url).ok().and_then(|u| u.host_str().map(str::to_owned)).unwrap_or_else(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_by_all_of_it_and_so_is_a_query_that_was_registered() {
        let client = |uri: &str| json!({ "redirect_uris": ["https://web.rp.test/cb"], "backchannel_logout_uri": uri });
        let plain = client("https://web.rp.test/bcl");
        assert_eq!(address(&plain, "https://web.rp.test/bcl"), Some("first"));
        assert_eq!(address(&plain, "https://web.rp.test/bcl/second"), Some("second"));
        assert_eq!(address(&plain, "https://web.rp.test/bcl?from=op"), None);
        let with_query = client("https://web.rp.test/bcl?tenant=1");
        assert_eq!(address(&with_query, "https://web.rp.test/bcl?tenant=1"), Some("first"));
        assert_eq!(address(&with_query, "https://web.rp.test/bcl"), None);
        assert_eq!(address(&with_query, "https://web.rp.test/bcl/second"), Some("second"));
    }
}
