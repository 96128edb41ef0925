//! Request parameters, from a query or a form: none twice, and an empty one is none at all.

use std::collections::BTreeSet;

use crate::refusal::Refusal;

/// The parameters of a request (RFC 6749, sections 3.1 and 3.2), in their order.
#[derive(Clone, Debug, Default)]
pub struct Params {
    pairs: Vec<(String, String)>,
    repeated: BTreeSet<String>,
}

/// Parameters that other specifications allow to repeat: RFC 8707, section 2 and RFC 8693, section 2.1.
const MAY_REPEAT: [&str; 2] = ["resource", "audience"];

impl Params {
    /// Reads `a=1&b=2`. Parameters without a value are left out, as if they had not been sent.
    ///
    /// # Errors
    /// The text is not UTF-8 once it is decoded.
    pub fn parse(text: &[u8]) -> Result<Self, Refusal> {
        let mut params = Self::default();
        let mut names = BTreeSet::new();
        for (name, value) in url::form_urlencoded::parse(text) {
            // The parser puts this character where bytes are no UTF-8.
            if name.contains(char::REPLACEMENT_CHARACTER) || value.contains(char::REPLACEMENT_CHARACTER) {
                return Err(Refusal::NotUtf8);
            }
            if value.is_empty() {
                continue;
            }
            if !names.insert(name.to_string()) && !MAY_REPEAT.contains(&name.as_ref()) {
                params.repeated.insert(name.to_string());
            }
            params.pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(params)
    }

    /// The value of a parameter.
    ///
    /// # Errors
    /// It came more than once.
    pub fn get(&self, name: &str) -> Result<Option<&str>, Refusal> {
        if self.repeated.contains(name) {
            return Err(Refusal::Repeated(name.to_owned()));
        }
        Ok(self.peek(name))
    }

    /// All values of a parameter that may come more than once.
    pub fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.pairs.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter in its type.
    ///
    /// # Errors
    /// It is missing, or came more than once.
    pub fn need<T>(&self, name: &'static str, make: impl FnOnce(String) -> T) -> Result<T, Refusal> {
        Ok(make(self.get(name)?.ok_or(Refusal::Missing(name))?.to_owned()))
    }

    /// Whether no parameter came more than once.
    ///
    /// # Errors
    /// The first that did.
    pub fn none_repeated(&self) -> Result<(), Refusal> {
        match self.repeated.first() {
            Some(name) => Err(Refusal::Repeated(name.clone())),
            None => Ok(()),
        }
    }

    fn peek(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// All of them, in order.
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

/// `a=1&b=2`, form-encoded.
pub fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// An address with more parameters; the query that it has is kept (RFC 6749, section 3.1.2).
pub fn extend(address: &str, pairs: &[(&str, &str)]) -> String {
    if pairs.is_empty() {
        return address.to_owned();
    }
    let joint = match address.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{address}{joint}{}", encode(pairs.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_twice_and_an_empty_one_is_none() {
        let params = Params::parse(b"a=1&b=&c=2&c=3&a=&resource=x&resource=y").expect("UTF-8");
        assert_eq!(params.get("a"), Ok(Some("1")));
        assert_eq!(params.get("b"), Ok(None));
        assert_eq!(params.get("c"), Err(Refusal::Repeated("c".into())));
        assert_eq!(params.get("resource"), Ok(Some("x")));
        assert_eq!(params.none_repeated(), Err(Refusal::Repeated("c".into())));
        assert_eq!(params.need("d", |text| text), Err(Refusal::Missing("d")));
        assert_eq!(Params::parse(b"a=%ff").err(), Some(Refusal::NotUtf8));
    }

    #[test]
    fn a_query_is_kept() {
        assert_eq!(extend("https://c/cb", &[("a", "1 2")]), "https://c/cb?a=1+2");
        assert_eq!(extend("https://c/cb?k=1", &[("a", "1")]), "https://c/cb?k=1&a=1");
        assert_eq!(extend("https://c/cb?", &[("a", "1")]), "https://c/cb?a=1");
        assert_eq!(extend("https://c/cb", &[]), "https://c/cb");
    }
}
