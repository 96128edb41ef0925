//! What the sockets put up with, and how they end.

use std::sync::Arc;

use hyper::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::relying_party::{Manner, Parties};
use crate::walker::{Walker, fixtures, plain_provider, provider, provider_with};

#[tokio::test]
async fn too_much_is_refused() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let reply = walker.send(Method::POST, "https://op.test/token", &form, &"x".repeat(200_000)).await;
    assert_eq!(reply.status, 413);
    let (long, many) = ("x".repeat(100_000), vec![("x-short", "x"); 120]);
    for headers in [&[("x-long", long.as_str())][..], &many] {
        for (method, body) in [(Method::GET, ""), (Method::POST, "grant_type=none")] {
            let reply = walker.send(method, "https://op.test/token", headers, body).await;
            // A server with a clock says when (RFC 9110, section 6.6.1).
            assert_eq!((reply.status.as_u16(), reply.header("date")), (431, "Thu, 01 Jan 2026 12:00:00 GMT"));
        }
    }
    let just = walker.send(Method::GET, "https://op.test/keys", &[("x-long", &long[..60_000])], "").await;
    assert_eq!(just.status, 200);
    let far_too_long = "x".repeat(300_000);
    let reply = walker.send(Method::GET, "https://op.test/keys", &[("x-long", &far_too_long)], "").await;
    assert_eq!(reply.status, 431, "from the library");
}

#[tokio::test]
async fn many_parameters_are_read_at_once() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body: Vec<String> = (0..12_000).map(|nth| format!("p{nth}=1")).collect();
    let reply = walker.send(Method::POST, "https://op.test/token", &form, &body.join("&")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]), (400, &serde_json::json!("invalid_request")));
}

#[tokio::test]
async fn of_two_headers_that_open_something_none_is_chosen() {
    let handle = provider().await;
    let mut walker = Walker::new(&handle);
    let tokens = walker.login("alice", "web").await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("a token"));
    for pair in [[bearer.as_str(), "Bearer x"], ["Bearer x", bearer.as_str()]] {
        let headers = pair.map(|value| ("authorization", value));
        assert_eq!(walker.send(Method::GET, "https://op.test/userinfo", &headers, "").await.status, 400);
    }
    let twice = [("authorization", "Basic eDp4"), ("authorization", "Basic eDp4"), ("content-type", "application/x-www-form-urlencoded")];
    let reply = walker.send(Method::POST, "https://op.test/token", &twice, "grant_type=authorization_code").await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]), (401, &serde_json::json!("invalid_client")));
}

#[tokio::test]
async fn a_request_without_a_host_is_nobodys() {
    let handle = plain_provider().await;
    let mut answers = Vec::new();
    for request in
        ["GET /keys HTTP/1.1\r\nConnection: close\r\n\r\n", "GET /keys HTTP/1.1\r\nHost: OP.test:443\r\nConnection: close\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(handle.addr()).await.expect("it listens");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers");
        answers.push(answer[..12].to_owned());
    }
    assert_eq!(answers, ["HTTP/1.1 400", "HTTP/1.1 200"]);
}

#[tokio::test]
async fn a_stop_answers_who_waits() {
    let parties = Parties::new().await;
    let handle = Arc::new(provider_with(&fixtures(), parties.resolve()).await);
    let mut walker = Walker::new(&handle);
    let tokens = walker.login("alice", "web").await;
    parties.answers("web.rp.test", &[Manner::Hang]);
    let url = format!("https://op.test/end_session?id_token_hint={}", tokens["id_token"].as_str().expect("an ID token"));
    let browser = tokio::spawn(async move { walker.get(&url).await.status.as_u16() });
    while handle.quiet().parked == 0 {
        tokio::task::yield_now().await;
    }
    let Ok(handle) = Arc::try_unwrap(handle) else { panic!("nobody else has it") };
    handle.stop().await;
    assert_eq!(browser.await.expect("no panic"), 303);
}
