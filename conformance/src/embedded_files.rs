//! The scenarios and fixtures that are compiled into the binary, so that it runs from anywhere.

include!(concat!(env!("OUT_DIR"), "/embedded_files.rs"));

/// Every scenario file: its path below `scenarios/` (`code/pkce-at-the-token-endpoint.toml`) and its text, sorted by path.
pub fn scenarios() -> &'static [(&'static str, &'static str)] {
    SCENARIOS
}

/// Every fixture file (TOML, JSON, PEM): its path below `fixtures/` (`requirements/core.toml`) and its text, sorted by path.
pub fn fixtures() -> &'static [(&'static str, &'static str)] {
    FIXTURES
}

/// The text of one fixture, by its path below `fixtures/`.
pub fn fixture(path: &str) -> Option<&'static str> {
    let place = FIXTURES.binary_search_by_key(&path, |(path, _)| path).ok()?;
    FIXTURES.get(place).map(|(_, text)| *text)
}

/// The fixtures of one directory and of those below it, as [`fixtures`] has them: `requirements/`, `defects/`. The slash is part of the name.
pub fn fixtures_in(directory: &str) -> Vec<(&'static str, &'static str)> {
    FIXTURES.iter().copied().filter(|(path, _)| path.starts_with(directory)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_sorted_named_by_relative_paths_and_found_again() {
        for files in [scenarios(), fixtures()] {
            assert!(files.windows(2).all(|pair| pair[0].0 < pair[1].0), "sorted, and each once");
            assert!(files.iter().all(|(path, _)| !path.starts_with('/') && !path.contains('\\')));
        }
        for (path, text) in fixtures() {
            assert_eq!(fixture(path), Some(*text), "{path}");
        }
        assert_eq!(fixture("requirements/none.toml"), None);
        assert!(fixtures_in("requirements/").iter().any(|(path, _)| *path == "requirements/core.toml"));
    }
}
