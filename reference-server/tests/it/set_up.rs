//! The step that lets clients be told from now on: what ends before is never told, what ends after is, and nothing is in between.

use std::collections::BTreeSet;
use std::sync::Arc;

use hyper::Method;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::relying_party::Parties;
use crate::walker::{Walker, claims, fixtures, provider_with};

fn not_set_up() -> String {
    fixtures().replace("set_up = true ", "set_up = false")
}

/// Something that happens; what stands in one list happens at once.
#[derive(Clone, Copy, Debug)]
enum Act {
    SetUp,
    SignOut(usize),
}

fn acts() -> impl Strategy<Value = Vec<Vec<Act>>> {
    let act = prop_oneof![1 => Just(Act::SetUp), 3 => (0..SESSIONS).prop_map(Act::SignOut)];
    prop::collection::vec(prop::collection::vec(act, 1..5), 1..5)
}

const SESSIONS: usize = 5;

#[test]
fn no_sign_out_at_the_edge_is_lost_or_told() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    runner.run(&acts(), |rounds| runtime.block_on(play(rounds))).expect("the edge is sharp");
}

async fn play(rounds: Vec<Vec<Act>>) -> Result<(), TestCaseError> {
    let parties = Parties::new().await;
    let handle = Arc::new(provider_with(&not_set_up(), parties.resolve()).await);
    parties.clock(&handle);
    let mut sids = Vec::new();
    for _ in 0..SESSIONS {
        let tokens = Walker::new(&handle).login("alice", "web").await;
        sids.push(claims(tokens["id_token"].as_str().expect("an ID token"))["sid"].as_str().expect("a sid").to_owned());
    }
    let mut walker = Walker::new(&handle);
    let mut set_up_at = BTreeSet::new();
    for round in rounds {
        let at_once = round.into_iter().map(|act| {
            let (mut walker, sids) = (Walker::new(&handle), sids.clone());
            tokio::spawn(async move {
                match act {
                    Act::SetUp => Some(walker.manage(Method::POST, "set_up", None).await.json()["back_channel_logout"]["position"].clone()),
                    Act::SignOut(nth) => {
                        walker.manage(Method::DELETE, &format!("sessions/{}", sids[nth]), None).await;
                        None
                    }
                }
            })
        });
        for act in at_once.collect::<Vec<_>>() {
            set_up_at.extend(act.await.expect("it went well").map(|position| position.as_u64().expect("a position")));
        }
    }
    parties.advance(&handle, 0).await;

    let events = walker.events("").await;
    let started: Vec<u64> =
        of_type(&events, "projection.back_channel_logout.started").filter_map(|event| event["position"].as_u64()).collect();
    prop_assert!(started.len() <= 1, "{started:?}");
    prop_assert_eq!(&set_up_at.into_iter().collect::<Vec<_>>(), &started, "every run says the same position");
    let ended_after: BTreeSet<String> = of_type(&events, "session.terminated")
        .filter(|event| started.first().is_some_and(|started| event["position"].as_u64() > Some(*started)))
        .filter_map(|event| event["aggregate"].as_str()?.strip_prefix("session/").map(str::to_owned))
        .collect();
    let told: Vec<String> =
        parties.told().iter().map(|told| claims(&told.logout_token)["sid"].as_str().expect("a sid").to_owned()).collect();
    prop_assert_eq!(told.len(), ended_after.len(), "each once");
    prop_assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), ended_after);
    Ok(())
}

fn of_type<'e>(events: &'e [Value], kind: &'e str) -> impl Iterator<Item = &'e Value> {
    events.iter().filter(move |event| event["type"] == kind)
}

#[tokio::test]
async fn a_second_run_moves_nothing_and_a_provider_that_is_set_up_has_nothing_to_do() {
    for (config, first) in [(not_set_up(), None), (fixtures(), Some(1))] {
        let handle = provider_with(&config, Arc::new(|_, _| None)).await;
        let mut walker = Walker::new(&handle);
        walker.login("alice", "web").await;
        let head = walker.events("").await.len() as u64;
        for _ in 0..2 {
            let reply = walker.manage(Method::POST, "set_up", None).await;
            assert_eq!(
                (reply.status.as_u16(), reply.json()),
                (200, json!({ "back_channel_logout": { "position": first.unwrap_or(head + 1) } }))
            );
        }
        assert_eq!(walker.events("projection.").await.len(), 1);
    }
}
