//! What Alpha Vantage says instead of a quote, always with HTTP 200.
//!
//! One invariant: notices are told apart in a fixed order, because one text mentions the limits and products of another
//! (a burst notice names the daily limit and premium endpoints). [`super::answer`] calls it.

use std::{borrow::Cow, time::Duration};

use runtime::config::Secret;

use crate::provider::PollError;

/// The service asks for one request a second.
const BURST: Duration = Duration::from_secs(2);
/// Its minutes are not ours: a whole one has surely passed after 60 seconds.
const MINUTE: Duration = Duration::from_mins(1);
/// The most characters of an unknown notice that are repeated.
const LONGEST: usize = 160;
/// What stands where a key stood.
const GONE: &str = "\u{2026}";

/// The texts of an answer that are not data.
#[derive(Debug, Default)]
pub(super) struct Notice {
    /// `Error Message`.
    pub(super) error: Option<String>,
    /// `Information`.
    pub(super) information: Option<String>,
    /// `Note`.
    pub(super) note: Option<String>,
    /// `message`, which stands beside artificial data.
    pub(super) message: Option<String>,
}

impl Notice {
    /// The failure that these texts announce, if it is one that is known.
    pub(super) fn classify(&self) -> Option<PollError> {
        let error = lower(self.error.as_ref());
        let said = [&self.error, &self.information, &self.note]
            .map(|text| lower(text.as_ref()))
            .join("\n");
        let message = lower(self.message.as_ref());
        let says = |words: &str| said.contains(words);

        if error.contains("apikey") {
            Some(refused("the key is invalid or missing"))
        } else if says("invalid api call") {
            Some(PollError::UnknownSymbol)
        } else if says("spreading out your free api requests") || says("burst pattern detected") {
            Some(PollError::RateLimited { wait: BURST })
        } else if says("minute-level rate limit") || says("calls per minute") {
            Some(PollError::RateLimited { wait: MINUTE })
        } else if says("requests per day") || says("detected your api key as") {
            Some(PollError::BudgetSpent)
        } else if says("premium endpoint") || says("premium feature") {
            Some(PollError::NotEntitled)
        } else if says("api key is for demo purposes only") {
            Some(refused(
                "the demo key is for the documentation's examples only",
            ))
        } else if message.contains("artificial") || message.contains("premium") {
            Some(PollError::NotEntitled)
        } else {
            None
        }
    }

    /// A text that is not known, as a failure to be tried again, without the key.
    pub(super) fn unknown(&self, key: &Secret) -> Option<PollError> {
        let text = [&self.error, &self.information, &self.note]
            .into_iter()
            .flatten()
            .next()?;
        Some(PollError::upstream(format!(
            "an unknown notice: {}",
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

/// The text without the key, and without what it names as a key: a proxy may have put in its own.
fn redact(text: &str, key: &str) -> String {
    const NAMED: &str = "api key as ";
    let mut text = without(text, key);
    if let Some(at) = text.to_ascii_lowercase().find(NAMED) {
        let start = at + NAMED.len();
        let length = text[start..]
            .find(char::is_whitespace)
            .unwrap_or(text.len() - start);
        text.replace_range(start..start + length, GONE);
    }
    text
}

/// The text with every occurrence of `secret`, in any case, left out.
fn without(text: &str, secret: &str) -> String {
    if secret.is_empty() {
        return text.to_owned();
    }
    let (lower, secret) = (text.to_ascii_lowercase(), secret.to_ascii_lowercase());
    let (mut kept, mut from) = (String::new(), 0);
    while let Some(at) = lower[from..].find(&secret) {
        kept.push_str(&text[from..from + at]);
        kept.push_str(GONE);
        from += at + secret.len();
    }
    kept.push_str(&text[from..]);
    kept
}

/// The beginning of a text in one line that a terminal may show.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_an_unknown_notice_is_left_out() {
        let key = Secret::new("S3CRETKEY");
        for said in [
            "Your key S3CRETKEY (s3cretkey) is odd",
            "We think of your API key as OTHERKEY9 today\u{7}",
        ] {
            let notice = Notice {
                information: Some(said.to_owned()),
                ..Notice::default()
            };
            let told = notice.unknown(&key).expect("a failure").to_string();
            assert!(told.contains("an unknown notice"), "{told}");
            for secret in ["S3CRETKEY", "s3cretkey", "OTHERKEY9", "\u{7}"] {
                assert!(!told.contains(secret), "{told}");
            }
        }
    }

    #[test]
    fn a_long_unknown_notice_is_cut() {
        let notice = Notice {
            note: Some("\u{e4}".repeat(10_000)),
            ..Notice::default()
        };
        let told = notice.unknown(&Secret::new("")).expect("a failure");
        assert!(told.to_string().chars().count() < 250);
    }
}
