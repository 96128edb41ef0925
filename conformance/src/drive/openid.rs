//! `openidconnect`, the well-behaved client: it makes the requests of the code flow and reads the answers. What it refuses is its opinion.

use std::sync::{Mutex, PoisonError};

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreErrorResponseType, CoreJsonWebKeySet, CoreJwsSigningAlgorithm, CoreProviderMetadata,
    CoreTokenResponse,
};
use openidconnect::{
    AccessTokenHash, AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, StandardErrorResponse,
    TokenResponse as _,
};
use serde_json::Value;

use crate::transcript::{Answer, Millis, Request};

/// A client as `openidconnect` knows it.
pub struct WellBehaved<'a> {
    /// The discovery document.
    pub metadata: &'a Value,
    /// The client's own metadata.
    pub client: &'a Value,
    /// Its redirect URI.
    pub redirect_uri: &'a str,
    /// `client_secret_basic`, `client_secret_post`, `none`.
    pub auth: &'a str,
    /// Its secret.
    pub secret: Option<&'a str>,
}

/// What one authorization request needs to be made and, later, to be read.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// Binds the answer to the browser.
    pub state: String,
    /// Binds the ID token to the request.
    pub nonce: String,
    /// Its S256 hash goes out.
    pub code_verifier: String,
}

/// Why it got no token response.
type Refused = RequestTokenError<std::io::Error, StandardErrorResponse<CoreErrorResponseType>>;

/// `openidconnect`'s client after discovery and with a redirect URI.
type CodeClient = CoreClient<
    openidconnect::EndpointSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointMaybeSet,
    openidconnect::EndpointMaybeSet,
>;

impl WellBehaved<'_> {
    fn code_client(&self) -> Result<CodeClient, String> {
        let metadata: CoreProviderMetadata =
            serde_json::from_value(self.metadata.clone()).map_err(|e| format!("the discovery document: {e}"))?;
        let redirect = RedirectUrl::new(self.redirect_uri.to_owned()).map_err(|e| e.to_string())?;
        let id = self.client.get("client_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let secret = self.secret.filter(|_| self.auth != "none").map(|s| ClientSecret::new(s.to_owned()));
        let auth = if self.auth == "client_secret_post" { AuthType::RequestBody } else { AuthType::BasicAuth };
        Ok(CoreClient::from_provider_metadata(metadata, ClientId::new(id), secret).set_redirect_uri(redirect).set_auth_type(auth))
    }

    /// The authorization request: code flow with PKCE, state and nonce.
    ///
    /// # Errors
    /// Its opinion of the discovery document.
    pub fn authorization_url(&self, chosen: &Chosen) -> Result<url::Url, String> {
        let client = self.code_client()?;
        let verifier = PkceCodeVerifier::new(chosen.code_verifier.clone());
        let (state, nonce) = (chosen.state.clone(), chosen.nonce.clone());
        let request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, || CsrfToken::new(state), || Nonce::new(nonce))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        Ok(request.url().0)
    }

    /// The token request for a code. It is caught on its way out, since the recorder sends it.
    ///
    /// # Errors
    /// Its opinion, where it can make none.
    pub fn token_request(&self, code: &str, verifier: &str) -> Result<Request, String> {
        let caught = Mutex::new(None);
        let catch = |request: HttpRequest| -> Result<HttpResponse, std::io::Error> {
            *caught.lock().unwrap_or_else(PoisonError::into_inner) = Some(plain(&request));
            Err(std::io::Error::other("caught"))
        };
        let refused = self.exchange(code, verifier, &catch)?.err().map(|e| e.to_string());
        caught.into_inner().unwrap_or_else(PoisonError::into_inner).ok_or_else(|| refused.unwrap_or_default())
    }

    /// Its reading of the answer, to be verified by [`WellBehaved::verify`]; `None` where the answer is an OAuth error.
    ///
    /// # Errors
    /// Its opinion, where it makes nothing of the answer.
    pub fn token_answer(&self, code: &str, verifier: &str, answer: &Answer) -> Result<Option<CoreTokenResponse>, String> {
        let give = |_: HttpRequest| response(answer);
        match self.exchange(code, verifier, &give)? {
            Ok(read) => Ok(Some(read)),
            Err(RequestTokenError::ServerResponse(_) | RequestTokenError::Request(_)) => Ok(None),
            Err(RequestTokenError::Parse(why, _)) => Err(format!("the token response does not parse: {}", why.inner())),
            Err(RequestTokenError::Other(why)) => Err(why),
        }
    }

    /// Its reading of an answer with tokens that it has not asked for itself; `None` where the answer is no success.
    ///
    /// # Errors
    /// Its opinion, where it makes nothing of a success.
    pub fn read(&self, answer: &Answer) -> Result<Option<CoreTokenResponse>, String> {
        if answer.status != 200 {
            return Ok(None);
        }
        serde_json::from_str(&answer.body).map(Some).map_err(|why| format!("the token response does not parse: {why}"))
    }

    fn exchange(
        &self,
        code: &str,
        verifier: &str,
        http: &impl Fn(HttpRequest) -> Result<HttpResponse, std::io::Error>,
    ) -> Result<Result<CoreTokenResponse, Refused>, String> {
        let client = self.code_client()?;
        let request = client.exchange_code(AuthorizationCode::new(code.to_owned())).map_err(|e| e.to_string())?;
        Ok(request.set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned())).request(http))
    }

    /// Verifies the ID token and its `at_hash` at this moment, under these keys.
    ///
    /// # Errors
    /// Its opinion.
    pub fn verify(&self, read: &CoreTokenResponse, keys: &Value, nonce: Option<&str>, now: Millis) -> Result<(), String> {
        let Some(token) = read.id_token() else { return Ok(()) };
        let registered = self.client.get("id_token_signed_response_alg").and_then(Value::as_str).unwrap_or("RS256");
        let alg: CoreJwsSigningAlgorithm = serde_json::from_value(registered.into()).map_err(|e| e.to_string())?;
        let keys: CoreJsonWebKeySet = serde_json::from_value(keys.clone()).map_err(|e| format!("the key set: {e}"))?;
        // Its clock is read once for `exp`; the drive's is the target's.
        let at = chrono::DateTime::from_timestamp_millis(now).ok_or("a time out of range")?;
        let issuer = client_issuer(self.metadata)?;
        let id = ClientId::new(self.client.get("client_id").and_then(Value::as_str).unwrap_or_default().to_owned());
        let verifier = match self.secret {
            Some(secret) => {
                openidconnect::core::CoreIdTokenVerifier::new_confidential_client(id, ClientSecret::new(secret.to_owned()), issuer, keys)
            }
            None => openidconnect::core::CoreIdTokenVerifier::new_public_client(id, issuer, keys),
        };
        let verifier = verifier.set_allowed_algs([alg]).set_time_fn(move || at);
        let expected = nonce.map(|n| Nonce::new(n.to_owned()));
        let claims = match &expected {
            Some(nonce) => token.claims(&verifier, nonce),
            None => token.claims(&verifier, |_: Option<&Nonce>| Ok(())),
        }
        .map_err(|e| e.to_string())?;
        if let Some(hash) = claims.access_token_hash() {
            let (alg, key) = (token.signing_alg().map_err(|e| e.to_string())?, token.signing_key(&verifier).map_err(|e| e.to_string())?);
            let actual = AccessTokenHash::from_token(read.access_token(), alg, key).map_err(|e| e.to_string())?;
            if actual != *hash {
                return Err("at_hash does not fit the access token".into());
            }
        }
        Ok(())
    }
}

fn client_issuer(metadata: &Value) -> Result<openidconnect::IssuerUrl, String> {
    let issuer = metadata.get("issuer").and_then(Value::as_str).unwrap_or_default();
    openidconnect::IssuerUrl::new(issuer.to_owned()).map_err(|e| e.to_string())
}

fn plain(request: &HttpRequest) -> Request {
    Request {
        method: request.method().to_string(),
        url: request.uri().to_string(),
        headers: request
            .headers()
            .iter()
            .map(|(n, v)| (n.as_str().to_owned(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
            .collect(),
        body: String::from_utf8_lossy(request.body()).into_owned(),
    }
}

fn response(answer: &Answer) -> Result<HttpResponse, std::io::Error> {
    let mut builder = openidconnect::http::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        builder = builder.header(name, value);
    }
    builder.body(answer.body.clone().into_bytes()).map_err(std::io::Error::other)
}
