//! Where a browser is sent, and with what.

use serde_json::Value;
use url::Url;

use super::walk::Seen;
use super::{Looks, Rule, Run, Walk};
use crate::scenario::Verb;
use crate::transcript::tokens::{one, same_place};
use crate::transcript::{Endpoint, Landed, pairs};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "state-comes-back",
            asks: "Every answer to a client has the state that was sent, byte for byte, and none if none was sent.",
            cites: &["rfc6749-4.1.2-state-returned", "core-3.1.2.6-error-state"],
            broken_by: &["state-is-cut"],
            judge: state,
        },
        Rule {
            id: "state-comes-back-from-a-logout",
            asks: "The redirect after a logout has the state that was sent, and none if none was sent.",
            cites: &["rpi-2-state-returned", "rpi-2-state-not-invented"],
            broken_by: &["logout-state-is-cut"],
            judge: logout_state,
        },
        Rule {
            id: "the-issuer-stands-in-every-answer",
            asks: "A provider that announces `iss` in its answers puts it into every one, errors too.",
            cites: &["rfc9207-2.3-flag-true-iss-sent"],
            broken_by: &["iss-missing-in-errors"],
            judge: issuer_is_there,
        },
        Rule {
            id: "the-issuer-in-an-answer-is-the-announced-one",
            asks: "`iss` in an answer is the issuer of the metadata.",
            cites: &["rfc9207-2.3-iss-equals-metadata"],
            broken_by: &["iss-of-another"],
            judge: issuer_is_true,
        },
        Rule {
            id: "redirects-lead-home",
            asks: "No authorization request is answered by a redirect to an address that its client has not registered.",
            cites: &["rfc6749-3.1.2.4-no-redirect-invalid-uri"],
            broken_by: &["authorize-redirects-anywhere"],
            judge: authorizations_lead_home,
        },
        Rule {
            id: "logouts-lead-home",
            asks: "No logout leads to an address that is not registered for it.",
            cites: &["rpi-3-no-redirect-unregistered"],
            broken_by: &["logout-redirects-anywhere"],
            judge: logouts_lead_home,
        },
        Rule {
            id: "a-password-goes-no-further",
            asks: "No redirect takes a password along that was typed before it.",
            cites: &["rfc9700-2.1-no-credential-forwarding"],
            broken_by: &["login-redirects-with-the-password"],
            judge: no_password_on,
        },
        Rule {
            id: "a-redirect-after-a-password-is-303",
            asks: "The redirect that answers a form with a password is a 303.",
            cites: &["rfc9700-4.12-use-303"],
            broken_by: &["login-redirects-with-302"],
            judge: see_other,
        },
        Rule {
            id: "no-307-with-secrets",
            asks: "A redirect that follows a form never has the browser send the form again.",
            cites: &["rfc9700-4.12-no-307", "core-16.22-no-307"],
            broken_by: &["login-redirects-with-307"],
            judge: no_307,
        },
        Rule {
            id: "prompt-none-is-silent",
            asks: "With prompt=none nobody is shown a page to sign in, choose or consent.",
            cites: &["core-3.1.2.1-prompt-none-no-ui", "core-3.1.2.3-prompt-none-silent"],
            broken_by: &["prompt-none-shows-a-page"],
            judge: silent,
        },
    ]
}

/// How often a name comes among parameters.
fn count(params: &[(String, String)], name: &str) -> usize {
    params.iter().filter(|(n, _)| n == name).count()
}

fn told(value: Option<&str>) -> String {
    value.map_or_else(|| "no state".into(), |v| format!("state {v:?}"))
}

fn state(run: &Run<'_>, looks: &mut Looks) {
    for (walk, authorization, arrived) in run.arrivals() {
        // A state may hide in a request object, and nobody can say which of two comes back.
        let hidden = ["request", "request_uri"].iter().any(|name| count(&authorization.params, name) > 0);
        if hidden || count(&authorization.params, "state") > 1 {
            continue;
        }
        // A parameter without a value counts as not sent (RFC 6749 §3.1).
        let sent = authorization.param("state").filter(|s| !s.is_empty());
        let back = arrived.param("state").filter(|s| !s.is_empty());
        looks.look(walk.at_exchange(arrived.exchange), back == sent, &told(sent), || told(back));
    }
}

/// Logout requests that ended at a client: the exchange that led there, the parameters sent and the address reached.
fn ended_logouts<'r, 't>(run: &'r Run<'t>) -> impl Iterator<Item = (&'r Walk<'t>, usize, Vec<(String, String)>, Url)> {
    run.walks.iter().flat_map(|walk| {
        walk.transcript.steps.iter().filter(|s| s.verb == Verb::EndSession).flat_map(move |step| {
            step.replies.iter().filter_map(move |reply| {
                let params = walk.transcript.exchanges.get(reply.request?)?.request.params();
                let callback = reply.callback.as_ref().filter(|_| reply.landed == Some(Landed::PostLogout))?;
                Some((walk, reply.answer.or(reply.request)?, params, Url::parse(&callback.url).ok()?))
            })
        })
    })
}

fn logout_state(run: &Run<'_>, looks: &mut Looks) {
    for (walk, index, params, url) in ended_logouts(run) {
        if count(&params, "state") > 1 {
            continue;
        }
        let back = pairs(url.query().unwrap_or(""));
        let (sent, back) = (one(&params, "state").filter(|s| !s.is_empty()), one(&back, "state").filter(|s| !s.is_empty()));
        looks.look(walk.at_exchange(index), back == sent, &told(sent), || told(back));
    }
}

fn announces_iss(walk: &Walk<'_>) -> bool {
    walk.transcript.target.metadata.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true))
}

fn issuer_is_there(run: &Run<'_>, looks: &mut Looks) {
    for (walk, _, arrived) in run.arrivals().filter(|(walk, _, _)| announces_iss(walk)) {
        looks.look(walk.at_exchange(arrived.exchange), arrived.param("iss").is_some(), "iss", || {
            let names: Vec<&str> = arrived.params.iter().map(|(n, _)| n.as_str()).collect();
            format!("{} and no iss", names.join(", "))
        });
    }
}

fn issuer_is_true(run: &Run<'_>, looks: &mut Looks) {
    for (walk, authorization, arrived) in run.arrivals() {
        let origin = walk.transcript.exchanges.get(authorization.exchange).map_or("", |e| e.origin.as_str());
        let Some((iss, issuer)) = arrived.param("iss").zip(walk.issuer(origin)) else { continue };
        looks.look(walk.at_exchange(arrived.exchange), iss == issuer, &format!("iss {issuer}"), || format!("iss {iss}"));
    }
}

/// The redirect of an answer, if it leaves the origin that was asked.
fn leads_out(seen: &Seen<'_>) -> Option<Url> {
    let here = Url::parse(&seen.exchange.request.url).ok()?;
    let location = seen.answer.header("location").next().filter(|_| (300..400).contains(&seen.answer.status))?;
    here.join(location).ok().filter(|to| to.origin() != here.origin())
}

/// Whether an address is a registered one with parameters added.
fn is_registered(to: &Url, registered: &[Url]) -> bool {
    let added = pairs(to.query().unwrap_or(""));
    registered.iter().any(|home| {
        let own = pairs(home.query().unwrap_or(""));
        same_place(home, to) && added.starts_with(&own)
    })
}

/// The addresses in a member of a client's metadata.
fn addresses(client: &Value, member: &str) -> Vec<Url> {
    let list = client.get(member).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|v| Url::parse(v.as_str()?).ok()).collect()
}

fn authorizations_lead_home(run: &Run<'_>, looks: &mut Looks) {
    for walk in &run.walks {
        for authorization in &walk.authorizations {
            // The request's own word for the client counts: a row may have put another one's in.
            let named = |(_, c): &(&String, &Value)| c.get("client_id").and_then(Value::as_str) == authorization.param("client_id");
            let Some((_, client)) = walk.transcript.clients.iter().find(named) else { continue };
            let homes = addresses(client, "redirect_uris");
            let Some(arrived) = authorization.arrived.as_ref().filter(|_| !homes.is_empty()) else { continue };
            let Ok(to) = Url::parse(&arrived.url) else { continue };
            let wanted = "a redirect to a registered address";
            looks.look(walk.at_exchange(arrived.exchange), is_registered(&to, &homes), wanted, || format!("a redirect to {}", bare(&to)));
        }
    }
}

fn logouts_lead_home(run: &Run<'_>, looks: &mut Looks) {
    for walk in &run.walks {
        for seen in walk.answers() {
            let step = walk.transcript.steps.get(seen.exchange.step);
            let of_a_logout = seen.exchange.endpoint == Endpoint::EndSession || step.is_some_and(|s| s.verb == Verb::EndSession);
            let Some(to) = leads_out(&seen).filter(|_| of_a_logout) else { continue };
            let homes: Vec<Url> = walk.transcript.clients.values().flat_map(|c| addresses(c, "post_logout_redirect_uris")).collect();
            // Another host of the provider's own is no client; what leads away has to be what was asked for.
            let asked = asked_for(walk, &seen).and_then(|u| Url::parse(&u).ok());
            let as_asked = asked.is_some_and(|asked| asked.origin() == to.origin() && asked.path() == to.path());
            if is_registered(&to, &homes) || as_asked {
                looks.look(seen.at(), is_registered(&to, &homes), "a redirect to a registered address", || {
                    format!("a redirect to {}", bare(&to))
                });
            }
        }
    }
}

/// The `post_logout_redirect_uri` of the logout request that an exchange belongs to: the last one of its step and browser.
fn asked_for(walk: &Walk<'_>, seen: &Seen<'_>) -> Option<String> {
    let before = walk.transcript.exchanges.iter().take(seen.index + 1);
    let mut same =
        before.filter(|e| e.step == seen.exchange.step && e.browser == seen.exchange.browser && e.endpoint == Endpoint::EndSession);
    same.rfind(|e| e.request.param("post_logout_redirect_uri").is_some())?.request.param("post_logout_redirect_uri")
}

fn bare(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

fn no_307(run: &Run<'_>, looks: &mut Looks) {
    for seen in run.answers() {
        let form = seen.exchange.browser.is_some() && seen.exchange.request.method == "POST" && !seen.exchange.request.body.is_empty();
        let page = matches!(seen.exchange.endpoint, Endpoint::Page | Endpoint::Authorize | Endpoint::EndSession | Endpoint::Device);
        // A request that the harness itself sends by POST is no form with secrets of a person.
        let of_a_person = seen.exchange.endpoint == Endpoint::Page || seen.exchange.request.form().iter().any(|(n, _)| n.contains("pass"));
        let status = seen.answer.status;
        if form && page && of_a_person && (300..400).contains(&status) {
            looks.look(seen.at(), !matches!(status, 307 | 308), "303, or 302", || status.to_string());
        }
    }
}

/// The password in a form that a person sent.
fn typed(seen: &Seen<'_>) -> Option<String> {
    let form = seen.exchange.browser.is_some() && seen.exchange.request.method == "POST";
    let fields = if form { seen.exchange.request.form() } else { Vec::new() };
    fields.into_iter().find(|(name, value)| name.contains("pass") && !value.is_empty()).map(|(_, value)| value)
}

fn no_password_on(run: &Run<'_>, looks: &mut Looks) {
    for seen in run.answers().filter(|s| (300..400).contains(&s.answer.status)) {
        let (Some(password), Some(to)) = (typed(&seen), seen.answer.header("location").next()) else { continue };
        let here = Url::parse(&seen.exchange.request.url).and_then(|here| here.join(to));
        let params = here.map(|to| [pairs(to.query().unwrap_or("")), pairs(to.fragment().unwrap_or(""))].concat()).unwrap_or_default();
        let carried = params.iter().find(|(_, value)| *value == password).map(|(name, _)| name.as_str());
        looks.look(seen.at(), carried.is_none(), "an address without the password", || {
            format!("the password as {}", carried.unwrap_or_default())
        });
    }
}

fn see_other(run: &Run<'_>, looks: &mut Looks) {
    for seen in run.answers().filter(|s| s.exchange.browser.is_some() && (300..400).contains(&s.answer.status)) {
        if typed(&seen).is_some() {
            looks.look(seen.at(), seen.answer.status == 303, "303", || seen.answer.status.to_string());
        }
    }
}

fn silent(run: &Run<'_>, looks: &mut Looks) {
    for walk in &run.walks {
        for step in walk.transcript.steps.iter().filter(|s| s.verb == Verb::Authorize) {
            for reply in &step.replies {
                let Some(exchange) = reply.request.and_then(|i| walk.transcript.exchanges.get(i)) else { continue };
                let Some((landed, index)) = reply.landed.zip(reply.answer) else { continue };
                if one(&exchange.request.params(), "prompt") != Some("none") {
                    continue;
                }
                let page = matches!(landed, Landed::Login | Landed::Consent | Landed::SelectAccount);
                looks.look(walk.at_exchange(index), !page, "an answer to the client without a page", || {
                    format!("the page {}", landed.word())
                });
            }
        }
    }
}
