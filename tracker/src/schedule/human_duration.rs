//! A duration for logs and notes, such as `2h 54m 33s`.

use std::{fmt, time::Duration};

/// Shorter durations are shown with tenths of a second.
const TENTHS_BELOW: Duration = Duration::from_secs(10);

/// Displays a duration rounded to seconds, or to tenths below 10 s. The text cannot be parsed back.
#[derive(Clone, Copy, Debug)]
pub struct HumanDuration(pub Duration);

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < TENTHS_BELOW {
            let tenths = (self.0.as_millis() + 50) / 100;
            return match tenths % 10 {
                0 => write!(f, "{}s", tenths / 10),
                tenth => write!(f, "{}.{tenth}s", tenths / 10),
            };
        }
        let seconds = (self.0.as_millis() + 500) / 1_000;
        let parts = [
            (seconds / 3_600, 'h'),
            (seconds / 60 % 60, 'm'),
            (seconds % 60, 's'),
        ];
        let mut gap = "";
        for (count, unit) in parts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{gap}{count}{unit}")?;
            gap = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_in_hours_minutes_and_seconds() {
        for (millis, text) in [
            (0, "0s"),
            (1_000, "1s"),
            (1_240, "1.2s"),
            (48_000, "48s"),
            (59_900, "1m"),
            (300_000, "5m"),
            (7_203_000, "2h 3s"),
            (10_472_727, "2h 54m 33s"),
            (172_800_000, "48h"),
        ] {
            assert_eq!(
                HumanDuration(Duration::from_millis(millis)).to_string(),
                text
            );
        }
    }
}
