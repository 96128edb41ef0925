//! The language's loader: what loads.

use conformance::embedded_files;
use conformance::requirement::Requirements;
use conformance::scenario::load::{Catalogue, Known, Problem, load};
use conformance::scenario::{Check, Refused, Tellings};

mod refusals;
mod schema;

type Files = Vec<(String, String)>;

#[test]
fn every_scenario_loads() {
    let catalogue = good(load(&scenarios(), &known(&requirements())));
    assert!(!catalogue.checks.is_empty());
}

#[test]
fn a_row_is_the_question_with_one_thing_changed() {
    let requirements = requirements();
    let catalogue = good(load(&scenarios(), &known(&requirements)));
    let get = |id: &str| catalogue.get(id).unwrap_or_else(|| panic!("no {id}"));

    let base = get("code/pkce-at-the-token-endpoint");
    assert_eq!((base.area(), base.row(), base.base.as_deref()), ("code", None, None));
    assert_eq!(base.control, [] as [&str; 0]);
    let row = get("code/pkce-at-the-token-endpoint#the-challenge");
    assert_eq!(row.row(), Some("the-challenge"));
    assert_eq!(row.control, ["code/pkce-at-the-token-endpoint"]);
    assert_eq!(row.cites, ["rfc7636-4.5-method-from-code"], "its own replace the default's");
    assert_eq!(row.ask.edits.marks(), ["set code_verifier"]);
    assert_eq!(row.expect.refused, Some(Refused::Codes(vec!["invalid_grant".into()])), "the default's");
    assert_eq!(row.expect.reply, [], "and nothing of the question's");
    assert_eq!((row.walk.as_slice(), row.same_walk_as.as_deref()), (base.walk.as_slice(), None));

    let row = get("backchannel-logout/what-an-answer-of-the-client-means#failed-once");
    assert_eq!(row.with["answers"], serde_json::json!([500, 200]));
    let row = get("code/what-an-id-token-says#nonce");
    assert_eq!(row.same_walk_as, row.base, "it asks something else of the same answer");
    let row = get("backchannel-logout/exactly-the-clients-of-the-session#before-the-browser-goes-on");
    let Some(Tellings::List(web)) = row.expect.deliveries.as_ref().and_then(|d| d.get("web")) else { panic!("{row:?}") };
    assert_eq!((web[0].of.as_str(), web[0].before_answer), ("{web}", Some(true)));
    let row = get("backchannel-logout/exactly-the-clients-of-the-session#the-browser-is-out");
    assert!(row.then.is_some() && row.same_walk_as.is_none());
    let row = get("logout/a-forged-hint-is-none#unsigned");
    assert_eq!(row.walk.len(), 2, "`first` comes behind the walk");
    let row = get("logout/a-hint-of-another-user#nobody-was-told");
    assert_eq!(row.control, ["logout/a-hint-of-another-user", "backchannel-logout/exactly-the-clients-of-the-session"]);
}

/// What the language says of needs: those of the file and the row, and every feature that the verbs take.
#[test]
fn needs_add_up() {
    let requirements = requirements();
    let catalogue = good(load(&scenarios(), &known(&requirements)));
    let needs = |id: &str| catalogue.get(id).map(|check: &Check| check.needs.clone()).unwrap_or_else(|| panic!("no {id}"));
    assert_eq!(needs("discovery/says-what-works"), ["client_credentials"]);
    assert_eq!(
        needs("backchannel-logout/killed-in-mid-delivery"),
        ["backchannel_logout", "end_session", "restart", "configurable"],
        "`[provider]` implies the last"
    );
    assert_eq!(
        needs("backchannel-logout/the-issuer-of-the-id-token#the-log-knows-the-trigger"),
        ["backchannel_logout", "two_origins", "admin.terminate_session", "event_log"]
    );
}

fn requirements() -> Requirements {
    Requirements::embedded().unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Everything that is compiled in. Defects are known once there is a file of them.
fn known(requirements: &Requirements) -> Known<'_> {
    let files = embedded_files::fixtures_in("defects/");
    let defects: Vec<String> =
        files.iter().flat_map(|(_, text)| text.parse::<toml::Table>().unwrap().into_iter().map(|(id, _)| id)).collect();
    let mut known = Known::embedded(requirements, defects.iter().map(String::as_str)).unwrap();
    known.defects = known.defects.filter(|defects| !defects.is_empty());
    known
}

fn scenarios() -> Files {
    embedded_files::scenarios().iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn good(loaded: Result<Catalogue, Vec<Problem>>) -> Catalogue {
    loaded.unwrap_or_else(|problems| panic!("{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>()))
}
