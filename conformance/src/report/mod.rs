//! From verdicts to views. The JSON record is the truth; everything else is rendered from it.

pub mod areas;
pub mod coverage;
pub mod excerpt;
pub mod exit;
pub mod html;
pub mod junit;
pub mod markdown;
pub mod record;
pub mod sarif;
pub mod snapshot;
pub mod terminal;

#[cfg(test)]
pub(crate) mod sample;

pub use record::{Input, Report};

/// What `--report KIND=FILE` can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The record, as [`record`] has it.
    Json,
    /// One self-contained page, for people.
    Html,
    /// JUnit XML, for CI.
    Junit,
    /// Markdown, for a comment on a pull request.
    Markdown,
    /// SARIF 2.1.0, for pages of code scanning.
    Sarif,
    /// What the terminal shows, without colours.
    Text,
}

impl Kind {
    /// All of them, by the word of the command line.
    pub const ALL: [(&str, Self); 6] = [
        ("html", Self::Html),
        ("json", Self::Json),
        ("junit", Self::Junit),
        ("markdown", Self::Markdown),
        ("sarif", Self::Sarif),
        ("text", Self::Text),
    ];

    /// Reads the word.
    ///
    /// # Errors
    /// A sentence that names the kinds.
    pub fn parse(word: &str) -> Result<Self, String> {
        Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind).ok_or_else(|| {
            let known = Self::ALL.map(|(name, _)| name).join(", ");
            format!("`{word}` is no kind of report; the kinds are {known}")
        })
    }

    /// The whole file.
    pub fn render(self, report: &Report, walks: &html::Walks<'_>) -> String {
        match self {
            Self::Json => report.to_json(),
            Self::Junit => junit::render(report),
            Self::Html => html::render(report, walks),
            Self::Markdown => markdown::render(report),
            Self::Sarif => sarif::render(report),
            Self::Text => terminal::render(report, terminal::Paint::Plain),
        }
    }
}
