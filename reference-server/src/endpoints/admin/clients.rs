//! Clients on the admin page.

use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{Not, Owner, PAGE, answered, frame, looking, page, sending};
use crate::admin_pages::{ClientFields, ClientPage, ClientRow, ClientsPage};
use crate::endpoints::management::decoded;
use crate::exchange::Answer;
use crate::managing::clients::{self, NotDone, Shown};
use crate::names::ClientId;
use crate::params::Params;
use crate::provider::Cx;

/// Members that are lists of text, one a line in the form.
const LISTS: [&str; 3] = ["grant_types", "redirect_uris", "post_logout_redirect_uris"];

/// `GET /admin/clients`.
pub async fn admin_clients(cx: Cx<'_>) -> Answer {
    let answer = list(&cx).await;
    answered(&cx, answer)
}

async fn list(cx: &Cx<'_>) -> Result<Answer, Not> {
    let owner = looking(cx).await?;
    let params = cx.request.query_params()?;
    let after = params.get("after")?;
    let names = clients::names(cx.provider).await?;
    let mut rows = Vec::new();
    let mut left = names.iter().filter(|name| after.is_none_or(|after| name.as_str() > after));
    for name in left.by_ref().take(PAGE) {
        let Some(Shown { id, origin, metadata }) = clients::shown(cx.provider, name).await? else { continue };
        let text = |name| metadata.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, logout_uri) = (text("client_name"), text("backchannel_logout_uri"));
        rows.push(ClientRow { path: in_path(id.as_str()), id: id.as_str().to_owned(), name, origin, logout_uri });
    }
    let more = left.next().and(rows.last().map(|row| row.path.clone()));
    Ok(page(cx, StatusCode::OK, &ClientsPage { frame: frame(cx), top: owner.top("clients"), clients: rows, more }))
}

fn in_path(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>().replace('+', "%20")
}

/// `GET /admin/clients/{client_id}`: what it is. `POST`: what it is from now on.
pub async fn admin_client(mut cx: Cx<'_>) -> Answer {
    let answer = if cx.request.method == Method::POST { save(&mut cx).await } else { look(&cx).await };
    answered(&cx, answer)
}

fn id(cx: &Cx<'_>) -> Result<ClientId, Not> {
    cx.id.and_then(decoded).map(ClientId::new).ok_or(Not::There)
}

async fn look(cx: &Cx<'_>) -> Result<Answer, Not> {
    let owner = looking(cx).await?;
    let client = clients::shown(cx.provider, &id(cx)?).await?.ok_or(Not::There)?;
    let saved = cx.request.query == "saved";
    let fields = written_down(&client.metadata);
    Ok(shown(cx, &owner, &client, fields, saved, None))
}

async fn save(cx: &mut Cx<'_>) -> Result<Answer, Not> {
    let (owner, params) = sending(cx).await?;
    let id = id(cx)?;
    match clients::change(cx, &id, &patch(&params)).await {
        Ok((_, None)) => Ok(Answer::see_other(&cx.origin.at(&format!("/admin/clients/{}?saved", in_path(id.as_str()))))),
        // Nothing that can be changed here asks for another secret; whoever needs one changes the client by the API.
        Ok((_, Some(_))) | Err(NotDone::Failed) => Err(crate::log::Failure(format!("client {id}")).into()),
        Err(NotDone::Absent | NotDone::Taken) => Err(Not::There),
        Err(NotDone::Wrong(why)) => {
            let client = clients::shown(cx.provider, &id).await?.ok_or(Not::There)?;
            Ok(shown(cx, &owner, &client, entered(&params), false, Some(why)))
        }
    }
}

fn shown(cx: &Cx<'_>, owner: &Owner<'_>, client: &Shown, fields: ClientFields, saved: bool, problem: Option<String>) -> Answer {
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let (id, path) = (client.id.as_str(), in_path(client.id.as_str()));
    let metadata = serde_json::to_string_pretty(&client.metadata).unwrap_or_default();
    let (top, form_token) = (owner.top("clients"), owner.visit.form_token(cx));
    page(cx, status, &ClientPage { frame: frame(cx), top, form_token, id, path, origin: client.origin, fields, problem, saved, metadata })
}

/// What is so from now on. What is left empty is as if it had never been said.
fn patch(params: &Params) -> Map<String, Value> {
    let text = |name: &str| params.get(name).ok().flatten();
    let mut patch = Map::new();
    for name in ["client_name", "backchannel_logout_uri"] {
        patch.insert(name.to_owned(), json!(text(name).map(str::trim)));
    }
    patch.insert("backchannel_logout_session_required".to_owned(), json!(text("backchannel_logout_session_required").is_some()));
    for name in LISTS {
        let lines: Vec<&str> = text(name).unwrap_or_default().lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        patch.insert(name.to_owned(), json!(lines));
    }
    patch
}

/// What the form shows of a client.
fn written_down(metadata: &Map<String, Value>) -> ClientFields {
    let text = |name: &str| metadata.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let lines = |name: &str| {
        let lines = metadata.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        lines.collect::<Vec<_>>().join("\n")
    };
    ClientFields {
        client_name: text("client_name"),
        backchannel_logout_uri: text("backchannel_logout_uri"),
        backchannel_logout_session_required: metadata.get("backchannel_logout_session_required") == Some(&Value::Bool(true)),
        grant_types: lines("grant_types"),
        redirect_uris: lines("redirect_uris"),
        post_logout_redirect_uris: lines("post_logout_redirect_uris"),
    }
}

/// What the form shows again of what was entered.
fn entered(params: &Params) -> ClientFields {
    let text = |name: &str| params.get(name).ok().flatten().unwrap_or_default().to_owned();
    ClientFields {
        client_name: text("client_name"),
        backchannel_logout_uri: text("backchannel_logout_uri"),
        backchannel_logout_session_required: !text("backchannel_logout_session_required").is_empty(),
        grant_types: text("grant_types"),
        redirect_uris: text("redirect_uris"),
        post_logout_redirect_uris: text("post_logout_redirect_uris"),
    }
}
