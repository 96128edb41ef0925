//! What the suite asks, counted: checks by area, requirements of providers by document and level, and how each check is proven.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::judge::rules::Rule;
use crate::requirement::{Requirement, Requirements, Role, Strength};
use crate::scenario::Check;

/// The levels, as they head the columns.
const LEVELS: [(&str, Strength); 3] = [("MUST", Strength::Must), ("SHOULD", Strength::Should), ("MAY", Strength::May)];

/// Who cites what.
pub struct Coverage<'a> {
    checks: &'a [Check],
    rules: &'a [Rule],
    requirements: &'a Requirements,
    cited: BTreeMap<&'a str, Citing<'a>>,
}

/// The checks and rules that cite a requirement, by id.
#[derive(Default)]
struct Citing<'a> {
    checks: Vec<&'a str>,
    rules: Vec<&'a str>,
}

impl<'a> Coverage<'a> {
    /// Counts.
    pub fn of(checks: &'a [Check], rules: &'a [Rule], requirements: &'a Requirements) -> Self {
        let mut cited = BTreeMap::<&str, Citing<'_>>::new();
        for (check, id) in checks.iter().flat_map(|c| c.cites.iter().map(move |id| (c, id))) {
            cited.entry(id).or_default().checks.push(&check.id);
        }
        for (rule, id) in rules.iter().flat_map(|r| r.cites.iter().map(move |id| (r, id))) {
            cited.entry(id).or_default().rules.push(rule.id);
        }
        Self { checks, rules, requirements, cited }
    }

    fn is_asked(&self, r: &Requirement) -> bool {
        self.cited.contains_key(r.id.as_str())
    }

    /// Everything that is counted, as text.
    pub fn counts(&self) -> String {
        let mut text = String::new();
        let mut areas = BTreeMap::<&str, (usize, BTreeSet<&str>)>::new();
        for check in self.checks {
            let area = areas.entry(check.area()).or_default();
            area.0 += 1;
            area.1.insert(&check.file);
        }
        let _ = writeln!(text, "{:<28}{:>10}{:>8}", "area", "scenarios", "checks");
        for (area, (checks, files)) in &areas {
            let _ = writeln!(text, "{area:<28}{:>10}{checks:>8}", files.len());
        }
        let files: usize = areas.values().map(|(_, files)| files.len()).sum();
        let _ = writeln!(text, "{:<28}{files:>10}{:>8}", "all", self.checks.len());
        let _ = writeln!(text, "\n{} rules\n", self.rules.len());
        text.push_str(&self.by_document());
        let of = |is: &dyn Fn(&Check) -> bool| self.checks.iter().filter(|c| is(c)).count();
        let named = of(&|c| !c.broken_by.is_empty());
        let derived = of(&|c| c.broken_by.is_empty() && c.unbreakable.is_none());
        let _ = writeln!(
            text,
            "\n{derived} checks proven from their own recording alone, {named} under a named defect too, {} rules under one",
            self.rules.len()
        );
        let unbreakable: Vec<_> = self.checks.iter().filter_map(|c| Some((&c.id, c.unbreakable.as_ref()?))).collect();
        let _ = writeln!(text, "{} unbreakable", unbreakable.len());
        for (id, why) in unbreakable {
            let _ = writeln!(text, "    {id}: {why}");
        }
        text
    }

    /// Requirements of providers that are asked, of those that can be asked.
    pub fn by_document(&self) -> String {
        let mut text = format!("{:<36}", "requirements of providers asked");
        for (level, _) in LEVELS {
            let _ = write!(text, "{level:>12}");
        }
        text.push('\n');
        let mut all = [(0, 0); 3];
        for (document, requirements) in self.requirements.documents() {
            let mut row = [(0, 0); 3];
            for r in requirements.iter().filter(|r| can_be_asked(r)) {
                for ((_, (asked, of)), sum) in LEVELS.iter().zip(&mut row).zip(&mut all).filter(|(((_, s), _), _)| *s == r.level.strength())
                {
                    let n = usize::from(self.is_asked(r));
                    (*asked, *of) = (*asked + n, *of + 1);
                    (sum.0, sum.1) = (sum.0 + n, sum.1 + 1);
                }
            }
            if row.iter().any(|(_, of)| *of > 0) {
                line(&mut text, &document.short, &row);
            }
        }
        line(&mut text, "all", &all);
        text
    }

    /// Every requirement of providers, of one document or of all, with who asks for it: of one document by name, of all by number.
    pub fn requirements(&self, stem: Option<&str>) -> String {
        let mut text = String::new();
        for (document, requirements) in self.requirements.documents().filter(|(d, _)| stem.is_none_or(|s| s == d.stem)) {
            let _ = writeln!(text, "{} ({})", document.name, document.stem);
            let (mut asked, mut cannot, mut nobody) = (0, 0, 0);
            for r in requirements {
                let by = match (self.cited.get(r.id.as_str()), &r.not_asked) {
                    _ if r.role != Role::Op => "a duty of clients, which the harness plays here".to_owned(),
                    (Some(citing), _) => {
                        asked += 1;
                        if stem.is_some() { citing.names() } else { citing.counts() }
                    }
                    (None, Some(why)) => {
                        cannot += 1;
                        format!("cannot be asked: {why}")
                    }
                    (None, None) => {
                        nobody += 1;
                        "asked by nobody".to_owned()
                    }
                };
                let reading = if r.implied { " (our reading)" } else { "" };
                let _ = writeln!(text, "    {}\n        §{}, {}{reading}: {}\n        {by}", r.id, r.section, r.level, r.text);
            }
            let _ = writeln!(text, "{asked} are asked, {cannot} cannot be asked, {nobody} are asked by nobody\n");
        }
        text
    }
}

impl Citing<'_> {
    fn counts(&self) -> String {
        format!("asked by {} checks, {} rules", self.checks.len(), self.rules.len())
    }

    /// A file stands once, with the names of its rows behind it.
    fn names(&self) -> String {
        let mut files: Vec<(&str, Vec<&str>)> = Vec::new();
        for id in &self.checks {
            let (file, row) = id.split_once('#').map_or((*id, None), |(file, row)| (file, Some(row)));
            if files.last().is_none_or(|(last, _)| *last != file) {
                files.push((file, Vec::new()));
            }
            if let (Some(row), Some((_, rows))) = (row, files.last_mut()) {
                rows.push(row);
            }
        }
        let rules = self.rules.iter().map(|id| format!("rule {id}"));
        let file = |(file, rows): (&str, Vec<&str>)| rows.iter().fold(file.to_owned(), |text, row| format!("{text} #{row}"));
        format!("asked by {}", files.into_iter().map(file).chain(rules).collect::<Vec<_>>().join(", "))
    }
}

fn can_be_asked(r: &Requirement) -> bool {
    r.role == Role::Op && r.not_asked.is_none()
}

fn line(text: &mut String, name: &str, row: &[(usize, usize); 3]) {
    let _ = write!(text, "{name:<36}");
    for (asked, of) in row {
        let cell = if *of == 0 { "-".to_owned() } else { format!("{asked} of {of}") };
        let _ = write!(text, "{cell:>12}");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{HONEST, ROW, check, requirements};

    #[test]
    fn what_is_asked_is_counted_by_document_and_level() {
        let mut row = check(ROW);
        row.unbreakable = Some("no wire can play it".into());
        let (checks, requirements) = ([check(HONEST), row], requirements());
        let coverage = Coverage::of(&checks, &[], &requirements);
        insta::assert_snapshot!(coverage.counts(), @r#"
        area                         scenarios  checks
        code                                 1       2
        all                                  1       2

        0 rules

        requirements of providers asked             MUST      SHOULD         MAY
        RFC 7636                                  1 of 2           -           -
        Back-Channel Logout 1.0                        -      0 of 1           -
        all                                       1 of 2      0 of 1           -

        1 checks proven from their own recording alone, 0 under a named defect too, 0 rules under one
        1 unbreakable
            code/pkce-at-the-token-endpoint#another-verifier: no wire can play it
        "#);
        insta::assert_snapshot!(coverage.requirements(Some("bcl")), @r#"
        OpenID Connect Back-Channel Logout 1.0 (bcl)
            bcl-4-short-exp
                §4, SHOULD (our reading): A logout token lives two minutes at most.
                asked by nobody
        0 are asked, 0 cannot be asked, 1 are asked by nobody
        "#);
        let rfc = coverage.requirements(Some("rfc7636"));
        let honest = HONEST.split('#').next().unwrap();
        assert!(rfc.contains(&format!("asked by {honest} #another-verifier\n")) && rfc.contains("1 are asked, 0 cannot"), "{rfc}");
    }
}
