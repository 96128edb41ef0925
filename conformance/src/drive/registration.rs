//! Dynamic registration as an honest client does it (RFC 7591, RFC 7592, OpenID Connect Registration): what it asks for, and what it keeps.

use serde_json::{Map, Value};

use crate::scenario::word::CLIENT_METADATA;

/// Metadata that is the harness's own, or the answer's: no registration request holds it.
const NOT_ASKED: [&str; 8] = [
    "client_id",
    "client_secret",
    "access_token_format",
    "audience",
    "may_introspect",
    "offline_access_without_consent",
    "refresh_without_offline_access",
    "consent",
];

/// What the provider keeps of a registration for itself: a request to change it must not hold these (RFC 7592 §2.2).
const NOT_CHANGED: [&str; 4] = ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"];

/// The registration request for a client of the fixtures, without what the provider does not announce; and what was given up for that.
pub fn request(name: &str, metadata: &Value, announced: &Value) -> (Map<String, Value>, Option<String>) {
    let mut asked = Map::new();
    let members = metadata.as_object().into_iter().flatten();
    asked.extend(
        members
            .filter(|(m, _)| !NOT_ASKED.contains(&m.as_str()) && CLIENT_METADATA.contains(&m.as_str()))
            .map(|(m, v)| (m.clone(), v.clone())),
    );
    let listed = |member: &str| announced.get(member).and_then(Value::as_array).cloned();
    if let (Some(Value::Array(grants)), Some(known)) = (asked.get_mut("grant_types"), listed("grant_types_supported")) {
        grants.retain(|grant| known.contains(grant));
    }
    if let (Some(Value::String(scope)), Some(known)) = (asked.get_mut("scope"), listed("scopes_supported")) {
        *scope = scope.split(' ').filter(|word| known.iter().any(|k| k == word)).collect::<Vec<_>>().join(" ");
    }
    if asked.get("scope").is_some_and(|scope| scope == "") {
        asked.shift_remove("scope");
    }
    // Its address is https (Core §8.1), which that of a client on loopback is not; one host is a sector without it.
    if asked.get("sector_identifier_uri").and_then(Value::as_str).is_some_and(|uri| !uri.starts_with("https://")) {
        asked.shift_remove("sector_identifier_uri");
    }
    // Without the code grant there is no response (RFC 7591 §2.1).
    let code = asked.get("grant_types").and_then(Value::as_array).is_none_or(|all| all.iter().any(|g| g == "authorization_code"));
    asked.entry("response_types").or_insert_with(|| if code { Value::from(vec!["code"]) } else { Value::Array(Vec::new()) });
    let wanted = asked.get("id_token_signed_response_alg").and_then(Value::as_str).map(str::to_owned);
    let unheard_of =
        wanted.filter(|alg| listed("id_token_signing_alg_values_supported").is_some_and(|known| !known.iter().any(|k| k == alg)));
    let given_up = unheard_of.map(|alg| {
        asked.shift_remove("id_token_signed_response_alg");
        format!("the client `{name}` is registered without `id_token_signed_response_alg = \"{alg}\"`, which the target does not announce")
    });
    (asked, given_up)
}

/// What a change sends of the metadata as known: all of it (what is left out is taken away, RFC 7592 §2.2), but for what is the provider's own.
pub fn whole(known: &Map<String, Value>) -> Map<String, Value> {
    let ours = |m: &str| m != "client_id" && NOT_ASKED.contains(&m);
    let kept = known.iter().filter(|(m, v)| !ours(m) && !NOT_CHANGED.contains(&m.as_str()) && !v.is_null());
    kept.map(|(m, v)| (m.clone(), v.clone())).collect()
}

/// Lays the metadata of an answer over what is known of a client. Addresses that it had before stay known, for what was begun there
/// may still come back. Returns the members that have another value now, with the one that they had.
pub fn learn(client: &mut Map<String, Value>, answered: &Map<String, Value>) -> Vec<(String, Value)> {
    let mut changed = Vec::new();
    for (member, value) in answered {
        let Some(before) = client.get(member).filter(|before| *before != value) else {
            client.entry(member.clone()).or_insert_with(|| value.clone());
            continue;
        };
        changed.push((member.clone(), before.clone()));
        let is_address = matches!(member.as_str(), "redirect_uris" | "post_logout_redirect_uris");
        let merged = match (before, value) {
            (Value::Array(before), Value::Array(now)) if is_address => {
                let gone = before.iter().filter(|uri| !now.contains(uri));
                Value::Array(now.iter().chain(gone).cloned().collect())
            }
            _ => value.clone(),
        };
        client.insert(member.clone(), merged);
    }
    changed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_request_asks_for_what_is_announced_and_says_what_it_gave_up() {
        let web = json!({ "client_id": "web", "client_secret": "s", "consent": "never", "grant_types": ["authorization_code", "refresh_token"], "scope": "read openid", "id_token_signed_response_alg": "EdDSA" });
        let announced = json!({ "scopes_supported": ["openid"], "grant_types_supported": ["authorization_code"], "id_token_signing_alg_values_supported": ["RS256"] });
        let (asked, given_up) = request("web", &web, &announced);
        assert_eq!(Value::Object(asked), json!({ "grant_types": ["authorization_code"], "scope": "openid", "response_types": ["code"] }));
        assert!(given_up.unwrap().contains("EdDSA"));
    }

    #[test]
    fn a_change_sends_everything_but_what_is_the_providers_own() {
        let known = object(
            json!({ "client_id": "x", "client_secret": "s", "client_name": "A", "tos_uri": null, "registration_access_token": "t", "client_id_issued_at": 1 }),
        );
        assert_eq!(Value::Object(whole(&known)), json!({ "client_id": "x", "client_name": "A" }));
    }

    #[test]
    fn what_an_answer_says_counts_and_old_addresses_stay_known() {
        let mut client = object(json!({ "client_name": "A", "redirect_uris": ["https://a.test/1"], "contacts": ["a"] }));
        let changed = learn(&mut client, &object(json!({ "client_name": "A", "redirect_uris": ["https://a.test/2"], "client_id": "x" })));
        assert_eq!(changed, [("redirect_uris".to_owned(), json!(["https://a.test/1"]))]);
        assert_eq!(
            Value::Object(client),
            json!({ "client_name": "A", "redirect_uris": ["https://a.test/2", "https://a.test/1"], "contacts": ["a"], "client_id": "x" })
        );
    }
}
