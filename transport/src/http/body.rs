//! Reading a request's body, within its bounds.
//!
//! Invariant: never more than the limit is kept. Called for POST.

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
    fault::{Fault, code},
    policy::limits::Limits,
};

/// How much more than the limit is read and thrown away, so that a client that is still sending
/// gets to read why it was refused instead of a reset connection.
const PATIENCE: usize = 8;
/// How long that may take: a client that announces what it never sends hears soon.
const LINGER: Duration = Duration::from_secs(1);

/// 415 unless the body is JSON in UTF-8; this also keeps forms of foreign pages out.
pub(super) fn check_type(headers: &HeaderMap) -> Result<(), Fault> {
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
    Err(Fault::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        code::BAD_USER_INPUT,
        "the body must be application/json in UTF-8, not compressed",
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

/// The whole body: 413 if it is too large, 408 if it takes too long.
pub(super) async fn read(parts: &Parts, body: Body, limits: &Limits) -> Result<Bytes, Fault> {
    let announced = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let mut chunks = body.into_data_stream();
    let kept = if announced.is_some_and(|length| length > limits.body_bytes) {
        if parts.headers.contains_key(EXPECT) {
            return Err(too_large());
        }
        None
    } else {
        let collected = collect(&mut chunks, limits.body_bytes);
        timeout(limits.body_deadline, collected)
            .await
            .map_err(|_| {
                Fault::new(
                    StatusCode::REQUEST_TIMEOUT,
                    code::TIMEOUT,
                    "the body took too long to arrive",
                )
            })??
    };
    let Some(text) = kept else {
        let most = limits.body_bytes.saturating_mul(PATIENCE);
        // Whether it ended, went on for too long or broke: the answer is the same.
        let _ = timeout(LINGER, discard(&mut chunks, most)).await;
        return Err(too_large());
    };
    Ok(text)
}

/// The body, unless it is larger than the limit; then its rest is not read.
async fn collect(chunks: &mut BodyDataStream, limit: usize) -> Result<Option<Bytes>, Fault> {
    let mut text = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Fault::bad_request("the body could not be read"))?;
        if text.len().saturating_add(chunk.len()) > limit {
            return Ok(None);
        }
        text.extend_from_slice(&chunk);
    }
    Ok(Some(text.freeze()))
}

/// Reads on until the body ends, or so many bytes are read.
async fn discard(chunks: &mut BodyDataStream, most: usize) {
    let mut seen = 0_usize;
    while let Some(Ok(chunk)) = chunks.next().await {
        seen = seen.saturating_add(chunk.len());
        if seen > most {
            return;
        }
    }
}

fn too_large() -> Fault {
    Fault::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        code::BAD_USER_INPUT,
        "the body is larger than it may be",
    )
}
