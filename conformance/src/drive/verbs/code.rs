//! The code flow: `authorize`, `redeem`, and `login`, which is both.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Doing;
use super::credentials::Asker;
use crate::drive::browser::Intent;
use crate::drive::edit::texts;
use crate::drive::openid::{Chosen, WellBehaved};
use crate::drive::page::Flow;
use crate::drive::recorder::Errand;
use crate::drive::site::Site;
use crate::scenario::Edits;
use crate::transcript::jose::{Jws, s256};
use crate::transcript::{Answer, Endpoint, Landed, Opinion, Reply, Request};

/// `authorize`, then `redeem`.
pub async fn login(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let begun = authorize(site, doing).await?;
    if !begun.success {
        return Ok(begun);
    }
    let (context, callback) = (begun.context.clone(), begun.callback.clone());
    let code = callback.as_ref().and_then(|c| c.params.iter().find(|(n, _)| n == "code")).map(|(_, v)| v.clone()).unwrap_or_default();
    let mut of: Map<String, Value> = context.iter().map(|(k, v)| (k.clone(), Value::from(v.clone()))).collect();
    of.insert("callback".into(), serde_json::json!({ "code": code }));
    let mut fields = Map::new();
    fields.insert("of".into(), Value::Object(of));
    for name in ["auth", "secret"] {
        if let Some(value) = doing.fields.get(name) {
            fields.insert(name.into(), value.clone());
        }
    }
    let bought = Doing {
        verb: doing.verb,
        fields: &fields,
        edits: &Edits::default(),
        number: doing.number.clone(),
        gate: None,
        beside: doing.beside,
    };
    let mut reply = redeem(site, &bought).await?;
    reply.context = context;
    reply.landed = Some(Landed::Callback);
    reply.callback = callback;
    Ok(reply)
}

/// Up to where the browser lands.
pub async fn authorize(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let name = doing.client().ok_or("no client is named")?;
    let (client, origin, browser) = (site.client(&name)?, doing.origin(), doing.browser());
    let redirect_uri = doing.text("redirect_uri").map(str::to_owned).or_else(|| first(&client, "redirect_uris")).unwrap_or_default();
    let chosen = Chosen {
        state: site.fresh(&format!("state {}", doing.number)),
        nonce: site.fresh(&format!("nonce {}", doing.number)),
        code_verifier: site.fresh(&format!("verifier {}", doing.number)),
    };
    let endpoint = site.endpoint(&origin, "authorization_endpoint").await?;
    let metadata = site.metadata(&origin).await?;
    let known = WellBehaved { metadata: &metadata, client: &client, redirect_uri: &redirect_uri, auth: "none", secret: None };
    // Where openidconnect makes nothing of the discovery document, the request is made by hand; a rule judges the document.
    let url = known.authorization_url(&chosen).map_or_else(|_| by_hand(&endpoint, &client, &redirect_uri, &chosen), Into::into);
    let url = if openid(doing) { url } else { without(&url, "nonce") };
    let mut request = Request { method: "GET".into(), url, headers: Vec::new(), body: String::new() };
    let edited = doing.change(&mut request);
    let sent = |name: &str, chosen: &str| request.param(name).unwrap_or_else(|| chosen.to_owned());
    let mut context = BTreeMap::from([
        ("client".to_owned(), name.clone()),
        ("origin".to_owned(), origin),
        ("browser".to_owned(), browser.clone()),
        ("redirect_uri".to_owned(), sent("redirect_uri", &redirect_uri)),
        ("code_verifier".to_owned(), chosen.code_verifier.clone()),
        ("nonce".to_owned(), sent("nonce", "")),
        ("state".to_owned(), sent("state", "")),
    ]);
    let person = doing.person(site)?;
    if let Some(user) = doing.text("user") {
        context.insert("user".into(), user.to_owned());
    }
    let errand =
        Errand { browser: Some(browser.clone()), user: doing.text("user").map(str::to_owned), edited, ..doing.errand(Some(&name)) };
    let intent = Intent { person, decide: Some(doing.text("decide") != Some("deny")), user_code: None };
    let went = site.browser(&browser)?.go(&site.recorder, site, Flow::Authorize, request, &intent, &errand).await?;
    let got_code = went.callback.as_ref().is_some_and(|c| c.params.iter().any(|(n, v)| n == "code" && !v.is_empty()));
    let success = went.landed == Some(Landed::Callback) && got_code;
    Ok(Reply {
        request: Some(went.first),
        answer: Some(went.last),
        landed: went.landed,
        callback: went.callback,
        success,
        context,
        ..Reply::default()
    })
}

/// The code against tokens.
pub async fn redeem(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let asker = Asker::of(site, doing)?;
    let (client, origin) = (&asker.client, &asker.origin);
    let code = doing.text_or_of("code", &["callback", "code"]).ok_or("there is no code to redeem")?;
    let redirect_uri = doing.text_or_of("redirect_uri", &["redirect_uri"]).or_else(|| first(client, "redirect_uris")).unwrap_or_default();
    let verifier = doing.text_or_of("code_verifier", &["code_verifier"]).unwrap_or_default();
    let nonce = doing.of(&["nonce"]).and_then(|n| n.as_str().map(str::to_owned)).filter(|n| !n.is_empty());
    let metadata = site.metadata(origin).await?;
    let endpoint = site.endpoint(origin, "token_endpoint").await?;
    let known =
        WellBehaved { metadata: &metadata, client, redirect_uri: &redirect_uri, auth: &asker.auth, secret: asker.secret.as_deref() };

    // Where openidconnect can make no request, one is made by hand, and its reason is an opinion like any other. It signs no assertions.
    let made = if asker.asserts() { None } else { Some(known.token_request(&code, &verifier)) };
    let (mut request, mut says) = match made {
        Some(Ok(request)) => (request, None),
        other => {
            let params =
                [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", &redirect_uri), ("code_verifier", &verifier)];
            (asker.post(site, doing, &endpoint, &params).await?, other.and_then(Result::err))
        }
    };
    let edited = doing.change(&mut request);
    let errand = Errand { edited, ..doing.errand(Some(&asker.name)) };
    let index = site.recorder.send(Endpoint::Token, origin, request, &errand).await;
    let answer = site.recorder.answer(index);
    let body = answer.as_ref().filter(|a| a.status == 200).and_then(Answer::json);
    let success = body.as_ref().is_some_and(|b| b.get("access_token").is_some_and(Value::is_string));
    if let (Some(answer), None) = (&answer, &says) {
        says = match known.token_answer(&code, &verifier, answer) {
            Err(opinion) => Some(opinion),
            Ok(None) => None,
            Ok(Some(read)) => {
                let token = body.as_ref().and_then(|b| b["id_token"].as_str()).and_then(Jws::parse);
                let keys = site.keys_for(origin, token.as_ref().and_then(|t| t.header_str("kid"))).await.unwrap_or_default();
                known.verify(&read, &keys, nonce.as_deref(), site.time.now()).err()
            }
        };
    }
    if let Some(says) = says {
        site.recorder.live.lock().transcript.opinions.push(Opinion { exchange: index, says });
    }
    let mut context: BTreeMap<String, String> =
        BTreeMap::from([("client".to_owned(), asker.name.clone()), ("origin".to_owned(), origin.clone())]);
    for key in ["browser", "user", "nonce", "redirect_uri", "code_verifier"] {
        if let Some(Value::String(text)) = doing.of(&[key]) {
            context.insert(key.into(), text);
        }
    }
    Ok(Reply { request: Some(index), answer: Some(index), success, context, ..Reply::default() })
}

fn by_hand(endpoint: &str, client: &Value, redirect_uri: &str, chosen: &Chosen) -> String {
    let id = client.get("client_id").map(texts).unwrap_or_default().join("");
    let params = [
        ("response_type", "code"),
        ("client_id", &id),
        ("redirect_uri", redirect_uri),
        ("scope", "openid"),
        ("state", &chosen.state),
        ("nonce", &chosen.nonce),
        ("code_challenge", &s256(&chosen.code_verifier)),
        ("code_challenge_method", "S256"),
    ];
    url::Url::parse_with_params(endpoint, params).map_or_else(|_| endpoint.to_owned(), Into::into)
}

/// Whether OpenID Connect is asked for. A plain OAuth request has nothing that only OpenID Connect knows (Core §3.1.2.1).
fn openid(doing: &Doing<'_>) -> bool {
    doing.text("scope").is_none_or(|scope| scope.split(' ').any(|word| word == "openid"))
}

fn without(url: &str, param: &str) -> String {
    let Ok(mut parsed) = url::Url::parse(url) else { return url.to_owned() };
    let kept: Vec<(String, String)> = parsed.query_pairs().into_owned().filter(|(name, _)| name != param).collect();
    parsed.query_pairs_mut().clear().extend_pairs(kept);
    parsed.into()
}

fn first(client: &Value, member: &str) -> Option<String> {
    client.get(member)?.get(0)?.as_str().map(str::to_owned)
}
