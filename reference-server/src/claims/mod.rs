//! Claims about a person: which there are, which scope opens each, and which a client asks for by name (Core, sections 5.1, 5.4, 5.5).

mod request;

use serde_json::{Map, Value};

pub use self::request::{Asked, ClaimsRequest};

use crate::config::User;
use crate::scope::Scope;

/// The standard claims about a person, in the order of Core, section 5.1, each with the scope that opens it (section 5.4).
pub const STANDARD: [(&str, &str); 19] = [
    ("name", "profile"),
    ("given_name", "profile"),
    ("family_name", "profile"),
    ("middle_name", "profile"),
    ("nickname", "profile"),
    ("preferred_username", "profile"),
    ("profile", "profile"),
    ("picture", "profile"),
    ("website", "profile"),
    ("email", "email"),
    ("email_verified", "email"),
    ("gender", "profile"),
    ("birthdate", "profile"),
    ("zoneinfo", "profile"),
    ("locale", "profile"),
    ("phone_number", "phone"),
    ("phone_number_verified", "phone"),
    ("address", "address"),
    ("updated_at", "profile"),
];

/// What a client learns of a person: what the scope opens, and what it has asked for by name. A claim without a value is left out (Core,
/// section 5.3.2).
pub fn of(user: &User, scope: &Scope, asked: &Asked) -> Map<String, Value> {
    let mut claims = asked_of(user, asked);
    let opened = STANDARD.iter().filter(|(_, opens)| scope.has(opens));
    claims.extend(opened.filter_map(|(name, _)| Some(((*name).to_owned(), user.claims.get(*name)?.clone()))));
    in_order(claims)
}

/// What a client learns that it has asked for by name, and nothing else. One that may only have certain values and has another is left
/// out: there is no such claim about this person (section 5.5.1).
pub fn asked_of(user: &User, asked: &Asked) -> Map<String, Value> {
    let known = STANDARD.iter().filter_map(|(name, _)| Some((*name, user.claims.get(*name)?)));
    known.filter(|(name, value)| asked.fits(name, value)).map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

fn in_order(mut claims: Map<String, Value>) -> Map<String, Value> {
    STANDARD.iter().filter_map(|(name, _)| claims.remove_entry(*name)).collect()
}
