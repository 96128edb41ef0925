//! RFC 6749, section 2.3: a client proves who it is, by the one method that it has registered.

mod assertion;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::AUTHORIZATION;

use self::assertion::Assertion;
use crate::config::{AssertionAlgorithm, AuthMethod, Client};
use crate::exchange::Request;
use crate::names::ClientSecret;
use crate::params::Params;
use crate::provider::Cx;
use crate::refusal::Refusal;

/// The methods that work here, as discovery names them.
pub fn methods() -> Vec<&'static str> {
    AuthMethod::ALL.into_iter().map(AuthMethod::text).collect()
}

/// Those by which somebody proves something.
pub fn confidential_methods() -> Vec<&'static str> {
    AuthMethod::ALL.into_iter().filter(|method| *method != AuthMethod::None).map(AuthMethod::text).collect()
}

/// The algorithms that assertions may have, as discovery names them.
pub fn algorithms() -> Vec<&'static str> {
    AssertionAlgorithm::ALL.into_iter().map(AssertionAlgorithm::text).collect()
}

/// What a request shows.
enum Shown {
    Basic(String, ClientSecret),
    Post(String, ClientSecret),
    Assertion(Assertion),
    Nothing(String),
}

/// The client that sends this request.
///
/// # Errors
/// It is unknown, does not prove who it is, does so by another method than its own, or by two.
pub async fn authenticate(cx: &mut Cx<'_>, params: &Params) -> Result<Arc<Client>, Refusal> {
    let shown = shown(cx.request, params)?;
    let (id, method) = match &shown {
        Shown::Basic(id, _) => (id, AuthMethod::ClientSecretBasic),
        Shown::Post(id, _) => (id, AuthMethod::ClientSecretPost),
        Shown::Assertion(assertion) => (&assertion.client_id, assertion.method()),
        Shown::Nothing(id) => (id, AuthMethod::None),
    };
    let client = cx.provider.client(id).await?;
    if client.auth_method != method {
        return Err(Refusal::AuthenticationMethodNotRegistered);
    }
    match shown {
        Shown::Basic(_, secret) | Shown::Post(_, secret) => {
            let fits = client.secret.as_ref().is_some_and(|known| known.is(&secret));
            if fits { Ok(client) } else { Err(Refusal::ClientNotAuthenticated) }
        }
        Shown::Assertion(assertion) => assertion.check(cx, &client).await.map(|()| client),
        Shown::Nothing(_) => Ok(client),
    }
}

fn shown(request: &Request, params: &Params) -> Result<Shown, Refusal> {
    let id = params.get("client_id")?;
    let secret = params.get("client_secret")?;
    let (assertion, assertion_type) = (params.get("client_assertion")?, params.get("client_assertion_type")?);
    if request.headers.contains_key(AUTHORIZATION) {
        if secret.is_some() || assertion.is_some() || assertion_type.is_some() {
            return Err(Refusal::TwoAuthenticationMethods);
        }
        let (name, secret) = basic(request).ok_or(Refusal::ClientNotAuthenticated)?;
        // A `client_id` beside it is no second method, but it must not name somebody else.
        return if id.is_none_or(|id| id == name) { Ok(Shown::Basic(name, secret)) } else { Err(Refusal::ClientNotAuthenticated) };
    }
    match (id, secret, assertion.or(assertion_type)) {
        (_, Some(_), Some(_)) => Err(Refusal::TwoAuthenticationMethods),
        (id, None, Some(_)) => Ok(Shown::Assertion(Assertion::read(id, assertion, assertion_type)?)),
        (Some(id), Some(secret), None) => Ok(Shown::Post(id.to_owned(), ClientSecret::new(secret))),
        (Some(id), None, None) => Ok(Shown::Nothing(id.to_owned())),
        (None, _, None) => Err(Refusal::ClientNotAuthenticated),
    }
}

/// RFC 7617, and both halves form-decoded as RFC 6749, section 2.3.1 has it.
fn basic(request: &Request) -> Option<(String, ClientSecret)> {
    let (scheme, credentials) = request.header(AUTHORIZATION)?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decode(id)?, ClientSecret::new(form_decode(secret)?)))
}

fn form_decode(text: &str) -> Option<String> {
    // As the value of a pair; `&` and `=` would end it, so they are hidden from the parser.
    let hidden = text.replace('&', "%26").replace('=', "%3D");
    let pair = format!("x={hidden}");
    let (_, value) = url::form_urlencoded::parse(pair.as_bytes()).next()?;
    (!value.contains(char::REPLACEMENT_CHARACTER)).then(|| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_basic_are_form_decoded() {
        assert_eq!(form_decode("a+b%3Ac%2B&d=e").as_deref(), Some("a b:c+&d=e"));
        assert_eq!(form_decode("%ff"), None);
        assert_eq!(form_decode("").as_deref(), Some(""));
    }
}
