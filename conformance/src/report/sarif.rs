//! SARIF 2.1.0 for pages of code scanning: a rule for each requirement, a result for each check and rule that is not green.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::record::{Entry, Report, Requirement, Witness};
use crate::baseline::Standing;
use crate::judge::verdict::Word;
use crate::requirement::Strength;

/// Where the form is said.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The whole file.
pub fn render(report: &Report) -> String {
    let rules: BTreeMap<&str, &Requirement> = report.entries().flat_map(|e| &e.requirements).map(|r| (r.id.as_str(), r)).collect();
    let places: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(n, id)| (*id, n)).collect();
    let shown = report.entries().filter(|e| matches!(e.verdict, Word::Fail | Word::Warn | Word::Blocked));
    let results: Vec<Value> = shown.map(|e| result(report, e, &places)).collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Touchstone",
                "version": report.touchstone,
                "semanticVersion": report.touchstone,
                "rules": rules.values().map(|r| rule(r)).collect::<Vec<_>>(),
            } },
            "automationDetails": { "id": format!("touchstone/{}/", report.target.name) },
            "invocations": [{
                "executionSuccessful": report.exit.code <= 1,
                "exitCode": report.exit.code,
                "exitCodeDescription": report.exit.reason,
            }],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    let mut text = serde_json::to_string_pretty(&log).unwrap_or_default();
    text.push('\n');
    text
}

fn rule(r: &Requirement) -> Value {
    json!({
        "id": r.id,
        "shortDescription": { "text": r.clause() },
        "fullDescription": { "text": r.text },
        "defaultConfiguration": { "level": level(r) },
        "properties": {
            "tags": [r.document, r.level.as_str()],
            "document": r.document,
            "section": r.section,
            "level": r.level.as_str(),
            "implied": r.implied,
        },
    })
}

fn level(r: &Requirement) -> &'static str {
    match r.level.strength() {
        Strength::Must => "error",
        Strength::Should => "warning",
        Strength::May => "note",
    }
}

fn result(report: &Report, e: &Entry, places: &BTreeMap<&str, usize>) -> Value {
    // A blocked check says nothing of its requirement, and what is not a failure has no level (§3.27.10).
    let (kind, level) = match (e.verdict, e.requirements.first()) {
        (Word::Blocked, _) => ("open", "none"),
        (_, Some(requirement)) => ("fail", level(requirement)),
        (_, None) => ("fail", "error"),
    };
    let mut result = json!({
        "kind": kind,
        "level": level,
        "message": { "text": message(e) },
        "locations": locations(report, e),
        "partialFingerprints": { "touchstoneId/v1": e.id },
        "properties": {
            "id": e.id,
            "verdict": e.verdict,
            "requirements": e.requirements.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(),
        },
    });
    if let Some(first) = e.requirements.first() {
        result["ruleId"] = json!(first.id);
        result["ruleIndex"] = json!(places.get(first.id.as_str()));
    }
    let related: Vec<Value> = e.witnesses.iter().skip(1).filter_map(|w| location(report, &w.check, Some(w))).collect();
    if e.file.is_none() && !related.is_empty() {
        result["relatedLocations"] = json!(related);
    }
    match &e.baseline {
        Some(Standing::Known { because }) => {
            result["baselineState"] = json!("unchanged");
            result["suppressions"] = json!([{ "kind": "external", "status": "accepted", "justification": because }]);
        }
        Some(Standing::New | Standing::Regressed) => result["baselineState"] = json!("new"),
        Some(Standing::Changed { .. }) => result["baselineState"] = json!("updated"),
        Some(Standing::Stale { .. }) | None => {}
    }
    result
}

fn message(e: &Entry) -> String {
    let mut text = e.asks.clone();
    for r in &e.requirements {
        text.push_str(&format!("\n{}: {}", r.clause(), r.text));
    }
    for (word, said) in [("wanted", &e.wanted), ("got", &e.got), ("why", &e.why)] {
        if let Some(said) = said {
            text.push_str(&format!("\n{word}: {said}"));
        }
    }
    if e.file.is_none() && e.witnesses_in_all > 0 {
        text.push_str(&format!("\nseen {} times in {} that it looked at", e.witnesses_in_all, e.looked_at));
    }
    text
}

/// Where a check stands; for a rule where the first check stands that has seen it broken.
fn locations(report: &Report, e: &Entry) -> Vec<Value> {
    let seen_by = if e.file.is_some() { Some(e.id.as_str()) } else { e.witnesses.first().map(|w| w.check.as_str()) };
    let own = seen_by.and_then(|id| location(report, id, None));
    let mut location = own.unwrap_or_else(|| json!({}));
    location["logicalLocations"] = json!([{ "fullyQualifiedName": e.id, "kind": if e.file.is_some() { "check" } else { "rule" } }]);
    vec![location]
}

fn location(report: &Report, check: &str, witness: Option<&Witness>) -> Option<Value> {
    let entry = report.checks.iter().find(|e| e.id == check)?;
    let mut location = json!({ "physicalLocation": {
        "artifactLocation": { "uri": address(entry.file.as_deref()?) },
        "region": { "startLine": entry.line.unwrap_or(1).max(1) },
    } });
    if let Some(witness) = witness {
        location["message"] = json!({ "text": format!("{check}, {}: wanted {}, got {}", witness.place, witness.wanted, witness.got) });
    }
    Some(location)
}

/// A path below `scenarios/` as a relative reference (RFC 3986 §4.2).
fn address(file: &str) -> String {
    let part = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        part.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect::<String>()
    };
    format!("scenarios/{}", file.split('/').map(part).collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::verdict::Verdict;
    use crate::report::sample::{HONEST, ROW, finding, lacking, report, verdict};

    fn log() -> Value {
        let fail = Verdict { findings: vec![finding(ROW, "refused", "400 invalid_grant", "200")], ..verdict(ROW, Word::Fail) };
        let blocked = Verdict { why: Some("the control is red".into()), ..verdict("code/a b#c", Word::Blocked) };
        let rule = Verdict {
            cites: vec!["bcl-4-short-exp".into()],
            findings: [HONEST, ROW].map(|id| finding(id, "delivery 0", "two minutes", "a day")).to_vec(),
            looked_at: 2,
            ..verdict("a-logout-token-lives-two-minutes", Word::Warn)
        };
        let report = report(&[verdict(HONEST, Word::Pass), fail, blocked, lacking()], &[rule], |_| {});
        serde_json::from_str(&render(&report)).unwrap()
    }

    #[test]
    fn each_that_is_not_green_is_one_result_at_its_line() {
        let results = &log()["runs"][0]["results"];
        insta::assert_snapshot!(serde_json::to_string_pretty(results).unwrap(), @r#"
        [
          {
            "kind": "open",
            "level": "none",
            "message": {
              "text": "A verifier that does not hash to the challenge is refused with invalid_grant.\nRFC 7636 §4.6, MUST: A verifier that does not hash to the challenge is refused with invalid_grant.\nwhy: the control is red"
            },
            "locations": [
              {
                "logicalLocations": [
                  {
                    "fullyQualifiedName": "code/a b#c",
                    "kind": "rule"
                  }
                ]
              }
            ],
            "partialFingerprints": {
              "touchstoneId/v1": "code/a b#c"
            },
            "properties": {
              "id": "code/a b#c",
              "verdict": "blocked",
              "requirements": [
                "rfc7636-4.6-mismatch-invalid-grant"
              ]
            },
            "ruleId": "rfc7636-4.6-mismatch-invalid-grant",
            "ruleIndex": 1
          },
          {
            "kind": "fail",
            "level": "error",
            "message": {
              "text": "A verifier that does not hash to the challenge is refused with invalid_grant.\nRFC 7636 §4.6, MUST: A verifier that does not hash to the challenge is refused with invalid_grant.\nwanted: 400 invalid_grant\ngot: 200"
            },
            "locations": [
              {
                "physicalLocation": {
                  "artifactLocation": {
                    "uri": "scenarios/code/pkce-at-the-token-endpoint.toml"
                  },
                  "region": {
                    "startLine": 13
                  }
                },
                "logicalLocations": [
                  {
                    "fullyQualifiedName": "code/pkce-at-the-token-endpoint#another-verifier",
                    "kind": "check"
                  }
                ]
              }
            ],
            "partialFingerprints": {
              "touchstoneId/v1": "code/pkce-at-the-token-endpoint#another-verifier"
            },
            "properties": {
              "id": "code/pkce-at-the-token-endpoint#another-verifier",
              "verdict": "fail",
              "requirements": [
                "rfc7636-4.6-mismatch-invalid-grant"
              ]
            },
            "ruleId": "rfc7636-4.6-mismatch-invalid-grant",
            "ruleIndex": 1
          },
          {
            "kind": "fail",
            "level": "warning",
            "message": {
              "text": "A verifier that does not hash to the challenge is refused with invalid_grant.\nBack-Channel Logout 1.0 §4, SHOULD (our reading): A logout token lives two minutes at most.\nwanted: two minutes\ngot: a day\nseen 2 times in 2 that it looked at"
            },
            "locations": [
              {
                "physicalLocation": {
                  "artifactLocation": {
                    "uri": "scenarios/code/pkce-at-the-token-endpoint.toml"
                  },
                  "region": {
                    "startLine": 13
                  }
                },
                "logicalLocations": [
                  {
                    "fullyQualifiedName": "a-logout-token-lives-two-minutes",
                    "kind": "rule"
                  }
                ]
              }
            ],
            "partialFingerprints": {
              "touchstoneId/v1": "a-logout-token-lives-two-minutes"
            },
            "properties": {
              "id": "a-logout-token-lives-two-minutes",
              "verdict": "warn",
              "requirements": [
                "bcl-4-short-exp"
              ]
            },
            "ruleId": "bcl-4-short-exp",
            "ruleIndex": 0,
            "relatedLocations": [
              {
                "physicalLocation": {
                  "artifactLocation": {
                    "uri": "scenarios/code/pkce-at-the-token-endpoint.toml"
                  },
                  "region": {
                    "startLine": 13
                  }
                },
                "message": {
                  "text": "code/pkce-at-the-token-endpoint#another-verifier, delivery 0: wanted two minutes, got a day"
                }
              }
            ]
          }
        ]
        "#);
    }

    /// What the schema and the text of the standard ask of the members that we write (§3.13, §3.14, §3.19, §3.27, §3.28, §3.29, §3.49).
    #[test]
    fn it_is_built_as_the_standard_has_it() {
        let log = log();
        keys(&log, &["$schema", "version", "runs"]);
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        keys(run, &["tool", "automationDetails", "invocations", "columnKind", "results"]);
        let driver = &run["tool"]["driver"];
        assert!(driver["name"].is_string() && driver["version"].is_string());
        let rules = driver["rules"].as_array().unwrap();
        for rule in rules {
            keys(rule, &["id", "shortDescription", "fullDescription", "defaultConfiguration", "properties"]);
            assert!(rule["id"].is_string() && rule["shortDescription"]["text"].is_string() && rule["fullDescription"]["text"].is_string());
            assert!(["error", "warning", "note"].contains(&rule["defaultConfiguration"]["level"].as_str().unwrap()));
            assert!(rule["properties"]["tags"].as_array().unwrap().iter().all(Value::is_string));
        }
        let ids: std::collections::BTreeSet<_> = rules.iter().map(|r| r["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), rules.len(), "a rule is there once");
        assert!(run["invocations"][0]["executionSuccessful"].is_boolean(), "the one member that an invocation has to have");
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), 3);
        for result in results {
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[rule]["id"], result["ruleId"]);
            let (kind, level) = (result["kind"].as_str().unwrap(), result["level"].as_str().unwrap());
            assert!(if kind == "fail" { ["error", "warning", "note"].contains(&level) } else { kind == "open" && level == "none" });
            assert!(result["partialFingerprints"].as_object().unwrap().values().all(Value::is_string));
            for location in
                result["locations"].as_array().unwrap().iter().chain(result["relatedLocations"].as_array().into_iter().flatten())
            {
                let Some(place) = location.get("physicalLocation") else {
                    assert!(location["logicalLocations"][0]["fullyQualifiedName"].is_string());
                    continue;
                };
                let uri = place["artifactLocation"]["uri"].as_str().unwrap();
                assert!(uri.starts_with("scenarios/") && !uri.contains([' ', '#', '\\']), "{uri}");
                assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
            }
        }
    }

    fn keys(value: &Value, wanted: &[&str]) {
        assert_eq!(value.as_object().unwrap().keys().collect::<Vec<_>>(), wanted);
    }
}
