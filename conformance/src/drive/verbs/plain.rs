//! One request, one answer: `userinfo`, `keys`, `discover`, `send`; and `forge`, which sends nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use serde_json::{Map, Value, json};

use super::Doing;
use crate::drive::browser::Places as _;
use crate::drive::edit::{self, encode, texts};
use crate::drive::published::{client_key, client_kid};
use crate::drive::recorder::Errand;
use crate::drive::site::{Site, get};
use crate::transcript::jose::{Jws, SigningKey, public_pem};
use crate::transcript::{Endpoint, Reply, Request};

/// UserInfo with a bearer token.
pub async fn userinfo(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let (origin, name) = (doing.origin(), doing.client());
    let token = doing.access_token().ok_or("there is no access token")?;
    let mut request = get(&site.endpoint(&origin, "userinfo_endpoint").await?);
    request.headers.push(("authorization".into(), format!("Bearer {token}")));
    edit::apply(&mut request, doing.edits);
    one(site, doing, Endpoint::Userinfo, &origin, request, name).await
}

/// The key set.
pub async fn keys(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let origin = doing.origin();
    let index = site.fetch_keys(&origin, Errand { edited: doing.edits.marks(), ..doing.errand(None) }).await?;
    Ok(reply(site, index))
}

/// The discovery document.
pub async fn discover(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let errand = Errand { edited: doing.edits.marks(), ..doing.errand(None) };
    let (index, _) = site.discover(&doing.origin(), doing.text("at") == Some("oauth"), errand).await?;
    Ok(reply(site, index))
}

/// A request by hand. Any answer is one.
pub async fn send(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let (method, url) = match (doing.text("get"), doing.text("post")) {
        (Some(url), _) => ("GET", url),
        (None, Some(url)) => ("POST", url),
        (None, None) => (doing.text("method").unwrap_or("GET"), doing.text("url").ok_or("`send` has no address")?),
    };
    let mut request = Request { method: method.into(), url: url.into(), headers: Vec::new(), body: String::new() };
    if let Some(Value::Object(form)) = doing.fields.get("form") {
        let params: Vec<_> = form.iter().flat_map(|(n, v)| texts(v).into_iter().map(|t| (n.clone(), t))).collect();
        request.headers.push(("content-type".into(), "application/x-www-form-urlencoded".into()));
        request.body = encode(&params);
    }
    if let Some(body) = doing.fields.get("json") {
        request.headers.push(("content-type".into(), "application/json".into()));
        request.body = body.to_string();
    }
    if let Some(body) = doing.text("body") {
        request.body = body.into();
    }
    if let Some(bearer) = doing.text("bearer") {
        request.headers.push(("authorization".into(), format!("Bearer {bearer}")));
    }
    edit::apply(&mut request, doing.edits);
    // A request by hand is nobody's honest one, whatever it says.
    let mut edited = doing.edits.marks();
    edited.insert(0, "by hand".into());
    let address = url::Url::parse(&request.url).map_err(|e| format!("`{}`: {e}", request.url))?;
    let (origin, endpoint) = site.of_target(&address).unwrap_or_else(|| (String::new(), Endpoint::Other));
    let browser = doing.text("browser");
    if let Some(name) = browser {
        site.browser(name)?.dress(&mut request, &address, &site.recorder);
    }
    let errand = Errand { edited, browser: browser.map(str::to_owned), ..doing.errand(doing.client().as_deref()) };
    let index = site.recorder.send(endpoint, &origin, request, &errand).await;
    if let (Some(name), Some(answer)) = (browser, site.recorder.answer(index)) {
        site.browser(name)?.keep(&address, &answer, &site.recorder);
    }
    Ok(Reply { success: site.recorder.answer(index).is_some(), ..reply(site, index) })
}

/// A token made here.
pub async fn forge(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let from = doing.text("from").map(|t| Jws::parse(t).ok_or("`from` is no JWT")).transpose()?;
    let mut header = from.as_ref().map_or_else(|| json!({}), |j| j.header.clone());
    let mut claims = from.as_ref().map_or_else(|| json!({}), |j| j.claims.clone());
    merge(&mut claims, doing.fields.get("claims"));
    merge(&mut claims, doing.fields.get("set"));
    for path in doing.fields.get("drop").map(texts).unwrap_or_default() {
        if let Some(object) = claims.as_object_mut() {
            object.shift_remove(&path);
        }
    }
    merge(&mut header, doing.fields.get("header"));
    let kid = header["kid"].as_str().map(str::to_owned);
    let alg = header["alg"].as_str().unwrap_or("RS256").to_owned();
    let sign = doing.text("sign").unwrap_or("keep");
    let key = match sign {
        "keep" => {
            let signed = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()));
            let signature = from.map(|j| j.signature).unwrap_or_default();
            return Ok(made(&format!("{signed}.{}", B64.encode(signature))));
        }
        "none" => SigningKey::None,
        "foreign" => SigningKey::foreign(&alg),
        "fixture" => {
            let named = kid.as_ref().and_then(|k| site.own_keys.get(k));
            let by_alg = || site.own_keys.iter().find(|(_, k)| k.alg() == alg);
            let (id, key) = named
                .map(|k| (kid.clone().unwrap_or_default(), k))
                .or_else(|| by_alg().map(|(i, k)| (i.clone(), k)))
                .ok_or("the harness has no such key")?;
            header["kid"] = id.into();
            key.clone()
        }
        "hs256-public" => {
            let keys = site.keys_for(&doing.origin(), kid.as_deref()).await.unwrap_or_default();
            let jwk = keys["keys"].as_array().into_iter().flatten().find(|k| kid.is_none() || k["kid"].as_str() == kid.as_deref());
            SigningKey::Hs256(jwk.and_then(public_pem).ok_or("there is no public key to take for a secret")?.into_bytes())
        }
        other => match other.strip_prefix("client.") {
            Some(client) => {
                let key = client_key(client, &alg)?;
                header["kid"] = client_kid(client, &alg).into();
                key
            }
            None => return Err(format!("nobody signs as `{other}`")),
        },
    };
    header["alg"] = if sign == "foreign" { alg.into() } else { key.alg().into() };
    Ok(made(&key.token(&header, &claims)))
}

fn made(token: &str) -> Reply {
    Reply { made: json!({ "token": token }), success: true, ..Reply::default() }
}

fn merge(into: &mut Value, from: Option<&Value>) {
    let (Some(into), Some(Value::Object(from))) = (into.as_object_mut(), from) else { return };
    for (name, value) in from {
        match (into.get_mut(name), value) {
            (Some(inner @ Value::Object(_)), Value::Object(_)) => merge(inner, Some(value)),
            _ => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}

async fn one(
    site: &Site,
    doing: &Doing<'_>,
    endpoint: Endpoint,
    origin: &str,
    request: Request,
    client: Option<String>,
) -> Result<Reply, String> {
    let errand = Errand { edited: doing.edits.marks(), ..doing.errand(client.as_deref()) };
    let index = site.recorder.send(endpoint, origin, request, &errand).await;
    Ok(reply(site, index))
}

/// A reply whose request and answer are this exchange; it worked if the answer is 200.
pub fn reply(site: &Site, index: usize) -> Reply {
    let success = site.recorder.answer(index).is_some_and(|a| a.status == 200);
    Reply { request: Some(index), answer: Some(index), success, made: Value::Object(Map::new()), ..Reply::default() }
}
