//! Entity tags: `ETag`, `If-None-Match` and 304 (RFC 9110, section 13).
//!
//! A tag is strong: a hash of the content in the encoding that is sent.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::stream;

/// Number of bytes of the digest in a tag, enough to make collisions practically impossible.
const TAG_BYTES: usize = 16;

/// Returns the tag of content with this SHA-256 digest.
pub(crate) fn of_digest(digest: &[u8; 32]) -> HeaderValue {
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest[..TAG_BYTES]));
    HeaderValue::try_from(tag).expect("base64 is valid in a header")
}

/// Whether `If-None-Match` contains the tag, by weak comparison.
pub(crate) fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let listed = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut listed = listed
        .filter_map(|value| value.to_str().ok())
        .flat_map(|it| it.split(','));
    listed.any(|item| {
        let item = item.trim();
        item == "*" || *tag == item.strip_prefix("W/").unwrap_or(item)
    })
}

/// Returns a 304 with the headers that a 200 would have.
pub(crate) fn not_modified(mut headers: HeaderMap) -> Response {
    headers.remove(header::CONTENT_TYPE);
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::CONTENT_ENCODING);
    // For a body of known length, the router would add `content-length: 0`, but in a 304 this is
    // the length of the 200 (RFC 9110, section 8.6).
    let no_body = Body::from_stream(stream::empty::<Result<Bytes, Infallible>>());
    (StatusCode::NOT_MODIFIED, headers, no_body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_matches_alone_in_a_list_weakly_or_by_a_star() {
        let tag = of_digest(&[7; 32]);
        let text = tag.to_str().expect("ASCII");
        let known = |value: &str| {
            let value = value.parse().expect("a header value");
            is_known(
                &HeaderMap::from_iter([(header::IF_NONE_MATCH, value)]),
                &tag,
            )
        };
        assert!(known(text) && known(&format!("W/{text}")) && known("*"));
        assert!(known(&format!("\"other\", {text}")));
        assert!(!known("\"other\"") && !known(&text.replace('"', "")));
        assert!(!is_known(&HeaderMap::new(), &tag));
    }
}
