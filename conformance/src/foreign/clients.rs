//! The clients of a check at a provider of others: given by the target file, or registered for this check alone.

use std::collections::BTreeMap;

use serde_json::Value;

use super::front::RunFront;
use super::uses::Uses;
use super::{Foreign, GRANTS, PATIENCE};
use crate::drive::net::Http;
use crate::drive::registration;
use crate::scenario::Check;
use crate::target::file::Clients;
use crate::transcript::Request;

/// The client to which nobody signs in.
const TRAP: &str = "trap";

/// What it takes to remove a client again (RFC 7592 §2.3).
pub struct Registration {
    uri: String,
    token: String,
}

/// Removes what was registered, as far as the provider lets clients be removed.
pub async fn remove(http: &Http, made: Vec<Registration>) {
    for registration in made {
        let headers = vec![("authorization".into(), format!("Bearer {}", registration.token))];
        let request = Request { method: "DELETE".into(), url: registration.uri, headers, body: String::new() };
        // Nothing hangs on it, and a provider that is gone by now has forgotten them anyway.
        if !matches!(tokio::time::timeout(PATIENCE, http.send(&request, None)).await, Ok(Ok(_))) {
            return;
        }
    }
}

impl Foreign {
    /// Whether the check's client of this name can be had.
    pub(super) fn can_have(&self, check: &Check, name: &str) -> bool {
        self.given(check, name).is_some() || self.registers()
    }

    /// Metadata of the clients that are used by a check and those that share its walk, by name.
    ///
    /// # Errors
    /// Which one could not be had, and the answer.
    pub(super) async fn clients(
        &self,
        check: &Check,
        sharing: &[&Check],
        front: &RunFront,
        folder: &str,
    ) -> Result<BTreeMap<String, Value>, String> {
        let uses = Uses::of_all(sharing.iter().copied().chain([check]));
        let mut clients = match &self.file.clients {
            Clients::Given(all) => {
                all.iter().filter(|(name, _)| !check.clients.contains_key(*name)).map(|(n, c)| (n.clone(), c.clone())).collect()
            }
            Clients::Register { .. } => BTreeMap::new(),
        };
        let fixtures = self.fixtures.configured(check)?.clients;
        let trap = (uses.logout && self.registers()).then(|| TRAP.to_owned());
        let wanted: Vec<String> =
            uses.clients.into_iter().chain(trap).filter(|name| fixtures.contains_key(name) && self.can_have(check, name)).collect();
        let mut asked = Vec::new();
        for name in wanted {
            match self.given(check, &name) {
                Some(given) => {
                    clients.insert(name, given);
                }
                None => asked.push((readdressed(&fixtures[&name], &format!("{}/{folder}", front.address)), name)),
            }
        }
        let registered = futures_util::future::join_all(asked.iter().map(|(metadata, name)| self.register(name, metadata))).await;
        for ((_, name), client) in asked.into_iter().zip(registered) {
            clients.insert(name, client?);
        }
        Ok(clients)
    }

    /// The client of the target file, if it is what the check asks for.
    pub(super) fn given(&self, check: &Check, name: &str) -> Option<Value> {
        let Clients::Given(all) = &self.file.clients else { return None };
        let client = all.get(name)?;
        if check.clients.get(name).and_then(|c| c.get("register")) == Some(&Value::Bool(true)) {
            return None;
        }
        let differs = check.clients.get(name).and_then(Value::as_object).into_iter().flatten();
        let mut differs = differs.filter(|(member, _)| !matches!(member.as_str(), "like" | "register"));
        differs.all(|(member, wanted)| client.get(member) == Some(wanted)).then(|| client.clone())
    }

    /// Whether clients can be registered.
    fn registers(&self) -> bool {
        match &self.file.clients {
            Clients::Register { .. } => true,
            Clients::Given(_) => {
                let lacks = self.file.lacks.iter().any(|(feature, _)| feature == "registration");
                !lacks && self.state().metadata.get("registration_endpoint").is_some()
            }
        }
    }

    /// Registers one client (Registration §3.1, RFC 7591 §3.1). Returns its metadata as the answer has it.
    async fn register(&self, name: &str, metadata: &Value) -> Result<Value, String> {
        let mut announced = self.state().metadata.clone();
        // A grant may be there, and not for clients that register themselves: then the target file says that it is lacking.
        let lacks =
            |grant: &Value| GRANTS.iter().any(|(of, word)| grant == word && self.file.lacks.iter().any(|(feature, _)| feature == of));
        if let Some(Value::Array(grants)) = announced.get_mut("grant_types_supported") {
            grants.retain(|grant| !lacks(grant));
        }
        let endpoint = announced.get("registration_endpoint").and_then(Value::as_str);
        let endpoint = endpoint.ok_or("clients are to be registered, and the discovery document has no `registration_endpoint`")?;
        let (asked, given_up) = registration::request(name, metadata, &announced);
        let mut headers =
            vec![("content-type".to_owned(), "application/json".to_owned()), ("accept".to_owned(), "application/json".to_owned())];
        if let Clients::Register { token: Some(token) } = &self.file.clients {
            headers.push(("authorization".into(), format!("Bearer {token}")));
        }
        let request = Request { method: "POST".into(), url: endpoint.to_owned(), headers, body: Value::Object(asked.clone()).to_string() };
        let answer =
            tokio::time::timeout(PATIENCE, self.http.send(&request, None)).await.unwrap_or_else(|_| Err("no answer in 30 s".into()));
        let answer = answer.map_err(|why| format!("the client `{name}` could not be registered: {why}"))?;
        let body = answer.json().filter(|body| (200..300).contains(&answer.status) && body.get("client_id").is_some_and(Value::is_string));
        let Some(Value::Object(body)) = body else {
            let says: String = answer.body.chars().take(300).collect();
            return Err(format!("the client `{name}` could not be registered: {} {}", answer.status, says.trim()));
        };
        let text = |member: &str| body.get(member).and_then(Value::as_str).map(str::to_owned);
        let mut state = self.state();
        state
            .made
            .extend(text("registration_client_uri").zip(text("registration_access_token")).map(|(uri, token)| Registration { uri, token }));
        state.notes.extend(given_up);
        let mut client = asked;
        client.extend(body);
        Ok(Value::Object(client))
    }
}

/// A fixture's client at other addresses: what is below `https://NAME.rp.test/` is below `BASE/NAME/`.
fn readdressed(client: &Value, base: &str) -> Value {
    match client {
        Value::String(text) => match text.strip_prefix("https://").and_then(|t| t.split_once(".rp.test/")) {
            Some((name, rest)) => format!("{base}/{name}/{rest}").into(),
            None => text.as_str().into(),
        },
        Value::Array(all) => all.iter().map(|v| readdressed(v, base)).collect(),
        Value::Object(members) => members.iter().map(|(k, v)| (k.clone(), readdressed(v, base))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_client_of_the_fixtures_moves_with_all_its_addresses() {
        let client = json!({ "client_name": "Web", "redirect_uris": ["https://web.rp.test/cb", "http://127.0.0.1/cb"], "x": "https://web.rp.test/out?kept=1" });
        let moved = readdressed(&client, "http://127.0.0.1:9/ab");
        assert_eq!(
            moved,
            json!({ "client_name": "Web", "redirect_uris": ["http://127.0.0.1:9/ab/web/cb", "http://127.0.0.1/cb"], "x": "http://127.0.0.1:9/ab/web/out?kept=1" })
        );
    }
}
