//! How recorded prices are replayed.

use std::{fs::File, path::PathBuf, time::Duration};

use chrono::NaiveDate;

use super::{
    reader::Reader,
    value::{self, Parsed},
};

/// The first day on which all default symbols trade in the bundled prices.
const BUNDLED_FROM: NaiveDate = NaiveDate::from_ymd_opt(2004, 8, 19).expect("a date");
/// The longest pause between two days, for speeds next to nothing.
const LONGEST_PAUSE: Duration = Duration::from_hours(365 * 24);

/// What is replayed and how.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplaySettings {
    /// The file; none means the bundled prices.
    pub file: Option<PathBuf>,
    /// The first day of each pass; none means the file's first day.
    pub from: Option<NaiveDate>,
    /// How fast.
    pub speed: ReplaySpeed,
    /// Whether it begins again at the end.
    pub repeat: bool,
}

/// How fast days follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReplaySpeed {
    /// Trading days per second of wall time; finite and more than 0.
    DaysPerSecond(f64),
    /// As fast as they can be stored.
    Max,
}

impl ReplaySettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let file = reader.optional("REPLAY_FILE", readable);
        let bundled = file.is_none().then_some(BUNDLED_FROM);
        Self {
            from: reader.optional("REPLAY_FROM", date).or(bundled),
            speed: reader.value("REPLAY_SPEED", ReplaySpeed::parse),
            repeat: reader.value("REPLAY_LOOP", value::switch),
            file,
        }
    }
}

impl ReplaySpeed {
    /// The time between two days; nothing at [`ReplaySpeed::Max`].
    pub fn pause(self) -> Duration {
        match self {
            Self::Max => Duration::ZERO,
            Self::DaysPerSecond(days) => Duration::try_from_secs_f64(days.recip())
                .unwrap_or(LONGEST_PAUSE)
                .min(LONGEST_PAUSE),
        }
    }

    fn parse(text: &str) -> Parsed<Self> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse::<f64>() {
            Ok(days) if days.is_finite() && days > 0.0 => Ok(Self::DaysPerSecond(days)),
            _ => Err("must be a number more than 0, or max".to_owned()),
        }
    }
}

/// What is in it is its reader's to judge; that it can be read belongs to the faults told at once.
fn readable(text: &str) -> Parsed<PathBuf> {
    let opened = File::open(text).and_then(|file| file.metadata());
    match opened {
        Ok(about) if about.is_dir() => Err("is a folder".to_owned()),
        Ok(_) => Ok(text.into()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

fn date(text: &str) -> Parsed<NaiveDate> {
    text.parse()
        .map_err(|_| "must be a date, such as 2008-01-02".to_owned())
}
