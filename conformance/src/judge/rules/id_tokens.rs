//! ID tokens, and access tokens where they are JWTs: signatures, header, and the claims that the protocol itself needs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::walk::{numeric_date, signing_keys, verifies};
use super::{Looks, Rule, Run, Walk};
use crate::transcript::jose::{Jws, half_hash};
use crate::transcript::tokens::{Kind, Token};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "every-signature-verifies",
            asks: "An ID token verifies under the keys that were published when it came.",
            cites: &["core-10.1-key-published"],
            broken_by: &["signature-is-cut"],
            judge: signature,
        },
        Rule {
            id: "the-algorithm-was-agreed",
            asks: "An ID token is signed with the algorithm that its client registered.",
            cites: &["core-10.1-alg-supported"],
            broken_by: &["id-token-alg-of-another-client"],
            judge: algorithm_agreed,
        },
        Rule {
            id: "the-algorithm-is-announced",
            asks: "An ID token is signed with an algorithm that discovery lists.",
            cites: &["disc-3-id-token-alg-truthful"],
            broken_by: &["id-token-downgraded-to-hs256"],
            judge: algorithm_announced,
        },
        Rule {
            id: "never-unsigned",
            asks: "An ID token is signed, unless its client registered for none.",
            cites: &["core-2-alg-none-restricted"],
            broken_by: &["id-token-unsigned"],
            judge: never_unsigned,
        },
        Rule {
            id: "the-issuer-is-the-issuer",
            asks: "`iss` is the issuer of discovery, character for character.",
            cites: &["disc-3-issuer-equals-id-token", "core-16.15-iss-discovery-match"],
            broken_by: &["issuer-with-a-slash"],
            judge: issuer,
        },
        Rule {
            id: "the-audience-has-the-client",
            asks: "`aud` has the client that asked.",
            cites: &["core-2-aud"],
            broken_by: &["id-token-for-another"],
            judge: audience,
        },
        Rule {
            id: "the-authorized-party-is-the-client",
            asks: "`azp`, if it is there, is the client that asked.",
            cites: &["core-2-azp"],
            broken_by: &["azp-of-another"],
            judge: authorized_party,
        },
        Rule {
            id: "an-id-token-says-when-it-was-made",
            asks: "`iat` is a number, and it was while the token was asked for.",
            cites: &["core-2-iat"],
            broken_by: &["iat-in-the-future"],
            judge: issued_at,
        },
        Rule {
            id: "an-id-token-says-when-it-ends",
            asks: "`exp` is a number, behind `iat`, and not yet over.",
            cites: &["core-2-exp"],
            broken_by: &["id-token-without-exp"],
            judge: expires,
        },
        Rule {
            id: "at_hash-fits",
            asks: "`at_hash`, if it is there, is that of the access token beside it.",
            cites: &["core-3.1.3.6-at-hash"],
            broken_by: &["at-hash-of-another"],
            judge: at_hash,
        },
        Rule {
            id: "kid-when-keys-are-many",
            asks: "Where several keys are published, an ID token says which is its own.",
            cites: &["core-10.1-kid-when-multiple"],
            broken_by: &["kid-is-missing"],
            judge: kid,
        },
        Rule {
            id: "no-keys-in-headers",
            asks: "No ID token brings its own key, or says where to fetch one.",
            cites: &["core-2-no-key-headers"],
            broken_by: &["id-token-brings-its-key"],
            judge: no_keys,
        },
        Rule {
            id: "no-claim-twice",
            asks: "No JWT has a claim or header parameter twice.",
            cites: &["rfc7519-4-unique-claim-names"],
            broken_by: &["claim-comes-twice"],
            judge: no_claim_twice,
        },
        Rule {
            id: "a-jwt-access-token-says-so",
            asks: "An access token that is a JWT has the type at+jwt.",
            cites: &["rfc9068-2.1-typ"],
            broken_by: &["at-jwt-typ-is-jwt"],
            judge: access_token_type,
        },
        Rule {
            id: "a-jwt-access-token-is-whole",
            asks: "An access token that is a JWT has iss, exp, aud, sub, client_id, iat and jti.",
            cites: &[
                "rfc9068-2.2-iss",
                "rfc9068-2.2-exp",
                "rfc9068-2.2-aud",
                "rfc9068-2.2-sub",
                "rfc9068-2.2-client-id",
                "rfc9068-2.2-iat",
                "rfc9068-2.2-jti",
            ],
            broken_by: &["at-jwt-without-client-id"],
            judge: access_token_whole,
        },
        Rule {
            id: "a-jwt-access-token-names-its-scope",
            asks: "An access token that is a JWT says its scope, where one was asked for.",
            cites: &["rfc9068-2.2.3-scope-claim"],
            broken_by: &["at-jwt-without-scope"],
            judge: access_token_scope,
        },
        Rule {
            id: "each-jwt-has-its-own-jti",
            asks: "No two tokens of a kind have the same `jti`.",
            cites: &["rfc7519-4.1.7-jti-collision"],
            broken_by: &["access-tokens-share-a-name"],
            judge: own_jti,
        },
        Rule {
            id: "a-strict-client-is-content",
            asks: "A client that checks all that it has to check accepts every answer to an honest request.",
            cites: &["core-3.1.3.3-id-token"],
            broken_by: &["id-token-for-another"],
            judge: content,
        },
    ]
}

fn id_tokens<'r, 't>(run: &'r Run<'t>) -> impl Iterator<Item = (&'r Walk<'t>, &'r Token, &'r Jws)> {
    run.jwts(Kind::IdToken)
}

fn text(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".into(), Value::to_string)
}

fn signature(run: &Run<'_>, looks: &mut Looks) {
    let access = run.jwts(Kind::AccessToken).filter(|(walk, _, _)| walk.has("rfc9068"));
    for (walk, token, jws) in id_tokens(run).chain(access) {
        let Some(verifies) = token.keys.as_ref().and_then(|set| verifies(jws, set)) else { continue };
        let got = || {
            format!(
                "a signature, {} with kid {}, that verifies under none of them",
                text(jws.header.get("alg")),
                text(jws.header.get("kid"))
            )
        };
        looks.look(walk.at_token(token), verifies, "a signature by a published key", got);
    }
}

fn algorithm_agreed(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in id_tokens(run) {
        let Some(registered) = walk.client(token.client.as_deref(), "id_token_signed_response_alg").and_then(Value::as_str) else {
            continue;
        };
        looks.look(walk.at_token(token), jws.header_str("alg") == Some(registered), &format!("alg {registered}, as registered"), || {
            format!("alg {}", text(jws.header.get("alg")))
        });
    }
}

fn algorithm_announced(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in id_tokens(run) {
        let metadata = &walk.transcript.target.metadata;
        let Some(listed) = metadata.get("id_token_signing_alg_values_supported").and_then(Value::as_array) else { continue };
        let fits = jws.header.get("alg").is_some_and(|alg| listed.contains(alg));
        looks.look(walk.at_token(token), fits, &format!("alg one of {}", Value::from(listed.clone())), || {
            format!("alg {}", text(jws.header.get("alg")))
        });
    }
}

fn never_unsigned(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in id_tokens(run) {
        if walk.client(token.client.as_deref(), "id_token_signed_response_alg").and_then(Value::as_str) == Some("none") {
            continue;
        }
        let signed = jws.header_str("alg").is_some_and(|a| !a.eq_ignore_ascii_case("none")) && !jws.signature.is_empty();
        looks.look(walk.at_token(token), signed, "a signature", || {
            format!("alg {}, {} bytes of signature", text(jws.header.get("alg")), jws.signature.len())
        });
    }
}

fn issuer(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in id_tokens(run).filter(|(_, t, _)| t.grant_type == "authorization_code") {
        // Where login and token request went to two origins nobody can say whose issuer it is.
        let began = walk.authorization(token).and_then(|a| walk.transcript.exchanges.get(a.exchange)).map(|e| e.origin.as_str());
        let Some(issuer) = walk.issuer(&token.origin).filter(|_| began.is_none_or(|o| o == token.origin)) else { continue };
        looks.look(walk.at_token(token), jws.claim_str("iss") == Some(issuer), &format!("iss {issuer}"), || {
            format!("iss {}", text(jws.claims.get("iss")))
        });
    }
}

fn client_id<'w>(walk: &'w Walk<'_>, token: &Token) -> Option<&'w str> {
    walk.client(token.client.as_deref(), "client_id").and_then(Value::as_str).filter(|_| token.honest)
}

fn audience(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in id_tokens(run) {
        let Some(id) = client_id(walk, token) else { continue };
        looks.look(walk.at_token(token), has_audience(jws, id), &format!("aud with {id}"), || {
            format!("aud {}", text(jws.claims.get("aud")))
        });
    }
}

/// `aud` is the client, or a list that has it.
pub(super) fn has_audience(jws: &Jws, id: &str) -> bool {
    audiences(jws).contains(id)
}

/// Those in `aud`, which may be one or a list.
pub(super) fn audiences(jws: &Jws) -> BTreeSet<&str> {
    match jws.claims.get("aud") {
        Some(Value::String(one)) => BTreeSet::from([one.as_str()]),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

fn authorized_party(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in id_tokens(run) {
        let Some((id, azp)) = client_id(walk, token).zip(jws.claims.get("azp")) else { continue };
        looks.look(walk.at_token(token), azp == id, &format!("azp {id}"), || format!("azp {azp}"));
    }
}

fn issued_at(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in id_tokens(run) {
        // It may have been made with the code, but not before anybody asked.
        let begun = walk.authorization(token).and_then(|a| walk.transcript.exchanges.get(a.exchange)).map(|e| e.sent);
        let from = begun.filter(|_| token.grant_type == "authorization_code").unwrap_or(token.asked) - walk.skew();
        let to = token.came + walk.skew();
        // `iat` is a whole second as a rule, so the second in which the request was sent counts.
        let fits = numeric_date(jws, "iat").is_some_and(|iat| iat >= from - from.rem_euclid(1000) && iat <= to);
        let wanted = format!("iat from {} to {}", from.div_euclid(1000), to.div_euclid(1000));
        looks.look(walk.at_token(token), fits, &wanted, || format!("iat {}", text(jws.claims.get("iat"))));
    }
}

fn expires(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in id_tokens(run) {
        let not_over = |exp: i64| exp > token.came - walk.skew() && numeric_date(jws, "iat").is_none_or(|iat| iat <= exp);
        let fits = numeric_date(jws, "exp").is_some_and(not_over);
        let wanted = format!("exp after iat and after {}", token.came.div_euclid(1000));
        looks.look(walk.at_token(token), fits, &wanted, || {
            format!("exp {}, iat {}", text(jws.claims.get("exp")), text(jws.claims.get("iat")))
        });
    }
}

fn at_hash(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in id_tokens(run) {
        let beside = walk.tokens_of(Kind::AccessToken).find(|t| t.exchange == token.exchange);
        let Some((access, said)) = beside.zip(jws.claims.get("at_hash")) else { continue };
        let Some(hash) = jws.header_str("alg").and_then(|alg| half_hash(alg, &access.text)) else { continue };
        looks.look(walk.at_token(token), *said == *hash, "at_hash of the access token beside it", || "at_hash of something else".into());
    }
}

fn kid(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in id_tokens(run) {
        let Some(keys) = token.keys.as_ref().map(signing_keys).filter(|keys| keys.len() > 1) else { continue };
        // HMAC and none use no published key.
        if jws.header_str("alg").is_none_or(|alg| alg == "none" || alg.starts_with("HS")) {
            continue;
        }
        let wanted = format!("kid, for {} keys are published", keys.len());
        looks.look(walk.at_token(token), jws.header_str("kid").is_some(), &wanted, || "no kid".into());
    }
}

fn no_keys(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in id_tokens(run) {
        let found: Vec<&str> = ["jku", "jwk", "x5u", "x5c"].into_iter().filter(|name| jws.header.get(name).is_some()).collect();
        looks.look(walk.at_token(token), found.is_empty(), "no key in the header", || found.join(", "));
    }
}

fn no_claim_twice(run: &Run<'_>, looks: &mut Looks) {
    for kind in [Kind::IdToken, Kind::AccessToken, Kind::LogoutToken] {
        for (walk, token, jws) in run.jwts(kind) {
            looks.look(walk.at_token(token), jws.repeated.is_empty(), "each name once", || {
                format!("{} comes twice", jws.repeated.join(", "))
            });
        }
    }
}

/// Access tokens of a target that says it has RFC 9068.
fn access_tokens<'r, 't>(run: &'r Run<'t>) -> impl Iterator<Item = (&'r Walk<'t>, &'r Token, &'r Jws)> {
    run.jwts(Kind::AccessToken).filter(|(walk, _, _)| walk.has("rfc9068"))
}

fn access_token_type(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in access_tokens(run) {
        let typ = jws.header_str("typ").map(str::to_ascii_lowercase);
        let fits = matches!(typ.as_deref(), Some("at+jwt" | "application/at+jwt"));
        looks.look(walk.at_token(token), fits, "typ at+jwt", || format!("typ {}", text(jws.header.get("typ"))));
    }
}

fn access_token_whole(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in access_tokens(run) {
        let missing: Vec<&str> = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]
            .into_iter()
            .filter(|name| jws.claims.get(name).is_none_or(Value::is_null))
            .collect();
        looks.look(walk.at_token(token), missing.is_empty(), "iss, exp, aud, sub, client_id, iat, jti", || {
            format!("no {}", missing.join(", no "))
        });
    }
}

fn access_token_scope(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in access_tokens(run) {
        let asked = match token.grant_type.as_str() {
            "authorization_code" => walk.authorization(token).and_then(|a| a.param("scope").map(str::to_owned)),
            _ => token.exchange.and_then(|i| walk.transcript.exchanges.get(i)?.request.param("scope")),
        };
        if asked.is_some() {
            let scope = jws.claims.get("scope");
            looks.look(walk.at_token(token), scope.is_some_and(Value::is_string), "scope, a string", || format!("scope {}", text(scope)));
        }
    }
}

fn own_jti(run: &Run<'_>, looks: &mut Looks) {
    for kind in [Kind::IdToken, Kind::AccessToken] {
        let mut seen = BTreeMap::<(String, &str), &str>::new();
        for (walk, token, jws) in run.jwts(kind) {
            let Some(jti) = jws.claim_str("jti") else { continue };
            let issuer = jws.claims.get("iss").map_or_else(String::new, Value::to_string);
            let first = *seen.entry((issuer, jti)).or_insert(&token.text);
            // The same token may be handed out again.
            looks.look(walk.at_token(token), first == token.text, "a jti of its own", || format!("the jti {jti} of another token"));
        }
    }
}

fn content(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, _) in id_tokens(run).filter(|(_, t, _)| t.honest) {
        let Some(index) = token.exchange else { continue };
        let opinion = walk.transcript.opinions.iter().find(|o| o.exchange == index);
        looks.look(walk.at_exchange(index), opinion.is_none(), "an answer that the client accepts", || {
            opinion.map(|o| o.says.clone()).unwrap_or_default()
        });
    }
}
