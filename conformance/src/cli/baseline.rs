//! `--baseline` and `--update-baseline`: read before anything runs, written after everything was judged.

use std::fs;
use std::io::ErrorKind;

use super::suite::{Suite, all};
use super::{RunArgs, Stop};
use crate::baseline::{Baseline, Known, updated};
use crate::report::Report;
use crate::report::exit::INTERRUPTED;

/// What the run is held against.
pub struct Held {
    /// The file as it was; empty where there was none.
    text: String,
    /// What it and the target file know; `None` where neither says anything.
    baseline: Option<Baseline>,
    /// What the target file knows of it.
    of_target: Vec<Known>,
}

impl Held {
    /// Reads the baseline, and what the target file knows.
    ///
    /// # Errors
    /// Everything that is wrong with them, or that the file is not there and not to be written either.
    pub fn read(args: &RunArgs, suite: &Suite, of_target: &[Known]) -> Result<Self, Stop> {
        let ids = suite.known_ids();
        let Some(file) = &args.baseline else {
            let known = Baseline::of_target(of_target, &ids).map_err(|p| all(&p))?;
            return Ok(Self { text: String::new(), baseline: Some(known).filter(|b| !b.known.is_empty()), of_target: of_target.to_vec() });
        };
        let name = file.display().to_string();
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound && args.update_baseline => String::new(),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Err(Stop::Usage(format!("{name}: there is no such baseline; --update-baseline writes one")));
            }
            Err(e) => return Err(Stop::Usage(format!("{name}: {e}"))),
        };
        let baseline = Baseline::parse(&name, &text, &ids, of_target).map_err(|p| all(&p))?;
        Ok(Self { text, baseline: Some(baseline), of_target: of_target.to_vec() })
    }

    /// Says in the report how the run stands to the baseline; with `--update-baseline` to the one that it writes. What it wrote is told.
    ///
    /// # Errors
    /// It could not be written.
    pub fn against(self, args: &RunArgs, suite: &Suite, report: &mut Report) -> Result<Option<String>, Stop> {
        let Some(baseline) = self.baseline else { return Ok(None) };
        let ids = suite.known_ids();
        let Some(file) = args.baseline.as_ref().filter(|_| args.update_baseline) else {
            report.hold_against(&baseline, &ids);
            return Ok(None);
        };
        let name = file.display();
        // Half a run would take half of the baseline for gone.
        if report.exit.code == INTERRUPTED {
            report.hold_against(&baseline, &ids);
            return Ok(Some(format!("{name} was left as it is: the run was interrupted\n\n")));
        }
        let wrong = |why: String| Stop::Write(format!("{name}: {why}"));
        let (text, changes) = updated(&self.text, &baseline, report, &ids).map_err(|e| wrong(e.to_string()))?;
        let new = Baseline::parse(&name.to_string(), &text, &ids, &self.of_target).map_err(|p| all(&p))?;
        report.hold_against(&new, &ids);
        write(file, &text).map_err(|e| wrong(e.to_string()))?;
        let said = format!("{} came in, {} changed, {} went out", changes.added, changes.changed, changes.removed);
        Ok(Some(format!("wrote {name}: {said}, {} known in all\n\n", new.known.len())))
    }
}

/// In one go: an end in the middle leaves the old file.
fn write(file: &std::path::Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let mut builder = tempfile::Builder::new();
    // As readable as the old one, or as any file: a baseline holds no secret.
    #[cfg(unix)]
    let like_any = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(fs::metadata(file).map_or(like_any, |old| old.permissions()));
    let mut new = builder.tempfile_in(folder)?;
    std::io::Write::write_all(&mut new, text.as_bytes())?;
    new.persist(file).map(drop).map_err(|e| e.error)
}
