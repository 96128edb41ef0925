//! JSON Schema (draft 2020-12) of a scenario file, for editors: completion, and the slips that need no knowledge of other files.
//!
//! It is made of the loader's own lists, and a little more lenient than the loader: what depends on a reference, on the verb that is
//! judged or on another file is not in it.

use serde_json::{Map, Value, json};

use super::matcher;
use super::verb::{ACTS, Field, Kind, Known, Shape, VERBS};
use super::word::{
    ADDRESSES, BESIDE_KEYS, CHECK_KEYS, CLIENT_METADATA, ERRORS, FILE_KEYS, PAGES, PROVIDER, REPLY_PLACES, ROW_KEYS, SIGNERS, SILENCES,
    STEP_KEYS, Setting, TELLING_KEYS, VERB_KEYS, needs,
};

/// A whole string that is one reference.
const REFERENCE: &str = r"^\{[A-Za-z_][A-Za-z0-9_.-]*\}$";
/// A duration, perhaps with a reference in the place of its number.
const DURATION: &str = r"^([0-9]+|\{[A-Za-z_][A-Za-z0-9_.-]*\})(ms|s|m|h|d)$";
/// A part of an id.
const NAME: &str = "^[A-Za-z0-9_-]+$";

/// The schema.
pub fn schema() -> Value {
    let verbs: Map<String, Value> = VERBS.iter().map(|known| pointer(known.name, "verb")).collect();
    let one_verb: Vec<Value> = Known::names().map(|name| json!({ "required": [name] })).collect();
    let mut defs = Map::from_iter([
        ("step".to_owned(), table("A step of the walk: one verb, which has to work.", &verbs, &[VERB_KEYS, STEP_KEYS], Some(&one_verb))),
        ("ask".to_owned(), table("The one question, in its honest form.", &verbs, &[VERB_KEYS, CHECK_KEYS], Some(&one_verb))),
        ("then".to_owned(), table("A verb after the question; the row asks about its reply.", &verbs, &[VERB_KEYS], Some(&one_verb))),
        ("row".to_owned(), table("The same question with one thing changed.", &verbs, &[VERB_KEYS, CHECK_KEYS, ROW_KEYS], None)),
        ("beside".to_owned(), table("A verb whose request goes out at the same moment.", &verbs, &[BESIDE_KEYS], Some(&one_verb))),
        ("default".to_owned(), table("What every row says unless it says otherwise.", &Map::new(), &[CHECK_KEYS], None)),
        ("client".to_owned(), client()),
        ("provider".to_owned(), provider()),
        ("telling".to_owned(), telling()),
        ("event".to_owned(), event()),
        ("matchers".to_owned(), matchers()),
    ]);
    defs.extend(VERBS.iter().map(|known| (format!("verb-{}", known.name), verb(known))));
    let lists = [FILE_KEYS, CHECK_KEYS, ROW_KEYS, VERB_KEYS, STEP_KEYS];
    defs.extend(lists.into_iter().flatten().map(|name| (format!("key-{name}"), key(name))));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A scenario of Touchstone",
        "description": "A walk, then one question, and its rows: the same question with one thing changed.",
        "type": "object",
        "properties": keys(&[FILE_KEYS]),
        "required": ["title", "ask"],
        "additionalProperties": false,
        "$defs": defs,
    })
}

fn pointer(name: &str, kind: &str) -> (String, Value) {
    (name.to_owned(), json!({ "$ref": format!("#/$defs/{kind}-{name}") }))
}

fn table(about: &str, verbs: &Map<String, Value>, lists: &[&[&str]], one_of: Option<&[Value]>) -> Value {
    let mut properties = verbs.clone();
    properties.extend(keys(lists));
    let mut table = json!({ "description": about, "type": "object", "properties": properties, "additionalProperties": false });
    if let Some(one_of) = one_of {
        table["oneOf"] = json!(one_of);
    }
    table
}

fn keys(lists: &[&[&str]]) -> Map<String, Value> {
    lists.iter().copied().flatten().map(|name| pointer(name, "key")).collect()
}

/// What a key holds.
fn key(name: &str) -> Value {
    let (about, holds) = match name {
        "title" => ("The sentence that the file proves.", json!({ "type": "string", "minLength": 1 })),
        "cites" => ("Requirements of one strength, by id.", list(json!({ "type": "string" }))),
        "needs" => ("Features and powers without which the check is skipped.", list(json!({ "enum": needs().collect::<Vec<_>>() }))),
        "room" => ("Requirements that leave the room for several errors.", list(json!({ "type": "string" }))),
        "broken_by" => ("Defects on the wire under which the check is red.", list(json!({ "type": "string" }))),
        "unbreakable" => ("Why no wire can play the culprit.", json!({ "type": "string", "minLength": 1 })),
        "control" => (
            "The check that has to be green before this one says anything.",
            any_of(vec![json!({ "type": "string" }), list(json!({ "type": "string" }))]),
        ),
        "provider" => ("Configuration laid over the embedded provider's.", json!({ "$ref": "#/$defs/provider" })),
        "client" => ("Clients of this file.", each(&json!({ "$ref": "#/$defs/client" }))),
        "with" => ("What rows may vary, with the honest value.", json!({ "type": "object" })),
        "step" => ("The walk.", list(json!({ "$ref": "#/$defs/step" }))),
        "first" => ("Steps before the question, of this row alone.", list(json!({ "$ref": "#/$defs/step" }))),
        "then" => ("A verb after the question.", json!({ "$ref": "#/$defs/then" })),
        "ask" => ("The question.", json!({ "$ref": "#/$defs/ask" })),
        "default" => ("What every row says unless it says otherwise.", json!({ "$ref": "#/$defs/default" })),
        "row" => {
            let mut rows = each(&json!({ "$ref": "#/$defs/row" }));
            rows["propertyNames"] = json!({ "pattern": NAME });
            ("The rows, by name.", rows)
        }
        "expect" => ("Places of the reply and what they have to hold.", expect()),
        "refused" => ("The refusal that is wanted.", refused()),
        "deliveries" => ("The whole ledger, client by client; a client that is not named got nothing.", deliveries()),
        "events" => ("The log: prefix of the type, with its dot, to the events that begin so.", events()),
        "save" => ("The name that later steps know the reply by.", json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$" })),
        "set" => ("Parameters and other parts of the request that are changed as it goes out.", json!({ "type": "object" })),
        "repeat" => ("Parameters that come a second time.", json!({ "type": "object" })),
        "drop" => ("Parameters and other parts of the request that are left out.", list(json!({ "type": "string" }))),
        "times" => ("Done so often, one after another.", or_reference(json!({ "type": "integer", "minimum": 1 }))),
        "at_once" => ("So many at the same moment.", json!({ "type": "integer", "minimum": 2 })),
        "succeed" => ("How many of those succeed.", json!({ "type": "integer", "minimum": 0 })),
        "beside" => ("Another verb, at the same moment: either may come first.", json!({ "$ref": "#/$defs/beside" })),
        "within" => ("How much of the target's time may pass before the step is stuck.", json!({ "type": "string", "pattern": DURATION })),
        // A test says that there is none.
        _ => ("", Value::Bool(true)),
    };
    described(about, holds)
}

fn verb(known: &Known) -> Value {
    let holds = match known.shape {
        Shape::Text(of) => kind(of),
        Shape::Table(_) => fields(known.fields(), known.wants),
        Shape::Act => {
            let acts = ACTS.iter().map(|act| {
                let wants: Vec<&[&str]> = act.wants.chunks(1).collect();
                let mut table = fields(act.fields.iter(), &wants);
                table["properties"]["do"] = json!({ "const": act.name });
                described(act.about, table)
            });
            let names: Vec<_> = ACTS.iter().map(|act| act.name).collect();
            json!({ "type": "object", "properties": { "do": { "enum": names } }, "required": ["do"], "oneOf": acts.collect::<Vec<_>>() })
        }
    };
    described(known.about, holds)
}

fn fields<'a>(fields: impl Iterator<Item = &'a Field>, wants: &[&[&str]]) -> Value {
    let properties: Map<String, Value> = fields.map(|field| (field.name.to_owned(), kind(field.kind))).collect();
    let mut table = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    let required = |names: &[&str]| any_of(names.iter().map(|name| json!({ "required": [name] })).collect());
    match wants {
        [] => {}
        [only] => table["anyOf"] = required(only)["anyOf"].clone(),
        several => table["allOf"] = several.iter().map(|names| required(names)).collect(),
    }
    table
}

/// What a field holds; a reference may stand for nearly anything.
fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Parameter => {
            let one = json!({ "type": ["string", "number", "boolean"] });
            any_of(vec![one.clone(), list(one)])
        }
        Kind::Json => json!(true),
        Kind::Text => json!({ "type": "string" }),
        Kind::Client => described("A client of the fixtures or of this file.", json!({ "type": "string" })),
        Kind::User => described("A user of the fixtures.", json!({ "type": "string" })),
        Kind::Words(words) => or_reference(json!({ "enum": words })),
        Kind::Reply => described("A saved reply to go on from: `{alice}`.", json!({ "type": "string", "pattern": REFERENCE })),
        Kind::Duration => any_of(vec![json!({ "type": "string", "pattern": DURATION }), reference()]),
        Kind::Flag => or_reference(json!({ "type": "boolean" })),
        Kind::FlagOrInherit => or_reference(json!({ "enum": [true, false, "inherit"] })),
        Kind::Answers => or_reference(list(answer())),
        Kind::Signer => any_of(vec![json!({ "enum": SIGNERS }), json!({ "type": "string", "pattern": r"^client\.[a-z0-9-]+$" })]),
        Kind::Table => json!({ "type": "object" }),
        Kind::Names => list(json!({ "type": "string" })),
    }
}

fn answer() -> Value {
    let short = json!({ "anyOf": [{ "type": "integer", "minimum": 200, "maximum": 599 }, { "enum": SILENCES }, reference()] });
    let table = json!({
        "type": "object",
        "properties": { "status": short, "header": { "type": "object" }, "body": { "type": "string" }, "after": { "type": "string", "pattern": DURATION } },
        "additionalProperties": false,
    });
    any_of(vec![short, table])
}

fn expect() -> Value {
    let places = REPLY_PLACES.iter().map(|name| (*name).to_owned());
    let headers = REPLY_PLACES.iter().filter(|name| name.ends_with("_token")).map(|name| format!("{name}_header"));
    let mut properties: Map<String, Value> = places.chain(headers).map(|name| (name, json!(true))).collect();
    properties["status"] =
        any_of(vec![json!({ "type": "integer", "minimum": 100, "maximum": 599 }), json!({ "$ref": "#/$defs/matchers" })]);
    properties["landed"] = any_of(vec![json!({ "enum": PAGES }), reference(), json!({ "$ref": "#/$defs/matchers" })]);
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// A table with exactly one of these words.
fn matchers() -> Value {
    let holds = |word: &str| match word {
        "absent" => json!({ "const": true }),
        "kind" => json!({ "enum": ["string", "number", "boolean", "array", "object"] }),
        "one_of" | "same_set" | "subset_of" => json!({ "type": "array" }),
        "between" => json!({ "type": "array", "minItems": 2, "maxItems": 2 }),
        "matches" => json!({ "type": "string", "format": "regex" }),
        _ => json!(true),
    };
    let properties: Map<String, Value> = matcher::WORDS.iter().map(|word| ((*word).to_owned(), holds(word))).collect();
    json!({
        "description": "What a place has to hold: exactly one of these words.",
        "type": "object",
        "properties": properties,
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": false,
    })
}

fn refused() -> Value {
    any_of(vec![
        described("One of these OAuth errors, 4xx, nothing issued.", list(json!({ "enum": ERRORS }))),
        described("This error at the client.", json!({ "enum": ERRORS })),
        described("A page of the provider, never a redirect to a client.", json!({ "const": "page" })),
        described("Any refusal.", json!({ "const": true })),
    ])
}

fn deliveries() -> Value {
    each(&or_reference(list(json!({ "$ref": "#/$defs/telling" }))))
}

fn telling() -> Value {
    let holds = |name: &str| match name {
        "of" => json!({ "type": "string", "pattern": REFERENCE }),
        "answered" => or_reference(list(answer())),
        "pauses" => list(any_of(vec![json!({ "type": "string", "pattern": DURATION }), json!({ "$ref": "#/$defs/matchers" })])),
        "at" => json!({ "enum": ADDRESSES }),
        "at_least" | "before_answer" => json!({ "type": "boolean" }),
        _ => json!({ "type": "object" }),
    };
    let properties: Map<String, Value> = TELLING_KEYS.iter().map(|name| ((*name).to_owned(), holds(name))).collect();
    any_of(vec![
        described("The login that it belongs to.", json!({ "type": "string", "pattern": REFERENCE })),
        json!({ "type": "object", "properties": properties, "required": ["of"], "additionalProperties": false }),
    ])
}

fn events() -> Value {
    let mut events = each(&list(json!({ "$ref": "#/$defs/event" })));
    events["propertyNames"] = json!({ "pattern": r"\.$" });
    events
}

fn event() -> Value {
    let one = json!({
        "type": "object",
        "properties": { "type": { "type": "string" }, "payload": { "type": "object" }, "aggregate": true },
        "required": ["type"],
        "additionalProperties": false,
    });
    let any_order = json!({
        "type": "object",
        "properties": { "any_order": { "type": "array", "items": { "$ref": "#/$defs/event" }, "minItems": 2 } },
        "required": ["any_order"],
        "additionalProperties": false,
    });
    any_of(vec![described("The type behind the prefix.", json!({ "type": "string" })), one, any_order])
}

fn client() -> Value {
    let mut properties: Map<String, Value> = CLIENT_METADATA.iter().map(|name| ((*name).to_owned(), json!(true))).collect();
    properties.insert("like".into(), described("The fixture that it differs from.", json!({ "type": "string" })));
    properties.insert("register".into(), described("Registered dynamically for this check.", json!({ "type": "boolean" })));
    json!({ "type": "object", "properties": properties, "required": ["like"], "additionalProperties": false })
}

fn provider() -> Value {
    let mut root = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    for (path, setting) in PROVIDER {
        let holds = match setting {
            Setting::Flag => or_reference(json!({ "type": "boolean" })),
            Setting::Number => or_reference(json!({ "type": "integer", "minimum": 0 })),
            Setting::Duration => any_of(vec![json!({ "type": "string", "pattern": DURATION }), reference()]),
            Setting::Durations => or_reference(list(json!({ "type": "string", "pattern": DURATION }))),
            Setting::Words(words) => or_reference(json!({ "enum": words })),
        };
        match path.split_once('.') {
            None => root["properties"][*path] = holds,
            Some((group, name)) => {
                let below = &mut root["properties"][group];
                if below.is_null() {
                    *below = json!({ "type": "object", "properties": {}, "additionalProperties": false });
                }
                below["properties"][name] = holds;
            }
        }
    }
    root
}

fn described(about: &str, mut holds: Value) -> Value {
    if let (Some(table), false) = (holds.as_object_mut(), about.is_empty()) {
        table.shift_insert(0, "description".to_owned(), Value::from(about));
    }
    holds
}

fn reference() -> Value {
    json!({ "type": "string", "pattern": REFERENCE })
}

fn or_reference(holds: Value) -> Value {
    any_of(vec![holds, reference()])
}

fn any_of(ways: Vec<Value>) -> Value {
    json!({ "anyOf": ways })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn each(value: &Value) -> Value {
    json!({ "type": "object", "additionalProperties": value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_language_is_described() {
        for name in [FILE_KEYS, CHECK_KEYS, ROW_KEYS, VERB_KEYS, STEP_KEYS].into_iter().flatten() {
            assert!(key(name)["description"].is_string(), "{name}");
        }
    }
}
