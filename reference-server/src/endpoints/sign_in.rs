//! From an authorization request to its answer: sign-in, choice of an account, consent (Core, sections 3.1.2.3 to 3.1.2.6).

use hyper::StatusCode;

use super::authorize::{error_to_client, form_action, to_client};
use super::conversation::{Conversation, Here, Step, called, link, or_page, wants, who_is_here, written};
use super::next::{Who, asks_consent, who};
use crate::browser::Visit;
use crate::exchange::Answer;
use crate::log::{Batch, Failure};
use crate::names::{Code, SessionId, SignInId, UserId};
use crate::pages::{self, ConsentPage, Frame};
use crate::params::Params;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::state::code::{self, CodeAdded, Granted};
use crate::state::consent::{self, ConsentGranted, Consented};
use crate::state::session::{self, Session};
use crate::state::sign_in::{
    self, AuthRequestConsented, AuthRequestFailed, AuthRequestSessionLinked, AuthRequestSucceeded, Prompt, SignIn,
};

/// The conversation about an authorization request.
pub struct SigningIn {
    sign_in: SignIn,
    here: Here,
}

/// What comes when the user is known.
pub enum Then {
    /// They are asked.
    Consent(Session),
    /// The client has its answer.
    Answer(Session),
    /// The client has an error for its answer.
    Refuse(Refusal),
}

impl Conversation for SigningIn {
    type Then = Then;

    const GONE: Refusal = Refusal::SignInGone;

    async fn load(cx: &Cx<'_>, visit: &Visit) -> Result<Self, Refusal> {
        let id = cx.id.map(SignInId::new).ok_or(Refusal::SignInGone)?;
        load(cx, visit, &id).await
    }

    fn here(&self) -> &Here {
        &self.here
    }

    async fn step(&self, cx: &Cx<'_>) -> Result<Step<Then>, Refusal> {
        let Self { sign_in, here } = self;
        let hinted = sign_in.request.login_hint.as_deref().and_then(|hint| cx.provider.config.user_called(hint)).map(|user| &user.id);
        let session = match who(sign_in, &here.sessions, hinted, cx.provider.world.now()) {
            Who::Known(session) => session,
            Who::SignIn => return Ok(Step::SignIn),
            Who::Choose => return Ok(Step::Choose),
            Who::Nobody(refusal) => return Ok(Step::Then(Then::Refuse(refusal))),
        };
        let consented = Consented::load(&cx.provider.log, &session.user_id, &here.client.id).await?;
        let asks = asks_consent(sign_in, &here.client, &consented);
        Ok(Step::Then(if asks { Then::Consent(session) } else { Then::Answer(session) }))
    }

    fn expected<'a>(&'a self, cx: &Cx<'a>) -> Option<&'a str> {
        let Self { sign_in: SignIn { request, linked, .. }, here } = self;
        let config = &cx.provider.config;
        let login_of = |user: &UserId| config.user(user).map(|user| user.login.as_str());
        let chosen = linked.as_ref().and_then(|linked| here.sessions.get(&linked.session_id));
        match (&request.about, &request.login_hint, chosen) {
            // Of several nobody knows who it will be.
            (Some(users), ..) => users.first().filter(|_| users.len() == 1).and_then(login_of),
            (None, _, Some(session)) => login_of(&session.user_id),
            (None, Some(hint), None) => Some(hint.as_str()),
            (None, None, None) if request.prompt.contains(&Prompt::SelectAccount) => None,
            // Who has to sign in again is probably the one who is here.
            (None, None, None) => here.sessions.current().and_then(|session| login_of(&session.user_id)),
        }
    }

    fn linked(&self, batch: Batch, session_id: &SessionId, authenticated: bool) -> Result<Batch, Failure> {
        let linked = AuthRequestSessionLinked { session_id: session_id.clone(), authenticated };
        batch.add(&self.here.of.0, self.here.of.1, &linked)
    }

    async fn shown(&self, cx: &Cx<'_>, visit: &Visit, then: Then) -> Result<Answer, Refusal> {
        match then {
            Then::Consent(session) => Ok(consent_page(cx, visit, self, &session)),
            Then::Answer(_) | Then::Refuse(_) => go_on(cx, visit, &self.sign_in.id).await,
        }
    }

    async fn go_on(&self, cx: &Cx<'_>, visit: &Visit) -> Result<Answer, Refusal> {
        go_on(cx, visit, &self.sign_in.id).await
    }

    async fn decided(cx: &Cx<'_>, visit: &Visit, _: &Params, agreed: bool) -> Result<Answer, Refusal> {
        loop {
            let known = Self::load(cx, visit).await?;
            if !agreed {
                match failed(cx, &known, &Refusal::UserDenied).await? {
                    Some(answer) => return Ok(answer),
                    None => continue,
                }
            }
            // Whoever agrees must be the one who was asked.
            let Step::Then(Then::Consent(session)) = known.step(cx).await? else { return known.go_on(cx, visit).await };
            let (user, client) = (&session.user_id, &known.here.client.id);
            let consented = Consented::load(&cx.provider.log, user, client).await?;
            let granted = ConsentGranted { user_id: user.clone(), client_id: client.clone(), scope: known.sign_in.request.asks_for() };
            let mut batch = Batch::new();
            if known.sign_in.linked.is_none() {
                // From here on the request is about this user, whoever signs in meanwhile.
                batch = link(batch, &known, visit, &session.id, false)?;
            }
            let (of, version) = &known.here.of;
            let batch =
                batch.add(of, *version, &AuthRequestConsented {})?.add(&consent::aggregate(user, client), consented.version, &granted)?;
            if written(cx, batch).await? {
                return known.go_on(cx, visit).await;
            }
        }
    }
}

/// Goes on with an authorization request: to a page, or to the client.
pub async fn proceed(cx: &Cx<'_>, visit: &Visit, id: &SignInId) -> Answer {
    or_page(cx, go_on(cx, visit, id).await)
}

async fn go_on(cx: &Cx<'_>, visit: &Visit, id: &SignInId) -> Result<Answer, Refusal> {
    loop {
        let known = load(cx, visit, id).await?;
        let silent = known.sign_in.prompts(Prompt::None);
        let refusal = match known.step(cx).await? {
            Step::Then(Then::Answer(session)) => match answered(cx, visit, &known, &session).await? {
                Some(answer) => return Ok(answer),
                None => continue,
            },
            Step::Then(Then::Refuse(refusal)) => refusal,
            Step::SignIn if silent => Refusal::NobodySignedIn,
            Step::Choose if silent => Refusal::AccountNotChosen,
            Step::Then(Then::Consent(_)) if silent => Refusal::NoConsentYet,
            Step::SignIn | Step::Choose | Step::Then(Then::Consent(_)) => return Ok(Answer::see_other(&cx.origin.at(&known.here.at))),
        };
        if let Some(answer) = failed(cx, &known, &refusal).await? {
            return Ok(answer);
        }
    }
}

/// What is known of the request that this browser is busy with.
async fn load(cx: &Cx<'_>, visit: &Visit, id: &SignInId) -> Result<SigningIn, Refusal> {
    let provider = cx.provider;
    let sign_in = SignIn::load(&provider.log, id).await?.ok_or(Refusal::SignInGone)?;
    let too_late = provider.world.now_ms() - sign_in.began_ms >= provider.config.lifetimes.sign_in.ms();
    if sign_in.browser_id != visit.browser_id || sign_in.answered || too_late {
        return Err(Refusal::SignInGone);
    }
    let request = &sign_in.request;
    let client = provider.client(request.to.client_id.as_str()).await?;
    let (browser, sessions) = who_is_here(cx, visit).await?;
    let here = Here {
        at: format!("/sign-in/{id}"),
        of: (sign_in::aggregate(id), sign_in.version),
        client,
        browser,
        sessions,
        // In the language that the client wishes for (Core, section 3.1.2.1).
        ui_locales: request.wishes.ui_locales.clone(),
        form_action: form_action(&request.to),
    };
    Ok(SigningIn { sign_in, here })
}

/// The answer with a code; nothing if somebody was faster and it has to be decided again.
async fn answered(cx: &Cx<'_>, visit: &Visit, known: &SigningIn, session: &Session) -> Result<Option<Answer>, Refusal> {
    let provider = cx.provider;
    let SignIn { request, linked, .. } = &known.sign_in;
    let (aggregate, version) = &known.here.of;
    let code = Code::new(provider.world.fresh.secret(aggregate, *version, "code"));
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
    batch = batch.add(aggregate, *version, &AuthRequestSucceeded {})?.add(&code::aggregate(&code), 0, &added)?;
    Ok(written(cx, batch).await?.then(|| to_client(cx, &request.to, &[("code", code.reveal())])))
}

/// The answer with an error; nothing if somebody was faster.
async fn failed(cx: &Cx<'_>, known: &SigningIn, refusal: &Refusal) -> Result<Option<Answer>, Refusal> {
    let event = AuthRequestFailed { error: refusal.code().text().to_owned() };
    let (of, version) = &known.here.of;
    let batch = Batch::new().add(of, *version, &event)?;
    Ok(written(cx, batch).await?.then(|| error_to_client(cx, &known.sign_in.request.to, refusal)))
}

fn consent_page(cx: &Cx<'_>, visit: &Visit, known: &SigningIn, session: &Session) -> Answer {
    let here = &known.here;
    let texts = here.texts(cx);
    let page = ConsentPage {
        frame: Frame::of(cx, texts),
        talk: here.talk(cx, visit),
        user: called(cx, session, texts),
        wants: wants(&known.sign_in.request.asks_for(), texts),
    };
    pages::page(StatusCode::OK, texts, &page, &here.form_action)
}
