//! Session hours of the United States: open, close and polling window of a date.
//!
//! Hours are wall-clock times of New York, converted by its time zone with daylight saving time.
//! The functions accept any date and do not check whether it is a trading day;
//! [`crate::is_trading_day`] does.

use std::ops::Range;

use chrono::{Datelike, NaiveDate, NaiveTime, TimeZone, Timelike};
use chrono_tz::America::New_York;
use entity::Timestamp;

use crate::is_early_close;

/// Returns the date in New York.
pub fn trading_day(now: Timestamp) -> NaiveDate {
    now.to_utc().with_timezone(&New_York).date_naive()
}

/// Returns the open of the regular session: 09:30 New York.
pub fn session_open(date: NaiveDate) -> Timestamp {
    new_york_time(date, hour(9) + chrono::TimeDelta::minutes(30))
}

/// Returns the close of the regular session: 16:00 New York, or 13:00 on an early close.
pub fn session_close(date: NaiveDate) -> Timestamp {
    new_york_time(date, session_close_time(date))
}

/// Returns the close of the regular session as New York wall-clock time: 16:00, or 13:00 on an
/// early close.
pub fn session_close_time(date: NaiveDate) -> NaiveTime {
    hour(if is_early_close(date) { 13 } else { 16 })
}

/// Returns the polling window, which includes pre-market and after-hours trading: 04:00 to 20:00
/// New York.
pub fn polling_window(date: NaiveDate) -> Range<Timestamp> {
    new_york_time(date, hour(4))..new_york_time(date, hour(20))
}

/// Converts a New York wall-clock time to an instant. A time that the start of daylight saving time
/// skips is converted as if the clocks had not changed. Of a time that occurs twice, the first is
/// returned.
pub fn new_york_time(date: NaiveDate, time: NaiveTime) -> Timestamp {
    let local = date.and_time(time);
    let equivalent = equivalent_date(date).and_time(time);
    let instant = match New_York.from_local_datetime(&equivalent).earliest() {
        Some(instant) => instant.naive_utc(),
        None => equivalent + chrono::TimeDelta::hours(5),
    };
    (local + (instant - equivalent)).and_utc().into()
}

/// The last year in the time zone table of `chrono-tz`. A replay in a loop reaches later years.
const LAST_YEAR: i32 = 2099;

/// Returns the same month and day in a year of the time zone table with the same calendar, so that
/// daylight saving time starts and ends on the same dates. Any 28 years contain such a year.
fn equivalent_date(date: NaiveDate) -> NaiveDate {
    if date.year() <= LAST_YEAR {
        return date;
    }
    let same = |year: &i32| {
        let other = date.with_year(*year);
        other.is_some_and(|other| {
            other.weekday() == date.weekday() && other.leap_year() == date.leap_year()
        })
    };
    let year = (LAST_YEAR - 27..=LAST_YEAR).find(same);
    year.and_then(|year| date.with_year(year)).unwrap_or(date)
}

/// Returns a full hour of the day.
fn hour(hour: u32) -> NaiveTime {
    NaiveTime::MIN.with_hour(hour).unwrap_or(NaiveTime::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn a_session_closes_at_16_00_and_on_an_early_close_at_13_00() {
        for (day, close) in [
            ("2004-08-19", "2004-08-19T20:00:00Z"),
            ("2013-03-01", "2013-03-01T21:00:00Z"),
            ("2012-07-03", "2012-07-03T17:00:00Z"),
            ("2012-11-23", "2012-11-23T18:00:00Z"),
            ("2018-10-05", "2018-10-05T20:00:00Z"),
            // Daylight saving time ends a week later since 2007.
            ("2006-10-30", "2006-10-30T21:00:00Z"),
            ("2007-10-30", "2007-10-30T20:00:00Z"),
            // After the last year of the time zone table its rules still apply.
            ("2099-07-15", "2099-07-15T20:00:00Z"),
            ("2100-03-12", "2100-03-12T21:00:00Z"),
            ("2100-03-15", "2100-03-15T20:00:00Z"),
            ("2100-11-05", "2100-11-05T20:00:00Z"),
            ("2100-11-08", "2100-11-08T21:00:00Z"),
            ("2104-02-29", "2104-02-29T21:00:00Z"),
            ("9998-07-15", "9998-07-15T20:00:00Z"),
        ] {
            assert_eq!(session_close(date(day)).to_string(), close);
        }
    }

    #[test]
    fn the_trading_day_is_the_date_in_new_york() {
        let evening: Timestamp = "2026-11-21T01:00:00Z".parse().expect("an instant");
        assert_eq!(trading_day(evening), date("2026-11-20"));
    }

    #[test]
    fn a_time_that_daylight_saving_skips_is_converted() {
        let skipped = new_york_time(date("2026-03-08"), hour(2));
        assert_eq!(skipped.to_string(), "2026-03-08T07:00:00Z");
    }
}
