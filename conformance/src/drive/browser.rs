//! A browser without script: cookies, redirects, forms. It goes until it lands at a client, or on a page where the person stops.

use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

use super::jar::Jar;
use super::page::{Flow, Hints, Page, Person, Purpose};
use super::recorder::{Errand, Recorder};
use super::walker::Walker;
use crate::transcript::{Answer, Callback, Endpoint, Landed, Request, pairs};

/// So many hops are a loop.
const HOPS: usize = 25;

/// One of the browsers of a check.
#[derive(Clone, Default)]
pub struct Browser {
    jar: Arc<Mutex<Jar>>,
    /// Walks in place of this browser, where the target file names a program for it.
    walker: Option<Walker>,
}

/// What the person does with the pages that come.
#[derive(Debug, Clone, Default)]
pub struct Intent {
    /// Signs in, if there is anybody.
    pub person: Option<Person>,
    /// Says yes (`Some(true)`), no, or nothing to a consent or a confirmation.
    pub decide: Option<bool>,
    /// Types this where a page asks for the code of a device.
    pub user_code: Option<String>,
}

/// Where it went.
#[derive(Debug, Clone, PartialEq)]
pub struct Went {
    /// The exchange of the first request.
    pub first: usize,
    /// The exchange of the last answer.
    pub last: usize,
    /// Where it landed; `None` if an answer never came.
    pub landed: Option<Landed>,
    /// What reached a client.
    pub callback: Option<Callback>,
}

/// What the browser has to know of the addresses around it.
pub trait Places: Send + Sync {
    /// The origin (`primary`, `other`) and the endpoint of an address of the target; `None` outside of it.
    fn of_target(&self, url: &Url) -> Option<(String, Endpoint)>;
    /// The client at whose redirect URI an address is, and whether that is a post-logout one.
    fn of_client(&self, url: &Url, flow: Flow) -> Option<(String, bool)>;
    /// What the target file says of its pages.
    fn hints(&self) -> &Hints;
}

impl Browser {
    /// One that a program plays.
    pub fn walked_by(walker: Walker) -> Self {
        Self { walker: Some(walker), ..Self::default() }
    }

    /// Opens an address, or sends a form there, and goes on.
    ///
    /// # Errors
    /// What the program did not do that walks here, if one does.
    pub async fn go(
        &self,
        recorder: &Recorder,
        places: &dyn Places,
        flow: Flow,
        request: Request,
        intent: &Intent,
        errand: &Errand,
    ) -> Result<Went, String> {
        if let Some(walker) = &self.walker {
            return walker.walk(recorder, places, flow, &request, intent, errand).await.map_err(|why| recorder.live.broken(why));
        }
        let mut request = request;
        let mut errand = errand.clone();
        let mut went: Option<Went> = None;
        let mut tried = Tried::default();
        for _ in 0..HOPS {
            let Ok(url) = Url::parse(&request.url) else { break };
            let Some((origin, endpoint)) = places.of_target(&url) else { break };
            self.dress(&mut request, &url, recorder);
            let index = recorder.send(endpoint, &origin, request.clone(), &errand).await;
            // What a row changed, it changed in the first request.
            errand.edited.clear();
            errand.gate = None;
            let so_far = went.get_or_insert(Went { first: index, last: index, landed: None, callback: None });
            so_far.last = index;
            let Some(answer) = recorder.answer(index) else { break };
            self.keep(&url, &answer, recorder);
            match next(&url, &answer, places, flow, intent, &mut tried) {
                Next::Go(onward) => request = onward,
                Next::Land(landed, callback) => {
                    so_far.landed = Some(landed);
                    so_far.callback = callback;
                    break;
                }
            }
        }
        Ok(went.unwrap_or(Went { first: 0, last: 0, landed: None, callback: None }))
    }

    /// Adds what every request of a browser carries: its cookies.
    pub fn dress(&self, request: &mut Request, url: &Url, recorder: &Recorder) {
        if !request.headers.iter().any(|(n, _)| n == "accept") {
            request.headers.push(("accept".into(), "text/html,application/xhtml+xml".into()));
        }
        request.headers.retain(|(n, _)| n != "cookie");
        let jar = self.jar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cookies) = jar.header(url, recorder.live.now()) {
            request.headers.push(("cookie".into(), cookies));
        }
    }

    /// Keeps the cookies of an answer.
    pub fn keep(&self, url: &Url, answer: &Answer, recorder: &Recorder) {
        let mut jar = self.jar.lock().unwrap_or_else(PoisonError::into_inner);
        for header in answer.header("set-cookie") {
            jar.keep(url, header, recorder.live.now());
        }
    }
}

/// What the person has done already. The same page again means that it was not taken.
#[derive(Default)]
struct Tried {
    sign_in: bool,
    code: bool,
}

enum Next {
    Go(Request),
    Land(Landed, Option<Callback>),
}

fn next(url: &Url, answer: &Answer, places: &dyn Places, flow: Flow, intent: &Intent, tried: &mut Tried) -> Next {
    if (300..400).contains(&answer.status)
        && let Some(to) = answer.header("location").next().and_then(|l| url.join(l).ok())
    {
        return follow(to, places, flow);
    }
    let page = Page::read(&answer.body);
    for form in &page.forms {
        let Ok(action) = url.join(&form.action) else { continue };
        if places.of_target(&action).is_none()
            && let Some((client, post_logout)) = places.of_client(&action, flow)
        {
            let params = form.fields.iter().map(|f| (f.name.clone(), f.value.clone())).collect();
            let landed = if post_logout { Landed::PostLogout } else { Landed::Callback };
            return Next::Land(landed, Some(Callback { by: "post".into(), url: action.into(), client: Some(client), params }));
        }
    }
    if let Some((form, params)) = page.by_itself()
        && let Some(action) = url.join(&form.action).ok().filter(|action| places.of_target(action).is_some())
    {
        return Next::Go(submit(action, &form.method, &params));
    }
    let hints = places.hints();
    let purpose = page.purpose(answer.status, flow, hints);
    let (landed, submitted) = match purpose {
        Purpose::Login => {
            let person = intent.person.as_ref().filter(|_| !std::mem::replace(&mut tried.sign_in, true));
            (Landed::Login, person.and_then(|p| page.sign_in(p, hints)))
        }
        Purpose::EnterCode => {
            let code = intent.user_code.as_ref().filter(|_| !std::mem::replace(&mut tried.code, true));
            (Landed::EnterCode, code.and_then(|code| page.enter(code, hints)))
        }
        Purpose::SelectAccount => (Landed::SelectAccount, intent.person.as_ref().and_then(|p| page.choose(p))),
        Purpose::Consent => {
            // What a device wants some providers ask of anybody, before they ask who it is (RFC 8628 §3.3).
            let decide = intent.decide.filter(|_| intent.person.is_some() || flow == Flow::Device);
            if let Some(to) = link(&page, url, decide, "consent", hints) {
                return follow(to, places, flow);
            }
            (Landed::Consent, decide.and_then(|yes| page.decide(yes, "consent", hints)))
        }
        Purpose::Confirm => {
            if let Some(to) = link(&page, url, intent.decide, "confirm", hints) {
                return follow(to, places, flow);
            }
            (Landed::Confirm, intent.decide.and_then(|yes| page.decide(yes, "confirm", hints)))
        }
        Purpose::SignedOut => (Landed::SignedOut, None),
        // Whoever has said yes and reads a no was refused.
        Purpose::Done if intent.decide != Some(false) && page.says_no() => (Landed::Error, None),
        Purpose::Done => (Landed::Done, None),
        Purpose::Error | Purpose::Carrier => (Landed::Error, None),
    };
    let onward = submitted.and_then(|(form, params)| Some(submit(url.join(&form.action).ok()?, &form.method, &params)));
    onward.map_or(Next::Land(landed, None), Next::Go)
}

/// Where a decision leads that is a link: one that the target file names, or one on a page that has no button for it.
fn link(page: &Page, url: &Url, decide: Option<bool>, name: &str, hints: &Hints) -> Option<Url> {
    let yes = decide?;
    let hinted = hints.get(name).is_some_and(|h| if yes { h.press.is_some() } else { h.refuse.is_some() });
    let to = page.link(yes, name, hints).filter(|_| hinted || page.decide(yes, name, hints).is_none())?;
    url.join(to).ok()
}

fn follow(to: Url, places: &dyn Places, flow: Flow) -> Next {
    if places.of_target(&to).is_some() {
        return Next::Go(Request { method: "GET".into(), url: to.into(), headers: Vec::new(), body: String::new() });
    }
    let (by, params) = match (to.query(), to.fragment()) {
        (None, Some(fragment)) => ("fragment", pairs(fragment)),
        (query, _) => ("query", pairs(query.unwrap_or_default())),
    };
    let (landed, callback) = arrived(to, by, params, places, flow);
    Next::Land(landed, callback)
}

/// What it means that the browser was sent away from the target to this address.
pub(super) fn arrived(to: Url, by: &str, params: Vec<(String, String)>, places: &dyn Places, flow: Flow) -> (Landed, Option<Callback>) {
    let (client, landed) = match places.of_client(&to, flow) {
        Some((client, true)) => (Some(client), Landed::PostLogout),
        Some((client, false)) => (Some(client), Landed::Callback),
        None => (None, Landed::Elsewhere),
    };
    (landed, Some(Callback { by: by.into(), url: to.into(), client, params }))
}

/// A form as it goes out.
fn submit(mut action: Url, method: &str, params: &[(String, String)]) -> Request {
    let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
    if method != "POST" {
        action.set_query(Some(&encoded));
        return Request { method: "GET".into(), url: action.into(), headers: Vec::new(), body: String::new() };
    }
    let origin = action.origin().ascii_serialization();
    let headers = vec![("content-type".into(), "application/x-www-form-urlencoded".into()), ("origin".into(), origin)];
    Request { method: "POST".into(), url: action.into(), headers, body: encoded }
}
