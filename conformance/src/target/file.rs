//! The target file: all that the harness has to know of a provider that others have written, in one TOML file.
//!
//! Relative paths in it are relative to its folder, and the commands that it names are started there.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::read;
use crate::baseline::Known;
use crate::drive::page::{Hints, Person};
use crate::toml_file::Problem;

/// What the file says.
#[derive(Clone)]
pub struct TargetFile {
    /// `name`: how reports call it, with its release.
    pub name: String,
    /// `issuer`: as its discovery document has it, to the last character. Discovery is looked for below it (Discovery §4.1).
    pub issuer: String,
    /// `other_issuer`: a second origin under which the same provider can be reached; gives the power `two_origins`.
    pub other_issuer: Option<String>,
    /// `hosts`: further origins that belong to it, such as that of a login application: `["https://login.example.org"]`.
    pub hosts: Vec<String>,
    /// `has`: what it has beyond what everybody is asked for. [`HAS`] lists the words.
    pub has: Vec<String>,
    /// `[trust] ca`: a PEM file whose certificates are trusted in place of the well-known authorities.
    pub ca: Option<PathBuf>,
    /// `[start]`: how it is started, where the harness does that.
    pub start: Option<Start>,
    /// `[clients]`.
    pub clients: Clients,
    /// `[front]`: where the relying parties are.
    pub front: Front,
    /// `[users.NAME]`.
    pub users: BTreeMap<String, User>,
    /// `[login]`.
    pub login: Login,
    /// `[admin] ACT = ["program", "argument", …]`: acts of the closed list that can be done by a command; each gives the power `admin.ACT`.
    /// In the words the fields of the act can be named: `{of.id_token.sid}`, or `{of.sid}` for short; `{user}` is the name in the suite,
    /// `{user.username}` that of the file, and so for `{client.client_id}`. 0 is done.
    pub admin: BTreeMap<String, Vec<String>>,
    /// `[[lacks]] feature, because`: features that it does not have; the checks that need them are skipped with this reason.
    pub lacks: Vec<(String, String)>,
    /// `[[known]] check, because`, or `rule` in place of `check`, and `verdict` if it matters: failures that one lives with.
    pub known: Vec<Known>,
    /// `[quiet] after`: how long nothing has to come in before it counts as settled.
    pub quiet: Duration,
    /// `[clock] skew`: by how much its clock may differ from ours.
    pub skew: Duration,
    /// `[clock] longest`: the longest time that one `advance` waits for under `--slow`; a check that wants more is skipped.
    pub longest: Duration,
    /// The folder of the file.
    pub directory: PathBuf,
}

/// The words of `has`.
pub const HAS: &[&str] = &["rfc9068", "zitadel"];

/// `[start]`: the harness starts the provider, waits until it is ready, and stops it in the end with SIGTERM, and SIGKILL after 5 s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// `command`: a program and its arguments. It stays in the foreground.
    pub command: Vec<String>,
    /// `ready`: an address that answers 2xx as soon as it is.
    pub ready: String,
    /// `within`: how long that may take.
    pub within: Duration,
}

/// `[clients] how`: who makes the clients.
#[derive(Clone)]
pub enum Clients {
    /// `"given"`: `[clients.NAME]` has the metadata of each, under the names of the fixtures and of registration (RFC 7591 §2). Their
    /// addresses are fixed, so that checks run one at a time.
    Given(BTreeMap<String, Value>),
    /// `"register"`: the harness registers for each check the clients that it uses, under addresses that only this check has.
    Register {
        /// `initial_access_token`: the token that registration wants (RFC 7591 §3).
        token: Option<String>,
    },
}

/// `[front]`: where the provider reaches the relying parties.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Front {
    /// `listen`: the socket, `127.0.0.1:9900`. If not said: a free port of loopback, or that of the clients that are given.
    pub listen: Option<String>,
    /// `address`: what the clients' addresses begin with, where a reverse proxy stands before the socket: `https://rp.example.org`.
    pub address: Option<String>,
}

/// `[users.NAME]`: a person, under the name of the fixtures.
#[derive(Clone)]
pub struct User {
    /// `username` and `password`, and `known_as`, the words by which an account chooser shows the person beside `username`, `name` and `email`.
    pub person: Person,
    /// What is true of the person, by the name of the claim ([`FACTS`]), for the checks that compare it.
    pub facts: Map<String, Value>,
}

/// The claims of a person that checks can compare (Core §5.1), and `id`, the `sub`.
pub const FACTS: &[&str] = &[
    "id",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "profile",
    "picture",
    "website",
    "email",
    "email_verified",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "phone_number_verified",
    "address",
    "updated_at",
];

/// `[login] driver`: how a person gets through the pages.
#[derive(Debug, Clone)]
pub enum Login {
    /// `"form"`: the pages are HTML forms. `[login.pages.NAME]` says of a page what roles and names do not tell: `heading`, a regular
    /// expression for its title and first heading (`title — heading`); `fields = { username, password }`, the names of those; `press` and
    /// `refuse`, the words on the button or link that says yes or no.
    Form(Hints),
    /// `"command"`: a program walks through them; `scripts/foreign/PROTOCOL.md` has what goes in and out.
    Command(Vec<String>),
}

/// Why a target file cannot be used. `Display` says everything that is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read.
    #[error("{0}: {1}")]
    Read(PathBuf, std::io::Error),
    /// It says what the harness does not understand.
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Wrong(Vec<Problem>),
    /// What it names cannot be used.
    #[error("{0}")]
    Unusable(String),
}

impl TargetFile {
    /// Reads a file.
    ///
    /// # Errors
    /// That it cannot be read, or everything that is wrong with it, each in its place and with the nearest right word.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let text = std::fs::read_to_string(path).map_err(|e| OpenError::Read(path.to_owned(), e))?;
        let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = std::path::absolute(directory).map_err(|e| OpenError::Read(path.to_owned(), e))?;
        Self::parse(&path.to_string_lossy(), &text, &directory).map_err(OpenError::Wrong)
    }

    /// Reads the text of a file that is called `file` and lies in `directory`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(file: &str, text: &str, directory: &Path) -> Result<Self, Vec<Problem>> {
        read::read(file, text, directory)
    }
}

/// Passwords and secrets are in it.
impl fmt::Debug for TargetFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetFile").field("name", &self.name).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
