//! The first pass over one step: its verb, the verb's fields, and the words around it.

use super::draft::{Keys, Word};
use crate::scenario::verb::{self, Act, Field, Shape};
use crate::scenario::word::{BESIDE_KEYS, STEP_KEYS, VERB_KEYS};
use crate::toml_file::{Data, Entry, Node, Report, Slip, Span};

/// A step as written.
#[derive(Clone)]
pub(super) struct Draft<'t> {
    /// The verb's key.
    pub at: Span,
    pub verb: &'static verb::Known,
    /// The act of `admin`.
    pub act: Option<&'static Act>,
    /// Its fields, `do` among them.
    pub fields: Vec<&'t Entry>,
    /// The value of a verb that has no fields.
    pub value: Option<&'t Node>,
    pub save: Option<Word<'t>>,
    pub refused: Option<&'t Node>,
    pub manner: Manner<'t>,
    /// It goes out beside another, so that nobody knows what it brings.
    pub is_beside: bool,
}

/// How a verb is done.
#[derive(Clone, Default)]
pub(super) struct Manner<'t> {
    pub times: Option<&'t Node>,
    pub at_once: Option<Number<'t>>,
    pub succeed: Option<Number<'t>>,
    pub within: Option<&'t Node>,
    pub edits: Edits<'t>,
    /// What goes out at the same moment.
    pub beside: Option<Box<Draft<'t>>>,
}

/// A number and its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number<'t> {
    pub is: u32,
    pub at: &'t Span,
}

/// Edits with the places of their keys; paths have dots.
#[derive(Debug, Clone, Default)]
pub(super) struct Edits<'t> {
    pub set: Vec<(String, Span, &'t Node)>,
    pub drop: Vec<Word<'t>>,
    pub repeat: Vec<(String, Span, &'t Node)>,
}

/// Steps in their order.
#[derive(Default)]
pub(super) struct Walk<'t> {
    pub steps: Vec<Draft<'t>>,
    /// What may have been saved in a step that is not quite readable: known names of unknown content.
    pub lost: Vec<&'t str>,
}

/// A list of steps.
pub(super) fn list<'t>(node: &'t Node, name: &str, report: &mut Report<'_>) -> Walk<'t> {
    let mut walk = Walk::default();
    let Some(members) = node.list() else {
        let wanted = if name == "[[step]]" { "to be written `[[step]]`, once for each step," } else { "a list of steps" };
        report.wants(node, name, wanted);
        return walk;
    };
    for member in members {
        let keys = Keys::read(member, "a step", &[VERB_KEYS, STEP_KEYS], true, report);
        match one(&keys, &member.at, "a step", report) {
            Some(step) => walk.steps.push(step),
            None => walk.lost.extend(keys.get("save").and_then(Node::text)),
        }
        // One of these may have been meant to be `save`.
        walk.lost.extend(keys.strangers.iter().filter_map(|entry| entry.node.text()));
    }
    walk
}

/// The step that a table describes.
pub(super) fn one<'t>(keys: &Keys<'t>, at: &Span, place: &str, report: &mut Report<'_>) -> Option<Draft<'t>> {
    let (known, entry) = match keys.verbs.as_slice() {
        [one] => *one,
        [] => {
            // A key that nobody knows has been taken for the verb and complained about already.
            if !keys.strange() {
                report.add(at, Slip::new(format!("{place} has no verb")));
            }
            return None;
        }
        [first, second, ..] => {
            let what = format!("{place} has one verb, and this has `{}` and `{}`", first.1.key, second.1.key);
            report.add(&second.1.key_at, Slip::new(what));
            return None;
        }
    };
    let mut step = Draft {
        at: entry.key_at.clone(),
        verb: known,
        act: None,
        fields: Vec::new(),
        value: None,
        save: keys.text("save", report),
        // Of `[ask]` and a row it is an expectation, which is looked at with the others.
        refused: keys.get("refused"),
        manner: Manner::read(keys, report),
        is_beside: false,
    };
    match known.shape {
        Shape::Text(_) if entry.node.text().is_some() => step.value = Some(&entry.node),
        Shape::Text(_) => report.wants(&entry.node, known.name, "text"),
        Shape::Table(_) => step.read_fields(&entry.node, known.fields(), known.wants, known.name, report),
        Shape::Act => step.read_act(entry, report),
    }
    Some(step)
}

/// The verb beside another.
fn beside<'t>(node: &'t Node, report: &mut Report<'_>) -> Option<Box<Draft<'t>>> {
    let keys = Keys::read(node, "`beside`", &[BESIDE_KEYS], true, report);
    let other = one(&keys, &node.at, "`beside`", report)?;
    Some(Box::new(Draft { is_beside: true, ..other }))
}

impl<'t> Draft<'t> {
    /// The step itself, and the verb beside it.
    pub fn both(&self) -> impl Iterator<Item = &Self> + Clone {
        std::iter::once(self).chain(self.manner.beside.as_deref())
    }

    /// The value of a field as written.
    pub fn field(&self, name: &str) -> Option<&'t Node> {
        self.fields.iter().find(|entry| entry.key == name).map(|entry| &entry.node)
    }

    fn read_act(&mut self, entry: &'t Entry, report: &mut Report<'_>) {
        let Some(named) = entry.node.get("do") else {
            let acts: Vec<_> = verb::ACTS.iter().map(|act| act.name).collect();
            report.add(&entry.key_at, Slip::new("`admin` has no `do`").instead(format!("it is one of {}", acts.join(", "))));
            return;
        };
        let Some(act) = named.text().and_then(Act::named) else {
            report.add(&named.at, Slip::unknown("act", named.text().unwrap_or(""), verb::ACTS.iter().map(|act| act.name)));
            return;
        };
        self.act = Some(act);
        let wants: Vec<&[&str]> = act.wants.chunks(1).collect();
        self.read_fields(&entry.node, act.fields.iter(), &wants, act.name, report);
    }

    fn read_fields(
        &mut self,
        node: &'t Node,
        fields: impl Iterator<Item = &'static Field>,
        wants: &[&[&str]],
        owner: &str,
        report: &mut Report<'_>,
    ) {
        let Data::Table(entries) = &node.data else {
            report.wants(node, self.verb.name, "a table of its fields");
            return;
        };
        let names: Vec<&str> = fields.map(|field| field.name).collect();
        for entry in entries {
            if self.act.is_some() && entry.key == "do" || names.contains(&entry.key.as_str()) {
                self.fields.push(entry);
            } else {
                let what = format!("`{owner}` has no field `{}`", entry.key);
                report.add(&entry.key_at, Slip::none_of(what, &entry.key, names.iter().copied()));
            }
        }
        for wanted in wants {
            if !wanted.iter().any(|name| node.get(name).is_some()) {
                let what = format!("`{owner}` needs `{}`", wanted.join("` or `"));
                report.add(&self.at, Slip::new(what));
            }
        }
    }
}

impl<'t> Manner<'t> {
    /// Reads the words around a verb.
    pub fn read(keys: &Keys<'t>, report: &mut Report<'_>) -> Self {
        let manner = Self {
            times: keys.get("times"),
            at_once: number(keys, "at_once", 2, report),
            succeed: number(keys, "succeed", 0, report),
            within: keys.get("within"),
            edits: Edits::read(keys, report),
            beside: keys.get("beside").and_then(|node| beside(node, report)),
        };
        match (manner.at_once, manner.succeed) {
            (Some(_), None) => {
                let node = keys.entry("at_once").map_or(0..0, |entry| entry.key_at.clone());
                report.add(&node, Slip::new("`at_once` without `succeed`").instead("say how many of them succeed"));
            }
            (None, Some(succeed)) => report.add(succeed.at, Slip::new("`succeed` counts the successes of `at_once`, which is not there")),
            (Some(all), Some(some)) if some.is > all.is => {
                report.add(some.at, Slip::new(format!("of {} at once {} cannot succeed", all.is, some.is)));
            }
            _ => {}
        }
        if let (Some(_), Some(times)) = (manner.at_once, manner.times) {
            report.add(&times.at, Slip::new("`times` does it in turn and `at_once` together: one of them"));
        }
        if let (Some(number), Some(_)) = (manner.at_once.map(|n| n.at).or(manner.times.map(|n| &n.at)), &manner.beside) {
            report.add(number, Slip::new("`beside` is one verb beside one other: no `times` and no `at_once`"));
        }
        manner
    }

    /// The same with everything that `other` says instead.
    pub fn overlaid(&self, other: &Self) -> Self {
        Self {
            times: other.times.or(self.times),
            at_once: other.at_once.or(self.at_once),
            succeed: other.succeed.or(self.succeed),
            within: other.within.or(self.within),
            edits: self.edits.overlaid(&other.edits),
            beside: other.beside.clone().or_else(|| self.beside.clone()),
        }
    }
}

fn number<'t>(keys: &Keys<'t>, name: &str, least: u32, report: &mut Report<'_>) -> Option<Number<'t>> {
    let node = keys.get(name)?;
    let is = node.count().and_then(|count| u32::try_from(count).ok()).filter(|count| (least..=1000).contains(count));
    if is.is_none() {
        report.wants(node, name, &format!("a number from {least}"));
    }
    Some(Number { is: is?, at: &node.at })
}

impl<'t> Edits<'t> {
    fn read(keys: &Keys<'t>, report: &mut Report<'_>) -> Self {
        let mut edits = Self::default();
        for (name, into) in [("set", &mut edits.set), ("repeat", &mut edits.repeat)] {
            for entry in keys.table(name, report) {
                flatten(&entry.key, entry, into, report);
            }
        }
        edits.drop = keys.words("drop", report).unwrap_or_default();
        edits
    }

    /// The place of the first one, for a complaint about them all.
    pub fn first(&self) -> Option<&Span> {
        let keys = self.set.iter().chain(&self.repeat).map(|(_, at, _)| at);
        keys.chain(self.drop.iter().map(|word| word.at)).min_by_key(|at| at.start)
    }

    /// What a row changes goes over what the question changes already.
    fn overlaid(&self, other: &Self) -> Self {
        let again = |path: &str| {
            other.set.iter().chain(&other.repeat).any(|(p, _, _)| p == path) || other.drop.iter().any(|word| word.text == path)
        };
        let mut all = self.clone();
        all.set.retain(|(path, _, _)| !again(path));
        all.repeat.retain(|(path, _, _)| !again(path));
        all.drop.retain(|word| !again(word.text));
        all.set.extend(other.set.iter().cloned());
        all.repeat.extend(other.repeat.iter().cloned());
        all.drop.extend(other.drop.iter().copied());
        all
    }
}

/// `header = { X = … }` and `header.X = …` are one edit each, of `header.X`.
fn flatten<'t>(path: &str, entry: &'t Entry, into: &mut Vec<(String, Span, &'t Node)>, report: &mut Report<'_>) {
    match &entry.node.data {
        Data::Table(inner) if inner.is_empty() => report.add(&entry.node.at, Slip::new(format!("`{path}` changes nothing"))),
        Data::Table(inner) => inner.iter().for_each(|e| flatten(&format!("{path}.{}", e.key), e, into, report)),
        _ => into.push((path.to_owned(), entry.key_at.clone(), &entry.node)),
    }
}
