//! Reading a request's body, within its bounds.
//!
//! Invariant: never more than the limit is kept. Called for POST.

use axum::body::Body;
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
    limit::Limits,
};

/// How much more than the limit is read and thrown away, so that a client that is still sending
/// gets to read why it was refused instead of a reset connection.
const PATIENCE: usize = 8;

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
    if announced.is_some_and(|length| length > limits.body_bytes)
        && parts.headers.contains_key(EXPECT)
    {
        return Err(too_large());
    }
    match timeout(limits.body_deadline, collect(body, limits.body_bytes)).await {
        Ok(read) => read,
        Err(_) => Err(Fault::new(
            StatusCode::REQUEST_TIMEOUT,
            code::TIMEOUT,
            "the body took too long to arrive",
        )),
    }
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, Fault> {
    let mut chunks = body.into_data_stream();
    let mut text = BytesMut::new();
    let mut seen = 0_usize;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Fault::bad_request("the body could not be read"))?;
        seen = seen.saturating_add(chunk.len());
        if seen > limit.saturating_mul(PATIENCE) {
            break;
        } else if seen > limit {
            text = BytesMut::new();
        } else {
            text.extend_from_slice(&chunk);
        }
    }
    if seen > limit {
        return Err(too_large());
    }
    Ok(text.freeze())
}

fn too_large() -> Fault {
    Fault::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        code::BAD_USER_INPUT,
        "the body is larger than it may be",
    )
}
