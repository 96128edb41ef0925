//! How fast the suite is, as its users feel it: wall and CPU time of whole processes, and from start to the first answer.
//!
//! `just bench`, or `cargo bench -p conformance`. Aims in release on two cores: ready in 10 ms, 300 checks in a second.

#![allow(clippy::disallowed_methods, reason = "a bench is an entry point: it measures")]

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_touchstone");
const RUNS: usize = 7;

fn main() {
    // `cargo test --benches` asks for nothing to be measured.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    for jobs in ["1", "2", "4"] {
        let mut walls = Vec::new();
        let mut cpus = Vec::new();
        let mut last = String::new();
        for _ in 0..RUNS {
            let before = children_cpu();
            let began = Instant::now();
            let output = Command::new(BINARY).args(["run", "--jobs", jobs]).output();
            walls.push(began.elapsed());
            cpus.push(children_cpu().saturating_sub(before));
            let output = output.unwrap_or_else(|e| panic!("{BINARY}: {e}"));
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            last = text.lines().rfind(|l| l.contains(" checks: ")).unwrap_or("no closing line").to_owned();
        }
        println!("suite --jobs {jobs}: wall {} · CPU {}", spread(&mut walls), spread(&mut cpus));
        println!("    {last}");
    }
    let mut ready: Vec<Duration> = (0..RUNS).filter_map(|_| first_answer()).collect();
    println!("serve --http, start to first answer: {}", spread(&mut ready));
}

/// `min / median / max`
fn spread(all: &mut [Duration]) -> String {
    all.sort();
    match (all.first(), all.get(all.len() / 2), all.last()) {
        (Some(min), Some(median), Some(max)) => format!("{min:.1?} / {median:.1?} / {max:.1?} (min/median/max of {})", all.len()),
        _ => "not measured".into(),
    }
}

/// CPU time of all children that have ended; the kernel counts in hundredths of a second.
fn children_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(13) + ticks(14)) * 10)
}

/// Starts `touchstone serve` and asks for discovery until it answers.
fn first_answer() -> Option<Duration> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").ok()?;
    let address = listener.local_addr().ok()?;
    drop(listener);
    let issuer = format!("http://{address}");
    let began = Instant::now();
    let mut child = Command::new(BINARY)
        .args(["serve", "--http", "--listen", &address.to_string(), "--issuer", &issuer])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let answered = loop {
        if began.elapsed() > Duration::from_secs(10) {
            break None;
        }
        let Ok(mut stream) = TcpStream::connect(address) else { continue };
        let request = format!("GET /.well-known/openid-configuration HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        let mut line = String::new();
        let sent = std::io::Write::write_all(&mut stream, request.as_bytes());
        if sent.is_ok() && BufReader::new(stream).read_line(&mut line).is_ok() && line.contains(" 200 ") {
            break Some(began.elapsed());
        }
    };
    // It has no state to lose.
    let _ = child.kill();
    let _ = child.wait();
    answered
}
