//! UserInfo: what its answers say, whoever asked.

use serde_json::Value;

use super::walk::{Seen, verifies};
use super::{Looks, Rule, Run};
use crate::transcript::Endpoint;
use crate::transcript::tokens::{Kind, userinfo_token};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "signed-userinfo-verifies",
            asks: "An answer of UserInfo that is a JWT verifies under the published keys.",
            cites: &["core-10.1-key-published"],
            broken_by: &["userinfo-signature-is-cut"],
            judge: signature,
        },
        Rule {
            id: "userinfo-is-about-the-person-of-the-id-token",
            asks: "UserInfo has the `sub` of the ID token that came with the access token.",
            cites: &["core-5.3.2-sub", "core-5.3.2-sub-equals-id-token"],
            broken_by: &["userinfo-has-another-sub"],
            judge: same_person,
        },
        Rule {
            id: "claims-have-their-types",
            asks: "What is verified is a boolean, a time a number, an address an object, and every other standard claim a string.",
            cites: &["core-5.1-email-verified-boolean", "core-5.1-updated-at-number", "core-5.1-address-object"],
            broken_by: &["verified-is-a-word"],
            judge: types,
        },
        Rule {
            id: "no-claim-without-a-value",
            asks: "UserInfo leaves out what it does not know: no claim is null or empty.",
            cites: &["core-5.3.2-omit-null"],
            broken_by: &["userinfo-has-a-null"],
            judge: no_null,
        },
    ]
}

fn signature(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in run.jwts(Kind::UserinfoToken) {
        let Some(verifies) = token.keys.as_ref().and_then(|set| verifies(jws, set)) else { continue };
        looks.look(walk.at_token(token), verifies, "a signature by a published key", || {
            let of_header = |name: &str| jws.header_str(name).unwrap_or("nothing").to_owned();
            format!("a signature, {} with kid {}, that verifies under none of them", of_header("alg"), of_header("kid"))
        });
    }
}

/// Every good answer of UserInfo, with its claims.
fn answers<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, Value)> {
    let good = run.answers().filter(|seen| seen.exchange.endpoint == Endpoint::Userinfo && seen.answer.status == 200);
    good.filter_map(|seen| {
        let of_token = userinfo_token(seen.exchange).and_then(crate::transcript::jose::Jws::parse).map(|jws| jws.claims);
        let claims = of_token.or_else(|| seen.object().map(Value::Object))?;
        Some((seen, claims))
    })
}

fn same_person(run: &Run<'_>, looks: &mut Looks) {
    for (seen, claims) in answers(run) {
        let Some(bearer) = seen.exchange.request.header("authorization").find_map(|header| header.split_once(' ')).map(|(_, token)| token)
        else {
            continue;
        };
        let access = seen.walk.tokens_of(Kind::AccessToken).find(|token| token.text == bearer);
        let beside = access.and_then(|access| seen.walk.tokens_of(Kind::IdToken).find(|token| token.exchange == access.exchange));
        let Some(sub) = beside.and_then(|token| token.jws.as_ref()?.claims.get("sub").cloned()) else { continue };
        looks.look(seen.at(), claims.get("sub") == Some(&sub), "the sub of the ID token", || {
            claims.get("sub").map_or_else(|| "no sub".into(), |other| format!("sub {other}"))
        });
    }
}

/// The claims of Core §5.1 that are strings.
const STRINGS: [&str; 15] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
];

fn types(run: &Run<'_>, looks: &mut Looks) {
    for (seen, claims) in answers(run) {
        let of = |names: &[&'static str], wanted: &'static str, fits: fn(&Value) -> bool| {
            let named = names.iter().filter_map(|name| Some((*name, claims.get(*name)?)));
            named.map(|(name, value)| (name, wanted, value.clone(), fits(value))).collect::<Vec<_>>()
        };
        let mut all = of(&["email_verified", "phone_number_verified"], "a boolean", Value::is_boolean);
        all.extend(of(&["updated_at"], "a number", Value::is_number));
        all.extend(of(&["address"], "an object", Value::is_object));
        all.extend(of(&STRINGS, "a string", Value::is_string));
        for (name, wanted, value, fits) in all {
            looks.look(seen.at(), fits, &format!("{name} as {wanted}"), || format!("{name} {value}"));
        }
    }
}

fn no_null(run: &Run<'_>, looks: &mut Looks) {
    for (seen, claims) in answers(run) {
        let empty = |value: &Value| value.is_null() || value == "";
        let found = claims.as_object().into_iter().flatten().find(|(_, value)| empty(value));
        looks.look(seen.at(), found.is_none(), "no claim that is null or empty", || {
            found.map_or_else(String::new, |(name, value)| format!("{name} {value}"))
        });
    }
}
