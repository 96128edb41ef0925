//! Whatever happens to tokens in whatever order: none gets wider, none loses or forges an actor, and none that is void comes back.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use reference_server::Handle;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::walker::{Walker, claims, plain_provider};

const CLIENT: &str = "backoffice";
/// One who is nobody, two who may be anybody, one who may be nobodies of the same organization.
const USERS: &[&str] = &["alice", "support", "auditor", "helpdesk"];
const SCOPES: &[&str] = &["openid", "profile", "email", "offline_access"];

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
        audience: Option<&'static str>,
        requested: &'static str,
    },
    Refresh {
        token: usize,
        scopes: Option<Vec<&'static str>>,
    },
    RevokeAccess {
        token: usize,
    },
    RevokeRefresh {
        token: usize,
    },
    Logout {
        token: usize,
    },
}

/// Where the acts come from. What comes of them is seen at the provider.
struct Acts;

impl ReferenceStateMachine for Acts {
    /// How many have signed in.
    type State = usize;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<usize> {
        Just(0).boxed()
    }

    fn transitions(_: &usize) -> BoxedStrategy<Act> {
        let token = any::<usize>;
        let scopes = || subsequence(SCOPES, 1..=SCOPES.len());
        let requested = prop_oneof![4 => Just("access_token"), 2 => Just("jwt"), 1 => Just("id_token")];
        let audience = prop_oneof![6 => Just(None), 1 => Just(Some(CLIENT)), 2 => Just(Some("wiki")), 2 => Just(Some("https://op.test"))];
        let exchange = (token(), proptest::option::of(token()), proptest::option::of(scopes()), audience, requested);
        prop_oneof![
            3 => (proptest::sample::select(USERS), scopes()).prop_map(|(user, scopes)| Act::Login { user, scopes }),
            5 => exchange.prop_map(|(subject, actor, scopes, audience, requested)| Act::Exchange { subject, actor, scopes, audience, requested }),
            4 => (token(), proptest::option::of(scopes())).prop_map(|(token, scopes)| Act::Refresh { token, scopes }),
            1 => token().prop_map(|token| Act::RevokeAccess { token }),
            1 => token().prop_map(|token| Act::RevokeRefresh { token }),
            1 => token().prop_map(|token| Act::Logout { token }),
        ]
        .boxed()
    }

    fn preconditions(logins: &usize, act: &Act) -> bool {
        *logins > 0 || matches!(act, Act::Login { .. })
    }

    fn apply(logins: usize, act: &Act) -> usize {
        logins + usize::from(matches!(act, Act::Login { .. }))
    }
}

/// What one answer gave, and what is known of it.
struct Held {
    tokens: Value,
    user: &'static str,
    scope: BTreeSet<String>,
    audience: BTreeSet<String>,
    /// `sub` of those who act, the newest first.
    actors: Vec<String>,
    family: usize,
    access_is_void: bool,
    refresh_is_spent: bool,
}

/// What one sign-in or one exchange began.
struct Family {
    /// The browser, where somebody has signed in, with the first ID token.
    session: Option<(usize, Option<String>)>,
    offline: bool,
    is_void: bool,
}

struct Provider {
    runtime: Runtime,
    handle: Handle,
    held: Vec<Held>,
    families: Vec<Family>,
    browsers: Vec<Walker>,
}

fn words(text: Option<&str>) -> BTreeSet<String> {
    text.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

fn set(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        one => one.as_str().map(str::to_owned).into_iter().collect(),
    }
}

/// `sub` by `sub`, the outermost first.
fn chain(act: &Value) -> Vec<String> {
    std::iter::successors(Some(act), |act| act.get("act")).filter_map(|act| act["sub"].as_str()).map(str::to_owned).collect()
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

    fn introspect(&self, token: &str) -> Value {
        let (status, said) = self.form("/introspect", &[("token", token)]);
        assert_eq!(status, 200, "{said}");
        said
    }

    fn is_void(&self, held: &Held) -> bool {
        held.access_is_void || self.families[held.family].is_void
    }

    /// Takes down what was given: never more than `scope` and `audience`, and with these actors.
    fn hold(
        &mut self,
        tokens: Value,
        user: &'static str,
        family: usize,
        bound: (&BTreeSet<String>, &BTreeSet<String>),
        actors: Vec<String>,
    ) {
        let said = self.introspect(tokens["access_token"].as_str().expect("an access token"));
        let (scope, audience) = (words(said["scope"].as_str()), set(&said["aud"]));
        assert_eq!(said["active"], true, "a token that is void from the start: {tokens}");
        assert!(scope.is_subset(bound.0), "wider than {:?}: {said}", bound.0);
        assert!(audience.is_subset(bound.1), "for others than {:?}: {said}", bound.1);
        if let Some(id_token) = tokens["id_token"].as_str() {
            let claims = claims(id_token);
            assert_eq!((claims["sub"].as_str(), chain(&claims["act"])), (Some(&*sub(user)), actors.clone()), "{claims}");
        }
        self.held.push(Held { tokens, user, scope, audience, actors, family, access_is_void: false, refresh_is_spent: false });
    }

    fn login(&mut self, user: &'static str, scopes: &[&str]) {
        let mut browser = Walker::plain(self.handle.addr());
        let tokens = self.runtime.block_on(browser.login_for(user, CLIENT, &scopes.join(" ")));
        let session = Some((self.browsers.len(), tokens["id_token"].as_str().map(str::to_owned)));
        self.browsers.push(browser);
        self.families.push(Family { session, offline: scopes.contains(&"offline_access"), is_void: false });
        let asked = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let audience = set(&self.introspect(tokens["access_token"].as_str().expect("an access token"))["aud"]);
        self.hold(tokens, user, self.families.len() - 1, (&asked, &audience), Vec::new());
    }

    fn exchange(&mut self, subject: usize, actor: Option<usize>, scopes: Option<&[&str]>, audience: Option<&str>, requested: &str) {
        let subject = subject % self.held.len();
        let actor = actor.map(|actor| actor % self.held.len());
        let scope = scopes.map(|scopes| scopes.join(" "));
        let requested_type = format!("urn:ietf:params:oauth:token-type:{requested}");
        let access_token = "urn:ietf:params:oauth:token-type:access_token";
        let text = |which: usize| self.held[which].tokens["access_token"].as_str().expect("an access token").to_owned();
        let (subject_token, actor_token) = (text(subject), actor.map(text));
        let mut form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", &*subject_token),
            ("subject_token_type", access_token),
            ("requested_token_type", &*requested_type),
        ];
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        if let Some(actor_token) = &actor_token {
            form.extend([("actor_token", &**actor_token), ("actor_token_type", access_token)]);
        }
        form.extend(audience.map(|audience| ("audience", audience)));
        let (status, tokens) = self.form("/token", &form);
        if status != 200 {
            assert_eq!(tokens["access_token"], Value::Null);
            return;
        }
        for shown in [Some(subject), actor].into_iter().flatten() {
            assert!(!self.is_void(&self.held[shown]), "a token that is void was exchanged: {tokens}");
        }
        let of = &self.held[subject];
        let by = actor.map(|actor| &self.held[actor]);
        let actors = by.map_or_else(|| of.actors.clone(), |by| std::iter::once(sub(by.user)).chain(by.actors.iter().cloned()).collect());
        let both =
            |part: fn(&Held) -> &BTreeSet<String>| part(of).iter().chain(by.into_iter().flat_map(part)).cloned().collect::<BTreeSet<_>>();
        let (bound, mut audiences) = (both(|held| &held.scope), both(|held| &held.audience));
        let user = of.user;
        if requested == "id_token" {
            let claims = claims(tokens["access_token"].as_str().expect("an ID token"));
            // An ID token is for the client that it was issued to as well (Core, section 2).
            audiences.insert(CLIENT.to_owned());
            assert_eq!((claims["sub"].as_str(), chain(&claims["act"])), (Some(&*sub(user)), actors), "{claims}");
            assert!(set(&claims["aud"]).is_subset(&audiences), "{claims}");
            return;
        }
        self.families.push(Family { session: None, offline: true, is_void: false });
        self.hold(tokens, user, self.families.len() - 1, (&bound, &audiences), actors);
    }

    fn refresh(&mut self, which: usize, scopes: Option<&[&str]>) {
        let which = which % self.held.len();
        let held = &self.held[which];
        let Some(token) = held.tokens["refresh_token"].as_str().map(str::to_owned) else { return };
        let scope = scopes.map(|scopes| scopes.join(" "));
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", &*token)];
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        let (status, tokens) = self.form("/token", &form);
        let (user, family, spent) = (held.user, held.family, held.refresh_is_spent);
        if status != 200 {
            assert_eq!(tokens["access_token"], Value::Null);
            // A token that comes a second time takes everything with it (RFC 9700, section 4.14.2).
            self.families[family].is_void |= spent;
            return;
        }
        assert!(!spent && !self.families[family].is_void, "a refresh token that is void was taken");
        // Later ones may have again what an earlier one did without (RFC 6749, section 6).
        let granted: BTreeSet<String> =
            self.held.iter().filter(|other| other.family == family).flat_map(|other| other.scope.iter().cloned()).collect();
        let bound = scope.map_or(granted.clone(), |scope| words(Some(&scope)).intersection(&granted).cloned().collect());
        let (audience, actors) = (held.audience.clone(), held.actors.clone());
        self.held[which].refresh_is_spent = true;
        self.hold(tokens, user, family, (&bound, &audience), actors);
    }

    fn revoke(&mut self, which: usize, name: &str) {
        let which = which % self.held.len();
        let Some(token) = self.held[which].tokens[name].as_str().map(str::to_owned) else { return };
        let (status, said) = self.form("/revoke", &[("token", &token)]);
        assert_eq!(status, 200, "{said}");
        if name == "refresh_token" {
            self.families[self.held[which].family].is_void = true;
        } else {
            self.held[which].access_is_void = true;
        }
    }

    fn logout(&mut self, which: usize) {
        let family = self.held[which % self.held.len()].family;
        let Some((browser, Some(id_token))) = self.families[family].session.clone() else { return };
        let url = url::Url::parse_with_params("https://op.test/end_session", [("id_token_hint", &id_token)]).expect("an address");
        let reply = self.runtime.block_on(self.browsers[browser].get(url.as_str()));
        assert!(reply.status.is_redirection() || reply.status == 200, "{reply:?}");
        for family in self.families.iter_mut().filter(|family| family.session.as_ref().is_some_and(|(whose, _)| *whose == browser)) {
            family.is_void |= !family.offline;
        }
    }
}

impl StateMachineTest for Provider {
    type SystemUnderTest = Self;
    type Reference = Acts;

    fn init_test(_: &usize) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let handle = runtime.block_on(plain_provider());
        Self { runtime, handle, held: Vec::new(), families: Vec::new(), browsers: Vec::new() }
    }

    fn apply(mut provider: Self, _: &usize, act: Act) -> Self {
        match act {
            Act::Login { user, scopes } => provider.login(user, &scopes),
            Act::Exchange { subject, actor, scopes, audience, requested } => {
                provider.exchange(subject, actor, scopes.as_deref(), audience, requested)
            }
            Act::Refresh { token, scopes } => provider.refresh(token, scopes.as_deref()),
            Act::RevokeAccess { token } => provider.revoke(token, "access_token"),
            Act::RevokeRefresh { token } => provider.revoke(token, "refresh_token"),
            Act::Logout { token } => provider.logout(token),
        }
        provider
    }

    fn check_invariants(provider: &Self, _: &usize) {
        for held in &provider.held {
            let said = provider.introspect(held.tokens["access_token"].as_str().expect("an access token"));
            assert_eq!(said["active"], !provider.is_void(held), "{said}");
            if said["active"] == true {
                let now = (said["sub"].as_str(), words(said["scope"].as_str()), set(&said["aud"]), chain(&said["act"]));
                assert_eq!(now, (Some(&*sub(held.user)), held.scope.clone(), held.audience.clone(), held.actors.clone()));
            }
        }
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_makes_a_token_wider_or_forgets_who_acts_or_brings_one_back(sequential 1..24 => Provider);
}
