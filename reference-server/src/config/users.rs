//! `[users.NAME]`: who can sign in.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use super::place::{ConfigError, Source};
use crate::names::{Password, UserId};

/// A user. The name of the table is the name to sign in with, and `preferred_username`.
#[derive(Clone, Debug)]
pub struct User {
    /// What they sign in with.
    pub login: String,
    /// The `sub`.
    pub id: UserId,
    /// The password, in plain text: these are users of fixtures and of trials.
    pub password: Password,
    /// Claim `name`.
    pub name: Option<String>,
    /// Claim `given_name`.
    pub given_name: Option<String>,
    /// Claim `family_name`.
    pub family_name: Option<String>,
    /// Claim `email`, and another name to sign in with.
    pub email: Option<String>,
    /// Claim `email_verified`.
    pub email_verified: bool,
    /// Which organization they belong to.
    #[expect(dead_code, reason = "for impersonation")]
    pub organization: Option<String>,
    /// What they may do: `IAM_OWNER` may manage.
    pub roles: Vec<String>,
}

impl User {
    /// What a page calls them.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.login)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserToml {
    id: UserId,
    password: Password,
    name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
    organization: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
}

pub(super) fn check(source: &Source<'_>, written: BTreeMap<String, Spanned<UserToml>>) -> Result<BTreeMap<String, User>, ConfigError> {
    let mut in_order: Vec<_> = written.into_iter().collect();
    in_order.sort_by_key(|(_, user)| user.span().start);
    let mut ids = BTreeSet::new();
    let mut users = BTreeMap::new();
    for (login, written) in in_order {
        let span = written.span();
        let user = written.into_inner();
        // OpenID Connect Core 1.0, section 2: at most 255 ASCII characters, and nobody else's.
        if user.id.as_str().is_empty() || user.id.as_str().len() > 255 || !user.id.as_str().is_ascii() {
            return Err(source.at(span, format!("id `{}` is no subject: 1 to 255 ASCII characters", user.id)));
        }
        if !ids.insert(user.id.clone()) {
            return Err(source.at(span, format!("id `{}` is taken by another user", user.id)));
        }
        let UserToml { id, password, name, given_name, family_name, email, email_verified, organization, roles } = user;
        let user = User { login: login.clone(), id, password, name, given_name, family_name, email, email_verified, organization, roles };
        users.insert(login, user);
    }
    Ok(users)
}
