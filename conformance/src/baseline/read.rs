//! Reads a baseline. Every problem is told at once, with its place and the nearest right word.

use std::collections::{BTreeMap, BTreeSet};

use super::{Baseline, Known};
use crate::judge::verdict::Word;
use crate::toml_file::{Data, Node, Problem, Report, Slip};

/// The keys of an entry of `[[known]]`.
const KEYS: &[&str] = &["check", "rule", "verdict", "because"];
/// The words that can be known: all but `pass`.
const WORDS: &[&str] = &["fail", "warn", "blocked", "skip", "idle"];

/// The file by itself; ids are looked up by the caller.
pub(super) fn read(file: &str, text: &str) -> Result<Baseline, Vec<Problem>> {
    let mut report = Report::new(file, text);
    let root = match Node::parse(text) {
        Ok(root) => root,
        Err(errors) => {
            errors.into_iter().for_each(|(at, why)| report.add(&at, Slip::new(why)));
            return Err(report.finish());
        }
    };
    keys(&root, "a baseline", &["known", "last"], &mut report);
    let known = known(&root, true, &mut report);
    let last = last(&root, &mut report);
    let problems = report.finish();
    if problems.is_empty() { Ok(Baseline { known, last }) } else { Err(problems) }
}

/// The entries of `[[known]]`, in a baseline or in a target file; the one has to say the verdict, the other may leave it open.
pub(crate) fn known(root: &Node, with_verdict: bool, report: &mut Report<'_>) -> Vec<Known> {
    let Some(node) = root.get("known") else { return Vec::new() };
    let Some(tables) = node.list().filter(|list| list.iter().all(|n| n.table().is_some())) else {
        report.add(&node.at, Slip::wants("known", "tables, each under [[known]]", node.kind()));
        return Vec::new();
    };
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for table in tables {
        keys(table, "[[known]]", KEYS, report);
        let head = table.at.start..table.at.start;
        let id = match (table.get("check"), table.get("rule")) {
            (Some(_), Some(rule)) => {
                report.add(&rule.at, Slip::new("an entry is about a check or about a rule").instead("write two"));
                continue;
            }
            (None, None) => {
                report.add(&head, Slip::new("`check` or `rule` is missing"));
                continue;
            }
            (Some(node), None) | (None, Some(node)) => node,
        };
        let name = if table.get("check").is_some() { "check" } else { "rule" };
        let Some(text) = text(id, name, report) else { continue };
        // An id of a check has a folder in it, the name of a rule has none.
        if (name == "check") != text.contains('/') {
            let other = if name == "check" { "rule" } else { "check" };
            report.add(&id.at, Slip::new(format!("`{text}` is no id of a {name}")).instead(format!("write `{other} = \"{text}\"`")));
            continue;
        }
        if !seen.insert(text.clone()) {
            report.add(&id.at, Slip::new(format!("`{text}` is there twice")).instead("keep one of the two"));
        }
        let verdict = verdict(table, with_verdict, report);
        let because = match table.get("because") {
            Some(because) => self::text(because, "because", report),
            None => {
                let why = "say why one lives with it, with the number of an issue if there is one";
                report.add(&head, Slip::new("`because` is missing").instead(why));
                None
            }
        };
        let at = report.problem(&id.at, Slip::new(""));
        all.extend(because.map(|because| Known { id: text, verdict, because, at }));
    }
    all
}

fn verdict(table: &Node, needed: bool, report: &mut Report<'_>) -> Option<Word> {
    let Some(node) = table.get("verdict") else {
        if needed {
            let at = table.at.start..table.at.start;
            report.add(&at, Slip::new("`verdict` is missing").instead(format!("it is one of `{}`", WORDS.join("`, `"))));
        }
        return None;
    };
    let text = text(node, "verdict", report)?;
    let word = Word::parse(&text).filter(|_| WORDS.contains(&text.as_str()));
    if word.is_none() {
        report.add(&node.at, Slip::unknown("verdict that is known", &text, WORDS.iter().copied()));
    }
    word
}

/// `[last]`: lists of ids, by verdict.
fn last(root: &Node, report: &mut Report<'_>) -> BTreeMap<String, Word> {
    let mut last = BTreeMap::new();
    let Some(node) = root.get("last") else { return last };
    if node.table().is_none() {
        report.add(&node.at, Slip::wants("last", "a table", node.kind()));
    }
    for entry in node.table().unwrap_or_default() {
        let Some(word) = Word::parse(&entry.key) else {
            report.add(&entry.key_at, Slip::unknown("verdict", &entry.key, Word::ALL.map(Word::as_str)));
            continue;
        };
        let Data::List(members) = &entry.node.data else {
            report.add(&entry.node.at, Slip::wants(&entry.key, "a list of ids", entry.node.kind()));
            continue;
        };
        for member in members {
            let Some(id) = text(member, &entry.key, report) else { continue };
            if let Some(before) = last.insert(id.clone(), word) {
                report.add(&member.at, Slip::new(format!("`{id}` is in the list of `{before}` already")));
            }
        }
    }
    last
}

fn text(node: &Node, name: &str, report: &mut Report<'_>) -> Option<String> {
    match node.text() {
        None => report.wants(node, name, "text"),
        Some(text) if text.trim().is_empty() => report.add(&node.at, Slip::new(format!("`{name}` is empty"))),
        Some(text) => return Some(text.to_owned()),
    }
    None
}

fn keys(node: &Node, whose: &str, known: &[&str], report: &mut Report<'_>) {
    for entry in node.table().unwrap_or_default().iter().filter(|e| !known.contains(&e.key.as_str())) {
        report.add(&entry.key_at, Slip::none_of(format!("{whose} has no key `{}`", entry.key), &entry.key, known.iter().copied()));
    }
}
