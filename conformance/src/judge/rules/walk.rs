//! What rules look at: the transcripts of a run, each with its codes, tokens and authorizations found once.

use serde_json::Value;

use crate::judge::side_by_side;
use crate::transcript::jose::Jws;
use crate::transcript::tokens::{self, Authorization, Kind, Token};
use crate::transcript::{Answer, Delivery, Endpoint, Exchange, Millis, Transcript};

/// The transcripts of a run.
#[derive(Debug)]
pub struct Run<'a> {
    /// One for each walk.
    pub walks: Vec<Walk<'a>>,
}

/// One transcript.
#[derive(Debug)]
pub struct Walk<'a> {
    /// As recorded.
    pub transcript: &'a Transcript,
    /// Every authorization request with its answer.
    pub authorizations: Vec<Authorization>,
    /// Every code and token, as [`tokens::tokens`] has them.
    pub tokens: Vec<Token>,
}

/// Where a finding is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The check in whose transcript.
    pub check: String,
    /// The thing, in words.
    pub place: String,
    /// Index of an exchange.
    pub exchange: Option<usize>,
    /// Index of a delivery.
    pub delivery: Option<usize>,
}

/// An exchange with its answer.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The walk that it belongs to.
    pub walk: &'a Walk<'a>,
    /// Its index.
    pub index: usize,
    /// The exchange.
    pub exchange: &'a Exchange,
    /// Its answer.
    pub answer: &'a Answer,
}

impl<'a> Run<'a> {
    /// Reads transcripts, but for those in which two verbs went out beside each other: what would be seen there differs from run to run.
    pub fn of(transcripts: &[&'a Transcript]) -> Self {
        let certain: Vec<&Transcript> = transcripts.iter().copied().filter(|t| t.check.steps().all(|step| step.beside.is_none())).collect();
        Self { walks: side_by_side::map(&certain, |t| Walk::of(t)) }
    }

    /// Every exchange that was answered.
    pub fn answers(&self) -> impl Iterator<Item = Seen<'_>> {
        self.walks.iter().flat_map(Walk::answers)
    }

    /// Every code or token of a kind.
    pub fn tokens(&self, kind: Kind) -> impl Iterator<Item = (&Walk<'a>, &Token)> {
        self.walks.iter().flat_map(move |walk| walk.tokens_of(kind).map(move |token| (walk, token)))
    }

    /// Every token of a kind that is a JWS.
    pub fn jwts(&self, kind: Kind) -> impl Iterator<Item = (&Walk<'a>, &Token, &Jws)> {
        self.tokens(kind).filter_map(|(walk, token)| Some((walk, token, token.jws.as_ref()?)))
    }

    /// Every delivery, with its index.
    pub fn deliveries(&self) -> impl Iterator<Item = (&Walk<'a>, usize, &Delivery)> {
        self.walks
            .iter()
            .flat_map(|walk| tokens::ledger(walk.transcript).into_iter().map(move |i| (walk, i, &walk.transcript.deliveries[i])))
    }

    /// Every answer that reached a client's redirect URI, with the authorization request behind it.
    pub fn arrivals(&self) -> impl Iterator<Item = (&Walk<'a>, &Authorization, &tokens::Arrived)> {
        self.walks.iter().flat_map(|walk| walk.authorizations.iter().filter_map(move |a| Some((walk, a, a.arrived.as_ref()?))))
    }
}

impl<'a> Walk<'a> {
    /// Reads a transcript.
    pub fn of(transcript: &'a Transcript) -> Self {
        let authorizations = tokens::authorizations(transcript);
        let tokens = tokens::tokens(transcript, &authorizations);
        Self { transcript, authorizations, tokens }
    }

    /// Every exchange that was answered.
    pub fn answers(&self) -> impl Iterator<Item = Seen<'_>> {
        let all = self.transcript.exchanges.iter().enumerate();
        all.filter_map(|(index, exchange)| Some(Seen { walk: self, index, exchange, answer: exchange.ok()? }))
    }

    /// Every code or token of a kind.
    pub fn tokens_of(&self, kind: Kind) -> impl Iterator<Item = &Token> {
        self.tokens.iter().filter(move |t| t.kind == kind)
    }

    /// The ID tokens that a client got.
    pub fn id_tokens_of<'s>(&'s self, client: &'s str) -> impl Iterator<Item = &'s Jws> {
        self.tokens_of(Kind::IdToken).filter(move |t| t.client.as_deref() == Some(client)).filter_map(|t| t.jws.as_ref())
    }

    /// The authorization that a token goes back to.
    pub fn authorization(&self, token: &Token) -> Option<&Authorization> {
        self.authorizations.get(token.authorization?)
    }

    /// The first ID token of the grant that a token goes back to: the one that its code bought.
    pub fn first_id_token(&self, token: &Token) -> Option<(&Token, &Jws)> {
        let grant = token.authorization?;
        let of_grant = |t: &&Token| t.authorization == Some(grant) && t.grant_type == "authorization_code";
        self.tokens_of(Kind::IdToken).filter(of_grant).find_map(|t| Some((t, t.jws.as_ref()?)))
    }

    /// What introspection has said of a token, each time with the exchange; what it said of a dead token is `active` alone.
    pub fn introspected<'s>(&'s self, token: &'s Token) -> impl Iterator<Item = (Seen<'s>, serde_json::Map<String, Value>)> {
        let about = |s: &Seen<'s>| s.exchange.endpoint == Endpoint::Introspect && s.answer.status == 200;
        let of_token = move |s: &Seen<'s>| tokens::one(&s.exchange.request.form(), "token") == Some(&token.text);
        self.answers().filter(about).filter(of_token).filter_map(|s| s.object().map(|o| (s, o)))
    }

    /// A member of a client's metadata as registered. `None` also if it was changed in the course: nobody can say then what held when.
    pub fn client(&self, name: Option<&str>, member: &str) -> Option<&Value> {
        if self.transcript.changed.get(name?).is_some_and(|members| members.contains_key(member)) {
            return None;
        }
        self.transcript.clients.get(name?)?.get(member).filter(|v| !v.is_null())
    }

    /// By how many milliseconds the target's clock may differ; 0 where time is the harness's own.
    pub fn skew(&self) -> Millis {
        let target = &self.transcript.target;
        if target.virtual_time { 0 } else { target.skew.saturating_mul(1000) }
    }

    /// The issuer of an origin: what discovery says of the primary one, else what the target is known by.
    pub fn issuer(&self, origin: &str) -> Option<&str> {
        let target = &self.transcript.target;
        let said = target.metadata.get("issuer").and_then(Value::as_str).filter(|_| origin == "primary");
        said.or_else(|| target.issuers.get(origin).map(String::as_str))
    }

    /// What the target says or is known to have beyond what everybody is asked for.
    pub fn has(&self, feature: &str) -> bool {
        self.transcript.target.has.iter().any(|f| f == feature)
    }

    /// Names an exchange.
    pub fn at_exchange(&self, index: usize) -> At {
        let place = self.transcript.exchanges.get(index).map_or_else(String::new, |e| match e.endpoint {
            // Addresses of pages are made up by the provider, and another one each time.
            Endpoint::Page | Endpoint::Other => format!("answer to {} of a page", e.request.method),
            _ => format!("answer to {} {}", e.request.method, e.request.path()),
        });
        At { check: self.transcript.check.id.clone(), place, exchange: Some(index), delivery: None }
    }

    /// Names a delivery.
    pub fn at_delivery(&self, index: usize) -> At {
        let client = self.transcript.deliveries.get(index).and_then(|d| d.client.as_deref()).unwrap_or("nobody");
        let place = format!("delivery to {client}");
        At { check: self.transcript.check.id.clone(), place, exchange: None, delivery: Some(index) }
    }

    /// Names a code or token.
    pub fn at_token(&self, token: &Token) -> At {
        let place = format!("{} of {}", token.kind.word(), token.client.as_deref().unwrap_or("nobody"));
        At { check: self.transcript.check.id.clone(), place, exchange: token.exchange, delivery: token.delivery }
    }
}

impl Seen<'_> {
    /// Names it.
    pub fn at(&self) -> At {
        self.walk.at_exchange(self.index)
    }

    /// It was a POST to the token endpoint.
    pub fn is_token_request(&self) -> bool {
        self.exchange.endpoint == Endpoint::Token && self.exchange.request.method == "POST"
    }

    /// The media type of the answer, without parameters, in lower case.
    pub fn media_type(&self) -> String {
        let header = self.answer.header("content-type").next().unwrap_or("");
        header.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
    }

    /// The answer as a JSON object.
    pub fn object(&self) -> Option<serde_json::Map<String, Value>> {
        match self.answer.json()? {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }
}

/// The keys of a JWK Set that are there for signatures.
pub fn signing_keys(set: &Value) -> Vec<&Value> {
    let keys = set.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    keys.iter().filter(|k| k.get("use").is_none_or(|u| u == "sig")).collect()
}

/// Whether a signature verifies under the published keys: under the one that `kid` names, or where there is no `kid` under any.
/// `None`: nobody can say, for the algorithm is symmetric, `none`, or one that this code does not know.
pub fn verifies(jws: &Jws, set: &Value) -> Option<bool> {
    let alg = jws.header_str("alg")?;
    if alg == "none" || alg.starts_with("HS") {
        return None;
    }
    let kid = jws.header_str("kid");
    let keys = signing_keys(set);
    let candidates: Vec<&&Value> = keys.iter().filter(|k| kid.is_none() || k.get("kid").and_then(Value::as_str) == kid).collect();
    if candidates.is_empty() {
        return Some(false);
    }
    let tried: Vec<Option<bool>> = candidates.iter().map(|key| jws.verifies_under(key)).collect();
    if tried.contains(&Some(true)) {
        return Some(true);
    }
    // A key of another type than the algorithm's cannot have made the signature, so an algorithm that is known settles it.
    let known = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"].contains(&alg);
    known.then_some(false)
}

/// A `NumericDate` in milliseconds.
pub fn numeric_date(jws: &Jws, claim: &str) -> Option<Millis> {
    let seconds = jws.claims.get(claim)?.as_f64()?;
    Some((seconds * 1000.0) as Millis)
}
