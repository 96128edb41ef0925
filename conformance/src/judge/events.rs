//! The event log: exactly these events, in this order, among those whose type begins so.

use serde_json::{Value, json};

use super::evidence::{Evidence, shown};
use super::verdict::Finding;
use super::wanted::{Wanted, at_time};
use crate::scenario::{EventExpected, Expected};
use crate::transcript::{LogEvent, view};

/// Holds the log against what is wanted of it; nothing if the check does not ask for events.
pub fn findings(wanted: &Wanted, evidence: &Evidence) -> Vec<Finding> {
    let log = evidence.log.as_deref().unwrap_or_default();
    let mut findings = Vec::new();
    for (prefix, events) in &wanted.events {
        let among: Vec<&LogEvent> = log.iter().filter(|e| e.r#type.starts_with(prefix.as_str())).collect();
        let mut judge = Judge { wanted, evidence, prefix, findings: &mut findings };
        judge.all(events, &among);
    }
    findings
}

struct Judge<'a> {
    wanted: &'a Wanted,
    evidence: &'a Evidence,
    prefix: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Judge<'_> {
    fn all(&mut self, events: &[EventExpected], among: &[&LogEvent]) {
        let mut next = 0;
        for event in events {
            let count = size(event);
            let here = among.get(next..(next + count).min(among.len())).unwrap_or_default();
            match event {
                EventExpected::One { r#type, also } => self.one(next, r#type, also, here.first().copied()),
                EventExpected::AnyOrder(any) => self.any_order(next, any, here),
            }
            next += count;
        }
        if let Some(extra) = among.get(next) {
            let wanted = format!("{next} events whose type begins with `{}`", self.prefix);
            self.add(format!("events.{}", self.prefix), wanted, format!("{}, the first beyond them `{}`", among.len(), extra.r#type));
        }
    }

    fn one(&mut self, index: usize, rest: &str, also: &[Expected], event: Option<&LogEvent>) {
        let place = format!("events.{}[{index}]", self.prefix);
        let name = format!("`{}{rest}`", self.prefix);
        let Some(event) = event else { return self.add(place, name, "no more events".into()) };
        if event.r#type.strip_prefix(self.prefix) != Some(rest) {
            return self.add(place, name, format!("`{}`", event.r#type));
        }
        for line in also {
            let got = view::at(&tree(event), &line.path);
            if !self.holds(line, event) {
                self.add(format!("{place}.{}", line.place()), line.matcher.words(), shown(got.as_ref()));
            }
        }
    }

    /// Each event of the group takes the first expected one that is left and fits.
    fn any_order(&mut self, first: usize, any: &[EventExpected], here: &[&LogEvent]) {
        let mut left: Vec<(usize, &str, &[Expected])> = Vec::new();
        for event in any {
            flat(event, &mut left);
        }
        let mut strangers = Vec::new();
        for event in here {
            let fits = |(_, rest, also): &(usize, &str, &[Expected])| {
                event.r#type.strip_prefix(self.prefix) == Some(*rest) && also.iter().all(|line| self.holds(line, event))
            };
            match left.iter().position(fits) {
                Some(found) => drop(left.remove(found)),
                None => strangers.push(*event),
            }
        }
        for (offset, rest, also) in left {
            let place = format!("events.{}[{}]", self.prefix, first + offset);
            let near = strangers.iter().position(|e| e.r#type.strip_prefix(self.prefix) == Some(rest));
            match near {
                // The event is there and a member of it is not as wanted.
                Some(near) => {
                    let event = strangers.remove(near);
                    for line in also.iter().filter(|line| !self.holds(line, event)).collect::<Vec<_>>() {
                        let got = view::at(&tree(event), &line.path);
                        self.add(format!("{place}.{}", line.place()), line.matcher.words(), shown(got.as_ref()));
                    }
                }
                None => {
                    let got = strangers.first().map_or_else(|| "no more events".into(), |e| format!("`{}`", e.r#type));
                    self.add(place, format!("`{}{rest}` among the {} in any order", self.prefix, size_of(any)), got);
                }
            }
        }
    }

    fn holds(&self, line: &Expected, event: &LogEvent) -> bool {
        let (from, to) = self.evidence.reply().map_or((0, 0), |r| (r.sent, r.answered));
        at_time(&line.matcher, from - self.wanted.skew, to + self.wanted.skew).fits(view::at(&tree(event), &line.path).as_ref())
    }

    fn add(&mut self, place: String, wanted: String, got: String) {
        self.findings.push(Finding { check: self.wanted.check.clone(), place, wanted, got, exchange: None, delivery: None });
    }
}

fn tree(event: &LogEvent) -> Value {
    json!({ "position": event.position, "type": event.r#type, "aggregate": event.aggregate, "at": event.at, "payload": event.payload })
}

fn size(event: &EventExpected) -> usize {
    match event {
        EventExpected::One { .. } => 1,
        EventExpected::AnyOrder(any) => size_of(any),
    }
}

fn size_of(events: &[EventExpected]) -> usize {
    events.iter().map(size).sum()
}

fn flat<'a>(event: &'a EventExpected, into: &mut Vec<(usize, &'a str, &'a [Expected])>) {
    match event {
        EventExpected::One { r#type, also } => into.push((into.len(), r#type, also)),
        EventExpected::AnyOrder(any) => any.iter().for_each(|e| flat(e, into)),
    }
}
