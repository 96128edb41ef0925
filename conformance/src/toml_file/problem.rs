//! What is wrong with a scenario file, and where.

use std::collections::BTreeSet;
use std::fmt;

use super::{Node, Span};
use crate::nearest::nearest;

/// One thing that the loader refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was handed to the loader.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// The nearest right word.
    pub meant: Option<String>,
    /// What to write instead.
    pub instead: Option<String>,
    /// The line of the file, and how many of its characters are meant.
    pub shown: Option<(String, usize)>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)?;
        if let Some(meant) = &self.meant {
            write!(f, "; did you mean `{meant}`?")?;
        }
        if let Some(instead) = &self.instead {
            write!(f, "{} {instead}", if self.meant.is_some() { "" } else { ";" })?;
        }
        if let Some((line, width)) = &self.shown {
            write!(f, "\n    {line}\n    {}{}", " ".repeat(self.column.saturating_sub(1)), "^".repeat(*width))?;
        }
        Ok(())
    }
}

/// A problem that does not know its file yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slip {
    what: String,
    meant: Option<String>,
    instead: Option<String>,
}

impl Slip {
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), meant: None, instead: None }
    }

    /// A word that is none of a list.
    pub fn unknown<'a>(kind: &str, word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        Self::none_of(format!("there is no {kind} `{word}`"), word, candidates)
    }

    /// The same in other words.
    pub fn none_of<'a>(what: impl Into<String>, word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        let mut candidates: Vec<&str> = candidates.into_iter().collect();
        let mut seen = BTreeSet::new();
        candidates.retain(|word| seen.insert(*word));
        let meant = nearest(word, candidates.iter().copied()).map(str::to_owned);
        let few = (1..=12).contains(&candidates.len()) && meant.is_none();
        let instead = few.then(|| match candidates.as_slice() {
            [only] => format!("write `{only}`"),
            _ => format!("it is one of `{}`", candidates.join("`, `")),
        });
        Self { what: what.into(), meant, instead }
    }

    /// A value of the wrong kind. [`Report::wants`] says what stands there instead.
    pub fn wants(name: &str, wanted: &str, got: &str) -> Self {
        Self::new(format!("`{name}` wants {wanted} and not {got}"))
    }

    pub fn meant(mut self, word: Option<&str>) -> Self {
        self.meant = word.map(str::to_owned);
        self
    }

    pub fn instead(mut self, instead: impl Into<String>) -> Self {
        self.instead = Some(instead.into());
        self
    }
}

/// The problems of one file.
pub(crate) struct Report<'a> {
    file: &'a str,
    text: &'a str,
    seen: BTreeSet<(usize, String)>,
    problems: Vec<(usize, Problem)>,
    complaints: usize,
}

impl<'a> Report<'a> {
    pub fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, seen: BTreeSet::new(), problems: Vec::new(), complaints: 0 }
    }

    /// Takes a problem down. One that was already said of this place is not said again: rows share what they do not change.
    pub fn add(&mut self, at: &Span, slip: Slip) {
        self.complaints += 1;
        if !self.seen.insert((at.start, slip.what.clone())) {
            return;
        }
        let problem = self.problem(at, slip);
        self.problems.push((at.start, problem));
    }

    /// What is wrong with a place, without taking it down.
    pub fn problem(&self, at: &Span, slip: Slip) -> Problem {
        let (line, column, shown) = self.place(at);
        let Slip { what, meant, instead } = slip;
        Problem { file: self.file.to_owned(), line, column, what, meant, instead, shown }
    }

    /// Whether nothing was wrong so far.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// Line of a place, from 1.
    pub fn line(&self, at: &Span) -> usize {
        self.place(at).0
    }

    /// The text of a place as it stands in the file.
    pub fn written(&self, at: &Span) -> &'a str {
        self.text.get(at.clone()).unwrap_or("")
    }

    /// A value of the wrong kind: what is wanted, and what stands there (its kind, if it is long).
    pub fn wants(&mut self, node: &Node, name: &str, wanted: &str) {
        let written = self.written(&node.at);
        let short = !written.is_empty() && written.chars().count() <= 40 && !written.contains('\n');
        let got = if short { format!("`{written}`") } else { node.kind().to_owned() };
        self.add(&node.at, Slip::wants(name, wanted, &got));
    }

    /// How often something was complained about, the same again included.
    pub fn complaints(&self) -> usize {
        self.complaints
    }

    /// All of them, in the order of the file.
    pub fn finish(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|(at, _)| *at);
        self.problems.into_iter().map(|(_, problem)| problem).collect()
    }

    fn place(&self, at: &Span) -> (usize, usize, Option<(String, usize)>) {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        let column = before.get(start..).unwrap_or("").chars().count() + 1;
        let whole = self.text.get(start..).unwrap_or("").lines().next().unwrap_or("");
        let length = self.text.get(at.clone()).map_or(1, |t| t.lines().next().unwrap_or("").chars().count());
        let width = length.clamp(1, (whole.chars().count() + 2).saturating_sub(column).max(1));
        // A tab would tear the caret away from its word; a line that is longer than a terminal would bury it.
        let short = whole.chars().count() <= 160 && !whole.contains('\t') && !whole.trim().is_empty();
        (line, column, short.then(|| (whole.to_owned(), width)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_where_what_and_what_instead() {
        let text = "title = \"ä\"\n[[step]]\nloggin = { }\n";
        let mut report = Report::new("a/b.toml", text);
        let at = text.find("loggin").map(|i| i..i + 6).unwrap();
        report.add(&at, Slip::unknown("verb", "loggin", ["login", "send"]));
        report.add(&at, Slip::unknown("verb", "loggin", ["login", "send"]));
        let problems = report.finish();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].to_string(), "a/b.toml:3:1: there is no verb `loggin`; did you mean `login`?\n    loggin = { }\n    ^^^^^^");
    }

    #[test]
    fn any_place_can_be_named() {
        let text = "a = \"ä\n";
        for start in 0..12 {
            for end in start..12 {
                let mut report = Report::new("x", text);
                report.add(&(start..end), Slip::new("no"));
                assert_eq!(report.finish().len(), 1);
            }
        }
    }
}
