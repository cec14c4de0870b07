//! How old an answer may be (RFC 9111, section 5.1).
//!
//! One invariant: an answer that is given while the database is away says for how long it has been; every other is as
//! new as the database, and says nothing.

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::Response,
};

use crate::service::Service;

/// Middleware: dates what memory alone answers.
pub(crate) async fn tell_age(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let answered = matches!(response.status(), StatusCode::OK | StatusCode::NOT_MODIFIED);
    if let Some(silence) = service.silence().filter(|_| answered) {
        let headers = response.headers_mut();
        headers.insert(header::AGE, silence.as_secs().into());
    }
    response
}
