//! The cursor of a replay: which day of which pass comes next, and its stored form,
//! [`ReplayPosition`].
//!
//! The replayed trading days rise strictly from pass to pass until a pass would end after the last
//! year that can be written. The replay then restarts at the dates of the file.

use std::{fmt, str::FromStr};

use chrono::{Datelike, NaiveDate};

use super::dataset::{Dataset, ReplayDay, shifted};
use crate::provider::{PositionError, field};

/// The last year whose dates every client and database can write.
const LAST_YEAR: i32 = 9999;

/// The next day to replay, and the last one.
#[derive(Debug)]
pub(super) struct ReplayCursor {
    next: Option<ReplayDay>,
    last_played: Option<ReplayDay>,
    repeat: bool,
    /// Whether the next day may be earlier than days that were replayed before.
    restarts: bool,
    /// The offset between two passes: the least number of whole weeks that keeps their days apart.
    pass_weeks: u32,
}

impl ReplayCursor {
    /// Creates a cursor at the start of the first pass.
    pub(super) fn new(dataset: &Dataset, repeat: bool) -> Self {
        let mut cursor = Self {
            next: None,
            last_played: None,
            repeat,
            restarts: false,
            pass_weeks: weeks_past(dataset.first(), dataset.last()),
        };
        cursor.rewind();
        cursor
    }

    /// Returns the next day and moves past it, or returns `None` after the end.
    pub(super) fn advance(&mut self, dataset: &Dataset) -> Option<ReplayDay> {
        let day = self.next?;
        self.seek(day, dataset);
        Some(day)
    }

    /// Moves past a day, as if it had just been replayed.
    pub(super) fn seek(&mut self, played: ReplayDay, dataset: &Dataset) {
        self.last_played = Some(played);
        self.restarts = false;
        let index = played.index + 1;
        self.next = if index < dataset.len() {
            Some(ReplayDay { index, ..played })
        } else {
            self.repeat.then(|| self.next_pass(played.weeks, dataset))
        };
    }

    /// Moves to the start of the first pass.
    pub(super) fn rewind(&mut self) {
        self.last_played = None;
        self.next = Some(ReplayDay::first(0));
        self.restarts = false;
    }

    /// Moves to the start of the first pass, which may be earlier than days that were replayed
    /// before.
    pub(super) fn restart(&mut self) {
        self.rewind();
        self.restarts = true;
    }

    /// Moves to the start of a pass whose first day is later than `day`.
    pub(super) fn start_after(&mut self, day: NaiveDate, dataset: &Dataset) {
        let weeks = weeks_past(dataset.first(), day);
        if fits(dataset, weeks) {
            self.rewind();
            self.next = Some(ReplayDay::first(weeks));
        } else {
            self.restart();
        }
    }

    /// Whether the next day may be earlier than days that were replayed before.
    pub(super) fn restarts(&self) -> bool {
        self.restarts
    }

    /// The last day that was replayed.
    pub(super) fn last_played(&self) -> Option<ReplayDay> {
        self.last_played
    }

    /// Whether no day is left.
    pub(super) fn is_finished(&self) -> bool {
        self.next.is_none()
    }

    fn next_pass(&mut self, weeks: u32, dataset: &Dataset) -> ReplayDay {
        let weeks = weeks.saturating_add(self.pass_weeks);
        self.restarts = !fits(dataset, weeks);
        let weeks = if self.restarts { 0 } else { weeks };
        ReplayDay {
            repeats: !self.restarts,
            ..ReplayDay::first(weeks)
        }
    }
}

/// Returns the least number of whole weeks that shifts `first` past `last`.
fn weeks_past(first: NaiveDate, last: NaiveDate) -> u32 {
    u32::try_from((last - first).num_days() + 1)
        .unwrap_or(0)
        .div_ceil(7)
}

/// Whether every client can write the dates of a pass. The first pass that does not fit is three
/// weeks away at a trading day a second, and hours at full speed.
fn fits(dataset: &Dataset, weeks: u32) -> bool {
    shifted(dataset.last(), weeks).is_some_and(|last| last.year() <= LAST_YEAR)
}

/// The stored position of a replay: the last day that was replayed, as `8f2c11d0 2004-08-19 446
/// 2006-05-11`.
///
/// The fields are the fingerprint of the file, its first replayed day, the shift of the pass in
/// weeks, and the day as dated in the file. A position is only followed in the same file with the
/// same first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplayPosition {
    fingerprint: u32,
    first: NaiveDate,
    weeks: u32,
    date: NaiveDate,
}

impl ReplayPosition {
    /// The position after `day`.
    pub(super) fn after(day: ReplayDay, dataset: &Dataset) -> Self {
        Self {
            fingerprint: dataset.fingerprint(),
            first: dataset.first(),
            weeks: day.weeks,
            date: dataset.date(day),
        }
    }

    /// Returns the day of this position, or `None` if it belongs to another file or first day.
    pub(super) fn day(self, dataset: &Dataset) -> Option<ReplayDay> {
        if (self.fingerprint, self.first) != (dataset.fingerprint(), dataset.first()) {
            return None;
        }
        let index = dataset.index_of(self.date)?;
        Some(ReplayDay {
            index,
            weeks: self.weeks,
            repeats: self.weeks > 0,
        })
    }

    /// The trading day that was replayed last, in whatever file.
    pub(super) fn trading_day(self) -> NaiveDate {
        shifted(self.date, self.weeks).unwrap_or(NaiveDate::MAX)
    }
}

impl fmt::Display for ReplayPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            fingerprint,
            first,
            weeks,
            date,
        } = self;
        write!(f, "{fingerprint:08x} {first} {weeks} {date}")
    }
}

impl FromStr for ReplayPosition {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let parts: Vec<&str> = text.split(' ').collect();
        let [fingerprint, first, weeks, date] = parts[..] else {
            return Err(PositionError::Invalid);
        };
        let position = || {
            Some(Self {
                fingerprint: u32::from_str_radix(fingerprint, 16).ok()?,
                first: field::date(first)?,
                weeks: weeks.parse().ok()?,
                date: field::date(date)?,
            })
        };
        position().ok_or(PositionError::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pass_is_shifted_by_the_fewest_weeks_past_the_last_day() {
        let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
        for (first, last, weeks) in [
            ("2004-08-19", "2013-03-01", 446),
            ("2004-08-19", "2004-08-19", 1),
            ("2004-08-19", "2004-08-25", 1),
            ("2004-08-19", "2004-08-26", 2),
            ("2004-08-19", "2004-08-18", 0),
            ("2004-08-19", "1999-01-01", 0),
        ] {
            assert_eq!(weeks_past(date(first), date(last)), weeks, "{last}");
            assert!(shifted(date(first), weeks).expect("a date") > date(last));
        }
    }

    #[test]
    fn a_position_round_trips_through_its_text() {
        let text = "0f2c11d0 2004-08-19 446 2006-05-11";
        let position: ReplayPosition = text.parse().expect("a position");
        assert_eq!(position.to_string(), text);
        assert_eq!(position.trading_day().to_string(), "2014-11-27");
    }

    proptest! {
        #[test]
        fn parsing_a_position_never_panics(
            text in "[0-9a-f]{0,9} ?[0-9-]{0,11} ?[0-9]{0,11} ?[0-9-]{0,11}",
        ) {
            let _ = text.parse::<ReplayPosition>().map(ReplayPosition::trading_day);
        }
    }
}
