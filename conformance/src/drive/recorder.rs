//! Everything that the harness sends goes through here: the defect on the wire first, then the wire, then the transcript.

use std::sync::Arc;

use tokio::sync::Barrier;

use super::front::Booth;
use super::live::Live;
use super::net::Http;
use crate::defect::Hold;
use crate::defect::wire::Going;
use crate::transcript::{Answer, Endpoint, Exchange, Request};

/// Who sends, and what for.
#[derive(Debug, Clone, Default)]
pub struct Errand {
    /// The client on whose behalf.
    pub client: Option<String>,
    /// The browser.
    pub browser: Option<String>,
    /// The person in front of it.
    pub user: Option<String>,
    /// What was changed in the request on purpose.
    pub edited: Vec<String>,
    /// Side by side with others: the gate before the last byte.
    pub gate: Option<Arc<Barrier>>,
    /// For the verb beside the step's own.
    pub beside: bool,
}

/// Sends and records.
#[derive(Clone)]
pub struct Recorder {
    /// The transcript that grows.
    pub live: Live,
    /// The wire.
    pub http: Http,
    /// The relying parties, for what the wire holds back until they have answered.
    pub booth: Booth,
}

impl Recorder {
    /// Sends a request and returns the index of its exchange. What went wrong on the way stands in the exchange.
    pub async fn send(&self, endpoint: Endpoint, origin: &str, request: Request, errand: &Errand) -> usize {
        let client = errand.client.as_deref();
        let (index, going) = {
            let mut growing = self.live.lock();
            let (step, now, seq) = (growing.step(), self.live.now(), growing.next_seq());
            let going = growing.wire.request(endpoint, client, request.clone(), now);
            growing.transcript.exchanges.push(Exchange {
                step,
                client: errand.client.clone(),
                browser: errand.browser.clone(),
                user: errand.user.clone(),
                endpoint,
                origin: origin.to_owned(),
                request: request.clone(),
                answer: Err("still open when the check ended".into()),
                sent: now,
                answered: now,
                sent_seq: seq,
                answered_seq: seq,
                edited: errand.edited.clone(),
                beside: errand.beside,
            });
            (growing.transcript.exchanges.len() - 1, going)
        };
        let answer = match going {
            Going::Instead(answer) => {
                // Nothing goes out, and nobody else at the gate is to wait for it.
                if let Some(gate) = &errand.gate {
                    gate.wait().await;
                }
                Ok(answer)
            }
            Going::Send(spoilt) => match self.http.send(&spoilt, errand.gate.clone()).await {
                Ok(answer) => Ok(self.come_back(endpoint, client, &request, answer).await),
                Err(why) => Err(why),
            },
        };
        let mut growing = self.live.lock();
        let (now, seq) = (self.live.now(), growing.next_seq());
        if let Some(exchange) = growing.transcript.exchanges.get_mut(index) {
            exchange.answer = answer;
            exchange.answered = now;
            exchange.answered_seq = seq;
        }
        drop(growing);
        self.booth.answered(endpoint);
        index
    }

    /// Exchanges that somebody else made and tells of, each put in its place among what came after the message numbered `since`. Returns
    /// the indices of the first and the last.
    pub fn told(&self, since: u64, exchanges: Vec<Exchange>) -> (usize, usize) {
        let mut growing = self.live.lock();
        let step = growing.step();
        let first = growing.transcript.exchanges.len();
        growing.transcript.exchanges.extend(exchanges.into_iter().map(|e| Exchange { step, ..e }));
        growing.reorder(since, first);
        let last = growing.transcript.exchanges.len().saturating_sub(1);
        drop(growing);
        self.booth.answered(Endpoint::Page);
        (first, last)
    }

    async fn come_back(&self, endpoint: Endpoint, client: Option<&str>, request: &Request, answer: Answer) -> Answer {
        let coming = {
            let mut growing = self.live.lock();
            let now = self.live.now();
            growing.wire.answer(endpoint, client, request, answer, now)
        };
        for tell in coming.tell {
            self.booth.tell(tell);
        }
        // An answer cannot wait for itself.
        if let Some(hold) = coming.hold.filter(|h| *h != Hold::Answer) {
            self.booth.keep_back(hold).await;
        }
        coming.answer
    }

    /// A copy of the answer of an exchange.
    pub fn answer(&self, index: usize) -> Option<Answer> {
        self.live.lock().transcript.exchanges.get(index).and_then(|e| e.ok().cloned())
    }
}
