//! The page on which a person decides about a device: whose it is, and which one. RFC 8628 §3.3.1, §5.4.

use std::sync::OnceLock;

use scraper::{Html, Selector};
use serde_json::{Map, Value};

use super::devices::{plain, text, told_in};
use super::pages::takes_input;
use super::walk::Seen;
use super::{Looks, Rule, Run};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "whoever-decides-about-a-device-is-told-who-asks",
            asks: "Between the user code and the decision stands the name of the client that asks.",
            cites: &["rfc8628-5.4-device-info"],
            broken_by: &["decisions-are-about-nobody"],
            judge: names_the_client,
        },
        Rule {
            id: "a-code-in-the-address-is-shown",
            asks: "Who opens the address that has the code in it is shown the code, to compare it with that of the device.",
            cites: &["rfc8628-3.3.1-server-confirms-code"],
            broken_by: &["codes-in-the-address-are-not-shown"],
            judge: shows_the_code,
        },
    ]
}

/// What a person saw between bringing a user code and deciding about it.
struct Decision<'r> {
    /// Where the code came: typed, or in the address that was opened.
    came: Seen<'r>,
    /// What that device was told, and which client it belongs to.
    told: (Seen<'r>, Map<String, Value>),
    /// The words of each page, the values of its visible fields among them.
    pages: Vec<String>,
}

fn decisions<'r>(run: &'r Run<'_>) -> impl Iterator<Item = Decision<'r>> {
    run.walks.iter().flat_map(|walk| {
        let in_a_browser = |s: &Seen<'_>| s.exchange.browser.is_some() && s.exchange.honest();
        walk.answers().filter(in_a_browser).filter_map(move |came| {
            let params = [came.exchange.request.form(), came.exchange.request.query()].concat();
            let told = told_in(walk).find(|(_, body)| {
                let code = plain(text(body, "user_code"));
                !code.is_empty() && params.iter().any(|(_, value)| plain(value) == code)
            })?;
            let mut pages = Vec::new();
            // Until something is sent that is neither the code nor a password: that is what the person says to it.
            let later = walk.answers().skip_while(|s| s.index < came.index).filter(|s| s.exchange.browser == came.exchange.browser);
            for seen in later {
                let sent = seen.exchange.request.form();
                let code = plain(text(&told.1, "user_code"));
                let of_the_code = sent.iter().any(|(_, value)| plain(value) == code);
                let of_the_login = sent.iter().any(|(name, _)| name.contains("password"));
                if seen.exchange.request.method == "POST" && !of_the_code && !of_the_login {
                    return (!pages.is_empty()).then_some(Decision { came, told, pages });
                }
                if seen.media_type() == "text/html" && seen.answer.status < 400 {
                    let page = Html::parse_document(&seen.answer.body);
                    if takes_input(&seen.exchange.request.url, &page) {
                        pages.push(words(&page));
                    }
                }
            }
            None
        })
    })
}

fn words(page: &Html) -> String {
    static VALUES: OnceLock<Option<Selector>> = OnceLock::new();
    let values = VALUES.get_or_init(|| Selector::parse("input:not([type=hidden])[value]").ok());
    let text = page.root_element().text();
    text.chain(values.iter().flat_map(|v| page.select(v).filter_map(|input| input.value().attr("value")))).collect::<Vec<_>>().join(" ")
}

fn names_the_client(run: &Run<'_>, looks: &mut Looks) {
    for decision in decisions(run) {
        let (told, _) = &decision.told;
        let client = |member: &str| told.walk.client(told.exchange.client.as_deref(), member)?.as_str();
        let names: Vec<&str> = ["client_name", "client_id"].into_iter().filter_map(client).filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            continue;
        }
        let named = decision.pages.iter().any(|page| names.iter().any(|name| page.contains(name)));
        let wanted = format!("a page with {}", names.join(" or "));
        looks.look(decision.came.at(), named, &wanted, || format!("{} pages, and it is on none", decision.pages.len()));
    }
}

fn shows_the_code(run: &Run<'_>, looks: &mut Looks) {
    let opened = |d: &Decision<'_>| d.came.exchange.request.url == text(&d.told.1, "verification_uri_complete");
    for decision in decisions(run).filter(opened) {
        let code = text(&decision.told.1, "user_code");
        let shown = decision.pages.iter().any(|page| plain(page).contains(&plain(code)));
        looks.look(decision.came.at(), shown, "a page with the user code", || format!("{} pages, and it is on none", decision.pages.len()));
    }
}
