//! Writes a baseline anew: reasons and comments that somebody has written stay.

use std::collections::{BTreeMap, BTreeSet};

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, TomlError, Value};

use super::compare::is_partial;
use super::{Baseline, Ids, UNEXPLAINED};
use crate::judge::verdict::Word;
use crate::report::excerpt::short;
use crate::report::record::{Entry, Report};

/// How many characters of what was wanted, and of what came, a new reason has.
const WORDS: usize = 100;

/// What stands before a reason that was written for another verdict.
const WAS: &str = " (was ";

const HEAD: &str = "\
# What is known of the target, so that a run says only what has changed: `touchstone run --baseline THIS`.
# A `because` is yours: say why one lives with it. `--update-baseline` writes the rest, and keeps reasons and comments.
";

const LAST: &str = "\
# What everything came to at the last update, written by `--update-baseline`: what passed there has to pass.
";

/// What an update did to a baseline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// How many entries of `[[known]]` came in.
    pub added: usize,
    /// How many got another verdict.
    pub changed: usize,
    /// How many went out.
    pub removed: usize,
}

/// The text of the baseline after this run. `text` is the old one, empty if there was none; `baseline` is what was read from it and
/// from the target file. What was not asked in this run stays as it was.
///
/// # Errors
/// The old text is no TOML.
pub fn updated(text: &str, baseline: &Baseline, report: &Report, ids: &Ids<'_>) -> Result<(String, Changes), TomlError> {
    let mut document: DocumentMut = text.parse()?;
    let head = take_head(&mut document);
    let mut changes = Changes::default();
    let mut tables = BTreeMap::new();
    let entries: BTreeMap<&str, &Entry> = report.entries().map(|e| (e.id.as_str(), e)).collect();
    let seen_in_part = seen_in_part(report);
    for table in document.get("known").and_then(Item::as_array_of_tables).into_iter().flatten() {
        let id = ["check", "rule"].iter().find_map(|key| table.get(key)?.as_str()).unwrap_or("").to_owned();
        let mut table = table.clone();
        let keep = match entries.get(id.as_str()) {
            None => ids.has(&id),
            Some(entry) if matches!(entry.verdict, Word::Pass | Word::Idle) && seen_in_part.contains(entry.id.as_str()) => true,
            Some(entry) if entry.verdict == Word::Pass => false,
            Some(entry) => {
                changes.changed += usize::from(change(&mut table, entry));
                true
            }
        };
        changes.removed += usize::from(!keep);
        if keep {
            tables.insert(place(&id, ids), table);
        }
    }
    for entry in report.entries() {
        let passed = baseline.last.get(&entry.id) == Some(&Word::Pass) && !seen_in_part.contains(entry.id.as_str());
        let has_to_be = matches!(entry.verdict, Word::Fail | Word::Warn | Word::Blocked) || (entry.verdict != Word::Pass && passed);
        if has_to_be && baseline.known(&entry.id).is_none() {
            changes.added += 1;
            tables.insert(place(&entry.id, ids), added(entry, ids));
        }
    }
    let last = last(baseline, report, ids, &seen_in_part);
    put(&mut document, tables.into_values(), &last, &head);
    Ok((document.to_string(), changes))
}

/// Rules that had a part of the suite to look at: what they came to there says nothing of the whole.
fn seen_in_part(report: &Report) -> BTreeSet<&str> {
    if is_partial(report) { report.rules.iter().map(|e| e.id.as_str()).collect() } else { BTreeSet::new() }
}

/// The comments at the top of the file, which belong to no entry, up to the last empty line before the first table.
fn take_head(document: &mut DocumentMut) -> String {
    if document.is_empty() {
        let text = document.trailing().as_str().unwrap_or("").trim().to_owned();
        document.set_trailing("");
        return if text.is_empty() { HEAD.to_owned() } else { text + "\n" };
    }
    let known = document.get_mut("known").and_then(Item::as_array_of_tables_mut).and_then(|list| list.get_mut(0));
    let first = known.map(|table| table.position()).unwrap_or_default();
    let last = document.get("last").and_then(Item::as_table).and_then(Table::position);
    let known_is_first = first.is_some() && last.is_none_or(|last| first < Some(last));
    let table = match document.get_mut(if known_is_first { "known" } else { "last" }) {
        Some(Item::ArrayOfTables(list)) => list.get_mut(0),
        Some(Item::Table(table)) => Some(table),
        _ => None,
    };
    let Some(table) = table else { return String::new() };
    let prefix = prefix(table);
    let (head, own) = prefix.rsplit_once("\n\n").map_or(("", prefix.as_str()), |(head, own)| (head, own));
    table.decor_mut().set_prefix(own);
    if head.trim().is_empty() { String::new() } else { format!("{}\n", head.trim_end()) }
}

/// What stands before the head of a table: empty lines and comments.
fn prefix(table: &Table) -> String {
    table.decor().prefix().and_then(|p| p.as_str()).unwrap_or("").to_owned()
}

/// Checks stand before rules, each by id.
fn place(id: &str, ids: &Ids<'_>) -> (bool, String) {
    (ids.rules.contains(id), id.to_owned())
}

/// Gives the entry the verdict of this run. A reason for another verdict is kept, as what it is. True: it had another one.
fn change(table: &mut Table, entry: &Entry) -> bool {
    let was = table.get("verdict").and_then(Item::as_str).unwrap_or("").to_owned();
    if was == entry.verdict.as_str() {
        return false;
    }
    let reason = table.get("because").and_then(Item::as_str).unwrap_or("").to_owned();
    // What somebody has written is carried along, what a machine has written is not.
    let before = if reason.starts_with(UNEXPLAINED) {
        reason.find(WAS).and_then(|at| reason.get(at..)).unwrap_or("").to_owned()
    } else {
        format!("{WAS}{was}: {reason})")
    };
    set(table, "verdict", entry.verdict.as_str());
    set(table, "because", &format!("{}{before}", reason_of(entry)));
    true
}

/// A value in the place of another, with the comment beside it.
fn set(table: &mut Table, key: &str, text: &str) {
    let mut value = Value::from(text);
    if let Some(old) = table.get(key).and_then(Item::as_value) {
        *value.decor_mut() = old.decor().clone();
    }
    table.insert(key, Item::Value(value));
}

fn added(entry: &Entry, ids: &Ids<'_>) -> Table {
    let mut table = Table::new();
    let key = if ids.rules.contains(entry.id.as_str()) { "rule" } else { "check" };
    table.insert(key, entry.id.as_str().into());
    table.insert("verdict", entry.verdict.as_str().into());
    table.insert("because", reason_of(entry).into());
    table
}

/// A reason that says that it is none yet, and what was seen.
fn reason_of(entry: &Entry) -> String {
    let seen = match (&entry.wanted, &entry.got, &entry.why) {
        (Some(wanted), Some(got), _) => format!("wanted {}, got {}", short(wanted, WORDS), short(got, WORDS)),
        (_, _, Some(why)) => short(why, 2 * WORDS),
        _ => entry.verdict.to_string(),
    };
    format!("{UNEXPLAINED}: {seen}")
}

fn last<'a>(
    baseline: &'a Baseline,
    report: &'a Report,
    ids: &Ids<'_>,
    seen_in_part: &BTreeSet<&str>,
) -> BTreeMap<Word, BTreeSet<(bool, String)>> {
    let mut words: BTreeMap<&str, Word> = baseline.last.iter().map(|(id, word)| (id.as_str(), *word)).collect();
    words.retain(|id, _| ids.has(id));
    for entry in report.entries() {
        // What a rule came to in a part of the suite says nothing of the whole.
        if !seen_in_part.contains(entry.id.as_str()) {
            words.insert(&entry.id, entry.verdict);
        }
    }
    let mut last: BTreeMap<Word, BTreeSet<(bool, String)>> = BTreeMap::new();
    for (id, word) in words {
        last.entry(word).or_default().insert(place(id, ids));
    }
    last
}

/// Puts the tables in their order, each with an empty line before it and its comments below that.
fn put(document: &mut DocumentMut, tables: impl Iterator<Item = Table>, last: &BTreeMap<Word, BTreeSet<(bool, String)>>, head: &str) {
    let own = document.get("last").and_then(Item::as_table).map_or_else(|| LAST.to_owned(), prefix);
    document.remove("known");
    document.remove("last");
    let mut before = if head.is_empty() { String::new() } else { format!("{head}\n") };
    let mut place = 0;
    let mut settle = |mut table: Table, own: &str| {
        table.decor_mut().set_prefix(format!("{before}{}", own.trim_start_matches('\n')));
        table.set_position(Some(place));
        place += 1;
        before = "\n".into();
        table
    };
    let mut list = ArrayOfTables::new();
    for table in tables {
        let own = prefix(&table);
        list.push(settle(table, &own));
    }
    let last = settle(table_of(last), &own);
    if !list.is_empty() {
        document.insert("known", Item::ArrayOfTables(list));
    }
    document.insert("last", Item::Table(last));
}

/// `[last]`: a line for each id, so that a difference has a line for each that changed.
fn table_of(last: &BTreeMap<Word, BTreeSet<(bool, String)>>) -> Table {
    let mut table = Table::new();
    for (word, ids) in last {
        let mut members = Array::new();
        for (_, id) in ids {
            let mut member = Value::from(id.as_str());
            member.decor_mut().set_prefix("\n    ");
            members.push_formatted(member);
        }
        members.set_trailing("\n");
        members.set_trailing_comma(true);
        table.insert(word.as_str(), members.into());
    }
    table
}
