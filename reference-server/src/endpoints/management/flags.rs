//! Features and the security policy: what holds, who says so, and switching.

use hyper::Method;
use serde_json::{Value, json};

use super::{No, allowed, answered, ok, only_boolean};
use crate::exchange::Answer;
use crate::managing;
use crate::provider::Cx;
use crate::state::features::{Features, Flag, Level};
use crate::state::stored::Stored as _;

/// `GET /management/flags`: what holds of every feature, and which level says so.
pub async fn flags(cx: Cx<'_>) -> Answer {
    answered(all(&cx).await)
}

async fn all(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let features = cx.provider.features().await?;
    let flags: serde_json::Map<String, Value> = Flag::ALL.iter().map(|flag| (flag.text().to_owned(), shown(&features, *flag))).collect();
    Ok(ok(&json!({ "flags": flags })))
}

/// `source` is the level that decides; `system` and `instance` are what is set there, if anything is.
fn shown(features: &Features, flag: Flag) -> Value {
    let effective = features.effective(flag);
    let mut shown = json!({ "enabled": effective.enabled, "source": effective.source.map_or("configuration", Level::text) });
    for level in Level::ALL {
        if let Some(enabled) = features.set_at(level, flag) {
            shown[level.text()] = json!(enabled);
        }
    }
    shown
}

/// `PUT /management/flags/{level}/{flag}`, and `DELETE`: that level has no say any more. Answers what holds then.
pub async fn flag(cx: Cx<'_>) -> Answer {
    answered(switched(&cx).await)
}

async fn switched(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let level = Level::ALL.into_iter().find(|level| cx.id == Some(level.text())).ok_or(No::Absent)?;
    let flag = Flag::ALL.iter().copied().find(|flag| cx.second == Some(flag.text())).ok_or(No::Absent)?;
    let to = if cx.request.method == Method::DELETE { None } else { Some(only_boolean(cx, "enabled")?) };
    let features = managing::switch(cx.provider, level, flag, to).await?;
    Ok(ok(&shown(&features, flag)))
}

/// `GET /management/policies/security`, and `PUT`.
pub async fn security_policy(cx: Cx<'_>) -> Answer {
    answered(policy(&cx).await)
}

async fn policy(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    if cx.request.method == Method::PUT {
        managing::set_security_policy(cx.provider, only_boolean(cx, "enable_impersonation")?).await?;
    }
    let policy = cx.provider.security_policy().await?;
    Ok(ok(&json!({ "enable_impersonation": policy.enable_impersonation })))
}
