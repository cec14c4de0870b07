//! Finds prices among the months of PostgreSQL's `stock_prices`.
//!
//! One invariant: a statement names the months that it is about as literals, so that PostgreSQL plans for, locks and reads
//! the tables of these alone, however many there are, and keeps the plan. The search begins where the prices most likely
//! are and goes on in twice as many months at a time, no further than a stock's prices reach (`quotes`).

use entity::Timestamp;

use crate::month::Month;

/// So many months are searched first.
const FIRST: u32 = 2;

/// Some months on end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The first.
    low: Month,
    /// The first that is not part of it; none for all there are.
    high: Option<Month>,
    months: u32,
}

/// From when to when there are prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Of the first, or before.
    pub(super) begins_at: Timestamp,
    /// Of the last.
    pub(super) newest_at: Timestamp,
}

impl Window {
    /// The months that end with that of `latest`; those from the month before `now` on, if nothing is too late.
    pub(super) fn backward(latest: Option<Timestamp>, now: Timestamp) -> Self {
        let last = Month::of(latest.unwrap_or(now));
        Self {
            low: last.before(FIRST - 1),
            high: latest.map(|_| last.after(1)),
            months: FIRST,
        }
    }

    /// The months that begin with that of `earliest`.
    pub(super) fn forward(earliest: Timestamp) -> Self {
        let low = Month::of(earliest);
        Self {
            low,
            high: Some(low.after(FIRST)),
            months: FIRST,
        }
    }

    /// The months before these that prices of this extent may be in, from `earliest` on.
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

    /// The months after these that prices of this extent may be in, up to `latest`.
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

    /// Whether nothing recorded at `at` or before is before these months.
    pub(super) fn reaches_back_to(self, at: Timestamp) -> bool {
        self.low.start() <= at
    }

    /// Whether nothing recorded at `at` or later is after these months.
    pub(super) fn reaches_up_to(self, at: Timestamp) -> bool {
        self.high.is_none_or(|high| at < high.start())
    }

    /// That a row lies in it, as literals.
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

    fn told(window: Option<Window>) -> Option<String> {
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
    fn the_search_takes_steps_that_grow_and_leaves_out_where_nothing_is() {
        let extent = Extent {
            begins_at: at("2010-05-05"),
            newest_at: at("2020-03-03"),
        };
        let first = Window::backward(None, at("2026-11-20"));
        assert_eq!(told(Some(first)).as_deref(), Some("2026_10.."));
        let second = first.before(None, extent);
        assert_eq!(told(second).as_deref(), Some("2019_12..2020_04"));
        let third = second.and_then(|it| it.before(None, extent));
        assert_eq!(told(third).as_deref(), Some("2019_04..2019_12"));
        let bounded = second
            .and_then(|it| it.before(Some(at("2019_10_01".replace('_', "-").as_str())), extent));
        assert_eq!(told(bounded).as_deref(), Some("2019_10..2019_12"));
        let mut steps = 0;
        let mut last = Some(first);
        while let Some(next) = last.and_then(|it| it.before(None, extent)) {
            last = Some(next);
            steps += 1;
        }
        assert_eq!(told(last).as_deref(), Some("2010_05..2015_04"));
        assert_eq!(steps, 5);
    }

    #[test]
    fn it_goes_forward_alike() {
        let extent = Extent {
            begins_at: at("2010-05-05"),
            newest_at: at("2010-10-03"),
        };
        let first = Window::forward(at("2009-01-31"));
        assert_eq!(told(Some(first)).as_deref(), Some("2009_01..2009_03"));
        let second = first.after(None, extent);
        assert_eq!(told(second).as_deref(), Some("2010_05..2010_09"));
        let third = second.and_then(|it| it.after(None, extent));
        assert_eq!(told(third).as_deref(), Some("2010_09..2010_11"));
        assert_eq!(third.and_then(|it| it.after(None, extent)), None);
        assert_eq!(
            second.and_then(|it| it.after(Some(at("2010-08-31")), extent)),
            None
        );
    }
}
