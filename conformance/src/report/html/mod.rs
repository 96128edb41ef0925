//! One self-contained page: what was asked, what came, and every exchange, as a picture and as text.
//!
//! It loads nothing, reads without script (the script filters and nothing else), and runs nothing that a target has said: everything is
//! escaped, and its content security policy allows the one style sheet and the one script by their hashes. What many checks have in
//! common, such as the way to a sign-in, stands in it once.

mod diagram;
mod exchanges;
mod shared;

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::areas::{Area, area_of, areas};
use super::record::{Entry, Report};
use crate::baseline::Standing;
use crate::judge::verdict::{Record, Word};
use crate::scenario::Check;
use crate::transcript::Transcript;
use crate::transcript::normal::{normal, unmasked};
use shared::{Parts, Shared};

const STYLE: &str = include_str!("../../../templates/report.css");
const SCRIPT: &str = include_str!("../../../templates/report.js");

/// What a page is made of beside the record.
pub struct Walks<'a> {
    /// What the drive has recorded.
    pub records: &'a [Record],
    /// The suite.
    pub catalogue: &'a [Check],
    /// Print secrets as they are.
    pub show_secrets: bool,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    policy: String,
    style: &'static str,
    script: &'static str,
    tiles: Vec<(&'static str, usize)>,
    areas: Vec<Area>,
    documents: Vec<Document<'a>>,
    bad: Vec<Shown<'a>>,
    rules: Vec<Shown<'a>>,
    files: Vec<File<'a>>,
    gone: Vec<(&'a String, &'a String)>,
    shared: Vec<(String, String)>,
    marks: String,
    exit_class: &'static str,
}

/// What was asked of one document.
struct Document<'a> {
    name: &'a str,
    asked: usize,
    checks: usize,
    bad: usize,
}

/// The checks of one scenario file that are green, or were not asked.
struct File<'a> {
    area: &'a str,
    first_of_area: bool,
    id: &'a str,
    asks: &'a str,
    checks: Vec<Shown<'a>>,
}

/// A check or a rule as it is shown.
struct Shown<'a> {
    e: &'a Entry,
    /// What stands in its line: the id, or the row alone below its file.
    name: String,
    is_rule: bool,
    open: bool,
    area: &'a str,
    documents: String,
    standing: Option<String>,
    /// The picture, in HTML.
    picture: String,
    /// Exchanges and tokens, in HTML.
    parts: String,
    /// The check on whose walk it is judged, if that is another.
    walk_of: Option<&'a str>,
}

/// The whole page.
pub fn render(report: &Report, walks: &Walks<'_>) -> String {
    let recorded: BTreeMap<&str, &Transcript> =
        walks.records.iter().filter_map(Record::transcript).map(|t| (t.check.id.as_str(), t)).collect();
    let same: BTreeMap<&str, &str> = walks.catalogue.iter().filter_map(|c| Some((c.id.as_str(), c.same_walk_as.as_deref()?))).collect();
    let reported: BTreeSet<&str> = report.checks.iter().map(|e| e.id.as_str()).collect();
    let mut shared = Shared::default();
    // What several have in common is known only when all have been seen.
    let mut parts: BTreeMap<&str, Parts> = BTreeMap::new();
    for entry in &report.checks {
        let own = recorded.get(entry.id.as_str());
        let other = same.get(entry.id.as_str()).filter(|id| own.is_none() && (is_bad(entry) || !reported.contains(*id)));
        let Some(t) = own.or_else(|| recorded.get(other?)) else { continue };
        let form = if walks.show_secrets { unmasked(t) } else { normal(t) };
        parts.insert(&entry.id, shared.take(t, &form, is_bad(entry)));
    }
    let builder = Builder { shared: &shared, parts: &parts, same: &same };
    let page = Page {
        report,
        policy: policy(),
        style: STYLE,
        script: SCRIPT,
        tiles: tiles(report),
        areas: areas(report),
        documents: documents(report),
        bad: bad(report, &builder),
        rules: rules(report),
        files: files(report, &builder),
        gone: report.baseline.iter().flat_map(|b| &b.gone).collect(),
        shared: shared.several(),
        marks: shared.marks(),
        exit_class: if report.exit.code == 0 { "pass" } else { "fail" },
    };
    // It can fail on a writer only, and a string takes everything.
    page.render().unwrap_or_default()
}

/// Whether somebody has to look at it.
fn is_bad(e: &Entry) -> bool {
    matches!(e.verdict, Word::Fail | Word::Warn | Word::Blocked) || matches!(e.baseline, Some(Standing::Regressed | Standing::Stale { .. }))
}

/// How many are open from the start: more would bury one another.
const OPEN: usize = 3;

/// What counts most first.
fn bad<'a>(report: &'a Report, builder: &Builder<'a>) -> Vec<Shown<'a>> {
    let mut bad: Vec<_> = report.checks.iter().filter(|e| is_bad(e)).collect();
    bad.sort_by_key(|e| {
        let place = [Word::Fail, Word::Blocked, Word::Warn].iter().position(|word| *word == e.verdict).unwrap_or(3);
        (e.is_known(), place)
    });
    let few = bad.len() <= OPEN;
    bad.into_iter().enumerate().map(|(n, e)| Shown { open: few || n == 0, ..builder.check(e, e.id.clone()) }).collect()
}

/// Nothing but the one style sheet and the one script, each by its hash.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
    format!("default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'", hash(STYLE), hash(SCRIPT))
}

fn tiles(report: &Report) -> Vec<(&'static str, usize)> {
    let c = &report.counts;
    let of = [c.pass, c.fail + c.rules_fail, c.warn + c.rules_warn, c.blocked, c.skip, c.idle];
    Word::ALL.map(Word::as_str).into_iter().zip(of).collect()
}

fn documents(report: &Report) -> Vec<Document<'_>> {
    let mut documents = BTreeMap::<&str, (BTreeSet<&str>, usize, usize)>::new();
    for entry in report.entries() {
        let asked = matches!(entry.verdict, Word::Pass | Word::Fail | Word::Warn);
        let mut seen = BTreeSet::new();
        for requirement in &entry.requirements {
            let document = documents.entry(&requirement.document).or_default();
            if asked {
                document.0.insert(&requirement.id);
            }
            if seen.insert(&requirement.document) {
                document.1 += 1;
                document.2 += usize::from(is_bad(entry));
            }
        }
    }
    documents.into_iter().map(|(name, (asked, checks, bad))| Document { name, asked: asked.len(), checks, bad }).collect()
}

struct Builder<'a> {
    shared: &'a Shared,
    parts: &'a BTreeMap<&'a str, Parts>,
    same: &'a BTreeMap<&'a str, &'a str>,
}

impl<'a> Builder<'a> {
    fn check(&self, e: &'a Entry, name: String) -> Shown<'a> {
        let parts = self.parts.get(e.id.as_str());
        let whole = is_bad(e);
        Shown {
            name,
            picture: parts.map(|p| self.shared.picture(p)).unwrap_or_default(),
            parts: parts.map(|p| self.shared.text(p, whole)).unwrap_or_default(),
            walk_of: self.same.get(e.id.as_str()).copied().filter(|_| parts.is_none()),
            ..shown(e, false)
        }
    }
}

fn shown(e: &Entry, is_rule: bool) -> Shown<'_> {
    let documents: BTreeSet<&str> = e.requirements.iter().map(|r| r.document.as_str()).collect();
    Shown {
        e,
        name: e.id.clone(),
        is_rule,
        open: is_rule && !e.witnesses.is_empty(),
        area: if is_rule { "rules" } else { area_of(&e.id) },
        documents: documents.into_iter().collect::<Vec<_>>().join("|"),
        standing: standing(e),
        picture: String::new(),
        parts: String::new(),
        walk_of: None,
    }
}

fn standing(e: &Entry) -> Option<String> {
    Some(match e.baseline.as_ref()? {
        Standing::Known { because } => format!("known: {because}"),
        Standing::New => "new: the baseline has never seen it".into(),
        Standing::Regressed => "it passed at the last update of the baseline".into(),
        Standing::Changed { was, because } => format!("known as {was}: {because}"),
        Standing::Stale { was, because } => format!("stale: known as {was} ({because}), and passes; take it out of the baseline"),
    })
}

/// Broken ones first.
fn rules(report: &Report) -> Vec<Shown<'_>> {
    let mut rules: Vec<_> = report.rules.iter().map(|e| shown(e, true)).collect();
    rules.sort_by_key(|rule| !is_bad(rule.e));
    rules
}

fn files<'a>(report: &'a Report, builder: &Builder<'a>) -> Vec<File<'a>> {
    let mut files: Vec<File<'a>> = Vec::new();
    for e in report.checks.iter().filter(|e| !is_bad(e)) {
        let (id, row) = e.id.split_once('#').map_or((e.id.as_str(), None), |(file, row)| (file, Some(row)));
        if files.last().is_none_or(|file| file.id != id) {
            let area = area_of(id);
            let first_of_area = files.last().is_none_or(|file| file.area != area);
            files.push(File { area, first_of_area, id, asks: &e.asks, checks: Vec::new() });
        }
        let name = row.map_or("the honest form".to_owned(), |row| format!("#{row}"));
        if let Some(file) = files.last_mut() {
            file.checks.push(builder.check(e, name));
        }
    }
    files
}

/// Text as HTML, in elements. (askama escapes what the template holds; this is for pieces that stand in the page more than once.)
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            c => safe.push(c),
        }
    }
    safe
}

/// The same in attributes with double quotes.
fn attribute(text: &str) -> String {
    escaped(text).replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
