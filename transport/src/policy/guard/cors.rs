//! Cross-origin resource sharing: the headers by which a browser lets an allowed website in.
//!
//! Invariant: only an allowed origin is ever named, and never with credentials, since nothing here
//! is authorised by a cookie. Called by the GraphQL handler and the guard's middleware.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
        ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
    },
    request::Parts,
};

use super::Guard;

const EXPOSED: HeaderValue = HeaderValue::from_static("ETag, Link, Retry-After");
/// How many header names a preflight may ask for; those after them are not allowed.
const MOST_NAMES: usize = 100;
/// Seconds; browsers cap it lower.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// What to add to the answer of one request.
#[derive(Debug, Clone)]
pub(crate) struct Sharing {
    origin: Option<HeaderValue>,
}

impl Guard {
    /// What the answer to this request says about sharing.
    pub(crate) fn sharing(&self, parts: &Parts) -> Sharing {
        let origin = match parts.headers.get(ORIGIN) {
            Some(origin) if self.is_home(&parts.headers) => Some(origin.clone()),
            _ => None,
        };
        Sharing { origin }
    }

    /// Whether a browser only asks whether it may ask.
    pub(crate) fn is_preflight(parts: &Parts) -> bool {
        parts.method == Method::OPTIONS
            && parts.headers.contains_key(ORIGIN)
            && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// The answer to a preflight of an allowed origin: any header may be sent. The names are
    /// mirrored, because `*` does not include `Authorization`.
    pub(crate) fn preflight(
        methods: &'static str,
        request: &HeaderMap,
    ) -> axum::response::Response {
        let mut response = axum::response::Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(methods),
        );
        if let Some(names) = requested_headers(request) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
        headers.append(
            VARY,
            HeaderValue::from_static(
                "access-control-request-method, access-control-request-headers",
            ),
        );
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        response
    }
}

/// The names of `Access-Control-Request-Headers`, without those that no header can have.
fn requested_headers(request: &HeaderMap) -> Option<HeaderValue> {
    let names: Vec<String> = request
        .get_all(ACCESS_CONTROL_REQUEST_HEADERS)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .map(|name| name.as_str().to_owned())
        .take(MOST_NAMES)
        .collect();
    HeaderValue::try_from(names.join(", "))
        .ok()
        .filter(|value| !value.is_empty())
}

impl Sharing {
    /// Adds the headers.
    pub(crate) fn apply(self, headers: &mut HeaderMap) {
        // Also without an origin, so that no cache serves one site's answer to another.
        headers.append(
            VARY,
            HeaderValue::from_name(HeaderName::from_static("origin")),
        );
        if let Some(origin) = self.origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}
