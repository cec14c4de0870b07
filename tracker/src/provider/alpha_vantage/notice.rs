//! Classifies the notices that Alpha Vantage sends instead of data, such as rate limits, always
//! with HTTP 200.
//!
//! The order of the checks matters, because some notices mention others: the notice about a burst
//! also names the daily quota and premium endpoints.

use std::{borrow::Cow, time::Duration};

use runtime::config::Secret;

use crate::provider::PollError;

/// The wait after a burst. The service allows one request a second.
const BURST_WAIT: Duration = Duration::from_secs(2);
/// The wait after the limit per minute. The service's minute ends within 60 seconds, whenever it
/// began.
const MINUTE_WAIT: Duration = Duration::from_mins(1);
/// At most this many characters of an unknown notice are repeated in an error.
const MAX_TEXT_CHARS: usize = 160;
/// The replacement of a key.
const REDACTED: &str = "\u{2026}";

/// The notices of a response.
#[derive(Debug, Default)]
pub(super) struct Notice {
    /// `Error Message`.
    pub(super) error: Option<String>,
    /// `Information`.
    pub(super) information: Option<String>,
    /// `Note`.
    pub(super) note: Option<String>,
    /// `message`, which accompanies artificial data.
    pub(super) message: Option<String>,
}

impl Notice {
    /// Returns the error of a known notice.
    pub(super) fn classify(&self) -> Option<PollError> {
        let error = lower(self.error.as_ref());
        let notices = [&self.error, &self.information, &self.note]
            .map(|text| lower(text.as_ref()))
            .join("\n");
        let message = lower(self.message.as_ref());
        let contains = |words: &str| notices.contains(words);

        if error.contains("apikey") {
            Some(refused("the key is invalid or missing"))
        } else if contains("invalid api call") {
            Some(PollError::UnknownSymbol)
        } else if contains("spreading out your free api requests")
            || contains("burst pattern detected")
        {
            Some(PollError::RateLimited { wait: BURST_WAIT })
        } else if contains("minute-level rate limit") || contains("calls per minute") {
            Some(PollError::RateLimited { wait: MINUTE_WAIT })
        } else if contains("requests per day") || contains("detected your api key as") {
            Some(PollError::BudgetSpent)
        } else if contains("premium endpoint") || contains("premium feature") {
            Some(PollError::NotEntitled)
        } else if contains("api key is for demo purposes only") {
            Some(refused(
                "the demo key is for the documentation's examples only",
            ))
        } else if message.contains("artificial") || message.contains("premium") {
            Some(PollError::NotEntitled)
        } else {
            None
        }
    }

    /// Returns the error of an unknown notice, with its text but without the key. Such an error is
    /// transient.
    pub(super) fn unknown(&self, key: &Secret) -> Option<PollError> {
        let text = [&self.error, &self.information, &self.note]
            .into_iter()
            .flatten()
            .next()?;
        Some(PollError::upstream(format!(
            "unknown notice: {}",
            printable(&redact(text, key.expose()))
        )))
    }
}

fn refused(reason: &'static str) -> PollError {
    PollError::Refused {
        reason: Cow::Borrowed(reason),
    }
}

fn lower(text: Option<&String>) -> String {
    text.map(|text| text.to_ascii_lowercase().replace('*', ""))
        .unwrap_or_default()
}

/// Removes the key, and any other key that the text names, which a proxy may have inserted.
fn redact(text: &str, key: &str) -> String {
    const PREFIX: &str = "api key as ";
    let mut text = without(text, key);
    if let Some(at) = text.to_ascii_lowercase().find(PREFIX) {
        let start = at + PREFIX.len();
        let length = text[start..]
            .find(char::is_whitespace)
            .unwrap_or(text.len() - start);
        text.replace_range(start..start + length, REDACTED);
    }
    text
}

/// Replaces every occurrence of `secret` in upper or lower case.
fn without(text: &str, secret: &str) -> String {
    if secret.is_empty() {
        return text.to_owned();
    }
    let (lower, secret) = (text.to_ascii_lowercase(), secret.to_ascii_lowercase());
    let (mut kept, mut from) = (String::new(), 0);
    while let Some(at) = lower[from..].find(&secret) {
        kept.push_str(&text[from..from + at]);
        kept.push_str(REDACTED);
        from += at + secret.len();
    }
    kept.push_str(&text[from..]);
    kept
}

/// Returns the beginning of the text without control characters.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_TEXT_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_notice_is_repeated_without_keys() {
        let key = Secret::new("S3CRETKEY");
        for text in [
            "Your key S3CRETKEY (s3cretkey) is odd",
            "We think of your API key as OTHERKEY9 today\u{7}",
        ] {
            let notice = Notice {
                information: Some(text.to_owned()),
                ..Notice::default()
            };
            let error = notice.unknown(&key).expect("an error").to_string();
            assert!(error.contains("unknown notice"), "{error}");
            for secret in ["S3CRETKEY", "s3cretkey", "OTHERKEY9", "\u{7}"] {
                assert!(!error.contains(secret), "{error}");
            }
        }
    }

    #[test]
    fn a_long_unknown_notice_is_truncated() {
        let notice = Notice {
            note: Some("\u{e4}".repeat(10_000)),
            ..Notice::default()
        };
        let error = notice.unknown(&Secret::new("")).expect("an error");
        assert!(error.to_string().chars().count() < 250);
    }
}
