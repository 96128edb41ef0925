//! A browser's cookies (RFC 6265 §5), on the target's clock.

use cookie::{Cookie, Expiration};
use url::Url;

use crate::transcript::Millis;

/// Cookies of one browser.
#[derive(Debug, Default)]
pub struct Jar(Vec<Kept>);

struct Kept {
    name: String,
    value: String,
    domain: String,
    /// Only for this very host.
    host_only: bool,
    path: String,
    secure: bool,
    expires: Option<Millis>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=… ({}{})", self.name, self.domain, self.path)
    }
}

impl Jar {
    /// Keeps what a `Set-Cookie` header of this address says.
    pub fn keep(&mut self, url: &Url, header: &str, now: Millis) {
        let (Ok(cookie), Some(host)) = (Cookie::parse(header), url.host_str()) else { return };
        let domain = cookie.domain().map(|d| d.trim_start_matches('.').to_ascii_lowercase());
        let host_only = domain.is_none();
        let domain = domain.unwrap_or_else(|| host.to_owned());
        if !host_only && !within(host, &domain) {
            return;
        }
        let path = cookie.path().filter(|p| p.starts_with('/')).map_or_else(|| default_path(url), str::to_owned);
        let expires = match (cookie.max_age(), cookie.expires()) {
            (Some(age), _) => Some(now + Millis::try_from(age.whole_milliseconds()).unwrap_or(Millis::MAX / 2)),
            (None, Some(Expiration::DateTime(at))) => Some(at.unix_timestamp() * 1000),
            (None, Some(Expiration::Session) | None) => None,
        };
        // Browsers take a Secure cookie from a loopback address over plain http as well.
        let secure = cookie.secure().unwrap_or(false) && !loopback(url);
        self.0.retain(|k| !(k.name == cookie.name() && k.domain == domain && k.path == path));
        if expires.is_none_or(|e| e > now) {
            let (name, value) = (cookie.name().to_owned(), cookie.value().to_owned());
            self.0.push(Kept { name, value, domain, host_only, path, secure, expires });
        }
    }

    /// The `Cookie` header for this address, if there is one; longer paths first.
    pub fn header(&self, url: &Url, now: Millis) -> Option<String> {
        let host = url.host_str()?;
        let mut fitting: Vec<&Kept> = self
            .0
            .iter()
            .filter(|k| if k.host_only { host == k.domain } else { within(host, &k.domain) })
            .filter(|k| path_fits(url.path(), &k.path) && (!k.secure || url.scheme() == "https") && k.expires.is_none_or(|e| e > now))
            .collect();
        fitting.sort_by_key(|k| std::cmp::Reverse(k.path.len()));
        let pairs: Vec<String> = fitting.iter().map(|k| format!("{}={}", k.name, k.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

fn loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(d)) => d == "localhost",
        Some(url::Host::Ipv4(a)) => a.is_loopback(),
        Some(url::Host::Ipv6(a)) => a.is_loopback(),
        None => false,
    }
}

fn within(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

fn default_path(url: &Url) -> String {
    match url.path().rfind('/') {
        None | Some(0) => "/".into(),
        Some(end) => url.path()[..end].to_owned(),
    }
}

fn path_fits(path: &str, kept: &str) -> bool {
    path == kept || path.strip_prefix(kept).is_some_and(|rest| kept.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_goes_back_to_its_host_path_and_scheme_until_it_expires() {
        let mut jar = Jar::default();
        let url = Url::parse("https://op.test/a/b").unwrap();
        jar.keep(&url, "s=1; Path=/; Secure; Max-Age=10", 0);
        jar.keep(&url, "deep=2", 0);
        let asks = |u: &str, now| jar.header(&Url::parse(u).unwrap(), now);
        assert_eq!(asks("https://op.test/a/c", 0).as_deref(), Some("deep=2; s=1"));
        assert_eq!(asks("https://op.test/", 9_999).as_deref(), Some("s=1"));
        assert_eq!(asks("https://op.test/", 10_000), None);
        assert_eq!(asks("http://op.test/", 0), None);
        assert_eq!(asks("https://other.op.test/", 0), None);
    }

    #[test]
    fn a_cookie_for_another_domain_is_not_kept() {
        let mut jar = Jar::default();
        jar.keep(&Url::parse("https://op.test/").unwrap(), "s=1; Domain=elsewhere.test", 0);
        assert_eq!(jar.header(&Url::parse("https://elsewhere.test/").unwrap(), 0), None);
    }
}
