//! Reads the bearer token of a request from its headers.
//!
//! Browsers cannot set `Authorization` on a WebSocket handshake, so they offer the token as the
//! subprotocol `bearer.<token>`.

use http::{
    HeaderMap, HeaderName,
    header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL},
};

/// The prefix of a subprotocol that carries a token.
const BEARER_PREFIX: &str = "bearer.";

/// Returns the value of `Authorization` or, without that header, `Bearer <token>` for the first
/// offered subprotocol `bearer.<token>`.
///
/// Several headers are joined with commas, so that none of them is accepted.
pub fn authorization(headers: &HeaderMap) -> Option<String> {
    joined(headers, &AUTHORIZATION).or_else(|| {
        let token = bearer_subprotocol(headers)?.strip_prefix(BEARER_PREFIX)?;
        Some(format!("Bearer {token}"))
    })
}

/// Returns the token of an `Authorization` value, or `None` if its scheme is not `Bearer` or the
/// token is empty.
pub fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The subprotocols that a WebSocket client offers, without those that carry a token.
pub(crate) fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    offered(headers).filter(|name| !name.starts_with(BEARER_PREFIX))
}

/// The first offered subprotocol that carries a token.
pub(crate) fn bearer_subprotocol(headers: &HeaderMap) -> Option<&str> {
    offered(headers).find(|name| name.starts_with(BEARER_PREFIX))
}

fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

/// The values of a header, joined with commas; invalid UTF-8 is replaced. Neither gives a value
/// that is valid for a header with a single value.
pub(crate) fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorization_of(headers: &[(HeaderName, &str)]) -> Option<String> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().expect("a header value")));
        let mut map = HeaderMap::new();
        headers.for_each(|(name, value)| {
            map.append(name, value);
        });
        authorization(&map)
    }

    #[test]
    fn the_header_takes_precedence_over_the_subprotocol() {
        assert_eq!(authorization_of(&[]), None);
        let offered = (SEC_WEBSOCKET_PROTOCOL, "graphql-ws, bearer.a, bearer.b");
        let header = (AUTHORIZATION, "Bearer c");
        let found = authorization_of(std::slice::from_ref(&offered));
        assert_eq!(found.as_deref(), Some("Bearer a"));
        let found = authorization_of(&[offered, header]);
        assert_eq!(found.as_deref(), Some("Bearer c"));
    }

    #[test]
    fn several_headers_contain_no_token() {
        for headers in [["Bearer a", "Bearer b"], ["", "Bearer a"], ["Bearer", "a"]] {
            let headers = headers.map(|value| (AUTHORIZATION, value));
            let found = authorization_of(&headers).expect("a value");
            let token = bearer_token(&found);
            assert!(token.is_none_or(|token| token.contains(',')), "{found}");
        }
    }

    #[test]
    fn the_scheme_is_case_insensitive_and_required() {
        assert_eq!(bearer_token("bearer  a"), Some("a"));
        for value in ["Bearer ", "Basic a", "a", ""] {
            assert_eq!(bearer_token(value), None, "{value:?}");
        }
    }
}
