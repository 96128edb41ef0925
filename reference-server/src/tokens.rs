//! Tokens as they are minted: of a user for a client, and of a client for itself.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::claims;
use crate::config::{AccessTokenFormat, Client};
use crate::jose;
use crate::keys::SigningKey;
use crate::log::{Aggregate, Failure};
use crate::names::{AccessToken, ClientTokenId, Issuer, OidcSessionId, RefreshToken, SessionId};
use crate::provider::Provider;
use crate::scope::Scope;
use crate::state::client_token;
use crate::state::code::Granted;
use crate::state::oidc_session::{self, AccessTokenAdded, Reason};
use crate::subject;
use crate::world::fresh::fingerprint;

/// `acr` of a sign-in with a password (Core, section 2 wants an absolute URI or a registered name).
pub const ACR_PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";

/// What was minted.
pub struct Minted {
    /// The access token.
    pub access_token: AccessToken,
    /// What the log has to know of it.
    pub added: AccessTokenAdded,
    /// Seconds that it lives.
    pub expires_in: i64,
    /// The ID token, if `openid` was granted.
    pub id_token: Option<String>,
}

impl Minted {
    /// Without the ID token: of a user who has not signed in there is none.
    #[must_use]
    pub fn without_id_token(self) -> Self {
        Self { id_token: None, ..self }
    }

    /// The answer of RFC 6749, section 5.1.
    pub fn answer(&self, refresh_token: Option<&RefreshToken>) -> Value {
        let mut answer = json!({
            "access_token": self.access_token.reveal(),
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        });
        if let Some(scope) = self.added.scope.said() {
            answer["scope"] = json!(scope);
        }
        if let Some(refresh_token) = refresh_token {
            answer["refresh_token"] = json!(refresh_token.reveal());
        }
        if let Some(id_token) = &self.id_token {
            answer["id_token"] = json!(id_token);
        }
        answer
    }
}

/// What tokens are minted for.
pub struct For<'a> {
    /// What a user granted.
    pub granted: &'a Granted,
    /// What of it is wanted now.
    pub scope: &'a Scope,
    /// For the first ID token (Core, section 12.2 wants none in a refreshed one).
    pub nonce: Option<&'a str>,
    /// What the access token is issued for.
    pub reason: Reason,
    /// What the access token looks like.
    pub format: AccessTokenFormat,
}

/// Core, section 2, and behind it what the client learns of the user. The order is that of the claims on the wire.
#[derive(Serialize)]
struct IdTokenClaims<'a> {
    iss: &'a Issuer,
    sub: &'a str,
    aud: Value,
    azp: &'a str,
    exp: i64,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'static str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    at_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Value>,
    #[serde(flatten)]
    about_the_user: Map<String, Value>,
}

/// Mints the tokens for what was granted. `version` is that of the OIDC session before.
///
/// # Errors
/// There is no key for the client's algorithm, or it cannot sign.
pub async fn mint(provider: &Provider, client: &Client, (id, version): (&OidcSessionId, u64), wanted: &For<'_>) -> Result<Minted, Failure> {
    let For { granted, scope, nonce, reason, format } = *wanted;
    let key = provider.keys.current(&provider.log, client.id_token_alg).await?;
    let sub = subject::of(&provider.config, client, &granted.user_id);
    let subject = Subject { issuer: &granted.issuer, sub: &sub, scope, granted: Some(granted) };
    let (text, added) = access_token(provider, client, (&oidc_session::aggregate(id), version), &subject, (reason, format));
    let access_token = text.sign(&key)?;
    let id_token = if scope.has("openid") {
        // What the scopes open is told by UserInfo, as there is an access token (Core, section 5.4).
        let user = provider.config.user(&granted.user_id);
        let about_the_user = user.map(|user| claims::asked_of(user, &granted.claims.id_token)).unwrap_or_default();
        let at_hash = jose::at_hash(key.alg, access_token.reveal());
        Some(id_token(provider, client, &key, granted, (nonce, Some(at_hash), about_the_user))?)
    } else {
        None
    };
    Ok(Minted { access_token, added, expires_in: provider.config.lifetimes.access_token.secs(), id_token })
}

/// Mints an ID token with no access token beside it, and says how many seconds it lives. It has the claims that the scopes open, for
/// there is nothing that would open UserInfo (Core, section 5.4).
///
/// # Errors
/// There is no key for the client's algorithm, or it cannot sign.
pub async fn mint_id_token(provider: &Provider, client: &Client, granted: &Granted, scope: &Scope) -> Result<(String, i64), Failure> {
    let key = provider.keys.current(&provider.log, client.id_token_alg).await?;
    let user = provider.config.user(&granted.user_id);
    let about_the_user = user.map(|user| claims::of(user, scope, &granted.claims.id_token)).unwrap_or_default();
    let id_token = id_token(provider, client, &key, granted, (None, None, about_the_user))?;
    Ok((id_token, provider.config.lifetimes.id_token.secs()))
}

fn id_token(
    provider: &Provider,
    client: &Client,
    key: &SigningKey,
    granted: &Granted,
    (nonce, at_hash, about_the_user): (Option<&str>, Option<String>, Map<String, Value>),
) -> Result<String, Failure> {
    let sub = subject::of(&provider.config, client, &granted.user_id);
    let now = provider.world.now();
    let signed_in = granted.session_id.is_some();
    let claims = IdTokenClaims {
        iss: &granted.issuer,
        sub: &sub,
        aud: id_token_audience(client, granted, at_hash.is_none()),
        azp: client.id.as_str(),
        exp: now + provider.config.lifetimes.id_token.secs(),
        iat: now,
        client_id: (!signed_in).then_some(client.id.as_str()),
        auth_time: granted.auth_time,
        nonce,
        acr: signed_in.then_some(ACR_PASSWORD),
        amr: &granted.amr,
        at_hash,
        sid: granted.session_id.as_ref().map(SessionId::as_str),
        act: granted.actor.as_ref().map(|actor| actor.said(&provider.config, client)),
        about_the_user,
    };
    jose::sign(key, "JWT", &claims)
}

/// The client, which has to find itself there (Core, section 3.1.3.7), and whoever else an ID token was asked for that stands alone.
/// The provider is no audience of its own ID tokens.
fn id_token_audience(client: &Client, granted: &Granted, alone: bool) -> Value {
    let own = [client.id.as_str(), granted.issuer.as_str()];
    let asked = granted.audience.iter().filter(|_| alone).flatten().map(String::as_str);
    let others = asked.filter(|name| !own.contains(name));
    match std::iter::once(client.id.as_str()).chain(others).collect::<Vec<_>>().as_slice() {
        [only] => json!(only),
        several => json!(several),
    }
}

/// The access token of a client for itself (RFC 6749, section 4.4), before it is signed: two who ask at once begin with one name, and who
/// comes second has to begin again. `sub` is the client (RFC 9068, section 2.2).
pub struct ForClient {
    /// What the log has to know of it.
    pub added: AccessTokenAdded,
    key: Arc<SigningKey>,
    text: Text,
    expires_in: i64,
}

impl ForClient {
    /// The token under this name.
    ///
    /// # Errors
    /// There is no key for the client's algorithm.
    pub async fn new(provider: &Provider, client: &Client, id: &ClientTokenId, issuer: &Issuer, scope: &Scope) -> Result<Self, Failure> {
        let key = provider.keys.current(&provider.log, client.id_token_alg).await?;
        let subject = Subject { issuer, sub: client.id.as_str(), scope, granted: None };
        let why = (Reason::ClientCredentials, client.access_token_format);
        let (text, added) = access_token(provider, client, (&client_token::aggregate(id), 0), &subject, why);
        Ok(Self { added, key, text, expires_in: provider.config.lifetimes.access_token.secs() })
    }

    /// The token itself.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn sign(self) -> Result<Minted, Failure> {
        Ok(Minted { access_token: self.text.sign(&self.key)?, added: self.added, expires_in: self.expires_in, id_token: None })
    }
}

/// A refresh token of this family, and its hash. `version` is that of the OIDC session before.
pub fn refresh_token(provider: &Provider, id: &OidcSessionId, version: u64) -> (RefreshToken, String) {
    let token = format!("{id}{}", provider.world.fresh.secret(&oidc_session::aggregate(id), version, "refresh token"));
    let token_id = fingerprint(&token);
    (RefreshToken::new(token), token_id)
}

/// Whom an access token is about, and for what.
struct Subject<'a> {
    issuer: &'a Issuer,
    sub: &'a str,
    scope: &'a Scope,
    granted: Option<&'a Granted>,
}

/// An access token that may lack its signature.
enum Text {
    Opaque(AccessToken),
    Jwt(Map<String, Value>),
}

impl Text {
    fn sign(self, key: &SigningKey) -> Result<AccessToken, Failure> {
        match self {
            Self::Opaque(token) => Ok(token),
            Self::Jwt(claims) => jose::sign(key, "at+jwt", &claims).map(AccessToken::new),
        }
    }
}

/// An access token. Both forms begin with the name of their aggregate, by which they are found again.
fn access_token(
    provider: &Provider,
    client: &Client,
    (aggregate, version): (&Aggregate, u64),
    subject: &Subject<'_>,
    (reason, format): (Reason, AccessTokenFormat),
) -> (Text, AccessTokenAdded) {
    let fresh = &provider.world.fresh;
    let now = provider.world.now();
    let exp = now + provider.config.lifetimes.access_token.secs();
    let audience = subject.granted.and_then(|granted| granted.audience.clone()).unwrap_or_else(|| audience(client, subject.issuer));
    let actor = subject.granted.and_then(|granted| granted.actor.clone());
    let (text, token_id) = match format {
        AccessTokenFormat::Opaque => {
            let token = format!("{}{}", aggregate.id(), fresh.secret(aggregate, version, "access token"));
            let token_id = fingerprint(&token);
            (Text::Opaque(AccessToken::new(token)), token_id)
        }
        AccessTokenFormat::Jwt => {
            let jti = format!("{}{}", aggregate.id(), fresh.id(aggregate, version, "access token"));
            let mut claims = access_token_claims(client, subject, &audience, &jti, (now, exp));
            if let Some(actor) = &actor {
                claims.insert("act".to_owned(), actor.said(&provider.config, client));
            }
            (Text::Jwt(claims), jti)
        }
    };
    (text, AccessTokenAdded { token_id, scope: subject.scope.clone(), audience, exp, reason, actor })
}

/// Where the access tokens of a client are good. The provider is there too, because they open its UserInfo; and RFC 9068, section 3
/// wants a name in any case.
pub fn audience(client: &Client, issuer: &Issuer) -> Vec<String> {
    client.audience.iter().cloned().chain([issuer.as_str().to_owned()]).collect()
}

/// RFC 9068, section 2.2.
fn access_token_claims(
    client: &Client,
    subject: &Subject<'_>,
    audience: &[String],
    jti: &str,
    (iat, exp): (i64, i64),
) -> Map<String, Value> {
    let mut claims = Map::new();
    let mut add = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    add("iss", json!(subject.issuer));
    add("sub", json!(subject.sub));
    add("aud", json!(audience));
    add("client_id", json!(client.id));
    add("exp", json!(exp));
    add("iat", json!(iat));
    add("jti", json!(jti));
    if let Some(scope) = subject.scope.said() {
        add("scope", json!(scope));
    }
    match subject.granted {
        // Section 2.2.1: of a sign-in there is something to say.
        Some(Granted { session_id: Some(_), auth_time, amr, .. }) => {
            add("auth_time", json!(auth_time));
            add("acr", json!(ACR_PASSWORD));
            add("amr", json!(amr));
        }
        Some(_) => {
            add("nbf", json!(iat));
        }
        None => {}
    }
    claims
}
