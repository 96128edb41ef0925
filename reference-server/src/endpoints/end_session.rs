//! RP-Initiated Logout 1.0.
//!
//! A hint of the browser's present session ends it unasked. In all other cases somebody is asked, or nothing is ended:
//!
//! | hint | this browser | then |
//! |---|---|---|
//! | of the current session | | it ends |
//! | of another session of this browser | | the user is asked about that one |
//! | of no session of this browser | somebody is signed in | the user is asked about the current session |
//! | none at all, or one without `sid` | somebody is signed in | the user is asked about all sessions of this browser |
//! | any or none | nobody is signed in | nothing ends; that is no error |

use std::sync::Arc;

use hyper::{Method, StatusCode};

use super::conversation::or_page;
use crate::browser::{self, Visit, own_form};
use crate::config::Client;
use crate::exchange::Answer;
use crate::hint::{self, Hint};
use crate::log::Failure;
use crate::names::{RedirectUri, SessionId};
use crate::pages::{self, Frame, SignOutPage};
use crate::params::{Params, extend};
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::sessions;
use crate::state::browser::{Browser, LiveSessions};
use crate::state::features::Flag;
use crate::state::session::Session;
use crate::texts;

/// What is asked, checked.
struct Asked {
    client: Option<Arc<Client>>,
    hint: Option<Hint>,
    /// Where the browser goes afterwards; only with a hint (section 3).
    redirect_uri: Option<RedirectUri>,
    state: Option<String>,
    /// In which language the pages are wished for.
    ui_locales: Option<String>,
}

/// Answers a logout request.
pub async fn answer(mut cx: Cx<'_>) -> Answer {
    let answer = asked_for(&mut cx).await;
    or_page(&cx, answer)
}

/// `POST /end_session/confirm`: what the user says to the question.
pub async fn confirm(mut cx: Cx<'_>) -> Answer {
    let answer = confirmed(&mut cx).await;
    or_page(&cx, answer)
}

/// `GET /signed-out`: where a logout ends that leads nowhere else.
pub async fn signed_out(cx: Cx<'_>) -> Answer {
    let texts = texts::asked(cx.request);
    pages::notice(
        StatusCode::OK,
        Frame::of(&cx, texts),
        texts.signed_out.as_str(),
        &format!("{} {}", texts.signed_out_text, texts.close_window),
    )
}

async fn asked_for(cx: &mut Cx<'_>) -> Result<Answer, Refusal> {
    let params = cx.request.params()?;
    params.none_repeated()?;
    if cx.request.method == Method::POST && browser::cookie(cx).is_none() && !params.is_empty() {
        // A form on another site does not bring a SameSite=Lax cookie along. The same request by GET does.
        return Ok(Answer::see_other(&extend(&cx.origin.at("/end_session"), &params.pairs())));
    }
    let asked = checked(cx, &params).await?;
    let Some((visit, sessions)) = present(cx).await? else { return Ok(after(cx, &asked)) };
    let of_hint = |hint: &Hint| sessions.get(hint.session_id.as_ref()?).filter(|session| session.user_id == hint.user_id);
    let hinted = asked.hint.as_ref().and_then(of_hint);
    match (hinted, sessions.current()) {
        (Some(hinted), Some(current)) if hinted.id == current.id => {
            let hinted = hinted.clone();
            end(cx, &sessions, &hinted, &asked).await?;
            Ok(after(cx, &asked))
        }
        (Some(about), _) | (None, Some(about)) => question(cx, &visit, &sessions, about, &asked, &params).await,
        (None, None) => match sessions.all.first() {
            Some(about) => question(cx, &visit, &sessions, about, &asked, &params).await,
            None => Ok(after(cx, &asked)),
        },
    }
}

/// Section 2: whatever cannot be right ends the request before it does anything (section 4).
async fn checked(cx: &Cx<'_>, params: &Params) -> Result<Asked, Refusal> {
    let hint = match params.get("id_token_hint")? {
        Some(token) => Some(hint::verify(cx.provider, token).await?),
        None => None,
    };
    let client_id = params.get("client_id")?;
    if let (Some(client_id), Some(hint)) = (client_id, &hint)
        && client_id != hint.client_id.as_str()
    {
        return Err(Refusal::HintOfAnotherClient);
    }
    let client = match (client_id, &hint) {
        (Some(id), _) => Some(cx.provider.client(id).await?),
        // A client that is gone since then has no address left to go to.
        (None, Some(hint)) => cx.provider.known_client(hint.client_id.as_str()).await?,
        (None, None) => None,
    };
    let redirect_uri = params.get("post_logout_redirect_uri")?.map(RedirectUri::new);
    if let (Some(uri), true) = (&redirect_uri, client.is_some() || hint.is_some())
        && !client.as_ref().is_some_and(|client| client.post_logout_redirect_uris.contains(uri))
    {
        return Err(Refusal::PostLogoutUriUnknown);
    }
    let redirect_uri = redirect_uri.filter(|_| hint.is_some());
    Ok(Asked {
        client,
        hint,
        redirect_uri,
        state: params.get("state")?.map(str::to_owned),
        ui_locales: params.get("ui_locales")?.map(str::to_owned),
    })
}

/// The browser and its sessions, if it has any.
async fn present(cx: &Cx<'_>) -> Result<Option<(Visit, LiveSessions)>, Refusal> {
    let Some(visit) = Visit::known(cx) else { return Ok(None) };
    let provider = cx.provider;
    let browser = Browser::load(&provider.log, &visit.browser_id).await?;
    let sessions = browser.live_sessions(&provider.log, provider.world.now_ms(), &provider.config.lifetimes).await?;
    Ok((!sessions.all.is_empty()).then_some((visit, sessions)))
}

/// The sessions that end with this one: itself, or with the flag off all of the browser. Where nothing names a session they are all meant.
async fn ends_with<'s>(cx: &Cx<'_>, sessions: &'s LiveSessions, about: &'s Session, asked: &Asked) -> Result<Vec<&'s Session>, Failure> {
    let named = asked.hint.as_ref().is_some_and(|hint| hint.session_id.is_some());
    let single = named && cx.provider.is_on(Flag::OidcSingleV1SessionTermination).await?;
    Ok(if single { vec![about] } else { sessions.all.iter().collect() })
}

async fn end(cx: &mut Cx<'_>, sessions: &LiveSessions, about: &Session, asked: &Asked) -> Result<(), Refusal> {
    let ids: Vec<SessionId> = ends_with(cx, sessions, about, asked).await?.into_iter().map(|session| session.id.clone()).collect();
    sessions::end_and_tell(cx, &ids).await
}

/// Section 3: to the client, if it is known from its hint, and else to a page of ours.
fn after(cx: &Cx<'_>, asked: &Asked) -> Answer {
    let wish: Vec<(&str, &str)> = asked.ui_locales.iter().map(|wish| ("ui_locales", wish.as_str())).collect();
    let Some(uri) = &asked.redirect_uri else { return Answer::see_other(&extend(&cx.origin.at("/signed-out"), &wish)) };
    let state: Vec<(&str, &str)> = asked.state.iter().map(|state| ("state", state.as_str())).collect();
    Answer::see_other(&extend(uri.as_str(), &state))
}

/// "Sign out?" The parameters travel along and are checked again, so that the question needs no memory.
async fn question(
    cx: &Cx<'_>,
    visit: &Visit,
    sessions: &LiveSessions,
    about: &Session,
    asked: &Asked,
    params: &Params,
) -> Result<Answer, Refusal> {
    let named = |session: &&Session| cx.provider.config.user(&session.user_id).map(|user| user.display_name());
    let carried = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"];
    let texts = texts::asked(cx.request);
    let users = ends_with(cx, sessions, about, asked).await?.iter().filter_map(named).collect::<Vec<_>>().join(", ");
    let page = SignOutPage {
        frame: Frame::of(cx, texts),
        form_token: visit.form_token(cx),
        client: asked.client.as_ref().map(|client| client.name.as_str()),
        users: &users,
        session_id: about.id.as_str(),
        params: params.pairs().into_iter().filter(|(name, _)| carried.contains(name)).collect(),
    };
    let target = asked.redirect_uri.as_ref().and_then(|uri| uri.as_str().split_once(':'));
    let form_action = target.map_or_else(|| "'self'".to_owned(), |(scheme, _)| format!("'self' {scheme}:"));
    Ok(pages::page(StatusCode::OK, texts, &page, &form_action))
}

async fn confirmed(cx: &mut Cx<'_>) -> Result<Answer, Refusal> {
    let (_, params) = own_form(cx)?;
    let asked = checked(cx, &params).await?;
    match params.get("decide")? {
        Some("yes") => {}
        Some("no") => {
            let texts = texts::asked(cx.request);
            return Ok(pages::notice(
                StatusCode::OK,
                Frame::of(cx, texts),
                texts.still_signed_in.as_str(),
                texts.still_signed_in_text.as_str(),
            ));
        }
        Some(_) | None => return Err(Refusal::ChoiceUnknown),
    }
    let about = params.need("session", SessionId::new)?;
    // If it has ended meanwhile, that is what was wanted.
    if let Some((_, sessions)) = present(cx).await?
        && let Some(session) = sessions.get(&about)
    {
        end(cx, &sessions, &session.clone(), &asked).await?;
    }
    Ok(after(cx, &asked))
}
