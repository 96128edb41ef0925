//! What HTTP itself asks of an answer, whichever endpoint gave it.

use super::{Looks, Rule, Run};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "a-405-says-what-is-allowed",
            asks: "An answer 405 names the methods that there are in Allow.",
            cites: &["rfc9110-15.5.6-allow"],
            broken_by: &["allow-is-missing"],
            judge: allow,
        },
        Rule {
            id: "a-401-has-a-challenge",
            asks: "An answer 401 says in WWW-Authenticate how one can authenticate.",
            cites: &["rfc9110-15.5.2-challenge"],
            broken_by: &["challenge-is-missing"],
            judge: challenge,
        },
    ]
}

fn allow(run: &Run<'_>, looks: &mut Looks) {
    with_header(run, looks, 405, "Allow");
}

fn challenge(run: &Run<'_>, looks: &mut Looks) {
    with_header(run, looks, 401, "WWW-Authenticate");
}

fn with_header(run: &Run<'_>, looks: &mut Looks, status: u16, name: &str) {
    // What a person wrote by hand at an address that is nobody's endpoint tells nothing of the target.
    for seen in run.answers().filter(|seen| seen.answer.status == status && !seen.exchange.origin.is_empty()) {
        let there = seen.answer.header(&name.to_ascii_lowercase()).any(|value| !value.trim().is_empty());
        looks.look(seen.at(), there, &format!("{status} with {name}"), || format!("{status} without {name}"));
    }
}
