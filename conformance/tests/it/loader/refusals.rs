//! What the loader refuses: one small slip in a good file for each, and the whole of what is said about it.

use conformance::requirement::Requirements;
use conformance::scenario::load::{Known, Problem, load};
use proptest::prelude::*;

mod questions;
mod walks;

const REQUIREMENTS: &str = r#"
document = "A Document"
short = "Doc"
[[requirement]]
id = "doc-1-must"
section = "1"
level = "MUST"
role = "op"
text = "t"
observable = "o"
negative = "n"
[[requirement]]
id = "doc-1-should"
section = "1"
level = "SHOULD"
role = "op"
text = "t"
observable = "o"
negative = "n"
[[requirement]]
id = "doc-1-may"
section = "1"
level = "MAY"
role = "op"
text = "t"
observable = "o"
negative = "n"
[[requirement]]
id = "doc-1-rp"
section = "1"
level = "MUST"
role = "rp"
text = "t"
observable = "o"
negative = "n"
[[requirement]]
id = "doc-2-inside"
section = "2"
level = "MUST"
role = "op"
text = "t"
observable = "o"
negative = "n"
not_asked = "nobody can see it"
"#;

const GOOD: &str = r#"title = "A sentence"
cites = ["doc-1-must"]
needs = ["event_log"]

[client.slow]
like = "web"

[with]
answers = [200]

[[step]]
login = { user = "alice", client = "slow", scope = "openid" }
save = "alice"

[[step]]
authorize = { user = "bob", client = "spa", browser = "second" }
save = "code"

[[step]]
answer = { client = "slow", with = "{with.answers}" }

[ask]
end_session = { of = "{alice}" }
deliveries = { slow = ["{alice}"] }
broken_by = ["told-twice"]

[row]
failed = { with.answers = [500, 200], deliveries = { slow = [{ of = "{alice}", answered = [500, 200] }] } }
logged = { events."session." = ["added", { type = "ended", payload.user = "{user.alice.id}" }] }

[row.stays]
then.authorize = { client = "slow", prompt = "none" }
refused = "login_required"

[row.code]
redeem = { of = "{code}" }
set.code_verifier = "x"
refused = ["invalid_grant"]
# end
"#;

const END: &str = "# end\n";

/// What is replaced by what, and everything that is said then: `LINE:COLUMN: WHAT`.
type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

#[test]
fn every_slip_is_said_with_its_place_and_nothing_else_is() {
    let requirements = Requirements::load(&[("doc.toml", REQUIREMENTS)]).unwrap();
    let known = known(&requirements);
    assert_eq!(load(&[("a/good.toml".into(), GOOD.into())], &known).err(), None);
    for (edits, said) in walks::CASES.iter().chain(questions::CASES) {
        let mut text = GOOD.to_owned();
        for (from, to) in *edits {
            assert!(text.contains(from), "`{from}` is not in the good file any more");
            text = text.replacen(from, to, 1);
        }
        let problems = load(&[("a/good.toml".into(), text)], &known).err().unwrap_or_default();
        let got: Vec<String> = problems.iter().map(first_line).collect();
        let want: Vec<String> = said.iter().map(|line| format!("a/good.toml:{line}")).collect();
        assert_eq!(got, want, "{edits:?}");
    }
}

#[test]
fn all_errors_of_all_files_come_at_once() {
    let requirements = Requirements::load(&[("doc.toml", REQUIREMENTS)]).unwrap();
    let known = known(&requirements);
    let verb = GOOD.replace("login = {", "loggin = {").replace("doc-1-must", "doc-1-mast");
    let name = GOOD.replace("of = \"{code}\"", "of = \"{cod}\"");
    let problems = load(&[("a/verb.toml".into(), verb), ("a/name.toml".into(), name)], &known).err().unwrap_or_default();
    assert_eq!(
        problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "a/verb.toml:2:10: there is no requirement `doc-1-mast`; did you mean `doc-1-must`?\n    \
             cites = [\"doc-1-mast\"]\n             ^^^^^^^^^^^^",
            "a/verb.toml:12:1: there is no verb `loggin`; did you mean `login`?\n    \
             loggin = { user = \"alice\", client = \"slow\", scope = \"openid\" }\n    ^^^^^^",
            "a/name.toml:36:18: `{cod}` names nothing: nothing is saved as `cod`; did you mean `code`?\n    \
             redeem = { of = \"{cod}\" }\n                     ^^^^^",
        ]
    );
}

#[test]
fn a_path_is_an_id_and_there_once() {
    let requirements = Requirements::load(&[("doc.toml", REQUIREMENTS)]).unwrap();
    let file = |path: &str| (path.to_owned(), GOOD.to_owned());
    let said = |files: &[(String, String)]| {
        load(files, &known(&requirements)).err().unwrap_or_default().iter().map(first_line).collect::<Vec<_>>()
    };
    assert_eq!(said(&[file("a/good.toml"), file("b/good.toml")]), [] as [&str; 0]);
    assert_eq!(said(&[file("a/good.toml"), file("a/good.toml")]), ["a/good.toml:1:1: there is a scenario `a/good` already"]);
    let instead = "letters, digits, `-`, `_` and folders, and `.toml` at the end";
    assert_eq!(said(&[file("a good.toml")]), [format!("a good.toml:1:1: `a good.toml` cannot be an id; {instead}")]);
    assert_eq!(said(&[file("a/good")]), [format!("a/good:1:1: `a/good` cannot be an id; {instead}")]);
}

/// A control in a file that could not be read is not missing: that file says what is wrong with it.
#[test]
fn one_wrong_file_does_not_make_others_wrong() {
    let requirements = Requirements::load(&[("doc.toml", REQUIREMENTS)]).unwrap();
    let row = "[row.x]\ndeliveries = {}\ncontrol = \"b/wrong#failed\"\n";
    let files = [("a/good.toml".into(), GOOD.replace(END, row)), ("b/wrong.toml".into(), "title = ".into())];
    let problems = load(&files, &known(&requirements)).err().unwrap_or_default();
    assert_eq!(problems.iter().map(|p| p.file.as_str()).collect::<Vec<_>>(), ["b/wrong.toml"]);
}

fn known(requirements: &Requirements) -> Known<'_> {
    Known::embedded(requirements, ["told-twice"]).unwrap()
}

fn first_line(problem: &Problem) -> String {
    problem.to_string().lines().next().unwrap_or_default().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_the_loader_panic(text in "\\PC{0,400}") {
        let requirements = Requirements::load(&[("doc.toml", REQUIREMENTS)]).unwrap();
        let _ = load(&[("a/any.toml".into(), text)], &known(&requirements));
    }

    /// A good file of which a piece is missing, twice, or replaced by something from the language gets further in.
    #[test]
    fn no_spoilt_file_makes_the_loader_panic(
        from in 0..GOOD.len(),
        length in 0..40_usize,
        into in prop_oneof![
            Just("".to_owned()),
            "[a-z.{}=\"\\[\\] \n0-9ä]{0,12}",
            proptest::sample::select(vec!["{with.answers}", "{asked}", "{code}", "{alice.id_token.sub}", "{", "[row.y]\n", "[[step]]\n", "then.",
                "set.", "first = [", "with.", "expect.", "\"", "= 1\n", "= {}\n", "= []\n"]).prop_map(str::to_owned),
        ],
        twice in any::<bool>(),
    ) {
        let requirements = Requirements::load(&[("doc.toml", REQUIREMENTS)]).unwrap();
        let end = (from + length).min(GOOD.len());
        let kept = if twice { &GOOD[from..end] } else { "" };
        let text = format!("{}{into}{kept}{kept}{}", &GOOD[..from], &GOOD[end..]);
        let _ = load(&[("a/any.toml".into(), text)], &known(&requirements));
    }
}
