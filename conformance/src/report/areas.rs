//! Checks by area and verdict, for the tables of the views.

use std::collections::BTreeMap;

use super::record::{Entry, Report};
use crate::judge::verdict::Word;

/// The counts of one area.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Area {
    /// The folder of its scenarios.
    pub name: String,
    /// By verdict, in the order of [`Word::ALL`].
    pub by_word: [usize; 6],
    /// How many of those that are not green are known, and do not count.
    pub known: usize,
}

impl Area {
    /// How many checks it has.
    pub fn checks(&self) -> usize {
        self.by_word.iter().sum()
    }

    /// How many came to this.
    pub fn of(&self, word: Word) -> usize {
        Word::ALL.iter().position(|w| *w == word).and_then(|i| self.by_word.get(i)).copied().unwrap_or(0)
    }

    fn add(&mut self, entry: &Entry) {
        self.known += usize::from(entry.is_known());
        if let Some(n) = Word::ALL.iter().position(|w| *w == entry.verdict).and_then(|i| self.by_word.get_mut(i)) {
            *n += 1;
        }
    }
}

/// The folder of a check: `code` of `code/pkce-at-the-token-endpoint#plain`.
pub fn area_of(id: &str) -> &str {
    id.split_once('/').map_or(id, |(area, _)| area)
}

/// The areas of a report, by name.
pub fn areas(report: &Report) -> Vec<Area> {
    let mut areas = BTreeMap::<&str, Area>::new();
    for entry in &report.checks {
        let name = area_of(&entry.id);
        areas.entry(name).or_insert_with(|| Area { name: name.to_owned(), ..Area::default() }).add(entry);
    }
    areas.into_values().collect()
}
