//! The table of verbs: one value for each, in the order of the enum.

use super::{BROWSER, CLIENT, Field, Implied, Kind, Known, OF, ORIGIN, Refusal, Shape, USER, When, wire, word};
use crate::scenario::Verb;
use crate::scenario::word::{AUTH, CLIENT_METADATA};

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
const DENIED: Implied = Implied { when: When::Is("decide", "deny"), need: "consent" };
const BY_FORM: Implied = Implied { when: When::Is("response_mode", "form_post"), need: "form_post" };

/// A row of the table with what most verbs have; the entries below say what is different.
const REQUEST: Known = Known {
    verb: Verb::Send,
    name: "",
    about: "",
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
        shape: Shape::Table(&[AS_CLIENT, GOES_ON, AS_PERSON, AUTHORIZATION, APPROVE]),
        wants: &[&["user"], &["client", "of"]],
        edits: false,
        yields: FLOW,
        members: GRANTED_MEMBERS,
        goes_on_from: SIGN_INS,
        refusals: &[Refusal::Codes, Refusal::AtClient, Refusal::Page],
        implies: &[OTHER_ORIGIN, BY_JWT, BY_FORM, DENIED],
        ..REQUEST
    },
    Known {
        verb: Verb::Authorize,
        name: "authorize",
        about: "The authorization request, up to where the browser lands. Without `user` it stops at the first page that asks a person.",
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
        implies: &[OTHER_ORIGIN, BY_FORM, DENIED],
        ..REQUEST
    },
    Known {
        verb: Verb::Redeem,
        name: "redeem",
        about: "Buys a code at the token endpoint.",
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
        about: "A person opens the address that the device shows, types the user code and decides. Takes no edits: it is several requests.",
        shape: Shape::Table(&[
            GOES_ON,
            AS_PERSON,
            APPROVE,
            &[ORIGIN, word("typed", Kind::Words(&["exact", "lower", "no-dash", "spaces", "wrong", "complete"])), wire("user_code")],
        ]),
        wants: &[&["of"]],
        edits: false,
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
        shape: Shape::Table(&[&[CLIENT, OF, ORIGIN, word("token", Kind::Text)]]),
        wants: &[&["of", "token"]],
        adds: &["access_token"],
        yields: &["status", "header", "json", "request", "at", "userinfo_token"],
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
        shape: Shape::Table(&[&[ORIGIN]]),
        refusals: &[],
        implies: &[OTHER_ORIGIN],
        ..REQUEST
    },
    Known {
        verb: Verb::Discover,
        name: "discover",
        about: "Reads the metadata, at OpenID Connect's well-known path or at OAuth's.",
        shape: Shape::Table(&[&[ORIGIN, word("at", Kind::Words(&["oidc", "oauth"]))]]),
        refusals: &[],
        implies: &[OTHER_ORIGIN, Implied { when: When::Is("at", "oauth"), need: "oauth_metadata" }],
        ..REQUEST
    },
    Known {
        verb: Verb::EndSession,
        name: "end_session",
        about: "A logout by the browser; a form that asks is answered.",
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
        shape: Shape::Table(&[&[CLIENT, word("with", Kind::Answers)]]),
        wants: &[&["client"], &["with"]],
        ..ACT
    },
    Known { verb: Verb::Advance, name: "advance", about: "Time passes.", shape: Shape::Text(Kind::Duration), ..ACT },
    Known {
        verb: Verb::Admin,
        name: "admin",
        about: "An act on the provider's side, from a closed list.",
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
