//! Reads a page as a person does: what it is for, its fields by their roles and labels, its buttons by their words.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use regex::Regex;
use scraper::{ElementRef, Html, Selector};

/// What the target file says of a page, where roles and names do not tell.
#[derive(Debug, Clone, Default)]
pub struct Hint {
    /// A regular expression that its title and first heading fit (`title — heading`).
    pub heading: Option<String>,
    /// `username`, `password`, `user_code`: the names of their fields.
    pub fields: BTreeMap<String, String>,
    /// The words on the button or link that says yes.
    pub press: Option<String>,
    /// The words on the button or link that says no.
    pub refuse: Option<String>,
}

/// Hints by the name of the page; [`PAGES`].
pub type Hints = BTreeMap<String, Hint>;

/// The pages that hints can be about.
pub const PAGES: &[&str] = &["login", "consent", "select_account", "confirm", "signed_out", "enter_code", "done", "error"];

/// What a page is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the language's own words")]
pub enum Purpose {
    Login,
    Consent,
    SelectAccount,
    Confirm,
    SignedOut,
    /// Asks for the code that a device shows (RFC 8628 §3.3).
    EnterCode,
    /// Says that a device has its answer.
    Done,
    Error,
    /// A form that goes to an address outside of the target by itself.
    Carrier,
}

/// Which of the target's flows the browser is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "three flows")]
pub enum Flow {
    Authorize,
    EndSession,
    Device,
}

/// A page, taken apart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Title and first heading.
    pub heading: String,
    /// Its forms, in their order.
    pub forms: Vec<Form>,
    /// Its links, in their order.
    pub links: Vec<Link>,
    /// Whether a script sends its form as soon as it is there.
    pub sends_itself: bool,
}

/// A form.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Form {
    /// `GET` or `POST`.
    pub method: String,
    /// As written; empty means the page's own address.
    pub action: String,
    /// Everything that has a name and would be sent, without buttons.
    pub fields: Vec<Field>,
    /// The buttons that send it.
    pub buttons: Vec<Button>,
}

/// A field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub value: String,
    /// `text`, `password`, `hidden`, `radio`, `checkbox` …
    pub kind: String,
    /// The words of its label.
    pub label: String,
    /// Whether a radio or checkbox is on.
    pub on: bool,
}

/// A button.
#[derive(Debug, Clone, PartialEq)]
pub struct Button {
    /// Its name, often empty.
    pub name: String,
    /// What it sends.
    pub value: String,
    /// What stands on it.
    pub words: String,
}

/// A way from the page to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// What stands on it.
    pub words: String,
    /// Where it leads, as written.
    pub to: String,
    /// Whether it is a button to the eye: one outside of a form, whose script does no more than a link.
    pub button: bool,
}

/// Whom the page has in front of it.
#[derive(Clone, Default)]
pub struct Person {
    /// What is typed as name.
    pub username: String,
    /// What is typed as password.
    pub password: String,
    /// Words by which an account of this person is known.
    pub known_as: Vec<String>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("username", &self.username).field("known_as", &self.known_as).finish_non_exhaustive()
    }
}

impl Page {
    /// Reads the HTML of a page.
    pub fn read(html: &str) -> Self {
        let document = Html::parse_document(html);
        let words = |selector: &str| {
            let selector = Selector::parse(selector).ok()?;
            document.select(&selector).next().map(text)
        };
        let heading = [words("title"), words("h1")].into_iter().flatten().collect::<Vec<_>>().join(" — ");
        let forms = Selector::parse("form").map(|s| document.select(&s).map(|f| Form::read(f, &document)).collect()).unwrap_or_default();
        Self {
            heading,
            forms,
            links: links(&document),
            sends_itself: fits(html, r"\bforms(\[0\]|\.\w+)\.submit\(\)|onload\s*=[^>]*submit\(\)"),
        }
    }

    /// The form that goes out by itself: there is one, and nothing in it is the person's to say.
    pub fn by_itself(&self) -> Option<(&Form, Vec<(String, String)>)> {
        let [form] = self.forms.as_slice() else { return None };
        let silent = form.fields.iter().all(|f| f.kind == "hidden");
        (self.sends_itself && silent).then(|| (form, form.standing()))
    }

    /// What the page is for.
    pub fn purpose(&self, status: u16, flow: Flow, hints: &Hints) -> Purpose {
        let has = |role: Role| self.forms.iter().any(|f| f.field(role, hints).is_some());
        // Before its heading, which is "Sign-in" at some providers, and before the status: whoever has typed a wrong code is asked again.
        if flow == Flow::Device && has(Role::UserCode) && !has(Role::Password) {
            return Purpose::EnterCode;
        }
        for (name, hint) in hints {
            let fits = hint.heading.as_deref().and_then(|h| Regex::new(h).ok()).is_some_and(|h| h.is_match(&self.heading));
            if let (true, Some(purpose)) = (fits, named(name)) {
                return purpose;
            }
        }
        if has(Role::Password) {
            return Purpose::Login;
        }
        if status >= 400 {
            return Purpose::Error;
        }
        if fits(&self.heading, r"(?i)(choose|select|pick)\b.*\baccount|\bkonto\b.*wählen") {
            return Purpose::SelectAccount;
        }
        let asks = self.forms.iter().any(|f| !f.buttons.is_empty())
            || self.links.iter().any(|l| l.button && (says(&l.words, true) || says(&l.words, false)));
        match (flow, asks) {
            (Flow::EndSession, true) => Purpose::Confirm,
            (Flow::EndSession, false) => Purpose::SignedOut,
            (Flow::Authorize | Flow::Device, true) => Purpose::Consent,
            // Nothing is asked any more. A page that is not that of success says so, whatever its status.
            (Flow::Device, false) if !fits(&self.heading, FAILURE) => Purpose::Done,
            (Flow::Authorize | Flow::Device, false) => Purpose::Error,
        }
    }

    /// Whether it says that somebody said no.
    pub fn says_no(&self) -> bool {
        fits(&self.heading, NO)
    }

    /// The form that asks for a user code, with this one typed in.
    pub fn enter(&self, code: &str, hints: &Hints) -> Option<(&Form, Vec<(String, String)>)> {
        let form = self.forms.iter().find(|f| f.field(Role::UserCode, hints).is_some())?;
        let field = form.field(Role::UserCode, hints)?.to_owned();
        let mut params = form.standing();
        params.iter_mut().filter(|(name, _)| *name == field).for_each(|(_, value)| code.clone_into(value));
        params.extend(form.button(|b| !fits(&b.words, NO)).and_then(Button::sent));
        Some((form, params))
    }

    /// The login form, filled in.
    pub fn sign_in(&self, person: &Person, hints: &Hints) -> Option<(&Form, Vec<(String, String)>)> {
        let form = self.forms.iter().find(|f| f.field(Role::Password, hints).is_some())?;
        let password = form.field(Role::Password, hints)?.to_owned();
        let username = form.field(Role::Username, hints).map(str::to_owned);
        let mut params = form.standing();
        for (name, value) in &mut params {
            if *name == password {
                value.clone_from(&person.password);
            } else if Some(&*name) == username.as_ref() {
                value.clone_from(&person.username);
            }
        }
        params.extend(form.button(|_| true).and_then(Button::sent));
        Some((form, params))
    }

    /// The form of a decision with its button: yes or no. `page` is the name of the page in the hints.
    pub fn decide(&self, yes: bool, page: &str, hints: &Hints) -> Option<(&Form, Vec<(String, String)>)> {
        // Two pages of one kind may have different words, of which the file knows one.
        let meant = |b: &Button, words: &str| b.words.eq_ignore_ascii_case(words) || b.value.eq_ignore_ascii_case(words);
        let hint = hints.get(page).and_then(|h| if yes { h.press.clone() } else { h.refuse.clone() });
        let hint = hint.filter(|words| self.forms.iter().any(|f| f.button(|b| meant(b, words)).is_some()));
        let wanted = |b: &Button| match &hint {
            Some(words) => meant(b, words),
            None => says(&format!("{} {}", b.words, b.value), yes),
        };
        // Two forms that differ in a hidden value are buttons too.
        let hidden = |f: &Form| f.fields.iter().any(|x| x.kind == "hidden" && fits(&x.value, if yes { YES } else { NO }));
        let form = self
            .forms
            .iter()
            .find(|f| f.button(wanted).is_some())
            .or_else(|| self.forms.iter().find(|f| hidden(f)).or_else(|| self.forms.iter().find(|f| yes && !f.buttons.is_empty())))?;
        let mut params = form.standing();
        params.extend(form.button(wanted).or_else(|| form.button(|_| true)).and_then(Button::sent));
        Some((form, params))
    }

    /// Where the link leads that is a decision, for pages on which one is no button. `page` is as in [`Page::decide`].
    pub fn link(&self, yes: bool, page: &str, hints: &Hints) -> Option<&str> {
        let hint = hints.get(page).and_then(|h| if yes { h.press.as_deref() } else { h.refuse.as_deref() });
        let wanted = |link: &&Link| match hint {
            Some(hint) => link.words.eq_ignore_ascii_case(hint),
            // A page has many links, and a yes is a button everywhere.
            None => (link.button || !yes) && says(&link.words, yes),
        };
        self.links.iter().find(wanted).map(|link| link.to.as_str())
    }

    /// The form that chooses the account of a person, or another account where it is not listed.
    pub fn choose(&self, person: &Person) -> Option<(&Form, Vec<(String, String)>)> {
        let theirs = |text: &str| person.known_as.iter().any(|k| !k.is_empty() && text.to_lowercase().contains(&k.to_lowercase()));
        let another = |text: &str| fits(text, r"(?i)\b(another|other|different|new)\b");
        for wanted in [&theirs as &dyn Fn(&str) -> bool, &another] {
            for form in &self.forms {
                if let Some(button) = form.button(|b| wanted(&b.words) || wanted(&b.value)) {
                    let mut params = form.standing();
                    params.extend(button.sent());
                    return Some((form, params));
                }
                let radio = form.fields.iter().find(|f| f.kind == "radio" && (wanted(&f.label) || wanted(&f.value)));
                if let Some(radio) = radio {
                    let mut params: Vec<_> = form.standing().into_iter().filter(|(n, _)| *n != radio.name).collect();
                    params.push((radio.name.clone(), radio.value.clone()));
                    params.extend(form.button(|_| true).and_then(Button::sent));
                    return Some((form, params));
                }
            }
        }
        None
    }
}

const YES: &str = r"(?i)\b(yes|allow|approve|approved|accept|continue|confirm|authori[sz]e|grant|agree|sign[ -]?out|log[ -]?out|sign[ -]?in|log[ -]?in)\b";
const NO: &str = r"(?i)\b(no|deny|denied|cancel|reject|rejected|decline|disallow|stay|abort)\b";

/// What a page without a question says where nothing came of it.
const FAILURE: &str = r"(?i)\b(error|failed|failure|invalid|unknown|wrong|expired|not (found|valid|possible)|too many|try again)\b";

#[derive(Clone, Copy)]
enum Role {
    Username,
    Password,
    UserCode,
}

impl Form {
    fn read(form: ElementRef<'_>, document: &Html) -> Self {
        let attribute = |e: ElementRef<'_>, n: &str| e.value().attr(n).unwrap_or_default().to_owned();
        let mut read = Self { method: attribute(form, "method").to_uppercase(), action: attribute(form, "action"), ..Self::default() };
        if read.method != "POST" {
            read.method = "GET".into();
        }
        let id = attribute(form, "id");
        let inside = Selector::parse("input, button, select, textarea");
        let outside = Selector::parse("input[form], button[form]");
        let inner = inside.iter().flat_map(|s| form.select(s));
        let outer = outside.iter().flat_map(|s| document.select(s)).filter(|e| !id.is_empty() && attribute(*e, "form") == id);
        for element in inner.chain(outer) {
            let (name, value) = (attribute(element, "name"), attribute(element, "value"));
            let tag = element.value().name();
            let kind = element.value().attr("type").unwrap_or(if tag == "button" { "submit" } else { "text" }).to_lowercase();
            match (tag, kind.as_str()) {
                ("button" | "input", "submit" | "image") => {
                    let words = if tag == "button" { text(element) } else { value.clone() };
                    read.buttons.push(Button { name, value, words });
                }
                (_, "button" | "reset") => {}
                _ if name.is_empty() => {}
                _ => {
                    let on = element.value().attr("checked").is_some();
                    let label = label_of(element, document);
                    read.fields.push(Field { name, value, kind, label, on });
                }
            }
        }
        read
    }

    /// What the form sends when nobody touches it.
    fn standing(&self) -> Vec<(String, String)> {
        self.fields
            .iter()
            .filter(|f| f.on || !matches!(f.kind.as_str(), "radio"))
            .map(|f| (f.name.clone(), if f.kind == "checkbox" && f.value.is_empty() { "on".into() } else { f.value.clone() }))
            .collect()
    }

    fn button(&self, wanted: impl Fn(&Button) -> bool) -> Option<&Button> {
        self.buttons.iter().find(|b| wanted(b))
    }

    fn field(&self, role: Role, hints: &Hints) -> Option<&str> {
        let (page, word, pattern) = match role {
            Role::Username => ("login", "username", r"(?i)user|login|e-?mail|account|identifier"),
            Role::Password => ("login", "password", r"(?i)^(password|passwd|pass)$"),
            Role::UserCode => ("enter_code", "user_code", r"(?i)code"),
        };
        let hinted = hints.get(page).and_then(|h| h.fields.get(word));
        let found = self.fields.iter().find(|f| match (hinted, &role) {
            (Some(name), _) => f.name == *name,
            (None, Role::Password) => f.kind == "password" || (f.kind == "text" && fits(&f.name, pattern)),
            (None, Role::Username | Role::UserCode) => {
                matches!(f.kind.as_str(), "text" | "email" | "tel" | "search") && (fits(&f.name, pattern) || fits(&f.label, pattern))
            }
        });
        found.map(|f| f.name.as_str())
    }
}

impl Button {
    fn sent(&self) -> Option<(String, String)> {
        (!self.name.is_empty()).then(|| (self.name.clone(), self.value.clone()))
    }
}

fn named(page: &str) -> Option<Purpose> {
    Some(match page {
        "login" => Purpose::Login,
        "consent" => Purpose::Consent,
        "select_account" => Purpose::SelectAccount,
        "confirm" => Purpose::Confirm,
        "signed_out" => Purpose::SignedOut,
        "enter_code" => Purpose::EnterCode,
        "done" => Purpose::Done,
        "error" => Purpose::Error,
        _ => return None,
    })
}

/// Whether words on a button are a yes, or a no.
fn says(words: &str, yes: bool) -> bool {
    let no = fits(words, NO);
    if yes { fits(words, YES) && !no } else { no }
}

/// Links, and buttons whose script does no more than a link.
fn links(document: &Html) -> Vec<Link> {
    let go = pattern(r#"location(?:\.href)?\s*=\s*['"]([^'"]+)['"]"#);
    let scripted = |e: ElementRef<'_>| Some(go.as_ref()?.captures(e.value().attr("onclick")?)?[1].to_owned());
    let to = |e: ElementRef<'_>| e.value().attr("href").map(str::to_owned).or_else(|| scripted(e));
    let all = Selector::parse("a[href], button[onclick], a[onclick]");
    let link = |e: ElementRef<'_>| Some(Link { words: text(e), to: to(e)?, button: e.value().name() == "button" });
    all.map(|s| document.select(&s).filter_map(link).collect()).unwrap_or_default()
}

fn text(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn label_of(element: ElementRef<'_>, document: &Html) -> String {
    let wrapped = element.ancestors().filter_map(ElementRef::wrap).find(|e| e.value().name() == "label");
    let id = element.value().attr("id").unwrap_or_default();
    let by_id = || {
        let labels = Selector::parse("label").ok()?;
        document.select(&labels).find(|l| !id.is_empty() && l.value().attr("for") == Some(id))
    };
    wrapped.or_else(by_id).map(text).unwrap_or_default()
}

/// Whether a text fits one of our own patterns.
fn fits(text: &str, ours: &'static str) -> bool {
    pattern(ours).is_some_and(|p| p.is_match(text))
}

/// One of our own patterns, made once: a run reads thousands of pages.
fn pattern(ours: &'static str) -> Option<Regex> {
    static MADE: Mutex<BTreeMap<&str, Option<Regex>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(ours).or_insert_with(|| Regex::new(ours).ok()).clone()
}

#[cfg(test)]
mod tests;
