//! An authorization code: issued, and spent once.

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::claims::ClaimsRequest;
use crate::log::{Aggregate, Failure, Log, Payload as _, events};
use crate::names::{Challenge, ClientId, Code, Issuer, OidcSessionId, RedirectUri, SessionId, UserId};
use crate::scope::Scope;
use crate::world::fresh::fingerprint;

/// What a user has let a client have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Granted {
    /// The client.
    pub client_id: ClientId,
    /// The user.
    pub user_id: UserId,
    /// The session in which that happened; none where nobody has signed in for it (RFC 7523, RFC 8693).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// The issuer that was asked.
    pub issuer: Issuer,
    /// What was granted.
    pub scope: Scope,
    /// What the client asked for by name beside it.
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// When the user proved who they are, in seconds, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// How (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// Where its access tokens are good, if that is not simply where those of the client are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Vec<String>>,
    /// Who acts for the user, if somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
}

events! {
    /// A code was issued.
    "code.added" CodeAdded {
        /// What it stands for.
        #[serde(flatten)]
        granted: Granted,
        /// Where it was sent.
        redirect_uri: RedirectUri,
        /// To be put into the ID token.
        nonce: Option<String>,
        /// RFC 7636; always S256.
        code_challenge: Option<Challenge>,
    }
    /// It bought tokens.
    "code.exchanged" CodeExchanged {
        /// Which.
        oidc_session_id: OidcSessionId,
    }
    /// It was used wrongly, and buys nothing any more.
    "code.voided" CodeVoided {}
}

/// How far a code has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It can be used.
    Issued,
    /// It bought these tokens.
    Exchanged(OidcSessionId),
    /// It buys nothing.
    Voided,
}

/// A code as the log knows it: by its hash.
#[derive(Clone, Debug)]
pub struct IssuedCode {
    /// The version of the aggregate.
    pub version: u64,
    /// What it stands for.
    pub added: CodeAdded,
    /// When it was issued.
    pub issued_ms: i64,
    /// How far it has come.
    pub progress: Progress,
}

/// The aggregate of a code.
pub fn aggregate(code: &Code) -> Aggregate {
    Aggregate::new("code", fingerprint(code.reveal()))
}

impl IssuedCode {
    /// What is known of a code.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, code: &Code) -> Result<Option<Self>, Failure> {
        let mut issued: Option<Self> = None;
        for event in log.load(&aggregate(code)).await? {
            match (event.kind.as_str(), &mut issued) {
                (CodeAdded::TYPE, issued) => {
                    *issued = Some(Self { version: 0, added: event.read()?, issued_ms: event.at_ms, progress: Progress::Issued });
                }
                (CodeExchanged::TYPE, Some(issued)) => {
                    issued.progress = Progress::Exchanged(event.read::<CodeExchanged>()?.oidc_session_id);
                }
                (CodeVoided::TYPE, Some(issued)) => issued.progress = Progress::Voided,
                _ => {}
            }
            if let Some(issued) = &mut issued {
                issued.version = event.version;
            }
        }
        Ok(issued)
    }
}
