//! Requests with a JSON body.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Serialize;
use url::Url;

use super::{FormatError, Request};

/// Builds a request with a JSON body.
pub(super) fn request(url: Url, body: &impl Serialize) -> Result<Request, FormatError> {
    let body = serde_json::to_vec(body).map_err(|_| FormatError::Encoding)?;
    let json = HeaderValue::from_static("application/json");
    Ok(Request {
        url,
        headers: HeaderMap::from_iter([(CONTENT_TYPE, json)]),
        body,
    })
}
