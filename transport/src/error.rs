//! Errors that reject a request before it is executed, and the codes of GraphQL errors.

use std::borrow::Cow;

use async_graphql::{ErrorExtensionValues, ServerError};
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

/// The values of `extensions.code` that transports set or read.
pub mod code {
    /// The document is not GraphQL.
    pub const PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
    /// The document is invalid for the schema, or the operation to execute is ambiguous.
    pub const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
    /// The request or its variables are invalid.
    pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
    /// The hash of a persisted query is unknown.
    pub const PERSISTED_QUERY_NOT_FOUND: &str = "PERSISTED_QUERY_NOT_FOUND";
    /// Persisted queries are disabled.
    pub const PERSISTED_QUERY_NOT_SUPPORTED: &str = "PERSISTED_QUERY_NOT_SUPPORTED";
    /// The token is missing, wrong or malformed.
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    /// The request is not allowed.
    pub const FORBIDDEN: &str = "FORBIDDEN";
    /// The operation exceeds a limit.
    pub const QUERY_TOO_COMPLEX: &str = "QUERY_TOO_COMPLEX";
    /// A timeout expired.
    pub const TIMEOUT: &str = "TIMEOUT";
    /// A rate limit or connection limit is exceeded.
    pub const RATE_LIMITED: &str = "RATE_LIMITED";
    /// The server cannot handle the request now.
    pub const UNAVAILABLE: &str = "UNAVAILABLE";
    /// An internal error, without details.
    pub const INTERNAL: &str = "INTERNAL";
}

/// An error that rejects a request: an HTTP status, a GraphQL error code and a message for the
/// client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The value of `extensions.code`, one of [`code`].
    pub code: &'static str,
    /// The message for the client.
    pub message: Cow<'static, str>,
    /// Seconds until a retry may succeed: `Retry-After` and `extensions.retryAfter`.
    pub retry_after: Option<u32>,
    /// The allowed methods, for the header `Allow` of a 405.
    pub allow: Option<&'static str>,
}

impl RequestError {
    /// Creates an error.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
            allow: None,
        }
    }

    /// 400: the request is invalid.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, message)
    }

    /// 401: the token is missing or wrong.
    pub fn unauthenticated(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code::UNAUTHENTICATED, message)
    }

    /// 405, with the allowed methods.
    pub fn method(allow: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            allow: Some(allow),
            ..Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                code::BAD_USER_INPUT,
                message,
            )
        }
    }

    /// 429, with the seconds until a retry may succeed.
    pub fn rate_limited(message: impl Into<Cow<'static, str>>, retry_after: u32) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, code::RATE_LIMITED, message)
        }
    }

    /// 503, with the seconds until a retry may succeed.
    pub fn unavailable(message: impl Into<Cow<'static, str>>, retry_after: u32) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, message)
        }
    }

    /// Converts into an entry of `errors`.
    pub fn to_server_error(&self) -> ServerError {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", self.code);
        if let Some(seconds) = self.retry_after {
            extensions.set("retryAfter", seconds);
        }
        let mut error = ServerError::new(self.message.clone(), None);
        error.extensions = Some(extensions);
        error
    }

    /// Serializes into a response body, `{"errors":[…]}`.
    pub fn body(&self) -> Bytes {
        error_body(&[self.to_server_error()])
    }
}

/// Serializes errors into a response body without `data`: `{"errors":[…]}`.
pub fn error_body(errors: &[ServerError]) -> Bytes {
    #[derive(Serialize)]
    struct ErrorBody<'a> {
        errors: &'a [ServerError],
    }
    to_bytes(&ErrorBody { errors })
}

/// Creates an error with a code.
pub(crate) fn coded(code: &'static str, message: impl Into<String>) -> ServerError {
    with_code(ServerError::new(message, None), code)
}

/// Sets the code of an error that has none.
pub(crate) fn with_code(mut error: ServerError, code: &'static str) -> ServerError {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        extensions.set("code", code);
    }
    error
}

/// Serializes a response, or an internal error if that fails.
pub(crate) fn to_bytes(value: &impl Serialize) -> Bytes {
    match serde_json::to_vec(value) {
        Ok(text) => text.into(),
        Err(error) => {
            tracing::error!(%error, "failed to serialize response");
            Bytes::from_static(
                br#"{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL"}}]}"#,
            )
        }
    }
}
