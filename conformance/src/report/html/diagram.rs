//! The sequence diagram of a walk, as SVG: browsers, relying parties, the provider, and who told whom what.

use std::fmt::Write as _;

use serde_json::Value;

use super::exchanges::{cut, members, path, plain, status};
use super::{attribute, escaped};
use crate::transcript::Transcript;
use crate::transcript::names::{deliveries_of, exchanges_of, source};

/// Distance of two lanes.
const LANE: usize = 200;
/// Where the first lane stands.
const FIRST: usize = 90;
/// Height of a row.
const ROW: usize = 24;
/// How many characters stand on an arrow.
const LABEL: usize = 26;

/// Something that is drawn: where it is drawn is said by whoever uses it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// A request, an answer or a message, from lane to lane.
    Arrow {
        /// The look: `q` a request, `a` an answer, `t` a delivery, `bad` nothing came.
        class: &'static str,
        /// Lanes, from 0.
        from: usize,
        /// See `from`.
        to: usize,
        /// What is written on it.
        label: String,
    },
    /// The line before the messages of a step.
    Step {
        /// What is done.
        label: String,
        /// Whether it is the question.
        question: bool,
    },
    /// The name of a lane.
    Head {
        /// From 0.
        lane: usize,
        /// Who it is.
        label: String,
    },
}

/// The rows of a picture.
#[derive(Debug)]
pub struct Diagram {
    /// From the top, in pixels.
    pub marks: Vec<(usize, Mark)>,
    lanes: usize,
    height: usize,
    says: String,
}

impl Mark {
    /// Drawn at the origin.
    pub fn svg(&self) -> String {
        match self {
            Self::Arrow { class, from, to, label } => {
                let (a, b) = (x(*from), x(*to));
                let back = if b > a { b - 7 } else { b + 7 };
                format!(
                    "<path class={class} d=\"M{a} 18H{b}\"/><path class=h d=\"M{back} 14L{b} 18L{back} 22\"/><text x={} y=13>{}</text>",
                    a.midpoint(b),
                    escaped(label)
                )
            }
            Self::Step { label, question } => {
                format!("<text class={} x=4 y=18>{}</text>", if *question { "ask" } else { "step" }, escaped(label))
            }
            Self::Head { lane, label } => format!("<text class=who x={} y=16>{}</text>", x(*lane), escaped(label)),
        }
    }
}

impl Diagram {
    /// The picture, made of marks that stand elsewhere under their numbers.
    pub fn svg(&self, number: &dyn Fn(&Mark) -> usize) -> String {
        if self.lanes == 0 {
            return String::new();
        }
        let (width, height) = (x(self.lanes - 1) + FIRST, self.height);
        let mut svg = format!(
            "<div class=seq tabindex=0><svg role=img aria-label=\"{}\" width={width} height={height} viewBox=\"0 0 {width} {height}\"><path class=l d=\"",
            attribute(&self.says)
        );
        for lane in 0..self.lanes {
            let _ = write!(svg, "M{} 24V{height}", x(lane));
        }
        svg.push_str("\"/>");
        for (y, mark) in &self.marks {
            let _ = write!(svg, "<use href=#m{} y={y} />", number(mark));
        }
        svg.push_str("</svg></div>");
        svg
    }
}

/// Draws a walk. `form` is its normal form, in which the messages stand in the order of the transcript.
pub fn diagram(t: &Transcript, form: &Value) -> Diagram {
    let mut draw = Draw { lanes: Lanes::of(form), rows: Vec::new(), said: Vec::new() };
    for (index, step) in members(&form["steps"]).enumerate() {
        let exchanges: Vec<_> = exchanges_of(t, index).into_iter().zip(members(&step["exchanges"])).collect();
        let mut open: Vec<_> = deliveries_of(t, index).into_iter().zip(members(&step["deliveries"])).collect();
        let at_once = source(t, index).is_some_and(|s| s.at_once.is_some() || s.beside.is_some());
        if exchanges.is_empty() && open.is_empty() && step["verb"] != "advance" {
            continue;
        }
        draw.step(step);
        for (exchange, shown) in exchanges {
            draw.request(shown);
            if !at_once {
                // A client that was told before the answer came stands before the answer.
                let during = |seq: u64| seq > exchange.sent_seq && seq < exchange.answered_seq;
                let (inside, later): (Vec<_>, Vec<_>) = open.into_iter().partition(|(d, _)| during(d.came_seq));
                inside.iter().for_each(|(_, d)| draw.delivery(d));
                open = later;
            }
            draw.answer(shown);
        }
        open.iter().for_each(|(_, d)| draw.delivery(d));
        for reply in members(&step["replies"]).filter(|r| !r["callback"].is_null()) {
            draw.callback(step, reply);
        }
    }
    draw.finish()
}

/// Who takes part: browsers to the left of the provider, clients to its right.
struct Lanes(Vec<String>);

const PROVIDER: &str = "provider";

impl Lanes {
    fn of(form: &Value) -> Self {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let add = |list: &mut Vec<String>, who: String| {
            if !list.contains(&who) {
                list.push(who);
            }
        };
        for step in members(&form["steps"]) {
            for e in members(&step["exchanges"]) {
                match e["browser"].as_str() {
                    Some(_) => add(&mut left, asker(e)),
                    None => add(&mut right, asker(e)),
                }
            }
            members(&step["deliveries"]).for_each(|d| add(&mut right, client(&d["client"])));
            for reply in members(&step["replies"]).filter(|r| !r["callback"].is_null()) {
                add(&mut right, client(&reply["callback"]["client"]));
            }
        }
        if left.is_empty() && right.is_empty() {
            return Self(Vec::new());
        }
        left.push(PROVIDER.into());
        left.append(&mut right);
        Self(left)
    }

    fn place(&self, who: &str) -> usize {
        self.0.iter().position(|lane| lane == who).unwrap_or(0)
    }
}

/// Who sends a request: a browser, a client, or somebody who manages the provider.
fn asker(e: &Value) -> String {
    match (e["browser"].as_str(), e["client"].as_str()) {
        (Some("first"), _) => "browser".into(),
        (Some(browser), _) => format!("{browser} browser"),
        (None, Some(client)) => client.to_owned(),
        (None, None) if e["endpoint"] == "management" => "operator".into(),
        (None, None) => "anybody".into(),
    }
}

fn client(name: &Value) -> String {
    name.as_str().unwrap_or("nobody's address").to_owned()
}

struct Draw {
    lanes: Lanes,
    rows: Vec<Mark>,
    said: Vec<String>,
}

impl Draw {
    fn step(&mut self, step: &Value) {
        let fields: Vec<_> = step["fields"].as_object().into_iter().flatten().map(|(k, v)| format!("{k}={}", plain(v))).collect();
        let question = step["place"] != "walk";
        let label = cut(&format!("{} {}", plain(&step["verb"]), fields.join(" ")), 52);
        self.rows.push(Mark::Step { label, question });
    }

    fn arrow(&mut self, class: &'static str, from: &str, to: &str, label: &str) {
        let (from, to) = (self.lanes.place(from), self.lanes.place(to));
        self.rows.push(Mark::Arrow { class, from, to, label: cut(label, LABEL * from.abs_diff(to).max(1)) });
    }

    fn request(&mut self, e: &Value) {
        let label = format!("{} {}", plain(&e["request"]["method"]), path(&plain(&e["request"]["url"])));
        self.said.push(format!("{label} {}", status(&e["answer"])));
        self.arrow("q", &asker(e), PROVIDER, &label);
    }

    fn answer(&mut self, e: &Value) {
        let error = e["answer"]["json"]["error"].as_str().map(|error| format!(" {error}")).unwrap_or_default();
        let class = if e["answer"]["status"].is_null() { "bad" } else { "a" };
        self.arrow(class, PROVIDER, &asker(e), &format!("{}{error}", status(&e["answer"])));
    }

    fn delivery(&mut self, d: &Value) {
        let who = client(&d["client"]);
        let what = members(&d["request"]["form"]).next().map_or("a message".to_owned(), |p| plain(&p[0]));
        self.said.push(format!("{who} is told"));
        self.arrow("t", PROVIDER, &who, &format!("{what}, answered {}", plain(&d["answered"])));
    }

    fn callback(&mut self, step: &Value, reply: &Value) {
        let who = client(&reply["callback"]["client"]);
        let browser = members(&step["exchanges"]).rev().find(|e| e["browser"].is_string()).map_or("browser".to_owned(), asker);
        let names: Vec<_> = members(&reply["callback"]["params"]).map(|p| plain(&p[0])).collect();
        self.said.push(format!("the browser comes back to {who}"));
        self.arrow("q", &browser, &who, &format!("comes back with {}", names.join(", ")));
    }

    fn finish(self) -> Diagram {
        let heads = self.lanes.0.iter().enumerate().map(|(lane, label)| (0, Mark::Head { lane, label: cut(label, 20) }));
        let mut marks: Vec<_> = heads.collect();
        marks.extend(self.rows.into_iter().enumerate().map(|(row, mark)| (28 + ROW * row, mark)));
        let height = marks.last().map_or(0, |(y, _)| y + ROW + 8);
        Diagram { marks, lanes: self.lanes.0.len(), height, says: cut(&self.said.join(", "), 300) }
    }
}

fn x(lane: usize) -> usize {
    FIRST + LANE * lane
}
