//! The authorization endpoint: Core, section 3.1.2, with RFC 7636 and RFC 9207.

use std::collections::BTreeSet;
use std::sync::Arc;

use hyper::Method;
use url::Url;

use super::sign_in;
use crate::browser::{self, Visit};
use crate::claims::ClaimsRequest;
use crate::config::{ApplicationType, Client};
use crate::exchange::Answer;
use crate::hint;
use crate::log::{Batch, NotWritten};
use crate::names::{Challenge, RedirectUri, SignInId, UserId};
use crate::pages;
use crate::params::{Params, extend};
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::state::browser::{self as browser_state, BrowserSignInStarted};
use crate::state::sign_in::{self as sign_in_state, AuthRequest, AuthRequestAdded, Prompt, ResponseMode, ReturnAddress, Wishes};
use crate::subject;

/// Answers an authorization request.
///
/// Until client, redirect URI and response mode are known to be right, an error is a page (RFC 6749, section 4.1.2.1). After that it
/// goes to the client at once. RFC 9700, section 4.11.2 wants that only where the address is trusted: here every address was entered
/// by the operator.
pub async fn answer(mut cx: Cx<'_>) -> Answer {
    let params = match cx.request.params() {
        Ok(params) => params,
        Err(refusal) => return pages::refused(&cx, &refusal),
    };
    if cx.request.method == Method::POST && browser::cookie(&cx).is_none() && !params.is_empty() {
        // A form on another site does not bring a SameSite=Lax cookie along. The same request by GET does.
        return Answer::see_other(&extend(&cx.origin.at("/authorize"), &params.pairs()));
    }
    let (client, to) = match return_address(&cx, &params).await {
        Ok(found) => found,
        Err(refusal) => return pages::refused(&cx, &refusal),
    };
    match begin(&mut cx, &client, &params, &to).await {
        Ok(answer) => answer,
        Err(refusal) => error_to_client(&cx, &to, &refusal),
    }
}

/// Who asks, and where the answer may go.
async fn return_address(cx: &Cx<'_>, params: &Params) -> Result<(Arc<Client>, ReturnAddress), Refusal> {
    let client = cx.provider.client(&params.need("client_id", |id| id)?).await?;
    let redirect_uri = params.need("redirect_uri", RedirectUri::new)?;
    if !client.redirect_uris.iter().any(|registered| same_redirect_uri(&client, registered, &redirect_uri)) {
        return Err(Refusal::RedirectUriUnknown);
    }
    let response_mode = match params.get("response_mode") {
        Ok(None | Some("query")) => ResponseMode::Query,
        Ok(Some("form_post")) => ResponseMode::FormPost,
        Ok(Some(_)) => return Err(Refusal::ResponseModeUnsupported),
        // That it is there twice is said to the client, the usual way.
        Err(_) => ResponseMode::Query,
    };
    let state = params.get("state").ok().flatten().map(str::to_owned);
    let to = ReturnAddress { client_id: client.id.clone(), redirect_uri, response_mode, state };
    Ok((client, to))
}

/// Exact comparison, text as written (RFC 9700, section 2.1). For native clients the port of an http loopback address may vary
/// (RFC 8252, section 7.3).
fn same_redirect_uri(client: &Client, registered: &RedirectUri, asked: &RedirectUri) -> bool {
    if registered == asked {
        return true;
    }
    client.application_type == ApplicationType::Native
        && without_port(registered.as_str()).is_some_and(|registered| without_port(asked.as_str()) == Some(registered))
}

/// Host and rest of an http address on a loopback address, without the port between them.
fn without_port(uri: &str) -> Option<(&str, &str)> {
    let after = uri.strip_prefix("http://")?;
    let host = ["127.0.0.1", "[::1]"].into_iter().find(|host| after.starts_with(host))?;
    let rest = &after[host.len()..];
    let rest = match rest.strip_prefix(':') {
        Some(port) => {
            let digits = port.find(|char: char| !char.is_ascii_digit()).unwrap_or(port.len());
            port[..digits].parse::<u16>().ok()?;
            &port[digits..]
        }
        None => rest,
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
}

/// Checks the request, writes it down, and goes on with it.
async fn begin(cx: &mut Cx<'_>, client: &Client, params: &Params, to: &ReturnAddress) -> Result<Answer, Refusal> {
    let request = checked(cx, client, params, to).await?;
    let provider = cx.provider;
    let mut attempt = 0;
    loop {
        let (visit, version) = Visit::known_or_new(cx, attempt).await?;
        let browser = browser_state::aggregate(&visit.browser_id);
        let id = SignInId::new(provider.world.fresh.id(&browser, version, "auth request"));
        let added = AuthRequestAdded { browser_id: visit.browser_id.clone(), request: request.clone() };
        let batch = Batch::new().add(&browser, version, &BrowserSignInStarted { auth_request_id: id.clone() })?.add(
            &sign_in_state::aggregate(&id),
            0,
            &added,
        )?;
        match provider.log.append(batch, provider.world.now_ms()).await {
            Ok(()) => return Ok(visit.remembered(cx, sign_in::proceed(cx, &visit, &id).await)),
            Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => attempt += 1,
            Err(NotWritten::Failed(failure)) => return Err(failure.into()),
        }
    }
}

/// The request in its types.
async fn checked(cx: &Cx<'_>, client: &Client, params: &Params, to: &ReturnAddress) -> Result<AuthRequest, Refusal> {
    params.none_repeated()?;
    if params.get("request")?.is_some() {
        return Err(Refusal::RequestObject);
    }
    if params.get("request_uri")?.is_some() {
        return Err(Refusal::RequestUri);
    }
    match params.get("response_type")? {
        None => return Err(Refusal::Missing("response_type")),
        Some("code") => {}
        Some(_) => return Err(Refusal::ResponseTypeUnsupported),
    }
    if !client.may_use("authorization_code") {
        return Err(Refusal::GrantNotAllowed);
    }
    let max_age = match params.get("max_age")? {
        None => client.default_max_age,
        Some(text) => Some(text.parse().ok().filter(|age: &i64| *age >= 0).ok_or(Refusal::Malformed("max_age"))?),
    };
    let claims = params.get("claims")?.map(ClaimsRequest::parse).transpose()?.unwrap_or_default();
    if claims.wants_another_acr() {
        return Err(Refusal::AcrUnmet);
    }
    let hinted_user = match params.get("id_token_hint")? {
        None => None,
        Some(token) => Some(hint::verify(cx.provider, token).await?.user_id),
    };
    let wish = |name| params.get(name).map(|wish| wish.map(str::to_owned));
    let prompt = prompts(params.get("prompt")?)?;
    // Core, section 11: it takes a consent of the user, or the operator's for this client.
    let offline = client.may_use("refresh_token") && (client.offline_access_without_consent || prompt.contains(&Prompt::Consent));
    Ok(AuthRequest {
        issuer: cx.origin.issuer.clone(),
        to: to.clone(),
        scope: Scope::grant(params.get("scope")?, offline)?,
        nonce: params.get("nonce")?.map(str::to_owned),
        code_challenge: challenge(params, cx.provider.config.policy.pkce_required)?,
        prompt,
        max_age,
        login_hint: params.get("login_hint")?.map(str::to_owned),
        about: about(cx, client, hinted_user, &claims)?,
        claims,
        wishes: Wishes {
            display: wish("display")?,
            ui_locales: wish("ui_locales")?,
            claims_locales: wish("claims_locales")?,
            acr_values: wish("acr_values")?,
        },
    })
}

/// Whom the answer has to be about, if the client says so: the user of the hint, and one whose subject its claims name (Core, section
/// 3.1.2.2). An answer about nobody there is none.
fn about(cx: &Cx<'_>, client: &Client, hinted: Option<UserId>, claims: &ClaimsRequest) -> Result<Option<BTreeSet<UserId>>, Refusal> {
    let config = &cx.provider.config;
    let users = |subjects: BTreeSet<&str>| subjects.iter().filter_map(|sub| subject::user_of(config, client, sub)).collect();
    let named: Option<BTreeSet<UserId>> = claims.subjects().map(users);
    let about = match (hinted, named) {
        (None, None) => return Ok(None),
        (Some(user), None) => BTreeSet::from([user]),
        (None, Some(users)) => users,
        (Some(user), Some(users)) => users.into_iter().filter(|named| *named == user).collect(),
    };
    if about.is_empty() { Err(Refusal::SubjectUnknown) } else { Ok(Some(about)) }
}

/// RFC 7636, section 4.3. Without a method the method is `plain`, which is refused.
fn challenge(params: &Params, required: bool) -> Result<Option<Challenge>, Refusal> {
    let method = params.get("code_challenge_method")?;
    let Some(challenge) = params.get("code_challenge")? else {
        return if required || method.is_some() { Err(Refusal::ChallengeMissing) } else { Ok(None) };
    };
    if method != Some("S256") {
        return Err(Refusal::ChallengeMethodUnsupported);
    }
    // The base64url of 32 bytes.
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if challenge.len() != 43 || !challenge.bytes().all(base64url) {
        return Err(Refusal::Malformed("code_challenge"));
    }
    Ok(Some(Challenge::new(challenge)))
}

/// Core, section 3.1.2.1. Values that nobody knows are ignored.
fn prompts(text: Option<&str>) -> Result<BTreeSet<Prompt>, Refusal> {
    let words: Vec<&str> = text.unwrap_or_default().split(' ').filter(|word| !word.is_empty()).collect();
    let prompts: BTreeSet<Prompt> = words
        .iter()
        .filter_map(|word| match *word {
            "none" => Some(Prompt::None),
            "login" => Some(Prompt::Login),
            "consent" => Some(Prompt::Consent),
            "select_account" => Some(Prompt::SelectAccount),
            _ => None,
        })
        .collect();
    if prompts.contains(&Prompt::None) && words.len() > 1 { Err(Refusal::PromptNoneCombined) } else { Ok(prompts) }
}

/// Sends an error to the client: RFC 6749, section 4.1.2.1.
pub fn error_to_client(cx: &Cx<'_>, to: &ReturnAddress, refusal: &Refusal) -> Answer {
    to_client(cx, to, &[("error", refusal.code().text()), ("error_description", &refusal.description())])
}

/// Sends an answer to the client, with `state` as it came and with `iss` (RFC 9207), in the way that the client asked for.
pub fn to_client(cx: &Cx<'_>, to: &ReturnAddress, answer: &[(&str, &str)]) -> Answer {
    let mut pairs = answer.to_vec();
    if let Some(state) = &to.state {
        pairs.push(("state", state));
    }
    pairs.push(("iss", cx.origin.issuer.as_str()));
    match to.response_mode {
        ResponseMode::Query => Answer::see_other(&extend(to.redirect_uri.as_str(), &pairs)),
        ResponseMode::FormPost => pages::form_post(cx.request, to.redirect_uri.as_str(), &pairs),
    }
}

/// What `form-action` has to allow so that a browser follows the answer: Chromium checks the whole chain of redirects after a form
/// was sent, and a client may send its user on to another host. So it is the scheme of the redirect URI.
pub fn form_action(to: &ReturnAddress) -> String {
    Url::parse(to.redirect_uri.as_str()).map(|url| format!("'self' {}:", url.scheme())).unwrap_or_else(|_| "'self'".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_loopback_the_port_alone_may_vary() {
        let with_port = without_port("http://127.0.0.1:5123/cb?a=1");
        assert_eq!(with_port, without_port("http://127.0.0.1/cb?a=1"));
        assert!(with_port.is_some());
        for other in [
            "http://127.0.0.1:5123/cb?a=2",
            "http://127.0.0.1:5123/cb/?a=1",
            "http://[::1]:5123/cb?a=1",
            "https://127.0.0.1:5123/cb?a=1",
            "http://127.0.0.1:99999/cb?a=1",
            "http://127.0.0.1:/cb?a=1",
            "http://127.0.0.1@evil.example/cb?a=1",
            "http://127.0.0.1.evil.example/cb?a=1",
            "http://127.0.0.1:80@evil.example/cb?a=1",
        ] {
            assert_ne!(without_port(other), with_port, "{other}");
        }
    }

    #[test]
    fn prompts_are_words_and_none_stands_alone() {
        assert_eq!(prompts(Some("login  consent unheard-of")), Ok(BTreeSet::from([Prompt::Login, Prompt::Consent])));
        assert_eq!(prompts(Some("NONE")), Ok(BTreeSet::new()));
        assert_eq!(prompts(Some("none login")), Err(Refusal::PromptNoneCombined));
        assert_eq!(prompts(None), Ok(BTreeSet::new()));
    }

    proptest::proptest! {
        #[test]
        fn two_addresses_are_the_same_only_if_nothing_but_a_port_differs(
            host in "(127\\.0\\.0\\.1|\\[::1\\]|localhost|op\\.test)", port in 0u16.., rest in "(/[a-z:@.]{0,6}(\\?[a-z=]{0,4})?)?", other in "[ -~]{0,24}",
        ) {
            let registered = format!("http://{host}{rest}");
            let loopback = host == "127.0.0.1" || host == "[::1]";
            let ported = format!("http://{host}:{port}{rest}");
            proptest::prop_assert_eq!(without_port(&registered).is_some() && without_port(&registered) == without_port(&ported), loopback);
            if let Some(found) = without_port(&other) {
                let prefix = format!("http://{}", found.0);
                proptest::prop_assert!(other.starts_with(&prefix) && other.ends_with(found.1));
            }
        }
    }
}
