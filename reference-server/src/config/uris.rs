//! What the addresses of a client have to be like.

use std::collections::BTreeSet;

use url::{Host, Url};

/// An address from which something is fetched.
///
/// # Errors
/// What is wrong with it.
pub fn check_https(what: &str, uri: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("`{uri}` is no {what}: {why}"));
    let Ok(url) = Url::parse(uri) else { return wrong("it is not absolute") };
    if uri.contains('#') || url.host().is_none() || !url.username().is_empty() || url.password().is_some() {
        return wrong("it has to have a host, and neither fragment nor credentials");
    }
    if url.scheme() == "https" { Ok(()) } else { wrong("it has to be https") }
}

/// RFC 6749, section 3.1.2 (absolute, no fragment); RFC 9700, section 2.6 (http on loopback only); RFC 8252, section 7.1
/// (schemes of a native application's own).
///
/// # Errors
/// What is wrong with it.
pub fn check_redirect_uri(uri: &str, native: bool) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("`{uri}` is no redirect URI: {why}"));
    let Ok(url) = Url::parse(uri) else { return wrong("it is not absolute") };
    if uri.contains('#') {
        return wrong("it has a fragment");
    }
    if uri.bytes().any(|byte| !(0x21..=0x7e).contains(&byte)) {
        return wrong("it has characters that an address cannot have");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => wrong("http is for loopback addresses only"),
        "javascript" | "data" | "vbscript" | "file" | "blob" | "about" => wrong("no application answers there"),
        _ if native => Ok(()),
        _ => wrong("a scheme of its own is for native clients"),
    }
}

/// Core, section 8.1: the host of `sector_identifier_uri`, or else the one host of all redirect URIs.
///
/// # Errors
/// There is no such host.
pub fn sector(redirect_uris: &[String], identifier: Option<&str>) -> Result<String, String> {
    let host = |uri: &str| Url::parse(uri).ok().and_then(|url| url.host_str().map(str::to_owned));
    if let Some(uri) = identifier {
        let https = uri.starts_with("https://");
        return host(uri).filter(|_| https).ok_or_else(|| format!("`{uri}` is no sector_identifier_uri: it has to be https"));
    }
    let hosts: BTreeSet<Option<String>> = redirect_uris.iter().map(|uri| host(uri)).collect();
    match hosts.into_iter().collect::<Vec<_>>().as_slice() {
        [Some(host)] => Ok(host.clone()),
        _ => Err("a pairwise client whose redirect_uris do not share one host needs a sector_identifier_uri".to_owned()),
    }
}

/// Back-Channel Logout 1.0, section 2.2: no fragment; plain http for confidential clients only.
///
/// # Errors
/// What is wrong with it.
pub fn check_logout_uri(uri: &str, public: bool) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("`{uri}` is no backchannel_logout_uri: {why}"));
    let Ok(url) = Url::parse(uri) else { return wrong("it is not absolute") };
    if uri.contains('#') || url.host().is_none() {
        return wrong("it has to have a host and no fragment");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if !public => Ok(()),
        _ => wrong("it has to be https"),
    }
}

/// Whether an address is one of the machine that asks.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
