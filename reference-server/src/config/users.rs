//! `[users.NAME]`: who can sign in, and the claims about them under the names of OpenID Connect.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use toml::Spanned;
use url::Url;

use super::place::{ConfigError, Source};
use crate::names::{Password, UserId};

/// A user. The name of the table is the name to sign in with, and `preferred_username`.
#[derive(Clone, Debug)]
pub struct User {
    /// What they sign in with.
    pub login: String,
    /// The `sub`, for clients that are not pairwise.
    pub id: UserId,
    /// The password, in plain text: these are users of fixtures and of trials.
    pub password: Password,
    /// The claims of Core, section 5.1, those that have a value.
    pub claims: Map<String, Value>,
    /// Which organization they belong to.
    pub organization: Option<String>,
    /// What they may do at first: `IAM_OWNER` may manage.
    pub roles: Vec<String>,
}

impl User {
    /// What a page calls them.
    pub fn display_name(&self) -> &str {
        self.text("name").unwrap_or(&self.login)
    }

    /// The e-mail address, which is another name to sign in with.
    pub fn email(&self) -> Option<&str> {
        self.text("email")
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }
}

/// What stands in the table: who it is, and the claims (see [`UserToml::claims`]).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserToml {
    id: UserId,
    password: Password,
    name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    middle_name: Option<String>,
    nickname: Option<String>,
    profile: Option<String>,
    picture: Option<String>,
    website: Option<String>,
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
    gender: Option<String>,
    birthdate: Option<String>,
    zoneinfo: Option<String>,
    locale: Option<String>,
    phone_number: Option<String>,
    #[serde(default)]
    phone_number_verified: bool,
    address: Option<Address>,
    updated_at: Option<u64>,
    organization: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
}

/// Core, section 5.1.1.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Address {
    #[serde(skip_serializing_if = "Option::is_none")]
    formatted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    street_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locality: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    postal_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
}

impl UserToml {
    /// The claims that have a value. Whether an address or a number is verified is said where there is one.
    fn claims(&self, login: &str) -> Result<Map<String, Value>, String> {
        for (name, address) in [("profile", &self.profile), ("picture", &self.picture), ("website", &self.website)] {
            if let Some(text) = address.as_deref().filter(|text| !Url::parse(text).is_ok_and(|url| url.has_host())) {
                return Err(format!("{name} `{text}` is no web address"));
            }
        }
        if let Some(text) = self.birthdate.as_deref().filter(|text| !is_birthdate(text)) {
            return Err(format!("birthdate `{text}` is written neither 1970-12-31 nor 1970"));
        }
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty()).map(Value::from);
        let verified = |of: &Option<String>, verified: bool| text(of).map(|_| Value::from(verified));
        let address = self.address.as_ref().and_then(|address| serde_json::to_value(address).ok());
        let claims = [
            ("name", text(&self.name)),
            ("given_name", text(&self.given_name)),
            ("family_name", text(&self.family_name)),
            ("middle_name", text(&self.middle_name)),
            ("nickname", text(&self.nickname)),
            ("preferred_username", Some(Value::from(login))),
            ("profile", text(&self.profile)),
            ("picture", text(&self.picture)),
            ("website", text(&self.website)),
            ("email", text(&self.email)),
            ("email_verified", verified(&self.email, self.email_verified)),
            ("gender", text(&self.gender)),
            ("birthdate", text(&self.birthdate)),
            ("zoneinfo", text(&self.zoneinfo)),
            ("locale", text(&self.locale)),
            ("phone_number", text(&self.phone_number)),
            ("phone_number_verified", verified(&self.phone_number, self.phone_number_verified)),
            ("address", address.filter(|address| address.as_object().is_some_and(|address| !address.is_empty()))),
            ("updated_at", self.updated_at.map(Value::from)),
        ];
        Ok(claims.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }
}

/// ISO 8601, `YYYY-MM-DD` or `YYYY`; the year may be 0000, which leaves it unsaid (Core, section 5.1).
fn is_birthdate(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let within = |part: &str, last: u8| digits(part, 2) && part.parse().is_ok_and(|number: u8| (1..=last).contains(&number));
    match parts.as_slice() {
        [year] => digits(year, 4),
        [year, month, day] => digits(year, 4) && within(month, 12) && within(day, 31),
        _ => false,
    }
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
        let claims = user.claims(&login).map_err(|what| source.at(span, what))?;
        let UserToml { id, password, organization, roles, .. } = user;
        users.insert(login.clone(), User { login, id, password, claims, organization, roles });
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_birthday_may_leave_out_the_year_or_the_day() {
        for right in ["1970-12-31", "1970", "0000-02-29"] {
            assert!(is_birthdate(right), "{right}");
        }
        for wrong in ["", "70", "1970-12", "1970-13-01", "1970-00-10", "31.12.1970", "1970-1-1", "1970-12-31Z"] {
            assert!(!is_birthdate(wrong), "{wrong}");
        }
    }
}
