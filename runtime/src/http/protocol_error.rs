//! Adds bodies to the error responses that hyper writes itself.
//!
//! hyper responds to a request that it cannot parse, or whose headers are too large, with a status
//! and no body, without calling the service. [`ErrorBodyWriter`] recognizes such a response among
//! the bytes written to the connection, and adds a body.

use std::{borrow::Cow, str};

use axum::http::StatusCode;

/// How much of a request is kept to find its path, in bytes.
const KEPT_BYTES: usize = 128;
/// Maximum size of an error response of hyper, in bytes.
const MAX_RESPONSE_SIZE: usize = 512;

/// Creates the body of an error response. Takes the status and the path of the request, which is
/// empty if unknown; returns the media type and the body.
pub type ErrorBody = fn(StatusCode, &str) -> (&'static str, Cow<'static, [u8]>);

/// Creates a plain text body of one line.
pub fn plain_text_body(status: StatusCode, _path: &str) -> (&'static str, Cow<'static, [u8]>) {
    let text = format!("{}\n", protocol_error_message(status));
    ("text/plain; charset=utf-8", text.into_bytes().into())
}

/// Describes what is wrong with a request that hyper rejected with `status`.
pub fn protocol_error_message(status: StatusCode) -> &'static str {
    match status {
        StatusCode::URI_TOO_LONG => {
            "the request URI is longer than 65534 bytes; send long queries with POST"
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "the request headers are too large: at most 100 headers and about 400 KiB are allowed"
        }
        _ => "the request is not well-formed HTTP/1.1",
    }
}

/// Adds bodies to the error responses of one connection.
#[derive(Debug)]
pub(super) struct ErrorBodyWriter {
    body: ErrorBody,
    /// The start of the request that is being read.
    start: Vec<u8>,
    /// Number of requests that had been passed to the service when it was read.
    requests: u64,
}

impl ErrorBodyWriter {
    pub(super) fn new(body: ErrorBody) -> Self {
        Self {
            body,
            start: Vec::new(),
            requests: 0,
        }
    }

    /// Observes bytes read from the client after `requests` requests were passed to the service.
    pub(super) fn observe(&mut self, read: &[u8], requests: u64) {
        if self.requests != requests {
            self.requests = requests;
            self.start.clear();
        }
        let missing = KEPT_BYTES - self.start.len();
        self.start.extend(read.iter().take(missing));
    }

    /// Returns the response with a body if `written` is an error response of hyper without one.
    pub(super) fn complete(&self, written: &[u8]) -> Option<Vec<u8>> {
        let head = str::from_utf8(written)
            .ok()
            .filter(|it| it.len() < MAX_RESPONSE_SIZE)?;
        let head = head.strip_suffix("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let status_line = lines.next()?;
        let status = status_line.strip_prefix("HTTP/1.1 ")?.get(..3)?;
        let status = StatusCode::from_bytes(status.as_bytes()).ok()?;
        let is_protocol_error = matches!(
            status,
            StatusCode::BAD_REQUEST
                | StatusCode::URI_TOO_LONG
                | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        );
        let (lengths, others): (Vec<_>, Vec<_>) =
            lines.partition(|line| line.starts_with("content-length:"));
        let is_empty = lengths == ["content-length: 0"]
            && !others.iter().any(|line| line.starts_with("content-type:"));
        if !is_protocol_error || !is_empty {
            return None;
        }
        let (media, body) = (self.body)(status, self.path());
        let length = format!("content-length: {}", body.len());
        let media = format!("content-type: {media}");
        let lines = [&[status_line], &*others, &[&media, &length, "\r\n"]].concat();
        let whole = lines.join("\r\n");
        Some([whole.as_bytes(), &*body].concat())
    }

    /// The path in the request line, or an empty string if not all of it was kept.
    fn path(&self) -> &str {
        let line = str::from_utf8(self.start.trim_ascii_start()).unwrap_or_default();
        let target = line.split_once(' ').map_or("", |(_, target)| target);
        target.find(['?', ' ']).map_or("", |end| &target[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_body(status: StatusCode, path: &str) -> (&'static str, Cow<'static, [u8]>) {
        (
            "text/x",
            format!("{} {path}", status.as_u16()).into_bytes().into(),
        )
    }

    fn complete(read: &[&str], written: &str) -> Option<String> {
        let mut writer = ErrorBodyWriter::new(test_body);
        for (request, read) in read.iter().enumerate() {
            writer.observe(read.as_bytes(), request as u64);
        }
        let whole = writer.complete(written.as_bytes());
        whole.map(|it| String::from_utf8(it).expect("text"))
    }

    #[test]
    fn an_error_response_without_a_body_gets_one() {
        let bare = "HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        let whole = "HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ndate: x\r\ncontent-type: text/x\r\ncontent-length: 6\r\n\r\n414 /a";
        let long = format!("GET /a?{}", "x".repeat(1000));
        assert_eq!(complete(&[&long], bare).as_deref(), Some(whole));
        assert_eq!(
            complete(&["POST /b HTTP/1.1", &long], bare).as_deref(),
            Some(whole)
        );
        // A path longer than the kept bytes is unknown.
        let unknown = complete(&[&long.replace('?', "/")], bare).expect("a body");
        assert!(
            unknown.ends_with("\r\ncontent-length: 4\r\n\r\n414 "),
            "{unknown}"
        );
    }

    #[test]
    fn other_responses_are_unchanged() {
        for written in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 5\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nmore",
            "HTTP/1.1 400 Bad Request\r\ncontent-type: a\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\n",
            "400",
            "",
        ] {
            assert_eq!(complete(&["GET / HTTP/1.1"], written), None, "{written:?}");
        }
    }
}
