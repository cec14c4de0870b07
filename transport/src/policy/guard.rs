//! Host and origin checks: which host names the server accepts, and which websites may call it from
//! a browser.
//!
//! They protect against cross-origin requests and DNS rebinding: a page of another website can
//! neither read from the server nor write to it. The GraphQL routes call the checks; other routes
//! are wrapped by [`Guard::protect`].

mod allow_list;
mod cors;
mod middleware;

use std::sync::Arc;

use http::{
    HeaderMap, Method, StatusCode, Version,
    header::{HOST, ORIGIN},
    request::Parts,
    uri::Authority,
};

pub use self::allow_list::AllowList;
use crate::error::{RequestError, code};

/// The allowed hosts and origins. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Guard {
    hosts: Arc<AllowList>,
    origins: Arc<AllowList>,
    pages: Arc<[String]>,
}

impl Default for Guard {
    /// Allows loopback names only.
    fn default() -> Self {
        Self::new(AllowList::loopback(), AllowList::loopback())
    }
}

impl Guard {
    /// Creates a guard from the allowed `Host` and `Origin` values.
    pub fn new(hosts: AllowList, origins: AllowList) -> Self {
        Self {
            hosts: Arc::new(hosts),
            origins: Arc::new(origins),
            pages: Arc::default(),
        }
    }

    /// Sets the routes of pages without data, which any website may link to. A route is the path
    /// that the router was given, such as `/stocks/{symbol}`.
    #[must_use]
    pub fn with_pages<T: Into<String>>(mut self, routes: impl IntoIterator<Item = T>) -> Self {
        self.pages = routes.into_iter().map(Into::into).collect();
        self
    }

    /// Checks the host of a request. A request of HTTP/1.0 without a host is accepted, because
    /// browsers always send one.
    ///
    /// # Errors
    ///
    /// 400 if `Host` violates RFC 9112, section 3.2, even if every host is allowed; 421 for a host
    /// that is not allowed.
    pub fn check_host(&self, parts: &Parts) -> Result<(), RequestError> {
        let mut named = parts.headers.get_all(HOST).iter();
        let named = match (named.next(), named.next()) {
            (Some(_), Some(_)) => return Err(RequestError::bad_request("duplicate Host header")),
            (Some(host), None) => match host.to_str().ok().filter(|host| is_host(host)) {
                Some(host) => Some(host),
                None => {
                    return Err(RequestError::bad_request(
                        "invalid Host header, expected `host[:port]`",
                    ));
                }
            },
            (None, _) if parts.version == Version::HTTP_11 => {
                return Err(RequestError::bad_request("missing Host header"));
            }
            (None, _) => None,
        };
        // A request target in absolute form takes precedence over `Host`.
        let target = parts.uri.authority().map(Authority::as_str);
        let Some(host) = target.or(named) else {
            return Ok(());
        };
        if self.hosts.has_host(host) {
            return Ok(());
        }
        let message = format!("host {} not allowed", quote(host));
        Err(RequestError::new(
            StatusCode::MISDIRECTED_REQUEST,
            code::FORBIDDEN,
            self.hosts.explain(message),
        ))
    }

    /// Checks that a request does not come from another website.
    ///
    /// # Errors
    ///
    /// 403 for an origin that is not allowed.
    pub fn check_origin(&self, parts: &Parts) -> Result<(), RequestError> {
        if self.is_allowed_origin(&parts.headers) {
            return Ok(());
        }
        let mut origins = parts.headers.get_all(ORIGIN).iter();
        let message = match (origins.next(), origins.next()) {
            (None, _) => "cross-site request without Origin not allowed".to_owned(),
            (Some(origin), None) => {
                let origin = String::from_utf8_lossy(origin.as_bytes());
                self.origins
                    .explain(format!("origin {} not allowed", quote(&origin)))
            }
            (Some(_), Some(_)) => "duplicate Origin header".to_owned(),
        };
        Err(RequestError::new(
            StatusCode::FORBIDDEN,
            code::FORBIDDEN,
            message,
        ))
    }

    /// Whether the user follows a link. The website with the link cannot read the response.
    pub fn is_navigation(parts: &Parts) -> bool {
        let is = |name, value: &str| parts.headers.get(name).is_some_and(|sent| sent == value);
        parts.method == Method::GET
            && !parts.headers.contains_key(ORIGIN)
            && is("sec-fetch-mode", "navigate")
            && is("sec-fetch-dest", "document")
    }

    /// Whether the origin is allowed. Without `Origin`, `Sec-Fetch-Site` decides.
    fn is_allowed_origin(&self, headers: &HeaderMap) -> bool {
        if self.origins.is_open() {
            return true;
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => headers
                .get("sec-fetch-site")
                .is_none_or(|site| site != "cross-site"),
            (Some(origin), None) => origin.to_str().is_ok_and(|origin| {
                self.origins.has_origin(origin) || self.is_same_origin(origin, headers)
            }),
            (Some(_), Some(_)) => false,
        }
    }

    /// Whether a page calls the host that it was loaded from. Safe only if hosts are checked.
    fn is_same_origin(&self, origin: &str, headers: &HeaderMap) -> bool {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        !self.hosts.is_open() && host.is_some_and(|host| allow_list::is_same_host(origin, host))
    }
}

/// Whether a text is `uri-host [":" port]` (RFC 9110, section 7.2).
fn is_host(text: &str) -> bool {
    // An empty host is valid, but never allowed.
    text.is_empty() || (!text.contains('@') && text.parse::<Authority>().is_ok())
}

/// Quotes and truncates a value of a request.
fn quote(value: &str) -> String {
    const MAX_CHARS: usize = 100;
    if value.chars().nth(MAX_CHARS).is_none() {
        return format!("{value:?}");
    }
    let start: String = value.chars().take(MAX_CHARS).collect();
    format!("{start:?}…")
}
