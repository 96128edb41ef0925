//! Signing keys: on to the next.

use serde_json::{Value, json};

use super::{No, allowed, answered, ok};
use crate::exchange::Answer;
use crate::provider::Cx;

/// `POST /management/keys/rotate`: the next key of every algorithm that has one signs from now on.
pub async fn rotate(cx: Cx<'_>) -> Answer {
    answered(next_keys(&cx).await)
}

async fn next_keys(cx: &Cx<'_>) -> Result<Answer, No> {
    allowed(cx).await?;
    let provider = cx.provider;
    if let Some(maker) = &provider.key_maker {
        provider.keys.prepare(&provider.log, maker).await?;
    }
    let activated = provider.keys.rotate(&provider.log, provider.world.now_ms()).await?;
    if activated.is_empty() {
        return Err(No::Conflict("no key waits for its turn"));
    }
    let keys: Vec<Value> = activated.iter().map(|key| json!({ "kid": key.kid, "alg": key.alg.text() })).collect();
    Ok(ok(&json!({ "activated": keys })))
}
