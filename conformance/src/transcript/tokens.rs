//! Every code and token seen on the wire, with whom it was for, where it came from and which keys were published when it came.

use std::collections::BTreeMap;

use serde_json::Value;

use super::jose::Jws;
use super::{Endpoint, Exchange, Millis, Transcript, pairs};
use crate::scenario::Verb;

/// A code or token as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// As it stands.
    pub text: String,
    /// Taken apart, if it is a JWS.
    pub jws: Option<Jws>,
    /// The client that got it.
    pub client: Option<String>,
    /// The person who had signed in, where that is certain.
    pub user: Option<String>,
    /// The exchange whose answer brought it.
    pub exchange: Option<usize>,
    /// The delivery that brought it.
    pub delivery: Option<usize>,
    /// The origin of the target that it came from: `primary`, `other`; empty if that is not known.
    pub origin: String,
    /// The `grant_type` that it was bought with; empty for codes and logout tokens.
    pub grant_type: String,
    /// Index in [`authorizations`] of the authorization that it goes back to, through codes and refresh tokens.
    pub authorization: Option<usize>,
    /// When its request was sent (for a delivery: when it came).
    pub asked: Millis,
    /// When it came.
    pub came: Millis,
    /// Its place among all messages of the check.
    pub seq: u64,
    /// Nothing was changed on purpose in the request that brought it.
    pub honest: bool,
    /// The JWK Set as published when it came; `None` if it was not fetched.
    pub keys: Option<Value>,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the protocols' own words")]
pub enum Kind {
    Code,
    AccessToken,
    RefreshToken,
    IdToken,
    LogoutToken,
    UserinfoToken,
}

impl Kind {
    /// The protocols' word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
            Self::IdToken => "id_token",
            Self::LogoutToken => "logout_token",
            Self::UserinfoToken => "userinfo_token",
        }
    }
}

/// An authorization request, and the answer that reached the client.
#[derive(Debug, Clone, PartialEq)]
pub struct Authorization {
    /// The exchange of the request.
    pub exchange: usize,
    /// The client on whose behalf.
    pub client: Option<String>,
    /// The browser.
    pub browser: Option<String>,
    /// The person who had signed in when it was answered, where that is certain.
    pub user: Option<String>,
    /// Its parameters, in their order.
    pub params: Vec<(String, String)>,
    /// Nothing was changed in it on purpose.
    pub honest: bool,
    /// What reached the client.
    pub arrived: Option<Arrived>,
}

/// An answer of the authorization endpoint at the client.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrived {
    /// The exchange whose answer leads to the client.
    pub exchange: usize,
    /// The address, whole.
    pub url: String,
    /// The parameters, in their order.
    pub params: Vec<(String, String)>,
}

impl Authorization {
    /// The one value of a parameter; `None` if it is not there or comes twice.
    pub fn param(&self, name: &str) -> Option<&str> {
        one(&self.params, name)
    }
}

impl Arrived {
    /// The first value of a parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// The one value of a name; `None` if it is not there or comes twice.
pub fn one<'a>(params: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = params.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str());
    values.next().filter(|_| values.next().is_none())
}

/// Every authorization request in the order in which it was sent.
///
/// Its answer is looked for in what the same browser got before its next authorization request: a redirect, or a form that posts
/// itself, to the redirect URI that was asked for or one that is registered.
pub fn authorizations(transcript: &Transcript) -> Vec<Authorization> {
    let mut all = Vec::new();
    for (index, exchange) in transcript.exchanges.iter().enumerate() {
        let params = exchange.request.params();
        if exchange.endpoint != Endpoint::Authorize || !params.iter().any(|(n, _)| n == "client_id") {
            continue;
        }
        let homes = homes(transcript, exchange, &params);
        let arrived = trail(transcript, index).find_map(|i| arrival(i, &transcript.exchanges[i], &homes));
        let until = arrived.as_ref().map_or(index, |a: &Arrived| a.exchange);
        all.push(Authorization {
            exchange: index,
            client: exchange.client.clone(),
            browser: exchange.browser.clone(),
            user: person(transcript, index, until),
            params,
            honest: exchange.honest(),
            arrived,
        });
    }
    all
}

/// Where the answer may go: what was asked for, and what is registered.
fn homes(transcript: &Transcript, exchange: &Exchange, params: &[(String, String)]) -> Vec<url::Url> {
    let asked = params.iter().filter(|(n, _)| n == "redirect_uri").map(|(_, v)| v.as_str());
    let registered = exchange.client.as_ref().and_then(|name| transcript.clients.get(name)).and_then(|c| c.get("redirect_uris"));
    let registered = registered.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    asked.chain(registered).filter_map(|text| url::Url::parse(text).ok()).collect()
}

/// The exchanges that follow an authorization request in its browser, itself the first.
fn trail(transcript: &Transcript, from: usize) -> impl Iterator<Item = usize> {
    let begin = &transcript.exchanges[from];
    let rest = transcript.exchanges.iter().enumerate().skip(from + 1);
    let same = rest.filter(move |(_, e)| e.browser.is_some() && e.browser == begin.browser && e.step == begin.step);
    let next = |e: &Exchange| e.endpoint == Endpoint::Authorize && e.request.param("client_id").is_some();
    std::iter::once(from).chain(same.take_while(move |(_, e)| !next(e)).map(|(i, _)| i))
}

/// The answer of an exchange, if it leads to one of these addresses.
fn arrival(index: usize, exchange: &Exchange, homes: &[url::Url]) -> Option<Arrived> {
    let answer = exchange.ok()?;
    let here = url::Url::parse(&exchange.request.url).ok()?;
    let leads = |to: &url::Url| homes.iter().any(|home| same_place(home, to));
    if (300..400).contains(&answer.status) {
        let to = here.join(answer.header("location").next()?).ok().filter(leads)?;
        let mut params = pairs(to.query().unwrap_or(""));
        params.extend(pairs(to.fragment().unwrap_or("")));
        return Some(Arrived { exchange: index, url: to.into(), params });
    }
    let (to, params) =
        forms(&answer.body).into_iter().find_map(|(action, params)| Some((here.join(&action).ok().filter(leads)?, params)))?;
    Some(Arrived { exchange: index, url: to.into(), params })
}

/// Scheme, host, port and path are equal; the port of a loopback address may be any (RFC 8252 §7.3).
pub fn same_place(registered: &url::Url, seen: &url::Url) -> bool {
    let loopback = matches!(registered.host_str(), Some("127.0.0.1" | "[::1]" | "localhost")) && registered.scheme() == "http";
    let port = loopback || registered.port_or_known_default() == seen.port_or_known_default();
    port && registered.scheme() == seen.scheme() && registered.host_str() == seen.host_str() && registered.path() == seen.path()
}

/// The forms of a page that are posted: where to, and with which hidden fields.
fn forms(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    if !html.contains("<form") && !html.contains("<FORM") {
        return Vec::new();
    }
    let (Ok(form), Ok(hidden)) = (scraper::Selector::parse("form[action]"), scraper::Selector::parse("input[type=hidden][name]")) else {
        return Vec::new();
    };
    let page = scraper::Html::parse_document(html);
    let read = |form: scraper::ElementRef<'_>| {
        let field = |input: scraper::ElementRef<'_>| {
            Some((input.value().attr("name")?.to_owned(), input.value().attr("value").unwrap_or_default().to_owned()))
        };
        Some((form.value().attr("action")?.to_owned(), form.select(&hidden).filter_map(field).collect()))
    };
    page.select(&form).filter_map(read).collect()
}

/// Who had signed in when exchange `until` was answered: the one person who was ever in front of this browser, or the one who typed a
/// password on the way from exchange `from` on. A browser that has seen two people and asks for neither is not guessed at.
fn person(transcript: &Transcript, from: usize, until: usize) -> Option<String> {
    let browser = transcript.exchanges.get(from)?.browser.as_ref()?;
    let of_browser = || transcript.exchanges.iter().enumerate().take(until + 1).filter(|(_, e)| e.browser.as_ref() == Some(browser));
    let on_the_way = of_browser().skip_while(|(index, _)| *index < from);
    let typed = on_the_way.filter(|(_, e)| e.request.form().iter().any(|(name, _)| name.contains("pass"))).last();
    if let Some((_, exchange)) = typed {
        return exchange.user.clone();
    }
    let mut users: Vec<&String> = of_browser().filter_map(|(_, e)| e.user.as_ref()).collect();
    users.sort();
    users.dedup();
    match users.as_slice() {
        [one] => Some((*one).clone()),
        _ => None,
    }
}

/// The deliveries by index, in the order in which they came. What came at one moment of the target's clock came in any order, so there
/// the client decides.
pub fn ledger(transcript: &Transcript) -> Vec<usize> {
    let mut order: Vec<usize> = (0..transcript.deliveries.len()).collect();
    let deliveries = &transcript.deliveries;
    order.sort_by_key(|i| (deliveries[*i].came, &deliveries[*i].client, deliveries[*i].came_seq));
    order
}

/// Every code and token: what exchanges brought in the order in which it came, then what deliveries brought in that of [`ledger`].
pub fn tokens(transcript: &Transcript, authorizations: &[Authorization]) -> Vec<Token> {
    let mut all = Vec::new();
    for (index, authorization) in authorizations.iter().enumerate() {
        let Some(arrived) = &authorization.arrived else { continue };
        let Some((exchange, code)) = transcript.exchanges.get(arrived.exchange).zip(arrived.param("code")) else { continue };
        let mut token = from_exchange(Kind::Code, code, arrived.exchange, exchange);
        token.client.clone_from(&authorization.client);
        token.honest = authorization.honest;
        token.authorization = Some(index);
        all.push(token);
    }
    for (index, exchange) in transcript.exchanges.iter().enumerate().filter(|(_, e)| e.endpoint == Endpoint::Token) {
        let Some(Value::Object(body)) = exchange.ok().filter(|a| a.status == 200).and_then(super::Answer::json) else { continue };
        let form = exchange.request.form();
        let authorization = lineage(&all, &form);
        for kind in [Kind::AccessToken, Kind::RefreshToken, Kind::IdToken] {
            let Some(text) = body.get(kind.word()).and_then(Value::as_str) else { continue };
            let mut token = from_exchange(issued(kind, &body), text, index, exchange);
            token.grant_type = one(&form, "grant_type").unwrap_or_default().to_owned();
            token.authorization = authorization;
            all.push(token);
        }
    }
    for (index, exchange) in transcript.exchanges.iter().enumerate() {
        all.extend(userinfo_token(exchange).map(|text| from_exchange(Kind::UserinfoToken, text, index, exchange)));
    }
    for token in &mut all {
        token.user = token.authorization.and_then(|i| authorizations.get(i)).and_then(|a| a.user.clone());
    }
    all.sort_by_key(|t| t.seq);
    for index in ledger(transcript) {
        let delivery = &transcript.deliveries[index];
        let Some(text) = delivery.request.param("logout_token") else { continue };
        let jws = Jws::parse(&text);
        let origin = jws.as_ref().and_then(|j| origin_of(transcript, j.claim_str("iss")?)).unwrap_or_default();
        all.push(Token {
            kind: Kind::LogoutToken,
            text,
            jws,
            client: delivery.client.clone(),
            user: None,
            exchange: None,
            delivery: Some(index),
            origin,
            grant_type: String::new(),
            authorization: None,
            asked: delivery.came,
            came: delivery.came,
            seq: delivery.came_seq,
            honest: true,
            keys: None,
        });
    }
    let published = Published::of(transcript);
    for token in &mut all {
        token.keys = published.when(token);
    }
    all
}

/// Whatever an exchange issues stands in `access_token`, and `issued_token_type` says what it is (RFC 8693 §2.2.1).
fn issued(place: Kind, body: &serde_json::Map<String, Value>) -> Kind {
    let said = body.get("issued_token_type").and_then(Value::as_str).and_then(|t| t.strip_prefix("urn:ietf:params:oauth:token-type:"));
    match (place, said) {
        (Kind::AccessToken, Some("id_token")) => Kind::IdToken,
        (Kind::AccessToken, Some("refresh_token")) => Kind::RefreshToken,
        _ => place,
    }
}

/// The answer of UserInfo, if it is a JWT (Core §5.3.2).
pub fn userinfo_token(exchange: &Exchange) -> Option<&str> {
    let answer = exchange.ok().filter(|a| exchange.endpoint == Endpoint::Userinfo && a.status == 200)?;
    let media_type = answer.header("content-type").next()?.split(';').next()?;
    media_type.trim().eq_ignore_ascii_case("application/jwt").then(|| answer.body.trim())
}

fn from_exchange(kind: Kind, text: &str, index: usize, exchange: &Exchange) -> Token {
    Token {
        kind,
        text: text.to_owned(),
        jws: Jws::parse(text),
        client: exchange.client.clone(),
        user: None,
        exchange: Some(index),
        delivery: None,
        origin: exchange.origin.clone(),
        grant_type: String::new(),
        authorization: None,
        asked: exchange.sent,
        came: exchange.answered,
        seq: exchange.answered_seq,
        honest: exchange.honest(),
        keys: None,
    }
}

/// The authorization behind what a token request hands in.
fn lineage(so_far: &[Token], form: &[(String, String)]) -> Option<usize> {
    let handed_in = one(form, "code").or_else(|| one(form, "refresh_token"))?;
    so_far.iter().rfind(|t| t.text == handed_in).and_then(|t| t.authorization)
}

fn origin_of(transcript: &Transcript, issuer: &str) -> Option<String> {
    transcript.target.issuers.iter().find(|(_, text)| text.as_str() == issuer).map(|(name, _)| name.clone())
}

/// The JWK Sets that were fetched, by origin.
struct Published<'a> {
    transcript: &'a Transcript,
    sets: BTreeMap<&'a str, Vec<(usize, Value)>>,
}

impl<'a> Published<'a> {
    fn of(transcript: &'a Transcript) -> Self {
        let mut sets = BTreeMap::<&str, Vec<(usize, Value)>>::new();
        for (index, exchange) in transcript.exchanges.iter().enumerate().filter(|(_, e)| e.endpoint == Endpoint::Keys) {
            let set = exchange.ok().filter(|a| a.status == 200).and_then(super::Answer::json);
            if let Some(set) = set.filter(|s| s.get("keys").is_some_and(Value::is_array)) {
                sets.entry(&exchange.origin).or_default().push((index, set));
            }
        }
        Self { transcript, sets }
    }

    /// The last set fetched before the token came. If keys were rotated in between, or the set lacks the token's key, a set fetched
    /// later says more; if there is none, the earlier one has to do.
    fn when(&self, token: &Token) -> Option<Value> {
        let sets = self.sets.get(token.origin.as_str()).or_else(|| self.sets.values().next())?;
        let seq = |index: usize| self.transcript.exchanges[index].answered_seq;
        let before = sets.iter().rfind(|(index, _)| seq(*index) < token.seq);
        let after = sets.iter().find(|(index, _)| seq(*index) > token.seq);
        let kid = token.jws.as_ref().and_then(|j| j.header_str("kid"));
        let stale = |index: usize, set: &Value| self.rotated_between(seq(index), token.seq) || kid.is_some_and(|kid| !has_key(set, kid));
        match (before, after) {
            (Some((index, set)), Some((_, later))) => Some(if stale(*index, set) { later } else { set }.clone()),
            (Some((_, set)), None) | (None, Some((_, set))) => Some(set.clone()),
            (None, None) => None,
        }
    }

    fn rotated_between(&self, from: u64, to: u64) -> bool {
        let exchanges = self.transcript.exchanges.iter().filter(|e| e.sent_seq > from && e.sent_seq < to);
        exchanges
            .filter_map(|e| self.transcript.steps.get(e.step))
            .any(|step| step.verb == Verb::Admin && step.fields.get("do").and_then(Value::as_str) == Some("rotate_keys"))
    }
}

fn has_key(set: &Value, kid: &str) -> bool {
    let keys = set.get("keys").and_then(Value::as_array).into_iter().flatten();
    keys.into_iter().any(|k| k.get("kid").and_then(Value::as_str) == Some(kid))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::judge::sample::{Sample, check, json_answer, jwks, request};
    use crate::scenario::Expectations;
    use crate::transcript::{Place, Reply};

    fn sample() -> Sample {
        Sample::new(check("a/b", Expectations::default()))
    }

    fn read(sample: &Sample) -> (Vec<Authorization>, Vec<Token>) {
        let authorizations = authorizations(&sample.t);
        let tokens = tokens(&sample.t, &authorizations);
        (authorizations, tokens)
    }

    /// The keys are published under these names.
    fn publish(sample: &mut Sample, kids: &[&str]) {
        let mut set = jwks();
        set["keys"].as_array_mut().unwrap().retain(|k| kids.contains(&k["kid"].as_str().unwrap()));
        let request = request("GET", "https://op.test/keys", &[]);
        sample.exchange(Endpoint::Keys, "", None, request, json_answer(200, &set));
        sample.done(Place::Walk, Verb::Keys, None, Reply::default());
    }

    fn kids(token: &Token) -> Vec<String> {
        let keys = token.keys.as_ref().and_then(|s| s["keys"].as_array()).into_iter().flatten();
        keys.map(|k| k["kid"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_token_goes_back_to_its_code_its_browser_and_its_person() {
        let mut s = sample();
        s.login("web", "web", "alice", "first", &[]);
        s.login("again", "web", "alice", "first", &[]);
        s.login("bob", "forum", "bob", "second", &[]);
        let (authorizations, tokens) = read(&s);
        let id_tokens: Vec<_> = tokens.iter().filter(|t| t.kind == Kind::IdToken).collect();
        let people: Vec<_> = id_tokens.iter().map(|t| t.user.as_deref().unwrap_or("?")).collect();
        assert_eq!(people, ["alice", "alice", "bob"]);
        let browsers: Vec<_> = id_tokens.iter().map(|t| authorizations[t.authorization.unwrap()].browser.as_deref().unwrap()).collect();
        assert_eq!(browsers, ["first", "first", "second"]);
        assert_eq!(tokens.iter().filter(|t| t.kind == Kind::Code).count(), 3);
    }

    #[test]
    fn a_browser_that_has_seen_two_people_is_not_guessed_at() {
        let mut s = sample();
        s.login("web", "web", "alice", "first", &[]);
        s.authorize("web", "first", Some("bob"), &[], &[("code", "of-bob")]);
        s.authorize("web", "first", None, &[], &[("code", "of-somebody")]);
        let (authorizations, _) = read(&s);
        let people: Vec<_> = authorizations.iter().map(|a| a.user.as_deref()).collect();
        assert_eq!(people, [Some("alice"), Some("bob"), None]);
    }

    #[test]
    fn an_answer_can_come_as_a_form_that_posts_itself() {
        let mut s = sample();
        let index = s.authorize("web", "first", None, &[], &[("code", "c")]);
        let form = r#"<form method="post" action="https://web.rp.test/cb"><input type="hidden" name="code" value="c&amp;d"><button>Go on</button></form>"#;
        s.t.exchanges[index].answer = Ok(crate::judge::sample::answer(200, &[("content-type", "text/html")], form));
        let (authorizations, tokens) = read(&s);
        assert_eq!(authorizations[0].arrived.as_ref().unwrap().param("code"), Some("c&d"));
        assert_eq!(tokens[0].text, "c&d");
    }

    #[test]
    fn the_keys_of_a_token_are_those_published_when_it_came() {
        let mut s = sample();
        publish(&mut s, &["ed"]);
        s.login("web", "web", "alice", "first", &[]);
        s.login("shop", "shop", "alice", "first", &[]);
        publish(&mut s, &["ed", "ec"]);
        let (_, tokens) = read(&s);
        let of = |client: &str| kids(tokens.iter().find(|t| t.kind == Kind::IdToken && t.client.as_deref() == Some(client)).unwrap());
        assert_eq!(of("web"), ["ed"]);
        // The set that was fetched before lacks its key, so the next one says more.
        assert_eq!(of("shop"), ["ed", "ec"]);
    }

    #[test]
    fn after_a_rotation_the_keys_of_before_say_nothing() {
        let mut s = sample();
        publish(&mut s, &["ed", "ec"]);
        s.exchange(Endpoint::Management, "", None, request("POST", "https://op.test/management/rotate", &[]), json_answer(200, &json!({})));
        s.done(Place::Walk, Verb::Admin, None, Reply::default());
        s.t.steps[1].fields = json!({ "do": "rotate_keys" });
        s.deliver("web", "a", "b", json!(200));
        publish(&mut s, &["ec"]);
        assert_eq!(kids(&read(&s).1[0]), ["ec"]);
    }

    #[test]
    fn the_port_of_a_loopback_address_may_be_any() {
        let url = |text| url::Url::parse(text).unwrap();
        assert!(same_place(&url("http://127.0.0.1/cb"), &url("http://127.0.0.1:5000/cb?x=1")));
        assert!(!same_place(&url("http://127.0.0.1/cb"), &url("http://127.0.0.1/other")));
        assert!(!same_place(&url("https://web.rp.test/cb"), &url("https://web.rp.test:444/cb")));
    }
}
