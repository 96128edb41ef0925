//! The second pass: every row becomes a check of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;

use super::draft::{Draft, Row, Said, Wanted, Word, is_id};
use super::expect::refused;
use super::known::Known;
use super::scope::{Asked, Client, Names, ROOTS, Scene, With};
use super::step::{Draft as Step, Manner};
use crate::scenario::word;
use crate::scenario::{Check, Edits, Refused, Step as Done};
use crate::toml_file::{Entry, Node, Report, Slip, Span};

/// A check with what the third pass, over the whole catalogue, has to know of its file.
pub(super) struct Loaded {
    pub check: Check,
    /// Controls that the file names, with their places.
    pub named: Vec<(String, Span)>,
    /// Where a complaint about the check as a whole belongs.
    pub at: Span,
    /// Its expectations could be read: what is missing is really missing.
    pub sound: bool,
    /// The placeholders that it uses.
    pub used: BTreeSet<String>,
}

/// Turns a file into its checks: the question first, then the rows. A check that could not be read is left away; why is in the report.
pub(super) fn checks(path: &str, draft: &Draft<'_>, known: &Known<'_>, report: &mut Report<'_>) -> Vec<Loaded> {
    let mut file =
        File { id: path.strip_suffix(".toml").unwrap_or(path), path, draft, known, clients: Rc::default(), cites_nothing: false, report };
    file.clients = Rc::new(file.clients_of_the_file());
    file.words();
    let mut used = Vec::new();
    let base = file.check(None, &mut used);
    let rows: Vec<_> = draft.rows.iter().map(|row| file.check(Some(row), &mut used)).collect();
    file.idle_placeholders(&used);
    let mut all: Vec<Loaded> = base.into_iter().chain(rows.into_iter().flatten()).collect();
    if file.report.is_clean() {
        file.same_walks(&mut all);
        file.twins(&all);
    }
    all
}

/// One file in the second pass.
pub(super) struct File<'d, 't, 'r> {
    id: &'d str,
    path: &'d str,
    pub draft: &'d Draft<'t>,
    pub known: &'d Known<'d>,
    clients: Rc<BTreeMap<String, Client>>,
    /// That has been said once, which is enough.
    cites_nothing: bool,
    pub report: &'d mut Report<'r>,
}

impl<'t> File<'_, 't, '_> {
    /// One check: the question itself, or a row of it.
    fn check(&mut self, row: Option<&Row<'t>>, used: &mut Vec<String>) -> Option<Loaded> {
        let draft = self.draft;
        let with = self.with(row);
        let at = row.map_or_else(|| draft.ask.as_ref().map_or(0..0, |ask| ask.at.clone()), |row| row.at.clone());
        let wanted = self.wanted(row, &at);
        let walk: Vec<&Step<'t>> = draft.walk.steps.iter().chain(row.into_iter().flat_map(|row| &row.first.steps)).collect();
        let lost: Vec<&'t str> = draft.walk.lost.iter().chain(row.into_iter().flat_map(|row| &row.first.lost)).copied().collect();
        let (ask, then) = self.question(row, wanted);

        let mut names = Names::new(self.known, Rc::clone(&self.clients));
        let mut scene = Scene { with: &with, before: Vec::new(), lost, later: Vec::new(), asked: Asked::NotYet };
        let clients = self.own_clients(&mut names, &scene);
        let provider = self.provider(&mut names, &scene);
        let besides = ask.iter().flat_map(|ask| ask.both().skip(1));
        let saves: Vec<&Step<'t>> = walk.iter().copied().flat_map(Step::both).chain(besides.clone()).collect();
        scene.lost.extend(self.saved(&saves));
        let mut done = Vec::new();
        let mut several = Vec::new();
        for (i, step) in walk.iter().enumerate() {
            scene.before = walk[..i].iter().copied().flat_map(Step::both).collect();
            scene.later =
                saves.iter().skip(scene.before.len()).filter_map(|later| later.save).map(|word| (word.text, word.at.clone())).collect();
            done.push(self.step(step, &mut names, &scene, &mut several));
        }
        (scene.before, scene.later) = (walk.iter().copied().flat_map(Step::both).collect(), Vec::new());
        let asked = ask.as_ref().map(|step| self.step(step, &mut names, &scene, &mut several));
        scene.before.extend(besides);
        scene.asked = ask.as_ref().map_or(Asked::Unreadable, Asked::Yes);
        let after = then.as_ref().map(|step| step.as_ref().map(|step| self.step(step, &mut names, &scene, &mut several)));
        let judged = then.as_ref().map_or(ask.as_ref(), Option::as_ref);
        let before = self.report.complaints();
        let expect = names.expectations(wanted, judged, &scene, self.report);
        let sound = self.report.complaints() == before && !wanted.is_empty();

        let said = Choice { file: draft, row };
        let room = said.room();
        for at in several.iter().filter(|_| room.is_empty()) {
            let slip = Slip::new("several errors are allowed here, and no `room` says why");
            self.report.add(at, slip.instead("`room` names the requirement that leaves it open"));
        }
        let needs = self.needs(&said, &names);
        let cites = said.cites();
        if cites.is_empty() && !draft.strange && !self.cites_nothing {
            self.cites_nothing = true;
            self.report.add(&at, Slip::new("a check that cites nothing").instead("`cites` names the requirements that it asks about"));
        }
        used.extend(names.used.iter().cloned());
        let id = row.map_or_else(|| self.id.to_owned(), |row| format!("{}#{}", self.id, row.name));
        let named = said.control().iter().map(|word| (word.text.to_owned(), word.at.clone())).collect();
        let then = match after {
            None => None,
            Some(step) => Some(step?),
        };
        let check = Check {
            id,
            file: self.path.to_owned(),
            line: self.report.line(&at),
            title: draft.title.clone(),
            cites,
            needs,
            room,
            broken_by: said.broken_by(),
            unbreakable: said.unbreakable(),
            control: Vec::new(),
            base: row.map(|_| self.id.to_owned()),
            same_walk_as: None,
            clients,
            provider,
            with: with.iter().map(|(name, node)| ((*name).to_owned(), node.json())).collect(),
            walk: done,
            ask: asked?,
            then,
            expect,
        };
        Some(Loaded { check, named, at, sound, used: names.used })
    }

    fn with(&mut self, row: Option<&Row<'t>>) -> With<'t> {
        let mut with: With<'t> = self.draft.with.iter().map(|entry| (entry.key.as_str(), &entry.node)).collect();
        for entry in row.map_or(&[] as &[Entry], |row| row.with) {
            let name = entry.key.as_str();
            match with.get_mut(name) {
                Some(value) => *value = &entry.node,
                None => {
                    let names: Vec<_> = with.keys().copied().collect();
                    let slip = Slip::none_of(format!("the row gives `{name}` a value, which is not in `[with]`"), name, names);
                    self.report.add(&entry.key_at, slip);
                }
            }
        }
        with
    }

    /// The expectations that hold: the row's own, or the default's, or the question's.
    fn wanted(&mut self, row: Option<&Row<'t>>, at: &Span) -> Wanted<'t> {
        let draft = self.draft;
        let of_the_question = draft.said.wanted;
        let wanted = match row {
            None => of_the_question,
            Some(row) if !row.said.wanted.is_empty() => row.said.wanted,
            Some(_) if !draft.default.wanted.is_empty() => draft.default.wanted,
            Some(row) => {
                if row.then.is_some() {
                    let slip = Slip::new("a row with `then` says nothing of its reply");
                    self.report.add(at, slip.instead("the expectations of `[ask]` are about another reply; state its own"));
                }
                of_the_question
            }
        };
        let strange = draft.ask.is_none() || draft.said.strange || draft.default.strange || row.is_some_and(|row| row.said.strange);
        if wanted.is_empty() && !strange {
            let slip = Slip::new("a check that expects nothing");
            self.report.add(at, slip.instead("say `expect.…`, `refused`, `deliveries` or `events`"));
        }
        wanted
    }

    /// The question's own verb and the verb after it, with the refusal that each works with.
    fn question(&self, row: Option<&Row<'t>>, wanted: Wanted<'t>) -> (Option<Step<'t>>, Option<Option<Step<'t>>>) {
        let draft = self.draft;
        let own = row.and_then(|row| row.verb.clone());
        let asks_else = own.is_some();
        let mut ask = own.unwrap_or_else(|| draft.ask.clone());
        if let (Some(ask), Some(row)) = (&mut ask, row)
            && !asks_else
        {
            ask.manner = ask.manner.overlaid(&row.manner);
        }
        let mut then = row.and_then(|row| row.then.clone());
        let before = if asks_else { None } else { draft.said.wanted.refused };
        if let Some(ask) = &mut ask {
            ask.refused = if then.is_some() { before } else { wanted.refused };
        }
        if let Some(Some(then)) = &mut then {
            then.refused = wanted.refused;
        }
        (ask, then)
    }

    fn step(&mut self, step: &Step<'t>, names: &mut Names<'_>, scene: &Scene<'_, 't>, several: &mut Vec<Span>) -> Done {
        names.step(step, scene, self.report);
        let wanted = step.refused.and_then(|node| refused(node, Some(step), self.report));
        if let (Some(Refused::Codes(codes) | Refused::AtClient(codes)), Some(node)) = (&wanted, step.refused)
            && codes.len() > 1
        {
            several.push(node.at.clone());
        }
        let Manner { times, at_once, succeed, within, edits, beside } = &step.manner;
        let beside = beside.as_ref().map(|other| Box::new(self.step(other, names, scene, several)));
        if let (Some(all), Some(some), None) = (at_once, succeed, step.refused)
            && some.is < all.is
        {
            let slip = Slip::new(format!("of {} at once {} succeed, and nothing is said of the others", all.is, some.is));
            self.report.add(all.at, slip.instead("`refused` says what they are told"));
        }
        let mut fields: BTreeMap<String, Value> = step.fields.iter().map(|entry| (entry.key.clone(), entry.node.json())).collect();
        if let Some(value) = step.value {
            fields.insert("value".to_owned(), value.json());
        }
        Done {
            line: self.report.line(&step.at),
            verb: step.verb.verb,
            fields,
            save: step.save.map(|word| word.text.to_owned()),
            refused: wanted,
            times: times.map(Node::json),
            at_once: at_once.map(|number| number.is),
            succeed: succeed.map(|number| number.is),
            within: within.and_then(Node::text).map(str::to_owned),
            edits: Edits {
                set: edits.set.iter().map(|(path, _, node)| (path.clone(), node.json())).collect(),
                drop: edits.drop.iter().map(|word| word.text.to_owned()).collect(),
                repeat: edits.repeat.iter().map(|(path, _, node)| (path.clone(), node.json())).collect(),
            },
            beside,
        }
    }

    /// What is saved has a name of its own; the names that do not are returned.
    fn saved(&mut self, walk: &[&Step<'t>]) -> Vec<&'t str> {
        let mut before: Vec<Word<'t>> = Vec::new();
        let mut twice = Vec::new();
        for word in walk.iter().filter_map(|step| step.save) {
            let first = before.iter().find(|earlier| earlier.text == word.text).map(|earlier| self.report.line(earlier.at));
            if let Some(line) = first {
                self.report.add(word.at, Slip::new(format!("`{}` is saved twice: in line {line} already", word.text)));
                twice.push(word.text);
            }
            let good = word.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && is_id(word.text);
            if ROOTS.contains(&word.text) || word.text == "now" {
                self.report.add(word.at, Slip::new(format!("`{}` means something else in a reference", word.text)));
            } else if !good {
                let slip = Slip::new(format!("no reference could name `{}`", word.text));
                self.report.add(word.at, slip.instead("letters, digits, `-` and `_`, a letter first"));
            }
            before.push(word);
        }
        twice
    }

    /// Needs of file, question and row, and what is implied. A feature is added in silence; a power has to be there to be seen.
    fn needs(&mut self, said: &Choice<'_, 't>, names: &Names<'_>) -> Vec<String> {
        let mut needs: Vec<String> = Vec::new();
        let mut add = |need: &str| {
            if !needs.iter().any(|known| known == need) {
                needs.push(need.to_owned());
            }
        };
        said.needs().for_each(|word| add(word.text));
        if self.draft.provider.is_some() {
            add("configurable");
        }
        let mut implied: Vec<(String, &Span)> = names.implied.iter().map(|(need, at)| ((*need).to_owned(), at)).collect();
        implied.extend(names.acts.iter().map(|(act, at)| (format!("admin.{act}"), at)));
        implied.sort_by_key(|(_, at)| at.start);
        for (need, at) in implied {
            if word::is_power(&need) && !said.needs().any(|word| word.text == need) {
                let slip = Slip::new(format!("this takes the power `{need}`, which `needs` lacks"));
                self.report.add(at, slip.instead(format!("write `needs = [\"{need}\"]`, beside what is there")));
            }
            add(&need);
        }
        needs
    }
}

/// Who has the say: the row, the default, the question or the file.
struct Choice<'c, 't> {
    file: &'c Draft<'t>,
    row: Option<&'c Row<'t>>,
}

impl<'c, 't> Choice<'c, 't> {
    /// The row and the default, or the question.
    fn own(&self) -> impl Iterator<Item = &'c Said<'t>> {
        let (row, file) = (self.row, self.file);
        let question = row.is_none().then_some(&file.said);
        row.map(|row| &row.said).into_iter().chain(row.map(|_| &file.default)).chain(question)
    }

    fn cites(&self) -> Vec<String> {
        let own = self.own().find_map(|said| said.cites.as_ref());
        texts(own.unwrap_or(&self.file.cites))
    }

    /// Room goes with the expectations that it is for.
    fn room(&self) -> Vec<String> {
        let inherited = self.row.is_some_and(|row| row.said.wanted.is_empty()) && self.file.default.wanted.is_empty();
        let question = inherited.then_some(&self.file.said);
        let own = self.own().chain(question).find_map(|said| said.room.as_ref());
        own.or(self.file.room.as_ref()).map(|words| texts(words)).unwrap_or_default()
    }

    fn broken_by(&self) -> Vec<String> {
        self.proof().and_then(|said| said.broken_by.as_ref()).map(|words| texts(words)).unwrap_or_default()
    }

    fn unbreakable(&self) -> Option<String> {
        self.proof().and_then(|said| said.unbreakable).map(|word| word.text.to_owned())
    }

    /// The first who says how the check is proven, in one way or the other.
    fn proof(&self) -> Option<&'c Said<'t>> {
        self.own().find(|said| said.broken_by.is_some() || said.unbreakable.is_some())
    }

    fn control(&self) -> &'c [Word<'t>] {
        self.own().map(|said| said.control.as_slice()).find(|words| !words.is_empty()).unwrap_or(&[])
    }

    /// Of the file, the question (which has to be asked before a row is), the default and the row.
    fn needs(&self) -> impl Iterator<Item = &'c Word<'t>> {
        let default = self.row.map(|_| &self.file.default.needs);
        self.file
            .needs
            .iter()
            .chain(&self.file.said.needs)
            .chain(default.into_iter().flatten())
            .chain(self.row.into_iter().flat_map(|row| &row.said.needs))
    }
}

fn texts(words: &[Word<'_>]) -> Vec<String> {
    words.iter().map(|word| word.text.to_owned()).collect()
}
