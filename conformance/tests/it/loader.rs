//! The language's loader: what loads, and everything that it refuses.

use conformance::embedded_files;
use conformance::requirement::Requirements;
use conformance::scenario::load::{Catalogue, Known, Problem, load};

#[test]
fn every_scenario_loads() {
    let requirements = Requirements::embedded().unwrap();
    let mut known = Known::embedded(&requirements, []).unwrap();
    known.defects = None;
    let files: Vec<_> = embedded_files::scenarios().iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let catalogue = good(load(&files, &known));
    let check = catalogue.get("code/pkce-at-the-token-endpoint#the-challenge").unwrap();
    assert_eq!(check.control, ["code/pkce-at-the-token-endpoint"]);
    assert_eq!(check.cites, ["rfc7636-4.5-method-from-code"]);
    assert_eq!(check.ask.edits.marks(), ["set code_verifier"]);
}

fn good(loaded: Result<Catalogue, Vec<Problem>>) -> Catalogue {
    loaded.unwrap_or_else(|problems| panic!("{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>()))
}
