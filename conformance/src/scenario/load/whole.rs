//! The third pass: what the checks of all files mean to each other. Controls, and that none of them is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::draft::Draft;
use super::rows::Loaded;
use super::scope::{sole, whole as whole_reply};
use crate::scenario::{Check, Expected, Matcher, Step, Tellings, Verb};
use crate::toml_file::{Report, Slip};

/// The ids that exist, also those of files that could not be read to the end.
#[derive(Default)]
pub(super) struct Ids {
    known: BTreeSet<String>,
    unreadable: BTreeSet<String>,
}

impl Ids {
    /// Takes down the ids of a file.
    pub fn add(&mut self, path: &str, draft: Option<&Draft<'_>>) {
        let id = path.strip_suffix(".toml").unwrap_or(path);
        match draft {
            None => drop(self.unreadable.insert(id.to_owned())),
            Some(draft) => {
                self.known.insert(id.to_owned());
                self.known.extend(draft.rows.iter().map(|row| format!("{id}#{}", row.name)));
            }
        }
    }

    fn has(&self, id: &str) -> bool {
        let file = id.split('#').next().unwrap_or(id);
        self.known.contains(id) || self.unreadable.contains(file)
    }
}

/// Gives every check its controls, and refuses those that lack one.
pub(super) fn connect(mut loaded: Vec<(usize, Loaded)>, ids: &Ids, reports: &mut [Report<'_>]) -> Vec<Check> {
    for (index, item) in &loaded {
        for (id, at) in &item.named {
            if *id == item.check.id {
                reports[*index].add(at, Slip::new("a check cannot be its own control"));
            } else if !ids.has(id) {
                reports[*index].add(at, Slip::unknown("check", id, ids.known.iter().map(String::as_str)));
            }
        }
    }
    let controls: Vec<Vec<String>> = loaded.iter().map(|(_, item)| controls(item, &loaded)).collect();
    for ((_, item), control) in loaded.iter_mut().zip(controls) {
        item.check.control = control;
    }
    let by_id: BTreeMap<&str, &Check> = loaded.iter().map(|(_, item)| (item.check.id.as_str(), &item.check)).collect();
    let unsound: BTreeSet<&str> =
        loaded.iter().map(|(_, item)| item).filter(|item| !item.sound).map(|item| item.check.id.as_str()).collect();
    for (index, item) in &loaded {
        named_controls(item, &by_id, &mut reports[*index]);
        // What the expectations, or those of the question, are, is not quite known.
        let base = item.check.base.as_deref();
        if !unsound.contains(item.check.id.as_str()) && base.is_none_or(|base| !unsound.contains(base)) {
            missing_controls(item, &by_id, ids, &mut reports[*index]);
        }
    }
    loaded.into_iter().map(|(_, item)| item.check).collect()
}

/// The checks that have to be green: the question of a row, if that is something that works, and those that are named.
fn controls(item: &Loaded, all: &[(usize, Loaded)]) -> Vec<String> {
    let check = &item.check;
    let base = check.base.as_ref().and_then(|id| all.iter().map(|(_, other)| other).find(|other| other.check.id == *id));
    let names = |item: &Loaded| item.named.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
    match base {
        Some(base) if !is_negative(&base.check) => {
            let named = names(item).into_iter().filter(|id| *id != base.check.id);
            std::iter::once(base.check.id.clone()).chain(named).collect()
        }
        Some(base) if item.named.is_empty() && is_negative(check) => names(base),
        _ => names(item),
    }
}

fn named_controls(item: &Loaded, by_id: &BTreeMap<&str, &Check>, report: &mut Report<'_>) {
    let check = &item.check;
    for (id, at) in item.named.iter().filter(|(id, _)| *id != check.id) {
        if by_id.get(id.as_str()).is_some_and(|control| is_negative(control)) {
            let slip = Slip::new(format!("`{id}` is itself a refusal or an absence, and no control"));
            report.add(at, slip.instead("name a check that shows the thing at work"));
        }
        if leads_back(id, &check.id, by_id) {
            report.add(at, Slip::new(format!("`{id}` has this very check among its own controls")));
        }
    }
}

fn missing_controls(item: &Loaded, by_id: &BTreeMap<&str, &Check>, ids: &Ids, report: &mut Report<'_>) {
    let check = &item.check;
    let controls: Vec<&Check> = check.control.iter().filter_map(|id| by_id.get(id.as_str()).copied()).collect();
    // A control in a file that has errors of its own is not missing.
    if controls.len() < check.control.iter().filter(|id| ids.has(id)).count() {
        return;
    }
    // Where the question lacks its control, or could not be read, its rows are not to blame.
    let base = check.base.as_deref().map(|id| by_id.get(id));
    if base.is_some_and(|base| base.is_none_or(|base| is_negative(base) && base.control.is_empty())) {
        return;
    }
    if is_negative(check) && controls.is_empty() {
        let what = if is_refusal(check) { "a refusal" } else { "an absence" };
        let slip = Slip::new(format!("{what} proves nothing alone, and no `control` is named"));
        report.add(&item.at, slip.instead("`control = \"ID\"` names the check that has to be green"));
    } else if tells_nobody(check) && !controls.iter().any(|control| tells_somebody(control)) {
        let slip = Slip::new("nobody is told here, and no control shows a telling at work");
        report.add(&item.at, slip.instead("`control = \"ID\"` names a check whose `deliveries` name somebody"));
    } else if let Some(asker) = says_inactive(check)
        && !controls.iter().any(|control| says_active(control, asker.as_deref()))
    {
        let whom = asker.as_deref().unwrap_or("the asker");
        let slip = Slip::new(format!("a stranger is told `active = false` of any token, and no control shows that `{whom}` is told true"));
        report.add(&item.at, slip.instead("`control = \"ID\"` names a check in which it introspects and expects `json.active = true`"));
    }
}

fn leads_back(from: &str, to: &str, by_id: &BTreeMap<&str, &Check>) -> bool {
    let (mut open, mut seen) = (vec![from], BTreeSet::new());
    while let Some(id) = open.pop() {
        if let Some(check) = by_id.get(id).filter(|_| seen.insert(id)) {
            if check.control.iter().any(|control| control == to) {
                return true;
            }
            open.extend(check.control.iter().map(String::as_str));
        }
    }
    false
}

/// The step whose reply the expectations are about.
fn judged(check: &Check) -> &Step {
    check.then.as_ref().unwrap_or(&check.ask)
}

/// A provider that refuses everything, or does nothing, would pass.
fn is_negative(check: &Check) -> bool {
    let expect = &check.expect;
    let all = expect.reply.iter().all(absent)
        && expect.deliveries.as_ref().is_none_or(|_| !tells_somebody(check))
        && expect.events.values().all(Vec::is_empty);
    is_refusal(check) || (check.expect.refused.is_none() && all)
}

fn is_refusal(check: &Check) -> bool {
    // Of eight at once one succeeds: that is something.
    check.expect.refused.is_some() && judged(check).succeed.unwrap_or(0) == 0
}

/// A line that a refusal, or silence, fulfils.
fn absent(line: &Expected) -> bool {
    let path: Vec<&str> = line.path.iter().map(String::as_str).collect();
    let every = |test: fn(&Value) -> bool| match &line.matcher {
        Matcher::Equal(value) | Matcher::Is(value) => test(value),
        Matcher::OneOf(values) => values.iter().all(test),
        Matcher::Between(low, _) => test(low),
        _ => false,
    };
    match path.as_slice() {
        _ if line.matcher == Matcher::Absent => true,
        ["status"] => every(|value| value.as_u64().is_some_and(|status| status >= 400)),
        ["landed"] => every(|value| value == "error"),
        ["json" | "callback", "error" | "error_description"] => true,
        ["json", "active"] => every(|value| *value == json!(false)),
        ["json"] => line.matcher == Matcher::Is(json!({ "active": false })),
        _ => false,
    }
}

fn tells_somebody(check: &Check) -> bool {
    check.expect.deliveries.as_ref().is_some_and(|ledger| {
        ledger.values().any(|tellings| match tellings {
            Tellings::List(list) => !list.is_empty(),
            Tellings::Reference(text) => !placeholder(text, check).is_some_and(|value| value.as_array().is_some_and(Vec::is_empty)),
        })
    })
}

fn tells_nobody(check: &Check) -> bool {
    check.expect.deliveries.is_some() && !tells_somebody(check)
}

/// The asker who is told `active = false`, if that is what the check is about.
fn says_inactive(check: &Check) -> Option<Option<String>> {
    let asks = judged(check).verb == Verb::Introspect;
    let inactive =
        |line: &Expected| line.path.first().is_some_and(|root| root == "json") && line.matcher != Matcher::Absent && absent(line);
    let active = |line: &Expected| line.path == ["json", "active"] || line.path == ["json"];
    (asks && check.expect.reply.iter().any(|line| active(line) && inactive(line))).then(|| asker(judged(check), check))
}

fn says_active(check: &Check, whom: Option<&str>) -> bool {
    let active = |line: &Expected| line.path == ["json", "active"] && line.matcher == Matcher::Equal(json!(true));
    let step = judged(check);
    step.verb == Verb::Introspect && check.expect.reply.iter().any(active) && asker(step, check).as_deref() == whom
}

/// The client that a step is done by, as far as the file says.
fn asker(step: &Step, check: &Check) -> Option<String> {
    let mut step = step;
    // Each `of` leads to an earlier step; in a file that is wrong it may lead in a circle.
    for _ in 0..=check.walk.len() + 1 {
        let text = |name: &str| step.fields.get(name).and_then(Value::as_str);
        if let Some(client) = text("client") {
            return placeholder(client, check).map_or(Some(client.to_owned()), |value| value.as_str().map(str::to_owned));
        }
        let name = whole_reply(text("of")?)?;
        step = if name == "asked" { &check.ask } else { check.steps().find(|step| step.save.as_deref() == Some(name))? };
    }
    None
}

/// The value of a text that is one placeholder and nothing else.
fn placeholder<'c>(text: &str, check: &'c Check) -> Option<&'c Value> {
    check.with.get(sole(text)?.strip_prefix("with.")?)
}
