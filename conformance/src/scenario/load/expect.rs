//! The second pass over what has to be seen: `expect`, `refused`, `deliveries`, `events`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::draft::Wanted;
use super::field::answer;
use super::scope::{Names, Scene, Use, deref, saved, whole};
use super::step::Draft as Step;
use crate::scenario::matcher::{self, conditions};
use crate::scenario::verb::Refusal;
use crate::scenario::word::{ADDRESSES, ERRORS, PAGES, REPLY_PLACES, TELLING_KEYS};
use crate::scenario::{EventExpected, Expectations, Expected, Matcher, Refused, Telling, Tellings, Verb};
use crate::toml_file::{Data, Entry, Node, Report, Slip, Span};
use crate::transcript::view::duration_ms;

const TOKENS: &[&str] = &["access_token", "refresh_token", "id_token", "userinfo_token"];
/// What signs a person in, so that a client can be told of the end.
const LOGINS: &[Verb] = &[Verb::Login, Verb::Redeem, Verb::Refresh, Verb::Exchange, Verb::Poll];

impl Names<'_> {
    /// Reads the four expectations. `judged` is the step whose reply they are about, if that could be read.
    pub fn expectations<'t>(
        &mut self,
        wanted: Wanted<'t>,
        judged: Option<&Step<'t>>,
        scene: &Scene<'_, 't>,
        report: &mut Report<'_>,
    ) -> Expectations {
        Expectations {
            reply: wanted.expect.map_or_else(Vec::new, |node| self.reply(node, judged, scene, report)),
            refused: wanted.refused.and_then(|node| refused(node, judged, report)),
            deliveries: wanted.deliveries.map(|node| self.deliveries(node, scene, report)),
            events: wanted.events.map_or_else(BTreeMap::new, |node| self.events(node, scene, report)),
        }
    }

    fn reply<'t>(&mut self, node: &'t Node, judged: Option<&Step<'t>>, scene: &Scene<'_, 't>, report: &mut Report<'_>) -> Vec<Expected> {
        self.check(node, scene, Use::Value, report);
        if node.table().is_none() {
            report.wants(node, "expect", "places of the reply such as `expect.status`");
            return Vec::new();
        }
        let lines = lines(node, report);
        for line in &lines {
            place(line, node, judged, report);
        }
        lines
    }

    fn deliveries<'t>(&mut self, node: &'t Node, scene: &Scene<'_, 't>, report: &mut Report<'_>) -> BTreeMap<String, Tellings> {
        self.implied.entry("backchannel_logout").or_insert_with(|| node.at.clone());
        let mut ledger = BTreeMap::new();
        let Some(entries) = node.table() else {
            report.wants(node, "deliveries", "a table: client by client, a list of tellings");
            return ledger;
        };
        for entry in entries {
            let known = self.clients.contains_key(&entry.key);
            if !known {
                report.add(&entry.key_at, Slip::unknown("client", &entry.key, self.clients.keys().map(String::as_str)));
            }
            self.check(&entry.node, scene, Use::Reply, report);
            let Some(list) = deref(&entry.node, scene.with).list() else {
                report.wants(&entry.node, &entry.key, "a list of tellings such as `[\"{web}\"]`");
                continue;
            };
            let tellings: Vec<_> =
                list.iter().filter_map(|told| self.telling(told, known.then_some(entry.key.as_str()), scene, report)).collect();
            let tellings = match entry.node.text() {
                Some(reference) => Tellings::Reference(reference.to_owned()),
                None => Tellings::List(tellings),
            };
            ledger.insert(entry.key.clone(), tellings);
        }
        ledger
    }

    fn telling<'t>(&mut self, node: &'t Node, client: Option<&str>, scene: &Scene<'_, 't>, report: &mut Report<'_>) -> Option<Telling> {
        let mut telling = Telling {
            of: String::new(),
            answered: None,
            at_least: false,
            pauses: Vec::new(),
            at: None,
            before_answer: None,
            logout_token: Vec::new(),
            logout_token_header: Vec::new(),
        };
        if let Some(text) = node.text() {
            login(node, text, client, scene, report);
            telling.of = text.to_owned();
            return Some(telling);
        }
        let Some(entries) = node.table() else {
            report.add(&node.at, Slip::new("a telling is `\"{login}\"` or a table with `of`"));
            return None;
        };
        if node.get("of").is_none() {
            report.add(&node.at, Slip::new("a telling without `of`").instead("it names the login that it belongs to"));
        }
        for Entry { key, key_at, node } in entries {
            let wants = |wanted: &str, report: &mut Report<'_>| report.wants(node, key, wanted);
            match key.as_str() {
                "of" => match node.text() {
                    Some(text) => {
                        login(node, text, client, scene, report);
                        telling.of = text.to_owned();
                    }
                    None => wants("a login such as `\"{web}\"`", report),
                },
                "answered" => telling.answered = answered(node, scene, report),
                "at_least" => match node.flag() {
                    Some(flag) => telling.at_least = flag,
                    None => wants("true or false", report),
                },
                "pauses" => telling.pauses = pauses(node, report),
                "at" => match node.text() {
                    Some(text) if ADDRESSES.contains(&text) => telling.at = Some(text.to_owned()),
                    Some(text) => report.add(&node.at, Slip::unknown("address", text, ADDRESSES.iter().copied())),
                    None => wants("`\"first\"` or `\"second\"`", report),
                },
                "before_answer" => match node.flag() {
                    Some(flag) => telling.before_answer = Some(flag),
                    None => wants("true or false", report),
                },
                "logout_token" | "logout_token_header" => {
                    self.check(node, scene, Use::Value, report);
                    if node.table().is_none() {
                        wants("a table of claims", report);
                    }
                    let lines = lines(node, report);
                    let into = if key == "logout_token" { &mut telling.logout_token } else { &mut telling.logout_token_header };
                    *into = lines;
                }
                other => report.add(key_at, Slip::none_of(format!("a telling has no `{other}`"), other, TELLING_KEYS.iter().copied())),
            }
        }
        let attempts = telling.answered.as_ref().map_or(1, Vec::len);
        if !telling.at_least && telling.pauses.len() >= attempts.max(1) {
            let what = format!("between {attempts} attempts there are not {} pauses", telling.pauses.len());
            report.add(&node.get("pauses").map_or(node.at.clone(), |n| n.at.clone()), Slip::new(what));
        }
        Some(telling)
    }

    fn events<'t>(&mut self, node: &'t Node, scene: &Scene<'_, 't>, report: &mut Report<'_>) -> BTreeMap<String, Vec<EventExpected>> {
        self.implied.entry("event_log").or_insert_with(|| node.at.clone());
        let mut log = BTreeMap::new();
        let Some(entries) = node.table().filter(|entries| !entries.is_empty()) else {
            report.wants(node, "events", "lists of events by the prefix of their type");
            return log;
        };
        for entry in entries {
            self.check(&entry.node, scene, Use::Value, report);
            if !entry.key.ends_with('.') {
                let slip = Slip::new(format!("`{}` is no prefix that ends where a word does", entry.key));
                report.add(&entry.key_at, slip.instead(format!("write `events.\"{}.\"`, in quotes and with the dot", entry.key)));
            }
            let Some(list) = entry.node.list() else {
                report.wants(&entry.node, &entry.key, "a list of events");
                continue;
            };
            log.insert(entry.key.clone(), list.iter().filter_map(|event| one_event(event, &entry.key, true, report)).collect());
        }
        log
    }
}

/// The refusal that a step or a question wants.
pub(super) fn refused(node: &Node, of: Option<&Step<'_>>, report: &mut Report<'_>) -> Option<Refused> {
    let known = of.map(|step| step.verb);
    let can = |refusal: Refusal| known.is_none_or(|known| known.refusals.contains(&refusal));
    let name = known.map_or("the question", |known| known.name);
    if known.is_some_and(|known| !known.edits && known.refusals.is_empty()) {
        report.add(&node.at, Slip::new(format!("`{name}` cannot be refused")));
        return None;
    }
    match &node.data {
        Data::Flag(true) => Some(Refused::Any),
        Data::Flag(false) => {
            report.add(&node.at, Slip::new("`refused` is never false").instead("a question that is not refused says what it brings"));
            None
        }
        Data::Text(text) if text == "page" => {
            if !can(Refusal::Page) {
                let slip = Slip::new(format!("`{name}` is not refused by a page"));
                report.add(&node.at, slip.instead("write a list of errors, or `true` for any refusal"));
            }
            Some(Refused::Page)
        }
        Data::Text(text) => {
            let known_error = ERRORS.contains(&text.as_str());
            if !known_error {
                report.add(&node.at, Slip::unknown("error", text, ERRORS.iter().copied().chain(["page"])));
            } else if !can(Refusal::AtClient) {
                let slip = Slip::new(format!("`{name}` is not refused by an error at the client"));
                report.add(
                    &node.at,
                    slip.instead(if can(Refusal::Codes) { format!("write a list: `[\"{text}\"]`") } else { "write `\"page\"`".to_owned() }),
                );
            }
            Some(Refused::AtClient(vec![text.clone()]))
        }
        Data::List(members) => {
            if members.is_empty() {
                report.add(&node.at, Slip::new("`refused` lists no error").instead("`true` is any refusal"));
            }
            // What a verb of the browser is refused by stands at the client.
            if !can(Refusal::Codes) && !can(Refusal::AtClient) {
                let slip = Slip::new(format!("`{name}` is not refused by a list of errors"));
                report.add(&node.at, slip.instead("write `\"page\"` or `true`"));
            }
            let mut codes = Vec::new();
            for member in members {
                match member.text() {
                    Some(text) if ERRORS.contains(&text) => codes.push(text.to_owned()),
                    other => report.add(&member.at, Slip::unknown("error", other.unwrap_or(member.kind()), ERRORS.iter().copied())),
                }
            }
            Some(if can(Refusal::Codes) { Refused::Codes(codes) } else { Refused::AtClient(codes) })
        }
        Data::Number(_) | Data::Table(_) => {
            report.wants(node, "refused", "a list of errors, an error at the client, `\"page\"` or `true`");
            None
        }
    }
}

/// Conditions, with the place of each one that is malformed.
fn lines(node: &Node, report: &mut Report<'_>) -> Vec<Expected> {
    matchers(node, true, report);
    let mut value = node.json();
    loop {
        match conditions(&value) {
            Ok(lines) => return lines,
            Err((path, why)) => {
                // Regular expressions are complained about with a drawing; its last line says what is wrong.
                let (first, last) = (why.lines().next().unwrap_or(""), why.lines().last().unwrap_or(""));
                let why = if first == last { why.clone() } else { format!("{first} {last}") };
                report.add(&node.nearest_to(&path).at, Slip::new(why));
                // The others are still to be read; what is left of the table may be nothing.
                if !prune(&mut value, &path) {
                    return Vec::new();
                }
            }
        }
    }
}

/// Takes a place away, with the tables that are empty then. Whether something is left.
fn prune(value: &mut Value, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    let Some(table) = value.as_object_mut() else { return false };
    if !table.get_mut(first).is_some_and(|inner| prune(inner, rest)) {
        table.remove(first);
    }
    !table.is_empty()
}

/// Words that look like a matcher and are none, or that are one and do not stand alone.
fn matchers(node: &Node, outermost: bool, report: &mut Report<'_>) {
    let Some(entries) = node.table() else { return };
    let is_word = |entry: &Entry| matcher::WORDS.contains(&entry.key.as_str());
    if !outermost {
        if let [only] = entries {
            if is_word(only) {
                return;
            }
            // Written with dots it is a path for sure.
            if report.written(&node.at).starts_with('{')
                && let Some(meant) = nearly_a_matcher(&only.key)
            {
                let slip = Slip::new(format!("there is no matcher `{}`", only.key)).meant(Some(meant));
                report.add(&only.key_at, slip.instead("A member of that name is reached with a dot"));
            }
        } else if let Some(word) = entries.iter().find(|entry| is_word(entry)) {
            let slip = Slip::new(format!("the matcher `{}` stands alone in its table", word.key));
            report.add(&word.key_at, slip.instead("a member of that name is reached with `is`"));
        }
    }
    for entry in entries {
        matchers(&entry.node, false, report);
    }
}

/// The matcher that a word was meant to be. Claims are short, and some are close to a short matcher (`kid`, `iss`).
fn nearly_a_matcher(word: &str) -> Option<&'static str> {
    let near = |matcher: &str| match matcher.len() {
        0..4 => false,
        4 => word != "kid" && strsim::damerau_levenshtein(word, matcher) == 1,
        _ => (1..=2).contains(&strsim::damerau_levenshtein(word, matcher)),
    };
    matcher::WORDS.into_iter().find(|matcher| near(matcher))
}

/// Whether a line asks about something that the judged reply can have.
fn place(line: &Expected, node: &Node, judged: Option<&Step<'_>>, report: &mut Report<'_>) {
    let Some(root) = line.path.first() else { return };
    let at = key_of(node, &line.path);
    let name = root.strip_suffix("_header").filter(|name| TOKENS.contains(name)).unwrap_or(root);
    if !REPLY_PLACES.contains(&name) {
        report.add(&at, Slip::none_of(format!("a reply has no `{root}`"), root, REPLY_PLACES.iter().copied()));
        return;
    }
    if let Some(step) = judged.filter(|step| !step.verb.yields.contains(&name)) {
        let what = format!("what `{}` brings has no `{root}`", step.verb.name);
        let has: Vec<_> = step.verb.yields.iter().filter(|y| REPLY_PLACES.contains(y)).copied().collect();
        let instead =
            if has.is_empty() { "ask something with an answer, or add `then`".to_owned() } else { format!("it has {}", has.join(", ")) };
        report.add(&at, Slip::new(what).instead(instead));
        return;
    }
    match (name, line.path.get(1).map(String::as_str)) {
        ("json", Some(member)) if TOKENS.contains(&member) => {
            report.add(
                &at,
                Slip::new("a token is not reached through `json`").instead(format!("write `expect.{}`", line.path[1..].join("."))),
            );
        }
        ("header" | "callback", None) => {
            report.add(&at, Slip::new(format!("`{root}` is a table; a member of it is meant")).instead(format!("`expect.{root}.NAME`")));
        }
        ("status" | "landed", Some(inside)) => report.add(&at, Slip::new(format!("`{root}` has no `{inside}`"))),
        ("landed", None) => {
            for word in
                line.matcher.values().into_iter().filter_map(Value::as_str).filter(|word| !PAGES.contains(word) && !word.contains('{'))
            {
                report.add(&node.nearest_to(&line.path).at, Slip::unknown("page", word, PAGES.iter().copied()));
            }
        }
        ("status", None) => {
            if let Matcher::Equal(value) = &line.matcher
                && !value.as_u64().is_some_and(|status| (100..=599).contains(&status))
            {
                report
                    .add(&node.nearest_to(&line.path).at, Slip::new(format!("`{value}` is no status")).instead("a number from 100 to 599"));
            }
        }
        _ => {}
    }
}

/// The place of the last key of a path that is there.
fn key_of(node: &Node, path: &[String]) -> Span {
    let (mut at, mut node) = (node.at.clone(), node);
    for segment in path {
        let Some(entry) = node.table().and_then(|entries| entries.iter().find(|entry| entry.key == *segment)) else { break };
        (at, node) = (entry.key_at.clone(), &entry.node);
    }
    at
}

/// A telling's login: a reply that has an ID token, of that very client.
fn login(node: &Node, text: &str, client: Option<&str>, scene: &Scene<'_, '_>, report: &mut Report<'_>) {
    let Some(name) = whole(text) else {
        report.add(
            &node.at,
            Slip::new(format!("`{text}` is no login")).instead("such as `\"{web}\"`, with the name that it was saved under"),
        );
        return;
    };
    let Some(step) = saved(name, scene) else { return };
    if !LOGINS.contains(&step.verb.verb) {
        let good: Vec<_> = LOGINS.iter().map(|verb| verb.word()).collect();
        let what = format!("`{}` signs nobody in, so nobody is told of its end", step.verb.name);
        report.add(&node.at, Slip::new(what).instead(format!("a telling belongs to one of {}", good.join(", "))));
    }
    if step.is_beside {
        report.add(
            &node.at,
            Slip::new(format!("what `{name}` brought depends on who came first, and a telling belongs to a login that is there")),
        );
    }
    let of = step.field("client").and_then(|node| deref(node, scene.with).text());
    if let (Some(of), Some(client)) = (of, client)
        && of != client
    {
        report.add(&node.at, Slip::new(format!("`{name}` is a login at `{of}`, and `{client}` is never told of that")));
    }
}

fn answered<'t>(node: &'t Node, scene: &Scene<'_, 't>, report: &mut Report<'_>) -> Option<Vec<Value>> {
    let node = deref(node, scene.with);
    let Some(members) = node.list().filter(|members| !members.is_empty()) else {
        report.wants(node, "answered", "the list of the client's answers, one for each attempt");
        return None;
    };
    let members: Vec<_> = members.iter().map(|member| deref(member, scene.with)).collect();
    for member in &members {
        answer(member, report);
    }
    Some(members.into_iter().map(Node::json).collect())
}

fn pauses(node: &Node, report: &mut Report<'_>) -> Vec<Matcher> {
    let Some(members) = node.list() else {
        report.wants(node, "pauses", "a list of durations or matchers");
        return Vec::new();
    };
    let mut pauses = Vec::new();
    for member in members {
        match conditions(&json!({ "pause": member.json() })) {
            Err((_, why)) => report.add(&member.at, Slip::new(why)),
            Ok(lines) => match lines.into_iter().next() {
                Some(line) if line.path.len() == 1 => {
                    for value in line.matcher.values().into_iter().filter(|v| v.as_str().is_none_or(|text| duration_ms(text).is_none())) {
                        report.add(
                            &member.at,
                            Slip::new(format!("`{value}` is no duration")).instead("write `\"500ms\"`, `\"90s\"`, `\"5m\"`"),
                        );
                    }
                    pauses.push(line.matcher);
                }
                _ => report.add(&member.at, Slip::new("a pause is a duration or a matcher such as `{ between = [\"1s\", \"10m\"] }`")),
            },
        }
    }
    pauses
}

fn one_event(node: &Node, prefix: &str, outermost: bool, report: &mut Report<'_>) -> Option<EventExpected> {
    let kind = |text: &str, report: &mut Report<'_>| {
        if text.starts_with(prefix) {
            let slip = Slip::new(format!("the type is `{text}` behind `{prefix}`"));
            report.add(&node.at, slip.instead("write what follows the prefix"));
        }
        text.to_owned()
    };
    match &node.data {
        Data::Text(text) => Some(EventExpected::One { r#type: kind(text, report), also: Vec::new() }),
        Data::Table(entries) => {
            if let Some(inner) = node.get("any_order") {
                let members = inner.list().filter(|members| members.len() > 1 && entries.len() == 1 && outermost);
                if members.is_none() {
                    report.add(&inner.at, Slip::new("`any_order` stands alone and holds two events or more, none of them an `any_order`"));
                }
                return Some(EventExpected::AnyOrder(
                    members?.iter().filter_map(|event| one_event(event, prefix, false, report)).collect(),
                ));
            }
            let Some(text) = node.get("type").and_then(Node::text) else {
                report.add(&node.at, Slip::new("an event has a `type`"));
                return None;
            };
            let mut also = Vec::new();
            for entry in entries {
                match entry.key.as_str() {
                    "type" => {}
                    "payload" | "aggregate" => {
                        let only = Node { at: entry.node.at.clone(), data: Data::Table(vec![entry.clone()]) };
                        also.extend(lines(&only, report));
                    }
                    other => {
                        let words = ["type", "payload", "aggregate", "any_order"];
                        report.add(&entry.key_at, Slip::none_of(format!("an event has no `{other}`"), other, words));
                    }
                }
            }
            Some(EventExpected::One { r#type: kind(text, report), also })
        }
        Data::Number(_) | Data::Flag(_) | Data::List(_) => {
            report.add(&node.at, Slip::new("an event is its type, or a table with `type` or `any_order`"));
            None
        }
    }
}
