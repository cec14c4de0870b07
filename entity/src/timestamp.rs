//! The value type of an instant, stored as microseconds and displayed as RFC 3339.
//!
//! An instant is an integer number of microseconds since 1970-01-01T00:00:00Z on both databases, so
//! equality and order are the same everywhere and an instant is read back exactly as it was
//! written.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use sea_orm::DeriveValueType;
use serde::{Deserialize, Serialize};

/// An instant in microseconds since the Unix epoch, displayed as RFC 3339 in UTC with at most 6
/// fractional digits.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    DeriveValueType,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// The text is not a [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an RFC 3339 instant (2026-11-22T12:00:00Z)")]
pub struct TimestampError;

impl Timestamp {
    /// The earliest instant.
    pub const MIN: Self = Self(i64::MIN);

    /// Creates an instant from microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Returns microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The start of a date in UTC.
    pub fn start_of(date: NaiveDate) -> Self {
        Self(
            date.and_time(chrono::NaiveTime::MIN)
                .and_utc()
                .timestamp_micros(),
        )
    }

    /// Converts for calendar arithmetic. Instants outside of chrono's range saturate.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }

    /// The instant `duration` before this one.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// The instant `duration` after this one.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// The duration since `earlier`, or zero if it is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The absolute duration between two instants.
    pub fn distance(self, other: Self) -> Duration {
        Duration::from_micros(self.0.abs_diff(other.0))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(instant: DateTime<Utc>) -> Self {
        Self(instant.timestamp_micros())
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        DateTime::parse_from_rfc3339(text)
            .map(|instant| Self(instant.timestamp_micros()))
            .map_err(|_| TimestampError)
    }
}

/// The text of a time with microseconds.
const TEMPLATE: [u8; 27] = *b"0000-00-00T00:00:00.000000Z";

impl Timestamp {
    /// Appends the time as RFC 3339 in UTC, as `Display` writes it.
    pub fn write_to(self, out: &mut Vec<u8>) {
        match self.write_over(&mut TEMPLATE.clone()) {
            Some(text) => out.extend_from_slice(text),
            None => out.extend_from_slice(self.to_string().as_bytes()),
        }
    }

    /// Writes the time over the template, and returns its text. Returns `None` for a year that does
    /// not have four digits. Much faster than chrono.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the seconds and microseconds of a day are not negative, and fit"
    )]
    fn write_over(self, text: &mut [u8; 27]) -> Option<&[u8]> {
        const DAY: i64 = 86_400_000_000;
        let (year, month, day) = date_of(self.0.div_euclid(DAY));
        let year = u32::try_from(year).ok().filter(|year| *year <= 9999)?;
        let of_day = self.0.rem_euclid(DAY);
        let (seconds, micros) = ((of_day / 1_000_000) as u32, (of_day % 1_000_000) as u32);
        put(text, 0, year / 100);
        put(text, 2, year % 100);
        put(text, 5, month);
        put(text, 8, day);
        put(text, 11, seconds / 3600);
        put(text, 14, seconds / 60 % 60);
        put(text, 17, seconds % 60);
        let end = match (micros, micros % 1000) {
            (0, _) => 19,
            (_, 0) => 23,
            _ => 26,
        };
        put(text, 20, micros / 10_000);
        put(text, 22, micros / 100 % 100);
        put(text, 24, micros % 100);
        text[end] = b'Z';
        Some(&text[..=end])
    }
}

/// The year, month and day of a number of days since 1970-01-01, in the Gregorian calendar.
///
/// Years begin in March here, so that a leap day is the last day of its year.
#[expect(clippy::cast_possible_truncation, reason = "a remainder fits")]
fn date_of(days: i64) -> (i64, u32, u32) {
    /// Days in 400 years.
    const ERA: i64 = 146_097;
    /// Days from 0000-03-01 to 1970-01-01.
    const EPOCH: i64 = 719_468;
    let since = days + EPOCH;
    let (era, of_era) = (since.div_euclid(ERA), since.rem_euclid(ERA) as u32);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // 153 days in each five months.
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = i64::from(year) + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Writes a number below 100 as two digits.
#[expect(clippy::cast_possible_truncation, reason = "digits are below 10")]
fn put(text: &mut [u8; 27], at: usize, number: u32) {
    text[at] = b'0' + (number / 10) as u8;
    text[at + 1] = b'0' + (number % 10) as u8;
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.write_over(&mut TEMPLATE.clone()) {
            return f.write_str(std::str::from_utf8(text).map_err(|_| fmt::Error)?);
        }
        let text = self.to_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true);
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_instant_is_displayed_in_utc_with_at_most_microseconds() {
        for (given, displayed) in [
            ("2026-11-20T16:00:00-05:00", "2026-11-20T21:00:00Z"),
            (
                "2026-11-22T12:00:00.123456789Z",
                "2026-11-22T12:00:00.123456Z",
            ),
        ] {
            assert_eq!(
                given.parse::<Timestamp>().map(|at| at.to_string()),
                Ok(displayed.to_owned())
            );
        }
        assert_eq!("2026-11-20".parse::<Timestamp>(), Err(TimestampError));
    }

    fn check(micros: i64) {
        let at = Timestamp::from_micros(micros);
        let expected = at.to_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true);
        assert_eq!(at.to_string(), expected);
        let mut appended = b"at ".to_vec();
        at.write_to(&mut appended);
        assert_eq!(String::from_utf8(appended), Ok(format!("at {expected}")));
    }

    proptest! {
        #[test]
        fn an_instant_is_displayed_like_chrono_does(
            micros in -70_000_000_000_000_000..300_000_000_000_000_000_i64,
            far: i64,
        ) {
            for unit in [1, 1_000, 1_000_000, 60_000_000, 86_400_000_000] {
                check(micros / unit * unit);
            }
            check(far);
        }
    }
}
