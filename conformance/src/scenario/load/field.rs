//! The second pass over one step: what its fields hold, in the light of the check that it stands in.

use super::scope::{Names, Scene, Use, deref, saved, sole, whole};
use super::step::{Draft as Step, Edits, Number};
use crate::scenario::Verb;
use crate::scenario::verb::{Kind, Shape, When};
use crate::scenario::word::{REQUEST_PLACES, REQUEST_TABLES, SIGNERS, SILENCES};
use crate::toml_file::{Data, Entry, Node, Report, Slip, Span};
use crate::transcript::view::{Part, duration_ms, references};

impl Names<'_> {
    /// Everything about a step but its outcome.
    pub fn step<'t>(&mut self, step: &Step<'t>, scene: &Scene<'_, 't>, report: &mut Report<'_>) {
        for entry in &step.fields {
            let name = entry.key.as_str();
            let field = match step.act {
                Some(act) => act.fields.iter().find(|field| field.name == name),
                None => step.verb.field(name),
            };
            let Some(field) = field else { continue };
            let as_what = if field.kind == Kind::Reply { Use::Reply } else { Use::Value };
            self.check(&entry.node, scene, as_what, report);
            self.kind(field.kind, name, &entry.node, step, scene, report);
        }
        if let (Some(node), Shape::Text(kind)) = (step.value, step.verb.shape) {
            self.check(node, scene, Use::Value, report);
            self.kind(kind, step.verb.name, node, step, scene, report);
        }
        if let Some(times) = step.manner.times {
            self.check(times, scene, Use::Value, report);
            let value = deref(times, scene.with);
            if value.count().is_none_or(|count| count == 0) {
                report.wants(value, "times", "a number from 1");
            }
        }
        if let Some(within) = step.manner.within {
            self.check(within, scene, Use::Value, report);
            self.kind(Kind::Duration, "within", within, step, scene, report);
        }
        self.edits(step, scene, report);
        self.oddities(step, report);
        self.imply(step, scene);
    }

    /// What the verb and its fields ask of target and harness.
    fn imply<'t>(&mut self, step: &Step<'t>, scene: &Scene<'_, 't>) {
        let holds = |name: &str, word: &str| step.field(name).is_some_and(|node| deref(node, scene.with).text() == Some(word));
        if let Some(act) = step.act {
            self.acts.entry(act.name).or_insert_with(|| step.at.clone());
        }
        for implied in step.verb.implies {
            let applies = match implied.when {
                When::Always => true,
                When::Has(name) => step.field(name).is_some(),
                When::Is(name, word) => holds(name, word),
            };
            if applies {
                self.implied.entry(implied.need).or_insert_with(|| step.at.clone());
            }
        }
    }

    fn kind<'t>(&mut self, kind: Kind, name: &str, node: &'t Node, step: &Step<'t>, scene: &Scene<'_, 't>, report: &mut Report<'_>) {
        let node = deref(node, scene.with);
        let wants = |wanted: &str, report: &mut Report<'_>| report.wants(node, name, wanted);
        // A placeholder that is not there has been complained about with the other references.
        if node.text().and_then(sole).is_some_and(|path| path == "with" || path.starts_with("with.")) {
            return;
        }
        let is_reference = node.text().is_some_and(|text| references(text).iter().any(|part| matches!(part, Part::Reference(_))));
        match kind {
            Kind::Json => {}
            Kind::Parameter => match &node.data {
                Data::Table(_) => wants("text, a number, true or false, or a list of these", report),
                Data::List(members) => {
                    for member in members.iter().filter(|m| m.table().is_some() || m.list().is_some()) {
                        report.wants(member, name, "text, numbers, true or false in its list");
                    }
                }
                Data::Text(_) | Data::Number(_) | Data::Flag(_) => {}
            },
            Kind::Text if node.text().is_none() => wants("text", report),
            Kind::Text => {}
            Kind::Client => {
                let names = self.clients.keys().map(String::as_str).collect::<Vec<_>>();
                one_of(name, "client", node, &names, report);
            }
            Kind::User => one_of(name, "user", node, &self.known.users.keys().map(String::as_str).collect::<Vec<_>>(), report),
            Kind::Words(words) => one_of(name, "", node, words, report),
            Kind::Reply => goes_on(step, node, scene, report),
            Kind::Duration => match node.text() {
                // A number in it may come from a reply: `{device.json.interval}s`.
                Some(text) if duration_ms(&with_a_number(text)).is_some() => {}
                Some(text) => {
                    report.add(&node.at, Slip::new(format!("`{text}` is no duration")).instead("write `500ms`, `90s`, `5m`, `20h`, `60d`"));
                }
                None => wants("a duration such as `\"90s\"`", report),
            },
            Kind::Flag if node.flag().is_none() && !is_reference => wants("true or false", report),
            Kind::FlagOrInherit if node.flag().is_none() && node.text() != Some("inherit") => wants("true, false or `\"inherit\"`", report),
            Kind::Flag | Kind::FlagOrInherit => {}
            Kind::Answers => answers(name, node, scene, report),
            Kind::Signer => self.signer(node, report),
            Kind::Table if node.table().is_none() => wants("a table", report),
            Kind::Table => {}
            Kind::Names if node.list().is_none_or(|members| members.iter().any(|m| m.text().is_none())) => wants("a list of text", report),
            Kind::Names => {}
        }
    }

    fn signer(&self, node: &Node, report: &mut Report<'_>) {
        let text = node.text().unwrap_or("");
        match text.strip_prefix("client.") {
            Some(client) if self.clients.contains_key(client) => {}
            Some(client) => report.add(&node.at, Slip::unknown("client", client, self.clients.keys().map(String::as_str))),
            None if SIGNERS.contains(&text) => {}
            None => report.add(&node.at, Slip::unknown("signer", text, SIGNERS.iter().copied().chain(["client.NAME"]))),
        }
    }

    fn edits<'t>(&mut self, step: &Step<'t>, scene: &Scene<'_, 't>, report: &mut Report<'_>) {
        let edits = &step.manner.edits;
        if !step.verb.edits {
            if let Some(at) = edits.first() {
                let slip = match step.verb.verb {
                    Verb::Login => Slip::new("`login` takes no edits: it is two requests").instead("ask about `authorize` or `redeem`"),
                    _ => Slip::new(format!("`{}` sends nothing that could be edited", step.verb.name)),
                };
                report.add(at, slip);
            }
            return;
        }
        for (path, at, node) in edits.set.iter().chain(&edits.repeat) {
            self.check(node, scene, Use::Value, report);
            reachable(path, at, step, report);
        }
        for (path, at, node) in &edits.set {
            self.edited(path, at, node, scene, report);
        }
        for (path, at, _) in &edits.repeat {
            if path == "method" || path == "body" || path.starts_with("assertion") {
                report.add(at, Slip::new(format!("`{path}` cannot come twice")));
            } else {
                sent(path, at, step, edits, report);
            }
        }
        for word in &edits.drop {
            if word.text == "method" || word.text == "assertion_key" {
                report.add(word.at, Slip::new(format!("`{}` cannot be left away", word.text)));
            } else {
                reachable(word.text, word.at, step, report);
                sent(word.text, word.at, step, edits, report);
            }
        }
    }

    fn edited<'t>(&mut self, path: &str, at: &Span, node: &'t Node, scene: &Scene<'_, 't>, report: &mut Report<'_>) {
        let value = deref(node, scene.with);
        match path {
            "method" if !value.text().is_some_and(|m| !m.is_empty() && m.chars().all(|c| c.is_ascii_uppercase() || c == '{')) => {
                report.wants(value, "method", "a method in capitals such as `\"GET\"`");
            }
            "assertion_key" => {
                self.signer(value, report);
                if value.text() == Some("fixture") {
                    self.implied.entry("own_keys").or_insert_with(|| at.clone());
                }
            }
            "body" if value.text().is_none() => report.wants(value, "body", "text"),
            // A table that stands there is a deeper path; only a placeholder can bring one.
            _ if value.table().is_some() => report.add(at, Slip::new(format!("`{path}` has no inside"))),
            _ => {}
        }
    }

    /// What the lists of fields do not say.
    fn oddities(&self, step: &Step<'_>, report: &mut Report<'_>) {
        let manner = &step.manner;
        if let Some(Number { at, .. }) = manner.at_once.filter(|_| !step.verb.edits) {
            report.add(at, Slip::new(format!("`{}` cannot be done at once with itself", step.verb.name)));
        }
        if let Some(other) = &manner.beside
            && let Some(verb) = [step.verb, other.verb].iter().find(|verb| !verb.edits)
        {
            report.add(&other.at, Slip::new(format!("`{}` has no one request that another could go beside", verb.name)));
        }
        if let Some(save) = step.save {
            if !step.verb.can_be_saved() {
                report.add(save.at, Slip::new(format!("`{}` brings nothing that could be saved", step.verb.name)));
            }
            if let Some(succeed) = manner.succeed.filter(|succeed| succeed.is != 1) {
                report.add(save.at, Slip::new(format!("what is saved is the one success, and `succeed` is {}", succeed.is)));
            }
        }
        let both = |a: &str, b: &str| step.field(a).and(step.field(b)).map(|node| node.at.clone());
        let clashes: &[(&str, &str)] = match step.verb.verb {
            Verb::Send => &[
                ("get", "post"),
                ("get", "url"),
                ("post", "url"),
                ("get", "method"),
                ("post", "method"),
                ("form", "json"),
                ("form", "body"),
                ("json", "body"),
            ],
            Verb::Forge => &[("from", "claims")],
            _ => &[],
        };
        for (a, b) in clashes {
            if let Some(at) = both(a, b) {
                report.add(&at, Slip::new(format!("`{}` has `{a}` or `{b}` and not both", step.verb.name)));
            }
        }
        if step.verb.verb == Verb::Send && step.field("url").is_some() && step.field("method").is_none() {
            report.add(&step.at, Slip::new("`send` with a `url` needs its `method`").instead("or write the address under `get` or `post`"));
        }
    }
}

/// A text that is one of a list.
fn one_of(name: &str, kind: &str, node: &Node, words: &[&str], report: &mut Report<'_>) {
    let Some(text) = node.text() else {
        report.wants(node, name, "text");
        return;
    };
    if words.contains(&text) {
        return;
    }
    if references(text).iter().any(|part| matches!(part, Part::Reference(_))) {
        report.add(
            &node.at,
            Slip::new(format!("`{name}` has to be known before anything runs")).instead("a word, or a placeholder alone: `\"{with.X}\"`"),
        );
    } else {
        let what = if kind.is_empty() { format!("`{name}` is never `{text}`") } else { format!("there is no {kind} `{text}`") };
        report.add(&node.at, Slip::none_of(what, text, words.iter().copied()));
    }
}

/// `of` names a reply that the verb can go on from.
fn goes_on<'t>(step: &Step<'t>, node: &Node, scene: &Scene<'_, 't>, report: &mut Report<'_>) {
    let Some(name) = node.text().and_then(whole) else {
        let slip = Slip::new("`of` wants a reply as a whole").instead("such as `\"{alice}\"`, with the name that it was saved under");
        report.add(&node.at, slip);
        return;
    };
    // A name that is not there has been complained about with the other references.
    let Some(from) = saved(name, scene) else { return };
    let verb = step.verb;
    if !verb.goes_on_from.contains(&from.verb.verb) {
        let good: Vec<_> = verb.goes_on_from.iter().map(|v| v.word()).collect();
        let what = format!("`{}` cannot go on from what `{}` brought", step.act.map_or(verb.name, |act| act.name), from.verb.name);
        report.add(&node.at, Slip::new(what).instead(format!("it goes on from {}", good.join(", "))));
    } else if from.refused.is_some() && from.manner.at_once.is_none() {
        report.add(&node.at, Slip::new(format!("nothing can go on from `{name}`: that step is refused")));
    }
}

/// A list of status codes, silences, and tables.
fn answers<'t>(name: &str, node: &'t Node, scene: &Scene<'_, 't>, report: &mut Report<'_>) {
    let Some(members) = node.list().filter(|members| !members.is_empty()) else {
        report.wants(node, name, "a list of answers such as `[500, 200]`");
        return;
    };
    for member in members {
        let member = deref(member, scene.with);
        match member.table() {
            Some(entries) => {
                for entry in entries {
                    answer_part(entry, scene, report);
                }
            }
            None => answer(member, report),
        }
    }
}

/// One answer in short: a status code or a silence.
pub(super) fn answer(node: &Node, report: &mut Report<'_>) {
    match &node.data {
        Data::Text(text) if SILENCES.contains(&text.as_str()) => {}
        Data::Text(text) => report.add(&node.at, Slip::unknown("answer", text, SILENCES.iter().copied())),
        _ if node.count().is_some_and(|status| (200..=599).contains(&status)) => {}
        _ => report.add(&node.at, Slip::new("an answer is a status code from 200 to 599, or a word").instead("`hang`, `drop` or `gone`")),
    }
}

fn answer_part<'t>(entry: &'t Entry, scene: &Scene<'_, 't>, report: &mut Report<'_>) {
    let node = deref(&entry.node, scene.with);
    match entry.key.as_str() {
        "status" => answer(node, report),
        "header" if node.table().is_some_and(|headers| headers.iter().all(|h| h.node.text().is_some())) => {}
        "header" => report.wants(node, "header", "a table of text"),
        "body" if node.text().is_some() => {}
        "body" => report.wants(node, "body", "text"),
        "after" if node.text().is_some_and(|text| duration_ms(text).is_some()) => {}
        "after" => report.wants(node, "after", "a duration such as `\"3s\"`: how long the client takes"),
        other => {
            report.add(&entry.key_at, Slip::none_of(format!("an answer has no `{other}`"), other, ["status", "header", "body", "after"]))
        }
    }
}

/// Whether a path of an edit leads into a request.
fn reachable(path: &str, at: &Span, step: &Step<'_>, report: &mut Report<'_>) {
    let (root, inside) = path.split_once('.').map_or((path, None), |(root, inside)| (root, Some(inside)));
    let json = matches!(step.verb.verb, Verb::Register | Verb::Send);
    let slip = if REQUEST_TABLES.contains(&root) {
        inside
            .is_none()
            .then(|| Slip::new(format!("`{root}` is a part of the request; a member of it is meant")).instead(format!("`{root}.NAME`")))
    } else if REQUEST_PLACES.contains(&root) || !json {
        inside.is_some().then(|| {
            let what = format!("`{path}`: `{root}` has no inside");
            Slip::none_of(what, root, REQUEST_TABLES.iter().copied())
        })
    } else {
        None
    };
    if let Some(slip) = slip {
        report.add(at, slip);
    }
}

/// Whether an honest request has what is dropped or repeated: a slip would change nothing, and nobody would notice.
fn sent(path: &str, at: &Span, step: &Step<'_>, edits: &Edits<'_>, report: &mut Report<'_>) {
    let root = path.split('.').next().unwrap_or(path);
    if REQUEST_TABLES.contains(&root) || REQUEST_PLACES.contains(&root) || step.verb.verb == Verb::Send {
        return;
    }
    let set = edits.set.iter().any(|(set, _, _)| set == path);
    if !set && !step.verb.parameters().any(|parameter| parameter == path) {
        let what = format!("`{}` sends no parameter `{path}`", step.verb.name);
        report.add(at, Slip::none_of(what, path, step.verb.parameters()));
    }
}

/// A duration with every reference replaced by a number.
fn with_a_number(text: &str) -> String {
    references(text).into_iter().map(|part| if let Part::Text(text) = part { text } else { "1" }).collect()
}
