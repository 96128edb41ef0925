//! Each `lacks` of a target file, asked once: a feature that is there after all is told as a finding of the run's own.
//!
//! [`PROBES`] is the one place that says how each feature is asked for, or why it cannot be. A probe is a scenario of one question whose
//! answer is something that only a provider with the feature gives; it is walked among the others, and stands in no report as a check.

use std::collections::BTreeSet;

use crate::drive;
use crate::judge::judge_checks;
use crate::judge::verdict::{Record, Skip, Word};
use crate::requirement::Requirements;
use crate::scenario::Check;
use crate::scenario::load::{Known, load};
use crate::scenario::word::is_power;
use crate::target::Target;

/// How a feature is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// A scenario without its title: green, the feature is there.
    Asks(&'static str),
    /// Why nobody can tell by asking.
    Cannot(&'static str),
}

use Probe::{Asks, Cannot};

/// Before a question about what a sign-in brings.
const SIGNED_IN: &str = "[[step]]\nlogin = { user = 'alice', client = 'web', scope = 'openid' }\nsave = 'alice'\n";

/// Every feature that a target may lack.
pub const PROBES: &[(&str, Probe)] = &[
    ("client_credentials", Asks("[ask]\nclient_credentials = { client = 'service' }\nexpect.access_token = { kind = 'string' }\n")),
    (
        "refresh_token",
        Asks(
            "[[step]]\nlogin = { user = 'alice', client = 'web', scope = 'openid offline_access', prompt = 'consent' }\nsave = 'alice'\n\
             [ask]\nrefresh = { of = '{alice}' }\nexpect.access_token = { kind = 'string' }\n",
        ),
    ),
    ("device", Asks("[ask]\ndevice = { client = 'tv', scope = 'openid' }\nexpect.json.device_code = { kind = 'string' }\n")),
    (
        "slow_down",
        Asks(
            "[[step]]\ndevice = { client = 'tv', scope = 'openid' }\nsave = 'device'\n\
             [[step]]\npoll = { of = '{device}' }\nrefused = ['authorization_pending']\n\
             [[step]]\npoll = { of = '{device}', early = true }\nrefused = ['slow_down']\n\
             [ask]\nenter_code = { of = '{device}', user = 'alice' }\nexpect.landed = 'done'\n",
        ),
    ),
    (
        "token_exchange",
        Asks(
            "[[step]]\nlogin = { user = 'alice', client = 'backoffice', scope = 'openid' }\nsave = 'alice'\n\
             [ask]\nexchange = { client = 'backoffice', subject_token = '{alice.access_token}', \
             subject_token_type = 'urn:ietf:params:oauth:token-type:access_token' }\nexpect.access_token = { kind = 'string' }\n",
        ),
    ),
    ("impersonation", Cannot("who may act for whom is a right that somebody has to give on the side of the provider")),
    ("jwt_bearer", Cannot("whose assertions are good is agreed with the provider, and the harness has none of their keys")),
    ("introspection", Asks("{signed in}[ask]\nintrospect = { of = '{alice}' }\nexpect.json.active = true\n")),
    (
        "refresh_token_introspection",
        Asks(
            "[[step]]\nlogin = { user = 'alice', client = 'web', scope = 'openid offline_access', prompt = 'consent' }\nsave = 'alice'\n\
             [ask]\nintrospect = { client = 'web', token = '{alice.refresh_token}' }\nexpect.json.active = true\n",
        ),
    ),
    ("revocation", Asks("{signed in}[ask]\nrevoke = { of = '{alice}', token = '{alice.access_token}' }\nexpect.status = 200\n")),
    ("registration", Cannot("it has an address only where it is announced, which is told; and who asks leaves a client behind")),
    (
        "end_session",
        Asks("{signed in}[ask]\nend_session = { of = '{alice}' }\nexpect.landed = { one_of = ['signed_out', 'post_logout'] }\n"),
    ),
    ("backchannel_logout", Asks("{signed in}[ask]\nend_session = { of = '{alice}' }\ndeliveries = { web = ['{alice}'] }\n")),
    (
        "form_post",
        Asks(
            "[ask]\nauthorize = { user = 'alice', client = 'web', scope = 'openid', response_mode = 'form_post' }\n\
             expect.callback.by = 'post'\nexpect.callback.code = { kind = 'string' }\n",
        ),
    ),
    (
        "consent",
        Asks(
            "[[step]]\nauthorize = { user = 'alice', client = 'web', scope = 'openid', prompt = 'consent', decide = 'deny' }\n\
             refused = 'access_denied'\n[ask]\ndiscover = {}\nexpect.json.issuer = '{op.issuer}'\n",
        ),
    ),
    (
        "single_sign_on",
        Asks(
            "{signed in}[ask]\nauthorize = { client = 'web', scope = 'openid', prompt = 'none' }\nexpect.callback.code = { kind = 'string' }\n",
        ),
    ),
    (
        "issuer_in_response",
        Asks("[ask]\nauthorize = { user = 'alice', client = 'web', scope = 'openid' }\nexpect.callback.iss = '{op.issuer}'\n"),
    ),
    (
        "pkce_required",
        Asks(
            "[[step]]\nauthorize = { user = 'alice', client = 'spa', scope = 'openid' }\ndrop = ['code_challenge', 'code_challenge_method']\n\
             refused = 'invalid_request'\n[ask]\ndiscover = {}\nexpect.json.issuer = '{op.issuer}'\n",
        ),
    ),
    ("private_key_jwt", Asks("[ask]\nclient_credentials = { client = 'robot' }\nexpect.access_token = { kind = 'string' }\n")),
    (
        "jwt_access_token",
        Asks(
            "[[step]]\nauthorize = { user = 'alice', client = 'spa', scope = 'openid' }\nsave = 'asked_for'\n\
             [ask]\nredeem = { of = '{asked_for}' }\nexpect.access_token_header.alg = { kind = 'string' }\n",
        ),
    ),
    (
        "claims_parameter",
        Asks(
            "[ask]\nlogin = { user = 'alice', client = 'web', scope = 'openid', \
             claims = '{\"id_token\":{\"name\":{\"essential\":true}}}' }\nexpect.id_token.name = '{user.alice.name}'\n",
        ),
    ),
    (
        "pairwise",
        Asks(
            "{signed in}[ask]\nlogin = { user = 'alice', client = 'diary', scope = 'openid' }\n\
             expect.id_token.sub = { not = '{alice.id_token.sub}' }\n",
        ),
    ),
    (
        "signed_userinfo",
        Asks(
            "[[step]]\nlogin = { user = 'alice', client = 'vault', scope = 'openid' }\nsave = 'alice'\n\
             [ask]\nuserinfo = { of = '{alice}' }\nexpect.userinfo_token_header.alg = { kind = 'string' }\n",
        ),
    ),
    ("oauth_metadata", Asks("[ask]\ndiscover = { at = 'oauth' }\nexpect.json.issuer = '{op.issuer}'\n")),
    ("tls", Asks("[ask]\ndiscover = {}\nexpect.json.issuer = { matches = 'https://.*' }\n")),
];

/// What the ids of probes begin with.
const FOLDER: &str = "lacks/";

/// The probes of what a target is said to lack and these checks are not asked for, as far as the clients and people of its file go.
///
/// # Errors
/// What is wrong with the table above; a test reads all of it.
pub fn probes<'c>(target: &Target, passed_over: impl Iterator<Item = &'c Check>, known: &Known<'_>) -> Result<Vec<Check>, String> {
    let lacking: BTreeSet<String> = passed_over.flat_map(|check| lacks(check, target)).collect();
    if lacking.is_empty() {
        return Ok(Vec::new());
    }
    let mut checks = scenarios(known)?;
    checks.retain_mut(|check| {
        let feature = check.id.strip_prefix(FOLDER).unwrap_or_default().to_owned();
        // Whether it is lacking is in question here, and what else it takes is asked for with it.
        check.needs.retain(|need| is_power(need));
        lacking.contains(&feature) && drive::skip(check, target).is_none()
    });
    Ok(checks)
}

/// The features for whose sake a check is skipped.
fn lacks(check: &Check, target: &Target) -> Vec<String> {
    match drive::skip(check, target) {
        Some(Skip::Lacks { .. }) => {
            let lacking = target.lacks().iter().map(|(feature, _)| feature);
            lacking.filter(|feature| check.needs.contains(feature)).cloned().collect()
        }
        Some(Skip::Harness { .. }) | None => Vec::new(),
    }
}

fn scenarios(known: &Known<'_>) -> Result<Vec<Check>, String> {
    let text = |feature: &str, asks: &str| {
        let head = format!("title = 'The target has {feature} after all'\ncites = ['rfc6749-3.2-unknown-param-ignored']\n");
        (format!("{FOLDER}{feature}.toml"), head + &asks.replace("{signed in}", SIGNED_IN))
    };
    let asked = PROBES.iter().filter_map(|(feature, probe)| match probe {
        Asks(asks) => Some(text(feature, asks)),
        Cannot(_) => None,
    });
    let loaded = load(&asked.collect::<Vec<_>>(), known).map_err(|p| p.iter().map(|p| format!("{p}\n")).collect::<String>())?;
    Ok(loaded.checks)
}

/// Takes the records of probes out of those of a run, and says what they have found.
pub fn found(records: &mut Vec<Record>, probes: &[Check], target: &Target, requirements: &Requirements) -> Vec<String> {
    let (own, others) = std::mem::take(records).into_iter().partition(|r| r.check().id.starts_with(FOLDER));
    *records = others;
    let there = judge_checks(&own, probes, requirements, None).into_iter().filter(|v| v.word == Word::Pass);
    let lacks = |id: &str| target.lacks().iter().find(|(feature, _)| id.strip_prefix(FOLDER) == Some(feature));
    there
        .filter_map(|v| {
            let (feature, because) = lacks(&v.id)?;
            Some(format!("the target file says that it lacks `{feature}` ({because}), and when it was asked it had it"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::word::FEATURES;

    #[test]
    fn every_feature_is_asked_for_or_says_why_not() {
        assert_eq!(PROBES.iter().map(|(feature, _)| *feature).collect::<Vec<_>>(), FEATURES);
        let requirements = Requirements::embedded().unwrap();
        let checks = scenarios(&Known::embedded(&requirements, []).unwrap()).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(checks.len(), PROBES.iter().filter(|(_, probe)| matches!(probe, Asks(_))).count());
    }
}
