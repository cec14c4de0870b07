//! Conditional requests (RFC 9110, section 13): a client that has an answer already gets 304 and no body.
//!
//! One invariant: an `ETag` is strong: it is of the very bytes of the answer.

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

/// How much of the digest makes a tag, in bytes: enough that two answers never share one.
const TAG_BYTES: usize = 16;

/// Middleware: tags every 200, and answers 304 where the client has it.
pub(crate) async fn conditional(request: Request, next: Next) -> Result<Response, Problem> {
    let known = request.headers().clone();
    let (mut parts, body) = next.run(request).await.into_parts();
    if parts.status != StatusCode::OK {
        return Ok(Response::from_parts(parts, body));
    }
    // Handlers answer from memory: nothing here can fail or grow.
    let unreadable = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
    let bytes = to_bytes(body, usize::MAX).await.map_err(unreadable)?;
    let tag = tag(&bytes);
    let matched = is_known(&known, &tag);
    if let Ok(value) = HeaderValue::try_from(tag) {
        parts.headers.insert(header::ETAG, value);
    }
    if matched {
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        // Of a body whose length is known, the router would say `content-length: 0`, and in a 304 that is the length of
        // the 200 (RFC 9110, section 8.6).
        let nothing = Body::from_stream(stream::empty::<Result<Bytes, Infallible>>());
        return Ok((StatusCode::NOT_MODIFIED, parts.headers, nothing).into_response());
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// Middleware: dates what memory alone answers.
pub(crate) async fn tell_age(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let answered = matches!(response.status(), StatusCode::OK | StatusCode::NOT_MODIFIED);
    if let Some(silence) = service.staleness_age().filter(|_| answered) {
        let headers = response.headers_mut();
        headers.insert(header::AGE, silence.as_secs().into());
    }
    response
}

fn tag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest[..TAG_BYTES]))
}

/// Whether `If-None-Match` has the tag, by weak comparison.
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
    fn a_tag_is_known_alone_in_a_list_weakly_or_by_a_star() {
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
