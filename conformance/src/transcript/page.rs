//! What a page says and asks, without its looks.

use scraper::{ElementRef, Html, Selector};
use serde_json::{Value, json};

use super::Answer;

/// Whether an answer is an HTML page.
pub fn is_html(answer: &Answer) -> bool {
    answer.header("content-type").any(|t| t.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

/// Title, text and forms of a page: `{ title, text, forms: [{ method, action, fields: [[type, name, value]] }] }`.
pub fn outline(html: &str) -> Value {
    let page = Html::parse_document(html);
    let first = |what: &str| Selector::parse(what).ok().and_then(|s| page.select(&s).next().map(text));
    let forms = all(&page.root_element(), "form").into_iter().map(|form| {
        let fields = all(&form, "input, button, select, textarea").into_iter().map(|field| {
            let kind = field.attr("type").unwrap_or(field.value().name());
            json!([kind, field.attr("name"), field.attr("value")])
        });
        let method = form.attr("method").unwrap_or("get").to_ascii_lowercase();
        json!({ "method": method, "action": form.attr("action"), "fields": fields.collect::<Vec<_>>() })
    });
    json!({ "title": first("title"), "text": first("body"), "forms": forms.collect::<Vec<_>>() })
}

fn all<'a>(within: &ElementRef<'a>, what: &str) -> Vec<ElementRef<'a>> {
    Selector::parse(what).map(|s| within.select(&s).collect()).unwrap_or_default()
}

/// The text of an element with its white space made single.
fn text(element: ElementRef<'_>) -> String {
    let all: String = element.text().collect::<Vec<_>>().join(" ");
    all.split_whitespace().collect::<Vec<_>>().join(" ")
}
