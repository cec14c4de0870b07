//! What refuses a request before it is executed, and the words for it.
//!
//! Invariant: every fault can be told as a well-formed GraphQL error with a code, whatever the
//! transport. Built by every module here and by services that refuse a token.

use std::borrow::Cow;

use async_graphql::{ErrorExtensionValues, ServerError};
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

/// The values of `extensions.code` that transports set or read.
pub mod code {
    /// The document is not GraphQL.
    pub const PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
    /// The document does not fit the schema, or names no operation.
    pub const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
    /// The request is not what the protocol asks for.
    pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
    /// The hash of a persisted query is not known (yet).
    pub const PERSISTED_QUERY_NOT_FOUND: &str = "PERSISTED_QUERY_NOT_FOUND";
    /// Persisted queries are switched off here.
    pub const PERSISTED_QUERY_NOT_SUPPORTED: &str = "PERSISTED_QUERY_NOT_SUPPORTED";
    /// The token is missing, wrong or malformed.
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    /// The request may not come from there.
    pub const FORBIDDEN: &str = "FORBIDDEN";
    /// The operation is larger than its budget.
    pub const QUERY_TOO_COMPLEX: &str = "QUERY_TOO_COMPLEX";
    /// A deadline passed.
    pub const TIMEOUT: &str = "TIMEOUT";
    /// Too many of something; try again later.
    pub const RATE_LIMITED: &str = "RATE_LIMITED";
    /// Not now; try again later.
    pub const UNAVAILABLE: &str = "UNAVAILABLE";
    /// A defect of ours, told without details.
    pub const INTERNAL: &str = "INTERNAL";
}

/// A refusal: an HTTP status, a GraphQL error code and a sentence for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The status over HTTP.
    pub status: StatusCode,
    /// The value of `extensions.code`, one of [`code`].
    pub code: &'static str,
    /// What a client may read.
    pub message: Cow<'static, str>,
    /// Seconds until another try makes sense: `Retry-After` and `extensions.retryAfter`.
    pub retry_after: Option<u32>,
    /// The methods that would be accepted: `Allow`, with status 405.
    pub allow: Option<&'static str>,
}

impl Fault {
    /// A fault of that status and code.
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

    /// 400: the request is not one.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, message)
    }

    /// 401: no token where one is needed, or a wrong one.
    pub fn unauthenticated(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code::UNAUTHENTICATED, message)
    }

    /// 405, with the methods that are allowed.
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

    /// 429, to be tried again after so many seconds.
    pub fn rate_limited(message: impl Into<Cow<'static, str>>, retry_after: u32) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, code::RATE_LIMITED, message)
        }
    }

    /// 503, to be tried again after so many seconds.
    pub fn unavailable(message: impl Into<Cow<'static, str>>, retry_after: u32) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, message)
        }
    }

    /// The same as an entry of `errors`.
    pub fn error(&self) -> ServerError {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", self.code);
        if let Some(seconds) = self.retry_after {
            extensions.set("retryAfter", seconds);
        }
        let mut error = ServerError::new(self.message.clone(), None);
        error.extensions = Some(extensions);
        error
    }

    /// The same as a response body, `{"errors":[…]}`.
    pub fn body(&self) -> Bytes {
        error_body(&[self.error()])
    }
}

/// `{"errors":[…]}` without `data`: nothing was executed.
pub fn error_body(errors: &[ServerError]) -> Bytes {
    #[derive(Serialize)]
    struct Refused<'a> {
        errors: &'a [ServerError],
    }
    to_bytes(&Refused { errors })
}

/// An error with a code, for a place that has no [`Fault`].
pub(crate) fn error(code: &'static str, message: impl Into<String>) -> ServerError {
    with_code(ServerError::new(message, None), code)
}

/// Names the error's kind, unless it has a name already.
pub(crate) fn with_code(mut error: ServerError, code: &'static str) -> ServerError {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        extensions.set("code", code);
    }
    error
}

/// The JSON text of a response. What cannot be written as JSON is a defect of ours and is told so.
pub(crate) fn to_bytes(value: &impl Serialize) -> Bytes {
    match serde_json::to_vec(value) {
        Ok(text) => text.into(),
        Err(error) => {
            tracing::error!(%error, "a response could not be written as JSON");
            Bytes::from_static(
                br#"{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL"}}]}"#,
            )
        }
    }
}
