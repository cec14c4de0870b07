//! HTTP caching: `ETag`, `If-None-Match` and `Age`.
//!
//! A client that already has the response gets 304 without a body (RFC 9110, section 13). An `ETag`
//! is strong: a hash of the body. A response from memory during an outage has an `Age` (RFC 9111,
//! section 5.1).

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::stream;
use sha2::{Digest, Sha256};

use crate::{problem::Problem, service::Service};

/// Number of bytes of the digest in a tag, enough to make collisions practically impossible.
const TAG_BYTES: usize = 16;

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
    let tag = tag(&bytes);
    let matched = is_known(&request_headers, &tag);
    if let Ok(value) = HeaderValue::try_from(tag) {
        parts.headers.insert(header::ETAG, value);
    }
    if matched {
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        // For a body of known length, the router would add `content-length: 0`, but in a 304 this
        // is the length of the 200 (RFC 9110, section 8.6).
        let no_body = Body::from_stream(stream::empty::<Result<Bytes, Infallible>>());
        return Ok((StatusCode::NOT_MODIFIED, parts.headers, no_body).into_response());
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

fn tag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest[..TAG_BYTES]))
}

/// Whether `If-None-Match` contains the tag, by weak comparison.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let listed = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut listed = listed
        .filter_map(|value| value.to_str().ok())
        .flat_map(|it| it.split(','));
    listed.any(|item| {
        let item = item.trim();
        item == "*" || item.strip_prefix("W/").unwrap_or(item) == tag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_matches_alone_in_a_list_weakly_or_by_a_star() {
        let tag = tag(b"[]");
        let known = |value: &str| {
            let value = value.parse().expect("a header value");
            is_known(
                &HeaderMap::from_iter([(header::IF_NONE_MATCH, value)]),
                &tag,
            )
        };
        assert!(known(&tag) && known(&format!("W/{tag}")) && known("*"));
        assert!(known(&format!("\"other\", {tag}")));
        assert!(!known("\"other\"") && !known(&tag.replace('"', "")));
        assert!(!is_known(&HeaderMap::new(), &tag));
    }
}
