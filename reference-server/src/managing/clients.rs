//! Clients, as the operator sees and changes them: those of the configuration, those that were added since, and those that have registered
//! themselves. What the log says of one goes before what is configured.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{PAGE, written};
use crate::config::{self, AuthMethod, Client, Secret, WrittenClient};
use crate::log::{Aggregate, Batch, Failure, Payload as _};
use crate::names::ClientId;
use crate::provider::{Cx, Provider};
use crate::refusal::Refusal;
use crate::registration::{self, Wanted};
use crate::state::client::{self, Begun, ClientAdded, ClientChanged, ClientLog, ClientRegistered, ClientRemoved, KeptSecret};

/// A client, to be shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// `client_id`.
    pub id: ClientId,
    /// Where it comes from: `configured`, `added` or `registered`.
    pub origin: &'static str,
    /// Everything that it is.
    pub metadata: Map<String, Value>,
}

/// Why a client is not as somebody wants it.
#[derive(Debug)]
pub enum NotDone {
    /// There is no such client.
    Absent,
    /// The name is taken, or was once.
    Taken,
    /// It would not be right.
    Wrong(String),
    /// The store failed.
    Failed,
}

impl From<Failure> for NotDone {
    fn from(_: Failure) -> Self {
        Self::Failed
    }
}

impl From<Refusal> for NotDone {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Internal(_) => Self::Failed,
            refusal => Self::Wrong(refusal.to_string()),
        }
    }
}

/// The client of this name as it is now, if there is one.
///
/// # Errors
/// The store failed, or the log holds what this configuration cannot give.
pub async fn now(provider: &Provider, id: &ClientId) -> Result<Option<Arc<Client>>, Failure> {
    let known = ClientLog::load(&provider.log, id).await?;
    let configured = provider.config.clients.get(id.as_str());
    match (known, configured) {
        (ClientLog { removed: true, .. }, _) => Ok(None),
        (ClientLog { metadata: None, .. }, configured) => Ok(configured.cloned()),
        (ClientLog { begun: Begun::Registered { registered, .. }, metadata: Some(metadata), secret, .. }, None) => {
            registration::client(ClientRegistered { metadata, secret, ..registered }).map(|client| Some(Arc::new(client)))
        }
        (ClientLog { metadata: Some(metadata), secret, .. }, configured) => {
            let secret = secret.map(registration::kept).or_else(|| configured.and_then(|client| client.secret.clone()));
            let client = operators(id, &metadata, secret).map_err(|why| Failure(format!("client {id}: {why}")))?;
            Ok(Some(Arc::new(client)))
        }
    }
}

/// A client for which the operator stands.
fn operators(id: &ClientId, metadata: &Map<String, Value>, secret: Option<Secret>) -> Result<Client, String> {
    let mut said = metadata.clone();
    said.insert("client_id".to_owned(), Value::from(id.as_str()));
    let mut client: WrittenClient = serde_json::from_value(Value::Object(said)).map_err(|error| error.to_string())?;
    client.client_secret = secret.filter(|_| client.token_endpoint_auth_method.needs_secret());
    config::client(id.as_str().to_owned(), client)
}

/// All clients that there are, by name.
///
/// # Errors
/// The store failed.
pub async fn names(provider: &Provider) -> Result<BTreeSet<ClientId>, Failure> {
    let mut names: BTreeSet<ClientId> = provider.config.clients.values().map(|client| client.id.clone()).collect();
    let mut position = 0;
    loop {
        let events = provider.log.read(position, PAGE).await?;
        let Some(last) = events.last() else { return Ok(names) };
        position = last.position;
        for event in events {
            match event.kind.as_str() {
                ClientRegistered::TYPE | ClientAdded::TYPE => names.insert(ClientId::new(event.aggregate.id())),
                ClientRemoved::TYPE => names.remove(&ClientId::new(event.aggregate.id())),
                _ => false,
            };
        }
    }
}

/// The client of this name, to be shown.
///
/// # Errors
/// The store failed.
pub async fn shown(provider: &Provider, id: &ClientId) -> Result<Option<Shown>, Failure> {
    let Some(client) = now(provider, id).await? else { return Ok(None) };
    let ClientLog { begun, metadata, .. } = ClientLog::load(&provider.log, id).await?;
    let (origin, metadata) = match (begun, metadata) {
        (Begun::Registered { .. }, Some(metadata)) => ("registered", metadata),
        (Begun::Added, _) => ("added", client.metadata().map_err(Failure)?),
        _ => ("configured", client.metadata().map_err(Failure)?),
    };
    Ok(Some(Shown { id: id.clone(), origin, metadata }))
}

/// Adds a client, and says the secret that it got, if it needs one: nobody can be told it again.
///
/// # Errors
/// The name is taken, or it would be no client that can be had here.
pub async fn add(provider: &Provider, said: &Map<String, Value>) -> Result<(Shown, Option<String>), NotDone> {
    let mut metadata = said.clone();
    metadata.retain(|_, value| !value.is_null());
    let chosen = match metadata.remove("client_id") {
        None => None,
        Some(Value::String(id)) => Some(ClientId::new(id)),
        Some(_) => return Err(NotDone::Wrong("client_id: a name is text".to_owned())),
    };
    no_secret_of_their_own(&metadata)?;
    let mut nth = provider.world.now_ms().unsigned_abs().saturating_mul(1000);
    loop {
        nth += 1;
        let fresh = || ClientId::new(provider.world.fresh.id(&Aggregate::new("management", "clients"), nth, "client"));
        let id = chosen.clone().unwrap_or_else(fresh);
        let aggregate = client::aggregate(&id);
        let (client, issued) = fitting(provider, (&id, &aggregate, 0), &metadata, None).await?;
        let (secret, kept) = issued.unzip();
        let metadata = client.metadata().map_err(Failure)?;
        let added = ClientAdded { client_id: id.clone(), metadata: metadata.clone(), secret: kept };
        let free = !provider.config.clients.contains_key(id.as_str());
        if free && written(provider, Batch::new().add(&aggregate, 0, &added)?).await? {
            return Ok((Shown { id, origin: "added", metadata }, secret));
        }
        if chosen.is_some() {
            return Err(NotDone::Taken);
        }
    }
}

/// Changes a client: what stands in `patch` is so from now on, and what is `null` there is as if it had never been said (RFC 7396). Says
/// the secret that it got, if it needs another one than it had.
///
/// # Errors
/// There is no such client, or it would be none that can be had here.
pub async fn change(cx: &mut Cx<'_>, id: &ClientId, patch: &Map<String, Value>) -> Result<(Shown, Option<String>), NotDone> {
    let provider = cx.provider;
    let mut patch = patch.clone();
    if patch.remove("client_id").is_some_and(|said| said.as_str() != Some(id.as_str())) {
        return Err(NotDone::Wrong("client_id: a client keeps its name".to_owned()));
    }
    no_secret_of_their_own(&patch)?;
    loop {
        let before = shown(provider, id).await?.ok_or(NotDone::Absent)?;
        let known = ClientLog::load(&provider.log, id).await?;
        let mut metadata = before.metadata.clone();
        for (name, value) in &patch {
            match value {
                // Not `remove`: that would move the last member into its place.
                Value::Null => drop(metadata.shift_remove(name)),
                value => drop(metadata.insert(name.clone(), value.clone())),
            }
        }
        let aggregate = client::aggregate(id);
        let (metadata, issued) = match known.begun {
            Begun::Registered { .. } => {
                let accepted = registration::accept(cx, &metadata).await?;
                let had = accepted.secret.is_had(known.secret.as_ref());
                let issued = if had { None } else { registration::issue(provider, &aggregate, known.version, accepted.secret) };
                (accepted.metadata, issued)
            }
            Begun::Added | Begun::Elsewhere => {
                let configured = || provider.config.clients.get(id.as_str()).and_then(|client| client.secret.clone());
                let had = known.secret.clone().map(registration::kept).or_else(configured);
                let (client, issued) = fitting(provider, (id, &aggregate, known.version), &metadata, had).await?;
                (client.metadata().map_err(Failure)?, issued)
            }
        };
        let news = issued.is_some() || metadata != before.metadata;
        let (secret, kept) = issued.unzip();
        let after = Shown { metadata: metadata.clone(), ..before };
        if !news {
            return Ok((after, None));
        }
        let changed = ClientChanged { metadata, secret: kept.or(known.secret) };
        if written(provider, Batch::new().add(&aggregate, known.version, &changed)?).await? {
            return Ok((after, secret));
        }
    }
}

/// Removes a client for good: its name is never given again. `false` if there is none.
///
/// # Errors
/// The store failed.
pub async fn remove(provider: &Provider, id: &ClientId) -> Result<bool, Failure> {
    loop {
        if now(provider, id).await?.is_none() {
            return Ok(false);
        }
        let known = ClientLog::load(&provider.log, id).await?;
        if written(provider, Batch::new().add(&client::aggregate(id), known.version, &ClientRemoved {})?).await? {
            return Ok(true);
        }
    }
}

fn no_secret_of_their_own(said: &Map<String, Value>) -> Result<(), NotDone> {
    match said.contains_key("client_secret") {
        true => Err(NotDone::Wrong("client_secret: it is made here, and told in the answer".to_owned())),
        false => Ok(()),
    }
}

/// The client that this would be, with the secret that it had if that will do, and else with a new one.
async fn fitting(
    provider: &Provider,
    (id, aggregate, version): (&ClientId, &Aggregate, u64),
    metadata: &Map<String, Value>,
    had: Option<Secret>,
) -> Result<(Client, Option<(String, KeptSecret)>), NotDone> {
    // A hash is the key of no MAC.
    let will_do = |client: &Client| {
        let secret = client.secret.as_ref();
        client.auth_method != AuthMethod::ClientSecretJwt || secret.is_some_and(|secret| secret.itself().is_some())
    };
    let (client, issued) = match had.and_then(|had| operators(id, metadata, Some(had)).ok()).filter(will_do) {
        Some(client) => (client, None),
        None => {
            // Whether it needs one is not known before it was read; any text will do for that.
            let stand_in = operators(id, metadata, Some(Secret::Hash(String::new()))).map_err(NotDone::Wrong)?;
            let issued = registration::issue(provider, aggregate, version, Wanted::by(stand_in.auth_method));
            let secret = issued.as_ref().map(|(_, kept)| registration::kept(kept.clone()));
            (operators(id, metadata, secret).map_err(NotDone::Wrong)?, issued)
        }
    };
    let keys = provider.keys.algorithms(&provider.log).await?;
    if let Some(alg) = [Some(client.id_token_alg), client.userinfo_alg].into_iter().flatten().find(|alg| !keys.contains(alg)) {
        return Err(NotDone::Wrong(format!("there is no key for {} here", alg.text())));
    }
    if client.pairwise_sector.is_some() && provider.config.subjects.pairwise_salt.is_none() {
        return Err(NotDone::Wrong("subject_type: there are no pairwise subjects here".to_owned()));
    }
    Ok((client, issued))
}
