//! Deliveries as messages: the request that brings a logout token, and who gets one.

use serde_json::Value;

use super::{Looks, Rule, Run, Walk};
use crate::transcript::Endpoint;
use crate::transcript::tokens::Kind;

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "a-delivery-is-a-post",
            asks: "A logout token comes by POST.",
            cites: &["bcl-2.5-post"],
            broken_by: &["delivery-is-a-get"],
            judge: post,
        },
        Rule {
            id: "a-delivery-is-a-form",
            asks: "A logout token comes in a form-urlencoded body.",
            cites: &["bcl-2.5-form-encoding"],
            broken_by: &["delivery-is-json"],
            judge: form,
        },
        Rule {
            id: "a-delivery-has-one-logout_token",
            asks: "A delivery has one logout_token, in its body.",
            cites: &["bcl-2.5-logout-token-param", "zitadel-bcl-44"],
            broken_by: &["logout-token-comes-twice"],
            judge: one_token,
        },
        Rule {
            id: "a-delivery-goes-to-the-registered-address",
            asks: "A delivery goes to the address that the client registered, to the last byte.",
            cites: &["bcl-2.2-uri-per-client"],
            broken_by: &["delivery-with-a-query-of-its-own"],
            judge: address,
        },
        Rule {
            id: "nobody-uninvited-is-told",
            asks: "Only clients that somebody signed in to are told.",
            cites: &["bcl-2.3-only-logged-in-rps"],
            broken_by: &["every-client-of-the-user-is-told"],
            judge: invited,
        },
    ]
}

fn post(run: &Run<'_>, looks: &mut Looks) {
    for (walk, index, delivery) in run.deliveries() {
        let method = &delivery.request.method;
        looks.look(walk.at_delivery(index), method == "POST", "POST", || method.clone());
    }
}

fn form(run: &Run<'_>, looks: &mut Looks) {
    for (walk, index, delivery) in run.deliveries() {
        let header = delivery.request.header("content-type").next().unwrap_or_default();
        let media_type = header.split(';').next().unwrap_or_default().trim();
        let fits = media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        looks.look(walk.at_delivery(index), fits, "application/x-www-form-urlencoded", || format!("{header:?}"));
    }
}

fn one_token(run: &Run<'_>, looks: &mut Looks) {
    for (walk, index, delivery) in run.deliveries() {
        let form = delivery.request.form();
        let count = form.iter().filter(|(n, _)| n == "logout_token").count();
        looks.look(walk.at_delivery(index), count == 1, "one logout_token", || format!("{count} of them"));
    }
}

fn address(run: &Run<'_>, looks: &mut Looks) {
    for (walk, index, delivery) in run.deliveries() {
        let Some(client) = delivery.client.as_deref() else {
            looks.look(walk.at_delivery(index), false, "an address that some client registered", || delivery.request.url.clone());
            continue;
        };
        let known = addresses_of(walk, client);
        if !known.is_empty() {
            let fits = known.contains(&delivery.request.url);
            looks.look(walk.at_delivery(index), fits, &known.join(" or "), || delivery.request.url.clone());
        }
    }
}

/// What a client has as its address for deliveries, and had if it was changed on the way. The first is that of the registration, or, where the
/// client was there before the walk, the one by which it was known then.
fn addresses_of(walk: &Walk<'_>, client: &str) -> Vec<String> {
    if let Some(registered) = walk.client(Some(client), "backchannel_logout_uri").and_then(Value::as_str) {
        return vec![registered.to_owned()];
    }
    let told = || walk.answers().filter(|s| s.exchange.endpoint == Endpoint::Register && s.exchange.client.as_deref() == Some(client));
    let made_here = told().any(|s| s.exchange.request.method == "POST");
    let before = walk.transcript.changed.get(client).and_then(|members| members.get("backchannel_logout_uri")?.first()?.as_str());
    let said = told().filter_map(|s| s.object()?.get("backchannel_logout_uri")?.as_str().map(str::to_owned));
    let mut all: Vec<String> = before.filter(|_| !made_here).map(str::to_owned).into_iter().chain(said).collect();
    all.dedup();
    all
}

fn invited(run: &Run<'_>, looks: &mut Looks) {
    for (walk, index, delivery) in run.deliveries() {
        let client = delivery.client.as_deref();
        let signed_in = |kind| walk.tokens_of(kind).any(|t| t.client.as_deref() == client && t.seq < delivery.came_seq);
        let fits = client.is_some() && (signed_in(Kind::Code) || signed_in(Kind::IdToken));
        looks.look(walk.at_delivery(index), fits, "told nobody but clients that were signed in to", || {
            format!("told {}", client.unwrap_or("nobody's address"))
        });
    }
}
