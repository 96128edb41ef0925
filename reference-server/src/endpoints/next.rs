//! What an authorization request needs next: one pure decision, asked again after every step.

use crate::config::{Client, Consent};
use crate::refusal::Refusal;
use crate::state::browser::LiveSessions;
use crate::state::consent::Consented;
use crate::state::session::Session;
use crate::state::sign_in::{Prompt, SignIn};

/// Who the answer is about, as far as that is known.
#[derive(Debug)]
pub enum Who {
    /// This session's user.
    Known(Session),
    /// Somebody has to sign in.
    SignIn,
    /// The user has to choose.
    Choose,
    /// Nobody will do.
    Nobody(Refusal),
}

/// Who the answer is about. `hinted` is the user whom `login_hint` means, if it means one.
pub fn who(sign_in: &SignIn, sessions: &LiveSessions, hinted: Option<&crate::names::UserId>, now: i64) -> Who {
    let request = &sign_in.request;
    if let Some(linked) = &sign_in.linked {
        let Some(session) = sessions.get(&linked.session_id) else { return Who::SignIn };
        if request.about.as_ref().is_some_and(|users| !users.contains(&session.user_id)) {
            return Who::Nobody(Refusal::AnotherUser);
        }
        return if linked.authenticated || !too_old(sign_in, session, now) { Who::Known(session.clone()) } else { Who::SignIn };
    }
    if sign_in.prompts(Prompt::SelectAccount) && !sessions.all.is_empty() {
        return Who::Choose;
    }
    let candidate = match (&request.about, hinted) {
        // Core, sections 3.1.2.1 and 3.1.2.2: the answer is about the user whom the client insists on, or there is none.
        (Some(users), _) if sign_in.prompts(Prompt::None) && sessions.of_one(users).is_none() && !sessions.all.is_empty() => {
            return Who::Nobody(Refusal::AnotherUser);
        }
        (Some(users), _) => sessions.of_one(users),
        (None, Some(user)) => sessions.of_user(user),
        (None, None) => match sessions.current() {
            // The one used last was ended. Who else is here does not take its place unasked.
            None if !sessions.all.is_empty() => return Who::Choose,
            current => current,
        },
    };
    match candidate {
        Some(session) if !too_old(sign_in, session, now) => Who::Known(session.clone()),
        Some(_) | None => Who::SignIn,
    }
}

/// Core, section 3.1.2.1: `prompt=login`, and `max_age`, of which zero is the same.
fn too_old(sign_in: &SignIn, session: &Session, now: i64) -> bool {
    let older = |max_age| max_age == 0 || now - session.auth_time > max_age;
    sign_in.prompts(Prompt::Login) || sign_in.request.max_age.is_some_and(older)
}

/// Whether the user has to be asked for consent.
pub fn asks_consent(sign_in: &SignIn, client: &Client, consented: &Consented) -> bool {
    let by_client = match client.consent {
        Consent::Never => false,
        Consent::Once => !consented.covers(&sign_in.request.asks_for()),
        Consent::Always => true,
    };
    !sign_in.consented && (sign_in.prompts(Prompt::Consent) || by_client)
}
