//! Whatever happens to tokens in whatever order: none gets wider, none loses or forges an actor, none that is void comes back, and a JWT
//! says what introspection says of it.
//!
//! Nobody foresees here what the provider answers, but for the plainest requests: of a success is looked at what came of it, and after
//! every step the provider is asked about every token.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use reference_server::Handle;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::walker::{Walker, claims, fixtures, plain_provider_with};

const CLIENT: &str = "backoffice";
/// One who is nobody, two who may be anybody, one who may be nobodies of the same organization.
const USERS: &[&str] = &["alice", "support", "auditor", "helpdesk"];
const SCOPES: &[&str] = &["openid", "profile", "email", "offline_access"];
/// Where tokens of the client are good, and somebody who is never asked for in vain.
const TARGETS: &[&str] = &["https://op.test", "https://api.test", "https://mail.test", CLIENT, "wiki"];

/// What happens. A token is named by a number, which counts around those that there are.
#[derive(Clone, Debug)]
enum Act {
    Login {
        user: &'static str,
        scopes: Vec<&'static str>,
    },
    Exchange {
        subject: usize,
        actor: Option<usize>,
        scopes: Option<Vec<&'static str>>,
        targets: Vec<&'static str>,
        requested: &'static str,
    },
    Refresh {
        token: usize,
        scopes: Option<Vec<&'static str>>,
    },
    Revoke {
        token: usize,
    },
    Logout {
        token: usize,
    },
}

/// Where the acts come from. What comes of them is seen at the provider.
struct Acts;

impl ReferenceStateMachine for Acts {
    /// What the client's access tokens look like.
    type State = &'static str;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<&'static str> {
        select(&["opaque", "jwt"]).boxed()
    }

    fn transitions(_: &&'static str) -> BoxedStrategy<Act> {
        let token = any::<usize>;
        let scopes = || subsequence(SCOPES, 1..=SCOPES.len());
        let requested = prop_oneof![4 => Just("access_token"), 2 => Just("jwt"), 1 => Just("id_token")];
        let targets = prop_oneof![2 => Just(Vec::new()), 1 => subsequence(TARGETS, 1..=2)];
        let exchange = (token(), proptest::option::of(token()), proptest::option::of(scopes()), targets, requested);
        prop_oneof![
            3 => (select(USERS), scopes()).prop_map(|(user, scopes)| Act::Login { user, scopes }),
            6 => exchange.prop_map(|(subject, actor, scopes, targets, requested)| Act::Exchange { subject, actor, scopes, targets, requested }),
            4 => (token(), proptest::option::of(scopes())).prop_map(|(token, scopes)| Act::Refresh { token, scopes }),
            2 => token().prop_map(|token| Act::Revoke { token }),
            1 => token().prop_map(|token| Act::Logout { token }),
        ]
        .boxed()
    }

    fn apply(format: &'static str, _: &Act) -> &'static str {
        format
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Access,
    Refresh,
    Id,
}

/// A token, and what is known of it.
#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    text: String,
    sub: String,
    scope: BTreeSet<String>,
    audience: BTreeSet<String>,
    /// `sub` of those who act, the newest first.
    actors: Vec<String>,
    family: usize,
    /// Revoked, or replaced by another.
    is_void: bool,
}

impl Token {
    /// What an exchange is told that it is.
    fn type_uri(&self) -> &'static str {
        match self.kind {
            Kind::Id => "urn:ietf:params:oauth:token-type:id_token",
            Kind::Access | Kind::Refresh => "urn:ietf:params:oauth:token-type:access_token",
        }
    }
}

/// What one sign-in or one exchange began.
struct Family {
    /// The browser, where somebody has signed in.
    session: Option<usize>,
    offline: bool,
    is_void: bool,
}

struct Provider {
    runtime: Runtime,
    handle: Handle,
    tokens: Vec<Token>,
    families: Vec<Family>,
    browsers: Vec<Walker>,
    /// The browsers that have signed out.
    signed_out: BTreeSet<usize>,
}

fn words(text: &Value) -> BTreeSet<String> {
    text.as_str().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

fn set(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        one => one.as_str().map(str::to_owned).into_iter().collect(),
    }
}

/// `sub` by `sub`, the outermost first.
fn chain(act: &Value) -> Vec<String> {
    let links = std::iter::successors(act.is_object().then_some(act), |act| act.get("act"));
    let sub = |link: &Value| {
        assert_eq!(link["iss"], "https://op.test");
        link["sub"].as_str().expect("a sub").to_owned()
    };
    links.map(sub).collect()
}

fn sub(user: &str) -> String {
    let users: toml::Table = include_str!("../../../fixtures/users.toml").parse().expect("TOML");
    users["users"][user]["id"].as_str().expect("an id").to_owned()
}

impl Provider {
    fn form(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let reply = self.runtime.block_on(Walker::plain(self.handle.addr()).ask(CLIENT, path, form));
        (reply.status.as_u16(), serde_json::from_str(&reply.body).unwrap_or_default())
    }

    /// What the token endpoint gives, if it gives something.
    fn buy(&self, form: &[(&str, &str)]) -> Option<Value> {
        let (status, said) = self.form("/token", form);
        assert!(status == 200 || (status == 400 && said["access_token"].is_null()), "{status}: {said}");
        (status == 200).then_some(said)
    }

    fn introspect(&self, token: &str) -> Value {
        let (status, said) = self.form("/introspect", &[("token", token)]);
        assert_eq!(status, 200, "{said}");
        said
    }

    fn is_good(&self, token: &Token) -> bool {
        let family = &self.families[token.family];
        let ended = family.session.is_some_and(|browser| self.signed_out.contains(&browser));
        match token.kind {
            // It cannot be revoked; it is over with its session.
            Kind::Id => !ended,
            // What was granted for the time of absence outlives the session.
            Kind::Access | Kind::Refresh => !token.is_void && !family.is_void && (family.offline || !ended),
        }
    }

    /// The token of this number among those that fit.
    fn pick(&self, number: usize, fits: impl Fn(&Token) -> bool) -> Option<usize> {
        let fitting: Vec<usize> = (0..self.tokens.len()).filter(|at| fits(&self.tokens[*at])).collect();
        (!fitting.is_empty()).then(|| fitting[number % fitting.len()])
    }

    /// Takes down the tokens of an answer, each as the provider itself says of it, and returns them.
    fn take_down(&mut self, answer: &Value, family: usize) -> &mut [Token] {
        let before = self.tokens.len();
        let id_token = if answer["token_type"] == "N_A" { "access_token" } else { "id_token" };
        for (name, kind) in [("access_token", Kind::Access), ("refresh_token", Kind::Refresh), (id_token, Kind::Id)] {
            let Some(text) = answer[name].as_str().map(str::to_owned) else { continue };
            if kind == Kind::Access && name == id_token {
                continue;
            }
            // For what a refresh token is good is said of it in one place, and where it is good of the access token beside it.
            let (said, scope, audience) = if kind == Kind::Id {
                let said = claims(&text);
                let audience = set(&said["aud"]);
                (said, BTreeSet::from(["openid".to_owned()]), audience)
            } else {
                let said = self.introspect(&text);
                assert_eq!(said["active"], true, "void from the start: {answer}");
                let audience = if kind == Kind::Access { set(&said["aud"]) } else { self.tokens[before].audience.clone() };
                let scope = words(&said["scope"]);
                (said, scope, audience)
            };
            let (sub, actors) = (said["sub"].as_str().expect("a sub").to_owned(), chain(&said["act"]));
            self.tokens.push(Token { kind, text, sub, scope, audience, actors, family, is_void: false });
        }
        &mut self.tokens[before..]
    }

    fn login(&mut self, user: &str, scopes: &[&str]) {
        let mut browser = Walker::plain(self.handle.addr());
        let answer = self.runtime.block_on(browser.login_for(user, CLIENT, &scopes.join(" ")));
        self.families.push(Family { session: Some(self.browsers.len()), offline: scopes.contains(&"offline_access"), is_void: false });
        self.browsers.push(browser);
        let asked: BTreeSet<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        for token in self.take_down(&answer, self.families.len() - 1) {
            assert_eq!((&token.sub, &token.actors), (&sub(user), &Vec::new()), "{token:?}");
            assert!(token.scope.is_subset(&asked), "wider than {asked:?}: {token:?}");
        }
    }

    fn exchange(&mut self, subject: usize, actor: Option<usize>, scopes: Option<&[&str]>, targets: &[&str], requested: &str) {
        let (subject, actor) = (self.tokens[subject].clone(), actor.map(|actor| self.tokens[actor].clone()));
        let scope = scopes.map(|scopes| scopes.join(" "));
        let requested_type = format!("urn:ietf:params:oauth:token-type:{requested}");
        let mut form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", &*subject.text),
            ("subject_token_type", subject.type_uri()),
            ("requested_token_type", &*requested_type),
        ];
        form.extend(actor.iter().flat_map(|actor| [("actor_token", &*actor.text), ("actor_token_type", actor.type_uri())]));
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        form.extend(targets.iter().map(|name| ("audience", *name)));
        let all_good = self.is_good(&subject) && actor.iter().all(|actor| self.is_good(actor));
        let Some(answer) = self.buy(&form) else {
            let plain = actor.is_none() && scope.is_none() && targets.is_empty() && requested != "id_token";
            assert!(!(plain && all_good), "the plainest exchange of a good token is refused: {subject:?}");
            return;
        };
        assert!(all_good, "a void token was exchanged: {subject:?} {actor:?}");
        let actors = actor.as_ref().map_or_else(|| subject.actors.clone(), |by| [vec![by.sub.clone()], by.actors.clone()].concat());
        let either = |part: fn(&Token) -> &BTreeSet<String>| {
            std::iter::once(&subject).chain(&actor).flat_map(part).cloned().collect::<BTreeSet<String>>()
        };
        let (mut scope, audience) = (either(|token| &token.scope), either(|token| &token.audience));
        if subject.kind == Kind::Id && actor.is_some() {
            // Beside an actor an ID token is a mere name, and what brings no more than claims is the client's to ask for.
            scope.extend(["openid", "profile", "email"].map(str::to_owned));
        }
        self.families.push(Family { session: None, offline: true, is_void: false });
        for token in self.take_down(&answer, self.families.len() - 1) {
            assert_eq!((&token.sub, &token.actors), (&subject.sub, &actors), "{token:?}");
            assert!(token.scope.is_subset(&scope), "wider than {scope:?}: {token:?}");
            // An ID token is for the client that it was issued to as well (Core, section 2).
            let beyond = |name: &String| !audience.contains(name) && (token.kind != Kind::Id || name != CLIENT);
            assert!(!token.audience.iter().any(beyond), "for others than {audience:?}: {token:?}");
        }
    }

    fn refresh(&mut self, number: usize, scopes: Option<&[&str]>) {
        let Some(which) = self.pick(number, |token| token.kind == Kind::Refresh) else { return };
        let old = self.tokens[which].clone();
        let scope = scopes.map(|scopes| scopes.join(" "));
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", &*old.text)];
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        let was_good = self.is_good(&old);
        let Some(answer) = self.buy(&form) else {
            assert!(!(was_good && scope.is_none()), "the plainest refresh of a good token is refused: {old:?}");
            // A token that comes a second time takes everything with it (RFC 9700, section 4.14.2).
            self.families[old.family].is_void |= old.is_void;
            return;
        };
        assert!(was_good, "a void refresh token was taken: {old:?}");
        self.tokens[which].is_void = true;
        let asked = scopes.map(|scopes| scopes.iter().map(|scope| (*scope).to_owned()).collect::<BTreeSet<_>>());
        for token in self.take_down(&answer, old.family) {
            assert_eq!((&token.sub, &token.actors), (&old.sub, &old.actors), "{token:?}");
            match token.kind {
                Kind::Access => {
                    let bound = asked.as_ref().unwrap_or(&old.scope);
                    assert!(
                        token.scope.is_subset(bound) && token.scope.is_subset(&old.scope),
                        "wider than {bound:?}: {token:?} of {old:?}"
                    );
                    assert_eq!(token.audience, old.audience, "{token:?} of {old:?}");
                }
                // It stands for all that was granted, whatever was wanted this once (RFC 6749, section 6).
                Kind::Refresh => assert_eq!(token.scope, old.scope, "{token:?} of {old:?}"),
                Kind::Id => assert!(old.scope.contains("openid") && token.audience == set(&CLIENT.into()), "{token:?} of {old:?}"),
            }
        }
    }

    fn revoke(&mut self, number: usize) {
        let Some(which) = self.pick(number, |token| token.kind != Kind::Id) else { return };
        let Token { kind, ref text, family, .. } = self.tokens[which];
        let (status, said) = self.form("/revoke", &[("token", text)]);
        assert_eq!(status, 200, "{said}");
        if kind == Kind::Refresh {
            self.families[family].is_void = true;
        } else {
            self.tokens[which].is_void = true;
        }
    }

    fn logout(&mut self, number: usize) {
        let session = |token: &Token| self.families[token.family].session;
        let Some(which) = self.pick(number, |token| token.kind == Kind::Id && session(token).is_some()) else { return };
        let Some(browser) = session(&self.tokens[which]) else { return };
        let hint = [("id_token_hint", &self.tokens[which].text)];
        let url = url::Url::parse_with_params("https://op.test/end_session", hint).expect("an address");
        let reply = self.runtime.block_on(self.browsers[browser].get(url.as_str()));
        assert!(reply.status.is_redirection() || reply.status == 200, "{reply:?}");
        self.signed_out.insert(browser);
    }
}

impl StateMachineTest for Provider {
    type SystemUnderTest = Self;
    type Reference = Acts;

    fn init_test(format: &&'static str) -> Self {
        let more =
            format!("[clients.backoffice]\naudience = ['https://api.test', 'https://mail.test']\naccess_token_format = '{}'", format);
        let config = fixtures().replace("[clients.backoffice]", &more);
        let runtime = Runtime::new().expect("a runtime");
        let handle = runtime.block_on(plain_provider_with(&config));
        let mut provider =
            Self { runtime, handle, tokens: Vec::new(), families: Vec::new(), browsers: Vec::new(), signed_out: BTreeSet::new() };
        for user in ["alice", "support", "auditor"] {
            provider.login(user, SCOPES);
        }
        // So that there is somebody from the beginning who acts for one who may act.
        let of = |user: &str| provider.tokens.iter().position(|token| token.kind == Kind::Access && token.sub == sub(user));
        let (support, auditor) = (of("support").expect("a token"), of("auditor").expect("a token"));
        provider.exchange(support, Some(auditor), None, &[], "access_token");
        assert!(provider.tokens.iter().any(|token| !token.actors.is_empty()), "nobody acts");
        provider
    }

    fn apply(mut provider: Self, _: &&'static str, act: Act) -> Self {
        match act {
            Act::Login { user, scopes } => provider.login(user, &scopes),
            Act::Exchange { subject, actor, scopes, targets, requested } => {
                let shown = |number| provider.pick(number, |token| token.kind != Kind::Refresh);
                if let Some(subject) = shown(subject) {
                    provider.exchange(subject, actor.and_then(shown), scopes.as_deref(), &targets, requested);
                }
            }
            Act::Refresh { token, scopes } => provider.refresh(token, scopes.as_deref()),
            Act::Revoke { token } => provider.revoke(token),
            Act::Logout { token } => provider.logout(token),
        }
        provider
    }

    fn check_invariants(provider: &Self, _: &&'static str) {
        for token in provider.tokens.iter().filter(|token| token.kind != Kind::Id) {
            let said = provider.introspect(&token.text);
            assert_eq!(said["active"], provider.is_good(token), "{token:?}: {said}");
            if said["active"] == false {
                continue;
            }
            let now = (said["sub"].as_str(), words(&said["scope"]), chain(&said["act"]));
            assert_eq!(now, (Some(&*token.sub), token.scope.clone(), token.actors.clone()), "{token:?}");
            if token.kind == Kind::Access {
                assert_eq!(set(&said["aud"]), token.audience, "{token:?}");
            }
            if token.text.contains('.') {
                let own = claims(&token.text);
                for name in ["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "scope", "act"] {
                    assert_eq!(own[name], said[name], "the token and introspection differ in {name}: {token:?}");
                }
            }
        }
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_makes_a_token_wider_or_forgets_who_acts_or_brings_one_back(sequential 1..24 => Provider);
}
