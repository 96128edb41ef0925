//! The nearest right word, for a message about a wrong one.

/// The candidate that was most likely meant, or `None` if nothing is near. Case does not count; of two equally near ones the first wins.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The one finds words that were cut short (`terminate`), the other slips of a finger.
    best(word, candidates, |prefix, slips| prefix >= 0.86 || slips >= 0.6)
}

/// The candidate that is most like the word, be it ever so far away: where it is known to be one of a few.
pub fn most_alike<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    best(word, candidates, |_, _| true)
}

fn best<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>, near: fn(f64, f64) -> bool) -> Option<&'a str> {
    let word = word.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        let (prefix, slips) = (strsim::jaro_winkler(&word, &lower), strsim::normalized_damerau_levenshtein(&word, &lower));
        if near(prefix, slips) && best.is_none_or(|(score, _)| prefix + slips > score) {
            best = Some((prefix + slips, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_stumps_and_nothing_far() {
        let verbs = ["login", "logout", "authorize", "end_session", "revoke", "terminate_session"];
        for (wrong, right) in [
            ("loggin", Some("login")),
            ("authorise", Some("authorize")),
            ("end_sesion", Some("end_session")),
            ("terminate", Some("terminate_session")),
            ("REVOKE", Some("revoke")),
            ("expect", None),
            ("", None),
        ] {
            assert_eq!(nearest(wrong, verbs), right, "{wrong}");
        }
    }
}
