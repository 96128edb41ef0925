//! Token exchanges: that what was issued is what the answer says, and no wider than what was handed in. RFC 8693 §2.2.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::answers::{scope_is_said, words};
use super::walk::Seen;
use super::{Looks, Rule, Run, Walk};
use crate::transcript::jose::Jws;
use crate::transcript::tokens::{Kind, Token, one};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "an-exchange-says-what-was-issued",
            asks: "The answer to an exchange says of which type the new token is.",
            cites: &["rfc8693-2.2.1-issued-token-type"],
            broken_by: &["answers-without-issued-token-type"],
            judge: says_type,
        },
        Rule {
            id: "the-issued-type-is-true",
            asks: "What is called an ID token is one, and what is called a JWT is a JWT.",
            cites: &["rfc8693-2.2.1-issued-token-type-truthful"],
            broken_by: &["issued-token-type-lies"],
            judge: true_type,
        },
        Rule {
            id: "n_a-means-no-access-token",
            asks: "The token type is N_A where an ID token was issued, and never where an access token was.",
            cites: &["rfc8693-2.2.1-token-type-n-a"],
            broken_by: &["id-token-called-bearer"],
            judge: n_a,
        },
        Rule {
            id: "an-exchange-says-which-scope-it-narrowed",
            asks: "The answer names the scope of the new token where that is not the one that was asked for.",
            cites: &["rfc8693-2.2.1-scope-when-different"],
            broken_by: &["scope-narrowed-silently"],
            judge: says_scope,
        },
        Rule {
            id: "an-exchange-never-widens-the-scope",
            asks: "The scope of a new token is within those of subject and actor together.",
            cites: &["zitadel-te-27"],
            broken_by: &["exchange-widens-scope"],
            judge: never_wider,
        },
        Rule {
            id: "an-exchange-never-changes-the-audience",
            asks: "The audience of a new JWT is within those of subject and actor together, besides the client itself.",
            cites: &["zitadel-te-21"],
            broken_by: &["exchange-widens-audience"],
            judge: audience,
        },
        Rule {
            id: "an-exchange-keeps-the-subject",
            asks: "The new token is about the person of the subject token, whoever acts.",
            cites: &["rfc8693-4.1-act-on-delegation"],
            broken_by: &["actor-becomes-the-subject"],
            judge: keeps_subject,
        },
    ]
}

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const TYPE: &str = "urn:ietf:params:oauth:token-type:";

/// An exchange that worked.
pub(super) struct Exchanged<'r> {
    pub seen: Seen<'r>,
    pub form: Vec<(String, String)>,
    pub body: Map<String, Value>,
}

pub(super) fn exchanges<'r>(run: &'r Run<'_>) -> impl Iterator<Item = Exchanged<'r>> {
    run.answers().filter(|s| s.is_token_request() && s.answer.status == 200).filter_map(|seen| {
        let form = seen.exchange.request.form();
        let body = seen.object().filter(|b| b.get("access_token").is_some_and(Value::is_string))?;
        (one(&form, "grant_type") == Some(GRANT)).then_some(Exchanged { seen, form, body })
    })
}

impl<'r> Exchanged<'r> {
    /// The token that was handed in as subject or actor, where it is one of the provider's own that was seen.
    pub fn given(&self, param: &str) -> Option<&'r Token> {
        let text = one(&self.form, param)?;
        let walk = self.seen.walk;
        walk.tokens.iter().find(|t| t.text == text && t.kind != Kind::Code && t.seq < self.seen.exchange.sent_seq)
    }

    /// The type that the answer says.
    fn said(&self) -> Option<&str> {
        self.body.get("issued_token_type").and_then(Value::as_str)
    }

    /// The tokens that it brought, those that can be read.
    pub fn brought(&self) -> impl Iterator<Item = (&'r Token, &'r Jws)> {
        let index = self.seen.index;
        self.seen.walk.tokens.iter().filter(move |t| t.exchange == Some(index)).filter_map(|t| Some((t, t.jws.as_ref()?)))
    }
}

fn says_type(run: &Run<'_>, looks: &mut Looks) {
    for exchange in exchanges(run) {
        let fits = exchange.said().is_some_and(|said| !said.is_empty());
        looks.look(exchange.seen.at(), fits, "issued_token_type, a string", || {
            exchange.body.get("issued_token_type").map_or_else(|| "no issued_token_type".into(), |v| format!("issued_token_type {v}"))
        });
    }
}

fn says_scope(run: &Run<'_>, looks: &mut Looks) {
    scope_is_said(run, looks, |grant| grant == GRANT);
}

fn true_type(run: &Run<'_>, looks: &mut Looks) {
    for exchange in exchanges(run) {
        let Some(said) = exchange.said().and_then(|s| s.strip_prefix(TYPE)) else { continue };
        let jws = exchange.body.get("access_token").and_then(Value::as_str).and_then(Jws::parse);
        let typ = jws.as_ref().and_then(|j| j.header_str("typ")).unwrap_or("JWT").to_ascii_lowercase();
        // An opaque text is not guessed at, and an access token may be a JWT (RFC 9068).
        let fits = match said {
            "jwt" => jws.is_some(),
            "id_token" => jws.as_ref().is_some_and(|j| {
                let whole = ["iss", "sub", "aud", "exp", "iat"].iter().all(|name| j.claims.get(name).is_some());
                whole && matches!(typ.as_str(), "jwt" | "jose")
            }),
            "access_token" if jws.is_some() => matches!(typ.as_str(), "jwt" | "jose" | "at+jwt" | "application/at+jwt"),
            _ => continue,
        };
        looks.look(exchange.seen.at(), fits, &format!("a token that is what it is called: {said}"), || {
            if jws.is_some() { format!("a JWT with typ {typ}") } else { "no JWT".into() }
        });
    }
}

fn n_a(run: &Run<'_>, looks: &mut Looks) {
    for exchange in exchanges(run) {
        let Some(said) = exchange.said().and_then(|s| s.strip_prefix(TYPE)) else { continue };
        let Some(kind) = exchange.body.get("token_type").and_then(Value::as_str) else { continue };
        let is = kind.eq_ignore_ascii_case("n_a");
        // A `jwt` may be an access token or not: either is right.
        let wanted = match said {
            "access_token" => false,
            "id_token" | "refresh_token" | "saml1" | "saml2" => true,
            _ => continue,
        };
        let words = if wanted { "token_type N_A" } else { "a token_type that is not N_A" };
        looks.look(exchange.seen.at(), is == wanted, words, || format!("token_type {kind} for {said}"));
    }
}

/// The scope that a token was issued with, as far as its answer or request says.
fn scope(walk: &Walk<'_>, token: &Token) -> Option<String> {
    let exchange = walk.transcript.exchanges.get(token.exchange?)?;
    let said = exchange.ok()?.json()?.get("scope").and_then(Value::as_str).map(str::to_owned);
    let asked = || match token.grant_type.as_str() {
        "authorization_code" => walk.authorization(token)?.param("scope").map(str::to_owned),
        _ => exchange.request.param("scope"),
    };
    said.or_else(asked)
}

fn never_wider(run: &Run<'_>, looks: &mut Looks) {
    for exchange in exchanges(run).filter(|e| e.seen.walk.has("zitadel")) {
        let Some(brought) = exchange.body.get("scope").and_then(Value::as_str) else { continue };
        // What is not known, or has no scope of its own, as an ID token, is not guessed at.
        let known = |param: &str| exchange.given(param).filter(|t| t.kind == Kind::AccessToken).and_then(|t| scope(exchange.seen.walk, t));
        let Some(subject) = known("subject_token").filter(|scope| !scope.is_empty()) else { continue };
        let actor = match one(&exchange.form, "actor_token") {
            None => String::new(),
            Some(_) => match known("actor_token") {
                Some(scope) => scope,
                None => continue,
            },
        };
        let all: BTreeSet<&str> = words(&subject).union(&words(&actor)).copied().collect();
        let more: Vec<&str> = words(brought).difference(&all).copied().collect();
        let wanted = format!("scope within {:?}", all.into_iter().collect::<Vec<_>>().join(" "));
        looks.look(exchange.seen.at(), more.is_empty(), &wanted, || format!("{} as well", more.join(" ")));
    }
}

fn audience(run: &Run<'_>, looks: &mut Looks) {
    for exchange in exchanges(run).filter(|e| e.seen.walk.has("zitadel")) {
        // A known resource becomes the audience, and which are known only the provider knows.
        if exchange.form.iter().any(|(name, _)| name == "resource") {
            continue;
        }
        let walk = exchange.seen.walk;
        let of = |token: &Token| -> Option<BTreeSet<String>> {
            let said = |value: &Value| match value {
                Value::String(one) => BTreeSet::from([one.clone()]),
                Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                _ => BTreeSet::new(),
            };
            let read = token.jws.as_ref().and_then(|j| j.claims.get("aud")).map(said);
            read.or_else(|| walk.introspected(token).find_map(|(_, body)| body.get("aud").map(said)))
        };
        let Some(mut all) = exchange.given("subject_token").and_then(of) else { continue };
        if one(&exchange.form, "actor_token").is_some() {
            let Some(actor) = exchange.given("actor_token").and_then(of) else { continue };
            all.extend(actor);
        }
        let clients = [&exchange.seen.exchange.client, &exchange.given("subject_token").and_then(|t| t.client.clone())]
            .into_iter()
            .filter_map(|name| walk.client(name.as_deref(), "client_id")?.as_str().map(str::to_owned))
            .collect::<Vec<_>>();
        all.extend(clients);
        for (token, jws) in exchange.brought() {
            let more: Vec<&str> = super::id_tokens::audiences(jws).into_iter().filter(|aud| !all.contains(*aud)).collect();
            let wanted = format!("aud within {}", all.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
            looks.look(walk.at_token(token), more.is_empty(), &wanted, || format!("{} as well", more.join(", ")));
        }
    }
}

/// The `sub` of a token, where it can be read: in itself, in the ID token that came with it, or told by introspection.
pub(super) fn subject(walk: &Walk<'_>, token: &Token) -> Option<String> {
    let claim = |t: &Token| t.jws.as_ref().and_then(|j| j.claim_str("sub")).map(str::to_owned);
    let beside = || walk.tokens_of(Kind::IdToken).find(|t| t.exchange.is_some() && t.exchange == token.exchange).and_then(claim);
    let told = || walk.introspected(token).find_map(|(_, body)| body.get("sub")?.as_str().map(str::to_owned));
    claim(token).or_else(beside).or_else(told)
}

fn keeps_subject(run: &Run<'_>, looks: &mut Looks) {
    for exchange in exchanges(run) {
        let walk = exchange.seen.walk;
        // Where clients know people by names of their own, another client's `sub` is another word for the same person.
        let pairwise = |client: Option<&str>| walk.client(client, "subject_type").and_then(Value::as_str) == Some("pairwise");
        let Some(given) = exchange.given("subject_token") else { continue };
        if pairwise(given.client.as_deref()) || pairwise(exchange.seen.exchange.client.as_deref()) {
            continue;
        }
        let Some(wanted) = subject(walk, given) else { continue };
        for (token, jws) in exchange.brought() {
            let sub = jws.claim_str("sub");
            looks.look(walk.at_token(token), sub == Some(&wanted), "the sub of the subject token", || {
                format!("sub {}", sub.unwrap_or("that is missing"))
            });
        }
    }
}
