//! Answers lists: the rows, and a link to those that follow.

use axum::{
    Json,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::parameter::ListParameters;

/// The rows, with a `Link` to what follows `next`.
pub(super) fn listed<T: Serialize>(
    rows: Vec<T>,
    next: Option<String>,
    parameters: &ListParameters,
) -> Response {
    let link = next.map(|cursor| parameters.next_link(&cursor));
    let mut response = Json(rows).into_response();
    if let Some(value) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
        response.headers_mut().insert(header::LINK, value);
    }
    response
}
