//! Requirements: what the documents demand, one normative statement each, cited by id.
//!
//! One file of `fixtures/requirements/` is one document; the stem of its name begins the ids in it (`core-3.1.3.7-aud` is in `core.toml`). It has
//!
//! ```toml
//! document = "RFC 7636: Proof Key for Code Exchange by OAuth Public Clients"
//! short = "RFC 7636"                                        # how a report names it
//! url = "https://www.rfc-editor.org/rfc/rfc7636"            # left away where there is none
//!
//! [[requirement]]
//! id = "rfc7636-4.6-mismatch-invalid-grant"
//! section = "4.6"
//! level = "MUST"                                            # MUST NOT, SHOULD, SHOULD NOT, MAY
//! role = "op"                                               # whose duty it is: op or rp
//! text = "…"                                                # the statement, in our words
//! observable = "…"                                          # how a harness sees that it is kept
//! negative = "…"                                            # what breaking it looks like
//! implied = true                                            # the level is our reading: the sentence has no keyword of its own
//! verified = false                                          # the section does not say so itself: judgement, or inferred
//! not_asked = "…"                                           # why no check can ask for it
//! differs = "…"                                             # what the described system does instead
//! ```
//!
//! The last four may be left away.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, ValueDeserializer};

use crate::embedded_files;
use crate::nearest::{most_alike, nearest};

/// All requirements, in the order of the files and of the entries in them.
#[derive(Debug, Clone)]
pub struct Requirements {
    documents: Vec<(Arc<Document>, Range<usize>)>,
    all: Vec<Requirement>,
    by_id: BTreeMap<String, usize>,
}

/// A document that demands something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What its ids begin with, and the stem of its file: `rfc7636`.
    pub stem: String,
    /// Its whole name.
    pub name: String,
    /// The name in reports: `RFC 7636`, `Core 1.0`.
    pub short: String,
    /// Where it can be read, if it is published.
    pub url: Option<String>,
}

/// One normative statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// `DOCUMENT-…`; never changed, for scenarios, baselines and reports know it.
    pub id: String,
    /// Where it stands.
    pub document: Arc<Document>,
    /// The section's number without a sign: `4.6`.
    pub section: String,
    /// How strong it is.
    pub level: Level,
    /// Whose duty it is.
    pub role: Role,
    /// The statement in our words, one or two sentences.
    pub text: String,
    /// How a harness sees that it is kept.
    pub observable: String,
    /// What breaking it looks like.
    pub negative: String,
    /// The level is our reading, for the sentence has no keyword of its own. A failure is reported as an interpretation.
    pub implied: bool,
    /// The section was read and says so; otherwise it is judgement, or inferred.
    pub verified: bool,
    /// Why no check can ask for it, where none can.
    pub not_asked: Option<String>,
    /// What the system that the document describes does instead, where the statement is stricter than it or one of its releases had a defect.
    pub differs: Option<String>,
}

/// The keyword of RFC 2119. REQUIRED and SHALL are MUST, RECOMMENDED is SHOULD, OPTIONAL is MAY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum Level {
    /// An absolute duty.
    #[serde(rename = "MUST")]
    Must,
    /// An absolute prohibition.
    #[serde(rename = "MUST NOT")]
    MustNot,
    /// A duty that has good reasons against it at times.
    #[serde(rename = "SHOULD")]
    Should,
    /// A prohibition that has good reasons against it at times.
    #[serde(rename = "SHOULD NOT")]
    ShouldNot,
    /// Both outcomes are legal; the choice is recorded.
    #[serde(rename = "MAY")]
    May,
}

/// The level without its direction: what decides between a failure and a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// MAY: never fails.
    May,
    /// SHOULD and SHOULD NOT: a warning.
    Should,
    /// MUST and MUST NOT: a failure.
    Must,
}

/// Whose duty a requirement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The provider, and the protected resources that it hosts itself.
    Op,
    /// The relying party, the device, or any other consumer of tokens.
    Rp,
}

/// Something wrong in a file of requirements. `Display` is `FILE:LINE:COLUMN: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named to [`Requirements::load`].
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What is wrong, and what was expected or probably meant.
    pub message: String,
}

impl Requirements {
    /// The requirements that are compiled into this binary.
    ///
    /// # Errors
    /// As [`Requirements::load`]; a test says that there are none.
    pub fn embedded() -> Result<Self, Vec<Problem>> {
        Self::load(&embedded_files::fixtures_in("requirements/"))
    }

    /// Reads files, each given by its name and text.
    ///
    /// # Errors
    /// Every problem of every file, in the order of the files and of the lines in them.
    pub fn load(files: &[(&str, &str)]) -> Result<Self, Vec<Problem>> {
        let mut loaded = Self { documents: Vec::new(), all: Vec::new(), by_id: BTreeMap::new() };
        let mut problems = Vec::new();
        for &(name, text) in files {
            let mut found = Vec::new();
            loaded.add(name, text, &mut found);
            found.sort_by_key(|(offset, _)| *offset);
            problems.extend(found.into_iter().map(|(offset, message)| Problem::at(name, text, offset, message)));
        }
        if problems.is_empty() { Ok(loaded) } else { Err(problems) }
    }

    /// The requirement of this id.
    pub fn get(&self, id: &str) -> Option<&Requirement> {
        self.all.get(*self.by_id.get(id)?)
    }

    /// The id that was probably meant by one that does not exist: of the same section where there is such a section, else of any.
    /// `None` if nothing is near.
    pub fn nearest(&self, id: &str) -> Option<&str> {
        let ids = || self.by_id.keys().map(String::as_str);
        let section = section_of(id);
        most_alike(id, ids().filter(|other| section.is_some() && section_of(other) == section)).or_else(|| nearest(id, ids()))
    }

    /// All of them, in the order of the files and of the entries in them.
    pub fn iter(&self) -> impl Iterator<Item = &Requirement> {
        self.all.iter()
    }

    /// Document by document, each with its requirements.
    pub fn documents(&self) -> impl Iterator<Item = (&Document, &[Requirement])> {
        self.documents.iter().map(|(document, range)| (document.as_ref(), self.all.get(range.clone()).unwrap_or_default()))
    }
}

impl Level {
    /// What decides between a failure and a warning.
    pub fn strength(self) -> Strength {
        match self {
            Self::Must | Self::MustNot => Strength::Must,
            Self::Should | Self::ShouldNot => Strength::Should,
            Self::May => Strength::May,
        }
    }

    /// The keyword as documents write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::MustNot => "MUST NOT",
            Self::Should => "SHOULD",
            Self::ShouldNot => "SHOULD NOT",
            Self::May => "MAY",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The citation: `RFC 7636 §4.6, MUST`, and `(our reading)` behind it where the keyword is implied.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} §{}, {}", self.document.short, self.section, self.level)?;
        if self.implied { f.write_str(" (our reading)") } else { Ok(()) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

/// The keys of a file besides its requirements.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    document: String,
    short: String,
    url: Option<String>,
}

/// A requirement as it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: Spanned<String>,
    section: Spanned<String>,
    level: Level,
    role: Role,
    text: Spanned<String>,
    observable: Spanned<String>,
    negative: Spanned<String>,
    #[serde(default)]
    implied: bool,
    #[serde(default = "yes")]
    verified: bool,
    not_asked: Option<Spanned<String>>,
    differs: Option<Spanned<String>>,
}

fn yes() -> bool {
    true
}

/// Where in the text, in bytes, and what.
type Found = Vec<(usize, String)>;

impl Requirements {
    fn add(&mut self, name: &str, text: &str, found: &mut Found) {
        let mut table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => return found.push(told(&error)),
        };
        // Each requirement is read by itself, so that a problem in one does not hide those of the others.
        let entries = table.get_mut().remove("requirement");
        let document = match Head::deserialize(Deserializer::from(table)) {
            Ok(Head { document: name_in_full, short, url }) => {
                Some(Arc::new(Document { stem: stem(name).to_owned(), name: name_in_full, short, url }))
            }
            Err(error) => {
                found.push(told(&error));
                None
            }
        };
        let first = self.all.len();
        match entries.map(|entries| (entries.span(), entries.into_inner())) {
            None => found.push((0, "no [[requirement]] in this file".to_owned())),
            Some((_, DeValue::Array(entries))) => {
                for entry in entries {
                    match Entry::deserialize(ValueDeserializer::from(entry)) {
                        Ok(entry) => self.admit(entry, stem(name), document.as_ref(), found),
                        Err(error) => found.push(told(&error)),
                    }
                }
            }
            Some((span, _)) => found.push((span.start, "`requirement` is a list of tables: [[requirement]]".to_owned())),
        }
        if let Some(document) = document {
            self.documents.push((document, first..self.all.len()));
        }
    }

    fn admit(&mut self, entry: Entry, stem: &str, document: Option<&Arc<Document>>, found: &mut Found) {
        let id = entry.id.get_ref();
        if id.strip_prefix(stem).and_then(|rest| rest.strip_prefix('-')).is_none_or(str::is_empty) {
            found.push((entry.id.span().start, format!("the id `{id}` does not begin with `{stem}-`, the name of its file")));
        }
        if !id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte)) {
            found.push((entry.id.span().start, format!("the id `{id}` has other characters than a-z, 0-9, `-`, `.` and `_`")));
        }
        if let Some(earlier) = self.get(id) {
            found.push((entry.id.span().start, format!("the id `{id}` is there already, in {}", earlier.document.name)));
        }
        let optional = [&entry.not_asked, &entry.differs].into_iter().flatten();
        for sentence in [&entry.section, &entry.text, &entry.observable, &entry.negative].into_iter().chain(optional) {
            if sentence.get_ref().trim().is_empty() {
                found.push((sentence.span().start, "empty".to_owned()));
            }
        }
        let Some(document) = document else { return };
        let requirement = Requirement {
            id: entry.id.into_inner(),
            document: Arc::clone(document),
            section: entry.section.into_inner(),
            level: entry.level,
            role: entry.role,
            text: entry.text.into_inner(),
            observable: entry.observable.into_inner(),
            negative: entry.negative.into_inner(),
            implied: entry.implied,
            verified: entry.verified,
            not_asked: entry.not_asked.map(Spanned::into_inner),
            differs: entry.differs.map(Spanned::into_inner),
        };
        self.by_id.entry(requirement.id.clone()).or_insert(self.all.len());
        self.all.push(requirement);
    }
}

impl Problem {
    fn at(file: &str, text: &str, offset: usize, message: String) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or(before);
        Self { file: file.to_owned(), line: before.matches('\n').count() + 1, column: line.chars().count() + 1, message }
    }
}

fn told(error: &toml::de::Error) -> (usize, String) {
    (error.span().map_or(0, |span| span.start), error.message().to_owned())
}

/// `core` of `requirements/core.toml`.
fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.strip_suffix(".toml").unwrap_or(name)
}

/// `rfc7636-4.6` of `rfc7636-4.6-mismatch-invalid-grant`.
fn section_of(id: &str) -> Option<&str> {
    let (end, _) = id.match_indices('-').nth(1)?;
    id.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"document = "A Document"
short = "Doc"

[[requirement]]
id = "doc-4.6-one"
section = "4.6"
level = "MUST NOT"
role = "op"
text = "t"
observable = "o"
negative = "n"
"#;

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        Requirements::load(files).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_embedded_files_load_and_cite_themselves() {
        let all = match Requirements::embedded() {
            Ok(all) => all,
            Err(problems) => panic!("{}", problems.iter().map(|problem| format!("{problem}\n")).collect::<String>()),
        };
        let files: Vec<_> = embedded_files::fixtures_in("requirements/").iter().map(|(path, _)| stem(path)).collect();
        assert_eq!(all.documents().map(|(document, _)| document.stem.as_str()).collect::<Vec<_>>(), files);
        let mut shorts: Vec<_> = all.documents().map(|(document, _)| document.short.as_str()).collect();
        shorts.sort_unstable();
        assert!(shorts.windows(2).all(|pair| pair[0] != pair[1]), "two documents of one short name");
        for (document, requirements) in all.documents() {
            assert!(!requirements.is_empty(), "{}", document.name);
            for requirement in requirements {
                assert_eq!(requirement.document.stem, document.stem);
                assert_eq!(all.get(&requirement.id), Some(requirement));
                // What a published document says is found by its section, also from the id.
                if document.url.is_some() {
                    assert!(requirement.id.starts_with(&format!("{}-{}-", document.stem, requirement.section)), "{}", requirement.id);
                }
                // No published text, no keyword.
                assert!(document.url.is_some() || requirement.implied, "{}", requirement.id);
                assert!(requirement.section.split('.').all(|part| part.parse::<u8>().is_ok()), "{}", requirement.id);
                assert!(requirement.text.ends_with(['.', '?', ')', '`']), "{}: {}", requirement.id, requirement.text);
            }
        }
        let cited = |id: &str| all.get(id).map(ToString::to_string);
        assert_eq!(cited("rfc7636-4.6-mismatch-invalid-grant").as_deref(), Some("RFC 7636 §4.6, MUST"));
        assert_eq!(cited("bcl-2.1-supported").as_deref(), Some("Back-Channel Logout 1.0 §2.1, MUST (our reading)"));
    }

    #[test]
    fn the_nearest_id_is_of_the_same_section_if_there_is_one() -> Result<(), Vec<Problem>> {
        let all = Requirements::embedded()?;
        assert_eq!(all.nearest("rfc7636-4.6-mismatch-invalid_grants"), Some("rfc7636-4.6-mismatch-invalid-grant"));
        assert_eq!(all.nearest("rfc7363-4.6-mismatch-invalid-grant"), Some("rfc7636-4.6-mismatch-invalid-grant"));
        let of_section = all.nearest("bcl-2.4-the-expiry-is-missing");
        assert!(of_section.is_some_and(|id| id.starts_with("bcl-2.4-")), "{of_section:?}");
        assert_eq!(all.nearest("something else entirely"), None);
        assert_eq!(all.nearest(""), None);
        Ok(())
    }

    #[test]
    fn levels_keep_their_strength() {
        let of = |level: Level| (level.to_string(), level.strength());
        assert_eq!(of(Level::MustNot), ("MUST NOT".to_owned(), Strength::Must));
        assert_eq!(of(Level::ShouldNot), ("SHOULD NOT".to_owned(), Strength::Should));
        assert_eq!(of(Level::May), ("MAY".to_owned(), Strength::May));
        assert!(Strength::Must > Strength::Should && Strength::Should > Strength::May);
    }

    #[test]
    fn every_problem_of_every_file_is_told_with_its_place() {
        let unknown = ONE.replace("level = ", "leval = ").replace("role = \"op\"", "role = \"both\"");
        let two = format!("{unknown}\n{}", ONE.split_once("\n\n").unwrap_or_default().1.replace("text = \"t\"", "text = \" \""));
        assert_eq!(
            messages(&[("requirements/doc.toml", &two), ("requirements/doc2.toml", ONE), ("requirements/broken.toml", "document = \n")]),
            [
                "requirements/doc.toml:7:1: unknown field `leval`, expected one of `id`, `section`, `level`, `role`, `text`, `observable`, \
                 `negative`, `implied`, `verified`, `not_asked`, `differs`",
                "requirements/doc.toml:18:8: empty",
                "requirements/doc2.toml:5:6: the id `doc-4.6-one` does not begin with `doc2-`, the name of its file",
                "requirements/doc2.toml:5:6: the id `doc-4.6-one` is there already, in A Document",
                "requirements/broken.toml:1:12: string values must be quoted, expected literal string",
            ]
        );
    }

    #[test]
    fn a_file_says_what_it_is_and_demands_something() {
        assert_eq!(
            messages(&[("a.toml", ""), ("b.toml", "document = \"B\"\nshort = \"B\"\nrequirement = 3\n")]),
            [
                "a.toml:1:1: missing field `document`",
                "a.toml:1:1: no [[requirement]] in this file",
                "b.toml:3:15: `requirement` is a list of tables: [[requirement]]",
            ]
        );
        let other_letters = ONE.replace("doc-4.6-one", "doc-4.6-Öne").replace("MUST NOT", "must");
        assert_eq!(
            messages(&[("doc.toml", &other_letters)]),
            ["doc.toml:7:9: unknown variant `must`, expected one of `MUST`, `MUST NOT`, `SHOULD`, `SHOULD NOT`, `MAY`"]
        );
    }
}
