//! Walks a scenario against a target and writes down what happened. It never judges.

pub mod browser;
pub mod edit;
pub mod front;
pub mod jar;
pub mod listen;
pub mod live;
pub mod net;
pub mod openid;
pub mod page;
pub mod published;
pub mod recorder;
pub mod registration;
pub mod site;
pub mod time;
pub mod verbs;
pub mod walk;
pub mod walker;

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use futures_util::future::maybe_done;
use sha2::Digest as _;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::defect::Defect;
use crate::judge::verdict::{Record, Skip};
use crate::scenario::{Check, Verb};
use crate::target::Target;
use crate::transcript::{Ended, Transcript};
use site::Site;

/// What is to be walked.
#[derive(Clone)]
pub struct Job {
    /// The provider under test.
    pub target: Arc<Target>,
    /// The whole catalogue.
    pub checks: Arc<Vec<Check>>,
    /// Which of them, by index. Those that share a walk are walked once.
    pub selected: Vec<usize>,
    /// How many walks run side by side.
    pub jobs: usize,
    /// The run's seed: every fresh name of the run follows from it and the id of its check.
    pub seed: u64,
    /// The defect on the wire, or none.
    pub defect: Option<Arc<Defect>>,
    /// Becomes true when the run is to end with what it has.
    pub cancel: watch::Receiver<bool>,
}

/// What happens while a run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A walk begins: the id of its check.
    Began(String),
    /// A walk is over.
    Ended(String),
}

/// Why nothing could be walked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// Nobody answers.
    #[error("the target could not be reached: {0}")]
    Unreachable(String),
    /// It answers, and could not be set up.
    #[error("the target could not be set up: {0}")]
    SetUp(String),
}

/// What came of one walk.
#[derive(Debug, Clone, PartialEq)]
pub struct Walk {
    /// What happened, or why nothing did.
    pub record: Record,
    /// How many messages the defect on the wire touched.
    pub touched: usize,
}

/// Walks the selected checks; the records stand in the order of the catalogue, one for each walk. A run that is cancelled hands on what it has.
///
/// # Errors
/// [`RunError`], before anything is walked or where a provider could not be started.
pub async fn run(job: Job, on: Arc<dyn Fn(Event) + Send + Sync>) -> Result<Vec<Walk>, RunError> {
    let mut cancel = job.cancel.clone();
    let reached = tokio::select! {
        biased;
        reached = job.target.reach() => reached,
        () = cancelled(&mut cancel) => Ok(()),
    };
    let walks = match reached {
        Ok(()) => walks(&job, on).await,
        Err(why) => Err(why),
    };
    job.target.leave().await;
    walks
}

async fn walks(job: &Job, on: Arc<dyn Fn(Event) + Send + Sync>) -> Result<Vec<Walk>, RunError> {
    let index: BTreeMap<&str, usize> = job.checks.iter().enumerate().map(|(i, c)| (c.id.as_str(), i)).collect();
    let walked = |i: usize| job.checks[i].same_walk_as.as_deref().and_then(|id| index.get(id).copied()).unwrap_or(i);
    let walks: BTreeSet<usize> = job.selected.iter().map(|i| walked(*i)).collect();
    // By the catalogue and not by the selection, so that a check's transcript is the same alone and together.
    let logs: BTreeSet<usize> = (0..job.checks.len()).filter(|i| !job.checks[*i].expect.events.is_empty()).map(walked).collect();
    let side_by_side = u32::try_from(job.target.jobs(job.jobs)).unwrap_or(u32::MAX);
    let permits = Arc::new(Semaphore::new(side_by_side as usize));
    let mut records = BTreeMap::new();
    let mut watched = Vec::new();
    let mut tasks = JoinSet::new();
    for number in walks {
        let check = &job.checks[number];
        if let Some(skip) = skip(check, &job.target) {
            records.insert(number, Walk { record: Record::Skipped { check: check.clone(), skip }, touched: 0 });
            continue;
        }
        let (job, read_log, on) = (job.clone(), logs.contains(&number), on.clone());
        let width = if job.target.alone(check) { side_by_side } else { 1 };
        let mut turn = Box::pin(maybe_done(permits.clone().acquire_many_owned(width)));
        // Stands in the queue from now on: turns come in the order of the catalogue.
        poll_fn(|context| Poll::Ready(turn.as_mut().poll(context).is_ready())).await;
        tasks.spawn(async move {
            turn.as_mut().await;
            let Some(Ok(_permit)) = turn.as_mut().take_output() else { return (number, None) };
            if *job.cancel.borrow() {
                return (number, None);
            }
            on(Event::Began(job.checks[number].id.clone()));
            (number, Some(one(&job, number, read_log).await))
        });
    }
    // What shares a walk may need more than the walk.
    for number in job.selected.iter().copied().filter(|i| walked(*i) != *i) {
        if let Some(skip) = skip(&job.checks[number], &job.target) {
            records.insert(number, Walk { record: Record::Skipped { check: job.checks[number].clone(), skip }, touched: 0 });
        }
    }
    let mut cancel = job.cancel.clone();
    loop {
        let done = tokio::select! {
            biased;
            done = tasks.join_next() => done,
            () = cancelled(&mut cancel), if !tasks.is_empty() && !*job.cancel.borrow() => {
                tasks.abort_all();
                continue;
            }
        };
        match done {
            None => break,
            Some(Ok((number, Some(Ok(one))))) => {
                on(Event::Ended(job.checks[number].id.clone()));
                match one {
                    One::Over(walk) => drop(records.insert(number, *walk)),
                    One::Watched(site) => watched.push((number, site)),
                }
            }
            Some(Ok((_, Some(Err(why))))) => return Err(RunError::SetUp(why)),
            Some(Ok((_, None)) | Err(_)) => {}
        }
    }
    tokio::select! {
        biased;
        _ = futures_util::future::join_all(watched.iter().map(|(_, site)| last_look(site))) => {}
        () = cancelled(&mut cancel) => {}
    }
    records.extend(watched.into_iter().map(|(number, site)| (number, taken(&site))));
    Ok(records.into_values().collect())
}

/// A check whose steps are done.
enum One {
    /// Nothing can come any more.
    Over(Box<Walk>),
    /// Time goes on there: whether anything more comes is decided when the run ends.
    Watched(Box<Site>),
}

async fn one(job: &Job, number: usize, read_log: bool) -> Result<One, String> {
    let check = &job.checks[number];
    let sharing: Vec<&Check> = job.checks.iter().filter(|c| c.same_walk_as.as_deref() == Some(&check.id)).collect();
    let site = job.target.site(check, &sharing, seed(job.seed, &check.id), job.defect.as_ref()).await?;
    walk::walk(&site, check, read_log).await;
    if site.time.is_real() {
        site.recorder.booth.let_servers_go();
        return Ok(One::Watched(Box::new(site)));
    }
    Ok(One::Over(Box::new(taken(&site))))
}

/// Before the run ends: quiet once more, and the keys of what came late.
async fn last_look(site: &Site) {
    // Virtual time does not come here, and quiet on the wall's clock always comes in the end.
    let _ = site.time.settle(&site.recorder.booth).await;
    walk::learn_delivery_keys(site).await;
}

/// What came of it, up to now.
fn taken(site: &Site) -> Walk {
    let touched = site.recorder.live.lock().wire.touched();
    let mut transcript = site.recorder.live.finish();
    let ended = transcript.steps.last().map_or(0, |step| step.ended);
    if let (Ended::Asked { watched }, true) = (&mut transcript.ended, site.time.is_real()) {
        *watched = u64::try_from(site.time.now() - ended).unwrap_or(0);
    }
    Walk { record: Record::Walked(transcript), touched }
}

/// When the run is to end with what it has.
async fn cancelled(cancel: &mut watch::Receiver<bool>) {
    if cancel.wait_for(|now| *now).await.is_err() {
        // Nobody is left who could cancel.
        std::future::pending::<()>().await;
    }
}

/// The seed of a check: no check's names depend on any other.
fn seed(run: u64, id: &str) -> [u8; 32] {
    sha2::Sha256::new().chain_update(run.to_be_bytes()).chain_update(id.as_bytes()).finalize().into()
}

/// Why a check is not asked of this target, if it is not.
pub fn skip(check: &Check, target: &Target) -> Option<Skip> {
    // What one system does is asked of that system and of those who stand for it.
    if check.cites.iter().all(|id| id.starts_with("zitadel-")) && !target.has().iter().any(|h| h == "zitadel") {
        let because = "the lines of its catalogue bind nobody whose target file does not say `has = [\"zitadel\"]`".to_owned();
        return Some(Skip::Lacks { feature: "zitadel".into(), because });
    }
    for need in &check.needs {
        if let Some((feature, because)) = target.lacks().iter().find(|(f, _)| f == need) {
            return Some(Skip::Lacks { feature: feature.clone(), because: because.clone() });
        }
        if is_power(need) && !target.powers().iter().any(|p| p == need) {
            return Some(Skip::Harness { power: need.clone() });
        }
    }
    if let Some(skip) = target.skip(check) {
        return Some(skip);
    }
    let waits = check.steps().any(|s| s.verb == Verb::Advance);
    (waits && !target.time_passes()).then(|| Skip::Harness { power: "time that passes (--slow waits for it)".into() })
}

/// A need of the harness's own, and no feature of the target.
fn is_power(need: &str) -> bool {
    need.starts_with("admin.")
        || matches!(need, "virtual_time" | "restart" | "event_log" | "configurable" | "two_origins" | "own_keys" | "management_api")
}

/// A record for a walk that the harness could not do.
pub fn broken_off(transcript: Transcript, why: String) -> Record {
    Record::Walked(Transcript { ended: Ended::Harness(why), ..transcript })
}
