//! What is committed under `reports/`: one text for each scenario file, its rows inside, made of the normal form.
//!
//! The walk has one line for each step, the question is shown in full, and of headers only those that a rule or an expectation
//! reads. So a difference says what changed and nothing else.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::record::Entry;
use crate::scenario::Check;
use crate::transcript::Transcript;
use crate::transcript::normal::normal;

/// Headers of answers that rules read.
pub const RULES_READ: [&str; 9] = [
    "access-control-allow-origin",
    "cache-control",
    "content-security-policy",
    "content-type",
    "location",
    "referrer-policy",
    "retry-after",
    "www-authenticate",
    "x-frame-options",
];

/// One check of a file, with what is said of it and the walk that it was judged on (`None` if it was not walked).
pub struct Row<'a> {
    /// The check.
    pub check: &'a Check,
    /// The verdict.
    pub entry: &'a Entry,
    /// The walk.
    pub walk: Option<&'a Transcript>,
}

/// The text of one scenario file.
pub fn render(rows: &[Row<'_>]) -> String {
    let mut text = String::new();
    if let Some(first) = rows.first() {
        let _ = writeln!(text, "{}\n{}", first.check.file, first.check.title);
    }
    for row in rows {
        let name = row.check.row().map_or("the honest form".to_owned(), |row| format!("#{row}"));
        let verdict = format!("{:?}", row.entry.verdict).to_lowercase();
        let _ = writeln!(text, "\n── {name} ── {verdict} ── {}", row.check.cites.join(", "));
        if let Some(why) = &row.entry.why {
            let _ = writeln!(text, "why   {why}");
        }
        match (&row.check.same_walk_as, row.walk) {
            (Some(other), _) => {
                let _ = writeln!(text, "asks of the answer to {other}");
            }
            (None, Some(walk)) => Snapshot::new(row.check, &normal(walk)).write(&mut text),
            (None, None) => {}
        }
    }
    text
}

struct Snapshot<'a> {
    normal: &'a Value,
    headers: BTreeSet<String>,
}

impl<'a> Snapshot<'a> {
    fn new(check: &Check, normal: &'a Value) -> Self {
        let mut headers: BTreeSet<String> = RULES_READ.iter().map(|h| (*h).to_owned()).collect();
        let expected = check.expect.reply.iter().filter(|line| line.path.first().is_some_and(|p| p == "header"));
        headers.extend(expected.filter_map(|line| line.path.get(1)).map(|name| name.to_ascii_lowercase()));
        Self { normal, headers }
    }

    fn write(&self, text: &mut String) {
        for step in members(&self.normal["steps"]) {
            if step["place"] == "walk" {
                self.walk(text, step)
            } else {
                self.question(text, step)
            }
            for delivery in members(&step["deliveries"]) {
                self.delivery(text, delivery);
            }
            for opinion in members(&step["opinions"]) {
                let _ = writeln!(text, "      openidconnect: {}", plain(opinion));
            }
        }
        for event in members(&self.normal["log"]) {
            let _ = writeln!(text, "log   {} {} {}", plain(&event["type"]), plain(&event["aggregate"]), event["payload"]);
        }
        if self.normal["ended"] != "asked" {
            let _ = writeln!(text, "ended {}", self.normal["ended"]);
        }
    }

    /// `walk  login alice spa → callback; 200 (alice)`
    fn walk(&self, text: &mut String, step: &Value) {
        let fields: Vec<_> = step["fields"].as_object().into_iter().flatten().map(|(k, v)| format!("{k}={}", plain(v))).collect();
        let _ = write!(text, "walk  {} {}", plain(&step["verb"]), fields.join(" "));
        let ends: Vec<_> = members(&step["replies"]).map(ends).filter(|e| !e.is_empty()).collect();
        let last = members(&step["exchanges"]).last().map(|e| status(&e["answer"]));
        let brought: Vec<_> = ends.into_iter().chain(last).collect();
        if !brought.is_empty() {
            let _ = write!(text, " → {}", brought.join(", "));
        }
        if step["outcome"] != "worked" {
            let _ = write!(text, " {}", step["outcome"]);
        }
        let _ = writeln!(text, " ({})", plain(&step["name"]));
        self.beside(text, step);
    }

    /// `beside refresh of={alice} (renewed)`
    fn beside(&self, text: &mut String, step: &Value) {
        let beside = &step["beside"];
        if !beside.is_null() {
            let fields: Vec<_> = beside["fields"].as_object().into_iter().flatten().map(|(k, v)| format!("{k}={}", plain(v))).collect();
            let _ = writeln!(text, "beside {} {} ({})", plain(&beside["verb"]), fields.join(" "), plain(&beside["name"]));
        }
    }

    fn question(&self, text: &mut String, step: &Value) {
        let fields: Vec<_> = step["fields"].as_object().into_iter().flatten().map(|(k, v)| format!("{k}={}", plain(v))).collect();
        let _ = writeln!(text, "{:<5} {} {}", plain(&step["place"]), plain(&step["verb"]), fields.join(" "));
        self.beside(text, step);
        if step["outcome"] != "worked" {
            let _ = writeln!(text, "      {}", step["outcome"]);
        }
        for exchange in members(&step["exchanges"]) {
            self.exchange(text, exchange);
        }
        for reply in members(&step["replies"]) {
            let ends = ends(reply);
            if !ends.is_empty() {
                let _ = writeln!(text, "      ends {ends}");
            }
            for param in members(&reply["callback"]["params"]) {
                let _ = writeln!(text, "        {}={}", plain(&param[0]), plain(&param[1]));
            }
        }
        self.tokens(text, &plain(&step["name"]));
    }

    fn exchange(&self, text: &mut String, e: &Value) {
        let r = &e["request"];
        let _ = writeln!(text, "    > {} {}", plain(&r["method"]), plain(&r["url"]));
        for header in members(&r["headers"]).filter(|h| h[0] == "authorization") {
            let _ = writeln!(text, "        authorization: {}", plain(&header[1]));
        }
        for param in members(&r["query"]).chain(members(&r["form"])) {
            let _ = writeln!(text, "        {}={}", plain(&param[0]), plain(&param[1]));
        }
        if !r["body"].is_null() {
            let _ = writeln!(text, "        {}", plain(&r["body"]));
        }
        if !e["edited"].is_null() {
            let edits: Vec<_> = members(&e["edited"]).map(plain).collect();
            let _ = writeln!(text, "      ({})", edits.join(", "));
        }
        let _ = writeln!(text, "    < {}", status(&e["answer"]));
        let headers = members(&e["answer"]["headers"]).filter(|h| h[0].as_str().is_some_and(|name| self.headers.contains(name)));
        for header in headers {
            let _ = writeln!(text, "        {}: {}", plain(&header[0]), plain(&header[1]));
        }
        for cookie in members(&e["answer"]["headers"]).filter(|h| h[0] == "set-cookie") {
            let _ = writeln!(text, "        set-cookie: {}", plain(&cookie[1]));
        }
        let answer = &e["answer"];
        for (name, value) in answer["json"].as_object().into_iter().flatten() {
            match value.as_array().filter(|_| name == "keys").map(|keys| keys.iter().map(a_key).collect::<Vec<_>>()) {
                Some(keys) => writeln!(text, "        keys: {}", keys.join(", ")),
                None => writeln!(text, "        {name}: {value}"),
            }
            .unwrap_or_default();
        }
        if let Some(page) = answer["page"].as_object() {
            let _ = writeln!(text, "        page {}: {}", page["title"], plain(&page["text"]));
            for form in members(&page["forms"]) {
                let fields: Vec<_> = members(&form["fields"]).map(|f| format!("{} {}", plain(&f[0]), plain(&f[1]))).collect();
                let _ = writeln!(text, "        form {} {}: {}", plain(&form["method"]), plain(&form["action"]), fields.join(", "));
            }
        }
        match &answer["body"] {
            Value::String(body) if !body.is_empty() => {
                let _ = writeln!(text, "        {body}");
            }
            _ => {}
        }
    }

    fn delivery(&self, text: &mut String, d: &Value) {
        let params: Vec<_> = members(&d["request"]["form"]).map(|p| format!("{}={}", plain(&p[0]), plain(&p[1]))).collect();
        let who = d["client"].as_str().unwrap_or("nobody");
        let came = plain(&d["came"]);
        let _ = writeln!(text, "told  {who} at {}, {came}, answered {}: {}", plain(&d["at"]), plain(&d["answered"]), params.join(" "));
        for param in members(&d["request"]["form"]) {
            self.token(text, plain(&param[1]).trim_matches(['⟨', '⟩']));
        }
    }

    /// Tokens that came with this step.
    fn tokens(&self, text: &mut String, step: &str) {
        for (name, _) in self.normal["tokens"].as_object().into_iter().flatten() {
            if name.strip_prefix(step).is_some_and(|rest| rest.starts_with('.')) {
                self.token(text, name);
            }
        }
    }

    fn token(&self, text: &mut String, name: &str) {
        let Some(token) = self.normal["tokens"].get(name) else { return };
        let _ = writeln!(text, "      ⟨{name}⟩ {}", plain(&token["signature"]));
        let _ = writeln!(text, "        {}", token["header"]);
        let mut claims = token["claims"].clone();
        for name in ["iat", "exp", "nbf", "auth_time"] {
            let at = claims[name].as_i64().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
            if let (Some(at), Value::Object(claims)) = (at, &mut claims) {
                claims.insert(name.to_owned(), Value::String(at.to_string()));
            }
        }
        let _ = writeln!(text, "        {claims}");
    }
}

/// `ES256 fixture-es256-1`: a modulus tells nobody anything.
fn a_key(key: &Value) -> String {
    format!("{} {}", plain(&key["alg"]), plain(&key["kid"]))
}

/// Where a reply ended: `callback web code, state, iss`.
fn ends(reply: &Value) -> String {
    let landed = reply["landed"].as_str().unwrap_or("");
    let params: Vec<_> = members(&reply["callback"]["params"]).map(|p| plain(&p[0])).collect();
    if params.is_empty() { landed.to_owned() } else { format!("{landed} with {}", params.join(", ")) }
}

fn status(answer: &Value) -> String {
    match &answer["status"] {
        Value::Null if answer.is_string() => plain(answer),
        Value::Null => format!("nothing: {}", plain(&answer["none"])),
        status => status.to_string(),
    }
}

fn members(value: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::verdict::Word;
    use crate::report::sample::{HONEST, ROW, check, report, verdict, walk};

    #[test]
    fn a_file_is_one_text_with_its_rows_inside() {
        let report = report(&[verdict(HONEST, Word::Pass), verdict(ROW, Word::Pass)], &[], |_| {});
        let (checks, walks) = ([HONEST, ROW].map(check), [HONEST, ROW].map(|id| walk(id, "abcdefgh")));
        let rows = [0, 1].map(|n| Row { check: &checks[n], entry: &report.checks[n], walk: Some(&walks[n]) });
        insta::assert_snapshot!(render(&rows), @r#"
        code/pkce-at-the-token-endpoint.toml
        A code is bought with the verifier of its challenge and no other

        ── the honest form ── pass ── rfc7636-4.6-mismatch-invalid-grant
        walk  authorize user=alice client=spa scope=openid → callback with code, state, 302 (asked_for)
        ask   redeem of={asked_for}
            > POST https://op.test/token
                grant_type=authorization_code
                code=⟨asked_for.code⟩
                code_verifier=⟨asked.code_verifier⟩
            < 200
                content-type: application/json
                access_token: "⟨asked.access_token⟩"
                token_type: "Bearer"
                id_token: "⟨asked.id_token⟩"
              ⟨asked.id_token⟩ unsigned
                {"alg":"none"}
                {"sub":"u-alice","sid":"⟨asked.sid⟩","iat":"2026-01-01T12:00:00Z"}
        told  web at first, 2026-01-01T12:00:00Z, answered 200: logout_token=⟨told web.logout_token⟩
              ⟨told web.logout_token⟩ unsigned
                {"alg":"none","typ":"logout+jwt"}
                {"iss":"https://op.test","jti":"⟨told web.logout_token.jti⟩","sid":"⟨asked.sid⟩"}

        ── #another-verifier ── pass ── rfc7636-4.6-mismatch-invalid-grant
        walk  authorize user=alice client=spa scope=openid → callback with code, state, 302 (asked_for)
        ask   redeem of={asked_for}
            > POST https://op.test/token
                grant_type=authorization_code
                code=⟨asked_for.code⟩
                code_verifier=another-verifier-another-verifier-another-v
              (set code_verifier)
            < 200
                content-type: application/json
                access_token: "⟨asked.access_token⟩"
                token_type: "Bearer"
                id_token: "⟨asked.id_token⟩"
              ⟨asked.id_token⟩ unsigned
                {"alg":"none"}
                {"sub":"u-alice","sid":"⟨asked.sid⟩","iat":"2026-01-01T12:00:00Z"}
        told  web at first, 2026-01-01T12:00:00Z, answered 200: logout_token=⟨told web.logout_token⟩
              ⟨told web.logout_token⟩ unsigned
                {"alg":"none","typ":"logout+jwt"}
                {"iss":"https://op.test","jti":"⟨told web.logout_token.jti⟩","sid":"⟨asked.sid⟩"}
        "#);
    }
}
