//! What each verb is: its fields, what comes back from it, and what a target has to offer for it. One value for each.

mod acts;
mod table;

pub use acts::ACTS;
pub use table::VERBS;

use super::Verb;
use super::word::{BROWSERS, ORIGINS};

/// A verb of the language.
#[derive(Debug)]
pub struct Known {
    /// The verb.
    pub verb: Verb,
    /// As it is written.
    pub name: &'static str,
    /// What it does, in a sentence for editors.
    pub about: &'static str,
    /// How its value is written.
    pub shape: Shape,
    /// Of each of these lists one field has to be there.
    pub wants: &'static [&'static [&'static str]],
    /// Parameters that an honest request has beside those that are fields; `drop` and `repeat` may name both.
    pub adds: &'static [&'static str],
    /// Whether `set`, `drop` and `repeat` apply: the verb sends one request that a person could have written.
    pub edits: bool,
    /// What the reply has: the first step of a reference to it, and of `expect`.
    pub yields: &'static [&'static str],
    /// Members of `json` in a good answer, where these are known; any if empty.
    pub members: &'static [&'static str],
    /// The verbs whose replies `of` goes on from.
    pub goes_on_from: &'static [Verb],
    /// How it can be refused.
    pub refusals: &'static [Refusal],
    /// What it asks of target and harness.
    pub implies: &'static [Implied],
}

/// How the value of a verb is written.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// `login = { … }`, with these fields in groups.
    Table(&'static [&'static [Field]]),
    /// `advance = "1h"`
    Text(Kind),
    /// `admin = { do = ACT, … }`: the fields are those of the act.
    Act,
}

/// A field of a verb or of an act.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// As it is written.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it is a parameter of the request under this very name; else it is a word of ours.
    pub wire: bool,
}

/// What a field holds. Anywhere a `{reference}` may stand instead, except for [`Kind::Client`] and its like, where only `{with.X}` may:
/// these are known before anything runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A parameter: text, a number, true or false; a list is the parameter sent once for each.
    Parameter,
    /// Any value at all.
    Json,
    /// Text.
    Text,
    /// A client: a fixture, or one of the file's own.
    Client,
    /// A user of the fixtures.
    User,
    /// One of these words.
    Words(&'static [&'static str]),
    /// `"{saved}"`: a reply as a whole, to go on from.
    Reply,
    /// `"90s"`.
    Duration,
    /// True or false.
    Flag,
    /// True, false, or the word `inherit`.
    FlagOrInherit,
    /// How a client answers: a list of status codes, silences, and tables of status, header and body.
    Answers,
    /// Who signs.
    Signer,
    /// A table of anything.
    Table,
    /// A list of text.
    Names,
}

/// The ways in which a verb can be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `["invalid_grant"]`: JSON from an endpoint.
    Codes,
    /// `"login_required"`: an error at the client.
    AtClient,
    /// `"page"`: a page of the provider.
    Page,
}

/// Something that a verb needs, always or with some field.
#[derive(Debug, Clone, Copy)]
pub struct Implied {
    /// When it does.
    pub when: When,
    /// The word of `needs`.
    pub need: &'static str,
}

/// See [`Implied`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// If the field is there.
    Has(&'static str),
    /// If the field holds this word.
    Is(&'static str, &'static str),
}

/// An act of `admin`.
#[derive(Debug)]
pub struct Act {
    /// As it is written; the power is `admin.NAME`.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
    /// Those that have to be there.
    pub wants: &'static [&'static str],
}

impl Known {
    /// The verb of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        VERBS.iter().find(|known| known.name == name)
    }

    /// The names of all verbs.
    pub fn names() -> impl Iterator<Item = &'static str> {
        VERBS.iter().map(|known| known.name)
    }

    /// Its fields; none where the value is no table of its own.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> {
        let groups: &[&[Field]] = match self.shape {
            Shape::Table(groups) => groups,
            Shape::Text(_) | Shape::Act => &[],
        };
        groups.iter().copied().flatten()
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields().find(|field| field.name == name)
    }

    /// The parameters that an honest request can have.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.fields().filter(|field| field.wire).map(|field| field.name).chain(self.adds.iter().copied())
    }

    /// Whether something comes back that can be saved.
    pub fn can_be_saved(&self) -> bool {
        !self.yields.is_empty()
    }
}

impl Verb {
    /// What is known of it.
    pub fn known(self) -> &'static Known {
        // The table is in the order of the enum; a test says so.
        &VERBS[self as usize]
    }

    /// As it is written.
    pub fn word(self) -> &'static str {
        self.known().name
    }
}

impl Act {
    /// The act of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ACTS.iter().find(|act| act.name == name)
    }
}

const fn wire(name: &'static str) -> Field {
    Field { name, kind: Kind::Parameter, wire: true }
}

const fn word(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, wire: false }
}

const CLIENT: Field = word("client", Kind::Client);
const USER: Field = word("user", Kind::User);
const OF: Field = word("of", Kind::Reply);
const ORIGIN: Field = word("origin", Kind::Words(ORIGINS));
const BROWSER: Field = word("browser", Kind::Words(BROWSERS));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_named_like_it() {
        for (index, known) in VERBS.iter().enumerate() {
            assert_eq!(known.verb as usize, index, "{}", known.name);
            assert_eq!(serde_json::to_value(known.verb).unwrap(), known.name);
        }
        assert_eq!(Verb::Restart as usize + 1, VERBS.len());
    }

    #[test]
    fn every_word_in_the_table_is_known() {
        for known in VERBS {
            for implied in known.implies {
                assert!(super::super::word::is_need(implied.need), "{}", implied.need);
                if let When::Has(field) | When::Is(field, _) = implied.when {
                    let of_an_act = matches!(known.shape, Shape::Act) && ACTS.iter().any(|a| a.fields.iter().any(|f| f.name == field));
                    assert!(of_an_act || known.field(field).is_some(), "{}.{field}", known.name);
                }
            }
            for name in known.wants.iter().copied().flatten() {
                assert!(known.field(name).is_some(), "{}.{name}", known.name);
            }
            assert_eq!(known.goes_on_from.is_empty(), !has_of(known), "{}", known.name);
        }
        for act in ACTS {
            for name in act.wants {
                assert!(act.fields.iter().any(|f| f.name == *name), "{}.{name}", act.name);
            }
        }
    }

    fn has_of(known: &Known) -> bool {
        known.field("of").is_some() || matches!(known.shape, Shape::Act)
    }
}
