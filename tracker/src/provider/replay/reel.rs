//! Where a replay is: which pass and which day comes next.
//!
//! The trading days rise strictly from pass to pass until a pass would end after the last year that can be written. The
//! replay then restarts at the file's dates.

use chrono::{Datelike, Days, NaiveDate};

use super::tape::Tape;

/// The last year whose dates every client and database can write.
const LAST_YEAR: i32 = 9999;

/// One day of one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Which of the tape's days.
    pub(super) day: usize,
    /// By how many weeks this pass moves the dates.
    pub(super) weeks: u32,
}

/// The next frame, and the one before.
#[derive(Debug)]
pub(super) struct Reel {
    next: Option<Frame>,
    told: Option<Frame>,
    repeat: bool,
    /// Whether the next frame is not later than what was told before.
    restarts: bool,
    /// How far apart two passes are: the least number of whole weeks that keeps their days apart.
    span: u32,
}

impl Reel {
    /// At the beginning of the first pass.
    pub(super) fn new(tape: &Tape, repeat: bool) -> Self {
        let mut reel = Self {
            next: None,
            told: None,
            repeat,
            restarts: false,
            span: weeks_between(tape.first(), tape.last()),
        };
        reel.rewind();
        reel
    }

    /// The next frame, which is then behind; `None` after the end.
    pub(super) fn advance(&mut self, tape: &Tape) -> Option<Frame> {
        let frame = self.next?;
        self.wind_to(frame, tape);
        Some(frame)
    }

    /// As if this frame had just been told.
    pub(super) fn wind_to(&mut self, frame: Frame, tape: &Tape) {
        self.told = Some(frame);
        self.restarts = false;
        let day = frame.day + 1;
        self.next = if day < tape.days() {
            Some(Frame { day, ..frame })
        } else {
            self.repeat.then(|| self.next_pass(frame.weeks, tape))
        };
    }

    /// To the beginning of the first pass.
    pub(super) fn rewind(&mut self) {
        self.told = None;
        self.next = Some(Frame { day: 0, weeks: 0 });
        self.restarts = false;
    }

    /// To the beginning of the first pass, which is not later than what was told before.
    pub(super) fn restart(&mut self) {
        self.rewind();
        self.restarts = true;
    }

    /// To the beginning of a pass whose first day is later than `day`.
    pub(super) fn begin_after(&mut self, day: NaiveDate, tape: &Tape) {
        let weeks = weeks_between(tape.first(), day);
        if fits(tape, weeks) {
            self.rewind();
            self.next = Some(Frame { day: 0, weeks });
        } else {
            self.restart();
        }
    }

    /// Whether the next frame is not later than what was told before.
    pub(super) fn restarts(&self) -> bool {
        self.restarts
    }

    /// The frame told last.
    pub(super) fn told(&self) -> Option<Frame> {
        self.told
    }

    /// Whether nothing follows.
    pub(super) fn finished(&self) -> bool {
        self.next.is_none()
    }

    fn next_pass(&mut self, weeks: u32, tape: &Tape) -> Frame {
        let weeks = weeks.saturating_add(self.span);
        self.restarts = !fits(tape, weeks);
        let weeks = if self.restarts { 0 } else { weeks };
        Frame { day: 0, weeks }
    }
}

/// The least number of whole weeks that moves `first` past `last`.
fn weeks_between(first: NaiveDate, last: NaiveDate) -> u32 {
    u32::try_from((last - first).num_days() + 1)
        .unwrap_or(0)
        .div_ceil(7)
}

/// Whether the last day of a pass is a date that every client can write. A pass that is not is three weeks away at a
/// trading day a second, and hours at full speed.
fn fits(tape: &Tape, weeks: u32) -> bool {
    moved(tape.last(), weeks).is_some_and(|last| last.year() <= LAST_YEAR)
}

/// A date of the file in a pass that moves it.
pub(super) fn moved(date: NaiveDate, weeks: u32) -> Option<NaiveDate> {
    date.checked_add_days(Days::new(u64::from(weeks) * 7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_moved_by_the_fewest_weeks_that_pass_the_last_day() {
        let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
        for (first, last, weeks) in [
            ("2004-08-19", "2013-03-01", 446),
            ("2004-08-19", "2004-08-19", 1),
            ("2004-08-19", "2004-08-25", 1),
            ("2004-08-19", "2004-08-26", 2),
            ("2004-08-19", "2004-08-18", 0),
            ("2004-08-19", "1999-01-01", 0),
        ] {
            assert_eq!(weeks_between(date(first), date(last)), weeks, "{last}");
            assert!(moved(date(first), weeks).expect("a date") > date(last));
        }
    }
}
