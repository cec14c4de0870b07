//! Months in UTC, the unit of partitioning of prices.
//!
//! A month includes its start and excludes its end, so every instant belongs to exactly one month.
//! [`crate::partition`] keeps a table per month, [`crate::price`] searches them in steps.

use chrono::{Datelike, Months, NaiveDate};
use entity::Timestamp;

/// A month, represented by its first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Month(NaiveDate);

impl Month {
    /// The month of an instant.
    pub(crate) fn of(at: Timestamp) -> Self {
        let day = at.to_utc().date_naive();
        Self(day.with_day(1).unwrap_or(day))
    }

    /// The first instant of the month.
    pub(crate) fn start(self) -> Timestamp {
        Timestamp::start_of(self.0)
    }

    /// The first instant after the month.
    pub(crate) fn end(self) -> Timestamp {
        self.after(1).start()
    }

    /// The month that is `months` later.
    pub(crate) fn after(self, months: u32) -> Self {
        let later = self.0.checked_add_months(Months::new(months));
        Self(later.unwrap_or(self.0))
    }

    /// The month that is `months` earlier.
    pub(crate) fn before(self, months: u32) -> Self {
        let earlier = self.0.checked_sub_months(Months::new(months));
        Self(earlier.unwrap_or(self.0))
    }

    /// A condition that `column` is in the month, with literals, so that PostgreSQL plans for its
    /// partition only.
    pub(crate) fn condition(self, column: &str) -> String {
        let (start, end) = (self.start().micros(), self.end().micros());
        format!(" AND {column} >= {start} AND {column} < {end}")
    }

    /// The name of the month's partition on PostgreSQL.
    pub(crate) fn table(self) -> String {
        self.0.format("stock_prices_%Y_%m").to_string()
    }

    /// The month of a partition, by its name.
    pub(crate) fn of_table(name: &str) -> Option<Self> {
        let month = name.strip_prefix("stock_prices_")?;
        NaiveDate::parse_from_str(&format!("{month}_01"), "%Y_%m_%d")
            .ok()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_includes_its_start_and_excludes_its_end() {
        let at: Timestamp = "2026-12-31T23:59:59.999999Z".parse().expect("an instant");
        let month = Month::of(at);
        assert_eq!(month.start().to_string(), "2026-12-01T00:00:00Z");
        assert_eq!(month.end().to_string(), "2027-01-01T00:00:00Z");
        assert_eq!(Month::of(month.end()), month.after(1));
        assert_eq!(month.after(14).before(14), month);
        assert_eq!(month.table(), "stock_prices_2026_12");
        assert_eq!(Month::of_table("stock_prices_2026_12"), Some(month));
        assert_eq!(Month::of_table("stock_prices_pkey"), None);
        let before = Month::of(Timestamp::from_micros(-1));
        assert_eq!(before.end(), Timestamp::from_micros(0));
    }
}
