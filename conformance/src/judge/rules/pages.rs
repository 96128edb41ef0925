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
            id: "pages-load-nothing-from-elsewhere",
            asks: "A page that takes input loads nothing from the site of a third party.",
            cites: &["rfc9700-4.2.4-no-third-party-content"],
            broken_by: &["pages-are-watched-by-others"],
            judge: nothing_from_elsewhere,
        },
        Rule {
            id: "names-of-clients-are-text",
            asks: "A client whose name is markup is named on pages, and brings no markup into them.",
            cites: &["rfc6749-10.14-sanitize"],
            broken_by: &["names-of-clients-are-markup"],
            judge: names_are_text,
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

pub(super) fn takes_input(url: &str, page: &Html) -> bool {
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

fn nothing_from_elsewhere(run: &Run<'_>, looks: &mut Looks) {
    static LOADS: OnceLock<Option<Selector>> = OnceLock::new();
    let loads = LOADS.get_or_init(|| Selector::parse("script[src], iframe[src], frame[src], embed[src], link[href]").ok());
    let Some(loads) = loads else { return };
    for (seen, page) in pages(run) {
        let Ok(here) = Url::parse(&seen.exchange.request.url) else { continue };
        // What a page links to is another thing, and so are pictures: a client's logo comes from the client (Registration §2).
        let elsewhere = page.select(loads).find_map(|element| {
            let loaded = element.value();
            let rel = loaded.attr("rel").unwrap_or_default().to_ascii_lowercase();
            if loaded.name() == "link"
                && !rel.split_whitespace().any(|r| matches!(r, "stylesheet" | "preload" | "modulepreload" | "prefetch"))
            {
                return None;
            }
            let to = here.join(loaded.attr("src").or(loaded.attr("href"))?).ok()?;
            (matches!(to.scheme(), "http" | "https") && !same_site(&here, &to)).then(|| to.to_string())
        });
        looks.look(seen.at(), elsewhere.is_none(), "nothing from elsewhere", || elsewhere.clone().unwrap_or_default());
    }
}

/// Whether two addresses are of one site, as far as their names tell: equal, or with the same last two labels.
fn same_site(a: &Url, b: &Url) -> bool {
    let (Some(a), Some(b)) = (a.host_str(), b.host_str()) else { return false };
    let site = |host: &str| host.rsplitn(3, '.').take(2).map(str::to_owned).collect::<Vec<_>>();
    a == b || (a.parse::<std::net::IpAddr>().is_err() && site(a).len() == 2 && site(a) == site(b))
}

fn names_are_text(run: &Run<'_>, looks: &mut Looks) {
    for (seen, _) in pages(run) {
        let names = seen.walk.transcript.clients.keys().filter_map(|client| seen.walk.client(Some(client), "client_name")?.as_str());
        for name in names.filter(|name| name.contains('<')) {
            let raw = seen.answer.body.contains(name);
            looks.look(seen.at(), !raw, "the name as text, or not at all", || format!("`{name}` as it is, in the page"));
        }
    }
}

fn no_cors(run: &Run<'_>, looks: &mut Looks) {
    for seen in run.answers().filter(|s| s.exchange.endpoint == Endpoint::Authorize) {
        let allowed = seen.answer.header("access-control-allow-origin").next();
        looks.look(seen.at(), allowed.is_none(), "no Access-Control-Allow-Origin", || allowed.unwrap_or_default().to_owned());
    }
}
