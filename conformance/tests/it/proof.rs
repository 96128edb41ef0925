//! The proofs that need no defect on the wire run with every test: what the provider inside was seen to do is altered and judged again.

use std::collections::BTreeSet;

use conformance::judge::verdict::{Record, Word};
use conformance::proof::derived::derived_of_run;
use conformance::proof::{Kind, Proof};

use crate::pipeline::{catalogue, judged, requirements, walks};

#[test]
fn every_line_of_every_check_can_be_made_red() {
    let requirements = requirements();
    let checks = catalogue(&requirements);
    let walks = walks(&checks, (0..checks.len()).collect(), 2);
    let records: Vec<Record> = walks.iter().map(|w| w.record.clone()).collect();
    let proofs = derived_of_run(&checks, &records);
    let holes: Vec<&Proof> = proofs.iter().filter(|proof| !proof.red).collect();
    assert!(holes.is_empty(), "{holes:#?}");

    let green: BTreeSet<String> =
        judged(&checks, &walks, &requirements).checks.into_iter().filter(|v| v.word == Word::Pass).map(|v| v.id).collect();
    let proven: BTreeSet<String> = proofs.iter().map(|proof| proof.of.clone()).collect();
    assert_eq!(green.difference(&proven).collect::<Vec<_>>(), Vec::<&String>::new(), "green, and nothing could be derived");
    assert!(proofs.iter().any(|proof| proof.kind == Kind::Undone), "no row was judged by its honest answer");
}
