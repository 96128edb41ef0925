//! Which checks `--only` means.

use std::collections::BTreeSet;

use crate::nearest::nearest;
use crate::scenario::Check;

/// The indices of the checks whose id begins with one of the prefixes; all of them if there is none.
///
/// # Errors
/// A sentence about the first prefix that begins no id, with the id that was probably meant.
pub fn select(checks: &[Check], only: &[String]) -> Result<Vec<usize>, String> {
    for prefix in only {
        if !checks.iter().any(|c| c.id.starts_with(prefix.as_str())) {
            return Err(nothing("check", prefix, checks.iter().map(|c| c.id.as_str())));
        }
    }
    let wanted = |c: &Check| only.is_empty() || only.iter().any(|prefix| c.id.starts_with(prefix.as_str()));
    Ok(checks.iter().enumerate().filter(|(_, c)| wanted(c)).map(|(i, _)| i).collect())
}

/// `no check begins with …; did you mean …?`
pub fn nothing<'a>(what: &str, prefix: &str, ids: impl Iterator<Item = &'a str>) -> String {
    let ids: BTreeSet<&str> = ids.collect();
    let areas: BTreeSet<&str> = ids.iter().filter_map(|id| id.split_once('/').map(|(area, _)| area)).collect();
    // Whoever wrote a word means an area, whoever wrote a path means a check.
    let near = if prefix.contains('/') { near_path(prefix, &ids) } else { nearest(prefix, areas.iter().copied()) };
    match near.or_else(|| nearest(prefix, ids)) {
        Some(near) => format!("no {what} begins with `{prefix}`; did you mean `{near}`?"),
        None if areas.is_empty() => format!("no {what} begins with `{prefix}`"),
        None => format!("no {what} begins with `{prefix}`; they begin with {}", areas.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

/// A row is looked for among the rows of its file first.
fn near_path<'a>(id: &str, ids: &BTreeSet<&'a str>) -> Option<&'a str> {
    let file = id.split('#').next().unwrap_or(id);
    let rows = ids.iter().copied().filter(|other| id.contains('#') && other.split('#').next() == Some(file) && other.contains('#'));
    nearest(id, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{HONEST, ROW, check};

    #[test]
    fn a_prefix_selects_and_a_slip_is_told_the_nearest_id() {
        let checks = [check(HONEST), check(ROW)];
        let only = |prefix: &str| select(&checks, &[prefix.to_owned()]);
        assert_eq!(select(&checks, &[]), Ok(vec![0, 1]));
        assert_eq!(only("code/"), Ok(vec![0, 1]));
        assert_eq!(only(ROW), Ok(vec![1]));
        assert_eq!(
            only("cod/pkce-at-the-token-endpoint").unwrap_err(),
            format!("no check begins with `cod/pkce-at-the-token-endpoint`; did you mean `{HONEST}`?")
        );
        assert_eq!(only("codes").unwrap_err(), "no check begins with `codes`; did you mean `code`?");
        assert!(only(&format!("{HONEST}#another-verifer")).unwrap_err().contains(ROW));
        assert_eq!(only("zzz").unwrap_err(), "no check begins with `zzz`; they begin with code");
    }
}
