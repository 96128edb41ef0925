//! What the log says, folded: one file for each kind of aggregate, with its events and what they add up to.

pub mod assertion;
pub mod browser;
pub mod client;
pub mod client_token;
pub mod code;
pub mod consent;
pub mod device;
pub mod device_verification;
pub mod features;
pub mod oidc_session;
pub mod readable;
pub mod security_policy;
pub mod session;
pub mod session_logout;
pub mod sign_in;
pub mod stored;
pub mod user;
