//! Pages on which a person types or decides.

use std::sync::OnceLock;

use scraper::{Html, Selector};
use url::Url;

use super::walk::Seen;
use super::{Looks, Rule, Run};
use crate::transcript::Endpoint;

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "pages-are-not-framed",
            asks: "A page that takes input cannot be put into a frame of another site.",
            cites: &["rfc9700-4.16-clickjacking"],
            broken_by: &["pages-can-be-framed"],
            judge: not_framed,
        },
        Rule {
            id: "pages-tell-no-referrer",
            asks: "A page that takes input does not tell other sites its address.",
            cites: &["rfc9700-4.2.4-referrer-policy"],
            broken_by: &["referrer-policy-is-missing"],
            judge: no_referrer,
        },
        Rule {
            id: "the-authorization-endpoint-has-no-cors",
            asks: "No script of another site may read an answer of the authorization endpoint.",
            cites: &["rfc9700-2.6-no-cors-authorize"],
            broken_by: &["authorize-has-cors"],
            judge: no_cors,
        },
    ]
}

/// Answers that are pages with a form for a person: a visible control, and an action that stays with the provider.
fn pages<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, Html)> {
    let pages = run.answers().filter(|s| s.exchange.browser.is_some() && s.media_type() == "text/html" && s.answer.status < 400);
    let pages =
        pages.filter(|s| matches!(s.exchange.endpoint, Endpoint::Authorize | Endpoint::Page | Endpoint::EndSession | Endpoint::Device));
    pages.filter_map(|s| {
        let page = Html::parse_document(&s.answer.body);
        takes_input(&s.exchange.request.url, &page).then_some((s, page))
    })
}

fn takes_input(url: &str, page: &Html) -> bool {
    static SELECTORS: OnceLock<Option<(Selector, Selector)>> = OnceLock::new();
    let parse = || Some((Selector::parse("form").ok()?, Selector::parse("input:not([type=hidden]), button, textarea, select").ok()?));
    let (Some((form, control)), Ok(here)) = (SELECTORS.get_or_init(parse), Url::parse(url)) else { return false };
    page.select(form).any(|form| {
        // A form that carries an answer to a client is not for the person.
        let action = here.join(form.value().attr("action").unwrap_or_default());
        action.is_ok_and(|to| to.origin() == here.origin()) && form.select(control).next().is_some()
    })
}

fn not_framed(run: &Run<'_>, looks: &mut Looks) {
    for (seen, _) in pages(run) {
        let policies: Vec<String> = seen.answer.header("content-security-policy").map(str::to_ascii_lowercase).collect();
        let csp = policies.iter().flat_map(|p| p.split([';', ','])).any(|d| {
            let mut words = d.split_whitespace();
            words.next() == Some("frame-ancestors") && words.all(|source| source != "*" && source != "http:" && source != "https:")
        });
        let options =
            seen.answer.header("x-frame-options").any(|o| ["deny", "sameorigin"].contains(&o.trim().to_ascii_lowercase().as_str()));
        looks.look(seen.at(), csp || options, "frame-ancestors in the Content-Security-Policy, or X-Frame-Options", || "neither".into());
    }
}

/// The policies under which another site learns at most the origin of the page.
const QUIET: [&str; 6] =
    ["no-referrer", "same-origin", "strict-origin", "origin", "strict-origin-when-cross-origin", "origin-when-cross-origin"];

fn no_referrer(run: &Run<'_>, looks: &mut Looks) {
    for (seen, page) in pages(run) {
        let mut policies: Vec<String> =
            seen.answer.header("referrer-policy").flat_map(|h| h.split(',')).map(|p| p.trim().to_ascii_lowercase()).collect();
        if let Ok(meta) = Selector::parse("meta[name=referrer][content]") {
            policies.extend(page.select(&meta).filter_map(|m| m.value().attr("content")).map(|p| p.trim().to_ascii_lowercase()));
        }
        // The last one that a browser knows counts (Referrer Policy §8.1); all known ones but these are loud.
        let quiet = policies.last().is_some_and(|p| QUIET.contains(&p.as_str()));
        let got = || policies.last().map_or_else(|| "no policy".into(), |p| format!("{p:?}"));
        looks.look(seen.at(), quiet, "a Referrer-Policy that keeps the address", got);
    }
}

fn no_cors(run: &Run<'_>, looks: &mut Looks) {
    for seen in run.answers().filter(|s| s.exchange.endpoint == Endpoint::Authorize) {
        let allowed = seen.answer.header("access-control-allow-origin").next();
        looks.look(seen.at(), allowed.is_none(), "no Access-Control-Allow-Origin", || allowed.unwrap_or_default().to_owned());
    }
}
