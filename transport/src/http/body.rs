//! Reads request bodies, up to a size limit and a timeout.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT},
    request::Parts,
};
use tokio::time::timeout;

use crate::{
    error::{RequestError, code},
    policy::limits::Limits,
};

/// Up to this multiple of the limit, the rest of a large body is read and discarded. Otherwise the
/// connection would be reset while the client is sending, and it would not get the response.
const DISCARD_FACTOR: usize = 8;
/// Timeout for discarding the rest of a large body.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// Rejects a body that is not JSON in UTF-8 with 415. This includes HTML forms of other websites.
pub(super) fn check_type(headers: &HeaderMap) -> Result<(), RequestError> {
    let mut sent = headers.get_all(CONTENT_TYPE).iter();
    let is_json = match (sent.next(), sent.next()) {
        (Some(value), None) => value.to_str().is_ok_and(is_json),
        _ => false,
    };
    let is_plain = headers
        .get(CONTENT_ENCODING)
        .is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if is_json && is_plain {
        return Ok(());
    }
    Err(RequestError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        code::BAD_USER_INPUT,
        "the body must be uncompressed application/json in UTF-8",
    ))
}

fn is_json(value: &str) -> bool {
    let mut parts = value.split(';').map(str::trim);
    parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("application/json"))
        && parts
            .filter_map(|parameter| parameter.split_once('='))
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
            .all(|(_, charset)| {
                let charset = charset.trim().trim_matches('"');
                charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
            })
}

/// Reads the whole body. Rejects a large one with 413 and a slow one with 408.
pub(super) async fn read(
    parts: &Parts,
    body: Body,
    limits: &Limits,
) -> Result<Bytes, RequestError> {
    let content_length = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let mut chunks = body.into_data_stream();
    let text = if content_length.is_some_and(|length| length > limits.body_bytes) {
        if parts.headers.contains_key(EXPECT) {
            return Err(too_large(limits.body_bytes));
        }
        None
    } else {
        let collected = collect(&mut chunks, limits.body_bytes);
        timeout(limits.body_timeout, collected)
            .await
            .map_err(|_| {
                RequestError::new(
                    StatusCode::REQUEST_TIMEOUT,
                    code::TIMEOUT,
                    "timed out reading the body",
                )
            })??
    };
    let Some(text) = text else {
        let most = limits.body_bytes.saturating_mul(DISCARD_FACTOR);
        // The response is the same on a timeout.
        let _ = timeout(DISCARD_TIMEOUT, discard(&mut chunks, most)).await;
        return Err(too_large(limits.body_bytes));
    };
    Ok(text)
}

/// Collects the body. Returns `None` once it exceeds the limit.
async fn collect(chunks: &mut BodyDataStream, limit: usize) -> Result<Option<Bytes>, RequestError> {
    let mut text = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| RequestError::bad_request("failed to read the body"))?;
        if text.len().saturating_add(chunk.len()) > limit {
            return Ok(None);
        }
        text.extend_from_slice(&chunk);
    }
    Ok(Some(text.freeze()))
}

/// Discards the body, up to `most` bytes.
async fn discard(chunks: &mut BodyDataStream, most: usize) {
    let mut seen = 0_usize;
    while let Some(Ok(chunk)) = chunks.next().await {
        seen = seen.saturating_add(chunk.len());
        if seen > most {
            return;
        }
    }
}

fn too_large(limit: usize) -> RequestError {
    RequestError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        code::BAD_USER_INPUT,
        format!("the body exceeds the limit of {limit} bytes"),
    )
}
