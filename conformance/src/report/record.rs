//! The record of a run: one JSON value from which every other view is made.
//!
//! `reports/README.md` explains it to readers of the file. It holds no secret (they go by name, `⟨alice.access_token⟩`), and two
//! runs of the same suite with the same seed differ under the key `timing` alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::excerpt::{self, Excerpt};
use super::exit::{INTERRUPTED, exit};
use crate::baseline::{Against, Baseline, Ids, Standing, compare};
use crate::judge::verdict::{Finding, Record, Skip, Verdict, Word};
use crate::requirement::{self, Level, Requirements, Role, Strength};
use crate::scenario::Check;
use crate::transcript::Transcript;
use crate::transcript::names::Names;

/// The version of the form. It goes up when a member changes its meaning or goes away; new members do not count.
pub const FORMAT: u32 = 1;

/// How many witnesses of one verdict are shown. All are counted.
pub const WITNESSES: usize = 5;

/// Everything that a run has to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`] of the writer.
    pub format: u32,
    /// Version of Touchstone.
    pub touchstone: String,
    /// Who was asked.
    pub target: Target,
    /// What was asked for.
    pub run: Run,
    /// One for each check that was selected, in the order of their ids.
    pub checks: Vec<Entry>,
    /// One for each rule, in the order of their ids.
    pub rules: Vec<Entry>,
    /// How many of each.
    pub counts: Counts,
    /// How the run stands to its baseline, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Against>,
    /// How the process ends.
    pub exit: Exit,
    /// Figures of the clock on the wall, and nothing else.
    pub timing: Timing,
}

/// Who was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `embedded`, or the name in the target file.
    pub name: String,
    /// Its primary issuer.
    pub issuer: String,
    /// True where the clock is the harness's own.
    pub virtual_time: bool,
    /// What has to be said of it beside the verdicts: what it is said to lack and announces, what the harness had to leave away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// From which every fresh name of the run is derived.
    pub seed: u64,
    /// Prefixes of `--only`; empty for the whole suite.
    pub only: Vec<String>,
    /// `--strict`: a broken SHOULD counts like a broken MUST.
    pub strict: bool,
    /// `--slow`: `advance` waits where time is real.
    pub slow: bool,
    /// The defect that was on the wire, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect: Option<String>,
    /// Checks that were selected and not reached, because the run was interrupted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_reached: usize,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// What is said of one check or one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// `code/pkce-at-the-token-endpoint#plain`, or the name of a rule.
    pub id: String,
    /// The word.
    pub verdict: Word,
    /// The sentence that it asks.
    pub asks: String,
    /// The scenario file and the line in it; not for rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// See `file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What it cites.
    pub requirements: Vec<Requirement>,
    /// What was wanted at the first place that did not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// What was there instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
    /// The first [`WITNESSES`] of what did not fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<Witness>,
    /// How many there are in all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub witnesses_in_all: usize,
    /// How many things a rule looked at.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub looked_at: usize,
    /// Why it is blocked, skipped or idle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Which kind of skip it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<Skip>,
    /// How it stands to the baseline, where there is one and it has something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Standing>,
}

impl Entry {
    /// Whether it is as the baseline knows it, and so does not count.
    pub fn is_known(&self) -> bool {
        matches!(self.baseline, Some(Standing::Known { .. }))
    }
}

/// A requirement as the record cites it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// `rfc7636-4.6-mismatch-invalid-grant`
    pub id: String,
    /// `RFC 7636`
    pub document: String,
    /// `4.6`
    pub section: String,
    /// The keyword of RFC 2119.
    pub level: Level,
    /// The level is our reading and not the text's own keyword.
    pub implied: bool,
    /// The statement in our words.
    pub text: String,
}

impl Requirement {
    fn of(r: &requirement::Requirement) -> Self {
        Self {
            id: r.id.clone(),
            document: r.document.short.clone(),
            section: r.section.clone(),
            level: r.level,
            implied: r.implied,
            text: r.text.clone(),
        }
    }

    /// `RFC 7636 §4.6, MUST` and, where the level is implied, `(our reading)`.
    pub fn clause(&self) -> String {
        let reading = if self.implied { " (our reading)" } else { "" };
        format!("{} §{}, {}{reading}", self.document, self.section, self.level)
    }
}

/// One thing that is not as it has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// The check in whose walk it was seen.
    pub check: String,
    /// `json.token_type`, `refused`, `deliveries.web[0].answered`; for a rule the thing it looked at.
    pub place: String,
    /// In words.
    pub wanted: String,
    /// In words.
    pub got: String,
    /// The way there and the bytes.
    #[serde(flatten)]
    pub excerpt: Excerpt,
}

/// How many of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the words of the verdicts")]
pub struct Counts {
    /// Checks in all.
    pub checks: usize,
    pub pass: usize,
    pub fail: usize,
    pub warn: usize,
    pub blocked: usize,
    pub skip: usize,
    /// Of `skip`: the target lacks the feature.
    pub lacking: usize,
    /// Of `skip`: the harness lacks a power over the target.
    pub harness: usize,
    /// Rules in all.
    pub rules: usize,
    pub rules_fail: usize,
    pub rules_warn: usize,
    pub idle: usize,
    /// MUST and MUST NOT of providers that a check or a rule really asked.
    pub musts_asked: usize,
    /// MUST and MUST NOT of providers that can be asked at all.
    pub musts: usize,
}

/// How the process ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// 0 conforms, 1 does not, 2 nothing was asked, 130 interrupted.
    pub code: u8,
    /// In words.
    pub reason: String,
}

/// Figures of the clock on the wall.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// From the start of the process to the last verdict.
    pub seconds: f64,
    /// How many checks ran side by side.
    pub jobs: usize,
    /// For how many milliseconds of real time each check went on watching that nothing more came; where the target says itself
    /// that it is settled, there is no entry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub watched: BTreeMap<String, u64>,
}

/// What a report is made of.
pub struct Input<'a> {
    /// What was asked for.
    pub run: Run,
    /// Who was asked.
    pub target: Target,
    /// Verdicts on checks.
    pub checks: &'a [Verdict],
    /// Verdicts on rules.
    pub rules: &'a [Verdict],
    /// The suite.
    pub catalogue: &'a [Check],
    /// What the drive has recorded.
    pub records: &'a [Record],
    /// What can be cited.
    pub requirements: &'a Requirements,
    /// Print secrets as they are.
    pub show_secrets: bool,
    /// The run was interrupted.
    pub interrupted: bool,
    /// Wall-clock figures; `watched` is filled in here.
    pub timing: Timing,
}

impl Report {
    /// Makes the record.
    pub fn new(input: Input<'_>) -> Self {
        let builder = Builder::new(&input);
        let mut checks: Vec<_> = input.checks.iter().map(|v| builder.entry(v)).collect();
        let mut rules: Vec<_> = input.rules.iter().map(|v| builder.entry(v)).collect();
        checks.sort_by(|a, b| a.id.cmp(&b.id));
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        let counts = counts(&checks, &rules, &musts(input.requirements));
        let watched = input.checks.iter().filter(|v| v.watched > 0).map(|v| (v.id.clone(), v.watched)).collect();
        let mut report = Self {
            format: FORMAT,
            touchstone: env!("CARGO_PKG_VERSION").into(),
            target: input.target,
            run: input.run,
            checks,
            rules,
            counts,
            baseline: None,
            exit: Exit { code: 0, reason: String::new() },
            timing: Timing { watched, ..input.timing },
        };
        report.exit = exit(&report, input.interrupted);
        report
    }

    /// Says of each entry how it stands to a baseline, and how the process ends by that.
    pub fn hold_against(&mut self, baseline: &Baseline, ids: &Ids<'_>) {
        let (mut standing, against) = compare(self, baseline, ids);
        for entry in self.checks.iter_mut().chain(&mut self.rules) {
            entry.baseline = standing.remove(&entry.id);
        }
        self.baseline = Some(against);
        self.exit = exit(self, self.exit.code == INTERRUPTED);
    }

    /// The file, with a line break at its end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Checks, then rules.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.checks.iter().chain(&self.rules)
    }
}

struct Builder<'a> {
    input: &'a Input<'a>,
    checks: BTreeMap<&'a str, &'a Check>,
    walks: BTreeMap<&'a str, &'a Transcript>,
}

impl<'a> Builder<'a> {
    fn new(input: &'a Input<'a>) -> Self {
        let walks = input.records.iter().filter_map(|record| match record {
            Record::Walked(t) => Some((t.check.id.as_str(), t)),
            Record::Skipped { .. } => None,
        });
        Self { input, checks: input.catalogue.iter().map(|c| (c.id.as_str(), c)).collect(), walks: walks.collect() }
    }

    fn entry(&self, v: &Verdict) -> Entry {
        let check = self.checks.get(v.id.as_str());
        let names = self.names(v);
        let witnesses: Vec<_> = v.findings.iter().take(WITNESSES).map(|f| self.witness(f, &names)).collect();
        Entry {
            id: v.id.clone(),
            verdict: v.word,
            asks: v.asks.clone(),
            file: check.map(|c| c.file.clone()),
            line: check.map(|c| c.line),
            // The loader refuses a citation of nothing, and a test does so for the rules.
            requirements: v.cites.iter().filter_map(|id| self.input.requirements.get(id)).map(Requirement::of).collect(),
            wanted: witnesses.first().map(|w| w.wanted.clone()),
            got: witnesses.first().map(|w| w.got.clone()),
            witnesses,
            witnesses_in_all: v.findings.len(),
            looked_at: v.looked_at,
            why: v.why.as_deref().map(|why| names.mask(why)),
            skip: v.skip.clone(),
            baseline: None,
        }
    }

    /// A rule may speak of values of several walks.
    fn names(&self, v: &Verdict) -> Names {
        let mut names = Names::none();
        if self.input.show_secrets || (v.findings.is_empty() && v.why.is_none()) {
            return names;
        }
        let seen: BTreeSet<&str> = v.findings.iter().take(WITNESSES).map(|f| f.check.as_str()).chain([v.id.as_str()]).collect();
        seen.into_iter().filter_map(|id| self.walk(id)).for_each(|t| names.extend(&Names::of(t)));
        names
    }

    fn walk(&self, id: &str) -> Option<&'a Transcript> {
        let same = self.checks.get(id).and_then(|c| c.same_walk_as.as_deref());
        self.walks.get(id).or_else(|| self.walks.get(same?)).copied()
    }

    fn witness(&self, f: &Finding, names: &Names) -> Witness {
        let excerpt = self.walk(&f.check).map_or_else(Excerpt::default, |t| excerpt::of(t, f, names));
        Witness { check: f.check.clone(), place: f.place.clone(), wanted: names.mask(&f.wanted), got: names.mask(&f.got), excerpt }
    }
}

/// What a provider has to do and can be asked for.
fn musts(requirements: &Requirements) -> BTreeSet<&str> {
    let asked = |r: &&requirement::Requirement| r.role == Role::Op && r.level.strength() == Strength::Must && r.not_asked.is_none();
    requirements.iter().filter(asked).map(|r| r.id.as_str()).collect()
}

fn counts(checks: &[Entry], rules: &[Entry], musts: &BTreeSet<&str>) -> Counts {
    let of = |entries: &[Entry], word: Word| entries.iter().filter(|e| e.verdict == word).count();
    let lacking = checks.iter().filter(|e| matches!(e.skip, Some(Skip::Lacks { .. }))).count();
    let skip = of(checks, Word::Skip);
    let asked = checks.iter().chain(rules).filter(|e| matches!(e.verdict, Word::Pass | Word::Fail | Word::Warn));
    let asked: BTreeSet<&str> = asked.flat_map(|e| &e.requirements).map(|r| r.id.as_str()).filter(|id| musts.contains(*id)).collect();
    Counts {
        checks: checks.len(),
        pass: of(checks, Word::Pass),
        fail: of(checks, Word::Fail),
        warn: of(checks, Word::Warn),
        blocked: of(checks, Word::Blocked),
        skip,
        lacking,
        harness: skip - lacking.min(skip),
        rules: rules.len(),
        rules_fail: of(rules, Word::Fail),
        rules_warn: of(rules, Word::Warn),
        idle: of(rules, Word::Idle),
        musts_asked: asked.len(),
        musts: musts.len(),
    }
}

/// The name of the target that runs inside the process.
pub const EMBEDDED: &str = "embedded";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{HONEST, ROW, finding, report, verdict};

    fn taken() -> Vec<Verdict> {
        let fail = Verdict { findings: vec![finding(ROW, "refused", "400 invalid_grant", "200")], ..verdict(ROW, Word::Fail) };
        vec![fail, verdict(HONEST, Word::Pass)]
    }

    #[test]
    fn the_record_reads_as_the_page_about_it_says() {
        insta::assert_snapshot!(report(&taken(), &[verdict("a-code-buys-once", Word::Pass)], |_| {}).to_json(), @r#"
        {
          "format": 1,
          "touchstone": "0.1.0",
          "target": {
            "name": "embedded",
            "issuer": "https://op.test",
            "virtual_time": true
          },
          "run": {
            "seed": 0,
            "only": [],
            "strict": false,
            "slow": false
          },
          "checks": [
            {
              "id": "code/pkce-at-the-token-endpoint",
              "verdict": "pass",
              "asks": "A verifier that does not hash to the challenge is refused with invalid_grant.",
              "file": "code/pkce-at-the-token-endpoint.toml",
              "line": 13,
              "requirements": [
                {
                  "id": "rfc7636-4.6-mismatch-invalid-grant",
                  "document": "RFC 7636",
                  "section": "4.6",
                  "level": "MUST",
                  "implied": false,
                  "text": "A verifier that does not hash to the challenge is refused with invalid_grant."
                }
              ]
            },
            {
              "id": "code/pkce-at-the-token-endpoint#another-verifier",
              "verdict": "fail",
              "asks": "A verifier that does not hash to the challenge is refused with invalid_grant.",
              "file": "code/pkce-at-the-token-endpoint.toml",
              "line": 13,
              "requirements": [
                {
                  "id": "rfc7636-4.6-mismatch-invalid-grant",
                  "document": "RFC 7636",
                  "section": "4.6",
                  "level": "MUST",
                  "implied": false,
                  "text": "A verifier that does not hash to the challenge is refused with invalid_grant."
                }
              ],
              "wanted": "400 invalid_grant",
              "got": "200",
              "witnesses": [
                {
                  "check": "code/pkce-at-the-token-endpoint#another-verifier",
                  "place": "refused",
                  "wanted": "400 invalid_grant",
                  "got": "200",
                  "after": [
                    "GET /authorize 302",
                    "POST /token 200"
                  ],
                  "bytes": [
                    "> POST /token code_verifier=another-verifier-another-verifier-another-v grant_type=authorization_code code=⟨asked_for.code⟩",
                    "< 200 OK content-type: application/json",
                    "< {\"access_token\":\"⟨asked.access_token⟩\",\"token_type\":\"Bearer\",\"id_token\":\"⟨asked.id_token⟩\"}"
                  ]
                }
              ],
              "witnesses_in_all": 1
            }
          ],
          "rules": [
            {
              "id": "a-code-buys-once",
              "verdict": "pass",
              "asks": "A verifier that does not hash to the challenge is refused with invalid_grant.",
              "requirements": [
                {
                  "id": "rfc7636-4.6-mismatch-invalid-grant",
                  "document": "RFC 7636",
                  "section": "4.6",
                  "level": "MUST",
                  "implied": false,
                  "text": "A verifier that does not hash to the challenge is refused with invalid_grant."
                }
              ]
            }
          ],
          "counts": {
            "checks": 2,
            "pass": 1,
            "fail": 1,
            "warn": 0,
            "blocked": 0,
            "skip": 0,
            "lacking": 0,
            "harness": 0,
            "rules": 1,
            "rules_fail": 0,
            "rules_warn": 0,
            "idle": 0,
            "musts_asked": 1,
            "musts": 2
          },
          "exit": {
            "code": 1,
            "reason": "1 check has seen a MUST broken"
          },
          "timing": {
            "seconds": 0.94,
            "jobs": 2
          }
        }
        "#);
    }

    #[test]
    fn it_is_read_back_as_it_was_written() {
        let written = report(&taken(), &[], |_| {});
        assert_eq!(serde_json::from_str::<Report>(&written.to_json()).unwrap(), written);
    }

    #[test]
    fn no_secret_is_in_it_unless_one_asks() {
        let secrets = ["code-ijklmnop", "access-ijklmnop", "cookie-ijklmnop"];
        let masked = report(&taken(), &[], |_| {}).to_json();
        assert!(secrets.iter().all(|s| !masked.contains(s)), "{masked}");
        assert!(masked.contains("another-verifier-another-verifier-another-v"), "what the scenario wrote out is shown: {masked}");
        let open = report(&taken(), &[], |input| input.show_secrets = true).to_json();
        assert!(open.contains("access-ijklmnop"), "{open}");
    }
}
