//! The volumes of sessions, and their average.

use std::collections::BTreeMap;

use alerting::AverageVolume;
use chrono::NaiveDate;
use entity::{Split, Timestamp};

/// The close and the volume of each session.
pub(super) type Sessions = BTreeMap<NaiveDate, (Timestamp, Option<i64>)>;

/// The newest volume of a session counts.
pub(super) fn add_session(
    sessions: &mut Sessions,
    day: NaiveDate,
    at: Timestamp,
    volume: Option<i64>,
) {
    let (newest, known) = sessions.entry(day).or_insert((at, None));
    if at >= *newest {
        (*newest, *known) = (at, volume.or(*known));
    } else {
        *known = known.or(volume);
    }
}

/// The average volume of the 20 sessions before a day, of which 5 have one.
pub(super) fn average(
    sessions: &Sessions,
    day: NaiveDate,
    splits: &[Split],
) -> Option<AverageVolume> {
    let before = sessions.range(..day).rev().take(20);
    let volumes: Vec<i128> = before
        .filter_map(|(of, (_, volume))| {
            let (mut shares, mut per) = (1, 1);
            for split in splits {
                if split.effective_on > *of && split.effective_on <= day {
                    shares *= split.ratio.numerator();
                    per *= split.ratio.denominator();
                }
            }
            Some(i128::from((*volume)?) * shares / per)
        })
        .collect();
    let sum = volumes.iter().sum();
    (volumes.len() >= 5 && sum > 0).then_some(AverageVolume {
        sum,
        sessions: u32::try_from(volumes.len()).expect("at most 20"),
    })
}
