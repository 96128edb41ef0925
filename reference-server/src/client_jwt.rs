//! A JWT by which a client says something of a user: signed with a key that it has registered (RFC 7523, sections 2.1 and 3).

use serde_json::{Map, Value};

use crate::client_keys::FetchedKeys;
use crate::config::{Client, KeySource};
use crate::jose::{self, Unverified};
use crate::names::UserId;
use crate::provider::Cx;
use crate::subject;

/// How long ago it may have been made, in seconds: so one that was lost is soon good for nothing, whatever it says of its end.
const MAX_AGE: i64 = 3600;

/// How far a client's clock may be ahead of ours, in seconds.
const SKEW: i64 = 30;

/// What a client has said.
pub struct ClientJwt {
    /// Of whom.
    pub user_id: UserId,
    /// By which name it is good once, where it has one.
    pub jti: Option<String>,
    /// When it ends, in seconds.
    pub exp: i64,
    /// All of it.
    pub claims: Map<String, Value>,
}

/// Reads a JWT of this client, and says what is wrong with one that does not hold: the rest of a sentence about it.
///
/// # Errors
/// It is not signed by the client, not about a user, not for us, or not good now.
pub async fn verify(cx: &mut Cx<'_>, client: &Client, token: &str) -> Result<ClientJwt, &'static str> {
    // Another `typ` is another kind of token (RFC 8725, section 3.11): a client's proof of who it is says nothing of a user.
    let read = Unverified::read(token, &["JWT"]).ok_or("is no signed JWT")?;
    signed(cx, client, token, &read).await?;
    let Unverified { claims, .. } = read;
    if claims.get("iss").and_then(Value::as_str) != Some(client.id.as_str()) {
        return Err("has another iss than the client");
    }
    let (issuer, endpoint) = (cx.origin.issuer.as_str(), cx.origin.at("/token"));
    let for_us = |name: &Value| name.as_str().is_some_and(|name| name == issuer || name == endpoint);
    match claims.get("aud") {
        Some(Value::Array(several)) if several.iter().any(for_us) => {}
        Some(only) if for_us(only) => {}
        Some(_) | None => return Err("is not for this provider: aud"),
    }
    let now = cx.provider.world.now();
    let time = |name: &str| claims.get(name).map(|value| jose::numeric_date(value).ok_or("has a time that is no number"));
    let exp = time("exp").ok_or("has no exp")??;
    let iat = time("iat").ok_or("has no iat")??;
    if exp <= now {
        return Err("has expired");
    }
    if iat < now - MAX_AGE {
        return Err("was made more than an hour ago: iat");
    }
    if iat > now + SKEW || time("nbf").transpose()?.is_some_and(|nbf| nbf > now + SKEW) {
        return Err("is not good yet: iat, nbf");
    }
    let jti = match claims.get("jti") {
        Some(Value::String(jti)) => Some(jti.clone()),
        Some(_) => return Err("has a jti that is no text"),
        None => None,
    };
    let sub = claims.get("sub").and_then(Value::as_str).ok_or("is about nobody: sub")?;
    let user_id = subject::user_of(&cx.provider.config, client, sub).ok_or("is about nobody who is known here: sub")?;
    Ok(ClientJwt { user_id, jti, exp, claims })
}

/// A MAC will not do: the provider, which could make it too, must not be able to say it in the client's name.
async fn signed(cx: &mut Cx<'_>, client: &Client, token: &str, read: &Unverified) -> Result<(), &'static str> {
    let Unverified { alg, kid, .. } = read;
    let kid = kid.as_deref();
    let signed = match &client.keys {
        Some(KeySource::Given(keys)) => jose::is_signed_by(token, *alg, keys.fitting(kid, *alg)),
        Some(KeySource::At(uri)) => {
            let keys = FetchedKeys::get(cx, (uri, client.whose), kid).await.map_err(|_| "is signed by a key that cannot be had")?;
            jose::is_signed_by(token, *alg, keys.fitting(kid, *alg))
        }
        None => false,
    };
    if signed { Ok(()) } else { Err("is not signed by a key that the client has registered") }
}
