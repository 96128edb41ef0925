//! What each verb is: its fields, what comes back from it, and what a target has to offer for it. One value for each.

use super::Verb;
use super::word::{AUTH, BROWSERS, CLIENT_METADATA, FLAGS, ORIGINS};

/// A verb of the language.
#[derive(Debug)]
pub struct Known {
    /// The verb.
    pub verb: Verb,
    /// As it is written.
    pub name: &'static str,
    /// What it does, in a sentence for editors.
    pub about: &'static str,
    /// Whether its flow can be driven yet. A scenario that runs may only use verbs that are ready.
    pub ready: bool,
    /// How its value is written.
    pub shape: Shape,
    /// Of each of these lists one field has to be there.
    pub wants: &'static [&'static [&'static str]],
    /// Parameters that an honest request has beside those that are fields; `drop` and `repeat` may name both.
    pub adds: &'static [&'static str],
    /// Whether `set`, `drop` and `repeat` apply: the verb sends one request that a person could have written.
    pub edits: bool,
    /// What the reply has: the first step of a reference to it, and of `expect`.
    pub yields: &'static [&'static str],
    /// Members of `json` in a good answer, where these are known; any if empty.
    pub members: &'static [&'static str],
    /// The verbs whose replies `of` goes on from.
    pub goes_on_from: &'static [Verb],
    /// How it can be refused.
    pub refusals: &'static [Refusal],
    /// What it asks of target and harness.
    pub implies: &'static [Implied],
}

/// How the value of a verb is written.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// `login = { … }`, with these fields in groups.
    Table(&'static [&'static [Field]]),
    /// `advance = "1h"`
    Text(Kind),
    /// `admin = { do = ACT, … }`: the fields are those of the act.
    Act,
}

/// A field of a verb or of an act.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// As it is written.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it is a parameter of the request under this very name; else it is a word of ours.
    pub wire: bool,
}

/// What a field holds. Anywhere a `{reference}` may stand instead, except for [`Kind::Client`] and its like, where only `{with.X}` may:
/// these are known before anything runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A parameter: text, a number, true or false; a list is the parameter sent once for each.
    Parameter,
    /// Any value at all.
    Json,
    /// Text.
    Text,
    /// A client: a fixture, or one of the file's own.
    Client,
    /// A user of the fixtures.
    User,
    /// One of these words.
    Words(&'static [&'static str]),
    /// `"{saved}"`: a reply as a whole, to go on from.
    Reply,
    /// `"90s"`.
    Duration,
    /// True or false.
    Flag,
    /// True, false, or the word `inherit`.
    FlagOrInherit,
    /// How a client answers: a list of status codes, silences, and tables of status, header and body.
    Answers,
    /// Who signs.
    Signer,
    /// A table of anything.
    Table,
    /// A list of text.
    Names,
}

/// The ways in which a verb can be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `["invalid_grant"]`: JSON from an endpoint.
    Codes,
    /// `"login_required"`: an error at the client.
    AtClient,
    /// `"page"`: a page of the provider.
    Page,
}

/// Something that a verb needs, always or with some field.
#[derive(Debug, Clone, Copy)]
pub struct Implied {
    /// When it does.
    pub when: When,
    /// The word of `needs`.
    pub need: &'static str,
}

/// See [`Implied`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// If the field is there.
    Has(&'static str),
    /// If the field holds this word.
    Is(&'static str, &'static str),
}

/// An act of `admin`.
#[derive(Debug)]
pub struct Act {
    /// As it is written; the power is `admin.NAME`.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Whether it can be done yet.
    pub ready: bool,
    /// Its fields.
    pub fields: &'static [Field],
    /// Those that have to be there.
    pub wants: &'static [&'static str],
}

impl Known {
    /// The verb of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        VERBS.iter().find(|known| known.name == name)
    }

    /// The names of all verbs.
    pub fn names() -> impl Iterator<Item = &'static str> {
        VERBS.iter().map(|known| known.name)
    }

    /// Its fields; none where the value is no table of its own.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> {
        let groups: &[&[Field]] = match self.shape {
            Shape::Table(groups) => groups,
            Shape::Text(_) | Shape::Act => &[],
        };
        groups.iter().copied().flatten()
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields().find(|field| field.name == name)
    }

    /// The parameters that an honest request can have.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.fields().filter(|field| field.wire).map(|field| field.name).chain(self.adds.iter().copied())
    }

    /// Whether something comes back that can be saved.
    pub fn can_be_saved(&self) -> bool {
        !self.yields.is_empty()
    }
}

impl Verb {
    /// What is known of it.
    pub fn known(self) -> &'static Known {
        // The table is in the order of the enum; a test says so.
        &VERBS[self as usize]
    }

    /// As it is written.
    pub fn word(self) -> &'static str {
        self.known().name
    }
}

impl Act {
    /// The act of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ACTS.iter().find(|act| act.name == name)
    }
}

const fn wire(name: &'static str) -> Field {
    Field { name, kind: Kind::Parameter, wire: true }
}

const fn word(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, wire: false }
}

const CLIENT: Field = word("client", Kind::Client);
const USER: Field = word("user", Kind::User);
const OF: Field = word("of", Kind::Reply);
const ORIGIN: Field = word("origin", Kind::Words(ORIGINS));
const BROWSER: Field = word("browser", Kind::Words(BROWSERS));

/// What every verb of a client has.
const AS_CLIENT: &[Field] = &[CLIENT, word("auth", Kind::Words(AUTH)), word("secret", Kind::Text), ORIGIN];

/// A person in front of a browser.
const AS_PERSON: &[Field] = &[USER, BROWSER, word("password", Kind::Words(&["right", "wrong"]))];

/// What goes on from an earlier reply.
const GOES_ON: &[Field] = &[OF];

const APPROVE: &[Field] = &[word("decide", Kind::Words(&["approve", "deny"]))];

/// Parameters of an authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1 and §6, RFC 7636 §4.3, RFC 8707 §2).
const AUTHORIZATION: &[Field] = &[
    wire("response_type"),
    wire("client_id"),
    wire("redirect_uri"),
    wire("scope"),
    wire("state"),
    wire("nonce"),
    wire("response_mode"),
    wire("display"),
    wire("prompt"),
    wire("max_age"),
    wire("ui_locales"),
    wire("claims_locales"),
    wire("id_token_hint"),
    wire("login_hint"),
    wire("acr_values"),
    wire("claims"),
    wire("request"),
    wire("request_uri"),
    wire("registration"),
    wire("code_challenge"),
    wire("code_challenge_method"),
    wire("resource"),
];

/// What a client authenticates itself with at the token endpoint and its neighbours.
const CREDENTIALS: &[&str] = &["grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type"];

/// The grants: whatever their parameters, the request is of one shape.
const GRANTED: &[&str] = &["status", "header", "json", "request", "at", "access_token", "refresh_token", "id_token"];
const GRANTED_MEMBERS: &[&str] = &["token_type", "expires_in", "scope", "issued_token_type"];
const PLAIN: &[&str] = &["status", "header", "json", "request", "at"];

/// What an honest continuation reads, and a reference may.
const FLOW: &[&str] = &[
    "status",
    "header",
    "json",
    "request",
    "at",
    "access_token",
    "refresh_token",
    "id_token",
    "callback",
    "landed",
    "client",
    "user",
    "browser",
    "origin",
    "scope",
    "redirect_uri",
    "nonce",
    "code_verifier",
];

const TOKENS: &[Verb] = &[Verb::Login, Verb::Redeem, Verb::Refresh, Verb::Exchange, Verb::JwtBearer, Verb::ClientCredentials, Verb::Poll];
const SIGN_INS: &[Verb] = &[Verb::Login, Verb::Authorize, Verb::Redeem, Verb::Refresh, Verb::Exchange, Verb::Poll];

const CODES: &[Refusal] = &[Refusal::Codes];
const BROWSED: &[Refusal] = &[Refusal::AtClient, Refusal::Page];

const fn always(need: &'static str) -> Implied {
    Implied { when: When::Always, need }
}

const OTHER_ORIGIN: Implied = Implied { when: When::Is("origin", "other"), need: "two_origins" };
const BY_JWT: Implied = Implied { when: When::Is("auth", "private_key_jwt"), need: "private_key_jwt" };
const BY_FORM: Implied = Implied { when: When::Is("response_mode", "form_post"), need: "form_post" };

/// A row of the table with what most verbs have; the entries below say what is different.
const REQUEST: Known = Known {
    verb: Verb::Send,
    name: "",
    about: "",
    ready: false,
    shape: Shape::Table(&[]),
    wants: &[],
    adds: &[],
    edits: true,
    yields: PLAIN,
    members: &[],
    goes_on_from: &[],
    refusals: CODES,
    implies: &[OTHER_ORIGIN, BY_JWT],
};

/// Nothing is sent that could be edited, saved or refused.
const ACT: Known = Known { edits: false, yields: &[], refusals: &[], implies: &[], ..REQUEST };

/// All verbs, in the order of [`Verb`].
pub static VERBS: &[Known] = &[
    Known {
        verb: Verb::Login,
        name: "login",
        about: "A whole sign-in: the authorization request, the person, and the code bought. Takes no edits.",
        ready: true,
        shape: Shape::Table(&[AS_CLIENT, GOES_ON, AS_PERSON, AUTHORIZATION, APPROVE]),
        wants: &[&["user"], &["client", "of"]],
        edits: false,
        yields: FLOW,
        members: GRANTED_MEMBERS,
        goes_on_from: SIGN_INS,
        refusals: &[Refusal::Codes, Refusal::AtClient, Refusal::Page],
        implies: &[OTHER_ORIGIN, BY_JWT, BY_FORM],
        ..REQUEST
    },
    Known {
        verb: Verb::Authorize,
        name: "authorize",
        about: "The authorization request, up to where the browser lands. Without `user` it stops at the first page that asks a person.",
        ready: true,
        shape: Shape::Table(&[&[CLIENT, ORIGIN], GOES_ON, AS_PERSON, AUTHORIZATION, APPROVE]),
        wants: &[&["client", "of"]],
        yields: &[
            "status",
            "header",
            "request",
            "at",
            "callback",
            "landed",
            "client",
            "user",
            "browser",
            "origin",
            "scope",
            "redirect_uri",
            "nonce",
            "code_verifier",
        ],
        goes_on_from: SIGN_INS,
        refusals: BROWSED,
        implies: &[OTHER_ORIGIN, BY_FORM],
        ..REQUEST
    },
    Known {
        verb: Verb::Redeem,
        name: "redeem",
        about: "Buys a code at the token endpoint.",
        ready: true,
        shape: Shape::Table(&[
            AS_CLIENT,
            GOES_ON,
            &[wire("code"), wire("redirect_uri"), wire("code_verifier"), wire("scope"), wire("resource")],
        ]),
        wants: &[&["of", "code"], &["of", "client"]],
        adds: CREDENTIALS,
        yields: GRANTED,
        members: GRANTED_MEMBERS,
        goes_on_from: &[Verb::Authorize, Verb::Login],
        ..REQUEST
    },
    Known {
        verb: Verb::Refresh,
        name: "refresh",
        about: "Uses a refresh token.",
        shape: Shape::Table(&[AS_CLIENT, GOES_ON, &[wire("refresh_token"), wire("scope"), wire("resource"), wire("audience")]]),
        wants: &[&["of", "refresh_token"], &["of", "client"]],
        adds: CREDENTIALS,
        yields: GRANTED,
        members: GRANTED_MEMBERS,
        goes_on_from: TOKENS,
        implies: &[always("refresh_token"), OTHER_ORIGIN, BY_JWT],
        ..REQUEST
    },
    Known {
        verb: Verb::Exchange,
        name: "exchange",
        about: "Exchanges a token for another (RFC 8693).",
        shape: Shape::Table(&[
            AS_CLIENT,
            GOES_ON,
            &[
                wire("subject_token"),
                wire("subject_token_type"),
                wire("actor_token"),
                wire("actor_token_type"),
                wire("requested_token_type"),
                wire("scope"),
                wire("audience"),
                wire("resource"),
            ],
        ]),
        wants: &[&["of", "client"], &["of", "subject_token"]],
        adds: CREDENTIALS,
        yields: GRANTED,
        members: GRANTED_MEMBERS,
        goes_on_from: TOKENS,
        implies: &[always("token_exchange"), Implied { when: When::Has("actor_token"), need: "impersonation" }, OTHER_ORIGIN, BY_JWT],
        ..REQUEST
    },
    Known {
        verb: Verb::JwtBearer,
        name: "jwt_bearer",
        about: "Shows an assertion as a grant (RFC 7523 §2.1).",
        shape: Shape::Table(&[AS_CLIENT, GOES_ON, &[wire("assertion"), wire("scope"), wire("resource"), wire("audience")]]),
        wants: &[&["of", "client"], &["of", "assertion"]],
        adds: CREDENTIALS,
        yields: GRANTED,
        members: GRANTED_MEMBERS,
        goes_on_from: &[Verb::Forge],
        implies: &[always("jwt_bearer"), OTHER_ORIGIN, BY_JWT],
        ..REQUEST
    },
    Known {
        verb: Verb::ClientCredentials,
        name: "client_credentials",
        about: "A client on its own behalf (RFC 6749 §4.4).",
        shape: Shape::Table(&[AS_CLIENT, &[wire("scope"), wire("resource"), wire("audience")]]),
        wants: &[&["client"]],
        adds: CREDENTIALS,
        yields: GRANTED,
        members: GRANTED_MEMBERS,
        implies: &[always("client_credentials"), OTHER_ORIGIN, BY_JWT],
        ..REQUEST
    },
    Known {
        verb: Verb::Device,
        name: "device",
        about: "A device asks for its codes (RFC 8628 §3.1).",
        shape: Shape::Table(&[AS_CLIENT, &[wire("scope"), wire("resource")]]),
        wants: &[&["client"]],
        adds: CREDENTIALS,
        members: &["device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in", "interval"],
        implies: &[always("device"), OTHER_ORIGIN, BY_JWT],
        ..REQUEST
    },
    Known {
        verb: Verb::EnterCode,
        name: "enter_code",
        about: "A person types the user code and decides.",
        shape: Shape::Table(&[
            GOES_ON,
            AS_PERSON,
            APPROVE,
            &[ORIGIN, word("typed", Kind::Words(&["exact", "lower", "no-dash", "spaces", "wrong"])), wire("user_code")],
        ]),
        wants: &[&["of", "user_code"], &["user"]],
        yields: &["status", "header", "request", "at", "landed"],
        goes_on_from: &[Verb::Device],
        refusals: &[Refusal::Page],
        implies: &[always("device"), OTHER_ORIGIN],
        ..REQUEST
    },
    Known {
        verb: Verb::Poll,
        name: "poll",
        about: "A device asks for its tokens, after the pause that it was told.",
        shape: Shape::Table(&[AS_CLIENT, GOES_ON, &[word("early", Kind::Flag), wire("device_code")]]),
        wants: &[&["of", "device_code"], &["of", "client"]],
        adds: CREDENTIALS,
        yields: GRANTED,
        members: GRANTED_MEMBERS,
        goes_on_from: &[Verb::Device],
        implies: &[always("device"), OTHER_ORIGIN, BY_JWT],
        ..REQUEST
    },
    Known {
        verb: Verb::Userinfo,
        name: "userinfo",
        about: "Asks the UserInfo endpoint with an access token.",
        ready: true,
        shape: Shape::Table(&[&[CLIENT, OF, ORIGIN, word("token", Kind::Text)]]),
        wants: &[&["of", "token"]],
        adds: &["access_token"],
        goes_on_from: TOKENS,
        implies: &[OTHER_ORIGIN],
        ..REQUEST
    },
    Known {
        verb: Verb::Introspect,
        name: "introspect",
        about: "A client asks what a token is (RFC 7662).",
        shape: Shape::Table(&[AS_CLIENT, GOES_ON, &[wire("token"), wire("token_type_hint")]]),
        wants: &[&["of", "client"], &["of", "token"]],
        adds: CREDENTIALS,
        goes_on_from: TOKENS,
        implies: &[always("introspection"), OTHER_ORIGIN, BY_JWT],
        ..REQUEST
    },
    Known {
        verb: Verb::Revoke,
        name: "revoke",
        about: "A client gives a token back (RFC 7009).",
        shape: Shape::Table(&[AS_CLIENT, GOES_ON, &[wire("token"), wire("token_type_hint")]]),
        wants: &[&["of", "client"], &["of", "token"]],
        adds: CREDENTIALS,
        goes_on_from: TOKENS,
        implies: &[always("revocation"), OTHER_ORIGIN, BY_JWT],
        ..REQUEST
    },
    Known {
        verb: Verb::Keys,
        name: "keys",
        about: "Reads the published keys.",
        ready: true,
        shape: Shape::Table(&[&[ORIGIN]]),
        refusals: &[],
        implies: &[OTHER_ORIGIN],
        ..REQUEST
    },
    Known {
        verb: Verb::Discover,
        name: "discover",
        about: "Reads the metadata, at OpenID Connect's well-known path or at OAuth's.",
        ready: true,
        shape: Shape::Table(&[&[ORIGIN, word("at", Kind::Words(&["oidc", "oauth"]))]]),
        refusals: &[],
        implies: &[OTHER_ORIGIN],
        ..REQUEST
    },
    Known {
        verb: Verb::EndSession,
        name: "end_session",
        about: "A logout by the browser; a form that asks is answered.",
        ready: true,
        shape: Shape::Table(&[
            GOES_ON,
            AS_PERSON,
            &[
                CLIENT,
                ORIGIN,
                word("decide", Kind::Words(&["yes", "no", "leave"])),
                wire("id_token_hint"),
                wire("client_id"),
                wire("post_logout_redirect_uri"),
                wire("state"),
                wire("logout_hint"),
                wire("ui_locales"),
            ],
        ]),
        yields: &["status", "header", "request", "at", "callback", "landed"],
        goes_on_from: SIGN_INS,
        refusals: &[Refusal::Page],
        implies: &[always("end_session"), OTHER_ORIGIN],
        ..REQUEST
    },
    Known {
        verb: Verb::Register,
        name: "register",
        about: "Makes, reads, changes or removes a client (RFC 7591, RFC 7592).",
        // Its other fields are the metadata: see `registered`.
        shape: Shape::Table(&[
            &[CLIENT, OF, ORIGIN, word("act", Kind::Words(&["make", "read", "change", "remove"])), word("bearer", Kind::Text)],
            METADATA,
        ]),
        wants: &[&["act"]],
        goes_on_from: &[Verb::Register],
        implies: &[always("registration"), OTHER_ORIGIN],
        ..REQUEST
    },
    Known {
        verb: Verb::Send,
        name: "send",
        about: "A request by hand; any answer will do.",
        ready: true,
        shape: Shape::Table(&[&[
            word("get", Kind::Text),
            word("post", Kind::Text),
            word("method", Kind::Text),
            word("url", Kind::Text),
            word("form", Kind::Table),
            word("json", Kind::Json),
            word("body", Kind::Text),
            word("bearer", Kind::Text),
            BROWSER,
            CLIENT,
        ]]),
        wants: &[&["get", "post", "url"]],
        yields: &["status", "header", "json", "request", "at", "access_token", "refresh_token", "id_token", "callback", "landed"],
        refusals: &[Refusal::Codes, Refusal::Page],
        implies: &[],
        ..REQUEST
    },
    Known {
        verb: Verb::Forge,
        name: "forge",
        about: "A token made here, from another one or from nothing. Nothing is sent.",
        ready: true,
        shape: Shape::Table(&[&[
            word("from", Kind::Text),
            word("claims", Kind::Table),
            word("header", Kind::Table),
            word("set", Kind::Table),
            word("drop", Kind::Names),
            word("sign", Kind::Signer),
        ]]),
        wants: &[&["from", "claims"], &["from", "sign"]],
        yields: &["token"],
        implies: &[Implied { when: When::Is("sign", "fixture"), need: "own_keys" }],
        ..ACT
    },
    Known {
        verb: Verb::Answer,
        name: "answer",
        about: "How a client's address for deliveries answers from now on; the last answer goes on.",
        ready: true,
        shape: Shape::Table(&[&[CLIENT, word("with", Kind::Answers)]]),
        wants: &[&["client"], &["with"]],
        ..ACT
    },
    Known { verb: Verb::Advance, name: "advance", about: "Time passes.", ready: true, shape: Shape::Text(Kind::Duration), ..ACT },
    Known {
        verb: Verb::Admin,
        name: "admin",
        about: "An act on the provider's side, from a closed list.",
        ready: true,
        shape: Shape::Act,
        goes_on_from: SIGN_INS,
        implies: &[OTHER_ORIGIN],
        ..ACT
    },
    Known {
        verb: Verb::Restart,
        name: "restart",
        about: "The provider stops or is killed, and comes up again.",
        shape: Shape::Text(Kind::Words(&["stop", "kill"])),
        implies: &[always("restart")],
        ..ACT
    },
];

/// The metadata of a client as fields of `register`.
const METADATA: &[Field] = &registered();

const fn registered() -> [Field; CLIENT_METADATA.len()] {
    let mut fields = [Field { name: "", kind: Kind::Json, wire: true }; CLIENT_METADATA.len()];
    let mut i = 0;
    while i < fields.len() {
        fields[i].name = CLIENT_METADATA[i];
        i += 1;
    }
    fields
}

const ROLE: Field = word("role", Kind::Text);
const FLAG: Field = word("flag", Kind::Words(FLAGS));

/// The closed list of acts.
pub static ACTS: &[Act] = &[
    Act {
        name: "set_flag",
        about: "Turns a feature on or off, for the system or the instance; `inherit` takes the setting away.",
        ready: false,
        fields: &[FLAG, word("level", Kind::Words(&["system", "instance"])), word("to", Kind::FlagOrInherit), ORIGIN],
        wants: &["flag", "to"],
    },
    Act {
        name: "set_policy",
        about: "Changes a policy.",
        ready: false,
        fields: &[word("impersonation", Kind::Flag), word("pkce_required", Kind::Flag), ORIGIN],
        wants: &[],
    },
    Act { name: "grant_role", about: "Gives a user a role.", ready: false, fields: &[USER, ROLE, ORIGIN], wants: &["user", "role"] },
    Act { name: "revoke_role", about: "Takes a role from a user.", ready: false, fields: &[USER, ROLE, ORIGIN], wants: &["user", "role"] },
    Act { name: "lock_user", about: "Locks a user out.", ready: false, fields: &[USER, ORIGIN], wants: &["user"] },
    Act { name: "deactivate_user", about: "Deactivates a user.", ready: false, fields: &[USER, ORIGIN], wants: &["user"] },
    Act { name: "terminate_session", about: "Ends the session of a sign-in.", ready: true, fields: &[OF, ORIGIN], wants: &["of"] },
    Act { name: "rotate_keys", about: "Signs with the next keys from now on.", ready: true, fields: &[ORIGIN], wants: &[] },
    Act { name: "remove_client", about: "Removes a client.", ready: false, fields: &[CLIENT, ORIGIN], wants: &["client"] },
    Act {
        name: "set_up",
        about: "Runs the step that makes an old installation fit for this release.",
        ready: false,
        fields: &[ORIGIN],
        wants: &[],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_named_like_it() {
        for (index, known) in VERBS.iter().enumerate() {
            assert_eq!(known.verb as usize, index, "{}", known.name);
            assert_eq!(serde_json::to_value(known.verb).unwrap(), known.name);
        }
        assert_eq!(Verb::Restart as usize + 1, VERBS.len());
    }

    #[test]
    fn every_word_in_the_table_is_known() {
        for known in VERBS {
            for implied in known.implies {
                assert!(super::super::word::is_need(implied.need), "{}", implied.need);
                if let When::Has(field) | When::Is(field, _) = implied.when {
                    let of_an_act = matches!(known.shape, Shape::Act) && ACTS.iter().any(|a| a.fields.iter().any(|f| f.name == field));
                    assert!(of_an_act || known.field(field).is_some(), "{}.{field}", known.name);
                }
            }
            for name in known.wants.iter().copied().flatten() {
                assert!(known.field(name).is_some(), "{}.{name}", known.name);
            }
            assert_eq!(known.goes_on_from.is_empty(), !has_of(known), "{}", known.name);
        }
        for act in ACTS {
            for name in act.wants {
                assert!(act.fields.iter().any(|f| f.name == *name), "{}.{name}", act.name);
            }
        }
    }

    fn has_of(known: &Known) -> bool {
        known.field("of").is_some() || matches!(known.shape, Shape::Act)
    }
}
