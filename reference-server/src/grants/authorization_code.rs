//! RFC 6749, section 4.1.3: a code buys tokens, once.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::issuing::{self, Wanted};
use crate::config::Client;
use crate::log::{Batch, Failure, NotWritten};
use crate::names::{Challenge, Code, OidcSessionId, RedirectUri, Verifier};
use crate::params::Params;
use crate::provider::{Cx, Provider};
use crate::refusal::Refusal;
use crate::revoking;
use crate::scope::{OFFLINE_ACCESS, Scope};
use crate::state::code::{self, CodeExchanged, CodeVoided, IssuedCode, Progress};
use crate::state::oidc_session::Because;

/// Buys tokens with a code.
///
/// # Errors
/// The code is not this client's, is spent or has expired, or the request does not fit the one that it answers.
pub async fn answer(cx: &Cx<'_>, client: &Client, params: &Params) -> Result<Value, Refusal> {
    let code = params.need("code", Code::new)?;
    let redirect_uri = params.need("redirect_uri", RedirectUri::new)?;
    let verifier = params.get("code_verifier")?.map(Verifier::new);
    // Who comes second loads and decides again, and finds the code spent.
    loop {
        let issued = IssuedCode::load(&cx.provider.log, &code).await?.ok_or(Refusal::CodeUnknown)?;
        if let Err(refusal) = check(cx, client, &issued, &redirect_uri, verifier.as_ref()) {
            return Err(consequences(cx.provider, &code, &issued, refusal).await?);
        }
        let granted = &issued.added.granted;
        let id = OidcSessionId::new(cx.provider.world.fresh.id(&code::aggregate(&code), issued.version, "oidc session"));
        let exchanged = CodeExchanged { oidc_session_id: id.clone() };
        let batch = Batch::new().add(&code::aggregate(&code), issued.version, &exchanged)?;
        let wanted = Wanted { granted, nonce: issued.added.nonce.as_deref(), refreshes: refreshes(client, &granted.scope) };
        let (batch, answer) = issuing::issue(cx, client, &id, &wanted, batch).await?;
        match cx.provider.log.append(batch, cx.provider.world.now_ms()).await {
            Ok(()) => return Ok(answer),
            Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => {}
            Err(NotWritten::Failed(failure)) => return Err(failure.into()),
        }
    }
}

/// Whether a refresh token comes with it: for `offline_access`, or bound to the session where the client is registered so.
pub fn refreshes(client: &Client, scope: &Scope) -> bool {
    client.may_use("refresh_token") && (scope.has(OFFLINE_ACCESS) || client.refresh_without_offline_access)
}

/// The checks, in an order in which no answer tells a stranger anything: whose the code is comes first.
fn check(
    cx: &Cx<'_>,
    client: &Client,
    issued: &IssuedCode,
    redirect_uri: &RedirectUri,
    verifier: Option<&Verifier>,
) -> Result<(), Refusal> {
    let added = &issued.added;
    if added.granted.client_id != client.id {
        return Err(Refusal::CodeOfAnotherClient);
    }
    if added.granted.issuer != cx.origin.issuer {
        return Err(Refusal::CodeUnknown);
    }
    if issued.progress != Progress::Issued {
        return Err(Refusal::CodeSpent);
    }
    if cx.provider.world.now_ms() - issued.issued_ms >= cx.provider.config.lifetimes.authorization_code.ms() {
        return Err(Refusal::CodeExpired);
    }
    if added.redirect_uri != *redirect_uri {
        return Err(Refusal::RedirectUriDiffers);
    }
    match (&added.code_challenge, verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Refusal::VerifierWithoutChallenge),
        (Some(_), None) => Err(Refusal::VerifierMissing),
        (Some(challenge), Some(verifier)) if fits(challenge, verifier) => Ok(()),
        (Some(_), Some(_)) => Err(Refusal::VerifierWrong),
    }
}

/// RFC 7636, sections 4.1 and 4.6, for the method S256.
fn fits(challenge: &Challenge, verifier: &Verifier) -> bool {
    let text = verifier.reveal();
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&text.len()) || !text.bytes().all(unreserved) {
        return false;
    }
    let hash = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()));
    verify_slices_are_equal(hash.as_bytes(), challenge.as_str().as_bytes()).is_ok()
}

/// What a refusal brings with it: a code that comes twice takes along what it bought (RFC 6749, section 4.1.2), and a wrong
/// verifier makes the code void, so that nobody guesses on.
async fn consequences(provider: &Provider, code: &Code, issued: &IssuedCode, refusal: Refusal) -> Result<Refusal, Failure> {
    match (&refusal, &issued.progress) {
        (Refusal::CodeSpent, Progress::Exchanged(id)) => revoking::family(provider, id, Because::CodeReused).await?,
        (Refusal::VerifierWrong, _) => {
            let batch = Batch::new().add(&code::aggregate(code), issued.version, &CodeVoided {})?;
            match provider.log.append(batch, provider.world.now_ms()).await {
                // Somebody else has spent or voided it meanwhile: then it is as void as it can be.
                Ok(()) | Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => {}
                Err(NotWritten::Failed(failure)) => return Err(failure),
            }
        }
        _ => {}
    }
    Ok(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_of_rfc_7636_fits_its_challenge() {
        let challenge = Challenge::new("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(fits(&challenge, &Verifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")));
        assert!(!fits(&challenge, &Verifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl")));
        assert!(!fits(&challenge, &Verifier::new("")));
    }
}
