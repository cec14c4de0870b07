//! HTTP caching: `ETag` and `Age`.
//!
//! A client that already has the response gets 304 without a body. A response from memory during an
//! outage has an `Age` (RFC 9111, section 5.1).

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::Response,
};
use sha2::{Digest, Sha256};

use crate::{etag, problem::Problem, service::Service};

/// Middleware: adds an `ETag` to every 200, and responds with 304 if the client has it.
pub(crate) async fn conditional(request: Request, next: Next) -> Result<Response, Problem> {
    let request_headers = request.headers().clone();
    let (mut parts, body) = next.run(request).await.into_parts();
    if parts.status != StatusCode::OK {
        return Ok(Response::from_parts(parts, body));
    }
    // Bodies are in memory already, so reading them cannot fail, and their size is bounded.
    let unreadable = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
    let bytes = to_bytes(body, usize::MAX).await.map_err(unreadable)?;
    let tag = etag::of_digest(&Sha256::digest(&bytes).into());
    let matched = etag::is_known(&request_headers, &tag);
    parts.headers.insert(header::ETAG, tag);
    if matched {
        return Ok(etag::not_modified(parts.headers));
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// Middleware: sets `Age` to the time since the database was lost, if it was.
pub(crate) async fn set_age(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let has_content = matches!(response.status(), StatusCode::OK | StatusCode::NOT_MODIFIED);
    if let Some(age) = service.staleness_age().filter(|_| has_content) {
        let headers = response.headers_mut();
        headers.insert(header::AGE, age.as_secs().into());
    }
    response
}
