//! The second pass over what a file says about its checks, its clients and the provider: names of things outside the file.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::draft::{Said, Word};
use super::rows::{File, Loaded};
use super::scope::{Client, Names, Scene, Use, With, deref};
use crate::requirement::{Requirement, Role, Strength};
use crate::scenario::word::{self, CLIENT_METADATA, PROVIDER, Setting};
use crate::scenario::{Check, Step};
use crate::toml_file::{Data, Entry, Node, Slip};
use crate::transcript::view::{Part, duration_ms, references};

impl<'t> File<'_, 't, '_> {
    /// Requirements, needs, defects and sentences, wherever they stand.
    pub fn words(&mut self) {
        let draft = self.draft;
        self.cites(&draft.cites);
        self.room(draft.room.as_deref().unwrap_or_default());
        self.needed(&draft.needs);
        let said = [&draft.said, &draft.default].into_iter().chain(draft.rows.iter().map(|row| &row.said));
        for said in said {
            self.said(said);
        }
    }

    fn said(&mut self, said: &Said<'t>) {
        self.cites(said.cites.as_deref().unwrap_or_default());
        self.room(said.room.as_deref().unwrap_or_default());
        self.needed(&said.needs);
        let broken_by = said.broken_by.as_deref().unwrap_or_default();
        if let Some(defects) = &self.known.defects {
            for word in broken_by.iter().filter(|word| !defects.contains(word.text)) {
                self.report.add(word.at, Slip::unknown("defect", word.text, defects.iter().map(String::as_str)));
            }
        }
        self.once(broken_by);
        if let Some(why) = said.unbreakable {
            if said.broken_by.is_some() {
                self.report.add(why.at, Slip::new("a check that a defect breaks is not `unbreakable`"));
            } else if why.text.trim().is_empty() {
                self.report.add(why.at, Slip::new("`unbreakable` says why no wire can play the culprit"));
            }
        }
    }

    fn cites(&mut self, words: &[Word<'t>]) {
        let mut first: Option<&Requirement> = None;
        self.once(words);
        for word in words {
            let Some(requirement) = self.known.requirements.get(word.text) else {
                self.unknown_requirement(word);
                continue;
            };
            if let Some(why) = &requirement.not_asked {
                self.report.add(word.at, Slip::new(format!("`{}` is not asked: {why}", word.text)));
            }
            if requirement.level.strength() == Strength::May {
                let slip = Slip::new(format!("`{}` is a MAY, and nobody can break it", word.text));
                self.report.add(word.at, slip.instead("where it leaves room it belongs in `room`"));
                continue;
            }
            let first = *first.get_or_insert(requirement);
            if first.level.strength() != requirement.level.strength() {
                let what =
                    format!("`{}` is a {} and `{}` a {}: a check has one strength", first.id, first.level, word.text, requirement.level);
                self.report.add(word.at, Slip::new(what).instead("ask the other in a row or a file of its own"));
            }
            if first.role != requirement.role {
                let (a, b) = (whose(first.role), whose(requirement.role));
                self.report
                    .add(word.at, Slip::new(format!("`{}` binds the {a} and `{}` the {b}: a check has one culprit", first.id, word.text)));
            }
        }
    }

    fn room(&mut self, words: &[Word<'t>]) {
        self.once(words);
        for word in words.iter().filter(|word| self.known.requirements.get(word.text).is_none()) {
            self.unknown_requirement(word);
        }
    }

    fn unknown_requirement(&mut self, word: &Word<'t>) {
        let nearest = self.known.requirements.nearest(word.text);
        self.report.add(word.at, Slip::new(format!("there is no requirement `{}`", word.text)).meant(nearest));
    }

    fn needed(&mut self, words: &[Word<'t>]) {
        self.once(words);
        for word in words.iter().filter(|word| !word::is_need(word.text)) {
            let known: Vec<String> = word::needs().collect();
            self.report.add(word.at, Slip::unknown("feature or power", word.text, known.iter().map(String::as_str)));
        }
    }

    fn once(&mut self, words: &[Word<'t>]) {
        for (i, word) in words.iter().enumerate() {
            if words[..i].iter().any(|earlier| earlier.text == word.text) {
                self.report.add(word.at, Slip::new(format!("`{}` stands there twice", word.text)));
            }
        }
    }

    /// The fixtures' clients and those of the file.
    pub fn clients_of_the_file(&mut self) -> BTreeMap<String, Client> {
        let fixtures = &self.known.clients;
        let mut clients: BTreeMap<String, Client> =
            fixtures.iter().map(|(name, metadata)| (name.clone(), Client { metadata: metadata.clone(), registered: false })).collect();
        for Entry { key, key_at, node } in self.draft.clients {
            // It becomes a host name: `NAME.rp.test`.
            if key.is_empty() || !key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
                self.report
                    .add(key_at, Slip::new(format!("`{key}` cannot be the name of a client")).instead("small letters, digits and `-`"));
            }
            if fixtures.contains_key(key) {
                self.report
                    .add(key_at, Slip::new(format!("`{key}` is a client of the fixtures")).instead("give this one a name of its own"));
            }
            let like = node.get("like");
            let mut metadata = match like.and_then(Node::text) {
                Some(name) if fixtures.contains_key(name) => fixtures[name].clone(),
                Some(name) => {
                    let at = like.map_or(key_at, |node| &node.at);
                    self.report.add(at, Slip::unknown("client", name, fixtures.keys().map(String::as_str)));
                    json!({})
                }
                None => {
                    self.report
                        .add(key_at, Slip::new(format!("`{key}` is `like` no client")).instead("name the fixture that it differs from"));
                    json!({})
                }
            };
            let mut registered = like.is_none_or(|node| node.text().is_none_or(|name| !fixtures.contains_key(name)));
            for entry in node.table().unwrap_or_default() {
                match entry.key.as_str() {
                    "like" => {}
                    "register" => match entry.node.flag() {
                        Some(flag) => registered |= flag,
                        None => self.report.wants(&entry.node, "register", "true or false"),
                    },
                    name if CLIENT_METADATA.contains(&name) => metadata[name] = entry.node.json(),
                    name => {
                        let names = CLIENT_METADATA.iter().copied().chain(["like", "register"]);
                        self.report.add(&entry.key_at, Slip::none_of(format!("a client has no `{name}`"), name, names));
                    }
                }
            }
            if node.table().is_none() {
                self.report.wants(node, key, "a table with `like`");
            }
            clients.insert(key.clone(), Client { metadata, registered });
        }
        clients
    }

    /// The clients of the file as one check has them.
    pub fn own_clients(&mut self, names: &mut Names<'_>, scene: &Scene<'_, 't>) -> BTreeMap<String, Value> {
        for entry in self.draft.clients {
            names.check(&entry.node, scene, Use::Value, self.report);
            let Some(register) = entry.node.get("register").filter(|node| node.flag() == Some(true)) else { continue };
            names.implied.entry("registration").or_insert_with(|| register.at.clone());
        }
        self.draft.clients.iter().map(|entry| (entry.key.clone(), inlined(&entry.node, scene.with, 0))).collect()
    }

    /// What is laid over the embedded provider's configuration.
    pub fn provider(&mut self, names: &mut Names<'_>, scene: &Scene<'_, 't>) -> Value {
        let Some(node) = self.draft.provider else { return json!({}) };
        names.check(node, scene, Use::Value, self.report);
        match node.table() {
            Some(entries) if !entries.is_empty() => self.settings("", entries, scene.with),
            _ => self.report.wants(node, "provider", "a table of settings"),
        }
        inlined(node, scene.with, 0)
    }

    fn settings(&mut self, prefix: &str, entries: &'t [Entry], with: &With<'t>) {
        for entry in entries {
            let path = format!("{prefix}{}", entry.key);
            let node = deref(&entry.node, with);
            let below = format!("{path}.");
            match PROVIDER.iter().find(|(name, _)| *name == path) {
                Some((_, setting)) => {
                    if let Some(wanted) = unfit(*setting, node) {
                        self.report.wants(node, &path, &wanted);
                    }
                }
                None if PROVIDER.iter().any(|(name, _)| name.starts_with(&below)) && node.table().is_some() => {
                    self.settings(&below, node.table().unwrap_or_default(), with);
                }
                None => {
                    let names = PROVIDER.iter().map(|(name, _)| *name);
                    self.report.add(&entry.key_at, Slip::none_of(format!("the provider has no setting `{path}`"), &path, names));
                }
            }
        }
    }

    /// A placeholder that nothing depends on.
    pub fn idle_placeholders(&mut self, used: &[String]) {
        for entry in self.draft.with {
            let varied = self.draft.rows.iter().any(|row| row.with.iter().any(|own| own.key == entry.key));
            if !varied && !used.contains(&entry.key) {
                let what = format!("no row varies the placeholder `{}`, and no step uses it", entry.key);
                self.report.add(&entry.key_at, Slip::new(what));
            }
        }
    }

    /// A row that changes nothing but what is expected has the walk of its question.
    pub fn same_walks(&self, all: &mut [Loaded]) {
        let Some((base, rows)) = all.split_first_mut() else { return };
        for row in rows {
            let (a, b) = (&base.check, &row.check);
            let same = a.with == b.with
                && b.then.is_none()
                && a.walk.len() == b.walk.len()
                && a.walk.iter().zip(&b.walk).all(|(x, y)| same_deed(x, y))
                && same_deed(&a.ask, &b.ask);
            row.check.same_walk_as = same.then(|| a.id.clone());
        }
    }

    /// A row that asks what another asks.
    pub fn twins(&mut self, all: &[Loaded]) {
        for (i, row) in all.iter().enumerate() {
            if let Some(twin) = all[..i].iter().find(|other| same_question(other, row)) {
                let whom = twin.check.row().map_or_else(|| "its base".to_owned(), |name| format!("the row `{name}`"));
                self.report.add(&row.at, Slip::new(format!("the row asks and expects what {whom} does")));
            }
        }
    }
}

fn same_question(a: &Loaded, b: &Loaded) -> bool {
    let (x, y): (&Check, &Check) = (&a.check, &b.check);
    let used = |loaded: &Loaded| -> BTreeMap<String, Value> {
        loaded.check.with.iter().filter(|(name, _)| loaded.used.contains(*name)).map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    x.expect == y.expect
        && used(a) == used(b)
        && same_deed(&x.ask, &y.ask)
        && x.walk.len() == y.walk.len()
        && x.walk.iter().zip(&y.walk).all(|(s, t)| same_deed(s, t) && s.refused == t.refused)
        && match (&x.then, &y.then) {
            (None, None) => true,
            (Some(s), Some(t)) => same_deed(s, t),
            _ => false,
        }
}

/// The same is done, wherever it stands and whatever is expected of it.
fn same_deed(a: &Step, b: &Step) -> bool {
    let bare = |step: &Step| Step { line: 0, refused: None, ..step.clone() };
    bare(a) == bare(b)
}

fn whose(role: Role) -> &'static str {
    match role {
        Role::Op => "provider",
        Role::Rp => "relying party",
    }
}

/// What a setting wants, if this is not it.
fn unfit(setting: Setting, node: &Node) -> Option<String> {
    let duration = |node: &Node| node.text().is_some_and(|text| duration_ms(text).is_some());
    let (fits, wanted) = match setting {
        Setting::Flag => (node.flag().is_some(), "true or false".to_owned()),
        Setting::Number => (node.count().is_some(), "a whole number".to_owned()),
        Setting::Duration => (duration(node), "a duration such as `\"90s\"`".to_owned()),
        Setting::Durations => (node.list().is_some_and(|all| all.iter().all(duration)), "a list of durations".to_owned()),
        Setting::Words(words) => (node.text().is_some_and(|text| words.contains(&text)), format!("one of {}", words.join(", "))),
    };
    (!fits).then_some(wanted)
}

/// The value with its placeholders filled in: what is configured before the walk begins has no other references to wait for.
fn inlined<'t>(node: &'t Node, with: &With<'t>, depth: usize) -> Value {
    let node = deref(node, with);
    match &node.data {
        Data::Text(text) if depth < 8 => {
            let mut whole = String::new();
            for part in references(text) {
                match part {
                    Part::Text(text) => whole.push_str(text),
                    Part::Reference(path) => match path.strip_prefix("with.").and_then(|name| with.get(name)) {
                        Some(inner) => match inlined(inner, with, depth + 1) {
                            Value::String(text) => whole.push_str(&text),
                            other => whole.push_str(&other.to_string()),
                        },
                        None => whole.push_str(&format!("{{{path}}}")),
                    },
                }
            }
            Value::String(whole)
        }
        Data::List(members) => Value::Array(members.iter().map(|m| inlined(m, with, depth)).collect()),
        Data::Table(entries) => Value::Object(entries.iter().map(|e| (e.key.clone(), inlined(&e.node, with, depth))).collect()),
        Data::Text(_) | Data::Number(_) | Data::Flag(_) => node.json(),
    }
}
