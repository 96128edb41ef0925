//! Features on the admin page.

use hyper::{Method, StatusCode};

use super::{Not, answered, frame, looking, page, sending};
use crate::admin_pages::{FlagRow, FlagsPage, LevelCell};
use crate::exchange::Answer;
use crate::managing;
use crate::provider::Cx;
use crate::refusal::Refusal;
use crate::state::features::{Flag, Level};
use crate::state::stored::Stored as _;

/// `GET /admin/flags`: what holds. `POST`: what is set on a level from now on.
pub async fn admin_flags(cx: Cx<'_>) -> Answer {
    let answer = if cx.request.method == Method::POST { switch(&cx).await } else { list(&cx).await };
    answered(&cx, answer)
}

async fn list(cx: &Cx<'_>) -> Result<Answer, Not> {
    let owner = looking(cx).await?;
    let features = cx.provider.features().await?;
    let texts = frame(cx).texts;
    let title = |level: Option<Level>| match level {
        Some(Level::Instance) => &texts.admin_instance,
        Some(Level::System) => &texts.admin_system,
        None => &texts.admin_configuration,
    };
    let row = |flag: &Flag| {
        let effective = features.effective(*flag);
        let cell = |level: Level| LevelCell { name: level.text(), title: title(Some(level)), set: features.set_at(level, *flag) };
        FlagRow {
            name: flag.text(),
            enabled: effective.enabled,
            source: title(effective.source),
            levels: [Level::Instance, Level::System].map(cell).into(),
        }
    };
    let (top, form_token) = (owner.top("flags"), owner.visit.form_token(cx));
    Ok(page(cx, StatusCode::OK, &FlagsPage { frame: frame(cx), top, form_token, flags: Flag::ALL.iter().map(row).collect() }))
}

async fn switch(cx: &Cx<'_>) -> Result<Answer, Not> {
    let (_, params) = sending(cx).await?;
    let (level, flag) = (params.get("level")?, params.get("flag")?);
    let level = Level::ALL.into_iter().find(|known| Some(known.text()) == level).ok_or(Refusal::ChoiceUnknown)?;
    let flag = Flag::ALL.iter().find(|known| Some(known.text()) == flag).ok_or(Refusal::ChoiceUnknown)?;
    let to = match params.get("to")? {
        Some("on") => Some(true),
        Some("off") => Some(false),
        Some("inherit") => None,
        Some(_) | None => return Err(Refusal::ChoiceUnknown.into()),
    };
    managing::switch(cx.provider, level, *flag, to).await?;
    Ok(Answer::see_other(&cx.origin.at("/admin/flags")))
}
