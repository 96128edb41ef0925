//! The grants of the token endpoint: one file and one line each.

pub mod authorization_code;
mod client_credentials;
pub mod device_code;
mod issuing;
mod jwt_bearer;
mod refresh_token;
pub mod token_exchange;

use std::pin::Pin;

use serde_json::Value;

use crate::config::Client;
use crate::params::Params;
use crate::provider::Cx;
use crate::refusal::Refusal;

/// The answer of a grant: the JSON of RFC 6749, section 5.1.
pub type GrantAnswer<'a> = Pin<Box<dyn Future<Output = Result<Value, Refusal>> + Send + 'a>>;

/// A grant.
pub struct Grant {
    /// What `grant_type` says.
    pub grant_type: &'static str,
    /// Whether a client may register itself for it: not where its own word for a user is taken.
    pub self_service: bool,
    /// What it gives to a client that has authenticated and may use it.
    pub answer: for<'a> fn(&'a mut Cx<'_>, &'a Client, &'a Params) -> GrantAnswer<'a>,
}

/// All grants there are. Discovery reads this list too.
pub static GRANTS: &[Grant] = &[
    Grant {
        grant_type: "authorization_code",
        self_service: true,
        answer: |cx, client, params| Box::pin(authorization_code::answer(cx, client, params)),
    },
    Grant {
        grant_type: "refresh_token",
        self_service: true,
        answer: |cx, client, params| Box::pin(refresh_token::answer(cx, client, params)),
    },
    Grant {
        grant_type: "client_credentials",
        self_service: true,
        answer: |cx, client, params| Box::pin(client_credentials::answer(cx, client, params)),
    },
    Grant {
        grant_type: device_code::GRANT_TYPE,
        self_service: true,
        answer: |cx, client, params| Box::pin(device_code::answer(cx, client, params)),
    },
    Grant {
        grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
        self_service: false,
        answer: |cx, client, params| Box::pin(jwt_bearer::answer(cx, client, params)),
    },
    Grant {
        grant_type: token_exchange::GRANT_TYPE,
        self_service: false,
        answer: |cx, client, params| Box::pin(token_exchange::answer(cx, client, params)),
    },
];
