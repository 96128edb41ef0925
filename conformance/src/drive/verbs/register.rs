//! A client is made, read, changed or removed by the protocol: `register` (RFC 7591, RFC 7592, OpenID Connect Registration).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Doing;
use super::plain::reply;
use crate::drive::recorder::Errand;
use crate::drive::registration;
use crate::drive::site::{Site, get};
use crate::scenario::Check;
use crate::transcript::{Endpoint, Reply, Request};

/// Where a client's registration is, and what opens it (RFC 7592 §3).
const KEYS: [&str; 2] = ["registration_client_uri", "registration_access_token"];

/// One of the four acts.
pub async fn register(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    match doing.text("act") {
        Some("make") => make(site, doing).await,
        Some("change") => manage(site, doing, "PUT").await,
        Some("remove") => manage(site, doing, "DELETE").await,
        _ => manage(site, doing, "GET").await,
    }
}

/// Registers the clients of a check that say `register = true` and are not there yet: the provider has the last word on them.
///
/// # Errors
/// Which one could not be had, and the answer.
pub async fn beforehand(site: &Site, check: &Check) -> Result<(), String> {
    let registers = |client: &Value| client.get("register") == Some(&Value::Bool(true));
    for name in check.clients.iter().filter(|(_, client)| registers(client)).map(|(name, _)| name) {
        if site.client(name)?.get("client_id").is_some() {
            continue;
        }
        let fields: Map<String, Value> = [("act", "make"), ("client", name)].into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect();
        let edits = crate::scenario::Edits::default();
        let number = format!("register {name}");
        let doing = Doing { verb: crate::scenario::Verb::Register, fields: &fields, edits: &edits, number, gate: None, beside: false };
        let reply = make(site, &doing).await.map_err(|why| format!("the client `{name}` could not be registered: {why}"))?;
        if !reply.success {
            let answer = reply.answer.and_then(|index| site.recorder.answer(index));
            let got =
                answer.map_or_else(|| "no answer".to_owned(), |a| format!("{} {}", a.status, a.body.chars().take(300).collect::<String>()));
            return Err(format!("the client `{name}` could not be registered: {}", got.trim()));
        }
    }
    Ok(())
}

/// RFC 7591 §3.1. With `client` it is that client from now on.
async fn make(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let origin = doing.origin();
    let endpoint = site.endpoint_of(&origin, "registration_endpoint", "registration").await?;
    let asked = match doing.text("client") {
        Some(name) => registration::request(name, &site.client(name)?, &site.metadata(&origin).await?).0,
        None => Map::new(),
    };
    let bearer = doing.text("bearer").map(str::to_owned);
    let request = with_body(get(&endpoint), "POST", asked);
    go(site, doing, &origin, request, bearer).await
}

/// RFC 7592 §2: with the address and the token that came with the registration.
async fn manage(site: &Site, doing: &Doing<'_>, method: &str) -> Result<Reply, String> {
    let origin = doing.origin();
    let client = doing.client().map(|name| site.client(&name)).transpose()?;
    let known = |member: &str| {
        let of = doing.of(&["json", member]).or_else(|| doing.of(&[member]));
        of.or_else(|| client.as_ref()?.get(member).cloned()).and_then(|v| v.as_str().map(str::to_owned))
    };
    let [uri, token] =
        KEYS.map(|member| known(member).ok_or_else(|| format!("nothing is known of the registration: it has no `{member}`")));
    let (uri, token) = (uri?, doing.text("bearer").map_or(token, |bearer| Ok(bearer.to_owned()))?);
    let request = if method == "PUT" {
        let metadata = doing.of(&["json"]).filter(|json| json.get("client_id").is_some()).or(client).unwrap_or_default();
        with_body(get(&uri), method, registration::whole(metadata.as_object().unwrap_or(&Map::new())))
    } else {
        Request { method: method.into(), headers: vec![("accept".into(), "application/json".into())], ..get(&uri) }
    };
    go(site, doing, &origin, request, Some(token)).await
}

fn with_body(request: Request, method: &str, metadata: Map<String, Value>) -> Request {
    let headers = ["content-type", "accept"].map(|name| (name.to_owned(), "application/json".to_owned()));
    Request { method: method.into(), headers: headers.into(), body: Value::Object(metadata).to_string(), ..request }
}

async fn go(site: &Site, doing: &Doing<'_>, origin: &str, mut request: Request, bearer: Option<String>) -> Result<Reply, String> {
    request.headers.extend(bearer.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
    let edited = doing.change(&mut request);
    let name = doing.client();
    let asked = request.json().unwrap_or_default();
    let removes = request.method == "DELETE";
    let index = site.recorder.send(Endpoint::Register, origin, request, &Errand { edited, ..doing.errand(name.as_deref()) }).await;
    let answer = site.recorder.answer(index).filter(|a| (200..300).contains(&a.status));
    let body = answer.as_ref().and_then(|a| a.json()).and_then(|b| b.as_object().cloned());
    let told = body.filter(|b| b.get("client_id").is_some_and(Value::is_string));
    let mut context: BTreeMap<String, String> = BTreeMap::from([("origin".to_owned(), origin.to_owned())]);
    for key in KEYS {
        let told = told.as_ref().and_then(|b| b.get(key).cloned());
        let before = doing.of(&["json", key]).or_else(|| doing.of(&[key]));
        context.extend(told.or(before).and_then(|v| Some((key.to_owned(), v.as_str()?.to_owned()))));
    }
    if let (Some(name), Some(told)) = (&name, &told) {
        let mut known = asked;
        known.extend(told.clone());
        site.learn_client(name, &known);
    }
    context.extend(name.map(|name| ("client".to_owned(), name)));
    let success = answer.is_some() && (removes || told.is_some());
    Ok(Reply { success, context, ..reply(site, index) })
}
