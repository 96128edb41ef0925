//! `serve`: real time, keys and certificates of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reference_server::{ServeError, ServeOptions, serve};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::sync::oneshot;

use crate::walker::Walker;

pub fn anywhere() -> ServeOptions {
    ServeOptions { listen: "127.0.0.1:0".parse().expect("an address"), ..ServeOptions::default() }
}

/// The word after a name at the beginning of a line.
pub fn said<'t>(text: &'t str, name: &str) -> &'t str {
    text.lines().find_map(|line| line.strip_prefix(name)).map_or("", str::trim)
}

#[tokio::test]
async fn it_makes_its_keys_and_certificates_and_stops_in_good_order() {
    let (say, said_it) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let options = ServeOptions { issuers: vec!["https://op.test".to_owned()], ..anywhere() };
    let serving = tokio::spawn(serve(options, move |text: &str| say.send(text.to_owned()).expect("somebody listens"), async {
        let _ = stopped.await;
    }));
    let text = said_it.await.expect("it begins");
    assert!(text.contains("alice's password") && text.contains("https://op.test/.well-known/openid-configuration"), "{text}");
    let ca = PathBuf::from(said(&text, "CA "));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&ca).expect("a CA")).expect("a root");
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let addr = said(&text, "Listening on").parse().expect("an address");
    let mut walker = Walker::to(addr, Arc::new(tls));
    let algorithms = async |walker: &mut Walker| {
        walker.get("https://op.test/.well-known/openid-configuration").await.json()["id_token_signing_alg_values_supported"].clone()
    };
    let mut tries = 0;
    while algorithms(&mut walker).await != serde_json::json!(["ES256", "RS256", "EdDSA"]) {
        tries += 1;
        assert!(tries < 1000, "the RSA key never came");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    walker.login("alice", "web").await;
    stop.send(()).expect("it serves");
    serving.await.expect("no panic").expect("a good end");
    assert!(!ca.exists(), "the CA goes with the run");
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn what_cannot_be_served_is_said() {
    let refused = async |options: ServeOptions| serve(options, |_| {}, std::future::pending()).await.expect_err("it must not begin");
    let plain = ServeOptions { issuers: vec!["http://op.test".to_owned()], ..anywhere() };
    assert!(matches!(refused(plain).await, ServeError::Plain(issuer) if issuer == "http://op.test"));
    let absent = ServeOptions { config: Some("/nowhere/op.toml".into()), ..anywhere() };
    assert!(refused(absent).await.to_string().starts_with("/nowhere/op.toml: "));
    let wrong = ServeOptions { issuers: vec!["https://op.test?x".to_owned()], ..anywhere() };
    assert!(refused(wrong).await.to_string().contains("is no issuer"));
    let no_pem = ServeOptions { tls: Some(("Cargo.toml".into(), "Cargo.toml".into())), ..anywhere() };
    assert_eq!(refused(no_pem).await.to_string(), "Cargo.toml: there is no certificate in it");
}

#[tokio::test]
async fn plain_http_says_that_it_does_not_conform() {
    let (say, said_it) = oneshot::channel();
    let options = ServeOptions { http: true, ..anywhere() };
    let serving =
        tokio::spawn(serve(options, move |text: &str| say.send(text.to_owned()).expect("somebody listens"), std::future::pending()));
    let text = said_it.await.expect("it begins");
    assert!(text.contains("It does not conform"), "{text}");
    assert!(said(&text, "issuer").starts_with("http://localhost:"));
    serving.abort();
}
