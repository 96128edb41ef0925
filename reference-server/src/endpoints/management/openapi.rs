//! The description of the API, for people and for programs that make clients of it. Tests hold it to the table of endpoints and to what
//! is really answered.

use serde_json::{Value, json};

use super::{No, answered, ok};
use crate::exchange::Answer;
use crate::provider::Cx;

/// OpenAPI 3.1, as it is served but for the address.
pub const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /management/openapi.json`. It needs no token, for it tells nothing of this installation.
pub async fn openapi(cx: Cx<'_>) -> Answer {
    answered(here(&cx))
}

fn here(cx: &Cx<'_>) -> Result<Answer, No> {
    let mut document: Value = serde_json::from_str(DOCUMENT).map_err(|_| No::Failed)?;
    document["servers"] = json!([{ "url": cx.origin.at("/management") }]);
    Ok(ok(&document))
}
