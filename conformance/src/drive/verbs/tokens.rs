//! A client asks about a token, or gives it back: `introspect` (RFC 7662) and `revoke` (RFC 7009).

use super::Doing;
use super::credentials::Asker;
use super::plain::reply;
use crate::drive::recorder::Errand;
use crate::drive::site::Site;
use crate::transcript::{Endpoint, Reply};

/// What a token is.
pub async fn introspect(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    about_a_token(site, doing, Endpoint::Introspect, "introspection").await
}

/// A token is given back.
pub async fn revoke(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    about_a_token(site, doing, Endpoint::Revoke, "revocation").await
}

async fn about_a_token(site: &Site, doing: &Doing<'_>, to: Endpoint, feature: &str) -> Result<Reply, String> {
    let asker = Asker::of(site, doing)?;
    let token = doing.access_token().ok_or("there is no token to speak of")?;
    let endpoint = site.endpoint_of(&asker.origin, &format!("{feature}_endpoint"), feature).await?;
    let mut request = asker.post(site, doing, &endpoint, &[("token", &token)]).await?;
    let edited = doing.change(&mut request);
    let errand = Errand { edited, ..doing.errand(Some(&asker.name)) };
    let index = site.recorder.send(to, &asker.origin, request, &errand).await;
    let mut reply = reply(site, index);
    reply.context.extend([("client".to_owned(), asker.name), ("origin".to_owned(), asker.origin)]);
    Ok(reply)
}
