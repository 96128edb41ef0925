//! What the new token may be good for: never more than those bring who stand behind it.

use serde_json::Value;
use url::Url;

use super::party::Party;
use crate::actor::Actor;
use crate::config::Client;
use crate::params::Params;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::scope::{OFFLINE_ACCESS, Scope};
use crate::subject;

/// The values of `resource`: absolute, without a fragment (RFC 8693, section 2.1), and resources that the client is configured for.
///
/// # Errors
/// One is not.
pub fn resources(cx: &Cx<'_>, client: &Client, params: &Params) -> Result<Vec<String>, Refusal> {
    let asked: Vec<&str> = params.all("resource").collect();
    let absolute = |text: &str| !text.contains('#') && Url::parse(text).is_ok();
    let known = |text: &str| text == cx.origin.issuer.as_str() || client.audience.iter().any(|name| name == text);
    match asked.iter().find(|text| !absolute(text) || !known(text)) {
        Some(_) => Err(Refusal::ResourceUnknown),
        None => Ok(asked.into_iter().map(str::to_owned).collect()),
    }
}

/// Where the new token is good: where it is asked for, of where the tokens are good that were shown; else as the subject's is.
///
/// # Errors
/// More is asked for.
pub fn audience(params: &Params, resources: Vec<String>, subject: &Party, actor: Option<&Party>) -> Result<Vec<String>, Refusal> {
    let of_actor = actor.map(|actor| actor.audience.as_slice()).unwrap_or_default();
    let mut asked: Vec<String> = Vec::new();
    for name in params.all("audience").map(str::to_owned).chain(resources) {
        if !subject.audience.contains(&name) && !of_actor.contains(&name) {
            return Err(Refusal::AudienceBeyond);
        }
        if !asked.contains(&name) {
            asked.push(name);
        }
    }
    Ok(match (asked.is_empty(), subject.audience.is_empty()) {
        (false, _) => asked,
        (true, false) => subject.audience.clone(),
        (true, true) => of_actor.to_vec(),
    })
}

/// What the new token is good for. Without a word what the subject's token is good for, else the actor's.
///
/// # Errors
/// More is asked for, or nothing and there is nothing.
pub fn scope(client: &Client, asked: Option<&str>, subject: &Party, actor: Option<&Party>) -> Result<Scope, Refusal> {
    let of_actor = actor.and_then(|actor| actor.scope.as_ref());
    // Who cannot refresh has no use for it, and asking for it is asking for too much.
    let offline = client.may_use("refresh_token");
    let Some(asked) = asked else {
        let known = subject.scope.as_ref().or(of_actor).ok_or(Refusal::ScopeMissing)?;
        let known = if offline { known.clone() } else { known.without(OFFLINE_ACCESS) };
        return if known.said().is_some() { Ok(known) } else { Err(Refusal::ScopeMissing) };
    };
    let shown = |word: &str| [subject.scope.as_ref(), of_actor].into_iter().flatten().any(|scope| scope.has(word));
    // A subject that is a mere name has no scopes. What only brings claims about that user is then the client's to ask for; what gives
    // rights has to be the actor's.
    let only_claims = |word: &str| subject.scope.is_none() && word != OFFLINE_ACCESS;
    Scope::allowed(asked, |word| (shown(word) || only_claims(word)) && (offline || word != OFFLINE_ACCESS))
        .ok_or(Refusal::ScopeBeyondTokens)
}

/// Section 4.4: where the subject's token says who may act, nobody else may. It names them by `sub`, and by `iss` if it wants to; of any
/// other name nobody can say here whose it is.
///
/// # Errors
/// The actor is not the one.
pub fn named(cx: &Cx<'_>, client: &Client, subject: &Party, acting: &Actor) -> Result<(), Refusal> {
    let Some(may_act) = &subject.may_act else { return Ok(()) };
    let members = may_act.as_object().ok_or(Refusal::ActorNotNamed)?;
    let sub = subject::of(&cx.provider.config, client, &acting.user_id);
    let fits = |(name, value): (&String, &Value)| match name.as_str() {
        "sub" => value.as_str() == Some(sub.as_str()),
        "iss" => value.as_str() == Some(acting.issuer.as_str()),
        _ => false,
    };
    if members.contains_key("sub") && members.iter().all(fits) { Ok(()) } else { Err(Refusal::ActorNotNamed) }
}
