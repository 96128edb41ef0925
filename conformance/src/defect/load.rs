//! Reads the files of `fixtures/defects/`. Every problem of every file is told at once, with its place and the nearest right word.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::{Defect, Defects, ENDPOINTS, Edit, Hold, Nth, On, Selector, Sign, Whole};
use crate::embedded_files;
use crate::requirement::Requirements;
use crate::scenario::matcher::{WORDS, conditions};
use crate::toml_file::{Entry, Node, Problem, Report, Slip};
use crate::transcript::Endpoint;
use crate::transcript::view::{Part, duration_ms, references};

/// What defects may name beside their own words. `None`: nobody knows, and any name is accepted.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Ids of requirements.
    pub requirements: Option<BTreeSet<String>>,
    /// Names of the fixtures' clients.
    pub clients: Option<BTreeSet<String>>,
}

impl Known {
    /// The requirements, and the clients of the fixtures.
    pub fn embedded(requirements: &Requirements) -> Self {
        let clients = embedded_files::fixture("clients.toml").and_then(|text| toml::from_str::<toml::Table>(text).ok());
        let clients = clients.and_then(|root| Some(root.get("clients")?.as_table()?.keys().cloned().collect()));
        Self { requirements: Some(requirements.iter().map(|r| r.id.clone()).collect()), clients }
    }
}

/// Reads the defects that are compiled in.
///
/// # Errors
/// As [`load`].
pub fn embedded(requirements: &Requirements) -> Result<Defects, Vec<Problem>> {
    let files: Vec<(&str, &str)> =
        embedded_files::fixtures_in(FOLDER).into_iter().map(|(path, text)| (path.strip_prefix(FOLDER).unwrap_or(path), text)).collect();
    load(&files, &Known::embedded(requirements))
}

const FOLDER: &str = "defects/";

/// Reads files: the path of each below the folder of defects, and its text.
///
/// # Errors
/// Everything that is wrong with them, file by file in the order of the places.
pub fn load(files: &[(&str, &str)], known: &Known) -> Result<Defects, Vec<Problem>> {
    let mut defects: BTreeMap<String, Arc<Defect>> = BTreeMap::new();
    let mut problems = Vec::new();
    for (file, text) in files {
        let mut report = Report::new(file, text);
        match Node::parse(text) {
            Err(errors) => errors.into_iter().for_each(|(at, why)| report.add(&at, Slip::new(why))),
            Ok(root) => {
                let mut reader = Reader { file, known, report: &mut report };
                for entry in root.table().unwrap_or_default() {
                    let defect = reader.defect(entry);
                    if let Some(other) = defects.get(&defect.id) {
                        let what = format!("the defect `{}` stands in {}:{} too", defect.id, other.file, other.line);
                        reader.report.add(&entry.key_at, Slip::new(what));
                        continue;
                    }
                    defects.insert(defect.id.clone(), Arc::new(defect));
                }
            }
        }
        problems.extend(report.finish());
    }
    if problems.is_empty() { Ok(Defects(defects)) } else { Err(problems) }
}

/// Reads one file.
struct Reader<'r, 't> {
    file: &'r str,
    known: &'r Known,
    report: &'r mut Report<'t>,
}

const DEFECT: [&str; 6] = ["breaks", "seen_in", "instead", "note", "later", "edit"];
const EDIT: [&str; 18] = [
    "on",
    "where",
    "nth",
    "per",
    "after",
    "set",
    "drop",
    "repeat",
    "sign",
    "answer",
    "swallow",
    "replay",
    "as",
    "duplicate",
    "reroute",
    "hold",
    "follow",
    "tell",
];
const AFTER: [&str; 3] = ["on", "where", "ago"];
const ROOTS: [&str; 8] = ["request", "answer", "client", "op", "owner", "first", "held", "kind_of"];
/// Words that stand on some kinds of messages only.
const ONLY_ON: [(&str, &[Side]); 9] = [
    ("answer", &[Side::Request]),
    ("swallow", &[Side::Request, Side::Delivery]),
    ("replay", &[Side::Request]),
    ("as", &[Side::Request]),
    ("duplicate", &[Side::Delivery, Side::DeliveryAnswer]),
    ("reroute", &[Side::Delivery]),
    ("hold", &[Side::Answer, Side::Delivery]),
    ("follow", &[Side::DeliveryAnswer]),
    ("tell", &[Side::Answer, Side::DeliveryAnswer]),
];

/// A kind of message, whatever the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Answer,
    Delivery,
    DeliveryAnswer,
}

impl On {
    fn side(self) -> Side {
        match self {
            Self::Request(_) => Side::Request,
            Self::Answer(_) => Side::Answer,
            Self::Delivery => Side::Delivery,
            Self::DeliveryAnswer => Side::DeliveryAnswer,
        }
    }

    /// The word of the language.
    pub fn word(self) -> String {
        match self {
            Self::Request(endpoint) => format!("{}.request", endpoint.word()),
            Self::Answer(endpoint) => format!("{}.answer", endpoint.word()),
            Self::Delivery => "delivery.request".into(),
            Self::DeliveryAnswer => "delivery.answer".into(),
        }
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let endpoints = |on: fn(Endpoint) -> Self| ENDPOINTS.into_iter().map(on);
        [Self::Delivery, Self::DeliveryAnswer].into_iter().chain(endpoints(Self::Request)).chain(endpoints(Self::Answer))
    }
}

impl Reader<'_, '_> {
    fn defect(&mut self, entry: &Entry) -> Defect {
        let node = &entry.node;
        self.keys(node, "key of a defect", &DEFECT);
        let mut edits = Vec::new();
        match node.get("edit").map(|edit| (edit, edit.list())) {
            Some((_, Some(list))) if !list.is_empty() => edits.extend(list.iter().map(|edit| self.edit(edit))),
            Some((edit, _)) => self.report.add(&edit.at, Slip::wants("edit", "a list of tables, at least one", edit.kind())),
            None => self.report.add(&entry.key_at, Slip::new(format!("the defect `{}` has no `edit`", entry.key))),
        }
        let breaks = self.words(node, "breaks");
        if let Some(known) = &self.known.requirements {
            for (id, at) in breaks.iter().filter(|(id, _)| !known.contains(id.as_str())) {
                self.report.add(at, Slip::unknown("requirement", id, known.iter().map(String::as_str)));
            }
        }
        if breaks.is_empty() {
            self.report.add(&entry.key_at, Slip::new(format!("the defect `{}` breaks nothing", entry.key)));
        }
        let words = |words: Vec<(String, _)>| words.into_iter().map(|(word, _)| word).collect();
        Defect {
            id: entry.key.clone(),
            file: self.file.to_owned(),
            line: self.report.line(&entry.key_at),
            breaks: words(breaks),
            seen_in: words(self.words(node, "seen_in")),
            instead: self.text(node, "instead"),
            note: self.text(node, "note"),
            later: self.flag(node, "later"),
            edits,
        }
    }

    fn edit(&mut self, node: &Node) -> Edit {
        self.keys(node, "key of an edit", &EDIT);
        let selector = self.selector(node);
        let (after, ago) = match node.get("after") {
            None => (None, 0),
            Some(after) => {
                self.keys(after, "key of `after`", &AFTER);
                (Some(self.selector(after)), self.duration(after, "ago"))
            }
        };
        for (word, sides) in ONLY_ON {
            let misplaced = selector.on.iter().find(|on| !sides.contains(&on.side()));
            if let (Some(value), Some(on)) = (node.get(word), misplaced) {
                self.report.add(&value.at, Slip::new(format!("`{word}` says nothing on `{}`", on.word())));
            }
        }
        let edit = Edit {
            line: self.report.line(&node.at),
            nth: node.get("nth").and_then(|nth| self.nth(nth)),
            per: self.path(node, "per"),
            after,
            ago,
            set: self.places(node, "set", &selector.on),
            drop: self.words(node, "drop").iter().map(|(path, at)| self.place(path.split('.'), &selector.on, at)).collect(),
            repeat: self.places(node, "repeat", &selector.on),
            sign: self.text(node, "sign").map(|word| match word.as_str() {
                "keep" => Sign::Keep,
                "foreign" => Sign::Foreign,
                "none" => Sign::None,
                "hs256-public" => Sign::Hs256Public,
                _ => Sign::Kid(word),
            }),
            whole: self.whole(node),
            selector,
        };
        let does_nothing = edit.set.is_empty() && edit.drop.is_empty() && edit.repeat.is_empty() && edit.sign.is_none();
        if does_nothing && edit.whole == Whole::default() {
            self.report.add(&node.at, Slip::new("this edit changes nothing"));
        }
        edit
    }

    fn whole(&mut self, node: &Node) -> Whole {
        let answer = node.get("answer").map(|_| self.places(node, "answer", &[On::Answer(Endpoint::Other)]));
        let reroute = self.text(node, "reroute");
        if let (Some(to), Some(at)) = (&reroute, node.get("reroute")) {
            let name = to.split_once('.').map_or(to.as_str(), |(name, _)| name);
            if !["first", "second"].contains(&name) {
                self.client(name, at);
            }
        }
        Whole {
            answer,
            swallow: self.flag(node, "swallow"),
            replay: self.path(node, "replay"),
            sent_as: self.text(node, "as").inspect(|text| {
                if let (false, Some(at)) = (text.contains('{'), node.get("as")) {
                    self.client(text, at);
                }
            }),
            duplicate: self.count(node, "duplicate"),
            reroute,
            hold: node.get("hold").and_then(|hold| match hold.text() {
                Some("deliveries") => Some(Hold::Deliveries),
                Some("answer") => Some(Hold::Answer),
                text => {
                    let ms = text.and_then(duration_ms);
                    if ms.is_none() {
                        self.report.add(&hold.at, Slip::new("`hold` is a duration (\"30s\"), \"deliveries\" or \"answer\""));
                    }
                    ms.map(Hold::ForMs)
                }
            }),
            follow: self.flag(node, "follow"),
            tell: node.get("tell").and_then(|tell| {
                let (client, in_ms) = match tell.text() {
                    Some(client) => (client.to_owned(), 0),
                    None => {
                        self.keys(tell, "key of `tell`", &["client", "in"]);
                        (self.text(tell, "client")?, self.duration(tell, "in"))
                    }
                };
                self.client(&client, tell);
                Some((client, in_ms))
            }),
        }
    }

    fn selector(&mut self, node: &Node) -> Selector {
        let named: Vec<(String, _)> = match node.get("on") {
            None => {
                self.report.add(&node.at, Slip::new("`on` says which messages are meant"));
                Vec::new()
            }
            Some(on) if on.list().is_some() => self.words(node, "on"),
            Some(on) => self.text(node, "on").into_iter().map(|word| (word, on.at.clone())).collect(),
        };
        let mut kinds = Vec::new();
        for (word, at) in named {
            match On::all().find(|on| on.word() == word) {
                Some(on) => kinds.push(on),
                None => {
                    let words: Vec<String> = On::all().map(On::word).collect();
                    self.report.add(&at, Slip::unknown("kind of message", &word, words.iter().map(String::as_str)));
                }
            }
        }
        let mut lines = Vec::new();
        if let Some(wanted) = node.get("where") {
            self.references(wanted);
            match conditions(&wanted.json()) {
                Ok(conditions) => lines = conditions,
                Err((path, why)) => self.report.add(&wanted.nearest_to(&path).at.clone(), Slip::new(why)),
            }
        }
        Selector { on: kinds, conditions: lines }
    }

    /// `set`, `repeat` and `answer`: a table is a deeper path; `is` holds a whole table.
    fn places(&mut self, node: &Node, word: &str, on: &[On]) -> Vec<(Vec<String>, Value)> {
        let Some(node) = node.get(word) else { return Vec::new() };
        self.references(node);
        let mut places = Vec::new();
        match node.table() {
            Some(entries) => entries.iter().for_each(|entry| self.flatten(entry, Vec::new(), on, &mut places)),
            None => self.report.add(&node.at, Slip::wants(word, "a table of places", node.kind())),
        }
        places
    }

    fn flatten(&mut self, entry: &Entry, mut path: Vec<String>, on: &[On], places: &mut Vec<(Vec<String>, Value)>) {
        path.push(entry.key.clone());
        match entry.node.table() {
            Some([only]) if only.key == "is" => {
                places.push((self.place(path.iter().map(String::as_str), on, &entry.key_at), only.node.json()));
            }
            Some([only]) if WORDS.contains(&only.key.as_str()) => {
                let what = format!("`{}` is a condition and no value; `is = …` holds a whole table", only.key);
                self.report.add(&only.key_at, Slip::new(what));
            }
            Some(entries) => entries.iter().for_each(|inner| self.flatten(inner, path.clone(), on, places)),
            None => places.push((self.place(path.iter().map(String::as_str), on, &entry.key_at), entry.node.json())),
        }
    }

    /// A place, if messages of these kinds have it.
    fn place<'p>(&mut self, path: impl Iterator<Item = &'p str>, on: &[On], at: &std::ops::Range<usize>) -> Vec<String> {
        const OF_REQUESTS: [(&str, usize); 8] =
            [("method", 1), ("url", 1), ("body", 1), ("header", 2), ("query", 2), ("form", 2), ("param", 2), ("json", 1)];
        const OF_ANSWERS: [(&str, usize); 8] = [
            ("status", 1),
            ("body", 1),
            ("html", 1),
            ("header", 2),
            ("location", 2),
            ("json", 1),
            ("userinfo_token", 2),
            ("userinfo_token_header", 2),
        ];
        let path: Vec<String> = path.map(str::to_owned).collect();
        for kind in on {
            let parts: &[_] = if matches!(kind.side(), Side::Request | Side::Delivery) { &OF_REQUESTS } else { &OF_ANSWERS };
            let part = parts.iter().find(|(name, _)| *name == path[0]);
            match part {
                None => {
                    let what = format!("part of `{}`", kind.word());
                    self.report.add(at, Slip::unknown(&what, &path[0], parts.iter().map(|(name, _)| *name)));
                }
                Some((name, least)) if path.len() < *least => {
                    self.report.add(at, Slip::new(format!("`{name}` is no place of its own; say which, as in `{name}.X`")));
                }
                Some(_) => {}
            }
        }
        path
    }

    fn nth(&mut self, node: &Node) -> Option<Nth> {
        let parsed = match (node.count(), node.text()) {
            (Some(n), _) => u32::try_from(n).ok().map(|n| Nth { from: n, to: Some(n), step: 1 }),
            (None, Some(text)) => parse_nth(text),
            _ => None,
        };
        let parsed = parsed.filter(|nth| nth.from > 0 && nth.step > 0 && nth.to.is_none_or(|to| to >= nth.from));
        if parsed.is_none() {
            self.report.add(&node.at, Slip::new("`nth` is a number from 1, or \"2..\", \"..3\", \"2..4\", \"3/3\""));
        }
        parsed
    }

    /// Refuses references whose root is none.
    fn references(&mut self, node: &Node) {
        let mut wrong = Vec::new();
        node.each_text(&mut |node, text| {
            for part in references(text) {
                if let Part::Reference(path) = part {
                    let mut segments = path.split('.');
                    let root = segments.next().unwrap_or_default();
                    wrong.push((
                        node.at.clone(),
                        root.to_owned(),
                        (root == "client").then(|| segments.next().unwrap_or_default().to_owned()),
                    ));
                }
            }
        });
        for (at, root, client) in wrong {
            if !ROOTS.contains(&root.as_str()) {
                self.report.add(&at, Slip::unknown("root of a reference", &root, ROOTS));
            } else if let (Some(client), Some(known)) = (client, &self.known.clients)
                && !known.contains(&client)
            {
                self.report.add(&at, Slip::unknown("client", &client, known.iter().map(String::as_str)));
            }
        }
    }

    fn client(&mut self, name: &str, node: &Node) {
        if let Some(known) = self.known.clients.as_ref().filter(|known| !known.contains(name)) {
            self.report.add(&node.at, Slip::unknown("client", name, known.iter().map(String::as_str)));
        }
    }

    fn keys(&mut self, node: &Node, kind: &str, known: &[&str]) {
        match node.table() {
            None => self.report.add(&node.at, Slip::new(format!("a table belongs here and not {}", node.kind()))),
            Some(entries) => {
                for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
                    self.report.add(&entry.key_at, Slip::unknown(kind, &entry.key, known.iter().copied()));
                }
            }
        }
    }

    fn text(&mut self, node: &Node, word: &str) -> Option<String> {
        let node = node.get(word)?;
        if node.text().is_none() {
            self.report.add(&node.at, Slip::wants(word, "text", node.kind()));
        }
        node.text().map(str::to_owned)
    }

    fn path(&mut self, node: &Node, word: &str) -> Option<Vec<String>> {
        self.text(node, word).map(|text| text.split('.').map(str::to_owned).collect())
    }

    fn words(&mut self, node: &Node, word: &str) -> Vec<(String, std::ops::Range<usize>)> {
        let Some(node) = node.get(word) else { return Vec::new() };
        let words: Option<Vec<_>> = node.list().and_then(|list| list.iter().map(|n| Some((n.text()?.to_owned(), n.at.clone()))).collect());
        words.unwrap_or_else(|| {
            self.report.add(&node.at, Slip::wants(word, "a list of text", node.kind()));
            Vec::new()
        })
    }

    fn flag(&mut self, node: &Node, word: &str) -> bool {
        let Some(node) = node.get(word) else { return false };
        if node.flag() != Some(true) {
            self.report.add(&node.at, Slip::new(format!("`{word}` is `true`, or left away")));
        }
        true
    }

    fn count(&mut self, node: &Node, word: &str) -> u32 {
        let Some(node) = node.get(word) else { return 0 };
        let count = node.count().and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
        if count.is_none() {
            self.report.add(&node.at, Slip::new(format!("`{word}` is a number from 1")));
        }
        count.unwrap_or(1)
    }

    fn duration(&mut self, node: &Node, word: &str) -> i64 {
        let Some(node) = node.get(word) else { return 0 };
        let ms = node.text().and_then(duration_ms);
        if ms.is_none() {
            self.report.add(&node.at, Slip::new(format!("`{word}` is a duration: \"90s\", \"5m\", \"20h\", \"60d\"")));
        }
        ms.unwrap_or(0)
    }
}

fn parse_nth(text: &str) -> Option<Nth> {
    if let Some((from, step)) = text.split_once('/') {
        return Some(Nth { from: from.parse().ok()?, to: None, step: step.parse().ok()? });
    }
    let (from, to) = text.split_once("..")?;
    let bound = |text: &str, open: u32| if text.is_empty() { Some(open) } else { text.parse().ok() };
    Some(Nth { from: bound(from, 1)?, to: if to.is_empty() { None } else { Some(to.parse().ok()?) }, step: 1 })
}

#[cfg(test)]
mod tests;
