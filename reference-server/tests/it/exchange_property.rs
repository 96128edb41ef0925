//! Whatever is exchanged, refreshed, revoked and signed out, in whatever order: nothing becomes wider, nobody who acts gets lost or is made
//! up, and what was revoked stays so.
//!
//! The model knows of each token whose it is, what for, where, who acts, and what ends it. It does not foresee what the provider answers,
//! but for the plainest requests: it looks at what came of a success, and asks the provider about every token after every step.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::walker::{Reply, Walker, claims, fixtures, provider_with};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const USERS: [&str; 3] = ["alice", "support", "auditor"];
const SCOPES: [&str; 4] = ["openid", "email", "profile", "offline_access"];
const TARGETS: [&str; 3] = ["https://op.test", "https://api.test", "https://mail.test"];

/// What somebody does. Tokens are picked by a number, which counts around those that there are.
#[derive(Clone, Debug)]
enum Act {
    SignIn { user: usize, scopes: usize },
    Exchange { subject: usize, actor: Option<usize>, scopes: Option<usize>, targets: Option<usize>, wanted: usize },
    Refresh { token: usize, scopes: Option<usize> },
    Revoke { token: usize },
    SignOut { user: usize },
}

fn act() -> impl Strategy<Value = Act> {
    let some = |most: usize| proptest::option::weighted(0.4, 1..most);
    let exchange = (any::<usize>(), proptest::option::weighted(0.5, any::<usize>()), some(16), some(8), 0..3_usize);
    prop_oneof![
        3 => (0..USERS.len(), 1..16_usize).prop_map(|(user, scopes)| Act::SignIn { user, scopes: scopes | 1 }),
        8 => exchange.prop_map(|(subject, actor, scopes, targets, wanted)| Act::Exchange { subject, actor, scopes, targets, wanted }),
        4 => (any::<usize>(), some(16)).prop_map(|(token, scopes)| Act::Refresh { token, scopes }),
        2 => any::<usize>().prop_map(|token| Act::Revoke { token }),
        1 => (0..USERS.len()).prop_map(|user| Act::SignOut { user }),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Access,
    Refresh,
    Id,
}

/// A token as the model knows it.
#[derive(Clone, Debug)]
struct Known {
    kind: Kind,
    text: String,
    user: String,
    scope: BTreeSet<String>,
    audience: BTreeSet<String>,
    /// Who acts, the newest first.
    chain: Vec<String>,
    family: usize,
    /// The sign-in that it ends with, if it ends with one.
    session: Option<String>,
    revoked: bool,
}

#[derive(Default)]
struct Model {
    tokens: Vec<Known>,
    dead_families: BTreeSet<usize>,
    dead_sessions: BTreeSet<String>,
    families: usize,
}

impl Model {
    fn pick(&self, number: usize, fits: impl Fn(&Known) -> bool) -> Option<Known> {
        let fitting: Vec<&Known> = self.tokens.iter().filter(|token| fits(token)).collect();
        (!fitting.is_empty()).then(|| fitting[number % fitting.len()].clone())
    }

    fn good(&self, token: &Known) -> bool {
        let ended = token.session.as_ref().is_some_and(|sid| self.dead_sessions.contains(sid));
        // An ID token cannot be revoked; it is over with its session.
        let revoked = token.kind != Kind::Id && (token.revoked || self.dead_families.contains(&token.family));
        !revoked && !ended
    }
}

fn words<'a>(all: &'a [&'a str], bits: usize) -> Vec<&'a str> {
    all.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, word)| *word).collect()
}

fn set(value: &Value) -> BTreeSet<String> {
    match value {
        Value::String(text) => text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => BTreeSet::new(),
    }
}

fn chain(mut act: &Value) -> Vec<String> {
    let mut chain = Vec::new();
    while let Some(sub) = act["sub"].as_str() {
        assert_eq!(act["iss"], "https://op.test");
        chain.push(sub.to_owned());
        act = &act["act"];
    }
    chain
}

struct World {
    browsers: BTreeMap<usize, Walker>,
    walker: Walker,
    model: Model,
    handle: reference_server::Handle,
}

impl World {
    async fn new() -> Self {
        let audience = "[clients.backoffice]\naudience = ['https://api.test', 'https://mail.test']";
        let config = fixtures().replace("[clients.backoffice]", audience);
        let handle = provider_with(&config, std::sync::Arc::new(|_, _| None)).await;
        let walker = Walker::new(&handle);
        Self { browsers: BTreeMap::new(), walker, model: Model::default(), handle }
    }

    async fn introspect(&mut self, token: &str) -> Value {
        self.walker.ask("backoffice", "/introspect", &[("token", token)]).await.json()
    }

    /// Takes up the tokens of an answer, each as the provider itself says of it.
    async fn take_up(&mut self, answer: &Value, family: usize, offline: bool, session: Option<&str>) {
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        if answer["token_type"] == "N_A" {
            let said = claims(answer["access_token"].as_str().expect("a token"));
            self.id_token(&said, text("access_token"), family);
            return;
        }
        let access = text("access_token").expect("a token");
        let said = self.introspect(&access).await;
        assert_eq!(said["active"], true, "what was just issued is good: {answer}");
        if access.contains('.') {
            let own = claims(&access);
            for name in ["sub", "aud", "scope", "act"] {
                assert_eq!(own[name], said[name], "the token and introspection say the same {name}");
            }
        }
        let (scope, audience, chain) = (set(&said["scope"]), set(&said["aud"]), chain(&said["act"]));
        let user = said["sub"].as_str().expect("a sub").to_owned();
        // What is granted for the time of absence outlives the session.
        let bound = session.filter(|_| !offline).map(str::to_owned);
        let known = |kind, text| Known {
            kind,
            text,
            user: user.clone(),
            scope: scope.clone(),
            audience: audience.clone(),
            chain: chain.clone(),
            family,
            session: bound.clone(),
            revoked: false,
        };
        let refresh = text("refresh_token").map(|text| known(Kind::Refresh, text));
        self.model.tokens.push(known(Kind::Access, access));
        self.model.tokens.extend(refresh);
        if let Some(id_token) = text("id_token") {
            self.id_token(&claims(&id_token), Some(id_token), family);
        }
    }

    fn id_token(&mut self, said: &Value, text: Option<String>, family: usize) {
        self.model.tokens.push(Known {
            kind: Kind::Id,
            text: text.expect("a token"),
            user: said["sub"].as_str().expect("a sub").to_owned(),
            scope: BTreeSet::from(["openid".to_owned()]),
            audience: set(&said["aud"]),
            chain: chain(&said["act"]),
            family,
            session: said["sid"].as_str().map(str::to_owned),
            revoked: false,
        });
    }

    async fn sign_in(&mut self, user: usize, scopes: usize) {
        let scope = words(&SCOPES, scopes).join(" ");
        let browser = self.browsers.entry(user).or_insert_with(|| Walker::new(&self.handle));
        let answer = browser.login_for(USERS[user], "backoffice", &scope).await;
        let sid = claims(answer["id_token"].as_str().expect("a token"))["sid"].as_str().expect("a sid").to_owned();
        let family = self.model.families;
        self.model.families += 1;
        let offline = set(&answer["scope"]).contains("offline_access");
        self.take_up(&answer, family, offline, Some(&sid)).await;
    }

    async fn exchange(&mut self, subject: &Known, actor: Option<&Known>, scopes: Option<usize>, targets: Option<usize>, wanted: usize) {
        let kind = |token: &Known| if token.kind == Kind::Id { ID } else { ACCESS };
        let mut form = vec![("grant_type", GRANT), ("subject_token", &subject.text), ("subject_token_type", kind(subject))];
        if let Some(actor) = actor {
            form.extend([("actor_token", actor.text.as_str()), ("actor_token_type", kind(actor))]);
        }
        let scope = scopes.map(|bits| words(&SCOPES, bits).join(" "));
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        form.extend(targets.into_iter().flat_map(|bits| words(&TARGETS, bits)).map(|name| ("audience", name)));
        form.push(("requested_token_type", [ACCESS, JWT, ID][wanted]));
        let reply = self.walker.ask("backoffice", "/token", &form).await;
        let good = self.model.good(subject) && actor.is_none_or(|actor| self.model.good(actor));
        let plain = actor.is_none() && scopes.is_none() && targets.is_none() && wanted != 2;
        if good && plain && subject.chain.is_empty() {
            assert_eq!(reply.status, 200, "a plain exchange of a good token: {reply:?}");
        }
        let Some(answer) = success(&reply) else { return };
        assert!(good, "a token that is good no more bought another: {form:?}");
        let before = self.model.tokens.len();
        let family = self.model.families;
        self.model.families += 1;
        self.take_up(&answer, family, true, None).await;
        let chain = actor.map_or(subject.chain.clone(), |actor| [vec![actor.user.clone()], actor.chain.clone()].concat());
        let either = |of: fn(&Known) -> &BTreeSet<String>| {
            let of_actor = actor.map(of).cloned().unwrap_or_default();
            of(subject).union(&of_actor).cloned().collect::<BTreeSet<_>>()
        };
        let (mut scope, mut audience) = (either(|token| &token.scope), either(|token| &token.audience));
        if subject.kind == Kind::Id && actor.is_some() {
            // Beside an actor an ID token is a name, and what only brings claims about its user is the client's to ask for.
            scope.extend(["openid", "email", "profile"].map(str::to_owned));
        }
        // An ID token is for its client too.
        audience.insert("backoffice".to_owned());
        for token in &self.model.tokens[before..] {
            assert_eq!((&token.user, &token.chain), (&subject.user, &chain), "{token:?}");
            assert!(token.scope.is_subset(&scope) && token.audience.is_subset(&audience), "{token:?} of {subject:?} and {actor:?}");
        }
    }

    async fn refresh(&mut self, token: &Known, scopes: Option<usize>) {
        let scope = scopes.map(|bits| words(&SCOPES, bits).join(" "));
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token.text.as_str())];
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        let reply = self.walker.ask("backoffice", "/token", &form).await;
        let (good, spent) = (self.model.good(token), token.revoked);
        if good && scopes.is_none() {
            assert_eq!(reply.status, 200, "a refresh with a good token: {reply:?}");
        }
        match success(&reply) {
            Some(answer) => {
                assert!(good, "a refresh token that is good no more bought tokens");
                let before = self.model.tokens.len();
                self.take_up(&answer, token.family, true, None).await;
                for new in &mut self.model.tokens[before..] {
                    assert_eq!((&new.user, &new.chain), (&token.user, &token.chain), "{new:?}");
                    if new.kind != Kind::Id {
                        assert!(new.scope.is_subset(&token.scope), "{new:?} of {token:?}");
                        assert_eq!(new.audience, token.audience, "{new:?} of {token:?}");
                    }
                    if new.kind == Kind::Refresh {
                        // It stands for all that was granted, whatever was wanted this once.
                        new.scope.clone_from(&token.scope);
                    }
                }
                self.spend(token);
            }
            // Whoever shows a spent one ends the family.
            None if spent => {
                self.model.dead_families.insert(token.family);
            }
            None => {}
        }
    }

    fn spend(&mut self, token: &Known) {
        self.model.tokens.iter_mut().filter(|known| known.text == token.text).for_each(|known| known.revoked = true);
    }

    async fn revoke(&mut self, token: &Known) {
        let reply = self.walker.ask("backoffice", "/revoke", &[("token", &token.text)]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        match token.kind {
            Kind::Access => self.spend(token),
            Kind::Refresh => {
                self.model.dead_families.insert(token.family);
            }
            Kind::Id => {}
        }
    }

    async fn sign_out(&mut self, user: usize) {
        let hint = self
            .model
            .tokens
            .iter()
            .rev()
            .find(|token| token.kind == Kind::Id && claims(&token.text)["sid"].is_string() && token.user.ends_with(USERS[user]));
        let Some(hint) = hint.map(|token| token.text.clone()) else { return };
        let Some(browser) = self.browsers.get_mut(&user) else { return };
        browser.get(&format!("https://op.test/end_session?id_token_hint={hint}")).await;
        self.model.dead_sessions.insert(claims(&hint)["sid"].as_str().expect("a sid").to_owned());
    }

    /// The provider says of every token what the model says.
    async fn compare(&mut self) {
        for token in self.model.tokens.clone().iter().filter(|token| token.kind != Kind::Id) {
            let said = self.introspect(&token.text).await;
            assert_eq!(said["active"], json!(self.model.good(token)), "{token:?}");
            if said["active"] == true {
                assert_eq!((set(&said["scope"]), chain(&said["act"])), (token.scope.clone(), token.chain.clone()), "{token:?}");
            }
        }
    }

    async fn go(&mut self, act: &Act) {
        match *act {
            Act::SignIn { user, scopes } => self.sign_in(user, scopes).await,
            Act::SignOut { user } => self.sign_out(user).await,
            Act::Exchange { subject, actor, scopes, targets, wanted } => {
                let shown = |token: &Known| token.kind != Kind::Refresh;
                let Some(subject) = self.model.pick(subject, shown) else { return };
                let actor = actor.and_then(|number| self.model.pick(number, shown));
                self.exchange(&subject, actor.as_ref(), scopes, targets, wanted).await;
            }
            Act::Refresh { token, scopes } => {
                let Some(token) = self.model.pick(token, |token| token.kind == Kind::Refresh) else { return };
                self.refresh(&token, scopes).await;
            }
            Act::Revoke { token } => {
                let Some(token) = self.model.pick(token, |_| true) else { return };
                self.revoke(&token).await;
            }
        }
    }
}

fn success(reply: &Reply) -> Option<Value> {
    assert!(matches!(reply.status.as_u16(), 200 | 400), "{reply:?}");
    (reply.status == 200).then(|| reply.json())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_widened_lost_forged_or_revived(acts in proptest::collection::vec(act(), 4..24)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut world = World::new().await;
            for user in 0..USERS.len() {
                world.sign_in(user, 15).await;
            }
            // So that there is somebody from the beginning who acts for one who may act.
            let access = |at: usize| world.model.tokens.iter().filter(|token| token.kind == Kind::Access).nth(at).cloned();
            let (support, auditor) = (access(1).expect("a token"), access(2).expect("a token"));
            world.exchange(&support, Some(&auditor), None, None, 0).await;
            for act in &acts {
                world.go(act).await;
                world.compare().await;
            }
        });
    }
}
