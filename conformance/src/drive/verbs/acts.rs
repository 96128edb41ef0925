//! What is done on the other sides: how a client's address answers, and acts on the provider's side.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use url::Url;

use super::Doing;
use crate::drive::site::{Acts, Site};
use crate::transcript::view::{Part, at, references};
use crate::transcript::{Endpoint, Reply, Request};

/// How a client's address answers from now on.
pub fn answer(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let client = doing.text("client").ok_or("no client is named")?;
    let answers = match doing.fields.get("with") {
        Some(Value::Array(all)) => all.clone(),
        Some(one) => vec![one.clone()],
        None => return Err("`answer` says nothing `with`".into()),
    };
    site.recorder.booth.plan(client, answers);
    Ok(Reply { success: true, ..Reply::default() })
}

/// The target ends, and starts again on what it has kept.
pub async fn restart(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let lives = site
        .lives
        .as_ref()
        .ok_or("the provider keeps nothing here, so there is nothing to come back to: write `provider.store = \"durable\"`")?;
    lives.down(doing.text("value") == Some("kill")).await;
    // Whose deliveries were open sees that they are not any more, before the first new one comes.
    site.time.settle(&site.recorder.booth).await.map_err(|why| why.to_string())?;
    site.recorder.http.forget_connections();
    lives.up().await?;
    Ok(Reply { success: true, ..Reply::default() })
}

/// An act of the closed list.
pub async fn admin(site: &Site, doing: &Doing<'_>) -> Result<Reply, String> {
    let act = doing.text("do").ok_or("`admin` does nothing")?;
    match &site.acts {
        Acts::None => Err(format!("the harness cannot do `{act}` here")),
        Acts::Api { token } => {
            let origin = doing.text("origin").unwrap_or("primary");
            let mut address = Url::parse(site.issuer(origin)?).map_err(|e| format!("the issuer of `{origin}`: {e}"))?;
            let call = Call::of(site, doing, act)?;
            address.path_segments_mut().map_err(|()| "the issuer has no path")?.pop_if_empty().push("management").extend(&call.path);
            if let Some(organization) = doing.text("organization") {
                address.query_pairs_mut().append_pair("organization", organization);
            }
            let mut request = Request { method: call.method.into(), url: address.into(), headers: Vec::new(), body: String::new() };
            request.headers.push(("authorization".into(), format!("Bearer {token}")));
            if let Some(body) = call.body {
                request.headers.push(("content-type".into(), "application/json".into()));
                request.body = body.to_string();
            }
            let index = site.recorder.send(Endpoint::Management, origin, request, &doing.errand(None)).await;
            let success = site.recorder.answer(index).is_some_and(|a| (200..300).contains(&a.status));
            Ok(Reply { request: Some(index), answer: Some(index), success, ..Reply::default() })
        }
        Acts::Commands { directory, acts } => {
            let command = acts.get(act).ok_or_else(|| format!("the target file has no command for `{act}`"))?;
            let words = command.iter().map(|word| fill(word, site, doing)).collect::<Result<Vec<_>, _>>()?;
            let said = run(&words, directory).await.map_err(|why| site.recorder.live.broken(format!("`{act}`: {why}")))?;
            Ok(Reply { made: json!({ "said": said }), success: true, ..Reply::default() })
        }
    }
}

/// One call of the management API.
struct Call {
    method: &'static str,
    path: Vec<String>,
    body: Option<Value>,
}

impl Call {
    fn of(site: &Site, doing: &Doing<'_>, act: &str) -> Result<Self, String> {
        let said = |field: &str| doing.text(field).map(str::to_owned).ok_or_else(|| format!("`{act}` does not say `{field}`"));
        let user = || -> Result<String, String> {
            let name = said("user")?;
            let growing = site.recorder.live.lock();
            let id = growing.transcript.users.get(&name).and_then(|u| u.get("id")).and_then(Value::as_str);
            id.map(str::to_owned).ok_or_else(|| format!("nobody knows the id of the user `{name}`"))
        };
        let call = |method, path: &[&str], body| Ok(Self { method, path: path.iter().map(|s| (*s).to_owned()).collect(), body });
        match act {
            "set_flag" => {
                let (level, flag) = (doing.text("level").unwrap_or("instance"), said("flag")?);
                match doing.fields.get("to") {
                    Some(Value::Bool(on)) => call("PUT", &["flags", level, &flag], Some(json!({ "enabled": on }))),
                    _ => call("DELETE", &["flags", level, &flag], None),
                }
            }
            "set_policy" => {
                call("PUT", &["policies", "security"], Some(json!({ "enable_impersonation": doing.fields.get("impersonation") })))
            }
            "grant_role" => call("PUT", &["users", &user()?, "roles", &said("role")?], None),
            "revoke_role" => call("DELETE", &["users", &user()?, "roles", &said("role")?], None),
            "lock_user" => call("POST", &["users", &user()?, "lock"], None),
            "unlock_user" => call("POST", &["users", &user()?, "unlock"], None),
            "deactivate_user" => call("POST", &["users", &user()?, "deactivate"], None),
            "reactivate_user" => call("POST", &["users", &user()?, "reactivate"], None),
            "terminate_session" => {
                let sid = doing.of(&["id_token", "sid"]).and_then(|s| s.as_str().map(str::to_owned));
                call("DELETE", &["sessions", &sid.ok_or("the login has no `sid` to name its session by")?], None)
            }
            "rotate_keys" => call("POST", &["keys", "rotate"], Some(json!({}))),
            "remove_client" => {
                let client = site.client(&said("client")?)?;
                let id = client.get("client_id").and_then(Value::as_str).ok_or("the client has no `client_id`")?;
                call("DELETE", &["clients", id], None)
            }
            "set_up" => call("POST", &["set_up"], None),
            other => Err(format!("the management API has nothing for `{other}`")),
        }
    }
}

/// Runs a program to its end and returns what it printed.
async fn run(words: &[String], directory: &Path) -> Result<String, String> {
    let (program, arguments) = words.split_first().ok_or("the target file names no program")?;
    let mut command = tokio::process::Command::new(program);
    let done = command.args(arguments).current_dir(directory).stdin(Stdio::null()).kill_on_drop(true).output().await;
    let done = done.map_err(|e| format!("`{program}`: {e}"))?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !done.status.success() {
        return Err(format!("`{program}`, {}: {}", done.status, said(&done.stderr).lines().last().unwrap_or("it says nothing")));
    }
    Ok(said(&done.stdout))
}

/// `{of.id_token.sid}` and the fields of the act, in the words of a command. Behind `user` and `client` what the target calls them:
/// `{user.username}`, `{client.client_id}`.
fn fill(text: &str, site: &Site, doing: &Doing<'_>) -> Result<String, String> {
    let mut whole = String::new();
    for part in references(text) {
        match part {
            Part::Text(t) => whole.push_str(t),
            Part::Reference(path) => {
                let segments: Vec<&str> = path.split('.').collect();
                let tree = Value::Object(doing.fields.clone());
                // `{of.sid}` is short for the claim of the sign-in's ID token.
                let short: Vec<&str> = segments.iter().flat_map(|s| if *s == "of" { vec!["of", "id_token"] } else { vec![*s] }).collect();
                let called = || match segments.as_slice() {
                    ["user", rest @ ..] => at(site.recorder.live.lock().transcript.users.get(doing.text("user")?)?, rest),
                    ["client", rest @ ..] => at(&site.client(doing.text("client")?).ok()?, rest),
                    _ => None,
                };
                let value = at(&tree, &segments).or_else(|| at(&tree, &short)).or_else(called);
                let value = value.ok_or_else(|| format!("`{{{path}}}` leads nowhere"))?;
                whole.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            }
        }
    }
    Ok(whole)
}
