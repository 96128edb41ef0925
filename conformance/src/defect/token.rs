//! A token taken apart inside a message, changed, and signed again.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use serde_json::{Map, Value, json};

use super::Sign;
use crate::transcript::jose::{Jws, SigningKey, half_hash};

/// The member that marks an object as a token taken apart; no message has a member of this name.
const OPENED: &str = "\u{E001}token";

/// Begins the name of a member that comes a second time; [`text`] takes it away.
pub const AGAIN: char = '\u{E000}';

/// Takes a token apart in place: afterwards `header` and `claims` can be edited. False if it is none.
pub fn open(value: &mut Value) -> bool {
    if is_open(value) {
        return true;
    }
    let Some(text) = value.as_str() else { return false };
    let Some(jws) = Jws::parse(text) else { return false };
    *value = json!({ OPENED: text, "header": jws.header, "claims": jws.claims });
    true
}

/// Whether a value is a token taken apart.
pub fn is_open(value: &Value) -> bool {
    value.get(OPENED).is_some()
}

/// The header or the claims of a token taken apart.
pub fn inside<'a>(opened: &'a mut Value, member: &str) -> Option<&'a mut Value> {
    is_open(opened).then(|| opened.get_mut(member)).flatten()
}

/// How tokens are put together again.
#[derive(Debug, Clone, Copy)]
pub struct Seal<'a> {
    /// The provider's private keys by `kid`.
    pub keys: &'a BTreeMap<String, SigningKey>,
    /// What the defect says of it.
    pub sign: Option<&'a Sign>,
}

impl Seal<'_> {
    /// Puts every token inside a value together again. A token that was opened and not changed keeps its text, unless the defect says how
    /// it is signed.
    pub fn close(self, value: &mut Value) {
        match value {
            opened if is_open(opened) => *opened = Value::String(self.token(opened)),
            Value::Object(members) => members.values_mut().for_each(|v| self.close(v)),
            Value::Array(members) => members.iter_mut().for_each(|v| self.close(v)),
            _ => {}
        }
    }

    fn token(self, opened: &Value) -> String {
        let original = opened[OPENED].as_str().unwrap_or_default();
        let Some(old) = Jws::parse(original) else { return original.to_owned() };
        let (mut header, claims) = (opened["header"].clone(), &opened["claims"]);
        if header == old.header && *claims == old.claims && self.sign.is_none() {
            return original.to_owned();
        }
        let key = self.key(&old, &mut header);
        let signed = format!("{}.{}", B64.encode(text(&header)), B64.encode(text(claims)));
        let signature = key.map_or_else(|| old.signature.clone(), |k| k.sign(signed.as_bytes()));
        format!("{signed}.{}", B64.encode(signature))
    }

    /// The key of the new signature, and what it makes of the header. `None`: the old signature stays, because the defect says so or because
    /// the key is not known here.
    fn key(self, old: &Jws, header: &mut Value) -> Option<SigningKey> {
        let text_of = |header: &Value, name: &str| header.get(name).and_then(Value::as_str).map(str::to_owned);
        let untouched = |header: &Value, name: &str| header.get(name) == old.header.get(name);
        let named = text_of(&old.header, "kid").and_then(|kid| self.keys.get(&kid));
        match self.sign {
            Some(Sign::Keep) => None,
            Some(Sign::Foreign) => Some(SigningKey::foreign(&text_of(header, "alg")?)),
            Some(Sign::None) => {
                if untouched(header, "alg") {
                    header["alg"] = json!("none");
                }
                Some(SigningKey::None)
            }
            Some(Sign::Hs256Public) => {
                if untouched(header, "alg") {
                    header["alg"] = json!("HS256");
                }
                Some(SigningKey::Hs256(named?.public_pem()?.into_bytes()))
            }
            Some(Sign::Kid(kid)) => {
                let key = self.keys.get(kid)?;
                if untouched(header, "kid") {
                    header["kid"] = json!(kid);
                }
                if untouched(header, "alg") {
                    header["alg"] = json!(key.alg());
                }
                Some(key.clone())
            }
            // Another algorithm needs another key, and names it: else the defect would be two.
            None if !untouched(header, "alg") => match text_of(header, "alg").as_deref() {
                Some("none") => Some(SigningKey::None),
                alg => {
                    let (kid, key) = self.keys.iter().find(|(_, k)| Some(k.alg()) == alg)?;
                    if untouched(header, "kid") {
                        header["kid"] = json!(kid);
                    }
                    Some(key.clone())
                }
            },
            None => named.cloned(),
        }
    }
}

/// Makes `at_hash` and `c_hash` fit what stands beside an ID token, where an edit of something else made them wrong (Core §3.1.3.6, §3.3.2.11).
/// `members` and `before` are the places by name, after and before the edits; access token and code have to be whole.
pub fn fit_hashes(members: &mut Map<String, Value>, before: &Map<String, Value>) {
    let beside = |members: &Map<String, Value>, name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    for (claim, name) in [("at_hash", "access_token"), ("c_hash", "code")] {
        let Some(now) = beside(members, name) else { continue };
        let Some(old) = before.get("id_token").and_then(Value::as_str).and_then(Jws::parse) else { continue };
        let Some(token) = members.get_mut("id_token") else { continue };
        let Some(before_hash) = old.claim_str(claim) else { continue };
        let opened = is_open(token);
        let alg = if opened { token["header"].get("alg").cloned() } else { old.header.get("alg").cloned() };
        let moved = Some(&now) != beside(before, name).as_ref() || alg.as_ref() != old.header.get("alg");
        if !moved || (opened && token["claims"].get(claim).and_then(Value::as_str) != Some(before_hash)) {
            continue;
        }
        // `none` and unknown algorithms have no hash; the ID token keeps the old one's.
        let alg = alg.as_ref().and_then(Value::as_str).filter(|a| *a != "none").or(old.header_str("alg")).unwrap_or_default().to_owned();
        let Some(hash) = half_hash(&alg, &now) else { continue };
        if open(token) {
            token["claims"][claim] = json!(hash);
        }
    }
}

/// The text of a JSON value in which a member can come twice ([`AGAIN`]).
pub fn text(value: &Value) -> String {
    value.to_string().replace(AGAIN, "")
}
