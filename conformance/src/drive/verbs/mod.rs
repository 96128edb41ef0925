//! The verbs: how each is done honestly, and where a row's edits come in.

mod acts;
mod code;
mod credentials;
pub(super) mod device;
mod grants;
mod logout;
mod plain;
pub(super) mod register;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::Barrier;

use super::edit;
use super::page::Person;
use super::recorder::Errand;
use super::site::Site;
use crate::scenario::{Edits, Verb};
use crate::transcript::view::at;
use crate::transcript::{Reply, Request};

/// One doing of one step, with everything resolved.
pub struct Doing<'a> {
    /// What is done.
    pub verb: Verb,
    /// Its fields.
    pub fields: &'a Map<String, Value>,
    /// What is changed on purpose.
    pub edits: &'a Edits,
    /// Distinguishes it from all others of the check: `3.0`.
    pub number: String,
    /// Side by side with others.
    pub gate: Option<Arc<Barrier>>,
    /// It is what is done beside the step's own verb.
    pub beside: bool,
}

/// Fields that are words of ours and no parameters of any request.
const OURS: [&str; 14] =
    ["client", "user", "browser", "origin", "auth", "secret", "of", "decide", "password", "at", "act", "bearer", "typed", "early"];

/// Does it.
///
/// # Errors
/// Why it could not be done at all, in words.
pub async fn perform(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    match doing.verb {
        Verb::Login => code::login(site, doing).await,
        Verb::Authorize => code::authorize(site, doing).await,
        Verb::Redeem => code::redeem(site, doing).await,
        Verb::Refresh => grants::refresh(site, doing).await,
        Verb::Exchange => grants::exchange(site, doing).await,
        Verb::JwtBearer => grants::jwt_bearer(site, doing).await,
        Verb::ClientCredentials => grants::client_credentials(site, doing).await,
        Verb::Device => device::device(site, doing).await,
        Verb::EnterCode => device::enter_code(site, doing).await,
        Verb::Poll => device::poll(site, doing).await,
        Verb::Introspect => tokens::introspect(site, doing).await,
        Verb::Revoke => tokens::revoke(site, doing).await,
        Verb::Register => register::register(site, doing).await,
        Verb::Userinfo => plain::userinfo(site, doing).await,
        Verb::Keys => plain::keys(site, doing).await,
        Verb::Discover => plain::discover(site, doing).await,
        Verb::Send => plain::send(site, doing).await,
        Verb::Forge => plain::forge(site, doing).await,
        Verb::EndSession => logout::end_session(site, doing).await,
        Verb::Answer => acts::answer(site, doing),
        Verb::Admin => acts::admin(site, doing).await,
        Verb::Restart => acts::restart(site, doing).await,
        Verb::Advance => Ok(Reply { success: true, ..Reply::default() }),
    }
}

/// The tokens that are good by then go under these names in a reply whose answer brought no new ones: the refresh token that was sent (RFC
/// 6749 §6), and the access token that there was before.
const KEPT_REFRESH: &str = "kept_refresh_token";
const KEPT_ACCESS: &str = "kept_access_token";

impl<'a> Doing<'a> {
    /// The access token: as said, or that of `of`.
    pub fn access_token(&self) -> Option<String> {
        self.text_or_of("token", &["access_token"]).or_else(|| self.of(&[KEPT_ACCESS])?.as_str().map(str::to_owned))
    }

    /// A field as text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// A field as text, or the same of what `of` goes on from.
    pub fn text_or_of(&self, name: &str, of: &[&str]) -> Option<String> {
        self.text(name).map(str::to_owned).or_else(|| self.of(of)?.as_str().map(str::to_owned))
    }

    /// What `of` has at a path.
    pub fn of(&self, path: &[&str]) -> Option<Value> {
        at(self.fields.get("of")?, path)
    }

    /// The client: as said, or that of `of`.
    pub fn client(&self) -> Option<String> {
        self.text_or_of("client", &["client"])
    }

    /// The origin: as said, or that of `of`, or the primary one.
    pub fn origin(&self) -> String {
        self.text_or_of("origin", &["origin"]).unwrap_or_else(|| "primary".into())
    }

    /// The browser: as said, or the first; `of` does not bring one, for whose browser it is may be the question.
    pub fn browser(&self) -> String {
        self.text("browser").unwrap_or("first").to_owned()
    }

    /// Who sits in front of the browser, if anybody does.
    ///
    /// # Errors
    /// That there is no such user.
    pub fn person(&self, site: &Site) -> Result<Option<Person>, String> {
        let Some(user) = self.text("user") else { return Ok(None) };
        let mut person = site.persons.get(user).cloned().ok_or_else(|| format!("there is no user `{user}`"))?;
        if self.text("password") == Some("wrong") {
            person.password = format!("not {}", person.password);
        }
        Ok(Some(person))
    }

    /// The fields that are parameters of the request.
    pub fn wire(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.fields.iter().filter(|(name, _)| !OURS.contains(&name.as_str()))
    }

    /// Lays the fields written beside `of`, then the row's edits, over an honest request, and returns the marks.
    pub fn change(&self, request: &mut Request) -> Vec<String> {
        let set = self.wire().map(|(n, v)| (n.clone(), v.clone())).collect::<BTreeMap<_, _>>();
        edit::apply(request, &Edits { set, ..Edits::default() });
        edit::apply(request, self.edits);
        self.edits.marks()
    }

    /// On behalf of a client.
    pub fn errand(&self, client: Option<&str>) -> Errand {
        Errand { client: client.map(str::to_owned), gate: self.gate.clone(), beside: self.beside, ..Errand::default() }
    }
}
