//! A TOML file as values that know where they stand, in the order in which they were written.

use std::ops::Range;

use serde_json::{Number, Value};
use toml::de::{DeTable, DeValue};

/// Bytes of the file.
pub(crate) type Span = Range<usize>;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub at: Span,
    pub data: Data,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Text(String),
    Number(Number),
    Flag(bool),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub key: String,
    pub key_at: Span,
    pub node: Node,
}

impl Node {
    /// Reads a file.
    ///
    /// # Errors
    /// Every place that is no TOML, or that holds what JSON has no word for, and why.
    pub fn parse(text: &str) -> Result<Self, Vec<(Span, String)>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut errors: Vec<_> = errors.iter().map(|e| (e.span().unwrap_or(0..0), e.message().to_owned())).collect();
        let at = table.span();
        let root = Self { at, data: table_of(table.get_ref(), &mut errors) };
        root.several_lines(text, &mut errors);
        if errors.is_empty() { Ok(root) } else { Err(errors) }
    }

    /// `toml` reads version 1.1 of the language, most editors and Python's `tomllib` read 1.0: an inline table is one line.
    fn several_lines(&self, text: &str, errors: &mut Vec<(Span, String)>) {
        match &self.data {
            Data::Table(entries) => {
                let mut inside = Vec::new();
                entries.iter().for_each(|entry| entry.node.covers(text, &mut inside));
                let from = inside.iter().map(|span| span.start);
                let ends = std::iter::once(self.at.start).chain(inside.iter().map(|span| span.end));
                let gaps = ends.zip(from.chain([self.at.end]));
                if self.is_inline(text) && gaps.into_iter().any(|(end, from)| text.get(end..from).is_some_and(|gap| gap.contains('\n'))) {
                    let why = "a table in braces is one line (TOML 1.0); write its keys with dots, line by line";
                    errors.push((self.at.start..self.at.start + 1, why.to_owned()));
                }
                entries.iter().for_each(|entry| entry.node.several_lines(text, errors));
            }
            Data::List(members) => members.iter().for_each(|member| member.several_lines(text, errors)),
            Data::Text(_) | Data::Number(_) | Data::Flag(_) => {}
        }
    }

    fn is_inline(&self, text: &str) -> bool {
        text.get(self.at.clone()).is_some_and(|written| written.starts_with('{'))
    }

    /// The values that are written out at this place, in their order: a table of dotted keys has none of its own.
    fn covers(&self, text: &str, into: &mut Vec<Span>) {
        match self.table().filter(|_| !self.is_inline(text)) {
            Some(entries) => entries.iter().for_each(|entry| entry.node.covers(text, into)),
            None => into.push(self.at.clone()),
        }
    }

    pub fn text(&self) -> Option<&str> {
        if let Data::Text(text) = &self.data { Some(text) } else { None }
    }

    pub fn flag(&self) -> Option<bool> {
        if let Data::Flag(flag) = self.data { Some(flag) } else { None }
    }

    /// A whole number that is not negative.
    pub fn count(&self) -> Option<u64> {
        if let Data::Number(number) = &self.data { number.as_u64() } else { None }
    }

    pub fn list(&self) -> Option<&[Node]> {
        if let Data::List(members) = &self.data { Some(members) } else { None }
    }

    pub fn table(&self) -> Option<&[Entry]> {
        if let Data::Table(entries) = &self.data { Some(entries) } else { None }
    }

    /// The member of a table.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.table()?.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// What is found by following keys and indices; the last thing found if the path leads further than the tree.
    pub fn nearest_to<'a>(&'a self, path: &[String]) -> &'a Node {
        let Some((first, rest)) = path.split_first() else { return self };
        let inner = match &self.data {
            Data::Table(_) => self.get(first),
            Data::List(members) => first.parse::<usize>().ok().and_then(|i| members.get(i)),
            Data::Text(_) | Data::Number(_) | Data::Flag(_) => None,
        };
        inner.map_or(self, |inner| inner.nearest_to(rest))
    }

    /// The value alone.
    pub fn json(&self) -> Value {
        match &self.data {
            Data::Text(text) => Value::String(text.clone()),
            Data::Number(number) => Value::Number(number.clone()),
            Data::Flag(flag) => Value::Bool(*flag),
            Data::List(members) => Value::Array(members.iter().map(Node::json).collect()),
            Data::Table(entries) => Value::Object(entries.iter().map(|e| (e.key.clone(), e.node.json())).collect()),
        }
    }

    /// Every string in it, keys left away.
    pub fn each_text<'a>(&'a self, visit: &mut dyn FnMut(&'a Node, &'a str)) {
        match &self.data {
            Data::Text(text) => visit(self, text),
            Data::List(members) => members.iter().for_each(|m| m.each_text(visit)),
            Data::Table(entries) => entries.iter().for_each(|e| e.node.each_text(visit)),
            Data::Number(_) | Data::Flag(_) => {}
        }
    }

    /// `a list`, for a message about a value of the wrong kind.
    pub fn kind(&self) -> &'static str {
        match self.data {
            Data::Text(_) => "text",
            Data::Number(_) => "a number",
            Data::Flag(_) => "true or false",
            Data::List(_) => "a list",
            Data::Table(_) => "a table",
        }
    }
}

fn table_of(table: &DeTable<'_>, errors: &mut Vec<(Span, String)>) -> Data {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_at: key.span(),
            node: Node { at: value.span(), data: data_of(value.get_ref(), value.span(), errors) },
        })
        .collect();
    // `toml` hands the keys out in the order of the alphabet; the file's own order is that of their places.
    entries.sort_by_key(|entry| entry.key_at.start);
    Data::Table(entries)
}

fn data_of(value: &DeValue<'_>, at: Span, errors: &mut Vec<(Span, String)>) -> Data {
    match value {
        DeValue::String(text) => Data::Text(text.to_string()),
        DeValue::Boolean(flag) => Data::Flag(*flag),
        DeValue::Integer(digits) => {
            let number = i64::from_str_radix(digits.as_str(), digits.radix());
            if number.is_err() {
                errors.push((at, "a number of more than 64 bits".to_owned()));
            }
            Data::Number(number.unwrap_or_default().into())
        }
        DeValue::Float(digits) => {
            let number = digits.as_str().parse().ok().and_then(Number::from_f64);
            if number.is_none() {
                errors.push((at, "JSON has no such number".to_owned()));
            }
            Data::Number(number.unwrap_or_else(|| 0.into()))
        }
        DeValue::Datetime(_) => {
            errors.push((at, "a date has to be text in quotes here, or `now`, `now+5m`, `now-1m`".to_owned()));
            Data::Text(String::new())
        }
        DeValue::Array(members) => {
            Data::List(members.iter().map(|m| Node { at: m.span(), data: data_of(m.get_ref(), m.span(), errors) }).collect())
        }
        DeValue::Table(table) => table_of(table, errors),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_in_the_order_of_the_file() {
        let root = Node::parse("z = 1\na = { y = 1, b = 2 }\n[m]\n[c.d]\n[c]\n").unwrap();
        let keys = |node: &Node| node.table().unwrap().iter().map(|e| e.key.clone()).collect::<Vec<_>>();
        assert_eq!(keys(&root), ["z", "a", "m", "c"]);
        assert_eq!(keys(root.get("a").unwrap()), ["y", "b"]);
    }

    #[test]
    fn an_inline_table_is_one_line() {
        let good = "a = { b.c = 1, d = [\n1,\n{ e = \"\"\"\n\"\"\" }], f.g = 2 }\n[h.i]\nx = 1\n[h]\ny = 2\n";
        assert_eq!(Node::parse(good).err(), None);
        for bad in ["a = {\n b = 1 }", "a = { b = 1,\n c = 2 }", "a = { b = 1\n}", "[[s]]\nx = [{ a.b = 1,\n a.c = 2 }]", "a = {\n}"] {
            assert_eq!(Node::parse(bad).unwrap_err().len(), 1, "{bad}");
        }
    }

    #[test]
    fn what_json_cannot_say_is_an_error_with_its_place() {
        let errors = Node::parse("a = 99999999999999999999\nb = nan\nc = 2020-01-01\n").unwrap_err();
        assert_eq!(errors.iter().map(|(at, _)| at.start).collect::<Vec<_>>(), [4, 29, 37]);
    }
}
