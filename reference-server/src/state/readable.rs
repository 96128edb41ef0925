//! Events for people: what the log keeps by number is said by name, and the one secret that it has to keep is not said.

use serde_json::{Value, json};

use crate::log::{Event, Payload};
use crate::state::stored::Stored;
use crate::{keys, notifier, state};

/// The member of one type of event that is kept by number.
pub struct Numbers {
    kind: &'static str,
    member: &'static str,
    name: fn(u64) -> Option<&'static str>,
}

impl Numbers {
    /// The member of this payload that is such an enum, or a set of it.
    pub const fn of<P: Payload, E: Stored>(member: &'static str) -> Self {
        Self { kind: P::TYPE, member, name: |number| E::from_number(number).ok().map(Stored::text) }
    }
}

/// Every file with events; what of them is kept by number is said with the event.
static NUMBERS: &[&[Numbers]] = &[
    keys::NUMBERS,
    notifier::NUMBERS,
    state::assertion::NUMBERS,
    state::browser::NUMBERS,
    state::client::NUMBERS,
    state::client_token::NUMBERS,
    state::code::NUMBERS,
    state::consent::NUMBERS,
    state::device::NUMBERS,
    state::device_verification::NUMBERS,
    state::features::NUMBERS,
    state::oidc_session::NUMBERS,
    state::security_policy::NUMBERS,
    state::session::NUMBERS,
    state::session_logout::NUMBERS,
    state::sign_in::NUMBERS,
    state::user::NUMBERS,
];

/// The payload of an event as people read it. A number without a name stays a number.
pub fn payload(event: &Event) -> Value {
    let mut payload = event.payload.clone();
    for numbers in NUMBERS.iter().copied().flatten().filter(|numbers| numbers.kind == event.kind) {
        match payload.get_mut(numbers.member) {
            Some(Value::Array(several)) => several.iter_mut().for_each(|value| name(numbers, value)),
            Some(value) => name(numbers, value),
            None => {}
        }
    }
    if let Some(key) = payload.pointer_mut("/secret/mac_key") {
        *key = json!("redacted");
    }
    payload
}

fn name(numbers: &Numbers, value: &mut Value) {
    if let Some(name) = value.as_u64().and_then(numbers.name) {
        *value = json!(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Aggregate;

    fn event(kind: &str, payload: Value) -> Event {
        Event { position: 1, aggregate: Aggregate::new("thing", "1"), version: 1, kind: kind.to_owned(), at_ms: 0, payload }
    }

    #[test]
    fn a_number_is_said_by_its_name_in_the_events_that_it_belongs_to() {
        let added = event("oidc_session.access_token.added", json!({ "exp": 2, "reason": 2 }));
        assert_eq!(payload(&added), json!({ "exp": 2, "reason": "refresh" }));
        let revoked = event("oidc_session.revoked", json!({ "reason": 2 }));
        assert_eq!(payload(&revoked), json!({ "reason": "refresh_token_reused" }));
        let asked = event("auth_request.added", json!({ "prompt": [1, 3], "response_mode": 1, "max_age": 1 }));
        assert_eq!(payload(&asked), json!({ "prompt": ["login", "select_account"], "response_mode": "form_post", "max_age": 1 }));
        let unknown = event("feature.system.set", json!({ "flag": 77, "enabled": true }));
        assert_eq!(payload(&unknown), json!({ "flag": 77, "enabled": true }));
        let other = event("session_logout.back_channel.failed", json!({ "attempt": 2, "reason": "status 400" }));
        assert_eq!(payload(&other), other.payload);
    }

    #[test]
    fn the_secret_stays_where_it_is() {
        let added = event("client.added", json!({ "secret": { "mac_key": "s" } }));
        assert_eq!(payload(&added), json!({ "secret": { "mac_key": "redacted" } }));
    }
}
