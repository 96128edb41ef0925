//! References: what `{alice.id_token.sub}` can name at one place of one check, found out without running anything.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;

use super::known::Known;
use super::step::Draft as Step;
use crate::scenario::Verb;
use crate::scenario::word::{ADDRESSES, CLIENT_ANSWERED, CLIENT_METADATA};
use crate::toml_file::{Node, Report, Slip, Span};
use crate::transcript::view::{self, Part, references};

/// The roots that are no saved names.
pub(super) const ROOTS: &[&str] = &["asked", "with", "client", "user", "op", "rp", "letters"];

/// The placeholders of a check with its values.
pub(super) type With<'t> = BTreeMap<&'t str, &'t Node>;

/// A client that a scenario can speak of.
#[derive(Debug, Clone)]
pub(super) struct Client {
    /// A fixture's, with the differences of the file.
    pub metadata: Value,
    /// The provider has the last word on it.
    pub registered: bool,
}

/// What a place can see.
#[derive(Clone)]
pub(super) struct Scene<'s, 't> {
    pub with: &'s With<'t>,
    /// The steps before this place.
    pub before: Vec<&'s Step<'t>>,
    /// Names of unreadable steps.
    pub lost: Vec<&'t str>,
    /// Saved names of this check that come later, with their places.
    pub later: Vec<(&'t str, Span)>,
    pub asked: Asked<'s, 't>,
}

#[derive(Clone, Copy)]
pub(super) enum Asked<'s, 't> {
    NotYet,
    /// Its verb could not be read: it may have anything.
    Unreadable,
    Yes(&'s Step<'t>),
}

/// Whether a reference may name a reply as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Value,
    Reply,
}

/// Checks references, and notes what they need.
pub(super) struct Names<'d> {
    pub known: &'d Known<'d>,
    pub clients: Rc<BTreeMap<String, Client>>,
    /// Powers that references imply, with the first place that does.
    pub implied: BTreeMap<&'static str, Span>,
    /// Acts of `admin`, each a power.
    pub acts: BTreeMap<&'static str, Span>,
    /// Placeholders that were used in this check.
    pub used: BTreeSet<String>,
}

impl<'d> Names<'d> {
    pub fn new(known: &'d Known<'d>, clients: Rc<BTreeMap<String, Client>>) -> Self {
        Self { known, clients, implied: BTreeMap::new(), acts: BTreeMap::new(), used: BTreeSet::new() }
    }

    /// Every reference in a value.
    pub fn check<'t>(&mut self, node: &'t Node, scene: &Scene<'_, 't>, as_what: Use, report: &mut Report<'_>) {
        self.check_within(node, scene, as_what, 0, report);
    }

    fn check_within<'t>(&mut self, node: &'t Node, scene: &Scene<'_, 't>, as_what: Use, depth: usize, report: &mut Report<'_>) {
        node.each_text(&mut |node, text| {
            time_like(node, text, report);
            for part in references(text) {
                match part {
                    Part::Reference(path) => {
                        let at = place_of(node, path, report);
                        self.reference(path, &at, scene, as_what, depth, report);
                    }
                    Part::Text(text) => nearly(node, text, report),
                }
            }
        });
    }

    fn reference<'t>(&mut self, path: &str, at: &Span, scene: &Scene<'_, 't>, as_what: Use, depth: usize, report: &mut Report<'_>) {
        let segments: Vec<&str> = path.split('.').collect();
        if segments.iter().any(|segment| segment.is_empty()) {
            report.add(at, Slip::new(format!("`{{{path}}}` has a dot too many")));
            return;
        }
        let (root, rest) = (segments[0], &segments[1..]);
        match root {
            "with" => self.placeholder(path, rest, at, scene, as_what, depth, report),
            "op" => self.origin(path, rest, at, report),
            "client" => self.client(path, rest, at, report),
            "user" => self.user(path, rest, at, report),
            "rp" => self.address(path, rest, at, report),
            "letters" => {
                if rest.len() != 1 || view::letters(rest[0]).is_none() {
                    let slip = Slip::new(format!("`{{{path}}}` is no number of letters"));
                    report.add(at, slip.instead(format!("`{{letters.70000}}`, up to {}", view::MOST_LETTERS)));
                }
            }
            "asked" => match scene.asked {
                Asked::NotYet => {
                    let slip = Slip::new("`{asked}` is the reply of the question, which has not been asked here");
                    report.add(at, slip.instead("`expect`, `deliveries`, `events` and `then` can speak of it"));
                }
                Asked::Unreadable => {}
                Asked::Yes(step) => reply(step, path, rest, at, as_what, report),
            },
            lost if scene.lost.contains(&lost) => {}
            saved => {
                let found = scene.before.iter().rev().find(|step| step.save.is_some_and(|word| word.text == saved));
                if let Some(step) = found {
                    reply(step, path, rest, at, as_what, report);
                } else if let Some((_, later)) = scene.later.iter().find(|(name, _)| *name == saved) {
                    let line = report.line(later);
                    report.add(at, Slip::new(format!("`{saved}` is saved later, in line {line}")));
                } else {
                    let names = scene.before.iter().filter_map(|step| step.save).map(|word| word.text);
                    let what = format!("`{{{path}}}` names nothing: nothing is saved as `{saved}`");
                    report.add(at, Slip::none_of(what, saved, names.chain(ROOTS.iter().copied())));
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one place of one check, and how deep a placeholder stands in placeholders")]
    fn placeholder<'t>(
        &mut self,
        path: &str,
        rest: &[&str],
        at: &Span,
        scene: &Scene<'_, 't>,
        as_what: Use,
        depth: usize,
        report: &mut Report<'_>,
    ) {
        let Some((name, inside)) = rest.split_first() else {
            report.add(at, Slip::new("`{with}` is a table; `{with.NAME}` is meant"));
            return;
        };
        self.used.insert((*name).to_owned());
        let Some(node) = scene.with.get(name) else {
            let what = format!("`{{{path}}}` is a placeholder that is not in `[with]`");
            report.add(at, Slip::none_of(what, name, scene.with.keys().copied()));
            return;
        };
        let inside: Vec<String> = inside.iter().map(|s| (*s).to_owned()).collect();
        if view::at(&node.json(), &inside).is_none() && node.text().is_none() {
            report.add(at, Slip::new(format!("`{{{path}}}` names nothing: the placeholder has nothing there")));
            return;
        }
        // A placeholder may stand in another's value; one that comes back to itself never ends.
        if depth > 8 {
            report.add(&node.at, Slip::new(format!("the placeholder `{name}` leads back to itself")));
            return;
        }
        self.check_within(node.nearest_to(&inside), scene, as_what, depth + 1, report);
    }

    fn origin(&mut self, path: &str, rest: &[&str], at: &Span, report: &mut Report<'_>) {
        let name = match rest {
            [] | ["issuer" | "configuration"] => "primary",
            [name] | [name, "issuer"] => name,
            [_, wrong, ..] => {
                report.add(at, Slip::none_of(format!("`{{{path}}}` names nothing: an origin has no `{wrong}`"), wrong, ["issuer"]));
                return;
            }
        };
        match name {
            "primary" => {}
            "other" => drop(self.implied.entry("two_origins").or_insert_with(|| at.clone())),
            "management" => drop(self.implied.entry("management_api").or_insert_with(|| at.clone())),
            wrong => {
                let what = format!("`{{{path}}}` names nothing: the target has no origin `{wrong}`");
                report.add(at, Slip::none_of(what, wrong, ["primary", "other", "management", "issuer", "configuration"]));
            }
        }
    }

    fn client(&mut self, path: &str, rest: &[&str], at: &Span, report: &mut Report<'_>) {
        let Some(client) = self.named_client(path, rest, at, report) else { return };
        let members = CLIENT_METADATA.iter().chain(CLIENT_ANSWERED).copied();
        let Some(member) = rest.get(1).copied() else {
            let slip = Slip::new(format!("`{{{path}}}` is a whole client; a member is meant"));
            report.add(at, slip.instead(format!("write `{{{path}.client_id}}` or the like")));
            return;
        };
        if !CLIENT_METADATA.contains(&member) && !CLIENT_ANSWERED.contains(&member) {
            let what = format!("`{{{path}}}` names nothing: a client has no `{member}`");
            report.add(at, Slip::none_of(what, member, members));
        } else if !client.registered {
            let there = match member {
                "basic" => client.metadata.get("client_secret").is_some(),
                _ => view::at(&client.metadata, &rest[1..]).is_some(),
            };
            if !there {
                report.add(at, Slip::new(format!("`{{{path}}}` names nothing: `{}` has nothing there", rest[0])));
            }
        }
    }

    fn user(&mut self, path: &str, rest: &[&str], at: &Span, report: &mut Report<'_>) {
        let name = rest.first().copied().unwrap_or("");
        let Some(user) = self.known.users.get(name) else {
            let what = format!("`{{{path}}}` names nothing: there is no user `{name}`");
            report.add(at, Slip::none_of(what, name, self.known.users.keys().map(String::as_str)));
            return;
        };
        let members = user.as_object().into_iter().flat_map(|table| table.keys().map(String::as_str)).chain(["username"]);
        match rest.get(1).copied() {
            None => report.add(at, Slip::new(format!("`{{{path}}}` is a whole user; a member is meant"))),
            Some("username") => {}
            Some(member) if view::at(user, &rest[1..]).is_none() => {
                report.add(at, Slip::none_of(format!("`{{{path}}}` names nothing: `{name}` has no `{member}`"), member, members));
            }
            Some(_) => {}
        }
    }

    fn address(&mut self, path: &str, rest: &[&str], at: &Span, report: &mut Report<'_>) {
        let Some(client) = self.named_client(path, rest, at, report) else { return };
        let told = client.metadata.get("backchannel_logout_uri").is_some();
        match rest {
            [name, _, ..] if !told => {
                report.add(at, Slip::new(format!("`{{{path}}}` names nothing: `{name}` has no `backchannel_logout_uri`")));
            }
            [_, which] if ADDRESSES.contains(which) => {}
            _ => {
                let slip = Slip::new(format!("`{{{path}}}` names nothing: a relying party has two addresses"));
                report.add(at, slip.instead("`first` and `second`"));
            }
        }
    }

    fn named_client(&self, path: &str, rest: &[&str], at: &Span, report: &mut Report<'_>) -> Option<&Client> {
        let name = rest.first().copied().unwrap_or("");
        let found = self.clients.get(name);
        if found.is_none() {
            let what = format!("`{{{path}}}` names nothing: there is no client `{name}`");
            report.add(at, Slip::none_of(what, name, self.clients.keys().map(String::as_str)));
        }
        found
    }
}

/// Follows a string that is one placeholder and nothing else to the placeholder's own value.
pub(super) fn deref<'t>(node: &'t Node, with: &With<'t>) -> &'t Node {
    let mut node = node;
    // As deep as `check` goes; a circle has been complained about there.
    for _ in 0..=8 {
        let Some(text) = node.text() else { return node };
        let Some(path) = sole(text) else { return node };
        let mut segments = path.split('.');
        let (Some("with"), Some(name)) = (segments.next(), segments.next()) else { return node };
        let Some(inner) = with.get(name).copied() else { return node };
        let rest: Vec<String> = segments.map(str::to_owned).collect();
        node = inner.nearest_to(&rest);
    }
    node
}

/// The saved name or `asked` that a string is, if it names a reply as a whole.
pub(super) fn whole(text: &str) -> Option<&str> {
    sole(text).filter(|name| !name.contains('.'))
}

/// The path of a string that is one reference and nothing else.
pub(super) fn sole(text: &str) -> Option<&str> {
    match references(text).as_slice() {
        [Part::Reference(path)] => Some(path),
        _ => None,
    }
}

/// The step whose reply a whole reference names.
pub(super) fn saved<'s, 't>(name: &str, scene: &Scene<'s, 't>) -> Option<&'s Step<'t>> {
    match (name, scene.asked) {
        ("asked", Asked::Yes(step)) => Some(step),
        (lost, _) if scene.lost.contains(&lost) => None,
        _ => scene.before.iter().rev().find(|step| step.save.is_some_and(|word| word.text == name)).copied(),
    }
}

const TOKENS: &[&str] = &["access_token", "refresh_token", "id_token", "userinfo_token", "token"];

/// Whether the reply of a step has what a path names.
fn reply(step: &Step<'_>, path: &str, rest: &[&str], at: &Span, as_what: Use, report: &mut Report<'_>) {
    let verb = step.verb;
    if step.is_beside && !(rest.is_empty() && as_what == Use::Reply) {
        let slip = Slip::new(format!("`{{{path}}}`: what that brought depends on who came first"));
        report.add(
            at,
            slip.instead(format!("a step can go on from it as a whole: `of = \"{{{}}}\"`", path.split('.').next().unwrap_or(path))),
        );
        return;
    }
    let Some((first, inside)) = rest.split_first() else {
        if as_what == Use::Value {
            let example = verb.yields.iter().find(|y| TOKENS.contains(y)).or(verb.yields.first()).unwrap_or(&"status");
            let slip = Slip::new(format!("`{{{path}}}` is a whole reply; a path into it is meant"));
            report.add(at, slip.instead(format!("such as `{{{path}.{example}}}`")));
        }
        return;
    };
    let name = first.strip_suffix("_header").filter(|name| TOKENS.contains(name)).unwrap_or(first);
    if !verb.yields.contains(&name) {
        let what = format!("`{{{path}}}` names nothing: what `{}` brings has no `{first}`", verb.name);
        let slip = Slip::none_of(what, first, verb.yields.iter().copied());
        // What is one of the reply's own members is looked for inside the answer.
        let inside = verb.members.contains(first);
        report.add(at, if inside { slip.instead(format!("it is a member of the answer: `json.{first}`")) } else { slip });
        return;
    }
    let is_token = TOKENS.contains(&name);
    if is_token && step.refused.is_some() && step.manner.at_once.is_none() {
        report.add(at, Slip::new(format!("`{{{path}}}` names nothing: that step is refused, and a refusal has no token")));
        return;
    }
    match (name, inside) {
        ("json", [member, ..]) if TOKENS.contains(member) => {
            let right = path.replacen("json.", "", 1);
            report.add(at, Slip::new("a token is not reached through `json`").instead(format!("write `{{{right}}}`")));
        }
        ("json", [member, ..]) if step.refused.is_none() && verb.verb == Verb::Device && !verb.members.contains(member) => {
            let what = format!("`{{{path}}}` names nothing: the answer to `device` has no `{member}`");
            report.add(at, Slip::none_of(what, member, verb.members.iter().copied()));
        }
        (
            "status" | "landed" | "at" | "client" | "user" | "browser" | "origin" | "scope" | "redirect_uri" | "nonce" | "code_verifier",
            [_, ..],
        ) => {
            report.add(at, Slip::new(format!("`{{{path}}}` names nothing: `{name}` has no inside")));
        }
        ("header" | "request" | "callback", []) => {
            report.add(at, Slip::new(format!("`{{{path}}}` is a table; a member of it is meant")));
        }
        _ => {}
    }
}

/// `now+5 m` is a slip that would go over the wire as it stands.
fn time_like(node: &Node, text: &str, report: &mut Report<'_>) {
    let offset =
        text.strip_prefix("now").filter(|rest| rest.starts_with(['+', '-']) && rest[1..].starts_with(|c: char| c.is_ascii_digit()));
    if offset.is_some() && view::time(text, 0).is_none() {
        report.add(&node.at, Slip::new(format!("`{text}` is no time")).instead("write `now`, `now+5m`, `now-90s`"));
    }
}

/// `{alice .id_token}` is a slip too.
fn nearly(node: &Node, text: &str, report: &mut Report<'_>) {
    for (open, _) in text.match_indices('{') {
        let Some(length) = text[open + 1..].find('}') else { continue };
        let inside = &text[open + 1..open + 1 + length];
        let trimmed = inside.trim();
        let like = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | '[' | ']');
        if inside.contains('.') && trimmed.starts_with(|c: char| c.is_ascii_alphabetic()) && inside.chars().all(like) {
            let right: String = inside.replace('[', ".").chars().filter(|c| !matches!(c, ' ' | ']')).collect();
            report.add(
                &node.at,
                Slip::new(format!("`{{{inside}}}` is no reference as it is written")).instead(format!("write `{{{right}}}`")),
            );
        }
    }
}

/// The place of a reference inside its string, or the whole string where escapes hide it.
fn place_of(node: &Node, path: &str, report: &Report<'_>) -> Span {
    let written = report.written(&node.at);
    let start = written.find(&format!("{{{path}}}")).map(|i| node.at.start + i);
    start.map_or_else(|| node.at.clone(), |start| start..start + path.len() + 2)
}
