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

    /// 421 for a name this server does not go by.
    pub fn check_host(&self, parts: &Parts) -> Result<(), Fault> {
        if self.hosts.is_open() {
            return Ok(());
        }
        let mut named = parts.headers.get_all(HOST).iter();
        let host = match (parts.uri.authority(), named.next(), named.next()) {
            (_, _, Some(_)) => None,
            (Some(authority), ..) => Some(authority.as_str()),
            (None, Some(host), None) => host.to_str().ok(),
            // A browser always names a host; HTTP/1.0 need not.
            (None, None, None) if parts.version < Version::HTTP_11 => return Ok(()),
            (None, None, None) => None,
        };
        if host.is_some_and(|host| self.hosts.has_host(host)) {
            return Ok(());
        }
        Err(Fault::new(
            StatusCode::MISDIRECTED_REQUEST,
            code::FORBIDDEN,
            "this server does not go by that host name",
        ))
    }

    /// 403 for a request that a foreign website makes.
    pub fn check_origin(&self, parts: &Parts) -> Result<(), Fault> {
        let message = if self.is_home(&parts.headers) {
            return Ok(());
        } else if parts.headers.contains_key(ORIGIN) {
            "that origin may not use this server"
        } else {
            "other websites may not use this server"
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
        let authority = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"));
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        !self.hosts.is_open()
            && authority.is_some_and(|authority| {
                host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
            })
    }
}
