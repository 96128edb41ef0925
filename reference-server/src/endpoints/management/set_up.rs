//! The step that makes an installation from before back-channel logout tell clients from now on.

use serde_json::json;

use super::{No, allowed, answered, ok};
use crate::exchange::Answer;
use crate::notifier;
use crate::provider::Cx;

/// `POST /management/set_up`: the notifier speaks from now on. Done before, nothing moves.
pub async fn set_up(cx: Cx<'_>) -> Answer {
    answered(activated(&cx).await)
}

async fn activated(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let provider = cx.provider;
    notifier::activate(&provider.log, provider.world.now_ms()).await?;
    let position = notifier::speaks_from(&provider.log).await?;
    Ok(ok(&json!({ "back_channel_logout": { "position": position } })))
}
