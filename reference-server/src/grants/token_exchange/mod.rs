//! RFC 8693: a token is exchanged for another, for its user alone or for somebody who acts for that user.
//!
//! The checks have an order, and the first that fails decides: who the client is and whether it may (the token endpoint), the type
//! parameters, the switch, `resource`, the subject, the policy, the actor, `audience`, `scope`, the permission. Only then is anything
//! issued, of whatever type.

mod party;
mod request;
mod rights;

use serde_json::{Value, json};

use self::party::Party;
use self::request::{Exchange, TokenType};
use crate::actor::Actor;
use crate::claims::ClaimsRequest;
use crate::config::{AccessTokenFormat, Client};
use crate::log::{Aggregate, Batch, NotWritten};
use crate::names::OidcSessionId;
use crate::params::Params;
use crate::permission::{self, Permit};
use crate::provider::{Cx, Provider};
use crate::refusal::Refusal;
use crate::scope::OFFLINE_ACCESS;
use crate::state::code::Granted;
use crate::state::features::Flag;
use crate::state::oidc_session::{self, OidcSessionAdded, Reason, RefreshTokenAdded};
use crate::state::user::{self, UserImpersonated};
use crate::tokens::{self, For};

/// What `grant_type` says.
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// How many may act one for the other. The log and tokens hold a chain in one piece, and JSON of any depth is read by nobody.
const MOST_ACTORS: usize = 32;

/// Exchanges a token.
///
/// # Errors
/// A token or a parameter is not what it has to be, or somebody may not.
pub async fn answer(cx: &mut Cx<'_>, client: &Client, params: &Params) -> Result<Value, Refusal> {
    let exchange = Exchange::read(params)?;
    if !cx.provider.is_on(Flag::TokenExchange).await? {
        return Err(Refusal::TokenExchangeOff);
    }
    let mut attempt = 0_u64;
    // Whoever revokes a token meanwhile, or takes a right away, has come first: everything is looked at again.
    loop {
        let decided = decide(cx, client, &exchange, params).await?;
        let name = format!("exchange {attempt}");
        if let Some(answer) = issue(cx.provider, client, exchange.requested, decided, &name).await? {
            return Ok(answer);
        }
        attempt += 1;
    }
}

/// What was decided, and upon what.
struct Decided<'p> {
    granted: Granted,
    reason: Reason,
    unchanged: Vec<(Aggregate, u64)>,
    permit: Option<Permit<'p>>,
}

async fn decide<'p>(cx: &mut Cx<'p>, client: &Client, exchange: &Exchange, params: &Params) -> Result<Decided<'p>, Refusal> {
    let resources = rights::resources(cx, client, params)?;
    let subject = party::subject(cx, client, exchange).await?;
    let somebody_acts = exchange.actor.is_some() || subject.actor.is_some();
    if somebody_acts || exchange.subject_type.needs_actor() {
        permission::policy(cx.provider).await?;
    }
    let actor = match &exchange.actor {
        Some((token, kind)) => Some(party::actor(cx, client, token, *kind).await?),
        None if exchange.subject_type.needs_actor() => return Err(Refusal::ActorMissing),
        None => None,
    };
    let audience = rights::audience(params, resources, &subject, actor.as_ref())?;
    let scope = rights::scope(client, params.get("scope")?, &subject, actor.as_ref())?;
    if exchange.requested == TokenType::IdToken && !scope.has("openid") {
        return Err(Refusal::IdTokenWithoutOpenid);
    }
    // A plain exchange of what somebody has who acts for the user leaves them there, and asks for their right again.
    let acting = match &actor {
        Some(actor) => Some(acting(actor)?),
        None => subject.actor.clone(),
    };
    let permit = match &acting {
        Some(acting) => {
            rights::named(cx, client, &subject, acting)?;
            Some(permission::impersonation(cx.provider, &acting.user_id, &subject.user_id).await?)
        }
        None => None,
    };
    let reason = if actor.is_some() { Reason::Impersonation } else { Reason::Exchange };
    let mut unchanged = subject.unchanged;
    unchanged.extend(actor.iter().flat_map(|actor| actor.unchanged.iter().cloned()));
    let authenticated = actor.as_ref().map_or((subject.auth_time, subject.amr), |actor| (actor.auth_time, actor.amr.clone()));
    let granted = Granted {
        client_id: client.id.clone(),
        user_id: subject.user_id,
        // No session comes with it: who signs out elsewhere has not signed in here, and is told nothing.
        session_id: None,
        issuer: cx.origin.issuer.clone(),
        scope,
        claims: ClaimsRequest::default(),
        auth_time: authenticated.0,
        amr: authenticated.1,
        audience: Some(audience),
        actor: acting,
    };
    Ok(Decided { granted, reason, unchanged, permit })
}

/// The one who acts, and those for whom they act themselves (RFC 8693, section 4.1). Who acts for the subject of the other token does
/// not count.
fn acting(party: &Party) -> Result<Actor, Refusal> {
    let actor = Actor { user_id: party.user_id.clone(), issuer: party.issuer.clone(), actor: party.actor.clone().map(Box::new) };
    if actor.depth() > MOST_ACTORS { Err(Refusal::TooManyActors) } else { Ok(actor) }
}

/// Issues what was decided; nothing if somebody was faster and it has to be decided again.
async fn issue(
    provider: &Provider,
    client: &Client,
    requested: TokenType,
    decided: Decided<'_>,
    name: &str,
) -> Result<Option<Value>, Refusal> {
    let Decided { granted, reason, unchanged, permit } = decided;
    let mut batch = unchanged.iter().fold(Batch::new(), |batch, (aggregate, version)| batch.unchanged(aggregate, *version));
    if let Some(permit) = &permit {
        batch = permit.unchanged(batch);
        if let Some(actor) = granted.actor.clone().filter(|_| reason == Reason::Impersonation) {
            // Written down with the user, and with the tokens or not at all.
            let event = UserImpersonated { application_id: client.id.clone(), actor };
            batch = batch.add(&user::aggregate(&granted.user_id), permit.subject_version(), &event)?;
        }
    }
    let head = provider.log.head();
    let id = OidcSessionId::new(provider.world.fresh.id(&Aggregate::new("client", client.id.as_str()), head, name));
    let tokens = oidc_session::aggregate(&id);
    batch = batch.add(&tokens, 0, &OidcSessionAdded { granted: granted.clone() })?;
    let answer = match requested.form() {
        None => {
            let (id_token, expires_in) = tokens::mint_id_token(provider, client, &granted, &granted.scope).await?;
            // It opens nothing (section 2.2.1).
            json!({ "access_token": id_token, "token_type": "N_A", "expires_in": expires_in, "scope": granted.scope })
        }
        Some(format) => {
            let wanted = For { granted: &granted, scope: &granted.scope, nonce: None, reason, format };
            let minted = tokens::mint(provider, client, (&id, 0), &wanted).await?;
            batch = batch.add(&tokens, 0, &minted.added)?;
            let refresh = granted.scope.has(OFFLINE_ACCESS).then(|| tokens::refresh_token(provider, &id, 0));
            if let Some((_, token_id)) = &refresh {
                batch = batch.add(&tokens, 0, &RefreshTokenAdded { token_id: token_id.clone() })?;
            }
            minted.answer(refresh.as_ref().map(|(token, _)| token))
        }
    };
    match provider.log.append(batch, provider.world.now_ms()).await {
        Ok(()) => Ok(Some(with_type(answer, requested))),
        Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => Ok(None),
        Err(NotWritten::Failed(failure)) => Err(failure.into()),
    }
}

/// `issued_token_type` stands behind the token, as in the examples of section 2.3.
fn with_type(answer: Value, issued: TokenType) -> Value {
    let Value::Object(answer) = answer else { return answer };
    let mut typed = serde_json::Map::new();
    for (name, value) in answer {
        let first = name == "access_token";
        typed.insert(name, value);
        if first {
            typed.insert("issued_token_type".to_owned(), json!(issued.uri()));
        }
    }
    Value::Object(typed)
}

impl TokenType {
    /// What an access token looks like that is asked for so: opaque, whatever the client is registered for, unless a JWT is asked for.
    /// Nothing where it is no access token.
    fn form(self) -> Option<AccessTokenFormat> {
        match self {
            Self::AccessToken => Some(AccessTokenFormat::Opaque),
            Self::Jwt => Some(AccessTokenFormat::Jwt),
            // The last two are never asked for: the request is refused before.
            Self::IdToken | Self::RefreshToken | Self::UserId => None,
        }
    }
}
