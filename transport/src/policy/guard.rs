//! Which names a server answers to, and which websites may use it from a browser.
//!
//! Invariant: a page of a foreign website can neither read from here nor write, whether it calls
//! across origins or has its own name resolve to this address. Called first by the GraphQL
//! handler, and as middleware by whatever else the listener serves.

mod allow;
mod cors;
mod middleware;

use std::sync::Arc;

use http::{
    HeaderMap, Method, StatusCode, Version,
    header::{HOST, ORIGIN},
    request::Parts,
    uri::Authority,
};

pub use self::allow::AllowList;
use crate::fault::{Fault, code};

/// The policy; cheap to clone.
#[derive(Debug, Clone)]
pub struct Guard {
    hosts: Arc<AllowList>,
    origins: Arc<AllowList>,
    pages: Arc<[String]>,
}

impl Default for Guard {
    /// Loopback names only.
    fn default() -> Self {
        Self::new(AllowList::loopback(), AllowList::loopback())
    }
}

impl Guard {
    /// Accepts those `Host` values and those browsers' origins.
    pub fn new(hosts: AllowList, origins: AllowList) -> Self {
        Self {
            hosts: Arc::new(hosts),
            origins: Arc::new(origins),
            pages: Arc::default(),
        }
    }

    /// Paths of pages without data, which a link on any website may open.
    #[must_use]
    pub fn with_pages<T: Into<String>>(mut self, paths: impl IntoIterator<Item = T>) -> Self {
        self.pages = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Checks the host that a request is for. One of HTTP/1.0 need not name any, and then is
    /// accepted: a browser always names one.
    ///
    /// # Errors
    ///
    /// 400 unless `Host` is given as RFC 9112, section 3.2, requires, also where every host is
    /// allowed; 421 for a host that is not allowed.
    pub fn check_host(&self, parts: &Parts) -> Result<(), Fault> {
        let mut named = parts.headers.get_all(HOST).iter();
        let named = match (named.next(), named.next()) {
            (Some(_), Some(_)) => return Err(Fault::bad_request("there are several Host headers")),
            (Some(host), None) => match host.to_str().ok().filter(|host| is_host(host)) {
                Some(host) => Some(host),
                None => return Err(Fault::bad_request("the Host header is not `host[:port]`")),
            },
            (None, _) if parts.version == Version::HTTP_11 => {
                return Err(Fault::bad_request("the Host header is missing"));
            }
            (None, _) => None,
        };
        // A target in absolute form takes the place of `Host`.
        let target = parts.uri.authority().map(Authority::as_str);
        let Some(host) = target.or(named) else {
            return Ok(());
        };
        if self.hosts.has_host(host) {
            return Ok(());
        }
        let message = format!("the host {} is not allowed", shown(host));
        Err(Fault::new(
            StatusCode::MISDIRECTED_REQUEST,
            code::FORBIDDEN,
            self.hosts.explain(message),
        ))
    }

    /// 403 for a request that a foreign website makes.
    pub fn check_origin(&self, parts: &Parts) -> Result<(), Fault> {
        if self.is_home(&parts.headers) {
            return Ok(());
        }
        let mut origins = parts.headers.get_all(ORIGIN).iter();
        let message = match (origins.next(), origins.next()) {
            (None, _) => "a cross-site request without an Origin is not allowed".to_owned(),
            (Some(origin), None) => {
                let origin = String::from_utf8_lossy(origin.as_bytes());
                self.origins
                    .explain(format!("the origin {} is not allowed", shown(&origin)))
            }
            (Some(_), Some(_)) => "there are several Origin headers".to_owned(),
        };
        Err(Fault::new(StatusCode::FORBIDDEN, code::FORBIDDEN, message))
    }

    /// Whether somebody follows a link, which shows a page and tells the linking site nothing.
    pub fn is_navigation(parts: &Parts) -> bool {
        let is = |name, value: &str| parts.headers.get(name).is_some_and(|sent| sent == value);
        parts.method == Method::GET
            && !parts.headers.contains_key(ORIGIN)
            && is("sec-fetch-mode", "navigate")
            && is("sec-fetch-dest", "document")
    }

    /// An allowed `Origin` decides alone; without one the browser's own word counts.
    fn is_home(&self, headers: &HeaderMap) -> bool {
        if self.origins.is_open() {
            return true;
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => headers
                .get("sec-fetch-site")
                .is_none_or(|site| site != "cross-site"),
            (Some(origin), None) => origin.to_str().is_ok_and(|origin| {
                self.origins.has_origin(origin) || self.is_own_page(origin, headers)
            }),
            (Some(_), Some(_)) => false,
        }
    }

    /// A page that came from the very host it now calls. Sound only where hosts are checked.
    fn is_own_page(&self, origin: &str, headers: &HeaderMap) -> bool {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        !self.hosts.is_open() && host.is_some_and(|host| allow::is_same_host(origin, host))
    }
}

/// Whether this is the `uri-host [":" port]` of RFC 9110, section 7.2.
fn is_host(text: &str) -> bool {
    // An empty host is well-formed, and allowed nowhere.
    text.is_empty() || (!text.contains('@') && text.parse::<Authority>().is_ok())
}

/// A value of a request, quoted and bounded.
fn shown(value: &str) -> String {
    const LONGEST: usize = 100;
    if value.chars().nth(LONGEST).is_none() {
        return format!("{value:?}");
    }
    let start: String = value.chars().take(LONGEST).collect();
    format!("{start:?}…")
}
