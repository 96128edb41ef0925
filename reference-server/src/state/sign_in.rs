//! An authorization request on its way through sign-in and consent to its answer.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::claims::ClaimsRequest;
use crate::log::{Aggregate, Failure, Log, Payload as _, events};
use crate::names::{BrowserId, Challenge, ClientId, Issuer, RedirectUri, SessionId, SignInId, UserId};
use crate::scope::Scope;
use crate::state::stored::stored;

stored! {
    /// What the client may ask of the conversation with the user (Core, section 3.1.2.1).
    Prompt {
        /// Do not talk to the user.
        None = 0 "none",
        /// Let the user sign in, signed in or not.
        Login = 1 "login",
        /// Ask for consent, given or not.
        Consent = 2 "consent",
        /// Let the user choose.
        SelectAccount = 3 "select_account",
    }
}

stored! {
    /// How the answer travels.
    #[derive(Default)]
    ResponseMode {
        /// In the address.
        #[default]
        Query = 0 "query",
        /// As a form (OAuth 2.0 Form Post Response Mode).
        FormPost = 1 "form_post",
    }
}

/// Where an answer goes, and what it has to carry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReturnAddress {
    /// Whose.
    pub client_id: ClientId,
    /// Where.
    pub redirect_uri: RedirectUri,
    /// How.
    pub response_mode: ResponseMode,
    /// `state` as it came.
    pub state: Option<String>,
}

/// What a client asks (Core, section 3.1.2.1), checked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthRequest {
    /// The issuer that was asked.
    pub issuer: Issuer,
    /// Where the answer goes.
    #[serde(flatten)]
    pub to: ReturnAddress,
    /// What is granted if the user agrees.
    pub scope: Scope,
    /// To be put into the ID token.
    pub nonce: Option<String>,
    /// RFC 7636; always S256.
    pub code_challenge: Option<Challenge>,
    /// How to talk to the user.
    pub prompt: BTreeSet<Prompt>,
    /// How old the sign-in may be, in seconds.
    pub max_age: Option<i64>,
    /// Whom the client expects, as the user would write it.
    pub login_hint: Option<String>,
    /// Whom the client insists on, by `id_token_hint` or by a `sub` among its claims: one of these.
    pub about: Option<BTreeSet<UserId>>,
    /// Which claims it wants by name.
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// How the client would like the pages and the sign-in to be. There is one kind of each here, so nothing follows from most of it.
    #[serde(default)]
    pub wishes: Wishes,
}

/// Wishes that are no conditions (Core, section 3.1.2.1), as they came.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Wishes {
    /// `display`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// `ui_locales`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ui_locales: Option<String>,
    /// `claims_locales`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims_locales: Option<String>,
    /// `acr_values`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr_values: Option<String>,
}

impl AuthRequest {
    /// What the user has to agree to: the scope, and the scopes to which the claims belong that are asked for by name.
    pub fn asks_for(&self) -> Scope {
        self.scope.and(self.claims.scopes())
    }
}

events! {
    /// A request that is right in itself.
    "auth_request.added" AuthRequestAdded {
        /// The browser that brought it.
        browser_id: BrowserId,
        /// What was asked.
        #[serde(flatten)]
        request: AuthRequest,
    } numbers {
        prompt: Prompt,
        response_mode: ResponseMode,
    }
    /// The user is known now.
    "auth_request.session.linked" AuthRequestSessionLinked {
        /// The session.
        session_id: SessionId,
        /// Whether the user proved who they are for this very request.
        authenticated: bool,
    }
    /// The user agreed.
    "auth_request.consented" AuthRequestConsented {}
    /// The client got a code.
    "auth_request.succeeded" AuthRequestSucceeded {}
    /// The client got an error.
    "auth_request.failed" AuthRequestFailed {
        /// Which.
        error: String,
    }
}

/// An authorization request.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The version of the aggregate.
    pub version: u64,
    /// Its name.
    pub id: SignInId,
    /// The browser that brought it.
    pub browser_id: BrowserId,
    /// What was asked.
    pub request: AuthRequest,
    /// When.
    pub began_ms: i64,
    /// The session that the user chose or began for it.
    pub linked: Option<AuthRequestSessionLinked>,
    /// Whether the user agreed.
    pub consented: bool,
    /// Whether the client has its answer.
    pub answered: bool,
}

/// The aggregate of an authorization request.
pub fn aggregate(id: &SignInId) -> Aggregate {
    Aggregate::new("auth_request", id.as_str())
}

impl SignIn {
    /// The request of this name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, id: &SignInId) -> Result<Option<Self>, Failure> {
        let mut sign_in: Option<Self> = None;
        for event in log.load(&aggregate(id)).await? {
            match (event.kind.as_str(), &mut sign_in) {
                (AuthRequestAdded::TYPE, sign_in) => {
                    let AuthRequestAdded { browser_id, request } = event.read()?;
                    *sign_in = Some(Self {
                        version: 0,
                        id: id.clone(),
                        browser_id,
                        request,
                        began_ms: event.at_ms,
                        linked: None,
                        consented: false,
                        answered: false,
                    });
                }
                (AuthRequestSessionLinked::TYPE, Some(sign_in)) => sign_in.linked = Some(event.read()?),
                (AuthRequestConsented::TYPE, Some(sign_in)) => sign_in.consented = true,
                (AuthRequestSucceeded::TYPE | AuthRequestFailed::TYPE, Some(sign_in)) => sign_in.answered = true,
                _ => {}
            }
            if let Some(sign_in) = &mut sign_in {
                sign_in.version = event.version;
            }
        }
        Ok(sign_in)
    }

    /// Whether the client asked for this.
    pub fn prompts(&self, prompt: Prompt) -> bool {
        self.request.prompt.contains(&prompt)
    }
}
