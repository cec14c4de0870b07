//! The hours of a United States session as instants.
//!
//! One invariant: hours are New York's wall clock, turned into instants by its time zone, summer time included. Any date
//! is answered, trading day or not; [`crate::is_trading_day`] tells those apart.

use std::ops::Range;

use chrono::{Datelike, NaiveDate, NaiveTime, TimeZone, Timelike};
use chrono_tz::America::New_York;
use entity::Timestamp;

use crate::is_half_day;

/// The date in New York.
pub fn trading_day(now: Timestamp) -> NaiveDate {
    now.to_utc().with_timezone(&New_York).date_naive()
}

/// When a date's regular session opens: 09:30 New York.
pub fn session_open(date: NaiveDate) -> Timestamp {
    new_york_time(date, hour(9) + chrono::TimeDelta::minutes(30))
}

/// When a date's regular session closes: 16:00 New York, 13:00 on half days.
pub fn session_close(date: NaiveDate) -> Timestamp {
    new_york_time(date, session_close_time(date))
}

/// The wall-clock time of a date's close in New York: 16:00, 13:00 on half days.
pub fn session_close_time(date: NaiveDate) -> NaiveTime {
    hour(if is_half_day(date) { 13 } else { 16 })
}

/// When polling makes sense on a trading day, early and late trading included: 04:00 to 20:00 New York.
pub fn polling_window(date: NaiveDate) -> Range<Timestamp> {
    new_york_time(date, hour(4))..new_york_time(date, hour(20))
}

/// A New York wall-clock time as an instant. A time that the change to summer time skips is taken as if the clocks had
/// not changed; of one that comes twice, the first is meant.
pub fn new_york_time(date: NaiveDate, time: NaiveTime) -> Timestamp {
    let local = date.and_time(time);
    let like = alike(date).and_time(time);
    let instant = match New_York.from_local_datetime(&like).earliest() {
        Some(instant) => instant.naive_utc(),
        None => like + chrono::TimeDelta::hours(5),
    };
    (local + (instant - like)).and_utc().into()
}

/// The last year that the time zone's table knows. A replay that goes round and round comes to later ones.
const LAST: i32 = 2099;

/// The same day of a year that the time zone's table knows and that has the same calendar, so that the clocks change
/// on the same dates; of those years there is one in any 28.
fn alike(date: NaiveDate) -> NaiveDate {
    if date.year() <= LAST {
        return date;
    }
    let same = |year: &i32| {
        let like = date.with_year(*year);
        like.is_some_and(|like| {
            like.weekday() == date.weekday() && like.leap_year() == date.leap_year()
        })
    };
    let year = (LAST - 27..=LAST).find(same);
    year.and_then(|year| date.with_year(year)).unwrap_or(date)
}

/// A full hour of the day.
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
    fn a_session_closes_at_four_or_on_half_days_at_one() {
        for (day, close) in [
            ("2004-08-19", "2004-08-19T20:00:00Z"),
            ("2013-03-01", "2013-03-01T21:00:00Z"),
            ("2012-07-03", "2012-07-03T17:00:00Z"),
            ("2012-11-23", "2012-11-23T18:00:00Z"),
            ("2018-10-05", "2018-10-05T20:00:00Z"),
            // Summer time ended a week later from 2007 on.
            ("2006-10-30", "2006-10-30T21:00:00Z"),
            ("2007-10-30", "2007-10-30T20:00:00Z"),
            // Beyond what the time zone's table knows the rules stay as they are.
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
    fn the_evening_belongs_to_new_yorks_date() {
        let evening: Timestamp = "2026-11-21T01:00:00Z".parse().expect("an instant");
        assert_eq!(trading_day(evening), date("2026-11-20"));
    }

    #[test]
    fn a_time_that_the_clocks_skip_still_is_an_instant() {
        let skipped = new_york_time(date("2026-03-08"), hour(2));
        assert_eq!(skipped.to_string(), "2026-03-08T07:00:00Z");
    }
}
