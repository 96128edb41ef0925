//! Transcripts for tests: an honest walk, step by step, which a test then spoils.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use serde_json::{Value, json};

use crate::scenario::{Check, Edits, Expectations, Step, Verb};
use crate::transcript::jose::{Jws, SigningKey, half_hash};
use crate::transcript::view::basic;
use crate::transcript::{
    Answer, Callback, Delivery, Ended, Endpoint, Exchange, FORMAT, Landed, LogEvent, Millis, Outcome, Place, Profile, Reply, Request,
    StepRecord, Transcript,
};

/// 2026-01-01T12:00:00Z.
pub const NOON: Millis = 1_767_268_800_000;
pub const ISSUER: &str = "https://op.test";
pub const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A transcript that grows.
pub struct Sample {
    pub t: Transcript,
    pub now: Millis,
    seq: u64,
    fresh: u32,
}

pub fn step(verb: Verb) -> Step {
    Step {
        line: 1,
        verb,
        fields: BTreeMap::new(),
        save: None,
        refused: None,
        times: None,
        at_once: None,
        succeed: None,
        within: None,
        edits: Edits::default(),
        beside: None,
    }
}

pub fn check(id: &str, expect: Expectations) -> Check {
    Check {
        id: id.into(),
        file: "a.toml".into(),
        line: 1,
        title: "A sentence".into(),
        cites: vec!["bcl-2.3-track-rps".into()],
        needs: vec![],
        room: vec![],
        broken_by: vec![],
        unbreakable: None,
        control: vec![],
        base: None,
        same_walk_as: None,
        clients: BTreeMap::new(),
        provider: json!({}),
        with: BTreeMap::new(),
        walk: vec![],
        ask: step(Verb::Advance),
        then: None,
        expect,
    }
}

fn client(name: &str, alg: &str, session: bool) -> Value {
    json!({
        "client_id": name,
        "client_name": format!("<b>{name}</b>"),
        "client_secret": format!("{name}-secret"),
        "redirect_uris": [format!("https://{name}.rp.test/cb")],
        "post_logout_redirect_uris": [format!("https://{name}.rp.test/out")],
        "id_token_signed_response_alg": alg,
        "backchannel_logout_uri": format!("https://{name}.rp.test/bcl"),
        "backchannel_logout_session_required": session,
    })
}

pub fn key(kid: &str) -> SigningKey {
    match kid {
        "ed" => SigningKey::EdDsa(Box::new(ed25519_dalek::SigningKey::from_bytes(&[7; 32]))),
        "ec" => SigningKey::Es256(Box::new(p256::ecdsa::SigningKey::from_slice(&[9; 32]).unwrap())),
        _ => SigningKey::foreign("EdDSA"),
    }
}

pub fn jwks() -> Value {
    let SigningKey::EdDsa(ed) = key("ed") else { unreachable!() };
    let SigningKey::Es256(ec) = key("ec") else { unreachable!() };
    let point = ec.verifying_key().to_encoded_point(false);
    json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "use": "sig", "x": B64.encode(ed.verifying_key().as_bytes()) },
        { "kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig", "x": B64.encode(point.x().unwrap()), "y": B64.encode(point.y().unwrap()) },
    ]})
}

pub fn request(method: &str, url: &str, form: &[(&str, &str)]) -> Request {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let headers = if method == "POST" { vec![("content-type".into(), "application/x-www-form-urlencoded".into())] } else { vec![] };
    Request { method: method.into(), url: url.into(), headers, body }
}

pub fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let dated = headers.iter().chain(&[("date", "Thu, 01 Jan 2026 12:00:00 GMT")]);
    Answer { status, headers: dated.map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(), body: body.into() }
}

pub fn json_answer(status: u16, body: &Value) -> Answer {
    answer(status, &[("content-type", "application/json"), ("cache-control", "no-store")], &body.to_string())
}

const LOGIN_PAGE: &str =
    r#"<form method="post" action="/login"><input name="username"><input type="password" name="password"><button>Sign in</button></form>"#;

pub fn login_page() -> Answer {
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("referrer-policy", "no-referrer"),
        ("set-cookie", "browser=who-this-is; Path=/; Secure; HttpOnly"),
    ];
    answer(200, &headers, LOGIN_PAGE)
}

impl Sample {
    pub fn new(check: Check) -> Self {
        let metadata = json!({
            "issuer": ISSUER,
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
            "authorization_response_iss_parameter_supported": true,
        });
        let clients =
            [client("web", "EdDSA", true), client("shop", "ES256", true), client("forum", "EdDSA", false), client("trap", "EdDSA", true)];
        let named = |c: &Value| (c["client_id"].as_str().unwrap().to_owned(), c.clone());
        Self {
            t: Transcript {
                format: FORMAT,
                check,
                target: Profile {
                    name: "embedded".into(),
                    issuers: [("primary".into(), ISSUER.into()), ("other".into(), "https://other.op.test".into())].into(),
                    management: None,
                    metadata,
                    virtual_time: true,
                    skew: 0,
                    has: vec!["rfc9068".into(), "zitadel".into()],
                },
                clients: clients.iter().map(named).collect(),
                changed: BTreeMap::new(),
                users: BTreeMap::new(),
                steps: vec![],
                exchanges: vec![],
                deliveries: vec![],
                opinions: vec![],
                log: Some(vec![]),
                ended: Ended::Asked { watched: 0 },
            },
            now: NOON,
            seq: 0,
            fresh: 0,
        }
    }

    /// With other fresh values than the samples beside it have.
    pub fn apart(self) -> Self {
        self.apart_by(500)
    }

    /// See [`Sample::apart`].
    pub fn apart_by(self, fresh: u32) -> Self {
        Self { fresh, ..self }
    }

    fn seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    pub fn fresh(&mut self, what: &str) -> String {
        self.fresh += 1;
        format!("{what}-{:03}-Xy0123456789abcdefGHIJKLMNOPqrstuv", self.fresh)
    }

    pub fn exchange(
        &mut self,
        endpoint: Endpoint,
        client: &str,
        browser: Option<(&str, Option<&str>)>,
        request: Request,
        answer: Answer,
    ) -> usize {
        let (sent_seq, answered_seq) = (self.seq(), self.seq());
        self.t.exchanges.push(Exchange {
            step: self.t.steps.len(),
            client: Some(client).filter(|c| !c.is_empty()).map(Into::into),
            browser: browser.map(|(b, _)| b.into()),
            user: browser.and_then(|(_, u)| u).map(Into::into),
            endpoint,
            origin: "primary".into(),
            request,
            answer: Ok(answer),
            sent: self.now,
            answered: self.now,
            sent_seq,
            answered_seq,
            edited: vec![],
            beside: false,
        });
        self.t.exchanges.len() - 1
    }

    /// Ends a step.
    pub fn done(&mut self, place: Place, verb: Verb, save: Option<&str>, reply: Reply) {
        self.t.steps.push(StepRecord {
            place,
            verb,
            save: save.map(Into::into),
            fields: json!({}),
            replies: vec![reply],
            beside: None,
            outcome: Outcome::Worked,
            began: self.now,
            ended: self.now,
        });
    }

    pub fn keys(&mut self) {
        let i = self.exchange(Endpoint::Keys, "", None, request("GET", "https://op.test/keys", &[]), json_answer(200, &jwks()));
        self.done(Place::Walk, Verb::Keys, None, Reply { answer: Some(i), success: true, ..Reply::default() });
    }

    /// The way of a browser from the request to the client. With `user` a password is typed on the way.
    pub fn authorize(&mut self, name: &str, browser: &str, user: Option<&str>, more: &[(&str, &str)], outcome: &[(&str, &str)]) -> usize {
        let home = format!("https://{name}.rp.test/cb");
        let (state, nonce) = (self.fresh("state"), self.fresh("nonce"));
        let mut params = vec![
            ("client_id", name),
            ("redirect_uri", &home),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", &state),
            ("nonce", &nonce),
        ];
        params.extend(more);
        let url = url::Url::parse_with_params("https://op.test/authorize", &params).unwrap();
        let mut back = outcome.to_vec();
        back.extend([("state", state.as_str()), ("iss", ISSUER)]);
        let to = url::Url::parse_with_params(&home, &back).unwrap();
        let redirect = answer(303, &[("location", to.as_str())], "");
        let first = request("GET", url.as_str(), &[]);
        match user {
            None => self.exchange(Endpoint::Authorize, name, Some((browser, None)), first, redirect),
            Some(user) => {
                self.exchange(Endpoint::Authorize, name, Some((browser, Some(user))), first, login_page());
                let typed = request("POST", "https://op.test/login", &[("username", user), ("password", "secret")]);
                self.exchange(Endpoint::Page, name, Some((browser, Some(user))), typed, redirect)
            }
        }
    }

    /// A login, saved under a name: the index of its token exchange.
    pub fn login(&mut self, save: &str, name: &str, user: &str, browser: &str, more: &[(&str, &str)]) -> usize {
        let code = self.fresh("code");
        let fresh_browser = !self.t.exchanges.iter().any(|e| e.browser.as_deref() == Some(browser));
        let at = self.authorize(name, browser, Some(user).filter(|_| fresh_browser), more, &[("code", &code)]);
        let url = self.t.exchanges.iter().take(at + 1).rfind(|e| e.endpoint == Endpoint::Authorize).unwrap().request.clone();
        let claims = json!({ "sub": format!("sub-of-{user}"), "sid": format!("sid-of-{browser}"), "nonce": url.param("nonce"), "auth_time": NOON / 1000 });
        let token = self.redeem(name, &code, &claims);
        let context = [("client".to_owned(), name.to_owned()), ("user".to_owned(), user.to_owned())].into();
        self.done(
            Place::Walk,
            Verb::Login,
            Some(save),
            Reply { request: Some(token), answer: Some(token), success: true, context, ..Reply::default() },
        );
        token
    }

    pub fn redeem(&mut self, name: &str, code: &str, claims: &Value) -> usize {
        let access = if name == "shop" { self.access_jwt(name) } else { self.fresh("access") };
        let kid = if name == "shop" { "ec" } else { "ed" };
        let mut all = json!({
            "iss": ISSUER, "aud": name, "azp": name, "iat": self.now / 1000, "exp": self.now / 1000 + 3600, "acr": "1", "amr": ["pwd"],
            "at_hash": half_hash(key(kid).alg(), &access),
        });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let id_token = key(kid).token(&json!({ "alg": key(kid).alg(), "kid": kid }), &all);
        let body = json!({ "access_token": access, "token_type": "Bearer", "expires_in": 3600, "id_token": id_token, "refresh_token": self.fresh("refresh") });
        self.token_request(name, code, json_answer(200, &body))
    }

    fn access_jwt(&mut self, name: &str) -> String {
        let jti = self.fresh("jti");
        let claims = json!({ "iss": ISSUER, "exp": self.now / 1000 + 3600, "aud": "service", "sub": "s", "client_id": name, "scope": "openid", "auth_time": NOON / 1000, "iat": self.now / 1000, "jti": jti });
        key("ed").token(&json!({ "alg": "EdDSA", "kid": "ed", "typ": "at+jwt" }), &claims)
    }

    pub fn token_request(&mut self, name: &str, code: &str, answer: Answer) -> usize {
        let mut asked = request("POST", "https://op.test/token", &[("grant_type", "authorization_code"), ("code", code)]);
        asked.headers.push(("authorization".into(), format!("Basic {}", basic(name, "secret"))));
        self.exchange(Endpoint::Token, name, None, asked, answer)
    }

    /// A logout token for a client, with differences in its claims.
    pub fn deliver(&mut self, name: &str, sub: &str, sid: &str, answered: Value) -> usize {
        let kid = if name == "shop" { "ec" } else { "ed" };
        let jti = self.fresh("jti");
        let claims = json!({ "iss": ISSUER, "aud": name, "sub": sub, "sid": sid, "iat": self.now / 1000, "exp": self.now / 1000 + 120, "jti": jti, "events": { EVENT: {} } });
        let token = key(kid).token(&json!({ "alg": key(kid).alg(), "kid": kid, "typ": "logout+jwt" }), &claims);
        let (came_seq, over_seq) = (self.seq(), self.seq());
        self.t.deliveries.push(Delivery {
            step: self.t.steps.len(),
            client: Some(name.into()),
            at: "first".into(),
            request: request("POST", &format!("https://{name}.rp.test/bcl"), &[("logout_token", &token)]),
            answered,
            came: self.now,
            came_seq,
            over: Some(self.now),
            over_seq: Some(over_seq),
        });
        self.t.deliveries.len() - 1
    }

    /// A logout that leads back to the client, with what is delivered before its answer.
    pub fn logout(&mut self, name: &str, browser: &str, place: Place, deliver: impl FnOnce(&mut Self)) -> usize {
        let sent_seq = self.seq();
        deliver(self);
        let out = format!("https://{name}.rp.test/out");
        let url =
            url::Url::parse_with_params("https://op.test/end_session", &[("post_logout_redirect_uri", out.as_str()), ("state", "st")])
                .unwrap();
        let to = format!("{out}?state=st");
        let i = self.exchange(
            Endpoint::EndSession,
            name,
            Some((browser, None)),
            request("GET", url.as_str(), &[]),
            answer(303, &[("location", &to)], ""),
        );
        self.t.exchanges[i].sent_seq = sent_seq;
        let callback = Callback { by: "query".into(), url: to, client: Some(name.into()), params: vec![("state".into(), "st".into())] };
        let reply = Reply {
            request: Some(i),
            answer: Some(i),
            landed: Some(Landed::PostLogout),
            callback: Some(callback),
            success: true,
            ..Reply::default()
        };
        self.done(place, Verb::EndSession, None, reply);
        i
    }

    pub fn log(&mut self, r#type: &str, payload: Value) {
        let log = self.t.log.get_or_insert_default();
        let position = log.len() as u64 + 1;
        log.push(LogEvent { position, r#type: r#type.into(), aggregate: "a".into(), at: json!(self.now / 1000), payload });
    }
}

/// Changes a JWT and signs it again with the key that its `kid` names.
pub fn resigned(text: &str, change: impl FnOnce(&mut Value, &mut Value)) -> String {
    let jws = Jws::parse(text).unwrap();
    let (mut header, mut claims) = (jws.header.clone(), jws.claims.clone());
    let key = key(jws.header_str("kid").unwrap());
    change(&mut header, &mut claims);
    key.token(&header, &claims)
}

/// Changes the JSON body of an answer.
pub fn edit_json(t: &mut Transcript, exchange: usize, change: impl FnOnce(&mut Value)) {
    let answer = t.exchanges[exchange].answer.as_mut().unwrap();
    let mut body: Value = serde_json::from_str(&answer.body).unwrap();
    change(&mut body);
    answer.body = body.to_string();
}

/// Changes the ID token of an answer.
pub fn edit_id_token(t: &mut Transcript, exchange: usize, change: impl FnOnce(&mut Value, &mut Value)) {
    edit_json(t, exchange, |body| body["id_token"] = json!(resigned(body["id_token"].as_str().unwrap(), change)));
}

/// Changes the logout token of a delivery.
pub fn edit_logout_token(t: &mut Transcript, delivery: usize, change: impl FnOnce(&mut Value, &mut Value)) {
    let request = &mut t.deliveries[delivery].request;
    let token = resigned(&request.param("logout_token").unwrap(), change);
    request.body = format!("logout_token={token}");
}
