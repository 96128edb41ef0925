//! From an authorization request to its answer: sign-in, choice of an account, consent (Core, sections 3.1.2.3 to 3.1.2.6).

use std::sync::Arc;

use hyper::{Method, StatusCode};

use super::authorize::{error_to_client, form_action, to_client};
use super::next::{Who, asks_consent, who};
use crate::browser::{Visit, own_form};
use crate::config::{Client, User};
use crate::exchange::Answer;
use crate::log::{Aggregate, Batch, NotWritten};
use crate::names::{Code, Password, SessionId, SignInId, UserId};
use crate::pages::{self, Account, AccountsPage, ConsentPage, SignInPage};
use crate::params::Params;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::scope::{OFFLINE_ACCESS, Scope};
use crate::state::browser::{self, Browser, BrowserSessionUsed, LiveSessions};
use crate::state::code::{self, CodeAdded, Granted};
use crate::state::consent::{self, ConsentGranted, Consented};
use crate::state::session::{self, Session, SessionAdded, SessionReauthenticated};
use crate::state::sign_in::{
    self, AuthRequestConsented, AuthRequestFailed, AuthRequestSessionLinked, AuthRequestSucceeded, Prompt, SignIn,
};
use crate::texts::{self, Text, Texts};

/// What is known when a step is decided.
struct Known {
    sign_in: SignIn,
    client: Arc<Client>,
    browser: Browser,
    sessions: LiveSessions,
}

/// What is to be done.
enum Step {
    SignIn,
    Choose,
    Consent(Session),
    Answer(Session),
    Refuse(Refusal),
}

/// `GET /sign-in/{id}`: the page that is due.
pub async fn page(cx: Cx<'_>) -> Answer {
    or_page(&cx, shown(&cx, None).await)
}

/// `GET /sign-in/{id}/password`: the sign-in page, whoever is here. `POST`: name and password.
pub async fn password(cx: Cx<'_>) -> Answer {
    let answer = if cx.request.method == Method::POST { signed_in(&cx).await } else { shown(&cx, Some(Step::SignIn)).await };
    or_page(&cx, answer)
}

/// `POST /sign-in/{id}/account`: the account that was chosen.
pub async fn account(cx: Cx<'_>) -> Answer {
    or_page(&cx, chosen(&cx).await)
}

/// `POST /sign-in/{id}/consent`: yes or no; no is also what "cancel" says elsewhere.
pub async fn consent(cx: Cx<'_>) -> Answer {
    or_page(&cx, decided(&cx).await)
}

fn or_page(cx: &Cx<'_>, answer: Result<Answer, Refusal>) -> Answer {
    answer.unwrap_or_else(|refusal| pages::refused(cx, &refusal))
}

fn id_of(cx: &Cx<'_>) -> Result<SignInId, Refusal> {
    cx.id.map(SignInId::new).ok_or(Refusal::SignInGone)
}

/// Goes on with an authorization request: to a page, or to the client.
pub async fn proceed(cx: &Cx<'_>, visit: &Visit, id: &SignInId) -> Answer {
    or_page(cx, go_on(cx, visit, id).await)
}

async fn go_on(cx: &Cx<'_>, visit: &Visit, id: &SignInId) -> Result<Answer, Refusal> {
    loop {
        let known = load(cx, visit, id).await?;
        let silent = known.sign_in.prompts(Prompt::None);
        let refusal = match step(cx, &known).await? {
            Step::Answer(session) => match answered(cx, visit, &known, &session).await? {
                Some(answer) => return Ok(answer),
                None => continue,
            },
            Step::Refuse(refusal) => refusal,
            Step::SignIn if silent => Refusal::NobodySignedIn,
            Step::Choose if silent => Refusal::AccountNotChosen,
            Step::Consent(_) if silent => Refusal::NoConsentYet,
            Step::SignIn | Step::Choose | Step::Consent(_) => return Ok(Answer::see_other(&cx.origin.at(&format!("/sign-in/{id}")))),
        };
        if let Some(answer) = failed(cx, &known.sign_in, &refusal).await? {
            return Ok(answer);
        }
    }
}

/// What is known of the request that this browser is busy with.
async fn load(cx: &Cx<'_>, visit: &Visit, id: &SignInId) -> Result<Known, Refusal> {
    let provider = cx.provider;
    let now_ms = provider.world.now_ms();
    let sign_in = SignIn::load(&provider.log, id).await?.ok_or(Refusal::SignInGone)?;
    let too_late = now_ms - sign_in.began_ms >= provider.config.lifetimes.sign_in.ms();
    if sign_in.browser_id != visit.browser_id || sign_in.answered || too_late {
        return Err(Refusal::SignInGone);
    }
    let client = provider.client(sign_in.request.to.client_id.as_str()).await?;
    let browser = Browser::load(&provider.log, &visit.browser_id).await?;
    let mut sessions = browser.live_sessions(&provider.log, now_ms, &provider.config.lifetimes).await?;
    // A session is no way in for a user who may not sign in. It goes on behind that: a logout ends it still, and tells its clients.
    let mut active = Vec::new();
    for session in sessions.all {
        if provider.active_user(&session.user_id).await?.is_some() {
            active.push(session);
        }
    }
    sessions.all = active;
    Ok(Known { sign_in, client, browser, sessions })
}

async fn step(cx: &Cx<'_>, known: &Known) -> Result<Step, Refusal> {
    let Known { sign_in, client, sessions, .. } = known;
    let hinted = sign_in.request.login_hint.as_deref().and_then(|hint| cx.provider.config.user_called(hint)).map(|user| &user.id);
    let session = match who(sign_in, sessions, hinted, cx.provider.world.now()) {
        Who::Known(session) => session,
        Who::SignIn => return Ok(Step::SignIn),
        Who::Choose => return Ok(Step::Choose),
        Who::Nobody(refusal) => return Ok(Step::Refuse(refusal)),
    };
    let consented = Consented::load(&cx.provider.log, &session.user_id, &client.id).await?;
    Ok(if asks_consent(sign_in, client, &consented) { Step::Consent(session) } else { Step::Answer(session) })
}

/// The answer with a code; nothing if somebody was faster and it has to be decided again.
async fn answered(cx: &Cx<'_>, visit: &Visit, known: &Known, session: &Session) -> Result<Option<Answer>, Refusal> {
    let provider = cx.provider;
    let SignIn { id, version, request, linked, .. } = &known.sign_in;
    let aggregate = sign_in::aggregate(id);
    let code = Code::new(provider.world.fresh.secret(&aggregate, *version, "code"));
    let granted = Granted {
        client_id: request.to.client_id.clone(),
        user_id: session.user_id.clone(),
        session_id: Some(session.id.clone()),
        issuer: request.issuer.clone(),
        scope: request.scope.clone(),
        claims: request.claims.clone(),
        auth_time: Some(session.auth_time),
        amr: session.amr.clone(),
        audience: None,
        actor: None,
    };
    let added = CodeAdded {
        granted,
        redirect_uri: request.to.redirect_uri.clone(),
        nonce: request.nonce.clone(),
        code_challenge: request.code_challenge.clone(),
    };
    let Some(user) = provider.active_user(&session.user_id).await? else { return Ok(None) };
    let mut batch = user.unchanged(Batch::new().unchanged(&session::aggregate(&session.id), session.version));
    if linked.is_none() {
        batch = link(batch, known, visit, &session.id, false)?;
    }
    batch = batch.add(&aggregate, *version, &AuthRequestSucceeded {})?.add(&code::aggregate(&code), 0, &added)?;
    Ok(written(cx, batch).await?.then(|| to_client(cx, &request.to, &[("code", code.reveal())])))
}

/// The answer with an error; nothing if somebody was faster.
async fn failed(cx: &Cx<'_>, sign_in: &SignIn, refusal: &Refusal) -> Result<Option<Answer>, Refusal> {
    let event = AuthRequestFailed { error: refusal.code().text().to_owned() };
    let batch = Batch::new().add(&sign_in::aggregate(&sign_in.id), sign_in.version, &event)?;
    Ok(written(cx, batch).await?.then(|| error_to_client(cx, &sign_in.request.to, refusal)))
}

/// Makes a session the one of this request, and the current one of the browser.
fn link(batch: Batch, known: &Known, visit: &Visit, session_id: &SessionId, authenticated: bool) -> Result<Batch, Refusal> {
    let linked = AuthRequestSessionLinked { session_id: session_id.clone(), authenticated };
    let used = BrowserSessionUsed { session_id: session_id.clone() };
    Ok(batch.add(&sign_in::aggregate(&known.sign_in.id), known.sign_in.version, &linked)?.add(
        &browser::aggregate(&visit.browser_id),
        known.browser.version,
        &used,
    )?)
}

/// Whether the batch was written; if not, somebody was faster.
///
/// # Errors
/// The store failed.
pub async fn written(cx: &Cx<'_>, batch: Batch) -> Result<bool, Refusal> {
    match cx.provider.log.append(batch, cx.provider.world.now_ms()).await {
        Ok(()) => Ok(true),
        Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => Ok(false),
        Err(NotWritten::Failed(failure)) => Err(failure.into()),
    }
}

/// Shows the page of a step: the one that is due if none is given.
async fn shown(cx: &Cx<'_>, wanted: Option<Step>) -> Result<Answer, Refusal> {
    let id = id_of(cx)?;
    let visit = Visit::known(cx).ok_or(Refusal::SignInGone)?;
    let known = load(cx, &visit, &id).await?;
    let due = match wanted {
        Some(step) => step,
        None => step(cx, &known).await?,
    };
    match due {
        Step::SignIn => Ok(sign_in_page(cx, &visit, &known, None)),
        Step::Choose => Ok(accounts_page(cx, &visit, &known)),
        Step::Consent(session) => Ok(consent_page(cx, &visit, &known, &session)),
        Step::Answer(_) | Step::Refuse(_) => go_on(cx, &visit, &id).await,
    }
}

/// Where the pages of this sign-in are.
fn here(cx: &Cx<'_>, known: &Known) -> String {
    format!("{}/sign-in/{}", cx.origin.path, known.sign_in.id)
}

/// In the language that the client wishes for (Core, section 3.1.2.1).
fn texts(cx: &Cx<'_>, known: &Known) -> &'static Texts {
    texts::texts(known.sign_in.request.wishes.ui_locales.as_deref(), cx.request)
}

/// `failed` is the name with which it did not work.
fn sign_in_page(cx: &Cx<'_>, visit: &Visit, known: &Known, failed: Option<&str>) -> Answer {
    let (request, texts) = (&known.sign_in.request, texts(cx, known));
    let login_of = |user: &UserId| cx.provider.config.user(user).map(|user| user.login.as_str());
    let chosen = known.sign_in.linked.as_ref().and_then(|linked| known.sessions.get(&linked.session_id));
    let expected = match (&request.about, &request.login_hint, chosen) {
        // Of several nobody knows who it will be.
        (Some(users), ..) => users.first().filter(|_| users.len() == 1).and_then(login_of),
        (None, _, Some(session)) => login_of(&session.user_id),
        (None, Some(hint), None) => Some(hint.as_str()),
        (None, None, None) if request.prompt.contains(&Prompt::SelectAccount) => None,
        // Who has to sign in again is probably the one who is here.
        (None, None, None) => known.sessions.current().and_then(|session| login_of(&session.user_id)),
    };
    let page = SignInPage {
        texts,
        at: &here(cx, known),
        base: &cx.origin.path,
        form_token: visit.form_token(cx),
        client: &known.client.name,
        username: failed.or(expected).unwrap_or_default(),
        failed: failed.is_some(),
    };
    pages::page(StatusCode::OK, texts, &page, &form_action(&request.to))
}

fn accounts_page(cx: &Cx<'_>, visit: &Visit, known: &Known) -> Answer {
    let texts = texts(cx, known);
    let page = AccountsPage {
        texts,
        at: &here(cx, known),
        base: &cx.origin.path,
        form_token: visit.form_token(cx),
        client: &known.client.name,
        accounts: accounts_of(cx, &known.sessions),
    };
    pages::page(StatusCode::OK, texts, &page, &form_action(&known.sign_in.request.to))
}

/// The accounts that can be chosen in a browser.
pub fn accounts_of<'a>(cx: &'a Cx<'_>, sessions: &'a LiveSessions) -> Vec<Account<'a>> {
    let account = |session: &'a Session| {
        let user = cx.provider.config.user(&session.user_id)?;
        Some(Account { session_id: session.id.as_str(), name: user.display_name(), login: &user.login })
    };
    sessions.all.iter().filter_map(account).collect()
}

fn consent_page(cx: &Cx<'_>, visit: &Visit, known: &Known, session: &Session) -> Answer {
    let texts = texts(cx, known);
    let page = ConsentPage {
        texts,
        at: &here(cx, known),
        base: &cx.origin.path,
        form_token: visit.form_token(cx),
        client: &known.client.name,
        user: cx.provider.config.user(&session.user_id).map_or(texts.consent_you.as_str(), |user| user.display_name()),
        wants: wants(&known.sign_in.request.asks_for(), texts),
    };
    pages::page(StatusCode::OK, texts, &page, &form_action(&known.sign_in.request.to))
}

/// What a scope opens, in words.
pub fn wants(scope: &Scope, texts: &'static Texts) -> Vec<&'static Text> {
    scope
        .words()
        .map(|word| match word {
            "profile" => &texts.scope_profile,
            "email" => &texts.scope_email,
            "address" => &texts.scope_address,
            "phone" => &texts.scope_phone,
            OFFLINE_ACCESS => &texts.scope_offline_access,
            _ => &texts.scope_openid,
        })
        .collect()
}

/// Checks name and password and begins a session, or renews the one that this user has here already.
async fn signed_in(cx: &Cx<'_>) -> Result<Answer, Refusal> {
    let id = id_of(cx)?;
    let (visit, params) = own_form(cx)?;
    let name = params.get("username")?.unwrap_or_default();
    let user = proven(cx, &params).await?;
    loop {
        let known = load(cx, &visit, &id).await?;
        let of = sign_in::aggregate(&id);
        let begun = session_for(cx, &visit, &known.sessions, user, (&of, known.sign_in.version)).await?;
        let Some((batch, session_id)) = begun else { return Ok(sign_in_page(cx, &visit, &known, Some(name))) };
        if written(cx, link(batch, &known, &visit, &session_id, true)?).await? {
            return go_on(cx, &visit, &id).await;
        }
    }
}

/// The user whose name and password a form brings.
///
/// # Errors
/// A parameter comes twice, or nothing could be compared.
pub async fn proven<'a>(cx: &Cx<'a>, params: &Params) -> Result<Option<&'a User>, Refusal> {
    let name = params.get("username")?.unwrap_or_default();
    let password = Password::new(params.get("password")?.unwrap_or_default());
    let user = cx.provider.config.user_called(name);
    let fits = cx.provider.passwords.fits(user, password).await?;
    Ok(user.filter(|_| fits))
}

/// Begins a session of a user who has just proved who they are, or renews the one that they have in this browser. A fresh one is named
/// by an aggregate and its version. Nothing if nobody did, or may not sign in now: who may not is told no more than who has forgotten the
/// password.
///
/// # Errors
/// The store failed.
pub async fn session_for(
    cx: &Cx<'_>,
    visit: &Visit,
    sessions: &LiveSessions,
    user: Option<&User>,
    (of, version): (&Aggregate, u64),
) -> Result<Option<(Batch, SessionId)>, Refusal> {
    let Some(user) = user else { return Ok(None) };
    let Some(person) = cx.provider.active_user(&user.id).await? else { return Ok(None) };
    let batch = person.unchanged(Batch::new());
    let amr = vec!["pwd".to_owned()];
    if let Some(session) = sessions.of_user(&user.id) {
        let again = batch.add(&session::aggregate(&session.id), session.version, &SessionReauthenticated { amr })?;
        return Ok(Some((again, session.id.clone())));
    }
    let session_id = SessionId::new(cx.provider.world.fresh.id(of, version, "session"));
    let added = SessionAdded { user_id: user.id.clone(), browser_id: visit.browser_id.clone(), issuer: cx.origin.issuer.clone(), amr };
    // A `sid` is never given twice.
    let begun = batch.add(&session::aggregate(&session_id), 0, &added)?.unique(format!("sid/{session_id}"));
    Ok(Some((begun, session_id)))
}

async fn chosen(cx: &Cx<'_>) -> Result<Answer, Refusal> {
    let id = id_of(cx)?;
    let (visit, params) = own_form(cx)?;
    let choice = params.need("account", SessionId::new)?;
    if choice.as_str() == "another" {
        return Ok(Answer::see_other(&cx.origin.at(&format!("/sign-in/{id}/password"))));
    }
    loop {
        let known = load(cx, &visit, &id).await?;
        if known.sessions.get(&choice).is_none() {
            return Err(Refusal::ChoiceUnknown);
        }
        if written(cx, link(Batch::new(), &known, &visit, &choice, false)?).await? {
            return go_on(cx, &visit, &id).await;
        }
    }
}

async fn decided(cx: &Cx<'_>) -> Result<Answer, Refusal> {
    let id = id_of(cx)?;
    let (visit, params) = own_form(cx)?;
    let agreed = match params.get("decide")? {
        Some("approve") => true,
        Some("deny") => false,
        Some(_) | None => return Err(Refusal::ChoiceUnknown),
    };
    loop {
        let known = load(cx, &visit, &id).await?;
        if !agreed {
            match failed(cx, &known.sign_in, &Refusal::UserDenied).await? {
                Some(answer) => return Ok(answer),
                None => continue,
            }
        }
        // Whoever agrees must be the one who was asked.
        let Step::Consent(session) = step(cx, &known).await? else { return go_on(cx, &visit, &id).await };
        let (user, client) = (&session.user_id, &known.client.id);
        let consented = Consented::load(&cx.provider.log, user, client).await?;
        let granted = ConsentGranted { user_id: user.clone(), client_id: client.clone(), scope: known.sign_in.request.asks_for() };
        let mut batch = Batch::new();
        if known.sign_in.linked.is_none() {
            // From here on the request is about this user, whoever signs in meanwhile.
            batch = link(batch, &known, &visit, &session.id, false)?;
        }
        let batch = batch.add(&sign_in::aggregate(&id), known.sign_in.version, &AuthRequestConsented {})?.add(
            &consent::aggregate(user, client),
            consented.version,
            &granted,
        )?;
        if written(cx, batch).await? {
            return go_on(cx, &visit, &id).await;
        }
    }
}
