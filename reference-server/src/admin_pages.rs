//! The pages for whoever owns the instance, who are operators. They need no script either; the one there is lets new events come by themselves.

use askama::Template;

use crate::names::FormToken;
use crate::pages::Frame;
use crate::texts::Text;

/// What every page has at its top.
pub struct Top<'a> {
    /// Which page it is.
    pub here: &'static str,
    /// Who is here.
    pub user: &'a str,
}

/// A client in the list.
pub struct ClientRow {
    /// `client_id`.
    pub id: String,
    /// The same in an address.
    pub path: String,
    /// What pages call it.
    pub name: String,
    /// Where it comes from.
    pub origin: &'static str,
    /// Where it wants to be told of a logout.
    pub logout_uri: String,
}

/// "Clients".
#[derive(Template)]
#[template(path = "admin_clients.html")]
pub struct ClientsPage<'a> {
    /// What every page has.
    pub frame: Frame<'a>,
    /// The top.
    pub top: Top<'a>,
    /// Some of them.
    pub clients: Vec<ClientRow>,
    /// After which one there are more.
    pub more: Option<String>,
}

/// What can be changed of a client, as it stands in the form.
#[derive(Default)]
pub struct ClientFields {
    /// What pages call it.
    pub client_name: String,
    /// Where it wants to be told of a logout.
    pub backchannel_logout_uri: String,
    /// Whether it relies on `sid`.
    pub backchannel_logout_session_required: bool,
    /// Grants, one a line.
    pub grant_types: String,
    /// Redirect URIs, one a line.
    pub redirect_uris: String,
    /// Where a logout may lead, one a line.
    pub post_logout_redirect_uris: String,
}

/// A client.
#[derive(Template)]
#[template(path = "admin_client.html")]
pub struct ClientPage<'a> {
    /// What every page has.
    pub frame: Frame<'a>,
    /// The top.
    pub top: Top<'a>,
    /// Proof that the form was shown in this browser.
    pub form_token: FormToken,
    /// `client_id`.
    pub id: &'a str,
    /// The same in an address.
    pub path: String,
    /// Where it comes from.
    pub origin: &'static str,
    /// What can be changed here.
    pub fields: ClientFields,
    /// What is wrong with what was entered.
    pub problem: Option<String>,
    /// Whether it was saved just now.
    pub saved: bool,
    /// Everything that it is, as JSON.
    pub metadata: String,
}

/// A session in the list.
pub struct SessionRow {
    /// Whose.
    pub user: String,
    /// The `sid`.
    pub sid: String,
    /// When it began.
    pub began: String,
    /// When its user last signed in.
    pub auth_time: String,
    /// Whether it can be used.
    pub active: bool,
}

/// "Sessions".
#[derive(Template)]
#[template(path = "admin_sessions.html")]
pub struct SessionsPage<'a> {
    /// What every page has.
    pub frame: Frame<'a>,
    /// The top.
    pub top: Top<'a>,
    /// Proof that the forms were shown in this browser.
    pub form_token: FormToken,
    /// Some of them.
    pub sessions: Vec<SessionRow>,
    /// After which position there are more.
    pub more: Option<u64>,
}

/// A feature on one level.
pub struct LevelCell {
    /// Which level.
    pub name: &'static str,
    /// What it is called.
    pub title: &'static Text,
    /// What is set there.
    pub set: Option<bool>,
}

/// A feature.
pub struct FlagRow {
    /// Which.
    pub name: &'static str,
    /// What holds.
    pub enabled: bool,
    /// Who says so.
    pub source: &'static Text,
    /// What is set on each level, the one that goes first first.
    pub levels: Vec<LevelCell>,
}

/// "Features".
#[derive(Template)]
#[template(path = "admin_flags.html")]
pub struct FlagsPage<'a> {
    /// What every page has.
    pub frame: Frame<'a>,
    /// The top.
    pub top: Top<'a>,
    /// Proof that the forms were shown in this browser.
    pub form_token: FormToken,
    /// All of them.
    pub flags: Vec<FlagRow>,
}

/// An event in the list.
pub struct EventRow {
    /// Its place in the log.
    pub position: u64,
    /// When.
    pub at: String,
    /// Its type.
    pub kind: String,
    /// What it is about.
    pub aggregate: String,
    /// The rest, as JSON.
    pub payload: String,
}

/// "Events", the newest first.
#[derive(Template)]
#[template(path = "admin_events.html")]
pub struct EventsPage<'a> {
    /// What every page has.
    pub frame: Frame<'a>,
    /// The top.
    pub top: Top<'a>,
    /// Some of them.
    pub events: Vec<EventRow>,
    /// The newest that is shown.
    pub head: u64,
    /// Before which position there are more.
    pub older: Option<u64>,
    /// Whether these are the newest, and newer ones come by themselves.
    pub live: bool,
}
