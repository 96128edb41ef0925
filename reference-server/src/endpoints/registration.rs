//! Registration of clients: RFC 7591 and OpenID Connect Registration at `/register`, RFC 7592 at the address that a client gets there.
//!
//! The registration access token stays the same as long as the client is registered. RFC 7592, section 5 allows to change it with every
//! answer; then an answer that gets lost locks its client out.

use hyper::header::{self, AUTHORIZATION, WWW_AUTHENTICATE};
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::userinfo::bearer;
use crate::config::RegistrationMode;
use crate::exchange::Answer;
use crate::log::{Aggregate, Batch, NotWritten};
use crate::names::{AccessToken, ClientId, InitialAccessToken, RegistrationToken};
use crate::pages;
use crate::provider::Cx;
use crate::refusal::{ErrorCode, Refusal};
use crate::registration::{self, Wanted};
use crate::state::client::{self, ClientChanged, ClientRegistered, ClientRemoved, KeptSecret, RegisteredClient};
use crate::world::fresh::fingerprint;

/// `POST /register`: a new client.
pub async fn register(mut cx: Cx<'_>) -> Answer {
    if cx.provider.config.registration.mode == RegistrationMode::Off {
        return nothing_here(&cx);
    }
    match add(&mut cx).await {
        Ok(client) => Answer::json(StatusCode::CREATED, &client).never_stored(),
        Err(refusal) => refuse(&cx, &refusal),
    }
}

/// `/register/{id}`: what a client is (GET), what it is from now on (PUT), that it is no more (DELETE).
pub async fn manage(mut cx: Cx<'_>) -> Answer {
    if cx.provider.config.registration.mode == RegistrationMode::Off {
        return nothing_here(&cx);
    }
    match act(&mut cx).await {
        Ok(Some(client)) => Answer::json(StatusCode::OK, &client).never_stored(),
        Ok(None) => Answer::empty(StatusCode::NO_CONTENT).never_stored(),
        Err(refusal) => refuse(&cx, &refusal),
    }
}

fn nothing_here(cx: &Cx<'_>) -> Answer {
    pages::problem(StatusCode::NOT_FOUND, cx.request, |texts| &texts.problem_page)
}

async fn add(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let config = &cx.provider.config.registration;
    if config.mode == RegistrationMode::Token {
        let shown = shown(cx)?;
        let fits = config.initial_access_token.as_ref().is_some_and(|known| known.matches(&InitialAccessToken::new(shown.reveal())));
        if !fits {
            return Err(Refusal::RegistrationTokenWrong);
        }
    }
    let said = body(cx)?;
    let accepted = registration::accept(cx, &said).await?;
    let provider = cx.provider;
    // Two who say the same at the same instant are two clients: whoever comes second takes the next name.
    let alike = Aggregate::new("registration", fingerprint(&Value::Object(said).to_string()));
    let mut nth = provider.world.now_ms().unsigned_abs().saturating_mul(1000);
    loop {
        nth += 1;
        let id = ClientId::new(provider.world.fresh.id(&alike, nth, "client"));
        let aggregate = client::aggregate(&id);
        let token = RegistrationToken::new(provider.world.fresh.secret(&aggregate, 0, "registration access token"));
        let issued = registration::issue(provider, &aggregate, 0, accepted.secret);
        let registered = ClientRegistered {
            client_id: id.clone(),
            issuer: cx.origin.issuer.clone(),
            metadata: accepted.metadata.clone(),
            secret: issued.as_ref().map(|(_, kept)| kept.clone()),
            registration_token: fingerprint(token.reveal()),
        };
        let batch = Batch::new().add(&aggregate, 0, &registered)?;
        match provider.log.append(batch, provider.world.now_ms()).await {
            Ok(()) => return Ok(answer(cx, &registered, provider.world.now(), &token, issued.map(|(secret, _)| secret))),
            Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => {}
            Err(NotWritten::Failed(failure)) => return Err(failure.into()),
        }
    }
}

async fn act(cx: &mut Cx<'_>) -> Result<Option<Value>, Refusal> {
    let token = shown(cx)?;
    let id = ClientId::new(cx.id.ok_or(Refusal::RegistrationTokenWrong)?);
    loop {
        let found = RegisteredClient::load(&cx.provider.log, &id).await?;
        // Whether there is such a client is nobody's business: RFC 7592, section 2.1 wants 401 in any case.
        let found = found.filter(|found| found.registered.issuer == cx.origin.issuer);
        let found = found.filter(|found| found.registered.registration_token == fingerprint(token.reveal()));
        let RegisteredClient { version, issued_at, registered } = found.ok_or(Refusal::RegistrationTokenWrong)?;
        if cx.request.method == Method::GET {
            return Ok(Some(answer(cx, &registered, issued_at, &token, None)));
        }
        let aggregate = client::aggregate(&id);
        let (batch, done) = if cx.request.method == Method::DELETE {
            (Batch::new().add(&aggregate, version, &ClientRemoved {})?, None)
        } else {
            let said = body(cx)?;
            names_itself(&said, &registered)?;
            let accepted = registration::accept(cx, &said).await?;
            let had = accepted.secret.is_had(registered.secret.as_ref());
            let issued = if had { None } else { registration::issue(cx.provider, &aggregate, version, accepted.secret) };
            let kept = registered.secret.clone().filter(|_| accepted.secret != Wanted::Nothing);
            let secret = issued.as_ref().map(|(_, kept)| kept.clone()).or(kept);
            let changed = ClientChanged { metadata: accepted.metadata, secret };
            let batch = Batch::new().add(&aggregate, version, &changed)?;
            let registered = ClientRegistered { metadata: changed.metadata, secret: changed.secret, ..registered };
            (batch, Some(answer(cx, &registered, issued_at, &token, issued.map(|(secret, _)| secret))))
        };
        match cx.provider.log.append(batch, cx.provider.world.now_ms()).await {
            Ok(()) => return Ok(done),
            Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => {}
            Err(NotWritten::Failed(failure)) => return Err(failure.into()),
        }
    }
}

/// RFC 7592, section 2.2: a change names its client and, if it names the secret, the one that there is; what the provider keeps for
/// itself is not in it.
fn names_itself(said: &Map<String, Value>, registered: &ClientRegistered) -> Result<(), Refusal> {
    let wrong = |why: &str| Err(Refusal::RegisteredMetadata(why.to_owned()));
    if said.get("client_id").and_then(Value::as_str) != Some(registered.client_id.as_str()) {
        return wrong("client_id: a change names the client that it is about");
    }
    let ours = ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"];
    if let Some(name) = ours.into_iter().find(|name| said.contains_key(*name)) {
        return wrong(&format!("{name}: this is not the client's to say"));
    }
    let is_it = |secret: &str| match &registered.secret {
        Some(KeptSecret::Hash(hash)) => *hash == fingerprint(secret),
        Some(KeptSecret::MacKey(key)) => fingerprint(key) == fingerprint(secret),
        None => false,
    };
    match said.get("client_secret") {
        None => Ok(()),
        Some(secret) if secret.as_str().is_some_and(is_it) => Ok(()),
        Some(_) => wrong("client_secret: a client does not choose its own"),
    }
}

/// RFC 7591, section 3.2.1. Of a secret that was issued before there is only the hash, so it is in the first answer alone; so are the
/// members that belong to it.
fn answer(cx: &Cx<'_>, registered: &ClientRegistered, issued_at: i64, token: &RegistrationToken, secret: Option<String>) -> Value {
    let mut answer = Map::new();
    answer.insert("client_id".to_owned(), json!(registered.client_id));
    answer.insert("client_id_issued_at".to_owned(), json!(issued_at));
    if let Some(secret) = secret {
        answer.insert("client_secret".to_owned(), json!(secret));
        answer.insert("client_secret_expires_at".to_owned(), json!(0));
    }
    answer.insert("registration_client_uri".to_owned(), json!(cx.origin.at(&format!("/register/{}", registered.client_id))));
    answer.insert("registration_access_token".to_owned(), json!(token.reveal()));
    answer.extend(registered.metadata.clone());
    Value::Object(answer)
}

/// The bearer token of the header; nothing else counts here.
fn shown(cx: &Cx<'_>) -> Result<RegistrationToken, Refusal> {
    let token: Option<AccessToken> = bearer(cx.request.header(AUTHORIZATION));
    token.map(|token| RegistrationToken::new(token.reveal())).ok_or(Refusal::RegistrationTokenMissing)
}

fn body(cx: &Cx<'_>) -> Result<Map<String, Value>, Refusal> {
    let media_type = cx.request.header(header::CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        return Err(Refusal::NotJson);
    }
    serde_json::from_slice(&cx.request.body).map_err(|_| Refusal::NotJson)
}

/// RFC 7591, section 3.2.2; for tokens RFC 6750, section 3.1: who shows none is told no error.
fn refuse(cx: &Cx<'_>, refusal: &Refusal) -> Answer {
    let code = refusal.code();
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let realm = &cx.origin.issuer;
    if *refusal == Refusal::RegistrationTokenMissing {
        return Answer::empty(status).never_stored().with_text(WWW_AUTHENTICATE, &format!("Bearer realm=\"{realm}\""));
    }
    let answer = Answer::json(status, &json!({ "error": code.text(), "error_description": refusal.description() })).never_stored();
    match code {
        ErrorCode::InvalidToken => answer.with_text(WWW_AUTHENTICATE, &format!("Bearer realm=\"{realm}\", error=\"{}\"", code.text())),
        _ => answer,
    }
}
