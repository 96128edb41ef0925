//! Tokens as they are minted: of a user for a client, and of a client for itself.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::claims;
use crate::config::{AccessTokenFormat, Client};
use crate::jose;
use crate::keys::SigningKey;
use crate::log::{Aggregate, Failure};
use crate::names::{AccessToken, ClientTokenId, Issuer, OidcSessionId, RefreshToken};
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
}

/// Core, section 2, and behind it what the client has asked for by name (section 5.5). The order is that of the claims on the wire.
#[derive(Serialize)]
struct IdTokenClaims<'a> {
    iss: &'a Issuer,
    sub: &'a str,
    aud: &'a str,
    azp: &'a str,
    exp: i64,
    iat: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    acr: &'static str,
    amr: &'a [String],
    at_hash: String,
    sid: &'a str,
    #[serde(flatten)]
    about_the_user: Map<String, Value>,
}

/// Mints the tokens for what was granted. `version` is that of the OIDC session before.
///
/// # Errors
/// There is no key for the client's algorithm, or it cannot sign.
pub async fn mint(provider: &Provider, client: &Client, (id, version): (&OidcSessionId, u64), wanted: &For<'_>) -> Result<Minted, Failure> {
    let For { granted, scope, nonce, reason } = *wanted;
    let key = provider.keys.current(&provider.log, client.id_token_alg).await?;
    let sub = subject::of(&provider.config, client, &granted.user_id);
    let subject = Subject { issuer: &granted.issuer, sub: &sub, scope, sign_in: Some(granted) };
    let (access_token, added) = access_token(provider, client, &key, (&oidc_session::aggregate(id), version), &subject, reason)?;
    let lifetimes = &provider.config.lifetimes;
    let now = provider.world.now();
    let user = provider.config.user(&granted.user_id);
    let id_token = if scope.has("openid") {
        let claims = IdTokenClaims {
            iss: &granted.issuer,
            sub: &sub,
            aud: client.id.as_str(),
            azp: client.id.as_str(),
            exp: now + lifetimes.id_token.secs(),
            iat: now,
            auth_time: granted.auth_time,
            nonce,
            acr: ACR_PASSWORD,
            amr: &granted.amr,
            at_hash: jose::at_hash(key.alg, access_token.reveal()),
            sid: granted.session_id.as_str(),
            // What the scopes open is told by UserInfo, as there is an access token (section 5.4).
            about_the_user: user.map(|user| claims::asked_of(user, &granted.claims.id_token)).unwrap_or_default(),
        };
        Some(jose::sign(&key, "JWT", &claims)?)
    } else {
        None
    };
    Ok(Minted { access_token, added, expires_in: lifetimes.access_token.secs(), id_token })
}

/// Mints the access token of a client for itself (RFC 6749, section 4.4); its `sub` is the client (RFC 9068, section 2.2).
///
/// # Errors
/// There is no key for the client's algorithm, or it cannot sign.
pub async fn mint_for_client(
    provider: &Provider,
    client: &Client,
    id: &ClientTokenId,
    issuer: &Issuer,
    scope: &Scope,
) -> Result<Minted, Failure> {
    let key = provider.keys.current(&provider.log, client.id_token_alg).await?;
    let subject = Subject { issuer, sub: client.id.as_str(), scope, sign_in: None };
    let (access_token, added) =
        access_token(provider, client, &key, (&client_token::aggregate(id), 0), &subject, Reason::ClientCredentials)?;
    Ok(Minted { access_token, added, expires_in: provider.config.lifetimes.access_token.secs(), id_token: None })
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
    sign_in: Option<&'a Granted>,
}

/// An access token in the form of its client. Both forms begin with the name of their aggregate, by which they are found again.
fn access_token(
    provider: &Provider,
    client: &Client,
    key: &SigningKey,
    (aggregate, version): (&Aggregate, u64),
    subject: &Subject<'_>,
    reason: Reason,
) -> Result<(AccessToken, AccessTokenAdded), Failure> {
    let fresh = &provider.world.fresh;
    let now = provider.world.now();
    let exp = now + provider.config.lifetimes.access_token.secs();
    // The provider is in `aud` too, because the token opens its UserInfo; and RFC 9068, section 3 wants one in any case.
    let mut audience = client.audience.clone();
    audience.push(subject.issuer.as_str().to_owned());
    let (token, token_id) = match client.access_token_format {
        AccessTokenFormat::Opaque => {
            let token = format!("{}{}", aggregate.id(), fresh.secret(aggregate, version, "access token"));
            let token_id = fingerprint(&token);
            (token, token_id)
        }
        AccessTokenFormat::Jwt => {
            let jti = format!("{}{}", aggregate.id(), fresh.id(aggregate, version, "access token"));
            let claims = access_token_claims(client, subject, &audience, &jti, (now, exp));
            (jose::sign(key, "at+jwt", &claims)?, jti)
        }
    };
    Ok((AccessToken::new(token), AccessTokenAdded { token_id, scope: subject.scope.clone(), audience, exp, reason }))
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
    if let Some(granted) = subject.sign_in {
        add("auth_time", json!(granted.auth_time));
        add("acr", json!(ACR_PASSWORD));
        add("amr", json!(granted.amr));
    }
    claims
}
