//! The configuration: TOML with no unknown key, and every slip told with its place and the nearest right word.

mod client;
mod clients;
mod device;
mod duration;
mod keys;
mod place;
mod provider;
mod uris;
mod users;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

pub use self::client::{AccessTokenFormat, ApplicationType, AuthMethod, Client, Consent, KeySource, Secret, SubjectType};
pub use self::clients::{WrittenClient, client};
pub use self::device::Device;
pub use self::keys::{Algorithm, AssertionAlgorithm, KeyEntry, KeyUse, parse_keys};
pub use self::place::ConfigError;
pub use self::provider::{
    Delivery, Flags, Lifetimes, Management, Origin, Outgoing, PasswordCost, Policy, Registration, RegistrationMode, StoreKind, Subjects,
};
pub use self::uris::{check_https, check_redirect_uri, is_loopback};
pub use self::users::User;

use self::place::Source;
use self::provider::OriginToml;
use self::users::UserToml;
use crate::keys::SigningKey;

/// Everything that is configured, checked.
#[derive(Debug)]
pub struct Config {
    /// Where the provider lives; never empty.
    pub origins: Vec<Origin>,
    /// Whether the back-channel notifier is active from the start.
    pub set_up: bool,
    /// Where events are kept.
    pub store: StoreKind,
    /// Features that can be switched.
    pub flags: Flags,
    /// What the provider insists on.
    pub policy: Policy,
    /// By which `sub` clients know their users.
    pub subjects: Subjects,
    /// How long things live.
    pub lifetimes: Lifetimes,
    /// How relying parties are told.
    pub delivery: Delivery,
    /// Codes of devices, and how they are asked about.
    pub device: Device,
    /// Whom the provider talks to of its own accord.
    pub outgoing: Outgoing,
    /// Whether clients may register themselves.
    pub registration: Registration,
    /// What a password costs.
    pub password: PasswordCost,
    /// Who may manage.
    pub management: Management,
    /// Signing keys, in their order.
    pub keys: Vec<SigningKey>,
    /// Clients by their `client_id`.
    pub clients: BTreeMap<String, Arc<Client>>,
    /// Users by the name they sign in with.
    pub users: BTreeMap<String, User>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigToml {
    #[serde(default)]
    origins: Vec<Spanned<OriginToml>>,
    #[serde(default = "yes")]
    set_up: bool,
    #[serde(default)]
    store: StoreKind,
    #[serde(default)]
    flags: Flags,
    #[serde(default)]
    policy: Policy,
    #[serde(default)]
    subjects: Subjects,
    #[serde(default)]
    lifetimes: Lifetimes,
    #[serde(default)]
    delivery: Delivery,
    #[serde(default)]
    device: Device,
    #[serde(default)]
    outgoing: Outgoing,
    #[serde(default)]
    registration: Registration,
    #[serde(default)]
    password: PasswordCost,
    #[serde(default)]
    management: Management,
    #[serde(default)]
    keys: Vec<Spanned<KeyEntry>>,
    #[serde(default)]
    clients: BTreeMap<String, Spanned<WrittenClient>>,
    #[serde(default)]
    users: BTreeMap<String, Spanned<UserToml>>,
}

fn yes() -> bool {
    true
}

impl Config {
    /// Reads and checks a configuration. `file` is what messages call it. Issuers that are given take the place of `[[origins]]`.
    ///
    /// # Errors
    /// The first slip, as `file:line:column: what, did you mean ...`.
    pub fn parse(file: &str, text: &str, issuers: &[String]) -> Result<Self, ConfigError> {
        let source = Source { file, text };
        let toml: ConfigToml = toml::from_str(text).map_err(|error| source.toml(&error))?;
        let origins = provider::origins(&source, toml.origins, issuers)?;
        provider::check_password(&source, &toml.password)?;
        device::check(&source, &toml.device)?;
        provider::check_registration(&source, &toml.registration)?;
        let keys = keys::check(&source, toml.keys)?;
        let clients = clients::check(&source, toml.clients)?;
        provider::check_subjects(&source, &toml.subjects, clients.values().map(AsRef::as_ref))?;
        let users = users::check(&source, toml.users)?;
        Ok(Self {
            origins,
            set_up: toml.set_up,
            store: toml.store,
            flags: toml.flags,
            policy: toml.policy,
            subjects: toml.subjects,
            lifetimes: toml.lifetimes,
            delivery: toml.delivery,
            device: toml.device,
            outgoing: toml.outgoing,
            registration: toml.registration,
            password: toml.password,
            management: toml.management,
            keys,
            clients,
            users,
        })
    }

    /// The user with this `sub`.
    pub fn user(&self, id: &crate::names::UserId) -> Option<&User> {
        self.users.values().find(|user| user.id == *id)
    }

    /// The user who signs in so: by name, or by e-mail address in any case.
    pub fn user_called(&self, name: &str) -> Option<&User> {
        self.users.get(name).or_else(|| self.users.values().find(|user| user.email().is_some_and(|email| email.eq_ignore_ascii_case(name))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "[[origins]]\nname = 'primary'\nissuer = 'https://op.test'\n";

    fn refused(text: &str) -> String {
        Config::parse("op.toml", text, &[]).expect_err("this has a slip").to_string()
    }

    #[test]
    fn the_fixtures_are_a_configuration() {
        let text = [
            include_str!("../../../fixtures/provider.toml"),
            include_str!("../../../fixtures/keys.toml"),
            include_str!("../../../fixtures/clients.toml"),
            include_str!("../../../fixtures/users.toml"),
        ]
        .join("\n");
        let config = Config::parse("fixtures", &text, &[]).expect("the fixtures are right");
        assert_eq!(config.delivery.pauses.len(), 5);
        assert_eq!(config.user_called("Alice@Acme.test").map(|user| user.login.as_str()), Some("alice"));
    }

    #[test]
    fn a_slip_is_told_with_its_place_and_the_nearest_right_word() {
        assert_eq!(
            refused(&format!("{ORIGIN}[lifetimes]\naccess_tokn = '1h'\n")),
            "op.toml:5:1: unknown key `access_tokn`, did you mean `access_token`?"
        );
        assert_eq!(
            refused(&format!("{ORIGIN}[clients.web]\nclient_id = 'web'\nconsent = 'onse'\n")),
            "op.toml:6:11: unknown word `onse`, did you mean `once`?"
        );
        assert!(refused(&format!("{ORIGIN}[lifetimes]\naccess_token = '1 hour'\n")).starts_with("op.toml:5:16: `1 hour` is no duration"));
    }

    #[test]
    fn what_does_not_fit_together_is_refused_at_its_table() {
        let twice = "[clients.a]\nclient_id = 'x'\ntoken_endpoint_auth_method = 'none'\n[clients.b]\nclient_id = 'x'\ntoken_endpoint_auth_method = 'none'\n";
        assert_eq!(refused(&format!("{ORIGIN}{twice}")), "op.toml:7:1: client_id `x` is taken by another client");
        assert!(refused(&format!("{ORIGIN}[clients.a]\nclient_id = 'x'\n")).contains("client_secret"));
        assert!(refused("origins = []").contains("at least one"));
        let user = |more: &str| refused(&format!("{ORIGIN}[users.a]\nid = 'a'\npassword = 'a'\n{more}"));
        assert_eq!(user("birthdate = '3.10.1970'"), "op.toml:4:1: birthdate `3.10.1970` is written neither 1970-12-31 nor 1970");
        assert!(user("picture = 'me.png'").contains("no web address"));
        assert!(user("adress = {}").contains("did you mean `address`"));
    }

    #[test]
    fn pairwise_subjects_need_a_salt_and_one_sector() {
        let salt = "[subjects]\npairwise_salt = 'thirty-two characters at the least'\n";
        let client = |more: &str| {
            format!(
                "[clients.a]\nclient_id = 'a'\ntoken_endpoint_auth_method = 'none'\n{more}redirect_uris = ['https://a.test/cb', 'https://b.test/cb']\n"
            )
        };
        let pairwise = "subject_type = 'pairwise'\n";
        let sector = "sector_identifier_uri = 'https://a.test/sector.json'\n";
        let both = format!("{pairwise}{sector}");
        assert!(Config::parse("op.toml", &format!("{ORIGIN}{salt}{}", client(&both)), &[]).is_ok());
        assert!(refused(&format!("{ORIGIN}{}", client(&both))).contains("client `a` is pairwise: [subjects] has to have a pairwise_salt"));
        assert!(refused(&format!("{ORIGIN}{salt}{}", client(pairwise))).contains("do not share one host"));
        assert!(refused(&format!("{ORIGIN}{salt}{}", client(sector))).contains("is for clients with subject_type"));
        assert!(refused(&format!("{ORIGIN}{salt}{}", client(&both.replace("https://a", "http://a")))).contains("has to be https"));
        assert!(refused(&format!("{ORIGIN}[subjects]\npairwise_salt = 'salt'\n")).starts_with("op.toml:4:1: pairwise_salt has to have 32"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(\\[[a-z.]{0,9}\\]|[a-z_]{1,12} = ('[^']{0,9}'|[0-9]{1,4}|\\[\\]|true)|\\PC{0,9}|\\n){0,12}") {
            let _ = Config::parse("any", &text, &[]);
            let _ = Config::parse("any", &format!("{ORIGIN}{text}"), &[]);
        }
    }
}
