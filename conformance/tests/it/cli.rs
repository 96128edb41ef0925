//! The program as its users have it: what it prints and how it ends.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn touchstone(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_touchstone")).args(args).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(file: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn a_part_of_the_suite_ends_with_its_counts_and_the_exit_in_words() {
    let ran = touchstone(&["run", "--only", "code/pkce-at-the-token-endpoint#another-verifier"]);
    let text = out(&ran);
    let last: Vec<&str> = text.lines().rev().take(2).collect();
    assert_eq!(code(&ran), 0, "{text}{}", err(&ran));
    assert!(last[1].starts_with("1 checks: 1 pass, 0 fail, 0 warn, 0 blocked, 0 skip (0 lacking, 0 harness) · "), "{text}");
    assert!(last[1].contains(" MUSTs asked · ") && last[1].ends_with(" s"), "{text}");
    assert!(last[0].starts_with("exit 0: conforms"), "{text}");
    assert!(!text.contains('\x1b'), "no colours where nobody looks");
}

#[test]
fn the_record_is_the_same_with_any_number_of_jobs_but_for_its_timing() {
    let dir = tempfile::tempdir().unwrap();
    let ran = ["1", "4"].map(|jobs| {
        let file = dir.path().join(format!("{jobs}.json"));
        let ran = touchstone(&["--only", "code", "logout", "--jobs", jobs, "--report", &format!("json={}", file.display())]);
        assert_eq!(code(&ran), 0, "{}{}", out(&ran), err(&ran));
        let mut record = json(&file);
        assert_ne!(record.as_object_mut().unwrap().remove("timing"), None);
        record
    });
    assert_eq!(ran[0], ran[1]);
    assert_eq!(ran[0]["exit"]["code"], 0);
}

#[test]
fn three_slips_in_a_scenario_are_told_at_once_and_nothing_runs() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("mine")).unwrap();
    let text = r#"title = "Three slips"
cites = ["rfc7636-4.6-mismatch-invalid-grand"]

[[step]]
authorise = { user = "alice", client = "spa", scope = "openid" }
save = "asked_for"

[ask]
redeem = { of = "{asked_four}" }
expect.json.token_type = "Bearer"
"#;
    std::fs::write(dir.path().join("mine/slips.toml"), text).unwrap();
    let ran = touchstone(&["run", "--scenarios", &dir.path().display().to_string()]);
    let said = err(&ran);
    assert_eq!((code(&ran), out(&ran).as_str()), (2, ""), "{said}");
    for place in ["mine/slips.toml:2:", "mine/slips.toml:5:1", "mine/slips.toml:9:"] {
        assert!(said.contains(place), "{place} in {said}");
    }
    for word in ["rfc7636-4.6-mismatch-invalid-grant", "`authorize`", "3 errors", "exit 2: nothing was run"] {
        assert!(said.contains(word), "{word} in {said}");
    }
}

#[test]
fn wrong_usage_is_2_and_says_what_was_meant() {
    for (args, said) in [
        (["run", "--only", "codes"], "did you mean `code`?"),
        (["run", "--report", "pdf=x"], "the kinds are html, json, junit, markdown, sarif, text"),
        (["prove", "--only", "nothing-like-it"], "no check or rule begins with `nothing-like-it`"),
        (["run", "--defect", "pkce-not-checkd"], "did you mean `pkce-not-checked`?"),
        (["list", "--requirements", "rfc763"], "did you mean `rfc7636`?"),
        (["list", "--scenarios", "src"], "no scenario (.toml)"),
        (["run", "--report", "json=/nowhere/at/all.json"], "/nowhere/at/all.json"),
    ] {
        let ran = touchstone(&args);
        assert_eq!(code(&ran), 2, "{args:?}: {}", err(&ran));
        assert!(err(&ran).contains(said), "{args:?}: {}", err(&ran));
        assert_eq!(out(&ran), "");
    }
    assert!(err(&touchstone(&["explain", "a-code-buys-onse"])).contains("did you mean `a-code-buys-once`?"));
}

#[test]
fn everything_listed_can_be_explained() {
    let listed: Value = serde_json::from_str(&out(&touchstone(&["list", "--format", "json"]))).unwrap();
    let check = listed["checks"][0]["id"].as_str().unwrap();
    let rule = listed["rules"][0]["id"].as_str().unwrap();
    for id in [check, rule, "bcl-2.4-exp", "logout-token-without-exp"] {
        let told = touchstone(&["explain", id]);
        assert_eq!(code(&told), 0, "{}", err(&told));
        assert!(out(&told).starts_with(&format!("{id}\n")), "{}", out(&told));
    }
    assert!(out(&touchstone(&["list"])).contains(check.split('#').next().unwrap()));
}

#[test]
fn every_report_is_written_and_transcripts_are_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let reports =
        [("junit", "r.xml"), ("text", "r.txt"), ("json", "r.json"), ("markdown", "r.md"), ("sarif", "r.sarif"), ("html", "r.html")];
    let reports = reports.map(|(kind, name)| format!("{kind}={}", at(name)));
    let only = "code/pkce-at-the-token-endpoint";
    let mut args = vec!["run", "--only", only, "--save-transcripts"];
    let walks = at("walks");
    args.extend([walks.as_str(), "--report"].into_iter().chain(reports.iter().map(String::as_str)));
    let ran = touchstone(&args);
    assert_eq!(code(&ran), 0, "{}", err(&ran));
    assert!(std::fs::read_to_string(at("r.md")).unwrap().starts_with("## ✓ Touchstone: `embedded`\n"));
    let page = std::fs::read_to_string(at("r.html")).unwrap();
    assert!(
        page.starts_with("<!DOCTYPE html>") && page.contains(&format!("id=\"{only}\"")) && page.contains("verifies under fixture-es256-1")
    );
    assert_eq!(json(&dir.path().join("r.sarif"))["version"], "2.1.0");
    assert!(std::fs::read_to_string(at("r.xml")).unwrap().contains(r#"<testsuite name="code""#));
    assert_eq!(std::fs::read_to_string(at("r.txt")).unwrap(), out(&ran));
    let saved = std::fs::read_to_string(at(&format!("walks/{only}.json"))).unwrap();
    let walk: conformance::transcript::Transcript = serde_json::from_str(&saved).unwrap();
    assert_eq!(walk.check.id, only);
    let token = walk.exchanges.iter().filter_map(|e| e.ok()?.json()?.get("access_token")?.as_str().map(str::to_owned)).next().unwrap();
    assert!(!std::fs::read_to_string(at("r.json")).unwrap().contains(&token));
}

#[test]
fn a_baseline_is_written_read_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("b.toml");
    let name = file.display().to_string();
    let only = "code/pkce-at-the-token-endpoint#another-verifier";
    let run = |more: &[&str]| touchstone(&[&["run", "--only", only, "--baseline", &name], more].concat());
    let missing = run(&[]);
    assert!(code(&missing) == 2 && err(&missing).contains("--update-baseline writes one"), "{}", err(&missing));
    let made = run(&["--update-baseline"]);
    assert_eq!(code(&made), 0, "{}{}", out(&made), err(&made));
    assert!(out(&made).starts_with(&format!("wrote {name}: 0 came in, 0 changed, 0 went out, 0 known in all\n")), "{}", out(&made));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(&format!("pass = [\n    \"{only}\",\n]")), "{text}");

    let gone = text.replace("pass = [", "pass = [\n    \"code/of-old\",");
    std::fs::write(&file, format!("[[known]]\ncheck = \"{only}\"\nverdict = \"fail\"\nbecause = \"issue 7\"\n{gone}")).unwrap();
    let held = run(&[]);
    let said = out(&held);
    assert_eq!(code(&held), 1, "{said}{}", err(&held));
    for words in ["stale: code/pkce", "gone: code/of-old", " · 0 known, 1 stale, 1 gone · ", "take it out of the baseline"] {
        assert!(said.contains(words), "{words} in {said}");
    }
    assert_eq!(code(&run(&["--update-baseline"])), 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

    std::fs::write(&file, "[[known]]\ncheck = \"code/pkce-at-the-token-endpoint#another-verifer\"\nverdict = \"fail\"\n").unwrap();
    let wrong = run(&[]);
    assert!(code(&wrong) == 2 && err(&wrong).contains("b.toml:1:1: `because` is missing"), "{}", err(&wrong));
}

/// A target whose discovery document is to be had three times; then it takes a request and says nothing. Tells of that one.
fn falls_silent() -> (String, std::sync::mpsc::Receiver<std::net::TcpStream>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let document = format!("{{\"issuer\":\"{issuer}\"}}");
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{document}",
        document.len()
    );
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for _ in 0..3 {
            let mut asked = listener.accept().unwrap().0;
            let _ = asked.read(&mut [0; 4096]).unwrap();
            asked.write_all(answer.as_bytes()).unwrap();
        }
        tell.send(listener.accept().unwrap().0).unwrap();
    });
    (issuer, told)
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_reports_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let (issuer, silent) = falls_silent();
    let (target, file) = (dir.path().join("t.toml"), dir.path().join("r.json"));
    std::fs::write(&target, format!("name = 'a stub'\nissuer = '{issuer}'\nclients.how = 'register'\nquiet.after = '1ms'\n")).unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_touchstone"));
    run.args(["run", "--jobs", "1", "--only", "discovery", "--target"])
        .arg(&target)
        .arg("--report")
        .arg(format!("json={}", file.display()));
    let run = run.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let held = silent.recv().unwrap();
    assert!(Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap().success());
    let ended = run.wait_with_output().unwrap();
    drop(held);
    assert_eq!(code(&ended), 130, "{}", out(&ended));
    assert!(out(&ended).trim_end().lines().last().unwrap().starts_with("exit 130: interrupted, "), "{}", out(&ended));
    let record = json(&file);
    assert_eq!(record["exit"]["code"], 130);
    let seen = record["checks"].as_array().unwrap().iter().filter(|c| c["verdict"] == "fail").count();
    assert!(seen > 0, "{}", out(&ended));
}
