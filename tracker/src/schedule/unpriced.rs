//! The polling interval of a symbol whose answers have no price.

use std::time::Duration;

use market::{UNPRICED_AFTER, is_unpriced};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Returns the time between two polls of a symbol: `interval`, at least an hour once the symbol is
/// [unpriced](is_unpriced), and at least a day after a day of hourly polls.
pub fn symbol_interval(unpriced_answers: i32, interval: Duration) -> Duration {
    if !is_unpriced(unpriced_answers) {
        return interval;
    }
    let hourly = interval.max(HOUR);
    let polls = u32::try_from(unpriced_answers - UNPRICED_AFTER).unwrap_or(0);
    if hourly.saturating_mul(polls) < DAY {
        hourly
    } else {
        interval.max(DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_three_answers_without_a_price_polls_are_hourly_and_a_day_later_daily() {
        let five = Duration::from_mins(5);
        let intervals = [0, 2, 3, 26, 27, 1_000].map(|answers| symbol_interval(answers, five));
        assert_eq!(intervals, [five, five, HOUR, HOUR, DAY, DAY]);
    }

    #[test]
    fn a_longer_interval_is_kept() {
        let three = HOUR * 3;
        let intervals = [0, 3, 10, 11, 12].map(|answers| symbol_interval(answers, three));
        assert_eq!(intervals, [three, three, three, DAY, DAY]);
        assert_eq!(symbol_interval(50, DAY * 2), DAY * 2);
    }
}
