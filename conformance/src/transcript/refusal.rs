//! Whether a reply is the refusal that a step or a question names.

use serde_json::Value;

use super::view::at;
use crate::scenario::Refused;

/// `Ok` if the reply (a tree as [`super::view::View::reply_value`] makes it) is this refusal.
///
/// # Errors
/// What it is instead, in words.
pub fn fits(refused: &Refused, reply: &Value) -> Result<(), String> {
    let got = || Err(words(reply));
    let issued = ["access_token", "refresh_token", "id_token"].iter().any(|t| reply.get(t).is_some())
        || text(reply, &["callback", "code"]).is_some();
    let status = reply.get("status").and_then(Value::as_u64).unwrap_or(0);
    let landed = reply.get("landed").and_then(Value::as_str);
    let page = matches!(landed, Some("error" | "login" | "consent" | "select_account" | "confirm" | "enter_code"));
    match refused {
        _ if issued => got(),
        Refused::Codes(codes) => {
            let error = text(reply, &["json", "error"]);
            if (400..500).contains(&status) && error.is_some_and(|e| codes.contains(&e)) { Ok(()) } else { got() }
        }
        Refused::AtClient(codes) => {
            if landed == Some("callback") && text(reply, &["callback", "error"]).is_some_and(|e| codes.contains(&e)) {
                Ok(())
            } else {
                got()
            }
        }
        Refused::Page => {
            if page {
                Ok(())
            } else {
                got()
            }
        }
        Refused::Any => {
            let at_client = text(reply, &["callback", "error"]).is_some();
            if (400..500).contains(&status) || at_client || page { Ok(()) } else { got() }
        }
    }
}

/// What a reply is, in a few words: `200 with access_token`, `400 invalid_grant`, `login_required at the client`, `the page login`.
pub fn words(reply: &Value) -> String {
    let status = reply.get("status").and_then(Value::as_u64);
    let tokens: Vec<&str> = ["access_token", "refresh_token", "id_token"].into_iter().filter(|t| reply.get(t).is_some()).collect();
    if let Some(error) = text(reply, &["callback", "error"]) {
        return format!("{error} at the client");
    }
    if text(reply, &["callback", "code"]).is_some() {
        return "a code at the client".into();
    }
    if let Some(landed) = reply.get("landed").and_then(Value::as_str) {
        return match (landed, status) {
            ("callback" | "post_logout", _) => format!("the browser at the client ({landed})"),
            ("elsewhere", _) => "the browser at an address that is nobody's".into(),
            (page, Some(status)) => format!("the page `{page}` ({status})"),
            (page, None) => format!("the page `{page}`"),
        };
    }
    match (status, text(reply, &["json", "error"])) {
        (Some(status), Some(error)) => format!("{status} {error}"),
        (Some(status), None) if tokens.is_empty() => format!("{status}"),
        (Some(status), None) => format!("{status} with {}", tokens.join(", ")),
        (None, _) => "no answer".into(),
    }
}

fn text(reply: &Value, path: &[&str]) -> Option<String> {
    at(reply, path)?.as_str().map(str::to_owned)
}
