//! Errors over HTTP as problem details (RFC 9457, `application/problem+json`).
//!
//! The cause of an error (SQL, paths, addresses) is logged with a request id and never sent.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::service::Error;

/// Problem details: what went wrong with a request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// A URI of the problem type; always `about:blank`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The name of the status.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request.
    detail: String,
    /// `CURSOR_EXPIRED` if `/ws` cannot resume after the given cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    reason: Option<&'static str>,
    #[serde(skip)]
    retry_after: Option<u32>,
}

impl Problem {
    /// Creates a problem with this status.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Unknown"),
            status: status.as_u16(),
            detail: detail.into(),
            reason: None,
            retry_after: None,
        }
    }

    /// Creates a 400 for an invalid parameter.
    pub(crate) fn parameter(name: &str, reason: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("{name} {reason}"))
    }

    /// Sets `Retry-After`, in seconds.
    #[must_use]
    pub(crate) fn with_retry_after(mut self, seconds: Option<u32>) -> Self {
        self.retry_after = seconds;
        self
    }

    /// Serializes the body.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::BadInput { .. } | Error::CursorExpired(_) => StatusCode::BAD_REQUEST,
            Error::Unauthenticated => StatusCode::UNAUTHORIZED,
            Error::Forbidden(_) => StatusCode::FORBIDDEN,
            Error::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::Unavailable { .. } | Error::TooSlow(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if let Some(cause) = error.cause() {
            let request_id = runtime::random::draw_id();
            if error.is_outage() {
                tracing::warn!(request_id, cause = ?cause, "{error}");
            } else {
                tracing::error!(request_id, cause = ?cause, "{error}");
            }
            let detail = format!("{error} (request {request_id})");
            return Self::new(status, detail).with_retry_after(error.retry_after());
        }
        Self {
            reason: error.reason(),
            ..Self::new(status, error.to_string()).with_retry_after(error.retry_after())
        }
    }
}

impl From<transport::RequestError> for Problem {
    fn from(fault: transport::RequestError) -> Self {
        Self::new(fault.status, fault.message).with_retry_after(fault.retry_after)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        let kind = header::HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            let scheme = header::HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
