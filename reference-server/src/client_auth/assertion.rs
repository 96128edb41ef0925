//! `client_secret_jwt` and `private_key_jwt`: RFC 7521, section 4.2, RFC 7523, sections 2.2 and 3, and OpenID Connect Core 1.0, section 9.
//!
//! # The audience
//!
//! RFC 7523 wants a value that identifies the server and allows the address of the token endpoint; Core with errata set 2 recommends
//! that address. Because a client can be led to sign for the wrong server so, the update of RFC 7523 (draft-ietf-oauth-rfc7523bis),
//! FAPI 2.0 and the draft of Core's errata set 3 want the issuer, alone. Here it is the issuer or the token endpoint of the origin that
//! is asked, at whichever endpoint, and nothing beside it: an assertion for several servers is one that any of them can use at the others.

use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use crate::client_keys::FetchedKeys;
use crate::config::{AuthMethod, Client, KeySource, Secret};
use crate::jose::{self, Unverified};
use crate::log::{Batch, NotWritten};
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::state::assertion::{self, AssertionUsed, UsedAssertion};

/// The one `client_assertion_type` there is.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What `typ` may say, where it says anything: so no token of another kind passes for an assertion (RFC 8725, section 3.11).
const TYPES: [&str; 3] = ["JWT", "client-authentication+jwt", "application/client-authentication+jwt"];

/// How far a client's clock may be ahead of ours, in seconds.
const SKEW: i64 = 30;

/// An assertion that has been read, and that nobody has vouched for yet.
pub struct Assertion {
    /// Whom it is about.
    pub client_id: String,
    token: String,
    read: Unverified,
}

impl Assertion {
    /// Reads what a request shows. A `client_id` beside it has to name the same client (RFC 7521, section 4.2).
    ///
    /// # Errors
    /// One of the two parameters is missing, the type is another one, or this is no JWT.
    pub fn read(client_id: Option<&str>, token: Option<&str>, assertion_type: Option<&str>) -> Result<Self, Refusal> {
        if assertion_type.ok_or(Refusal::Missing("client_assertion_type"))? != JWT_BEARER {
            return Err(Refusal::AssertionTypeUnknown);
        }
        let token = token.ok_or(Refusal::Missing("client_assertion"))?.to_owned();
        let read = Unverified::read(&token, &TYPES).ok_or(Refusal::AssertionMalformed)?;
        let sub = text(&read.claims, "sub")?.to_owned();
        match client_id {
            Some(id) if id != sub => Err(Refusal::AssertionOfAnotherClient),
            Some(_) | None => Ok(Self { client_id: sub, token, read }),
        }
    }

    /// The method that this is.
    pub fn method(&self) -> AuthMethod {
        if self.read.alg.mac_octets().is_some() { AuthMethod::ClientSecretJwt } else { AuthMethod::PrivateKeyJwt }
    }

    /// Whether it is this client's, for us, now, and the first of its name. Then it is used.
    ///
    /// # Errors
    /// It is not, or the store failed.
    pub async fn check(&self, cx: &mut Cx<'_>, client: &Client) -> Result<(), Refusal> {
        self.signed(cx, client).await?;
        let claims = &self.read.claims;
        for (name, wanted) in [("iss", client.id.as_str()), ("sub", client.id.as_str())] {
            if text(claims, name)? != wanted {
                return Err(Refusal::AssertionClaim(name));
            }
        }
        if !audience_fits(claims.get("aud"), &[cx.origin.issuer.as_str(), &cx.origin.at("/token")]) {
            return Err(Refusal::AssertionClaim("aud"));
        }
        let now = cx.provider.world.now();
        let exp = time(claims, "exp")?.ok_or(Refusal::AssertionClaim("exp"))?;
        if exp <= now {
            return Err(Refusal::AssertionExpired);
        }
        if exp - now > cx.provider.config.lifetimes.client_assertion.secs() {
            return Err(Refusal::AssertionTooLong);
        }
        for name in ["nbf", "iat"] {
            if time(claims, name)?.is_some_and(|begins| begins > now + SKEW) {
                return Err(Refusal::AssertionClaim(name));
            }
        }
        self.used(cx, client, text(claims, "jti")?, exp).await
    }

    /// The algorithm is the one that the client has registered, or one that fits its method; the key is the client's.
    async fn signed(&self, cx: &mut Cx<'_>, client: &Client) -> Result<(), Refusal> {
        let Unverified { alg, kid, .. } = &self.read;
        if client.auth_alg.is_some_and(|registered| registered != *alg) {
            return Err(Refusal::AssertionNotSigned);
        }
        let kid = kid.as_deref();
        let signed = match (self.method(), &client.secret, &client.keys) {
            (AuthMethod::ClientSecretJwt, Some(Secret::Itself(secret)), _) => {
                let long_enough = alg.mac_octets().is_some_and(|octets| secret.reveal().len() >= octets);
                let key = DecodingKey::from_secret(secret.reveal().as_bytes());
                long_enough && jose::is_signed_by(&self.token, *alg, [&key])
            }
            (AuthMethod::PrivateKeyJwt, _, Some(KeySource::Given(keys))) => jose::is_signed_by(&self.token, *alg, keys.fitting(kid, *alg)),
            (AuthMethod::PrivateKeyJwt, _, Some(KeySource::At(uri))) => {
                let keys = FetchedKeys::get(cx, (uri, client.whose), kid).await?;
                jose::is_signed_by(&self.token, *alg, keys.fitting(kid, *alg))
            }
            _ => false,
        };
        if signed { Ok(()) } else { Err(Refusal::AssertionNotSigned) }
    }

    /// Of two that come at once the store lets one through.
    async fn used(&self, cx: &Cx<'_>, client: &Client, jti: &str, exp: i64) -> Result<(), Refusal> {
        let provider = cx.provider;
        loop {
            let used = UsedAssertion::load(&provider.log, &client.id, jti).await?;
            if used.until > provider.world.now() {
                return Err(Refusal::AssertionUsed);
            }
            let event = AssertionUsed { client_id: client.id.clone(), exp };
            let batch = Batch::new().add(&assertion::aggregate(&client.id, jti), used.version, &event)?;
            match provider.log.append(batch, provider.world.now_ms()).await {
                Ok(()) => return Ok(()),
                Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => {}
                Err(NotWritten::Failed(failure)) => return Err(failure.into()),
            }
        }
    }
}

fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, Refusal> {
    claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or(Refusal::AssertionClaim(name))
}

/// A NumericDate (RFC 7519, section 2) in whole seconds.
fn time(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, Refusal> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    jose::numeric_date(value).map(Some).ok_or(Refusal::AssertionClaim(name))
}

/// Whether these are meant and nobody else.
fn audience_fits(aud: Option<&Value>, ours: &[&str]) -> bool {
    let only = match aud {
        Some(Value::String(only)) => Some(only),
        Some(Value::Array(several)) => match several.as_slice() {
            [Value::String(only)] => Some(only),
            _ => None,
        },
        _ => None,
    };
    only.is_some_and(|only| ours.contains(&only.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_audience_is_ours_alone() {
        let fits = |aud: Value| audience_fits(Some(&aud), &["https://op.test", "https://op.test/token"]);
        assert!(fits(json!("https://op.test")) && fits(json!(["https://op.test/token"])));
        for wrong in [json!("https://op.test/"), json!(["https://op.test", "https://rs.test"]), json!([]), json!(1), json!({})] {
            assert!(!fits(wrong.clone()), "{wrong}");
        }
        assert!(!audience_fits(None, &["https://op.test"]));
    }

    #[test]
    fn a_time_is_a_number() {
        let claims = json!({ "exp": 10.9, "nbf": "10", "iat": null, "far": 1e300 });
        let claims = claims.as_object().expect("an object");
        assert_eq!(time(claims, "exp"), Ok(Some(10)));
        assert_eq!(time(claims, "absent"), Ok(None));
        assert_eq!(time(claims, "far"), Ok(Some(i64::MAX)));
        assert!(time(claims, "nbf").is_err() && time(claims, "iat").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[a-zA-Z0-9_.-]{0,80}") {
            let _ = Assertion::read(None, Some(&text), Some(JWT_BEARER));
        }
    }
}
