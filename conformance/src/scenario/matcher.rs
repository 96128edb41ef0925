//! What a place has to hold: a literal, or a table with exactly one of a few words.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line of an expectation: a place, and what it has to hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// `["id_token", "act", "sub"]`
    pub path: Vec<String>,
    /// What is wanted there.
    pub matcher: Matcher,
}

impl Expected {
    /// The path with dots.
    pub fn place(&self) -> String {
        self.path.join(".")
    }
}

/// What is wanted at one place. Values may hold `{references}`; they are resolved before anything is compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matcher {
    /// A literal: equality, type included.
    Equal(Value),
    /// The whole value, nothing more.
    Is(Value),
    /// Anything but this; the place has to be there.
    Not(Value),
    /// One of these.
    OneOf(Vec<Value>),
    /// Nothing at all.
    Absent,
    /// Any value of this type.
    Kind(Kind),
    /// This member of an array (a table need only be part of the member), or this word of a string.
    Contains(Value),
    /// These members of an array or words of a string, in any order.
    SameSet(Vec<Value>),
    /// No members or words but these.
    SubsetOf(Vec<Value>),
    /// From the first to the second, both included: numbers, times, durations.
    Between(Value, Value),
    /// The whole string fits this regular expression.
    Matches(String),
}

/// The types of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names of JSON's types")]
pub enum Kind {
    String,
    Number,
    Boolean,
    Array,
    Object,
}

/// The words that make a table a matcher.
pub const WORDS: [&str; 10] = ["is", "not", "one_of", "absent", "kind", "contains", "same_set", "subset_of", "between", "matches"];

/// Flattens a table of conditions (`json = { token_type = "Bearer", x = { absent = true } }`) into lines, in the order of the file.
///
/// # Errors
/// The path of a matcher that is malformed, and what it should have been.
pub fn conditions(value: &Value) -> Result<Vec<Expected>, (Vec<String>, String)> {
    let mut lines = Vec::new();
    flatten(value, &mut Vec::new(), &mut lines)?;
    Ok(lines)
}

fn flatten(value: &Value, path: &mut Vec<String>, lines: &mut Vec<Expected>) -> Result<(), (Vec<String>, String)> {
    if let Value::Object(table) = value {
        let word = if table.len() == 1 { table.iter().next().filter(|(k, _)| WORDS.contains(&k.as_str())) } else { None };
        // At the very top a path has to begin; a matcher needs a place.
        if let (Some((word, argument)), false) = (word, path.is_empty()) {
            let matcher = Matcher::parse(word, argument).map_err(|why| (path.clone(), why))?;
            lines.push(Expected { path: path.clone(), matcher });
            return Ok(());
        }
        if table.is_empty() {
            return Err((path.clone(), "an empty table expects nothing; write `is = {}` for an empty object".into()));
        }
        for (key, inner) in table {
            path.push(key.clone());
            flatten(inner, path, lines)?;
            path.pop();
        }
        return Ok(());
    }
    lines.push(Expected { path: path.clone(), matcher: Matcher::Equal(value.clone()) });
    Ok(())
}

impl Matcher {
    /// Reads one word with its argument.
    ///
    /// # Errors
    /// What the word wants instead.
    pub fn parse(word: &str, argument: &Value) -> Result<Self, String> {
        let list = || argument.as_array().cloned().ok_or_else(|| format!("`{word}` wants a list"));
        Ok(match word {
            "is" => Self::Is(argument.clone()),
            "not" => Self::Not(argument.clone()),
            "one_of" => Self::OneOf(list()?),
            "absent" if argument == &Value::Bool(true) => Self::Absent,
            "absent" => return Err("`absent` is always `true`; to want the place there, say what it holds (`kind = \"string\"`)".into()),
            "kind" => serde_json::from_value(argument.clone())
                .map(Self::Kind)
                .map_err(|_| "`kind` is one of string, number, boolean, array, object".to_owned())?,
            "contains" => Self::Contains(argument.clone()),
            "same_set" => Self::SameSet(list()?),
            "subset_of" => Self::SubsetOf(list()?),
            "between" => match list()?.as_slice() {
                [low, high] => Self::Between(low.clone(), high.clone()),
                _ => return Err("`between` wants two values, the lowest and the highest".into()),
            },
            "matches" => {
                let pattern = argument.as_str().ok_or("`matches` wants a regular expression")?;
                regex::Regex::new(pattern).map_err(|e| format!("`matches`: {e}"))?;
                Self::Matches(pattern.to_owned())
            }
            _ => return Err(format!("`{word}` is no matcher")),
        })
    }

    /// The values inside, which may hold references.
    pub fn values(&self) -> Vec<&Value> {
        match self {
            Self::Equal(v) | Self::Is(v) | Self::Not(v) | Self::Contains(v) => vec![v],
            Self::OneOf(vs) | Self::SameSet(vs) | Self::SubsetOf(vs) => vs.iter().collect(),
            Self::Between(a, b) => vec![a, b],
            Self::Absent | Self::Kind(_) | Self::Matches(_) => Vec::new(),
        }
    }

    /// The same matcher with every value put through `resolve`.
    ///
    /// # Errors
    /// What `resolve` says.
    pub fn resolved<E>(&self, mut resolve: impl FnMut(&Value) -> Result<Value, E>) -> Result<Self, E> {
        let mut all = |vs: &[Value]| vs.iter().map(&mut resolve).collect::<Result<Vec<_>, E>>();
        Ok(match self {
            Self::Equal(v) => Self::Equal(resolve(v)?),
            Self::Is(v) => Self::Is(resolve(v)?),
            Self::Not(v) => Self::Not(resolve(v)?),
            Self::Contains(v) => Self::Contains(resolve(v)?),
            Self::OneOf(vs) => Self::OneOf(all(vs)?),
            Self::SameSet(vs) => Self::SameSet(all(vs)?),
            Self::SubsetOf(vs) => Self::SubsetOf(all(vs)?),
            Self::Between(a, b) => Self::Between(resolve(a)?, resolve(b)?),
            Self::Absent => Self::Absent,
            Self::Kind(k) => Self::Kind(*k),
            Self::Matches(p) => Self::Matches(p.clone()),
        })
    }

    /// Whether the value (`None`: nothing is there) is as wanted. All references have to be resolved before.
    pub fn fits(&self, got: Option<&Value>) -> bool {
        let Some(got) = got else { return *self == Self::Absent };
        match self {
            Self::Absent => false,
            Self::Equal(want) | Self::Is(want) => same(want, got),
            Self::Not(want) => !same(want, got),
            Self::OneOf(wants) => wants.iter().any(|w| same(w, got)),
            Self::Kind(kind) => matches!(
                (kind, got),
                (Kind::String, Value::String(_))
                    | (Kind::Number, Value::Number(_))
                    | (Kind::Boolean, Value::Bool(_))
                    | (Kind::Array, Value::Array(_))
                    | (Kind::Object, Value::Object(_))
            ),
            Self::Contains(want) => match got {
                Value::Array(members) => members.iter().any(|m| part_of(want, m)),
                Value::String(text) => want.as_str().is_some_and(|w| text.split(' ').any(|t| t == w)),
                _ => false,
            },
            Self::SameSet(wants) => {
                words(got).is_some_and(|ws| ws.len() == wants.len() && wants.iter().all(|w| ws.iter().any(|g| same(w, g))))
            }
            Self::SubsetOf(wants) => words(got).is_some_and(|ws| ws.iter().all(|g| wants.iter().any(|w| same(w, g)))),
            Self::Between(low, high) => match (number(low), number(got), number(high)) {
                (Some(low), Some(got), Some(high)) => low <= got && got <= high,
                _ => false,
            },
            Self::Matches(pattern) => match (got.as_str(), regex::Regex::new(&format!("^(?:{pattern})$"))) {
                (Some(text), Ok(re)) => re.is_match(text),
                _ => false,
            },
        }
    }

    /// The matcher in words, for a report.
    pub fn words(&self) -> String {
        let list = |vs: &[Value]| vs.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::Equal(v) | Self::Is(v) => v.to_string(),
            Self::Not(v) => format!("anything but {v}"),
            Self::OneOf(vs) => format!("one of {}", list(vs)),
            Self::Absent => "nothing".into(),
            Self::Kind(k) => format!("any {}", format!("{k:?}").to_lowercase()),
            Self::Contains(v) => format!("something with {v} in it"),
            Self::SameSet(vs) => format!("exactly {} in any order", list(vs)),
            Self::SubsetOf(vs) => format!("nothing but {}", list(vs)),
            Self::Between(a, b) => format!("between {a} and {b}"),
            Self::Matches(p) => format!("a string like /{p}/"),
        }
    }

    /// A value which the matcher refuses, for the proof that the line can fail; `None`: the place is taken away.
    pub fn refuses(&self) -> Option<Value> {
        let foreign = Value::String("⟨altered⟩".into());
        match self {
            Self::Not(v) => Some(v.clone()),
            Self::Kind(Kind::String) => Some(Value::from(0)),
            Self::Equal(_)
            | Self::Is(_)
            | Self::OneOf(_)
            | Self::Contains(_)
            | Self::SameSet(_)
            | Self::SubsetOf(_)
            | Self::Between(..)
            | Self::Kind(_)
            | Self::Absent
            | Self::Matches(_) => Some(foreign).filter(|f| !self.fits(Some(f))),
        }
    }
}

/// Equality, type included; numbers by value.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x.as_f64() == y.as_f64(),
        (Value::Object(x), Value::Object(y)) => x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w))),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(v, w)| same(v, w)),
        _ => a == b,
    }
}

fn part_of(want: &Value, got: &Value) -> bool {
    match (want, got) {
        (Value::Object(w), Value::Object(g)) => w.iter().all(|(k, v)| g.get(k).is_some_and(|o| part_of(v, o))),
        _ => same(want, got),
    }
}

fn words(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(members) => Some(members.clone()),
        Value::String(text) => Some(text.split(' ').filter(|w| !w.is_empty()).map(Value::from).collect()),
        _ => None,
    }
}

/// Numbers as they are, durations (`"90s"`) as seconds.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str().and_then(crate::transcript::view::duration_ms).map(|ms| ms as f64 / 1000.0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_is_a_deeper_path_unless_it_is_a_matcher() {
        let lines = conditions(&json!({ "json": { "a": 1, "b": { "not": 2 }, "c": [1, 2] }, "status": 200 })).unwrap();
        let places: Vec<_> = lines.iter().map(|l| (l.place(), l.matcher.clone())).collect();
        assert_eq!(
            places,
            [
                ("json.a".to_owned(), Matcher::Equal(json!(1))),
                ("json.b".to_owned(), Matcher::Not(json!(2))),
                ("json.c".to_owned(), Matcher::Equal(json!([1, 2]))),
                ("status".to_owned(), Matcher::Equal(json!(200))),
            ]
        );
    }

    #[test]
    fn each_matcher_accepts_and_refuses() {
        let cases = [
            (json!({ "is": { "a": 1 } }), Some(json!({ "a": 1 })), Some(json!({ "a": 1, "b": 2 }))),
            (json!({ "not": "x" }), Some(json!("y")), Some(json!("x"))),
            (json!({ "not": "x" }), Some(json!("y")), None),
            (json!({ "one_of": [1, 2] }), Some(json!(2)), Some(json!(3))),
            (json!({ "absent": true }), None, Some(json!(null))),
            (json!({ "kind": "string" }), Some(json!("")), Some(json!(1))),
            (json!({ "contains": { "kid": "a" } }), Some(json!([{ "kid": "a", "x": 1 }])), Some(json!([{ "kid": "b" }]))),
            (json!({ "contains": "b" }), Some(json!("a b")), Some(json!("ab"))),
            (json!({ "same_set": ["a", "b"] }), Some(json!("b a")), Some(json!("a b c"))),
            (json!({ "subset_of": ["a", "b"] }), Some(json!(["a"])), Some(json!(["c"]))),
            (json!({ "between": [1, 2] }), Some(json!(2)), Some(json!(2.5))),
            (json!({ "between": ["1s", "10m"] }), Some(json!("1m")), Some(json!("11m"))),
            (json!({ "matches": "[a-z]+" }), Some(json!("abc")), Some(json!("abc1"))),
            (json!("1"), Some(json!("1")), Some(json!(1))),
        ];
        for (written, good, bad) in cases {
            let line = conditions(&json!({ "x": written })).unwrap().remove(0);
            assert!(line.matcher.fits(good.as_ref()), "{written} refused {good:?}");
            assert!(!line.matcher.fits(bad.as_ref()), "{written} accepted {bad:?}");
        }
    }

    #[test]
    fn what_a_matcher_is_said_to_refuse_it_refuses() {
        for written in
            [json!({ "kind": "string" }), json!({ "matches": ".*" }), json!({ "not": "x" }), json!("a"), json!({ "subset_of": ["a"] })]
        {
            let line = conditions(&json!({ "x": written })).unwrap().remove(0);
            assert!(!line.matcher.fits(line.matcher.refuses().as_ref()), "{written}");
        }
    }
}
