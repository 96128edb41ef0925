//! Touchstone: drive, record, judge, report.
//!
//! A harness that asks a provider of OpenID Connect and OAuth 2.0 what its specifications ask of it, over the wire and nowhere else.
//! `docs/language.md` is the language of the scenarios, `docs/target-file.md` what has to be known of a provider, `docs/baseline.md` what is
//! known of its failures.
//!
//! # How a run goes
//!
//! ```text
//! scenarios ──▶ drive ──▶ transcript ──▶ judge ──▶ verdicts ──▶ report
//!  (checks)      │  ▲      (all that        (expectations, rules)
//!                ▼  │       was seen)            ▲
//!               target                           └── proof: the same transcripts, spoilt
//! ```
//!
//! Data flows one way, and each stage knows the value that it is handed and no more. The drive never judges: a step has worked when it brought
//! what its verb is for. The judge is a pure function, so that a recording can be judged again, and spoilt to see whether anybody notices.
//!
//! # Where things are
//!
//! | module | holds |
//! |---|---|
//! | `scenario` | what scenarios say: the loader, matchers, the table of verbs, the schema for editors |
//! | `requirement` | what can be cited, document by document |
//! | `fixture`, `embedded_files` | clients, users and keys; all files that are compiled in |
//! | `drive` | one file for each kind of verb under `drive::verbs`; the browser, the relying parties' front, time and quiet, the HTTP client |
//! | `target`, `embedded`, `foreign` | a provider under test: the one inside, or one that a target file describes |
//! | `probe` | each feature that a target is said to lack, asked for once |
//! | `transcript` | what happened; how references are read out of it; names for what nobody should read; the form that is compared |
//! | `judge` | expectations, and one file of rules for each kind of message under `judge::rules` |
//! | `defect` | named ways to spoil the wire |
//! | `proof` | every check and every rule is seen to fail |
//! | `report` | terminal, JSON, HTML, JUnit, Markdown, SARIF, snapshots |
//! | `baseline` | what is known of a target, and what has changed |
//! | `cli` | the commands |
//! | `toml_file`, `nearest` | our own files: messages with a place, and the word that was meant |
//!
//! # What is not there
//!
//! - No type, constant or helper of the provider inside. `embedded` alone knows that there is one, and hands it text.
//! - No socket outside of `drive`, `foreign` and `embedded`, and no clock outside of the entry points: time is an argument.
//! - No sleep where the time of the target is virtual: a step ends when it has settled.
//! - No check that nobody has seen fail, and no verdict that needs a person.
//! - No secret in a report, unless it was asked for.

pub mod baseline;
pub mod cli;
pub mod defect;
pub mod drive;
pub mod embedded;
pub mod embedded_files;
pub mod fixture;
pub mod foreign;
pub mod judge;
pub mod nearest;
pub mod probe;
pub mod proof;
pub mod report;
pub mod requirement;
pub mod scenario;
pub mod target;
pub mod toml_file;
pub mod transcript;
