//! `touchstone run`: load, drive, judge, report.

use std::collections::BTreeSet;
use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::baseline::Held;
use super::session::Session;
use super::suite::Suite;
use super::{RunArgs, Stop, jobs, say, select};
use crate::defect::Defect;
use crate::drive::live::Now;
use crate::drive::{self, Job};
use crate::judge::verdict::Record;
use crate::judge::{Judged, judge_checks, rules::judge_rules};
use crate::nearest::nearest;
use crate::probe;
use crate::report::html::Walks;
use crate::report::record::{self, Run, Timing};
use crate::report::terminal::{self, Paint};
use crate::report::{Input, Report};
use crate::scenario::Check;
use crate::scenario::load::Known;
use crate::target::Target;
use crate::transcript::{Millis, Transcript};

/// Runs what is selected and says what was seen. The number is the exit code.
///
/// # Errors
/// Wrong usage, wrong files, a target that is not there, a report that cannot be written.
pub fn run(args: &RunArgs) -> Result<u8, Stop> {
    let begun = now();
    let session = Session::begin()?;
    let suite = Suite::load(args.scenarios.as_deref())?;
    let selected = select::select(&suite.checks, &args.only).map_err(Stop::Usage)?;
    for (_, file) in &args.report {
        fs::File::create(file).map_err(|e| Stop::Usage(format!("{}: {e}", file.display())))?;
    }
    let target = Arc::new(match &args.target {
        Some(file) => Target::open(file, wall(), args.slow).map_err(|e| Stop::Usage(e.to_string()))?,
        None => Target::embedded().map_err(Stop::Target)?,
    });
    let defect = args.defect.as_deref().map(|id| on_the_wire(&suite, id)).transpose()?;
    let held = Held::read(args, &suite, target.known())?;
    let walked = with_controls(&suite.checks, &selected);
    let probes = probes(&suite, &target, &selected)?;
    let jobs = target.jobs(jobs(args.jobs));
    let catalogue = Arc::new(suite.checks.iter().chain(&probes).cloned().collect::<Vec<_>>());
    let walked: Vec<usize> = walked.into_iter().chain(suite.checks.len()..catalogue.len()).collect();
    let (walks, interrupted) = session.work(walked.len(), |cancel, on| {
        let (target, checks) = (target.clone(), catalogue.clone());
        drive::run(Job { target, checks, selected: walked.clone(), jobs, seed: args.seed, defect: defect.clone(), cancel }, on)
    })?;
    let mut records: Vec<Record> = walks.into_iter().map(|w| w.record).collect();
    let found = probe::found(&mut records, &probes, &target, &suite.requirements);
    let judged = judged(&suite, &selected, &records);
    let not_reached = if interrupted { selected.len() - judged.checks.len() } else { 0 };
    let mut report = Report::new(Input {
        run: Run {
            seed: args.seed,
            only: args.only.clone(),
            strict: args.strict,
            slow: args.slow,
            defect: args.defect.clone(),
            not_reached,
        },
        target: asked(&target, &records, found),
        checks: &judged.checks,
        rules: &judged.rules,
        catalogue: &suite.checks,
        records: &records,
        requirements: &suite.requirements,
        show_secrets: args.show_secrets,
        interrupted,
        timing: Timing { seconds: begun.elapsed().as_secs_f64(), jobs, ..Timing::default() },
    });
    let updated = held.against(args, &suite, &mut report);
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let written = write(args, &report, &records, &suite.checks);
    if let Ok(Some(said)) = &updated {
        say(said);
    }
    say(&terminal::render(&report, if colour { Paint::Colour } else { Paint::Plain }));
    written.and(updated).map(|_| report.exit.code)
}

/// What is asked of the target because its file says that it lacks it.
fn probes(suite: &Suite, target: &Target, selected: &[usize]) -> Result<Vec<Check>, Stop> {
    let known = Known::embedded(&suite.requirements, []).map_err(|e| Stop::Usage(format!("fixtures: {e}")))?;
    probe::probes(target, selected.iter().map(|i| &suite.checks[*i]), &known).map_err(Stop::Usage)
}

/// The defect of this name.
fn on_the_wire(suite: &Suite, id: &str) -> Result<Arc<Defect>, Stop> {
    suite.defects.get(id).cloned().ok_or_else(|| {
        let near = nearest(id, suite.defects.names()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Stop::Usage(format!("there is no defect `{id}`{near}"))
    })
}

/// The checks themselves and all that have to be green before they say anything.
pub fn with_controls(checks: &[Check], selected: &[usize]) -> Vec<usize> {
    let index = |id: &String| checks.iter().position(|c| c.id == *id);
    let mut all: BTreeSet<usize> = BTreeSet::new();
    let mut open: Vec<usize> = selected.to_vec();
    while let Some(number) = open.pop() {
        if all.insert(number) {
            let check = &checks[number];
            open.extend(check.base.iter().chain(&check.control).filter_map(index));
        }
    }
    all.into_iter().collect()
}

/// Verdicts on what was selected. Controls that nobody asked for are judged too, but not reported, and no rule looks at them.
fn judged(suite: &Suite, selected: &[usize], records: &[Record]) -> Judged {
    let wanted: BTreeSet<&str> = selected.iter().map(|i| suite.checks[*i].id.as_str()).collect();
    let walked = selected.iter().map(|i| &suite.checks[*i]).map(|c| c.same_walk_as.as_deref().unwrap_or(&c.id));
    let walked: BTreeSet<&str> = walked.collect();
    let mut checks = judge_checks(records, &suite.checks, &suite.requirements, None);
    checks.retain(|v| wanted.contains(v.id.as_str()));
    let walks: Vec<&Transcript> = records.iter().filter_map(Record::transcript).filter(|t| walked.contains(t.check.id.as_str())).collect();
    Judged { checks, rules: judge_rules(&walks, &suite.requirements) }
}

/// Who was asked, as the recordings have it.
fn asked(target: &Target, records: &[Record], found: Vec<String>) -> record::Target {
    let profile = records.iter().find_map(Record::transcript).map(|t| &t.target);
    record::Target {
        name: target.name().to_owned(),
        issuer: profile.and_then(|p| p.issuers.get("primary")).cloned().unwrap_or_default(),
        virtual_time: profile.is_some_and(|p| p.virtual_time),
        notes: target.notes().into_iter().chain(found).collect(),
    }
}

fn write(args: &RunArgs, report: &Report, records: &[Record], catalogue: &[Check]) -> Result<(), Stop> {
    let wrong = |path: &Path, why: std::io::Error| Stop::Write(format!("{}: {why}", path.display()));
    let walks = Walks { records, catalogue, show_secrets: args.show_secrets };
    for (kind, file) in &args.report {
        fs::write(file, kind.render(report, &walks)).map_err(|e| wrong(file, e))?;
    }
    let Some(dir) = &args.save_transcripts else { return Ok(()) };
    for walk in records.iter().filter_map(Record::transcript) {
        let file = dir.join(format!("{}.json", walk.check.id));
        let text = serde_json::to_string_pretty(walk).map_err(|e| wrong(&file, e.into()))?;
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(|e| wrong(folder, e))?;
        }
        private(&file).and_then(|mut out| out.write_all(text.as_bytes())).map_err(|e| wrong(&file, e))?;
    }
    Ok(())
}

/// A file that only its owner can read: a transcript holds tokens and secrets.
fn private(path: &Path) -> std::io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The clock on the wall, for targets that live by it.
#[allow(clippy::disallowed_methods, reason = "an entry point asks the wall")]
fn wall() -> Now {
    let since = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Arc::new(move || Millis::try_from(since().as_millis()).unwrap_or(Millis::MAX))
}

/// The clock on the wall, for the last line.
#[allow(clippy::disallowed_methods, reason = "an entry point measures")]
pub fn now() -> Instant {
    Instant::now()
}
