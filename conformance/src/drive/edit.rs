//! What a row changes in a request as it goes out: `set`, `drop`, `repeat` on wire parameters, and what reaches the other parts.

use serde_json::{Map, Value};
use url::Url;

use crate::scenario::Edits;
use crate::transcript::{Request, pairs};

/// Where an edit's path leads.
enum Part<'a> {
    Header(&'a str),
    Query(&'a str),
    Body,
    Method,
    /// Of the client assertion: changed before it is signed, and not here.
    Assertion,
    Param(&'a str),
}

fn part(path: &str) -> Part<'_> {
    match path.split_once('.') {
        Some(("header", name)) => Part::Header(name),
        Some(("query", name)) => Part::Query(name),
        Some(("form", name)) => Part::Param(name),
        Some(("assertion" | "assertion_header", _)) => Part::Assertion,
        _ => match path {
            "body" => Part::Body,
            "method" => Part::Method,
            "assertion_key" => Part::Assertion,
            _ => Part::Param(path),
        },
    }
}

/// Applies edits whose values are resolved.
pub fn apply(request: &mut Request, edits: &Edits) {
    // First, so that what else is said of headers and parameters is said of the request as it goes out.
    if let Some(method) = edits.set.get("method").and_then(Value::as_str) {
        carry(request, method);
    }
    for path in &edits.drop {
        match part(path) {
            Part::Header(name) => request.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name)),
            Part::Query(name) => in_query(request, |all| all.retain(|(n, _)| n != name)),
            Part::Body => request.body.clear(),
            Part::Method | Part::Assertion => {}
            Part::Param(path) if is_json(request) => in_json(request, |body| take(body, path)),
            Part::Param(name) => in_params(request, |all| all.retain(|(n, _)| n != name)),
        }
    }
    for (path, value) in edits.set.iter().filter(|(p, _)| !matches!(part(p), Part::Body | Part::Method)) {
        let values = texts(value);
        match part(path) {
            Part::Header(name) => set(&mut request.headers, &name.to_ascii_lowercase(), &values),
            Part::Query(name) => in_query(request, |all| set(all, name, &values)),
            Part::Param(path) if is_json(request) => in_json(request, |body| put(body, path, value.clone())),
            Part::Param(name) => in_params(request, |all| set(all, name, &values)),
            Part::Body | Part::Method | Part::Assertion => {}
        }
    }
    for (path, value) in &edits.repeat {
        let more = texts(value);
        match part(path) {
            Part::Header(name) => request.headers.extend(more.into_iter().map(|v| (name.to_ascii_lowercase(), v))),
            Part::Query(name) => in_query(request, |all| all.extend(more.into_iter().map(|v| (name.to_owned(), v)))),
            Part::Param(name) if is_json(request) => again(request, name, value),
            Part::Param(name) => in_params(request, |all| all.extend(more.into_iter().map(|v| (name.to_owned(), v)))),
            Part::Body | Part::Method | Part::Assertion => {}
        }
    }
    if let Some(body) = edits.set.get("body") {
        request.body = texts(body).join("");
    }
}

/// Replaces the first value and takes the others away; a parameter that was not there comes last.
fn set(all: &mut Vec<(String, String)>, name: &str, values: &[String]) {
    let same = |n: &str| n == name || (name == n.to_ascii_lowercase());
    let at = all.iter().position(|(n, _)| same(n)).unwrap_or(all.len());
    all.retain(|(n, _)| !same(n));
    let at = at.min(all.len());
    all.splice(at..at, values.iter().map(|v| (name.to_owned(), v.clone())));
}

/// The wire's parameters: those of the form where the request has one, else those of the query.
fn in_params(request: &mut Request, change: impl FnOnce(&mut Vec<(String, String)>)) {
    if is_form(request) {
        let mut all = pairs(&request.body);
        change(&mut all);
        request.body = encode(&all);
    } else {
        in_query(request, change);
    }
}

fn in_query(request: &mut Request, change: impl FnOnce(&mut Vec<(String, String)>)) {
    let Ok(mut url) = Url::parse(&request.url) else { return };
    let mut all = pairs(url.query().unwrap_or_default());
    change(&mut all);
    url.set_query((!all.is_empty()).then(|| encode(&all)).as_deref());
    request.url = url.into();
}

/// Moves the parameters to where the method carries them.
fn carry(request: &mut Request, method: &str) {
    let to_body = method == "POST";
    if to_body && !is_form(request) && !is_json(request) {
        let mut moved = Vec::new();
        in_query(request, |all| moved = std::mem::take(all));
        request.headers.push(("content-type".into(), "application/x-www-form-urlencoded".into()));
        request.body = encode(&moved);
    } else if !to_body && is_form(request) {
        let moved = pairs(&request.body);
        request.body.clear();
        request.headers.retain(|(n, _)| n != "content-type");
        in_query(request, |all| all.extend(moved));
    }
    method.clone_into(&mut request.method);
}

fn is_form(request: &Request) -> bool {
    request.header("content-type").any(|t| t.starts_with("application/x-www-form-urlencoded"))
}

fn is_json(request: &Request) -> bool {
    request.header("content-type").any(|t| t.starts_with("application/json"))
}

/// Changes the members of a JSON body; one that is no object any more is left alone.
fn in_json(request: &mut Request, change: impl FnOnce(&mut Map<String, Value>)) {
    let Ok(Value::Object(mut body)) = serde_json::from_str(&request.body) else { return };
    change(&mut body);
    request.body = Value::Object(body).to_string();
}

/// A member that comes once more, at the end of the text: no table could hold it.
fn again(request: &mut Request, name: &str, value: &Value) {
    let Some(inside) = request.body.trim_end().strip_suffix('}') else { return };
    let comma = if inside.trim_end().ends_with('{') { "" } else { "," };
    request.body = format!("{inside}{comma}{}:{value}}}", Value::from(name));
}

/// Gives the member at a path a value; tables on the way are made.
pub fn put(table: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((name, rest)) = path.split_once('.') else {
        table.insert(path.to_owned(), value);
        return;
    };
    let inner = table.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if !inner.is_object() {
        *inner = Value::Object(Map::new());
    }
    if let Value::Object(inner) = inner {
        put(inner, rest, value);
    }
}

/// Takes the member at a path away.
pub fn take(table: &mut Map<String, Value>, path: &str) {
    match path.split_once('.') {
        None => drop(table.shift_remove(path)),
        Some((name, rest)) => {
            if let Some(Value::Object(inner)) = table.get_mut(name) {
                take(inner, rest);
            }
        }
    }
}

/// Encodes a form.
pub fn encode(params: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

/// A value as it stands on the wire; each member of a list for itself.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(members) => members.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form(body: &str) -> Request {
        let headers = vec![("content-type".into(), "application/x-www-form-urlencoded".into())];
        Request { method: "POST".into(), url: "https://op.test/token?q=1".into(), headers, body: body.into() }
    }

    fn edits(value: Value) -> Edits {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn parameters_keep_their_place_and_each_word_does_its_part() {
        let mut request = form("a=1&b=2&c=3");
        apply(&mut request, &edits(json!({ "set": { "b": "x y", "query.q": "2" }, "drop": ["a"], "repeat": { "c": "4" } })));
        assert_eq!((request.body.as_str(), request.url.as_str()), ("b=x+y&c=3&c=4", "https://op.test/token?q=2"));
    }

    #[test]
    fn a_method_carries_its_parameters_where_they_belong() {
        let mut request = form("a=1");
        apply(&mut request, &edits(json!({ "set": { "method": "GET" } })));
        assert_eq!((request.body.as_str(), request.url.as_str()), ("", "https://op.test/token?q=1&a=1"));
        apply(&mut request, &edits(json!({ "set": { "method": "POST", "a": "2" } })));
        assert_eq!((request.body.as_str(), request.url.as_str()), ("q=1&a=2", "https://op.test/token"));
        let mut request = Request { method: "GET".into(), url: "https://op.test/a?q=1".into(), headers: Vec::new(), body: String::new() };
        apply(&mut request, &edits(json!({ "set": { "method": "POST", "header.Content-Type": "TEXT/PLAIN" } })));
        assert_eq!((request.body.as_str(), request.header("content-type").collect::<Vec<_>>()), ("q=1", vec!["TEXT/PLAIN"]));
    }

    #[test]
    fn the_members_of_a_json_body_are_parameters_and_keep_their_types() {
        let headers = vec![("content-type".into(), "application/json".into())];
        let body = r#"{"redirect_uris":["https://a.test/cb"],"client_name":"A","contacts":[]}"#.into();
        let mut request = Request { method: "POST".into(), url: "https://op.test/register".into(), headers, body };
        let set = json!({ "redirect_uris": [], "jwks.keys": [1] });
        apply(&mut request, &edits(json!({ "set": set, "drop": ["contacts"], "repeat": { "client_name": "B" } })));
        assert_eq!(request.body, r#"{"redirect_uris":[],"client_name":"A","jwks":{"keys":[1]},"client_name":"B"}"#);
    }

    #[test]
    fn what_an_assertion_says_is_no_parameter() {
        let mut request = form("a=1");
        apply(
            &mut request,
            &edits(json!({ "set": { "assertion.aud": "x", "assertion_key": "foreign" }, "drop": ["assertion_header.kid"] })),
        );
        assert_eq!(request.body, "a=1");
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let mut request = form("");
        request.headers.push(("authorization".into(), "Basic x".into()));
        apply(&mut request, &edits(json!({ "set": { "header.Authorization": "Bearer y" } })));
        assert_eq!(request.header("authorization").collect::<Vec<_>>(), ["Bearer y"]);
        apply(&mut request, &edits(json!({ "drop": ["header.Authorization"] })));
        assert_eq!(request.header("authorization").count(), 0);
    }
}
