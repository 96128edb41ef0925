//! A guard before addresses inside: what a stranger registers must not make us talk to the machines behind us.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::config;

/// Where a stranger may not send us.
pub struct Guard {
    on: bool,
    allowed: BTreeSet<String>,
}

impl Guard {
    /// As it is configured.
    pub fn new(config: &config::Outgoing) -> Self {
        Self { on: config.guard_internal, allowed: config.allowed_hosts.iter().map(|host| host.to_ascii_lowercase()).collect() }
    }

    /// Whether this host may be asked at this address.
    pub fn allows(&self, host: &str, ip: IpAddr) -> bool {
        !self.on || self.allowed.contains(&host.to_ascii_lowercase()) || !is_inside(ip)
    }

    /// Whether an address can be outside at all, as far as its text tells: so whoever registers it learns at once.
    pub fn may_allow(&self, url: &Url) -> bool {
        let text = url.host_str().unwrap_or_default();
        if !self.on || self.allowed.contains(&text.to_ascii_lowercase()) {
            return true;
        }
        match url.host() {
            None => false,
            Some(Host::Ipv4(ip)) => !is_inside(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => !is_inside(IpAddr::V6(ip)),
            // RFC 6761, section 6.3; RFC 6762, section 3; `internal` is reserved for private use.
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                !["localhost", "local", "internal"].into_iter().any(|end| name == end || name.ends_with(&format!(".{end}")))
            }
        }
    }
}

/// Whether an address is one of this machine, of this network, of the machinery below it, or no address of a single host at all: the
/// special-purpose registries of RFC 6890.
fn is_inside(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_inside_v4(ip),
        IpAddr::V6(ip) => is_inside_v6(ip),
    }
}

fn is_inside_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    // 169.254.169.254 and 100.100.100.200, where clouds keep what their machines may know, are among these.
    a == 0
        || ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || a >= 240
        || (a == 100 && b & 0xc0 == 64)
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && b & 0xfe == 18)
}

fn is_inside_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match segments {
        // Loopback, unspecified, and the forms that carry an IPv4 address at their end.
        [0, 0, 0, 0, 0, 0, ..] => true,
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_inside_v4(v4(high, low)),
        [0x2002, high, low, ..] => is_inside_v4(v4(high, low)),
        // Translation for one network; discard; Teredo, ORCHID and the like; documentation, old and new.
        [0x64, 0xff9b, 1, ..] | [0x100, ..] | [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => true,
        // Unique local, link-local, site-local, multicast.
        [first, ..] => first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80 || first & 0xffc0 == 0xfec0 || first & 0xff00 == 0xff00,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(ip: &str) -> bool {
        is_inside(ip.parse().expect("an address"))
    }

    #[test]
    fn what_is_inside_is_inside_in_every_form() {
        for ip in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
        ] {
            assert!(inside(ip), "{ip}");
        }
        for ip in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.2.255", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"] {
            assert_eq!(inside(ip), ip == "192.0.2.255", "{ip}");
        }
    }

    #[test]
    fn a_name_that_is_allowed_may_be_inside_and_no_other() {
        let config = config::Outgoing { allowed_hosts: vec!["RP.example".to_owned()], ..config::Outgoing::default() };
        let guard = Guard::new(&config);
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert!(guard.allows("rp.example", loopback));
        assert!(!guard.allows("other.example", loopback));
        let may = |url: &str| guard.may_allow(&Url::parse(url).expect("an address"));
        assert!(may("https://other.example/keys") && may("https://rp.example"));
        for no in [
            "https://localhost/",
            "https://a.LOCALHOST./",
            "https://127.1/",
            "https://0x7f000001/",
            "https://[::1]/",
            "https://db.internal/",
        ] {
            assert!(!may(no), "{no}");
        }
        let off = Guard::new(&config::Outgoing { guard_internal: false, ..config::Outgoing::default() });
        assert!(off.allows("other.example", loopback));
    }
}
