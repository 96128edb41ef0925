//! From scenario files to checks. Every name is resolved and everything that the language refuses is refused, for all files at once, before
//! anything runs.
//!
//! Three passes: a file's keys ([`draft`]), what its parts mean together ([`rows`]), what the files mean to each other ([`whole`]).

mod draft;
mod expect;
mod field;
mod known;
mod rows;
mod scope;
mod step;
mod whole;
mod words;

use std::collections::{BTreeMap, BTreeSet};

pub use known::Known;

use super::Check;
pub use crate::toml_file::Problem;
use crate::toml_file::{Node, Report, Slip};
use draft::Draft;

/// Every check of a set of files, in their order, the rows behind their question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    /// The checks; their ids are unique.
    pub checks: Vec<Check>,
}

impl Catalogue {
    /// The check of this id.
    pub fn get(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }
}

/// Loads scenario files: pairs of the path below the folder of scenarios, with its ending, and the text.
///
/// # Errors
/// Everything that is wrong with any of them, file by file, each in the order of its lines.
pub fn load(files: &[(String, String)], known: &Known<'_>) -> Result<Catalogue, Vec<Problem>> {
    let mut reports: Vec<Report<'_>> = files.iter().map(|(path, text)| Report::new(path, text)).collect();
    let trees: Vec<Option<Node>> = files.iter().zip(&mut reports).map(|((_, text), report)| parse(text, report)).collect();
    paths(files, &mut reports);
    let mut ids = whole::Ids::default();
    let mut loaded = Vec::new();
    for (index, (tree, (path, _))) in trees.iter().zip(files).enumerate() {
        let report = &mut reports[index];
        let draft = tree.as_ref().map(|tree| Draft::read(tree, report));
        ids.add(path, draft.as_ref());
        let checks = draft.map(|draft| rows::checks(path, &draft, known, report)).unwrap_or_default();
        loaded.extend(checks.into_iter().map(|check| (index, check)));
    }
    let checks = whole::connect(loaded, &ids, &mut reports);
    let problems: Vec<Problem> = reports.into_iter().flat_map(Report::finish).collect();
    if problems.is_empty() { Ok(Catalogue { checks }) } else { Err(problems) }
}

fn parse(text: &str, report: &mut Report<'_>) -> Option<Node> {
    match Node::parse(text) {
        Ok(tree) => Some(tree),
        Err(errors) => {
            // What follows an error in its line follows from it, most likely.
            let mut lines = BTreeSet::new();
            for (at, why) in errors {
                if lines.insert(report.line(&at)) {
                    report.add(&at, Slip::new(why));
                }
            }
            None
        }
    }
}

/// A path is an id, and there is one file for each.
fn paths(files: &[(String, String)], reports: &mut [Report<'_>]) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, (path, _)) in files.iter().enumerate() {
        let id = path.strip_suffix(".toml");
        if id.is_none_or(|id| !id.split('/').all(draft::is_id)) {
            let slip =
                Slip::new(format!("`{path}` cannot be an id")).instead("letters, digits, `-`, `_` and folders, and `.toml` at the end");
            reports[index].add(&(0..0), slip);
        }
        if seen.insert(path, index).is_some() {
            reports[index].add(&(0..0), Slip::new(format!("there is a scenario `{}` already", id.unwrap_or(path))));
        }
    }
}
