//! What the reader takes and what it refuses.

use super::*;

#[test]
fn every_defect_of_the_fixtures_can_be_read() {
    let requirements = Requirements::embedded().unwrap();
    let defects = embedded(&requirements).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    });
    assert!(defects.names().any(|name| name == "logout-token-without-exp"));
    for defect in defects.0.values() {
        let name = &defect.id;
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "`{name}` is no name");
        for breaks in &defect.breaks {
            let requirement = requirements.get(breaks).unwrap();
            assert_eq!(requirement.role, crate::requirement::Role::Op, "`{name}` breaks `{breaks}`, which is no duty of a provider");
        }
    }
}

fn said(text: &str) -> Vec<String> {
    let words = |words: &[&str]| Some(words.iter().map(|w| (*w).to_owned()).collect());
    let known = Known { requirements: words(&["bcl-2.4-exp"]), clients: words(&["web", "shop"]) };
    let problems = load(&[("a.toml", text)], &known).err().unwrap_or_default();
    problems.iter().map(|problem| problem.to_string().lines().next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn everything_wrong_is_said_at_once_with_its_place() {
    let text = r#"
[one]
breaks = ["bcl-2.4-xp"]
seen = ["x"]
edit = [{ on = "delivery.requests", drop = ["form.x"] }, { on = "token.answer", set.form.x = "1", hold = "soon", nth = 0 }]

[two]
breaks = ["bcl-2.4-exp"]
edit = [{ on = "token.answer", set.json.a = "{clients.web.x} {client.wbe.x}", swallow = true }, { on = "token.answer" }]

[three]
breaks = ["bcl-2.4-exp"]
edit = [{ on = "delivery.request", reroute = "webb", drop = ["header"], set.form.a = { not = 1 } }]
"#;
    assert_eq!(
        said(text),
        [
            "a.toml:3:11: there is no requirement `bcl-2.4-xp`; did you mean `bcl-2.4-exp`?",
            "a.toml:4:1: there is no key of a defect `seen`; did you mean `seen_in`?",
            "a.toml:5:16: there is no kind of message `delivery.requests`; did you mean `delivery.request`?",
            "a.toml:5:90: there is no part of `token.answer` `form`; it is one of `status`, `body`, `html`, `header`, `location`, `json`, `userinfo_token`, `userinfo_token_header`",
            "a.toml:5:106: `hold` is a duration (\"30s\"), \"deliveries\" or \"answer\"",
            "a.toml:5:120: `nth` is a number from 1, or \"2..\", \"..3\", \"2..4\", \"3/3\"",
            "a.toml:9:45: there is no root of a reference `clients`; did you mean `client`?",
            "a.toml:9:45: there is no client `wbe`; did you mean `web`?",
            "a.toml:9:89: `swallow` says nothing on `token.answer`",
            "a.toml:9:97: this edit changes nothing",
            "a.toml:13:46: there is no client `webb`; did you mean `web`?",
            "a.toml:13:62: `header` is no place of its own; say which, as in `header.X`",
            "a.toml:13:88: `not` is a condition and no value; `is = …` holds a whole table",
        ]
    );
}

#[test]
fn a_name_stands_once_over_all_files() {
    let text = "[it]\nbreaks = [\"x\"]\nedit = [{ on = \"token.answer\", set.status = 500 }]\n";
    let problems = load(&[("a.toml", text), ("b.toml", text)], &Known::default()).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].to_string().starts_with("b.toml:1:2: the defect `it` stands in a.toml:1 too"), "{}", problems[0]);
}
