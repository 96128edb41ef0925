//! The tokens that are shown: whom they stand for, and whether they are good, of the type that they are said to be, and this client's.

use serde_json::Value;

use super::request::{Exchange, TokenType};
use crate::actor::Actor;
use crate::client_jwt;
use crate::config::Client;
use crate::found::{self, Found};
use crate::jose;
use crate::log::{Aggregate, Failure};
use crate::names::{Issuer, SessionId, UserId};
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::state::oidc_session;
use crate::state::session::{self, Session};
use crate::state::user;
use crate::subject;

/// A user for whom a token stands.
pub struct Party {
    /// Who.
    pub user_id: UserId,
    /// Who says so.
    pub issuer: Issuer,
    /// What the token is good for, if it is a token that is good for something.
    pub scope: Option<Scope>,
    /// Where it is good.
    pub audience: Vec<String>,
    /// Who acts for this user already.
    pub actor: Option<Actor>,
    /// When they proved who they are, if the token says so.
    pub auth_time: Option<i64>,
    /// How.
    pub amr: Vec<String>,
    /// Who may act for them, if the token says so (RFC 8693, section 4.4).
    pub may_act: Option<Value>,
    /// What must not change before the new token is there.
    pub unchanged: Vec<(Aggregate, u64)>,
}

/// Why a token is not taken.
enum Fault {
    /// The rest of a sentence about it.
    Wrong(&'static str),
    /// The store failed.
    Failed(Failure),
}

impl From<&'static str> for Fault {
    fn from(wrong: &'static str) -> Self {
        Self::Wrong(wrong)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Fault {
    fn of(self, refusal: impl FnOnce(&'static str) -> Refusal) -> Refusal {
        match self {
            Self::Wrong(why) => refusal(why),
            Self::Failed(failure) => failure.into(),
        }
    }
}

/// Whom the new token will be about.
///
/// # Errors
/// The token does not hold.
pub async fn subject(cx: &mut Cx<'_>, client: &Client, exchange: &Exchange) -> Result<Party, Refusal> {
    let token = exchange.subject.as_str();
    let party = match exchange.subject_type {
        TokenType::AccessToken => access_token(cx, client, token).await,
        // Without anybody beside it an ID token stands for the one scope that brings it; it never says of any other.
        TokenType::IdToken if exchange.actor.is_none() => {
            id_token(cx, client, token).await.map(|party| Party { scope: Some(Scope::openid()), ..party })
        }
        TokenType::IdToken => id_token(cx, client, token).await,
        TokenType::Jwt => jwt(cx, client, token).await,
        TokenType::UserId => user_id(cx, client, token).await,
        TokenType::RefreshToken => Err(Fault::Wrong("is not taken where it is a refresh token")),
    };
    party.map_err(|fault| fault.of(Refusal::SubjectToken))
}

/// Who is to act. What a client says by itself is nobody's consent to that, so it has to be a token of the provider.
///
/// # Errors
/// The token does not hold.
pub async fn actor(cx: &mut Cx<'_>, client: &Client, token: &str, kind: TokenType) -> Result<Party, Refusal> {
    let party = match kind {
        TokenType::AccessToken => access_token(cx, client, token).await,
        TokenType::IdToken => id_token(cx, client, token).await,
        TokenType::Jwt | TokenType::UserId | TokenType::RefreshToken => Err(Fault::Wrong("has to be an access token or an ID token")),
    };
    party.map_err(|fault| fault.of(Refusal::ActorToken))
}

/// An access token, opaque or a JWT. What the log knows of it counts, and not what it says.
async fn access_token(cx: &Cx<'_>, client: &Client, token: &str) -> Result<Party, Fault> {
    let found = found::any(cx.provider, token).await?.ok_or("is no access token of this provider")?;
    if *found.issuer() != cx.origin.issuer || !found.is_good(cx.provider).await? {
        return Err(Fault::Wrong("has expired, is revoked, or is of another issuer"));
    }
    let (id, tokens, known) = match found {
        Found::Access(id, tokens, known) => (id, tokens, known),
        Found::OwnAccess(..) => return Err(Fault::Wrong("is a client's own and stands for no user")),
        Found::Refresh(..) => return Err(Fault::Wrong("is no access token of this provider")),
    };
    let granted = tokens.granted;
    if granted.client_id != client.id && !known.audience.iter().any(|name| name == client.id.as_str()) {
        return Err(Fault::Wrong("was neither issued to this client nor for it"));
    }
    let mut unchanged = vec![(oidc_session::aggregate(&id), tokens.version), active(cx, &granted.user_id).await?];
    if let Some(session_id) = &granted.session_id
        && let Some(session) = Session::load(&cx.provider.log, session_id).await?
    {
        unchanged.push((session::aggregate(session_id), session.version));
    }
    Ok(Party {
        user_id: granted.user_id,
        issuer: granted.issuer,
        scope: Some(known.scope),
        audience: known.audience,
        actor: known.actor,
        // An access token says nothing of when its user signed in.
        auth_time: None,
        amr: granted.amr,
        may_act: None,
        unchanged,
    })
}

/// An ID token: ours, for this client, and good still, which a hint need not be.
async fn id_token(cx: &Cx<'_>, client: &Client, token: &str) -> Result<Party, Fault> {
    let provider = cx.provider;
    let keys = provider.keys.ever_published(&provider.log).await?;
    let claims = jose::verify(token, "JWT", keys.iter().map(AsRef::as_ref)).ok_or("is no ID token of this provider")?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let time = |name: &str| claims.get(name).and_then(Value::as_i64);
    if text("iss") != Some(cx.origin.issuer.as_str()) {
        return Err(Fault::Wrong("is of another issuer"));
    }
    let now = provider.world.now();
    if time("exp").is_none_or(|exp| exp <= now) || time("iat").is_none_or(|iat| now < iat) {
        return Err(Fault::Wrong("has expired"));
    }
    let audience: Vec<String> = match claims.get("aud") {
        Some(Value::String(only)) => vec![only.clone()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(_) | None => Vec::new(),
    };
    let issued_to = text("azp").or(audience.first().map(String::as_str)).unwrap_or_default();
    if issued_to != client.id.as_str() && !audience.iter().any(|name| name == client.id.as_str()) {
        return Err(Fault::Wrong("was neither issued to this client nor for it"));
    }
    let owner = provider.known_client(issued_to).await?.ok_or("is of a client that is not there any more")?;
    let user_id = text("sub").and_then(|sub| subject::user_of(&provider.config, &owner, sub)).ok_or("is about nobody who is known here")?;
    let mut unchanged = vec![active(cx, &user_id).await?];
    let actor = match claims.get("act") {
        Some(act) => Some(Actor::read(&provider.config, &owner, act).ok_or("has an actor who is not known here")?),
        None => None,
    };
    if let Some(sid) = text("sid") {
        // It cannot be revoked, but what it says is over when its session was ended.
        let id = SessionId::new(sid);
        let session =
            Session::load(&provider.log, &id).await?.filter(|session| !session.terminated).ok_or("is of a session that was ended")?;
        unchanged.push((session::aggregate(&id), session.version));
    }
    Ok(Party {
        user_id,
        issuer: cx.origin.issuer.clone(),
        scope: None,
        audience,
        actor,
        auth_time: time("auth_time"),
        amr: claims.get("amr").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
        may_act: claims.get("may_act").cloned(),
        unchanged,
    })
}

/// A JWT that the client has signed. It is good for nothing by itself, and its `aud` is us: neither becomes that of the new token.
async fn jwt(cx: &mut Cx<'_>, client: &Client, token: &str) -> Result<Party, Fault> {
    let said = client_jwt::verify(cx, client, token).await?;
    let may_act = said.claims.get("may_act").cloned();
    Ok(Party { may_act, ..named(cx, said.user_id).await? })
}

/// The name of a user, as this client knows them.
async fn user_id(cx: &Cx<'_>, client: &Client, name: &str) -> Result<Party, Fault> {
    let user_id = subject::user_of(&cx.provider.config, client, name).ok_or("is nobody who is known here")?;
    named(cx, user_id).await
}

async fn named(cx: &Cx<'_>, user_id: UserId) -> Result<Party, Fault> {
    let unchanged = vec![active(cx, &user_id).await?];
    Ok(Party {
        user_id,
        issuer: cx.origin.issuer.clone(),
        scope: None,
        audience: Vec::new(),
        actor: None,
        auth_time: None,
        amr: Vec::new(),
        may_act: None,
        unchanged,
    })
}

/// The user, who has to be there and not barred when the new token is written too.
async fn active(cx: &Cx<'_>, user_id: &UserId) -> Result<(Aggregate, u64), Fault> {
    let person = cx.provider.active_user(user_id).await?.ok_or("is of a user who is not there, or barred")?;
    Ok((user::aggregate(user_id), person.version))
}
