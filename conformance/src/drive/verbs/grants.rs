//! Grants that no browser is needed for: `refresh`, `exchange`, `jwt_bearer` and `client_credentials`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::credentials::Asker;
use super::{Doing, KEPT_ACCESS, KEPT_REFRESH};
use crate::drive::openid::WellBehaved;
use crate::drive::recorder::Errand;
use crate::drive::site::Site;
use crate::transcript::jose::Jws;
use crate::transcript::{Answer, Endpoint, Opinion, Reply, Request};

/// A refresh token against new tokens (RFC 6749 §6).
pub async fn refresh(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let asker = Asker::of(site, doing)?;
    let token = doing.text_or_of("refresh_token", &["refresh_token"]).or_else(|| doing.text_or_of(KEPT_REFRESH, &[KEPT_REFRESH]));
    let token = token.ok_or("there is no refresh token")?;
    let mut reply = granted(site, doing, &asker, &[("grant_type", "refresh_token"), ("refresh_token", &token)]).await?;
    for key in ["browser", "user", "scope"] {
        if let Some(Value::String(text)) = doing.of(&[key]) {
            reply.context.insert(key.into(), text);
        }
    }
    reply.context.insert(KEPT_REFRESH.into(), token);
    reply.context.extend(doing.access_token().map(|token| (KEPT_ACCESS.to_owned(), token)));
    Ok(reply)
}

/// A client on its own behalf (RFC 6749 §4.4).
pub async fn client_credentials(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let asker = Asker::of(site, doing)?;
    granted(site, doing, &asker, &[("grant_type", "client_credentials")]).await
}

/// The type of a token that nobody calls anything else (RFC 8693 §3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// A token against another one (RFC 8693 §2.1).
pub async fn exchange(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let asker = Asker::of(site, doing)?;
    let subject = doing.text_or_of("subject_token", &["access_token"]).ok_or("there is no token to exchange")?;
    let mut params = vec![("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("subject_token", &subject)];
    // A type that the step names stands beside `of` like any other field.
    params.push(("subject_token_type", ACCESS_TOKEN));
    if let Some(actor) = doing.text("actor_token") {
        params.extend([("actor_token", actor), ("actor_token_type", ACCESS_TOKEN)]);
    }
    granted(site, doing, &asker, &params).await
}

/// An assertion as a grant (RFC 7523 §2.1).
pub async fn jwt_bearer(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let asker = Asker::of(site, doing)?;
    let assertion = doing.text_or_of("assertion", &["token"]).ok_or("there is no assertion to show")?;
    granted(site, doing, &asker, &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &assertion)]).await
}

/// A grant at the token endpoint.
pub(super) async fn granted(site: &Site, doing: &Doing<'_>, asker: &Asker, params: &[(&str, &str)]) -> Result<Reply, String> {
    let metadata = site.metadata(&asker.origin).await?;
    let endpoint = site.endpoint(&asker.origin, "token_endpoint").await?;
    let mut request = asker.post(site, doing, &endpoint, params).await?;
    let edited = doing.change(&mut request);
    let known = WellBehaved { metadata: &metadata, client: &asker.client, redirect_uri: "", auth: "none", secret: asker.secret.as_deref() };
    let index = send(site, doing, asker, request, edited).await;
    let answer = site.recorder.answer(index);
    if let Some(answer) = &answer {
        let says = match known.read(answer) {
            Err(opinion) => Some(opinion),
            Ok(None) => None,
            Ok(Some(read)) => {
                let token = answer.json().and_then(|b| b["id_token"].as_str().and_then(Jws::parse));
                match token {
                    None => None,
                    Some(token) => {
                        let keys = site.keys_for(&asker.origin, token.header_str("kid")).await.unwrap_or_default();
                        known.verify(&read, &keys, None, site.time.now()).err()
                    }
                }
            }
        };
        if let Some(says) = says {
            site.recorder.live.lock().transcript.opinions.push(Opinion { exchange: index, says });
        }
    }
    let success = answer.as_ref().is_some_and(brought_a_token);
    let context = BTreeMap::from([("client".to_owned(), asker.name.clone()), ("origin".to_owned(), asker.origin.clone())]);
    Ok(Reply { request: Some(index), answer: Some(index), success, context, ..Reply::default() })
}

async fn send(site: &Site, doing: &Doing<'_>, asker: &Asker, request: Request, edited: Vec<String>) -> usize {
    let errand = Errand { edited, ..doing.errand(Some(&asker.name)) };
    site.recorder.send(Endpoint::Token, &asker.origin, request, &errand).await
}

fn brought_a_token(answer: &Answer) -> bool {
    answer.status == 200 && answer.json().is_some_and(|b| b.get("access_token").is_some_and(Value::is_string))
}
