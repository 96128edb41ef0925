//! Tokens of a user for a client: minted, and found again.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::claims;
use crate::config::{AccessTokenFormat, Client};
use crate::jose;
use crate::log::Failure;
use crate::names::{AccessToken, Issuer, OidcSessionId};
use crate::provider::Provider;
use crate::refusal::Refusal;
use crate::state::code::Granted;
use crate::state::oidc_session::{self, AccessTokenAdded, OidcSession};
use crate::state::session::Session;
use crate::subject;
use crate::world::fresh::fingerprint;

/// `acr` of a sign-in with a password (Core, section 2 wants an absolute URI or a registered name).
pub const ACR_PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";

/// The names of what a code bought have this many characters, and tokens begin with them.
const NAME_LENGTH: usize = 22;

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
pub async fn mint(
    provider: &Provider,
    client: &Client,
    (id, version): (&OidcSessionId, u64),
    granted: &Granted,
    nonce: Option<&str>,
) -> Result<Minted, Failure> {
    let now = provider.world.now();
    let lifetimes = &provider.config.lifetimes;
    let fresh = &provider.world.fresh;
    let aggregate = oidc_session::aggregate(id);
    let subject = subject::of(&provider.config, client, &granted.user_id);
    let key = provider.keys.current(&provider.log, client.id_token_alg).await?;
    let exp = now + lifetimes.access_token.secs();
    let (access_token, token_id) = match client.access_token_format {
        AccessTokenFormat::Opaque => {
            let token = format!("{id}{}", fresh.secret(&aggregate, version, "access token"));
            let token_id = fingerprint(&token);
            (token, token_id)
        }
        AccessTokenFormat::Jwt => {
            let jti = format!("{id}{}", fresh.id(&aggregate, version, "access token"));
            let claims = access_token_claims(client, granted, &subject, &jti, now, exp);
            (jose::sign(&key, "at+jwt", &claims)?, jti)
        }
    };
    let user = provider.config.user(&granted.user_id);
    let id_token = if granted.scope.has("openid") {
        let claims = IdTokenClaims {
            iss: &granted.issuer,
            sub: &subject,
            aud: client.id.as_str(),
            azp: client.id.as_str(),
            exp: now + lifetimes.id_token.secs(),
            iat: now,
            auth_time: granted.auth_time,
            nonce,
            acr: ACR_PASSWORD,
            amr: &granted.amr,
            at_hash: jose::at_hash(key.alg, &access_token),
            sid: granted.session_id.as_str(),
            // What the scopes open is told by UserInfo, as there is an access token (section 5.4).
            about_the_user: user.map(|user| claims::asked_of(user, &granted.claims.id_token)).unwrap_or_default(),
        };
        Some(jose::sign(&key, "JWT", &claims)?)
    } else {
        None
    };
    let added = AccessTokenAdded { token_id, scope: granted.scope.clone(), exp, reason: "auth_request".to_owned() };
    Ok(Minted { access_token: AccessToken::new(access_token), added, expires_in: lifetimes.access_token.secs(), id_token })
}

/// RFC 9068, section 2.2. The provider is in `aud` too, because the token opens its UserInfo.
fn access_token_claims(client: &Client, granted: &Granted, subject: &str, jti: &str, now: i64, exp: i64) -> Value {
    let mut audience: Vec<&str> = client.audience.iter().map(String::as_str).collect();
    audience.push(granted.issuer.as_str());
    json!({
        "iss": granted.issuer,
        "sub": subject,
        "aud": audience,
        "client_id": client.id,
        "exp": exp,
        "iat": now,
        "jti": jti,
        "scope": granted.scope,
        "auth_time": granted.auth_time,
        "acr": ACR_PASSWORD,
        "amr": granted.amr,
    })
}

/// What a good access token stands for.
pub struct Access {
    /// What was granted.
    pub granted: Granted,
    /// What of it this token is good for.
    pub scope: crate::scope::Scope,
}

/// Finds what an access token stands for at this issuer.
///
/// # Errors
/// It is unknown here, expired or revoked, or the session in which it was issued was ended.
pub async fn find(provider: &Provider, issuer: &Issuer, token: &AccessToken) -> Result<Access, Refusal> {
    let text = token.reveal();
    let token_id = if text.contains('.') {
        let keys = provider.keys.ever_published(&provider.log).await?;
        let claims = jose::verify(text, "at+jwt", keys.iter().map(AsRef::as_ref)).ok_or(Refusal::TokenInvalid)?;
        claims.get("jti").and_then(Value::as_str).ok_or(Refusal::TokenInvalid)?.to_owned()
    } else {
        fingerprint(text)
    };
    // An opaque token begins with the name of what it belongs to, and so does the `jti` of the other kind.
    let name = if text.contains('.') { token_id.get(..NAME_LENGTH) } else { text.get(..NAME_LENGTH) };
    let id = OidcSessionId::new(name.ok_or(Refusal::TokenInvalid)?);
    let tokens = OidcSession::load(&provider.log, &id).await?.ok_or(Refusal::TokenInvalid)?;
    let known = tokens.access_tokens.iter().find(|known| known.token_id == token_id).ok_or(Refusal::TokenInvalid)?;
    let session = Session::load(&provider.log, &tokens.granted.session_id).await?.ok_or(Refusal::TokenInvalid)?;
    if tokens.revoked || session.terminated || provider.world.now() >= known.exp || tokens.granted.issuer != *issuer {
        return Err(Refusal::TokenInvalid);
    }
    Ok(Access { scope: known.scope.clone(), granted: tokens.granted })
}
