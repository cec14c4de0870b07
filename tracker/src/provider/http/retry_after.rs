//! The `Retry-After` header (RFC 9110, 10.2.3).
//!
//! One invariant: whatever it says, the wait is at least 1 second and at most an hour. The HTTP client calls it.

use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(1);

/// How long an answer asks to be left alone: its seconds, or the time from its own `Date` to the one it names, so that
/// a difference between its clock and ours does not matter.
pub(super) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        let until = date(headers, &RETRY_AFTER)?;
        let sent = date(headers, &DATE)?;
        (until - sent).to_std().unwrap_or_default()
    };
    Some(wait.clamp(SHORTEST, LONGEST))
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc2822(headers.get(name)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(retry_after: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().expect("a header"));
        if let Some(date) = date {
            headers.insert(DATE, date.parse().expect("a header"));
        }
        wait(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_are_kept_between_one_and_an_hour() {
        for (text, seconds) in [
            ("7", Some(7)),
            ("0", Some(1)),
            ("3601", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(told(text, None), seconds, "{text}");
        }
    }

    #[test]
    fn a_date_counts_from_the_answers_own() {
        let sent = Some("Fri, 20 Nov 2026 15:00:00 GMT");
        assert_eq!(told("Fri, 20 Nov 2026 15:02:03 GMT", sent), Some(123));
        assert_eq!(told("Fri, 20 Nov 2026 14:00:00 GMT", sent), Some(1));
        assert_eq!(told("Mon, 20 Nov 2028 15:00:00 GMT", sent), Some(3600));
        assert_eq!(told("Fri, 20 Nov 2026 15:02:03 GMT", None), None);
    }
}
