//! Everything that can be run, cited or explained, read before anything runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Stop;
use crate::baseline::Ids;
use crate::defect::{self, Defects};
use crate::embedded_files;
use crate::judge::rules::{Rule, rules};
use crate::requirement::Requirements;
use crate::scenario::Check;
use crate::scenario::load::{Known, load};

/// The suite.
pub struct Suite {
    /// File by file, the rows of each behind its question.
    pub checks: Arc<Vec<Check>>,
    /// All rules.
    pub rules: &'static [Rule],
    /// What can be cited.
    pub requirements: Arc<Requirements>,
    /// What can be on the wire.
    pub defects: Arc<Defects>,
}

impl Suite {
    /// Reads what is compiled in, and the scenarios of `dir` beside it.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn load(dir: Option<&Path>) -> Result<Self, Stop> {
        let requirements = Requirements::embedded().map_err(|p| all(&p))?;
        let defects = defect::load::embedded(&requirements).map_err(|p| all(&p))?;
        let known = Known::embedded(&requirements, defects.names()).map_err(|e| Stop::Usage(format!("fixtures: {e}")))?;
        let mut files: Vec<(String, String)> =
            embedded_files::scenarios().iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        if let Some(dir) = dir {
            files.extend(scenarios_in(dir)?);
        }
        let checks = load(&files, &known).map_err(|p| all(&p))?.checks;
        Ok(Self { checks: Arc::new(checks), rules: rules(), defects: Arc::new(defects), requirements: Arc::new(requirements) })
    }

    /// What a baseline can know.
    pub fn known_ids(&self) -> Ids<'_> {
        Ids { checks: self.checks.iter().map(|c| c.id.as_str()).collect(), rules: self.rules.iter().map(|r| r.id).collect() }
    }

    /// Ids of checks and rules.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.checks.iter().map(|c| c.id.as_str()).chain(self.rules.iter().map(|r| r.id))
    }
}

/// Every `.toml` below a folder, in the order of their paths.
fn scenarios_in(dir: &Path) -> Result<Vec<(String, String)>, Stop> {
    let wrong = |path: &Path, why: std::io::Error| Stop::Usage(format!("{}: {why}", path.display()));
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|e| wrong(&folder, e))? {
            let path = entry.map_err(|e| wrong(&folder, e))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "toml") {
                paths.push(path);
            }
        }
    }
    if paths.is_empty() {
        return Err(Stop::Usage(format!("{}: there is no scenario (.toml) in this folder", dir.display())));
    }
    paths.sort();
    let read = |path: &PathBuf| {
        let below: Vec<_> = path.strip_prefix(dir).unwrap_or(path).iter().map(|part| part.to_string_lossy()).collect();
        Ok((below.join("/"), std::fs::read_to_string(path).map_err(|e| wrong(path, e))?))
    };
    paths.iter().map(read).collect()
}

/// Every problem, one below the other.
pub fn all(problems: &[impl std::fmt::Display]) -> Stop {
    let mut text: Vec<String> = problems.iter().map(ToString::to_string).collect();
    text.push(if let [_] = problems { "1 error".into() } else { format!("{} errors", problems.len()) });
    Stop::Usage(text.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_in_is_whole() {
        let suite = Suite::load(None).unwrap_or_else(|stop| panic!("{stop}"));
        let mut ids: Vec<&str> = suite.ids().collect();
        assert!(!suite.checks.is_empty() && !suite.rules.is_empty());
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "an id is there once");
    }

    #[test]
    fn scenarios_of_ones_own_are_named_by_their_path_below_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        assert!(scenarios_in(dir.path()).unwrap_err().to_string().contains("there is no scenario"));
        std::fs::create_dir(dir.path().join("b")).unwrap();
        for (path, text) in [("b/z.toml", "1"), ("a.toml", "2"), ("notes.md", "3")] {
            std::fs::write(dir.path().join(path), text).unwrap();
        }
        let read = scenarios_in(dir.path()).unwrap();
        assert_eq!(read, [("a.toml".to_owned(), "2".to_owned()), ("b/z.toml".to_owned(), "1".to_owned())]);
    }
}
