//! A request as the endpoints see it, and an answer as they give it. Nothing here knows a socket.

use std::net::IpAddr;

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};

use crate::params::Params;
use crate::refusal::Refusal;

/// What somebody asks.
#[derive(Clone, Debug)]
pub struct Request {
    /// The address that it came from: the nearest one, which may be that of a proxy.
    pub from: IpAddr,
    /// The method.
    pub method: Method,
    /// Host and port that were asked for, in lower case.
    pub authority: String,
    /// The path, as written.
    pub path: String,
    /// The query, as written, without the question mark.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Request {
    /// The value of a header that may be there once. Of several nobody chooses one (RFC 9110, section 5.3).
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().filter(|_| values.next().is_none())?;
        value.to_str().ok()
    }

    /// The parameters of the query.
    ///
    /// # Errors
    /// They are not UTF-8.
    pub fn query_params(&self) -> Result<Params, Refusal> {
        Params::parse(self.query.as_bytes())
    }

    /// The parameters of a form in the body.
    ///
    /// # Errors
    /// The body is no form, or not UTF-8.
    pub fn form_params(&self) -> Result<Params, Refusal> {
        if !self.is_form() {
            return Err(Refusal::NotAForm);
        }
        Params::parse(&self.body)
    }

    /// The parameters from where the method carries them: the form of a POST, else the query.
    ///
    /// # Errors
    /// As for the two.
    pub fn params(&self) -> Result<Params, Refusal> {
        if self.method == Method::POST { self.form_params() } else { self.query_params() }
    }

    /// Whether the body says that it is a form.
    pub fn is_form(&self) -> bool {
        let media_type = self.header(header::CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(';')).find_map(
            |pair| {
                let (known, value) = pair.trim().split_once('=')?;
                (known == name).then_some(value)
            },
        )
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers, without `Date` and `Content-Length`.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// A status and nothing else.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// JSON.
    pub fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        Self { body: Bytes::from(body.to_string()), ..Self::empty(status) }.with(header::CONTENT_TYPE, "application/json")
    }

    /// Go there, by GET, whatever the method was: RFC 9700, section 4.12 wants 303.
    pub fn see_other(address: &str) -> Self {
        Self::empty(StatusCode::SEE_OTHER).with_text(header::LOCATION, address).never_stored()
    }

    /// With a header of a fixed text.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// With a header of any text; one that a header cannot carry is percent-encoded.
    #[must_use]
    pub fn with_text(mut self, name: HeaderName, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap_or_else(|_| {
            let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            HeaderValue::from_str(&encoded).unwrap_or(HeaderValue::from_static(""))
        });
        self.headers.append(name, value);
        self
    }

    /// RFC 6749, section 5.1; the older header of the same section too.
    #[must_use]
    pub fn never_stored(self) -> Self {
        self.with(header::CACHE_CONTROL, "no-store").with(header::PRAGMA, "no-cache")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_in_any_line() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; b=2"));
        headers.append(header::COOKIE, HeaderValue::from_static("c=3=4"));
        let request = Request {
            from: IpAddr::from([127, 0, 0, 1]),
            method: Method::GET,
            authority: "h".into(),
            path: "/".into(),
            query: String::new(),
            headers,
            body: Bytes::new(),
        };
        assert_eq!((request.cookie("b"), request.cookie("c"), request.cookie("d")), (Some("2"), Some("3=4"), None));
    }
}
