//! No sequence of polls, decisions and pauses gives a device two sets of tokens, and each poll is answered as RFC 8628, section 3.5 has it.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};
use reference_server::Handle;
use serde_json::Value;

use crate::walker::{Walker, fixtures, provider_with};

/// What may happen. Devices are `tv`'s, the first or the second.
#[derive(Clone, Debug)]
enum Act {
    Poll { device: usize, client: &'static str },
    AtOnce { device: usize, polls: usize },
    Decide { device: usize, yes: bool },
    Wait { secs: i64 },
}

fn act() -> impl Strategy<Value = Act> {
    let device = 0_usize..2;
    prop_oneof![
        6 => (device.clone(), prop_oneof![5 => Just("tv"), 1 => Just("kiosk")]).prop_map(|(device, client)| Act::Poll { device, client }),
        1 => (device.clone(), 2_usize..5).prop_map(|(device, polls)| Act::AtOnce { device, polls }),
        2 => (device, any::<bool>()).prop_map(|(device, yes)| Act::Decide { device, yes }),
        3 => prop_oneof![4 => 1_i64..12, 1 => 12_i64..320].prop_map(|secs| Act::Wait { secs }),
    ]
}

/// What a device has to be told, by the clauses and without looking.
#[derive(Default)]
struct Model {
    decided: Option<bool>,
    redeemed: bool,
    last_poll: Option<i64>,
    slowed: i64,
}

const LIFETIME: i64 = 300;

impl Model {
    /// The error of a poll at this second, or nothing where there are tokens.
    fn poll(&mut self, client: &str, now: i64) -> Option<&'static str> {
        match self.decided {
            _ if client != "tv" || self.redeemed => Some("invalid_grant"),
            Some(false) => Some("access_denied"),
            _ if now >= LIFETIME => Some("expired_token"),
            Some(true) => {
                self.redeemed = true;
                None
            }
            None => {
                let early = self.last_poll.is_some_and(|last| now - last < 5 + 5 * self.slowed);
                self.last_poll = Some(now);
                self.slowed += i64::from(early);
                Some(if early { "slow_down" } else { "authorization_pending" })
            }
        }
    }

    fn decide(&mut self, yes: bool, now: i64) {
        if self.decided.is_none() && now < LIFETIME {
            self.decided = Some(yes);
        }
    }
}

/// Whether the answers are the provider's, or those of one that sells a device code as often as it is asked after the first time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answers {
    Honest,
    SoldTwice,
}

struct Stage {
    handle: Handle,
    device: Walker,
    browser: Walker,
    codes: Vec<Value>,
    /// What each device got first.
    sold: Vec<Option<String>>,
    answers: Answers,
}

impl Stage {
    async fn new(answers: Answers) -> Self {
        // What is entered too late is no guess here.
        let config = format!("{}\n[device]\nguesses = 1000\n", fixtures());
        let handle = provider_with(&config, Arc::new(|_, _| None)).await;
        let (mut device, mut browser) = (Walker::new(&handle), Walker::new(&handle));
        browser.login("alice", "web").await;
        let mut codes = Vec::new();
        for _ in 0..2 {
            codes.push(device.ask("tv", "/device_authorization", &[("scope", "openid offline_access")]).await.json());
        }
        Self { handle, device, browser, codes, sold: vec![None, None], answers }
    }

    fn code(&self, device: usize, name: &str) -> String {
        self.codes[device][name].as_str().expect("a code").to_owned()
    }

    /// The error of a poll, or nothing where it gave tokens.
    async fn poll(&mut self, device: usize, client: &str) -> Option<String> {
        let code = self.code(device, "device_code");
        let reply = asked(&mut self.device, client, &code).await;
        if reply.is_none() || (self.answers == Answers::SoldTwice && self.sold[device].is_some() && client == "tv") {
            self.sold[device] = Some(String::new());
            return None;
        }
        reply
    }

    async fn at_once(&mut self, device: usize, polls: usize) -> Vec<Option<String>> {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..polls {
            let (mut walker, code) = (Walker::new(&self.handle), self.code(device, "device_code"));
            tasks.spawn(async move { asked(&mut walker, "tv", &code).await });
        }
        tasks.join_all().await
    }

    async fn decide(&mut self, device: usize, yes: bool) {
        let page = self.browser.get("https://op.test/device").await;
        let code = self.code(device, "user_code");
        let reply = self.browser.post_to(&page, "name=\"user_code\"", &[("user_code", &code)]).await;
        if reply.status != 303 {
            return;
        }
        let page = self.browser.get(reply.location()).await;
        let session = page.field("session");
        let form = [("session", session.as_str()), ("decide", if yes { "approve" } else { "deny" })];
        self.browser.post_to(&page, "name=\"decide\"", &form).await;
    }

    fn wait(&self, secs: i64) {
        let until = self.handle.now_ms() + secs * 1000;
        while self.handle.step(until) {}
    }
}

async fn asked(walker: &mut Walker, client: &str, code: &str) -> Option<String> {
    let form = [("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", code)];
    let reply = walker.ask(client, "/token", &form).await;
    if reply.status == 200 {
        return None;
    }
    Some(reply.json()["error"].as_str().unwrap_or_default().to_owned())
}

async fn story(answers: Answers, acts: &[Act]) -> Result<(), TestCaseError> {
    let mut stage = Stage::new(answers).await;
    let mut models = [Model::default(), Model::default()];
    let mut sets = [0_usize; 2];
    let mut now = 0;
    for act in acts {
        match *act {
            Act::Wait { secs } => {
                stage.wait(secs);
                now += secs;
            }
            Act::Decide { device, yes } => {
                stage.decide(device, yes).await;
                models[device].decide(yes, now);
            }
            Act::Poll { device, client } => {
                let told = stage.poll(device, client).await;
                sets[device] += usize::from(told.is_none());
                prop_assert!(sets[device] <= 1, "{} sets of tokens after {:?}", sets[device], act);
                prop_assert_eq!(told.as_deref(), models[device].poll(client, now), "{:?} at {} s", act, now);
            }
            Act::AtOnce { device, polls } => {
                let mut told = stage.at_once(device, polls).await;
                sets[device] += told.iter().filter(|told| told.is_none()).count();
                prop_assert!(sets[device] <= 1, "{} sets of tokens after {:?}", sets[device], act);
                // Who of them was first is nobody's business: one after another they are told this.
                let mut due: Vec<Option<String>> = (0..polls).map(|_| models[device].poll("tv", now).map(str::to_owned)).collect();
                told.sort();
                due.sort();
                prop_assert_eq!(told, due, "{:?} at {} s", act, now);
            }
        }
    }
    Ok(())
}

fn told(answers: Answers, acts: &[Act]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(story(answers, acts))
}

fn few() -> ProptestConfig {
    ProptestConfig { cases: 48, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn no_sequence_of_polls_yields_two_sets_of_tokens(acts in vec(act(), 1..24)) {
        told(Answers::Honest, &acts)?;
    }
}

#[test]
fn a_provider_that_sells_a_code_twice_is_found_out() {
    let found = TestRunner::new(few()).run(&vec(act(), 1..24), |acts| told(Answers::SoldTwice, &acts));
    let Err(TestError::Fail(why, acts)) = found else { panic!("it was not found: {found:?}") };
    assert!(why.message().contains("2 sets of tokens"), "{why} after {acts:?}");
}
