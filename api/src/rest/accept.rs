//! Content negotiation: rejects requests whose `Accept` excludes JSON.

use axum::{extract::Request, http::StatusCode, middleware::Next, response::Response};

use crate::problem::Problem;

/// Middleware: 406 for a client that does not accept JSON.
pub(crate) async fn require_json(request: Request, next: Next) -> Result<Response, Problem> {
    if transport::accepts(request.headers(), "application/json") {
        return Ok(next.run(request).await);
    }
    Err(Problem::new(
        StatusCode::NOT_ACCEPTABLE,
        "available media type: application/json",
    ))
}
