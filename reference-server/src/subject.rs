//! The `sub` by which a client knows a user: the same for all clients, or pairwise (Core, section 8).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::{Client, Config};
use crate::names::UserId;

/// The subject of a user for a client.
///
/// Pairwise, it is the HMAC of sector and user under the salt of the configuration: the same for all clients of a sector, different
/// elsewhere, and nobody without the salt gets from one to another (section 8.1).
pub fn of(config: &Config, client: &Client, user: &UserId) -> String {
    let Some(sector) = &client.pairwise_sector else { return user.as_str().to_owned() };
    // The configuration is refused where a client wants this and there is no salt.
    let salt = config.subjects.pairwise_salt.as_ref().map_or("", |salt| salt.reveal());
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes()));
    for part in [sector.as_str(), user.as_str()] {
        // With its length before it no part can pass for two.
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(context.sign())
}

/// Whom a client means by a subject. A pairwise one leads back by trying: those who can sign in here are few.
pub fn user_of(config: &Config, client: &Client, subject: &str) -> Option<UserId> {
    let mut ids = config.users.values().map(|user| &user.id);
    ids.find(|id| of(config, client, id) == subject).cloned()
}
