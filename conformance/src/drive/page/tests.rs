//! Pages as providers write them, and what a person reads in them.

use super::*;

#[test]
fn a_login_form_is_filled_by_role_and_label() {
    let page = Page::read(
        r#"<title>x</title><form method=post action="/go"><input type=hidden name=csrf value=7>
        <label for=u>Your e-mail</label><input id=u name=who><input type=password name=secret><button>Go</button></form>"#,
    );
    assert_eq!(page.purpose(200, Flow::Authorize, &Hints::new()), Purpose::Login);
    let person = Person { username: "alice".into(), password: "pw".into(), known_as: vec![] };
    let (form, params) = page.sign_in(&person, &Hints::new()).unwrap();
    assert_eq!((form.method.as_str(), form.action.as_str()), ("POST", "/go"));
    let pairs: Vec<_> = params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(pairs, [("csrf", "7"), ("who", "alice"), ("secret", "pw")]);
}

#[test]
fn yes_and_no_are_told_apart_by_words_values_and_hidden_fields() {
    let two_buttons = Page::read("<form><button name=a value=1>Cancel</button><button name=a value=2>Allow access</button></form>");
    assert_eq!(two_buttons.decide(true, "consent", &Hints::new()).unwrap().1, [("a".to_owned(), "2".to_owned())]);
    assert_eq!(two_buttons.decide(false, "consent", &Hints::new()).unwrap().1, [("a".to_owned(), "1".to_owned())]);
    let two_forms = Page::read(
        "<form><input type=hidden name=approval value=rejected><button>Go</button></form>\
         <form><input type=hidden name=approval value=approve><button>Go</button></form>",
    );
    assert_eq!(two_forms.decide(true, "consent", &Hints::new()).unwrap().1, [("approval".to_owned(), "approve".to_owned())]);
}

#[test]
fn a_form_that_a_script_sends_goes_out_by_itself() {
    let form = "<form method=post action=/on><input type=hidden name=a value=1><noscript><button>Continue</button></noscript></form>";
    let script = "<script>addEventListener('load', function () { document.forms[0].submit() })</script>";
    let page = Page::read(&format!("{script}{form}"));
    assert_eq!(page.by_itself().unwrap().1, [("a".to_owned(), "1".to_owned())]);
    assert!(Page::read(&format!("<body onload=\"javascript:document.forms[0].submit()\">{form}")).by_itself().is_some());
    assert!(Page::read(form).by_itself().is_none());
    assert!(Page::read(&format!("{script}<form><input type=password name=p></form>")).by_itself().is_none());
}

#[test]
fn a_decision_may_be_a_link() {
    let page = Page::read(
        r#"<form><button>Continue</button></form><a href="/abort">[ Cancel ]</a><button onclick="location.href='./yes?a=1'">Allow it</button>"#,
    );
    assert_eq!(page.link(false, "consent", &Hints::new()), Some("/abort"));
    assert_eq!(page.link(true, "consent", &Hints::new()), Some("./yes?a=1"), "it is a button to the eye");
    assert_eq!(Page::read("<a href=/yes>Allow it</a>").link(true, "consent", &Hints::new()), None, "a yes is no mere link");
    let hint = Hint { press: Some("allow it".into()), ..Hint::default() };
    assert_eq!(page.link(true, "consent", &Hints::from([("consent".into(), hint)])), Some("./yes?a=1"));
}

#[test]
fn a_page_whose_buttons_are_script_asks_all_the_same() {
    let asks = Page::read(
        r#"<button onclick="location.href='./say?a=1'" type=button>Allow</button><button onclick="location.href='./say?a=0'">Deny</button>"#,
    );
    assert_eq!(asks.purpose(200, Flow::Device, &Hints::new()), Purpose::Consent);
    assert_eq!(asks.link(true, "consent", &Hints::new()), Some("./say?a=1"));
    assert_eq!(asks.link(false, "consent", &Hints::new()), Some("./say?a=0"));
    let tells = Page::read(r#"<button onclick="location.href='/'">Home</button>"#);
    assert_eq!(tells.purpose(200, Flow::Device, &Hints::new()), Purpose::Done);
}

#[test]
fn an_account_is_chosen_by_its_person_or_else_another_one() {
    let page = Page::read(
        "<h1>Choose an account</h1><form><button name=s value=1>Alice Adams</button><button name=s value=new>Use another account</button></form>",
    );
    assert_eq!(page.purpose(200, Flow::Authorize, &Hints::new()), Purpose::SelectAccount);
    let alice = Person { known_as: vec!["alice".into()], ..Person::default() };
    let bob = Person { known_as: vec!["bob".into()], ..Person::default() };
    assert_eq!(page.choose(&alice).unwrap().1, [("s".to_owned(), "1".to_owned())]);
    assert_eq!(page.choose(&bob).unwrap().1, [("s".to_owned(), "new".to_owned())]);
}

#[test]
fn a_user_code_is_typed_where_a_page_asks_for_it_and_nowhere_else() {
    let page = Page::read(
        "<title>Connect</title><form method=post action=/device><input type=hidden name=csrf value=7>\
         <label>Code on the device <input name=uc></label><button name=go value=cancel>Cancel</button><button name=go value=on>Go on</button></form>",
    );
    assert_eq!(page.purpose(200, Flow::Device, &Hints::new()), Purpose::EnterCode);
    assert_eq!(page.purpose(400, Flow::Device, &Hints::new()), Purpose::EnterCode, "it asks again");
    assert_eq!(page.purpose(200, Flow::Authorize, &Hints::new()), Purpose::Consent);
    let (_, params) = page.enter("WDJB-MJHT", &Hints::new()).unwrap();
    let pairs: Vec<_> = params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(pairs, [("csrf", "7"), ("uc", "WDJB-MJHT"), ("go", "on")]);
}

#[test]
fn a_device_is_done_where_nothing_is_asked_and_nothing_failed() {
    let purpose = |html: &str, status| Page::read(html).purpose(status, Flow::Device, &Hints::new());
    assert_eq!(
        purpose("<h1>Allow the television?</h1><form><input type=hidden name=user_code value=x><button>Allow</button></form>", 200),
        Purpose::Consent
    );
    assert_eq!(purpose("<h1>The device is connected</h1>", 200), Purpose::Done);
    assert_eq!(purpose("<h1>You said no</h1>", 200), Purpose::Done);
    assert!(Page::read("<h1>You said no</h1>").says_no());
    assert_eq!(purpose("<h1>This code has expired</h1>", 200), Purpose::Error);
    assert_eq!(purpose("<h1>Done</h1>", 429), Purpose::Error);
}

#[test]
fn a_page_that_asks_for_a_code_is_that_whatever_it_is_called_and_a_hint_counts_where_its_words_are() {
    let signs_in = Hint { heading: Some("^Sign-in".into()), ..Hint::default() };
    let says_no = Hint { refuse: Some("[ Cancel ]".into()), ..Hint::default() };
    let hints = Hints::from([("login".into(), signs_in), ("consent".into(), says_no)]);
    let code = Page::read("<title>Sign-in</title><form method=post><input name=user_code></form>");
    assert_eq!(code.purpose(200, Flow::Device, &hints), Purpose::EnterCode);
    assert_eq!(code.purpose(200, Flow::Authorize, &hints), Purpose::Login);
    let confirm = Page::read(
        "<form id=f><input type=hidden name=confirm value=yes></form><button form=f>Continue</button><button form=f name=abort value=yes>[ Abort ]</button>",
    );
    let (_, no) = confirm.decide(false, "consent", &hints).unwrap();
    assert!(no.contains(&("abort".to_owned(), "yes".to_owned())), "{no:?}");
}
