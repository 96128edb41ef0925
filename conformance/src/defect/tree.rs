//! A reply as a tree, altered at one place.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Sign;
use super::message::{Change, change_json};
use super::token::Seal;
use crate::transcript::view::at;

/// Gives a place another value, or takes it away. Finds it as [`at`] does, into arrays and tokens; what is missing on the way is made. A token
/// that was altered keeps its signature.
pub fn put<S: AsRef<str>>(tree: &mut Value, path: &[S], value: Option<&Value>) {
    let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
    let there = (0..path.len()).rev().find(|n| at(tree, &path[..*n]).is_some()).unwrap_or(0);
    let Some((missing, rest)) = path[there..].split_first() else { return };
    let mut place: Vec<String> = Vec::new();
    for name in path[..there].iter().chain([missing]) {
        place.push(spelt(tree, &place, name));
    }
    match value {
        None => drop(change_json(tree, &place, Change::Drop)),
        Some(value) => {
            let inner = rest.iter().rev().fold(value.clone(), |inner, name| Value::Object(Map::from_iter([((*name).to_owned(), inner)])));
            change_json(tree, &place, Change::Set(&inner));
        }
    }
    Seal { keys: &BTreeMap::new(), sign: Some(&Sign::Keep) }.close(tree);
}

/// The name as the tree has it: headers are found in any case.
fn spelt(tree: &Value, before: &[String], name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let has = |name: &str| at(tree, before).is_some_and(|v| v.get(name).is_some());
    if !has(name) && has(&lower) { lower } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::transcript::jose::SigningKey;

    #[test]
    fn every_place_that_can_be_read_can_be_altered() {
        let token = SigningKey::None.token(&json!({ "alg": "none", "kid": "k" }), &json!({ "act": { "sub": "s" } }));
        let tree = json!({ "id_token": token, "header": { "location": "/" }, "json": { "keys": [{ "kid": "a" }] }, "status": 200 });
        let paths: [&[&str]; 6] = [
            &["id_token", "act", "sub"],
            &["id_token_header", "kid"],
            &["header", "Location"],
            &["json", "keys", "0", "kid"],
            &["status"],
            &["id_token"],
        ];
        for path in paths {
            let mut altered = tree.clone();
            put(&mut altered, path, Some(&json!("x")));
            assert_eq!(at(&altered, path), Some(json!("x")), "{path:?}");
            put(&mut altered, path, None);
            assert_eq!(at(&altered, path), None, "{path:?}");
        }
        for path in [&["json", "a", "b"][..], &["id_token", "new", "claim"], &["callback", "state"]] {
            let mut altered = tree.clone();
            put(&mut altered, path, Some(&json!("x")));
            assert_eq!(at(&altered, path), Some(json!("x")), "{path:?}");
        }
    }
}
