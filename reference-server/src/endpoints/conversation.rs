//! A conversation with the user of a browser: who is here, sign in, choose, and then a question. An authorization request has one, and the
//! code of a device has one; what they ask is theirs.

use std::sync::Arc;

use hyper::{Method, StatusCode};

use crate::browser::{Visit, own_form};
use crate::config::{Client, User};
use crate::exchange::Answer;
use crate::log::{Aggregate, Batch, Failure, NotWritten};
use crate::names::{Password, SessionId};
use crate::pages::{self, Account, AccountsPage, Frame, SignInPage, Talk};
use crate::params::Params;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::scope::{OFFLINE_ACCESS, Scope};
use crate::state::browser::{self, Browser, BrowserSessionUsed, LiveSessions};
use crate::state::session::{self, Session, SessionAdded, SessionReauthenticated};
use crate::texts::{self, Text, Texts};

/// What a conversation is about.
pub trait Conversation: Sized + Send + Sync {
    /// What comes when the user is known.
    type Then: Send;

    /// What is said where there is no such conversation, or not in this browser.
    const GONE: Refusal;

    /// The one that this request is part of, as it is now.
    fn load(cx: &Cx<'_>, visit: &Visit) -> impl Future<Output = Result<Self, Refusal>> + Send;

    /// What they all have.
    fn here(&self) -> &Here;

    /// What is due.
    fn step(&self, cx: &Cx<'_>) -> impl Future<Output = Result<Step<Self::Then>, Refusal>> + Send;

    /// As whom somebody will probably sign in.
    fn expected<'a>(&'a self, cx: &Cx<'a>) -> Option<&'a str>;

    /// The batch, with the word that this session is the one. Whether its user proved who they are for this very conversation is known.
    ///
    /// # Errors
    /// The payload cannot be written.
    fn linked(&self, batch: Batch, session_id: &SessionId, authenticated: bool) -> Result<Batch, Failure>;

    /// The page of what comes, or what comes instead.
    fn shown(&self, cx: &Cx<'_>, visit: &Visit, then: Self::Then) -> impl Future<Output = Result<Answer, Refusal>> + Send;

    /// Where it goes on when somebody has signed in or was chosen.
    fn go_on(&self, cx: &Cx<'_>, visit: &Visit) -> impl Future<Output = Result<Answer, Refusal>> + Send;

    /// What comes of the user's decision. A no may be said on every page: there it is "cancel".
    fn decided(cx: &Cx<'_>, visit: &Visit, params: &Params, agreed: bool) -> impl Future<Output = Result<Answer, Refusal>> + Send;
}

/// What all conversations have.
pub struct Here {
    /// Below the issuer, where its pages are.
    pub at: String,
    /// The aggregate of what it is about, and its version.
    pub of: (Aggregate, u64),
    /// Who wants something.
    pub client: Arc<Client>,
    /// In which browser.
    pub browser: Browser,
    /// Who is here.
    pub sessions: LiveSessions,
    /// The language that was wished for.
    pub ui_locales: Option<String>,
    /// Where its forms may lead.
    pub form_action: String,
}

impl Here {
    /// In which language its pages are.
    pub fn texts(&self, cx: &Cx<'_>) -> &'static Texts {
        texts::texts(self.ui_locales.as_deref(), cx.request)
    }

    /// What its pages have.
    pub fn talk(&self, cx: &Cx<'_>, visit: &Visit) -> Talk<'_> {
        Talk { at: format!("{}{}", cx.origin.path, self.at), form_token: visit.form_token(cx), client: &self.client.name }
    }
}

/// What is to be done.
pub enum Step<T> {
    /// Somebody has to sign in.
    SignIn,
    /// The user has to choose.
    Choose,
    /// The user is known.
    Then(T),
}

/// `GET …/{id}`: the page that is due.
pub async fn page<C: Conversation>(cx: Cx<'_>) -> Answer {
    or_page(&cx, due::<C>(&cx, false).await)
}

/// `GET …/{id}/password`: the sign-in page, whoever is here. `POST`: name and password.
pub async fn password<C: Conversation>(cx: Cx<'_>) -> Answer {
    let answer = if cx.request.method == Method::POST { signed_in::<C>(&cx).await } else { due::<C>(&cx, true).await };
    or_page(&cx, answer)
}

/// `POST …/{id}/account`: the account that was chosen.
pub async fn account<C: Conversation>(cx: Cx<'_>) -> Answer {
    or_page(&cx, chosen::<C>(&cx).await)
}

/// `POST …/{id}/consent`: yes or no.
pub async fn consent<C: Conversation>(cx: Cx<'_>) -> Answer {
    or_page(&cx, decided::<C>(&cx).await)
}

/// An answer, or the page that says why there is none.
pub fn or_page(cx: &Cx<'_>, answer: Result<Answer, Refusal>) -> Answer {
    answer.unwrap_or_else(|refusal| pages::refused(cx, &refusal))
}

async fn due<C: Conversation>(cx: &Cx<'_>, sign_in: bool) -> Result<Answer, Refusal> {
    let visit = Visit::known(cx).ok_or(C::GONE)?;
    let conversation = C::load(cx, &visit).await?;
    match if sign_in { Step::SignIn } else { conversation.step(cx).await? } {
        Step::SignIn => Ok(sign_in_page(cx, &visit, &conversation, None)),
        Step::Choose => Ok(accounts_page(cx, &visit, conversation.here())),
        Step::Then(then) => conversation.shown(cx, &visit, then).await,
    }
}

/// Checks name and password and begins a session, or renews the one that this user has here already.
async fn signed_in<C: Conversation>(cx: &Cx<'_>) -> Result<Answer, Refusal> {
    let (visit, params) = own_form(cx)?;
    let name = params.get("username")?.unwrap_or_default();
    let user = proven(cx, &params).await?;
    loop {
        let conversation = C::load(cx, &visit).await?;
        let Here { of, sessions, .. } = conversation.here();
        let begun = session_for(cx, &visit, sessions, user, (&of.0, of.1)).await?;
        let Some((batch, session_id)) = begun else { return Ok(sign_in_page(cx, &visit, &conversation, Some(name))) };
        if written(cx, link(batch, &conversation, &visit, &session_id, true)?).await? {
            return conversation.go_on(cx, &visit).await;
        }
    }
}

async fn chosen<C: Conversation>(cx: &Cx<'_>) -> Result<Answer, Refusal> {
    let (visit, params) = own_form(cx)?;
    let choice = params.need("account", SessionId::new)?;
    loop {
        let conversation = C::load(cx, &visit).await?;
        let Here { at, sessions, .. } = conversation.here();
        if choice.as_str() == "another" {
            return Ok(Answer::see_other(&cx.origin.at(&format!("{at}/password"))));
        }
        if sessions.get(&choice).is_none() {
            return Err(Refusal::ChoiceUnknown);
        }
        if written(cx, link(Batch::new(), &conversation, &visit, &choice, false)?).await? {
            return conversation.go_on(cx, &visit).await;
        }
    }
}

async fn decided<C: Conversation>(cx: &Cx<'_>) -> Result<Answer, Refusal> {
    let (visit, params) = own_form(cx)?;
    let agreed = match params.get("decide")? {
        Some("approve") => true,
        Some("deny") => false,
        Some(_) | None => return Err(Refusal::ChoiceUnknown),
    };
    C::decided(cx, &visit, &params, agreed).await
}

/// Makes a session the one of this conversation, and the current one of the browser.
///
/// # Errors
/// A payload cannot be written.
pub fn link<C: Conversation>(
    batch: Batch,
    conversation: &C,
    visit: &Visit,
    session_id: &SessionId,
    authenticated: bool,
) -> Result<Batch, Failure> {
    let used = BrowserSessionUsed { session_id: session_id.clone() };
    let browser = browser::aggregate(&visit.browser_id);
    conversation.linked(batch, session_id, authenticated)?.add(&browser, conversation.here().browser.version, &used)
}

/// `failed` is the name with which it did not work.
fn sign_in_page<C: Conversation>(cx: &Cx<'_>, visit: &Visit, conversation: &C, failed: Option<&str>) -> Answer {
    let here = conversation.here();
    let texts = here.texts(cx);
    let page = SignInPage {
        frame: Frame::of(cx, texts),
        talk: here.talk(cx, visit),
        username: failed.or_else(|| conversation.expected(cx)).unwrap_or_default(),
        failed: failed.is_some(),
    };
    pages::page(StatusCode::OK, texts, &page, &here.form_action)
}

fn accounts_page(cx: &Cx<'_>, visit: &Visit, here: &Here) -> Answer {
    let texts = here.texts(cx);
    let page = AccountsPage { frame: Frame::of(cx, texts), talk: here.talk(cx, visit), accounts: accounts_of(cx, &here.sessions) };
    pages::page(StatusCode::OK, texts, &page, &here.form_action)
}

fn accounts_of<'a>(cx: &Cx<'a>, sessions: &'a LiveSessions) -> Vec<Account<'a>> {
    let config = &cx.provider.config;
    let account = |session: &'a Session| {
        let user = config.user(&session.user_id)?;
        Some(Account { session_id: session.id.as_str(), name: user.display_name(), login: &user.login })
    };
    sessions.all.iter().filter_map(account).collect()
}

/// What a page calls the user of a session.
pub fn called<'a>(cx: &Cx<'a>, session: &Session, texts: &'static Texts) -> &'a str {
    cx.provider.config.user(&session.user_id).map_or(texts.consent_you.as_str(), |user| user.display_name())
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

/// The browser, and those who are signed in there. A session is no way in for a user who may not sign in. It goes on behind that: a logout
/// ends it still, and tells its clients.
///
/// # Errors
/// The store failed.
pub async fn who_is_here(cx: &Cx<'_>, visit: &Visit) -> Result<(Browser, LiveSessions), Failure> {
    let provider = cx.provider;
    let browser = Browser::load(&provider.log, &visit.browser_id).await?;
    let mut sessions = browser.live_sessions(&provider.log, provider.world.now_ms(), &provider.config.lifetimes).await?;
    let mut active = Vec::new();
    for session in sessions.all {
        if provider.active_user(&session.user_id).await?.is_some() {
            active.push(session);
        }
    }
    sessions.all = active;
    Ok((browser, sessions))
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
