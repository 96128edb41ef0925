//! Where in a file a slip is, and which word was meant.

use std::ops::Range;

/// A slip in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}")]
pub struct ConfigError {
    /// What the file is called.
    pub file: String,
    /// The line; the first is 1.
    pub line: usize,
    /// The character within the line; the first is 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
}

/// A file and its text.
pub(super) struct Source<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl Source<'_> {
    /// A slip at this place.
    pub fn at(&self, span: Range<usize>, what: impl Into<String>) -> ConfigError {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        ConfigError { file: self.file.to_owned(), line, column, what: what.into() }
    }

    /// What the parser found, in our words where the words of serde can be told apart.
    pub fn toml(&self, error: &toml::de::Error) -> ConfigError {
        self.at(error.span().unwrap_or(0..0), in_our_words(error.message()))
    }
}

fn in_our_words(message: &str) -> String {
    let message = message.trim_end();
    let words: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let kind = if message.starts_with("unknown field") {
        "key"
    } else if message.starts_with("unknown variant") {
        "word"
    } else {
        return message.replace("missing field", "missing key");
    };
    let Some((wrong, known)) = words.split_first() else { return message.to_owned() };
    match nearest(wrong, known.iter().copied()) {
        Some(near) => format!("unknown {kind} `{wrong}`, did you mean `{near}`?"),
        None => format!("unknown {kind} `{wrong}`; known are {}", known.join(", ")),
    }
}

/// The known word that is nearest to a wrong one, if any is near.
pub(super) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|word| (strsim::jaro_winkler(wrong, word), word))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, word)| word)
}
