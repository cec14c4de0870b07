//! Cross-origin resource sharing (CORS): response headers that let allowed websites call the server
//! from a browser.
//!
//! Only an allowed origin is returned, and never with credentials: nothing here is authorized by a
//! cookie.
//!
//! tower-http's `CorsLayer` does not fit: it answers every `OPTIONS` request, so a plain `OPTIONS`
//! would not be 405, and it would answer before or without the checks of host and origin; it also
//! mirrors the requested header names without validating or limiting them.

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
/// Maximum number of header names that a preflight response allows.
const MAX_NAMES: usize = 100;
/// In seconds; browsers apply a lower maximum.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The CORS headers of one response.
#[derive(Debug, Clone)]
pub(crate) struct CorsHeaders {
    origin: Option<HeaderValue>,
}

impl Guard {
    /// Returns the CORS headers for the response to a request.
    pub(crate) fn cors_headers(&self, parts: &Parts) -> CorsHeaders {
        let origin = match parts.headers.get(ORIGIN) {
            Some(origin) if self.is_allowed_origin(&parts.headers) => Some(origin.clone()),
            _ => None,
        };
        CorsHeaders { origin }
    }

    /// Whether a request is a preflight.
    pub(crate) fn is_preflight(parts: &Parts) -> bool {
        parts.method == Method::OPTIONS
            && parts.headers.contains_key(ORIGIN)
            && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Responds to a preflight of an allowed origin. All requested headers are allowed; their names
    /// are repeated, because `*` does not include `Authorization`.
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

/// The valid names in `Access-Control-Request-Headers`.
fn requested_headers(request: &HeaderMap) -> Option<HeaderValue> {
    let names: Vec<String> = request
        .get_all(ACCESS_CONTROL_REQUEST_HEADERS)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .map(|name| name.as_str().to_owned())
        .take(MAX_NAMES)
        .collect();
    HeaderValue::try_from(names.join(", "))
        .ok()
        .filter(|value| !value.is_empty())
}

impl CorsHeaders {
    pub(crate) fn apply(self, headers: &mut HeaderMap) {
        // Also without an origin, so that caches do not serve the response to another website.
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
