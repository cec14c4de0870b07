//! The header `Retry-After` of a response.

use std::time::Duration;

use axum::http::{
    HeaderMap, HeaderName,
    header::{DATE, RETRY_AFTER},
};
use chrono::{DateTime, FixedOffset};

/// Bounds of the wait that `Retry-After` requests.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Returns the wait that a `Retry-After` header requests (RFC 9110, 10.2.3), between 1 second and
/// an hour. A date is compared with the `Date` header of the response, so that the wait does not
/// depend on our clock.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs)
    } else {
        let until = date(headers, &RETRY_AFTER)?;
        let sent = date(headers, &DATE)?;
        (until - sent).to_std().unwrap_or_default()
    };
    Some(wait.clamp(MIN_RETRY_AFTER, MAX_RETRY_AFTER))
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc2822(headers.get(name)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().expect("a header"));
        if let Some(date) = date {
            headers.insert(DATE, date.parse().expect("a header"));
        }
        retry_after(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_in_seconds_is_between_one_second_and_an_hour() {
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
            assert_eq!(parsed(text, None), seconds, "{text}");
        }
    }

    #[test]
    fn retry_after_as_a_date_counts_from_the_date_of_the_response() {
        let sent = Some("Fri, 20 Nov 2026 15:00:00 GMT");
        assert_eq!(parsed("Fri, 20 Nov 2026 15:02:03 GMT", sent), Some(123));
        assert_eq!(parsed("Fri, 20 Nov 2026 14:00:00 GMT", sent), Some(1));
        assert_eq!(parsed("Mon, 20 Nov 2028 15:00:00 GMT", sent), Some(3600));
        assert_eq!(parsed("Fri, 20 Nov 2026 15:02:03 GMT", None), None);
    }
}
