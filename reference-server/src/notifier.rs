//! Back-Channel Logout 1.0: a reader of the log who tells relying parties that a session has ended.
//!
//! It has a position of its own, which the store keeps: that up to which everybody has been told, or given up. It goes on from there when
//! the provider starts again, so that whoever was not told yet is told then, from the first attempt on. It is silent until it comes to
//! the event of its activation; so what ended before is never told. Each telling is a task of its own that waits for nobody. No lock is
//! held while one is on the wire: a client may call back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::http::Phase;
use crate::jose;
use crate::log::{Aggregate, Batch, Event, Failure, Log, NotWritten, Payload, events};
use crate::names::SessionId;
use crate::params::encode;
use crate::provider::Provider;
use crate::state::features::Flag;
use crate::state::session::SessionTerminated;
use crate::state::session_logout::{self, Failed, Sent, SessionLogout, Telling};
use crate::subject;
use crate::world::outgoing::{NoAnswer, Whose};
use crate::world::quiet::{BusyGuard, Counts};

events! {
    /// From here on clients are told.
    /// Its own place in the log is where that begins: what ended before is never told, and what ends after is.
    "projection.back_channel_logout.started" Started {}
}

/// What the store calls this reader.
pub const READER: &str = "back_channel_logout";

/// How many events are read at once.
const PAGE: usize = 128;

/// How long to wait when the store has failed.
const BREATH_MS: i64 = 1000;

/// The event type that a logout token speaks of (section 2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn aggregate() -> Aggregate {
    Aggregate::new("projection", READER)
}

/// Makes the notifier speak from now on. A second time moves nothing.
///
/// # Errors
/// The store failed.
pub async fn activate(log: &Log, now_ms: i64) -> Result<(), Failure> {
    // Where it begins is not looked up before: whatever came in between would be lost, or told although it is older.
    let batch = Batch::new().add(&aggregate(), 0, &Started {})?;
    match log.append(batch, now_ms).await {
        Ok(()) | Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => Ok(()),
        Err(NotWritten::Failed(failure)) => Err(failure),
    }
}

/// The position from which on it speaks, if it does.
///
/// # Errors
/// The store failed.
pub async fn speaks_from(log: &Log) -> Result<Option<u64>, Failure> {
    let events = log.load(&aggregate()).await?;
    Ok(events.iter().find(|event| event.kind == Started::TYPE).map(|event| event.position))
}

/// Reads the log until it is told to stop. Tellings under way stop with it.
pub async fn run(provider: Arc<Provider>, mut phase: watch::Receiver<Phase>) {
    let mut growth = provider.log.growth();
    let mut notifier = Notifier::new(provider.clone());
    loop {
        growth.mark_unchanged();
        let failed = notifier.catch_up().await.is_err();
        notifier.keep_position();
        let again = async {
            if failed {
                drop(provider.world.sleep(BREATH_MS, "notifier").await);
                true
            } else {
                growth.changed().await.is_ok()
            }
        };
        tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase > Phase::Serving) => break,
            again = again => if !again { break },
        }
    }
    notifier.keep_position();
}

struct Notifier {
    provider: Arc<Provider>,
    position: u64,
    /// Whether it speaks; not known before the log was asked.
    active: Option<bool>,
    /// Each says at the end which event it follows from.
    tellings: JoinSet<u64>,
    /// How many tellings of which event are not over.
    open: BTreeMap<u64, usize>,
}

impl Notifier {
    fn new(provider: Arc<Provider>) -> Self {
        let position = provider.log.position_of(READER);
        Self { provider, position, active: None, tellings: JoinSet::new(), open: BTreeMap::new() }
    }

    /// Lets the store keep up to where everything is over.
    fn keep_position(&mut self) {
        while let Some(over) = self.tellings.try_join_next() {
            // One that has panicked is not over: it is begun again at the next start.
            let Ok(position) = over else { continue };
            if let Some(open) = self.open.get_mut(&position) {
                *open -= 1;
                if *open == 0 {
                    self.open.remove(&position);
                }
            }
        }
        let over = self.open.first_key_value().map_or(self.position, |(first, _)| first - 1);
        self.provider.log.keep_position(READER, over);
    }

    async fn catch_up(&mut self) -> Result<(), Failure> {
        if self.active.is_none() {
            let from = speaks_from(&self.provider.log).await?;
            self.active = Some(from.is_some_and(|from| from <= self.position));
        }
        loop {
            let events = self.provider.log.read(self.position, PAGE).await?;
            if events.is_empty() {
                return Ok(());
            }
            for event in events {
                self.take(&event).await?;
                self.position = event.position;
                // Whatever follows from the event is counted busy by now.
                self.provider.world.counts.position_is(event.position);
            }
        }
    }

    async fn take(&mut self, event: &Event) -> Result<(), Failure> {
        match event.kind.as_str() {
            Started::TYPE => self.active = Some(true),
            SessionTerminated::TYPE => {
                let session_id = SessionId::new(event.aggregate.id());
                let tellings = match self.active == Some(true) && self.provider.is_on(Flag::EnableBackChannelLogout).await? {
                    true => SessionLogout::load(&self.provider.log, &session_id).await?.tellings(&session_id),
                    false => Vec::new(),
                };
                self.begin(event.position, &session_id, tellings);
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, position: u64, session_id: &SessionId, tellings: Vec<Telling>) {
        let counts = &self.provider.world.counts;
        let round = Arc::new(Round { waiting: self.provider.rounds.take(session_id), counts: counts.clone() });
        if !tellings.is_empty() {
            self.open.insert(position, tellings.len());
        }
        for telling in tellings {
            let told = tell(self.provider.clone(), telling, round.clone(), counts.busy());
            self.tellings.spawn(async move {
                told.await;
                position
            });
        }
    }
}

/// The first attempts of a session's tellings. When the last of them lets go of it, whoever waits for it is woken.
struct Round {
    waiting: Vec<oneshot::Sender<BusyGuard>>,
    counts: Arc<Counts>,
}

impl Drop for Round {
    fn drop(&mut self) {
        for waiting in self.waiting.drain(..) {
            // Whoever has stopped waiting drops the guard with the message.
            let _ = waiting.send(self.counts.busy());
        }
    }
}

/// Tells one client, as often as it takes.
async fn tell(provider: Arc<Provider>, telling: Telling, round: Arc<Round>, mut busy: BusyGuard) {
    let mut round = Some(round);
    for attempt in 1.. {
        let outcome;
        (outcome, busy) = try_once(&provider, &telling, attempt, busy).await;
        let pause = provider.config.delivery.pauses.get(attempt as usize - 1);
        let Telling { session_id, first } = &telling;
        let (oidc_session_id, client_id) = (first.oidc_session_id.clone(), first.client_id.clone());
        let recorded = match (&outcome, pause) {
            (Outcome::Told, _) => record(&provider, session_id, &Sent { oidc_session_id, client_id, attempt }).await,
            (Outcome::Again(_), Some(_)) => Ok(()),
            (Outcome::Refused(reason) | Outcome::Again(reason), _) => {
                let failed = Failed { oidc_session_id, client_id, attempt, reason: reason.clone() };
                record(&provider, session_id, &failed).await
            }
        };
        // The first attempt is over, and what came of it can be read in the log.
        drop(round.take());
        let pause_ms = match (outcome, pause, recorded) {
            (Outcome::Again(_), Some(pause), _) => pause.ms(),
            // The client was told, but the log does not know. Rather once more than never: at least once is what a log can promise.
            (_, _, Err(_)) => BREATH_MS,
            _ => return,
        };
        let sleep = provider.world.sleep(pause_ms, &wait_name("pause", &telling));
        drop(busy);
        busy = sleep.await;
    }
}

fn wait_name(what: &str, telling: &Telling) -> String {
    format!("{what} {} {} {}", telling.session_id, telling.first.client_id, telling.first.back_channel_logout_uri)
}

/// What came of an attempt.
enum Outcome {
    /// 200, and what else counts so in practice (section 2.8).
    Told,
    /// 400: the client understood and said no. Asking again would change nothing.
    Refused(String),
    /// Something that may pass.
    Again(String),
}

async fn try_once(provider: &Provider, telling: &Telling, attempt: u32, busy: BusyGuard) -> (Outcome, BusyGuard) {
    let (token, whose) = match logout_token(provider, telling, attempt).await {
        Ok(Some(token)) => token,
        Ok(None) => return (Outcome::Refused("the client is not registered any more".to_owned()), busy),
        Err(_) => return (Outcome::Again("no logout token could be signed".to_owned()), busy),
    };
    let body = encode([("logout_token", token.as_str())]);
    let limit = provider.world.sleep(provider.config.delivery.limit.ms(), &wait_name("limit", telling));
    let open = busy.open();
    let answer = tokio::select! {
        biased;
        answer = provider.world.outgoing.post_form(&telling.first.back_channel_logout_uri, body, whose) => Some(answer),
        _ = limit => None,
    };
    let busy = open.busy_again();
    // The words are ours and not the system's, so that they are the same everywhere.
    let outcome = match answer {
        Some(Ok(200 | 202 | 204)) => Outcome::Told,
        Some(Ok(400)) => Outcome::Refused("status 400".to_owned()),
        Some(Ok(status)) => Outcome::Again(format!("status {status}")),
        Some(Err(NoAnswer::Address(_))) => Outcome::Refused("not an http or https address".to_owned()),
        Some(Err(NoAnswer::Name(_))) => Outcome::Again("the name does not exist".to_owned()),
        Some(Err(NoAnswer::Inside(_))) => Outcome::Refused("the address is one inside".to_owned()),
        Some(Err(NoAnswer::Connection(_))) => Outcome::Again("no connection".to_owned()),
        Some(Err(NoAnswer::Http(_) | NoAnswer::TooLong(_))) => Outcome::Again("no answer".to_owned()),
        None => Outcome::Again("no answer in time".to_owned()),
    };
    (outcome, busy)
}

/// Back-Channel Logout 1.0, section 2.4. These claims and no others.
#[derive(Serialize)]
struct LogoutTokenClaims<'a> {
    iss: &'a str,
    sub: String,
    aud: [&'a str; 1],
    iat: i64,
    exp: i64,
    jti: String,
    events: Value,
    sid: &'a str,
}

/// A token for this attempt, and whose word the address is; nothing if the client is gone. It is signed as the client's ID tokens are,
/// and has the issuer that they have.
async fn logout_token(provider: &Provider, telling: &Telling, attempt: u32) -> Result<Option<(String, Whose)>, Failure> {
    let Telling { session_id, first } = telling;
    let Some(client) = provider.known_client(first.client_id.as_str()).await? else { return Ok(None) };
    let key = provider.keys.current(&provider.log, client.id_token_alg).await?;
    let now = provider.world.now();
    // Not the version of the aggregate: that depends on who else was told meanwhile. A provider that has started again begins with the
    // first attempt, and its token is another one all the same.
    let purpose = format!("logout token {} {} {}", provider.log.opened(), first.client_id, first.back_channel_logout_uri);
    let claims = LogoutTokenClaims {
        iss: first.issuer.as_str(),
        sub: subject::of(&provider.config, &client, &first.user_id),
        aud: [first.client_id.as_str()],
        iat: now,
        exp: now + provider.config.lifetimes.logout_token.secs(),
        jti: provider.world.fresh.id(&session_logout::aggregate(session_id), attempt.into(), &purpose),
        events: json!({ EVENT: {} }),
        // Also for clients that did not ask for it: `sub` alone would tell them that all sessions of this person have ended.
        sid: session_id.as_str(),
    };
    Ok(Some((jose::sign(&key, "logout+jwt", &claims)?, client.whose)))
}

async fn record(provider: &Provider, session_id: &SessionId, event: &impl Payload) -> Result<(), Failure> {
    loop {
        let logout = SessionLogout::load(&provider.log, session_id).await?;
        let batch = Batch::new().add(&session_logout::aggregate(session_id), logout.version, event)?;
        match provider.log.append(batch, provider.world.now_ms()).await {
            Ok(()) => return Ok(()),
            Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => {}
            Err(NotWritten::Failed(failure)) => return Err(failure),
        }
    }
}

type Waiting = Arc<Mutex<BTreeMap<SessionId, Vec<oneshot::Sender<BusyGuard>>>>>;

/// Who waits for the first attempts of which session.
pub struct Rounds {
    waiting: Waiting,
    counts: Arc<Counts>,
}

impl Rounds {
    /// Nobody waits.
    pub fn new(counts: Arc<Counts>) -> Self {
        Self { waiting: Waiting::default(), counts }
    }

    /// Waits for these sessions, which are not ended yet.
    pub fn wait_for(&self, ids: &[SessionId]) -> Told {
        let mut waiting = lock(&self.waiting);
        let mut rounds = BTreeMap::new();
        for id in ids {
            let (over, round) = oneshot::channel();
            waiting.entry(id.clone()).or_default().push(over);
            rounds.insert(id.clone(), round);
        }
        Told { rounds, waiting: self.waiting.clone(), counts: self.counts.clone() }
    }

    fn take(&self, id: &SessionId) -> Vec<oneshot::Sender<BusyGuard>> {
        lock(&self.waiting).remove(id).unwrap_or_default()
    }
}

/// The first attempts of some sessions.
pub struct Told {
    rounds: BTreeMap<SessionId, oneshot::Receiver<BusyGuard>>,
    waiting: Waiting,
    counts: Arc<Counts>,
}

impl Told {
    /// Comes back when all of these are over, or when the notifier has stopped.
    pub async fn over(mut self, ids: &[SessionId]) -> BusyGuard {
        let mut busy = None;
        for id in ids {
            // While the next one is waited for nobody is busy here.
            drop(busy.take());
            if let Some(round) = self.rounds.remove(id) {
                busy = round.await.ok();
            }
        }
        busy.unwrap_or_else(|| self.counts.busy())
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let ids: Vec<SessionId> = std::mem::take(&mut self.rounds).into_keys().collect();
        let mut waiting = lock(&self.waiting);
        for id in ids {
            if let Some(left) = waiting.get_mut(&id) {
                left.retain(|over| !over.is_closed());
                if left.is_empty() {
                    waiting.remove(&id);
                }
            }
        }
    }
}

fn lock(waiting: &Waiting) -> MutexGuard<'_, BTreeMap<SessionId, Vec<oneshot::Sender<BusyGuard>>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
