//! Searches the monthly partitions of `stock_prices` on PostgreSQL.
//!
//! A statement contains the months as literals, so that PostgreSQL plans for, locks and reads only
//! their partitions and keeps the plan. A search begins in the most likely months, then doubles the
//! number of months at each step, within the extent of the stock's prices (from `quotes`).

use entity::Timestamp;

use crate::month::Month;

/// Number of months in the first step.
const FIRST: u32 = 2;

/// A range of months.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The first month.
    low: Month,
    /// The first month after the range, `None` if unbounded.
    high: Option<Month>,
    months: u32,
}

/// The time range that contains all prices of a stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// At or before the first price.
    pub(super) begins_at: Timestamp,
    /// The time of the last price.
    pub(super) newest_at: Timestamp,
}

impl Window {
    /// The months up to that of `latest`; if `None`, from the month before `now` without an upper
    /// bound.
    pub(super) fn backward(latest: Option<Timestamp>, now: Timestamp) -> Self {
        let last = Month::of(latest.unwrap_or(now));
        Self {
            low: last.before(FIRST - 1),
            high: latest.map(|_| last.after(1)),
            months: FIRST,
        }
    }

    /// The months from that of `earliest`.
    pub(super) fn forward(earliest: Timestamp) -> Self {
        let low = Month::of(earliest);
        Self {
            low,
            high: Some(low.after(FIRST)),
            months: FIRST,
        }
    }

    /// The preceding months that may contain prices of this extent, at or after `earliest`.
    pub(super) fn before(self, earliest: Option<Timestamp>, extent: Extent) -> Option<Self> {
        let first = Month::of(extent.begins_at.max(earliest.unwrap_or(extent.begins_at)));
        let high = self.low.min(Month::of(extent.newest_at).after(1));
        let months = self.months * 2;
        (first < high).then(|| Self {
            low: high.before(months).max(first),
            high: Some(high),
            months,
        })
    }

    /// The following months that may contain prices of this extent, at or before `latest`.
    pub(super) fn after(self, latest: Option<Timestamp>, extent: Extent) -> Option<Self> {
        let last = Month::of(extent.newest_at.min(latest.unwrap_or(extent.newest_at)));
        let low = self.high?.max(Month::of(extent.begins_at));
        let months = self.months * 2;
        (low <= last).then(|| Self {
            low,
            high: Some(low.after(months).min(last.after(1))),
            months,
        })
    }

    /// Whether no price recorded at or after `at` is before these months.
    pub(super) fn reaches_back_to(self, at: Timestamp) -> bool {
        self.low.start() <= at
    }

    /// Whether no price recorded at or before `at` is after these months.
    pub(super) fn reaches_up_to(self, at: Timestamp) -> bool {
        self.high.is_none_or(|high| at < high.start())
    }

    /// A condition for rows in these months, as literals.
    pub(super) fn condition(self) -> String {
        let low = self.low.start().micros();
        match self.high {
            Some(high) => {
                let high = high.start().micros();
                format!(" AND recorded_at >= {low} AND recorded_at < {high}")
            }
            None => format!(" AND recorded_at >= {low}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("{text}T12:00:00Z").parse().expect("an instant")
    }

    fn months(window: Option<Window>) -> Option<String> {
        let month = |month: Month| month.table()["stock_prices_".len()..].to_owned();
        window.map(|it| {
            format!(
                "{}..{}",
                month(it.low),
                it.high.map_or_else(String::new, month)
            )
        })
    }

    #[test]
    fn the_search_grows_and_skips_months_without_prices() {
        let extent = Extent {
            begins_at: at("2010-05-05"),
            newest_at: at("2020-03-03"),
        };
        let first = Window::backward(None, at("2026-11-20"));
        assert_eq!(months(Some(first)).as_deref(), Some("2026_10.."));
        let second = first.before(None, extent);
        assert_eq!(months(second).as_deref(), Some("2019_12..2020_04"));
        let third = second.and_then(|it| it.before(None, extent));
        assert_eq!(months(third).as_deref(), Some("2019_04..2019_12"));
        let bounded = second
            .and_then(|it| it.before(Some(at("2019_10_01".replace('_', "-").as_str())), extent));
        assert_eq!(months(bounded).as_deref(), Some("2019_10..2019_12"));
        let mut steps = 0;
        let mut last = Some(first);
        while let Some(next) = last.and_then(|it| it.before(None, extent)) {
            last = Some(next);
            steps += 1;
        }
        assert_eq!(months(last).as_deref(), Some("2010_05..2015_04"));
        assert_eq!(steps, 5);
    }

    #[test]
    fn a_forward_search_grows_like_a_backward_one() {
        let extent = Extent {
            begins_at: at("2010-05-05"),
            newest_at: at("2010-10-03"),
        };
        let first = Window::forward(at("2009-01-31"));
        assert_eq!(months(Some(first)).as_deref(), Some("2009_01..2009_03"));
        let second = first.after(None, extent);
        assert_eq!(months(second).as_deref(), Some("2010_05..2010_09"));
        let third = second.and_then(|it| it.after(None, extent));
        assert_eq!(months(third).as_deref(), Some("2010_09..2010_11"));
        assert_eq!(third.and_then(|it| it.after(None, extent)), None);
        assert_eq!(
            second.and_then(|it| it.after(Some(at("2010-08-31")), extent)),
            None
        );
    }
}
