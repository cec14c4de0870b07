//! Bodies for the refusals that the HTTP library writes by itself.
//!
//! The library answers a request head that it cannot parse, or that is too large, with a status and no body, and calls no
//! service. [`Refuser`] recognises such an answer among the bytes that are written and completes it. Used by the
//! connection's stream.

use std::{borrow::Cow, str};

use axum::http::StatusCode;

/// How much of a request's head is kept to find its path.
const START: usize = 128;
/// Longer heads are not the library's own.
const LONGEST: usize = 512;

/// The body of a refusal: its media type and its text, from its status and the path of the request, which is empty if it
/// is not known.
pub type RefusalBody = fn(StatusCode, &str) -> (&'static str, Cow<'static, [u8]>);

/// A refusal as a line of text.
pub fn plain_refusal(status: StatusCode, _path: &str) -> (&'static str, Cow<'static, [u8]>) {
    let text = format!("{}\n", explain(status));
    ("text/plain; charset=utf-8", text.into_bytes().into())
}

/// What is wrong with a request that the library refuses.
pub fn explain(status: StatusCode) -> &'static str {
    match status {
        StatusCode::URI_TOO_LONG => {
            "the request's URI is longer than 65534 bytes; send a long query by POST"
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "the request's head is too large: it may have 100 headers and about 400 KiB at most"
        }
        _ => "the request is not well-formed HTTP/1.1",
    }
}

/// Completes the refusals of one connection.
#[derive(Debug)]
pub(super) struct Refuser {
    body: RefusalBody,
    /// The start of the head that is being read.
    start: Vec<u8>,
    /// How many requests had been passed to the service when it was read.
    requests: u64,
}

impl Refuser {
    pub(super) fn new(body: RefusalBody) -> Self {
        Self {
            body,
            start: Vec::new(),
            requests: 0,
        }
    }

    /// Notes what was read after so many requests had been passed to the service.
    pub(super) fn note(&mut self, read: &[u8], requests: u64) {
        if self.requests != requests {
            self.requests = requests;
            self.start.clear();
        }
        let room = START - self.start.len();
        self.start.extend(read.iter().take(room));
    }

    /// The whole answer, if `written` is one of the library's without a body.
    pub(super) fn complete(&self, written: &[u8]) -> Option<Vec<u8>> {
        let head = str::from_utf8(written)
            .ok()
            .filter(|it| it.len() < LONGEST)?;
        let head = head.strip_suffix("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let status_line = lines.next()?;
        let status = status_line.strip_prefix("HTTP/1.1 ")?.get(..3)?;
        let status = StatusCode::from_bytes(status.as_bytes()).ok()?;
        let is_own = matches!(
            status,
            StatusCode::BAD_REQUEST
                | StatusCode::URI_TOO_LONG
                | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        );
        let (lengths, others): (Vec<_>, Vec<_>) =
            lines.partition(|line| line.starts_with("content-length:"));
        let is_bare = lengths == ["content-length: 0"]
            && !others.iter().any(|line| line.starts_with("content-type:"));
        if !is_own || !is_bare {
            return None;
        }
        let (media, body) = (self.body)(status, self.path());
        let length = format!("content-length: {}", body.len());
        let media = format!("content-type: {media}");
        let lines = [&[status_line], &*others, &[&media, &length, "\r\n"]].concat();
        let whole = lines.join("\r\n");
        Some([whole.as_bytes(), &*body].concat())
    }

    /// The path in the request line, if all of it was kept.
    fn path(&self) -> &str {
        let line = str::from_utf8(self.start.trim_ascii_start()).unwrap_or_default();
        let target = line.split_once(' ').map_or("", |(_, target)| target);
        target.find(['?', ' ']).map_or("", |end| &target[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: StatusCode, path: &str) -> (&'static str, Cow<'static, [u8]>) {
        (
            "text/x",
            format!("{} {path}", status.as_u16()).into_bytes().into(),
        )
    }

    fn complete(read: &[&str], written: &str) -> Option<String> {
        let mut refuser = Refuser::new(told);
        for (request, read) in read.iter().enumerate() {
            refuser.note(read.as_bytes(), request as u64);
        }
        let whole = refuser.complete(written.as_bytes());
        whole.map(|it| String::from_utf8(it).expect("text"))
    }

    #[test]
    fn a_refusal_without_a_body_gets_one() {
        let bare = "HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        let whole = "HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ndate: x\r\ncontent-type: text/x\r\ncontent-length: 6\r\n\r\n414 /a";
        let long = format!("GET /a?{}", "x".repeat(1000));
        assert_eq!(complete(&[&long], bare).as_deref(), Some(whole));
        assert_eq!(
            complete(&["POST /b HTTP/1.1", &long], bare).as_deref(),
            Some(whole)
        );
        // A path that is longer than what is kept is not known.
        let unknown = complete(&[&long.replace('?', "/")], bare).expect("a body");
        assert!(
            unknown.ends_with("\r\ncontent-length: 4\r\n\r\n414 "),
            "{unknown}"
        );
    }

    #[test]
    fn other_answers_stay_as_they_are() {
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
