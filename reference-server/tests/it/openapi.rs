//! The management API answers as its OpenAPI document says: every operation is asked, as it should be and as it should not.

use hyper::Method;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::walker::{Reply, Walker, provider};

const ALICE: &str = "6b2f1c9e-alice";

/// An operation of the document.
struct Operation<'d> {
    id: &'d str,
    method: Method,
    path: &'d str,
    responses: &'d Value,
    open: bool,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations").iter().filter(|(name, _)| *name != "parameters") {
            all.push(Operation {
                id: operation["operationId"].as_str().expect("an id"),
                method: method.to_uppercase().parse().expect("a method"),
                path,
                responses: &operation["responses"],
                open: operation.get("security").is_some(),
            });
        }
    }
    all
}

/// How each operation is asked so that it does something: path below the API, body, status.
fn honest(id: &str, sid: &str) -> (String, Option<Value>, u16) {
    let user = |more: &str| format!("users/{ALICE}{more}");
    match id {
        "openapi" => ("openapi.json".into(), None, 200),
        "flags" => ("flags".into(), None, 200),
        "switchFlag" => ("flags/system/token_exchange".into(), Some(json!({ "enabled": true })), 200),
        "resetFlag" => ("flags/instance/token_exchange".into(), None, 200),
        "securityPolicy" => ("policies/security".into(), None, 200),
        "setSecurityPolicy" => ("policies/security".into(), Some(json!({ "enable_impersonation": false })), 200),
        "users" => ("users?limit=3".into(), None, 200),
        "user" => (user(""), None, 200),
        "removeUser" => (user(""), None, 204),
        "lockUser" => (user("/lock"), None, 200),
        "unlockUser" => (user("/unlock"), None, 200),
        "deactivateUser" => (user("/deactivate"), None, 200),
        "reactivateUser" => (user("/reactivate"), None, 200),
        "grantRole" => (user("/roles/ORG_END_USER_IMPERSONATOR?organization=initech"), None, 200),
        "withdrawRole" => (user("/roles/IAM_OWNER"), None, 200),
        "clients" => ("clients".into(), None, 200),
        "addClient" => ("clients".into(), Some(json!({ "redirect_uris": ["https://new.rp.test/cb"] })), 201),
        "client" => ("clients/spa".into(), None, 200),
        "changeClient" => ("clients/web".into(), Some(json!({ "backchannel_logout_uri": null })), 200),
        "removeClient" => ("clients/web".into(), None, 204),
        "sessions" => ("sessions".into(), None, 200),
        "terminateSession" => (format!("sessions/{sid}"), None, 204),
        "rotateKeys" => ("keys/rotate".into(), None, 200),
        "events" => ("events?after=1&limit=1000".into(), None, 200),
        "setUp" => ("set_up".into(), None, 200),
        other => panic!("the document has an operation `{other}` that this test does not ask"),
    }
}

/// How each can be asked for what it cannot do, for each refusal that its description has beside 401 and 403.
fn dishonest(id: &str, status: &str) -> (String, Option<Value>) {
    let nobody = |more: &str| (format!("users/nobody{more}"), None);
    match (id, status) {
        ("switchFlag", "400") => ("flags/system/token_exchange".into(), Some(json!({ "enabled": 1 }))),
        ("switchFlag", "404") => ("flags/world/token_exchange".into(), Some(json!({ "enabled": true }))),
        ("resetFlag", "404") => ("flags/system/nothing".into(), None),
        ("setSecurityPolicy", "400") => ("policies/security".into(), Some(json!({}))),
        ("users" | "clients", "400") => (format!("{id}?limit=0"), None),
        ("sessions" | "events", "400") => (format!("{id}?after=x"), None),
        ("user" | "removeUser", "404") => nobody(""),
        ("lockUser", "404") => nobody("/lock"),
        ("unlockUser", "404") => nobody("/unlock"),
        ("deactivateUser", "404") => nobody("/deactivate"),
        ("reactivateUser", "404") => nobody("/reactivate"),
        ("grantRole" | "withdrawRole", "404") => nobody("/roles/IAM_OWNER"),
        ("grantRole" | "withdrawRole", "400") => (format!("users/{ALICE}/roles/owner"), None),
        ("addClient", "400") => ("clients".into(), Some(json!({ "grant_types": ["teleport"] }))),
        ("addClient", "409") => ("clients".into(), Some(json!({ "client_id": "shop" }))),
        ("client" | "removeClient", "404") => ("clients/nobody".into(), None),
        ("changeClient", "404") => ("clients/nobody".into(), Some(json!({}))),
        ("changeClient", "400") => ("clients/web".into(), Some(json!({ "client_secret": "mine" }))),
        ("terminateSession", "404") => ("sessions/never".into(), None),
        // The fixtures have one key of each algorithm to come.
        ("rotateKeys", "409") => ("keys/rotate".into(), None),
        other => panic!("the document says {other:?}, and this test does not ask it"),
    }
}

/// Whether an address below the API is one of this form.
fn fits(form: &str, path: &str) -> bool {
    let path = format!("/{}", path.split('?').next().unwrap_or_default());
    let (form, path): (Vec<&str>, Vec<&str>) = (form.split('/').collect(), path.split('/').collect());
    form.len() == path.len() && form.iter().zip(path).all(|(form, segment)| form.starts_with('{') || *form == segment)
}

/// Whether an answer has the shape that the document gives to this status of this operation.
fn check(document: &Value, operation: &Operation<'_>, reply: &Reply) {
    let status = reply.status.as_str();
    let described = operation.responses.get(status).unwrap_or_else(|| panic!("{}: {status} is not described: {reply:?}", operation.id));
    let described = match described["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).expect("a reference to something"),
        None => described,
    };
    let Some(schema) = described.pointer("/content/application~1json/schema") else {
        assert_eq!(reply.body, "", "{}: {status} has no body", operation.id);
        return;
    };
    assert_eq!(reply.header("content-type"), "application/json", "{}", operation.id);
    let errors: Vec<String> = validator(document, schema).iter_errors(&reply.json()).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{}: {status}: {errors:#?}\n{}", operation.id, reply.body);
}

/// A schema of the document, with the others beside it to which it refers.
fn validator(document: &Value, schema: &Value) -> Validator {
    let whole =
        json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"], "allOf": [schema] });
    jsonschema::validator_for(&whole).expect("a schema")
}

#[tokio::test]
async fn every_operation_answers_in_the_shape_that_is_described() {
    let document = Walker::new(&provider().await).get("https://op.test/management/openapi.json").await.json();
    assert_eq!(document["servers"], json!([{ "url": "https://op.test/management" }]));
    for operation in operations(&document) {
        let handle = provider().await;
        let mut walker = Walker::new(&handle);
        let tokens = walker.login("alice", "web").await;
        let sid = crate::walker::claims(tokens["id_token"].as_str().expect("a token"))["sid"].as_str().expect("a sid").to_owned();
        let (path, body, status) = honest(operation.id, &sid);
        assert!(fits(operation.path, &path), "{}: {path} is not {}", operation.id, operation.path);

        let url = format!("https://op.test/management/{path}");
        let text = body.as_ref().map(Value::to_string).unwrap_or_default();
        let as_alice = format!("Bearer {}", tokens["access_token"].as_str().expect("a token"));
        let nobody = walker.send(operation.method.clone(), &url, &[("content-type", "application/json")], &text).await;
        let alice = [("authorization", as_alice.as_str()), ("content-type", "application/json")];
        let alice = walker.send(operation.method.clone(), &url, &alice, &text).await;
        let wanted = if operation.open { (200, 200) } else { (401, 403) };
        assert_eq!((nobody.status.as_u16(), alice.status.as_u16()), wanted, "{}", operation.id);
        check(&document, &operation, &nobody);
        check(&document, &operation, &alice);

        let reply = walker.manage(operation.method.clone(), &path, body.as_ref()).await;
        assert_eq!(reply.status, status, "{}: {reply:?}", operation.id);
        check(&document, &operation, &reply);
    }
}

#[tokio::test]
async fn every_refusal_that_is_described_can_be_had_and_has_its_shape() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let document = walker.get("https://op.test/management/openapi.json").await.json();
    for operation in operations(&document) {
        let refusals = operation.responses.as_object().expect("responses").keys().filter(|status| status.starts_with('4'));
        for status in refusals.filter(|status| !["401", "403"].contains(&status.as_str())) {
            let (path, body) = dishonest(operation.id, status);
            let mut reply = walker.manage(operation.method.clone(), &path, body.as_ref()).await;
            if operation.id == "rotateKeys" {
                // Until no key waits any more.
                while reply.status == 200 {
                    reply = walker.manage(operation.method.clone(), &path, body.as_ref()).await;
                }
            }
            assert_eq!(reply.status.as_str(), status, "{}: {reply:?}", operation.id);
            check(&document, &operation, &reply);
        }
    }
}

#[tokio::test]
async fn what_does_not_fit_the_document_is_seen() {
    let document = Walker::new(&provider().await).get("https://op.test/management/openapi.json").await.json();
    let user = validator(&document, &json!({ "$ref": "#/components/schemas/User" }));
    let right = json!({ "id": "a", "username": "a", "state": "active", "memberships": [{ "role": "IAM_OWNER" }] });
    assert!(user.is_valid(&right));
    for (member, wrong) in [("state", json!("asleep")), ("memberships", json!([{}])), ("password", json!("secret")), ("id", json!(1))] {
        let mut other = right.clone();
        other[member] = wrong;
        assert!(!user.is_valid(&other), "{member}");
    }
}
