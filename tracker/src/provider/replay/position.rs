//! A replay's position as stored text: `8f2c11d0 2004-08-19 446 2006-05-11`.
//!
//! One invariant: it names the file by its content and the first day, so that it is only followed where it leads to the
//! same days. The replay writes it with each day and reads it at a start.

use std::{fmt, str::FromStr};

use chrono::NaiveDate;

use super::{
    reel::{Frame, moved},
    tape::Tape,
};
use crate::provider::{PositionError, field};

/// The day that was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    fingerprint: u32,
    first: NaiveDate,
    weeks: u32,
    day: NaiveDate,
}

impl Position {
    /// The position of a frame that was told.
    pub(super) fn of(tape: &Tape, frame: Frame) -> Self {
        Self {
            fingerprint: tape.fingerprint(),
            first: tape.first(),
            weeks: frame.weeks,
            day: tape.date(frame),
        }
    }

    /// The frame it names, if it is one of this tape.
    pub(super) fn frame(self, tape: &Tape) -> Option<Frame> {
        if (self.fingerprint, self.first) != (tape.fingerprint(), tape.first()) {
            return None;
        }
        let day = tape.find(self.day)?;
        Some(Frame {
            day,
            weeks: self.weeks,
        })
    }

    /// The trading day that was told last, whatever tape it was of.
    pub(super) fn told(self) -> NaiveDate {
        moved(self.day, self.weeks).unwrap_or(NaiveDate::MAX)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            fingerprint,
            first,
            weeks,
            day,
        } = self;
        write!(f, "{fingerprint:08x} {first} {weeks} {day}")
    }
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let parts: Vec<&str> = text.split(' ').collect();
        let [fingerprint, first, weeks, day] = parts[..] else {
            return Err(PositionError::Unreadable);
        };
        let position = || {
            Some(Self {
                fingerprint: u32::from_str_radix(fingerprint, 16).ok()?,
                first: field::date(first)?,
                weeks: weeks.parse().ok()?,
                day: field::date(day)?,
            })
        };
        position().ok_or(PositionError::Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_position_survives_its_text() {
        let text = "0f2c11d0 2004-08-19 446 2006-05-11";
        let position: Position = text.parse().expect("a position");
        assert_eq!(position.to_string(), text);
        assert_eq!(position.told().to_string(), "2014-11-27");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9a-f]{0,9} ?[0-9-]{0,11} ?[0-9]{0,11} ?[0-9-]{0,11}") {
            let _ = text.parse::<Position>().map(Position::told);
        }
    }
}
