//! The first pass: a file as its parts, every key known. What the parts mean together is the second pass's business.

use super::step::{self, Draft as Step, Manner, Walk};
use crate::nearest::nearest;
use crate::scenario::verb;
use crate::scenario::word::{CHECK_KEYS, FILE_KEYS, ROW_KEYS, VERB_KEYS};
use crate::toml_file::{Data, Entry, Node, Report, Slip, Span};

/// A file.
pub(super) struct Draft<'t> {
    pub title: String,
    pub cites: Vec<Word<'t>>,
    /// A key of the file may have been meant to be `cites`, or that could not be read.
    pub strange: bool,
    pub needs: Vec<Word<'t>>,
    pub room: Option<Vec<Word<'t>>>,
    pub provider: Option<&'t Node>,
    pub clients: &'t [Entry],
    pub with: &'t [Entry],
    pub walk: Walk<'t>,
    /// `None` if it is not there, or its verb could not be read.
    pub ask: Option<Step<'t>>,
    pub said: Said<'t>,
    pub default: Said<'t>,
    pub rows: Vec<Row<'t>>,
}

/// A row.
pub(super) struct Row<'t> {
    pub name: &'t str,
    pub at: Span,
    pub with: &'t [Entry],
    pub first: Walk<'t>,
    /// Another question than that of `[ask]`; `Some(None)` if it could not be read.
    pub verb: Option<Option<Step<'t>>>,
    /// What it says of the question, if that is the file's own.
    pub manner: Manner<'t>,
    /// A verb after the question; `Some(None)` if it could not be read.
    pub then: Option<Option<Step<'t>>>,
    pub said: Said<'t>,
}

/// What `[ask]`, `[default]` and a row can say about a check.
#[derive(Default)]
pub(super) struct Said<'t> {
    pub cites: Option<Vec<Word<'t>>>,
    pub needs: Vec<Word<'t>>,
    pub room: Option<Vec<Word<'t>>>,
    pub broken_by: Option<Vec<Word<'t>>>,
    pub unbreakable: Option<Word<'t>>,
    pub control: Vec<Word<'t>>,
    pub wanted: Wanted<'t>,
    /// A key of it may have been meant to be one of these.
    pub strange: bool,
}

/// The four expectations.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Wanted<'t> {
    pub expect: Option<&'t Node>,
    pub refused: Option<&'t Node>,
    pub deliveries: Option<&'t Node>,
    pub events: Option<&'t Node>,
}

impl Wanted<'_> {
    pub fn is_empty(&self) -> bool {
        self.expect.is_none() && self.refused.is_none() && self.deliveries.is_none() && self.events.is_none()
    }
}

/// A string and its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'t> {
    pub text: &'t str,
    pub at: &'t Span,
}

impl<'t> Draft<'t> {
    /// Takes a file apart.
    pub fn read(root: &'t Node, report: &mut Report<'_>) -> Self {
        let keys = Keys::read(root, "a file", &[FILE_KEYS], false, report);
        let title = keys.text("title", report).map(|word| word.text.to_owned());
        if title.as_deref().is_none_or(|title| title.trim().is_empty()) && !(title.is_none() && keys.strange()) {
            report.add(&(0..0), Slip::new("the file has no `title`").instead("it is the sentence that the file proves"));
        }
        let cites = keys.words("cites", report);
        let walk = match keys.get("step") {
            Some(node) => step::list(node, "[[step]]", report),
            None => Walk::default(),
        };
        let default = match keys.get("default") {
            Some(node) => Said::read(&Keys::read(node, "`[default]`", &[CHECK_KEYS], false, report), report),
            None => Said::default(),
        };
        let mut rows = Vec::new();
        for entry in keys.table("row", report) {
            rows.extend(Row::read(entry, report));
        }
        let asked = keys.get("ask").map(|node| {
            let keys = Keys::read(node, "`[ask]`", &[VERB_KEYS, CHECK_KEYS], true, report);
            let said = Said::read(&keys, report);
            (step::one(&keys, &node.at, "`[ask]`", report), said)
        });
        if asked.is_none() && !keys.strange() {
            report.add(&(0..0), Slip::new("the file asks nothing").instead("`[ask]` holds the one question in its honest form"));
        }
        let (needs, room) = (keys.words("needs", report).unwrap_or_default(), keys.words("room", report));
        let (clients, with) = (keys.table("client", report), keys.table("with", report));
        let (ask, said) = asked.unwrap_or_default();
        Self {
            title: title.unwrap_or_default(),
            strange: keys.strange() || (cites.is_none() && keys.get("cites").is_some()),
            cites: cites.unwrap_or_default(),
            needs,
            room,
            provider: keys.get("provider"),
            clients,
            with,
            walk,
            ask,
            said,
            default,
            rows,
        }
    }
}

impl<'t> Row<'t> {
    fn read(entry: &'t Entry, report: &mut Report<'_>) -> Option<Self> {
        let name = entry.key.as_str();
        if !is_id(name) {
            report.add(
                &entry.key_at,
                Slip::new(format!("`{name}` cannot be the name of a row")).instead("it is part of an id: letters, digits, `-` and `_`"),
            );
            return None;
        }
        let keys = Keys::read(&entry.node, "a row", &[VERB_KEYS, CHECK_KEYS, ROW_KEYS], true, report);
        let first = match keys.get("first") {
            Some(node) => step::list(node, "first", report),
            None => Walk::default(),
        };
        let then = keys.get("then").map(|node| {
            let keys = Keys::read(node, "`then`", &[VERB_KEYS], true, report);
            step::one(&keys, &node.at, "`then`", report)
        });
        let manner = Manner::read(&keys, report);
        let verb = if keys.verbs.is_empty() && !keys.strange() { None } else { Some(step::one(&keys, &entry.key_at, "a row", report)) };
        let with = keys.table("with", report);
        let said = Said::read(&keys, report);
        Some(Self { name, at: entry.key_at.clone(), with, first, verb, manner, then, said })
    }
}

impl<'t> Said<'t> {
    fn read(keys: &Keys<'t>, report: &mut Report<'_>) -> Self {
        let control = match keys.get("control") {
            Some(node) if node.text().is_some() => keys.text("control", report).into_iter().collect(),
            Some(_) => keys.words("control", report).unwrap_or_default(),
            None => Vec::new(),
        };
        Self {
            strange: keys.strange(),
            cites: keys.words("cites", report),
            needs: keys.words("needs", report).unwrap_or_default(),
            room: keys.words("room", report),
            broken_by: keys.words("broken_by", report),
            unbreakable: keys.text("unbreakable", report),
            control,
            wanted: Wanted {
                expect: keys.get("expect"),
                refused: keys.get("refused"),
                deliveries: keys.get("deliveries"),
                events: keys.get("events"),
            },
        }
    }
}

/// Whether a text may stand in an id.
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// The keys of one table, sorted into those that are verbs and the others.
pub(super) struct Keys<'t> {
    pub verbs: Vec<(&'static verb::Known, &'t Entry)>,
    /// Keys that nobody knows. They have been complained about.
    pub strangers: Vec<&'t Entry>,
    /// It is no table at all.
    pub unreadable: bool,
    words: Vec<&'t Entry>,
}

impl<'t> Keys<'t> {
    /// Refuses every key that is neither a verb (where one may stand) nor in the lists.
    pub fn read(node: &'t Node, owner: &str, lists: &[&'static [&'static str]], verbs: bool, report: &mut Report<'_>) -> Self {
        let mut keys = Self { verbs: Vec::new(), strangers: Vec::new(), unreadable: false, words: Vec::new() };
        let Data::Table(entries) = &node.data else {
            report.add(&node.at, Slip::new(format!("a table belongs here and not {}", node.kind())));
            keys.unreadable = true;
            return keys;
        };
        for entry in entries {
            let name = entry.key.as_str();
            match verb::Known::named(name).filter(|_| verbs) {
                Some(known) => keys.verbs.push((known, entry)),
                None if lists.iter().any(|list| list.contains(&name)) => keys.words.push(entry),
                None => keys.strangers.push(entry),
            }
        }
        let known = || lists.iter().copied().flatten().copied().chain(verb::Known::names().filter(|_| verbs));
        for stranger in &keys.strangers {
            // Where a verb is missing, the word that nobody knows was meant to be it, unless it looks like another.
            let other = nearest(&stranger.key, known()).is_some_and(|meant| verb::Known::named(meant).is_none());
            let is_verb = verbs && keys.verbs.is_empty() && !other;
            let what = if is_verb { format!("there is no verb `{}`", stranger.key) } else { format!("{owner} has no `{}`", stranger.key) };
            report.add(&stranger.key_at, Slip::none_of(what, &stranger.key, known()));
        }
        keys
    }

    /// Whether a key may have been meant to be another, so that nothing can be said of what is missing.
    pub fn strange(&self) -> bool {
        self.unreadable || !self.strangers.is_empty()
    }

    pub fn get(&self, name: &str) -> Option<&'t Node> {
        self.entry(name).map(|entry| &entry.node)
    }

    pub fn entry(&self, name: &str) -> Option<&'t Entry> {
        self.words.iter().find(|entry| entry.key == name).copied()
    }

    /// A key that holds text.
    pub fn text(&self, name: &str, report: &mut Report<'_>) -> Option<Word<'t>> {
        let node = self.get(name)?;
        let text = node.text();
        if text.is_none() {
            report.wants(node, name, "text");
        }
        Some(Word { text: text?, at: &node.at })
    }

    pub fn words(&self, name: &str, report: &mut Report<'_>) -> Option<Vec<Word<'t>>> {
        let node = self.get(name)?;
        let Some(members) = node.list() else {
            report.wants(node, name, "a list of text");
            return None;
        };
        let mut words = Vec::new();
        for member in members {
            match member.text() {
                Some(text) => words.push(Word { text, at: &member.at }),
                None => report.wants(member, name, "a list of text"),
            }
        }
        Some(words)
    }

    pub fn table(&self, name: &str, report: &mut Report<'_>) -> &'t [Entry] {
        let Some(node) = self.get(name) else { return &[] };
        node.table().unwrap_or_else(|| {
            report.wants(node, name, "a table");
            &[]
        })
    }
}
