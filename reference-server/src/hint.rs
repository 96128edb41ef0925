//! `id_token_hint`: an ID token of ours, expired or not, signed by a key that we had at any time.

use serde_json::Value;

use crate::jose;
use crate::names::{ClientId, SessionId, UserId};
use crate::provider::Provider;
use crate::refusal::Refusal;
use crate::subject;

/// What an ID token says of its user.
pub struct Hint {
    /// Whom it is about.
    pub user_id: UserId,
    /// In which session, if it says so: ours do.
    pub session_id: Option<SessionId>,
    /// Whom it was issued to.
    pub client_id: ClientId,
}

/// Reads a hint. Its time does not matter (RP-Initiated Logout 1.0, section 2; Core, section 3.1.2.2), its signature does.
///
/// # Errors
/// It is no ID token of any of our issuers.
pub async fn verify(provider: &Provider, token: &str) -> Result<Hint, Refusal> {
    let keys = provider.keys.ever_published(&provider.log).await?;
    let claims = jose::verify(token, "JWT", keys.iter().map(AsRef::as_ref)).ok_or(Refusal::HintInvalid)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).ok_or(Refusal::HintInvalid);
    let issuer = text("iss")?;
    if !provider.config.origins.iter().any(|origin| origin.issuer.as_str() == issuer) {
        return Err(Refusal::HintInvalid);
    }
    let session_id = claims.get("sid").and_then(Value::as_str).map(SessionId::new);
    // Where several are meant, `azp` says whose it is (Core, section 2).
    let (sub, client_id) = (text("sub")?, ClientId::new(text("azp").or_else(|_| text("aud"))?));
    // A pairwise subject means somebody to its own client alone.
    let client = provider.known_client(client_id.as_str()).await?;
    let known = client.and_then(|client| subject::user_of(&provider.config, &client, sub));
    Ok(Hint { user_id: known.unwrap_or_else(|| UserId::new(sub)), session_id, client_id })
}
