//! The `claims` parameter: Core, section 5.5.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::STANDARD;
use crate::refusal::Refusal;
use crate::tokens::ACR_PASSWORD;

/// What a client asks for by name, as far as it means something here: members and claims that nobody knows are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// For UserInfo.
    #[serde(default, skip_serializing_if = "Asked::is_empty")]
    pub userinfo: Asked,
    /// For the ID token.
    #[serde(default, skip_serializing_if = "Asked::is_empty")]
    pub id_token: Asked,
}

/// Claims by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Asked(BTreeMap<String, Wanted>);

/// How a claim is wanted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Wanted {
    /// Whether the client says that it cannot do without.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    essential: bool,
    /// The values that it may have; without them any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    values: Option<Vec<Value>>,
}

/// Claims that are not about the person and yet can be asked for.
const OF_THE_SIGN_IN: [&str; 3] = ["sub", "acr", "auth_time"];

impl ClaimsRequest {
    /// Reads the parameter.
    ///
    /// # Errors
    /// It is no JSON object, or one of its members is not what section 5.5 makes of it.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let whole: Map<String, Value> = serde_json::from_str(text).map_err(|_| Refusal::Malformed("claims"))?;
        Ok(Self { userinfo: Asked::read(whole.get("userinfo"))?, id_token: Asked::read(whole.get("id_token"))? })
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.userinfo.is_empty() && self.id_token.is_empty()
    }

    /// The subjects that the answer may be about, if the client says so (Core, sections 3.1.2.2 and 5.5.1).
    pub fn subjects(&self) -> Option<BTreeSet<&str>> {
        match (self.userinfo.subjects(), self.id_token.subjects()) {
            (Some(these), Some(those)) => Some(&these & &those),
            (one, None) | (None, one) => one,
        }
    }

    /// Whether the client cannot do without a way to sign in that there is not here (section 5.5.1.1).
    pub fn wants_another_acr(&self) -> bool {
        let acr = self.id_token.0.get("acr").filter(|acr| acr.essential);
        acr.and_then(|acr| acr.values.as_ref()).is_some_and(|values| !values.iter().any(|value| value == ACR_PASSWORD))
    }

    /// The scopes to which the claims belong.
    pub fn scopes(&self) -> impl Iterator<Item = &'static str> {
        STANDARD.iter().filter(|(name, _)| self.userinfo.has(name) || self.id_token.has(name)).map(|(_, scope)| *scope)
    }
}

impl Asked {
    fn read(member: Option<&Value>) -> Result<Self, Refusal> {
        let claims = match member {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(Value::Object(claims)) => claims,
            Some(_) => return Err(Refusal::Malformed("claims")),
        };
        let mut asked = BTreeMap::new();
        for (name, how) in claims {
            let wanted = Wanted::read(how)?;
            if OF_THE_SIGN_IN.contains(&name.as_str()) || STANDARD.iter().any(|(known, _)| known == name) {
                asked.insert(name.clone(), wanted);
            }
        }
        Ok(Self(asked))
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a claim is asked for and may have this value.
    pub fn fits(&self, name: &str, value: &Value) -> bool {
        self.0.get(name).is_some_and(|wanted| wanted.values.as_ref().is_none_or(|values| values.contains(value)))
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn subjects(&self) -> Option<BTreeSet<&str>> {
        Some(self.0.get("sub")?.values.as_ref()?.iter().filter_map(Value::as_str).collect())
    }
}

impl Wanted {
    fn read(how: &Value) -> Result<Self, Refusal> {
        let members = match how {
            Value::Null => return Ok(Self::default()),
            Value::Object(members) => members,
            _ => return Err(Refusal::Malformed("claims")),
        };
        let essential = match members.get("essential") {
            None => false,
            Some(Value::Bool(essential)) => *essential,
            Some(_) => return Err(Refusal::Malformed("claims")),
        };
        let values = match (members.get("value"), members.get("values")) {
            (None, None) => None,
            (Some(value), None) => Some(vec![value.clone()]),
            (None, Some(Value::Array(values))) => Some(values.clone()),
            // Both at once say two things.
            (_, Some(_)) => return Err(Refusal::Malformed("claims")),
        };
        Ok(Self { essential, values })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: Value) -> ClaimsRequest {
        ClaimsRequest::parse(&json.to_string()).expect("a request of section 5.5")
    }

    #[test]
    fn what_nobody_knows_is_left_out_and_what_is_malformed_refused() {
        assert!(read(json!({ "unheard_of": 1, "userinfo": { "unheard_of": null }, "id_token": null })).is_empty());
        let asked = read(json!({ "userinfo": { "email": null, "name": { "essential": true, "of": "ours" } } })).userinfo;
        assert!(asked.fits("email", &json!("x")) && asked.fits("name", &json!(1)) && !asked.fits("picture", &json!("x")));
        for wrong in [
            "",
            "{",
            "[]",
            "\"userinfo\"",
            "null",
            r#"{"userinfo":[]}"#,
            r#"{"userinfo":"email"}"#,
            r#"{"userinfo":{"email":true}}"#,
            r#"{"id_token":{"unheard_of":"x"}}"#,
            r#"{"id_token":{"acr":{"essential":"yes"}}}"#,
            r#"{"id_token":{"acr":{"values":"one"}}}"#,
            r#"{"id_token":{"acr":{"value":"one","values":["one"]}}}"#,
        ] {
            assert_eq!(ClaimsRequest::parse(wrong), Err(Refusal::Malformed("claims")), "{wrong}");
        }
    }

    #[test]
    fn a_claim_may_be_asked_for_with_certain_values_only() {
        let asked = read(json!({ "id_token": { "locale": { "values": ["de", "en"] }, "name": { "value": "Alice" } } })).id_token;
        assert!(asked.fits("locale", &json!("en")) && !asked.fits("locale", &json!("fr")));
        assert!(asked.fits("name", &json!("Alice")) && !asked.fits("name", &json!("alice")));
    }

    #[test]
    fn subjects_are_those_of_both_members() {
        let both = read(json!({ "userinfo": { "sub": { "values": ["a", "b"] } }, "id_token": { "sub": { "values": ["b", "c"] } } }));
        assert_eq!(both.subjects(), Some(BTreeSet::from(["b"])));
        assert_eq!(read(json!({ "id_token": { "sub": { "value": 1 } } })).subjects(), Some(BTreeSet::new()));
        assert_eq!(read(json!({ "id_token": { "sub": { "essential": true } } })).subjects(), None);
    }

    #[test]
    fn an_acr_has_to_be_met_if_it_is_essential_and_named() {
        let acr = |how: Value| read(json!({ "id_token": { "acr": how } })).wants_another_acr();
        assert!(acr(json!({ "essential": true, "values": ["urn:example:gold"] })));
        assert!(!acr(json!({ "essential": true, "values": ["urn:example:gold", ACR_PASSWORD] })));
        assert!(!acr(json!({ "essential": true })));
        assert!(!acr(json!({ "values": ["urn:example:gold"] })));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\{|\\}|\"userinfo\"|\"id_token\"|:|,|null|true|\\[|\\]|\"sub\"|\"value\"|\"values\"|\\PC){0,16}") {
            let _ = ClaimsRequest::parse(&text);
        }
    }
}
