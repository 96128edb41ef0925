//! Metadata against behaviour: what was seen to work is announced, and what is announced has its form. Discovery §3, RFC 8414 §2.

use serde_json::{Map, Value};

use super::walk::{Seen, signing_keys};
use super::{At, Looks, Rule, Run, Walk};
use crate::transcript::Endpoint;
use crate::transcript::jose::Jws;
use crate::transcript::tokens::{Arrived, Authorization, Kind, one};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "what-buys-tokens-is-announced",
            asks: "A grant that brought tokens is in `grant_types_supported`.",
            cites: &["rfc8414-2-grant-types-truthful"],
            broken_by: &["discovery-hides-the-code-grant"],
            judge: grants,
        },
        Rule {
            id: "announced-grants-are-known",
            asks: "A grant that is announced is never called an unsupported one.",
            cites: &["rfc8414-2-grant-types-truthful"],
            broken_by: &["announced-grant-is-unknown"],
            judge: announced_grants,
        },
        Rule {
            id: "what-is-answered-is-announced",
            asks: "A response type that brought a code or tokens is in `response_types_supported`.",
            cites: &["disc-3-response-types-supported", "rfc8414-2-response-types-supported"],
            broken_by: &["discovery-hides-the-code"],
            judge: response_types,
        },
        Rule {
            id: "announced-response-types-are-known",
            asks: "The response type `code`, where it is announced, is never called an unsupported one.",
            cites: &["disc-3-response-types-supported", "rfc8414-2-response-types-supported"],
            broken_by: &["announced-response-type-is-unknown"],
            judge: announced_response_types,
        },
        Rule {
            id: "challenges-that-work-are-announced",
            asks: "A challenge method whose code was bought with the verifier is in `code_challenge_methods_supported`.",
            cites: &["rfc8414-2-pkce-methods"],
            broken_by: &["discovery-hides-s256"],
            judge: challenge_methods,
        },
        Rule {
            id: "how-clients-get-in-is-announced",
            asks: "A way in which a client has shown who it is, and got tokens, is in `token_endpoint_auth_methods_supported`.",
            cites: &["rfc8414-2-auth-methods-truthful"],
            broken_by: &["discovery-hides-the-secret-in-the-form"],
            judge: methods,
        },
        Rule {
            id: "who-tells-clients-announces-it",
            asks: "A provider that tells clients of a logout says `backchannel_logout_supported`.",
            cites: &["bcl-2.1-supported"],
            broken_by: &["discovery-hides-back-channel-logout"],
            judge: tells,
        },
        Rule {
            id: "metadata-has-no-empty-lists",
            asks: "A member of the metadata that would have no value is left out.",
            cites: &["disc-4.2-no-empty-arrays", "rfc8414-3.2-no-empty-arrays"],
            broken_by: &["discovery-has-an-empty-list"],
            judge: no_empty_lists,
        },
        Rule {
            id: "metadata-lists-are-lists",
            asks: "What can have several values is a list in the metadata, also where it has one.",
            cites: &["rfc8414-3.2-arrays"],
            broken_by: &["discovery-has-words-for-lists"],
            judge: lists,
        },
        Rule {
            id: "no-unsigned-assertion-is-announced",
            asks: "`none` is no algorithm for what a client signs to be let in.",
            cites: &["disc-3-auth-alg-no-none", "rfc8414-2-auth-signing-alg-no-none"],
            broken_by: &["discovery-announces-unsigned-assertions"],
            judge: no_unsigned_assertion,
        },
        Rule {
            id: "assertion-algorithms-are-announced",
            asks: "Where clients may sign to be let in, the metadata says with which algorithms.",
            cites: &["rfc8414-2-auth-signing-alg-present", "rfc8414-2-introspection-signing-alg", "rfc8414-2-revocation-signing-alg"],
            broken_by: &["discovery-hides-assertion-algorithms"],
            judge: assertion_algorithms,
        },
        Rule {
            id: "assertions-may-be-signed-by-rs256",
            asks: "Where clients may sign to be let in, RS256 is among the algorithms.",
            cites: &["rfc8414-2-auth-signing-alg-rs256"],
            broken_by: &["discovery-hides-rs256-for-assertions"],
            judge: assertions_by_rs256,
        },
        Rule {
            id: "no-private-key-is-published",
            asks: "A key set has public keys and nothing of private or symmetric ones.",
            cites: &["disc-3-jwks-no-private"],
            broken_by: &["key-set-has-a-private-key"],
            judge: no_private_key,
        },
        Rule {
            id: "keys-of-two-uses-say-which",
            asks: "Where keys to sign and keys to encrypt stand in one set, each says what it is for.",
            cites: &["disc-3-jwks-use", "rfc8414-2-jwks-use"],
            broken_by: &["key-set-has-a-key-without-use"],
            judge: uses,
        },
    ]
}

/// Every metadata document that was read.
fn documents<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, Map<String, Value>)> {
    let read = run.answers().filter(|s| s.exchange.endpoint == Endpoint::Discovery && s.answer.status == 200);
    read.filter_map(|s| s.object().map(|o| (s, o))).filter(|(_, o)| o.contains_key("issuer"))
}

/// What an origin said of itself when a message came: the last document that was read before, or the first one.
fn document<'w>(walk: &'w Walk<'_>, origin: &str, seq: u64) -> Option<(Seen<'w>, Map<String, Value>)> {
    let of_origin = |s: &Seen<'_>| s.exchange.endpoint == Endpoint::Discovery && s.exchange.origin == origin && s.answer.status == 200;
    let read: Vec<Seen<'w>> = walk.answers().filter(of_origin).filter(|s| s.object().is_some_and(|o| o.contains_key("issuer"))).collect();
    let last = read.iter().rfind(|s| s.exchange.answered_seq < seq).or(read.first()).copied()?;
    last.object().map(|object| (last, object))
}

/// Answers of the token endpoint that brought an access token, with the metadata of their origin.
fn bought<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, Map<String, Value>)> {
    let good = run.answers().filter(|s| s.is_token_request() && s.answer.status == 200);
    let good = good.filter(|s| s.object().is_some_and(|o| o.get("access_token").is_some_and(Value::is_string)));
    good.filter_map(|s| Some((s, document(s.walk, &s.exchange.origin, s.exchange.sent_seq)?.1)))
}

fn listed<'m>(metadata: &'m Map<String, Value>, member: &str) -> Option<Vec<&'m str>> {
    Some(metadata.get(member)?.as_array()?.iter().filter_map(Value::as_str).collect())
}

fn grants(run: &Run<'_>, looks: &mut Looks) {
    for (seen, metadata) in bought(run) {
        let form = seen.exchange.request.form();
        let Some(grant) = one(&form, "grant_type") else { continue };
        // What a server that does not say has (RFC 8414 §2).
        let listed = listed(&metadata, "grant_types_supported").unwrap_or_else(|| vec!["authorization_code", "implicit"]);
        let wanted = format!("{grant} in grant_types_supported");
        looks.look(seen.at(), listed.contains(&grant), &wanted, || format!("tokens for {grant}, and {} announced", words(&listed)));
    }
}

fn announced_grants(run: &Run<'_>, looks: &mut Looks) {
    for seen in run.answers().filter(Seen::is_token_request) {
        let form = seen.exchange.request.form();
        let metadata = document(seen.walk, &seen.exchange.origin, seen.exchange.sent_seq).map(|(_, metadata)| metadata);
        // The implicit grant has a name, and no request to the token endpoint (RFC 7591 §2).
        let Some((grant, metadata)) = one(&form, "grant_type").filter(|grant| *grant != "implicit").zip(metadata) else { continue };
        if listed(&metadata, "grant_types_supported").is_some_and(|all| all.contains(&grant)) {
            let unknown = seen.object().is_some_and(|b| b.get("error").is_some_and(|e| e == "unsupported_grant_type"));
            looks.look(seen.at(), !unknown, "anything but unsupported_grant_type", || format!("unsupported_grant_type for {grant}"));
        }
    }
}

/// The words of a response type, whose order means nothing (OAuth 2.0 Multiple Response Types §3).
fn sorted(response_type: &str) -> Vec<&str> {
    let mut words: Vec<&str> = response_type.split(' ').collect();
    words.sort_unstable();
    words
}

/// What reached clients, with the response type that was asked for and the metadata of the origin.
fn arrivals<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (At, &'r Authorization, &'r Arrived, String, Map<String, Value>)> {
    run.arrivals().filter_map(|(walk, authorization, arrived)| {
        let sent = walk.transcript.exchanges.get(authorization.exchange)?;
        let (_, metadata) = document(walk, &sent.origin, sent.sent_seq)?;
        Some((walk.at_exchange(arrived.exchange), authorization, arrived, authorization.param("response_type")?.to_owned(), metadata))
    })
}

fn response_types(run: &Run<'_>, looks: &mut Looks) {
    for (at, _, arrived, asked, metadata) in arrivals(run) {
        let success = ["code", "id_token", "access_token"].into_iter().any(|name| arrived.param(name).is_some());
        let Some(listed) = listed(&metadata, "response_types_supported").filter(|_| success) else { continue };
        let fits = listed.iter().any(|one| sorted(one) == sorted(&asked));
        looks.look(at, fits, &format!("{asked} in response_types_supported"), || format!("a success, and {} announced", words(&listed)));
    }
}

fn announced_response_types(run: &Run<'_>, looks: &mut Looks) {
    for (at, _, arrived, asked, metadata) in arrivals(run) {
        // Whether a client may use another type is a matter of its registration.
        if asked == "code" && listed(&metadata, "response_types_supported").is_some_and(|all| all.contains(&"code")) {
            let unknown = arrived.param("error") == Some("unsupported_response_type");
            looks.look(at, !unknown, "anything but unsupported_response_type", || "unsupported_response_type for code".into());
        }
    }
}

fn challenge_methods(run: &Run<'_>, looks: &mut Looks) {
    for (seen, metadata) in bought(run) {
        let form = seen.exchange.request.form();
        let Some(code) = one(&form, "code").filter(|_| one(&form, "code_verifier").is_some()) else { continue };
        let code = seen.walk.tokens_of(Kind::Code).find(|t| t.text == code).and_then(|t| seen.walk.authorization(t));
        let Some(login) = code.filter(|a| a.param("code_challenge").is_some()) else { continue };
        // Without the list there is no PKCE (RFC 8414 §2): a challenge is a parameter like any other that means nothing.
        let Some(listed) = listed(&metadata, "code_challenge_methods_supported") else { continue };
        let method = login.param("code_challenge_method").unwrap_or("plain");
        looks.look(seen.at(), listed.contains(&method), &format!("{method} in code_challenge_methods_supported"), || {
            format!("tokens by {method}, and {} announced", words(&listed))
        });
    }
}

/// How the client of a request shows who it is; `None` where it shows nothing, or too much to tell.
fn method(seen: &Seen<'_>) -> Option<&'static str> {
    let form = seen.exchange.request.form();
    let basic = seen.exchange.request.header("authorization").any(|h| h.get(..6).is_some_and(|s| s.eq_ignore_ascii_case("basic ")));
    match (basic, one(&form, "client_secret"), one(&form, "client_assertion")) {
        (true, None, None) => Some("client_secret_basic"),
        (false, Some(_), None) => Some("client_secret_post"),
        (false, None, Some(assertion)) => {
            let by_secret = Jws::parse(assertion)?.header_str("alg")?.starts_with("HS");
            Some(if by_secret { "client_secret_jwt" } else { "private_key_jwt" })
        }
        _ => None,
    }
}

fn methods(run: &Run<'_>, looks: &mut Looks) {
    for (seen, metadata) in bought(run) {
        // A public client that sends a secret along is let in by its name alone.
        let public = seen.walk.client(seen.exchange.client.as_deref(), "token_endpoint_auth_method").is_some_and(|m| m == "none");
        let Some((method, listed)) = method(&seen).filter(|_| !public).zip(listed(&metadata, "token_endpoint_auth_methods_supported"))
        else {
            continue;
        };
        let wanted = format!("{method} in token_endpoint_auth_methods_supported");
        looks.look(seen.at(), listed.contains(&method), &wanted, || format!("tokens by {method}, and {} announced", words(&listed)));
    }
}

fn tells(run: &Run<'_>, looks: &mut Looks) {
    for walk in &run.walks {
        let told = walk.transcript.deliveries.iter().position(|d| d.request.param("logout_token").is_some());
        let Some(index) = told else { continue };
        let Some((_, metadata)) = document(walk, "primary", walk.transcript.deliveries[index].came_seq) else { continue };
        let said = metadata.get("backchannel_logout_supported");
        looks.look(walk.at_delivery(index), said == Some(&Value::Bool(true)), "backchannel_logout_supported true", || {
            format!(
                "a logout token, and {}",
                said.map_or_else(|| "nothing announced".into(), |v| format!("backchannel_logout_supported {v}"))
            )
        });
    }
}

fn no_empty_lists(run: &Run<'_>, looks: &mut Looks) {
    for (seen, metadata) in documents(run) {
        let empty: Vec<&str> =
            metadata.iter().filter(|(_, v)| v.as_array().is_some_and(Vec::is_empty)).map(|(name, _)| name.as_str()).collect();
        looks.look(seen.at(), empty.is_empty(), "no empty list", || format!("{} has no members", empty.join(", ")));
    }
}

/// Members whose value is a list (Discovery §3, RFC 8414 §2).
const LISTS: [&str; 18] = [
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "acr_values_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "userinfo_signing_alg_values_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "claims_supported",
    "claim_types_supported",
    "ui_locales_supported",
    "code_challenge_methods_supported",
];

fn lists(run: &Run<'_>, looks: &mut Looks) {
    for (seen, metadata) in documents(run) {
        let others: Vec<&str> = LISTS.into_iter().filter(|name| metadata.get(*name).is_some_and(|v| !v.is_array())).collect();
        looks.look(seen.at(), others.is_empty(), "lists", || format!("{} is none", others.join(", ")));
    }
}

/// The endpoints at which clients are let in.
const DOORS: [&str; 3] = ["token", "introspection", "revocation"];

/// For every endpoint where clients may sign to be let in: the algorithms that are listed for it, if any are.
fn signed(metadata: &Map<String, Value>) -> impl Iterator<Item = (&'static str, Option<Vec<&str>>)> {
    let by_jwt = |door: &&str| {
        let methods = listed(metadata, &format!("{door}_endpoint_auth_methods_supported")).unwrap_or_default();
        methods.iter().any(|m| matches!(*m, "private_key_jwt" | "client_secret_jwt"))
    };
    DOORS.into_iter().filter(by_jwt).map(|door| (door, listed(metadata, &format!("{door}_endpoint_auth_signing_alg_values_supported"))))
}

fn no_unsigned_assertion(run: &Run<'_>, looks: &mut Looks) {
    for (seen, metadata) in documents(run) {
        for door in DOORS {
            let member = format!("{door}_endpoint_auth_signing_alg_values_supported");
            let Some(algorithms) = listed(&metadata, &member) else { continue };
            looks.look(seen.at(), !algorithms.contains(&"none"), "no none among them", || format!("none in {member}"));
        }
    }
}

fn assertion_algorithms(run: &Run<'_>, looks: &mut Looks) {
    for (seen, metadata) in documents(run) {
        for (door, algorithms) in signed(&metadata) {
            let member = format!("{door}_endpoint_auth_signing_alg_values_supported");
            looks.look(seen.at(), algorithms.is_some_and(|all| !all.is_empty()), &member, || format!("clients may sign, and no {member}"));
        }
    }
}

fn assertions_by_rs256(run: &Run<'_>, looks: &mut Looks) {
    for (seen, metadata) in documents(run) {
        // A secret signs with HMAC alone.
        let methods = listed(&metadata, "token_endpoint_auth_methods_supported").unwrap_or_default();
        let algorithms = listed(&metadata, "token_endpoint_auth_signing_alg_values_supported");
        let Some(algorithms) = algorithms.filter(|_| methods.contains(&"private_key_jwt")) else { continue };
        looks.look(seen.at(), algorithms.contains(&"RS256"), "RS256 for client assertions", || words(&algorithms));
    }
}

/// Every key set that was read.
fn key_sets<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, Vec<Value>)> {
    let read = run.answers().filter(|s| s.exchange.endpoint == Endpoint::Keys && s.answer.status == 200);
    read.filter_map(|s| Some((s, s.object()?.get("keys")?.as_array()?.clone())))
}

fn no_private_key(run: &Run<'_>, looks: &mut Looks) {
    for (seen, keys) in key_sets(run) {
        // RFC 7518 §6.2.2, §6.3.2, §6.4: what is private in an EC, OKP or RSA key, and what a symmetric key is.
        let secret = |key: &Value| ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].into_iter().find(|m| key.get(*m).is_some());
        let found = keys.iter().find_map(secret);
        looks.look(seen.at(), found.is_none(), "public keys", || format!("a key with the member {}", found.unwrap_or_default()));
    }
}

fn uses(run: &Run<'_>, looks: &mut Looks) {
    for (seen, keys) in key_sets(run) {
        let set = Value::Object(Map::from_iter([("keys".to_owned(), Value::Array(keys.clone()))]));
        let signs = signing_keys(&set).iter().any(|key| key.get("use").is_some());
        let encrypts = keys.iter().any(|key| key.get("use").is_some_and(|u| u == "enc"));
        // Keys of one use alone, or that all leave it open, need not say so; where some say it the others leave a client guessing.
        let open = keys.iter().filter(|key| key.get("use").is_none()).count();
        if open < keys.len() {
            looks.look(seen.at(), open == 0 || !(signs && encrypts), "a use for each key", || format!("{open} keys without use"));
        }
    }
}

fn words(listed: &[&str]) -> String {
    if listed.is_empty() { "nothing".into() } else { listed.join(", ") }
}
