//! Determines the reference price of an alert: the previous session's close, adjusted for splits.
//!
//! On the day of a split, a provider sends the previous close either unadjusted (in old shares) or
//! adjusted (in new shares), without a field that states which. The stored close of the previous
//! session, which is unadjusted, decides: the sent close is unadjusted if it is nearer to the
//! stored close than to the stored close divided by the split. Without a stored close, the
//! session's open decides: the sent close is unadjusted if the open is nearer to the sent close
//! divided by the split than to the sent close itself. Distances are ratios.

use chrono::NaiveDate;
use entity::{Decimal, Ratio, Split, table::held_price};

/// An upper bound of the consecutive days on which the market is closed, valid since 1950.
const LONGEST_CLOSURE: usize = 10;

/// The data that determine the reference price of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferenceInputs {
    /// The date of the session.
    pub trading_day: NaiveDate,
    /// The price.
    pub price: Close,
    /// The open of the session.
    pub open: Option<Decimal>,
    /// The previous close as sent.
    pub previous_close: Option<Close>,
    /// The last stored close of an earlier day, with its date.
    pub stored: Option<(NaiveDate, Decimal)>,
}

/// A price, both rounded and exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// Rounded to 8 decimals.
    pub rounded: Decimal,
    /// As the provider sent it.
    pub exact: Ratio,
}

impl Close {
    /// Creates a close from a price with at most 8 decimals. `None` unless it is above 0.
    pub fn of(price: Decimal) -> Option<Self> {
        let exact = Ratio::from_decimal(price)?;
        Some(Self {
            rounded: price,
            exact,
        })
    }

    /// Converts an unadjusted price to new shares. `None` if the result rounds to 0 or overflows.
    pub fn divided(self, split: Ratio) -> Option<Self> {
        let rounded = split
            .divide(self.rounded)
            .filter(|it| *it > Decimal::ZERO)?;
        let exact = self.exact.over(split);
        Some(Self { rounded, exact })
    }
}

impl ReferenceInputs {
    /// Restores the inputs of a held price. `None` if the row is invalid.
    pub fn of_held(held: &held_price::Model) -> Option<Self> {
        let close = |rounded: Decimal, exact: Option<&str>| {
            let close = Close::of(rounded)?;
            let exact = exact.and_then(|text| text.parse().ok());
            Some(Close {
                exact: exact.unwrap_or(close.exact),
                ..close
            })
        };
        let exact = held.exact_previous_close.as_deref();
        Some(Self {
            trading_day: held.trading_day,
            price: close(held.price, Some(&held.exact_price))?,
            open: held.open,
            previous_close: held.previous_close.and_then(|sent| close(sent, exact)),
            stored: held.close_day.zip(held.close),
        })
    }

    /// Returns the close that the price is compared with, in the shares of the trading day.
    pub fn reference(&self, splits: &[Split]) -> Option<Close> {
        let Some(sent) = self.previous_close else {
            let (day, close) = self.stored?;
            let close = Close::of(close)?;
            return match Split::between(splits, day, self.trading_day) {
                Some(split) => close.divided(split),
                None => Some(close),
            };
        };
        match Split::between(splits, self.previous_session(), self.trading_day) {
            Some(split) if self.is_unadjusted(sent, split) => sent.divided(split),
            _ => Some(sent),
        }
    }

    /// Whether the price suggests an unknown split: the price or the open differs by a fifth or
    /// more from the previous close, or the price from the stored close of the previous session.
    pub fn suggests_split(&self, splits: &[Split]) -> bool {
        let reference = self.reference(splits);
        let day = self.previous_session();
        let stored = self.stored_previous_close().and_then(|close| {
            match Split::between(splits, day, self.trading_day) {
                Some(split) => close.divided(split),
                None => Some(close),
            }
        });
        let open = self.open.and_then(Close::of);
        let far = |price: Option<Close>, close: Option<Close>| {
            price
                .zip(close)
                .is_some_and(|(price, close)| differ_by_a_fifth(price.exact, close.exact))
        };
        far(Some(self.price), reference) || far(Some(self.price), stored) || far(open, reference)
    }

    /// Returns the date of the previous session: that of the stored close, or the last trading day
    /// of the calendar, whichever is later.
    fn previous_session(&self) -> NaiveDate {
        let before = trading_day_before(self.trading_day);
        let stored = self.stored.map(|(day, _)| day);
        stored
            .filter(|day| *day < self.trading_day)
            .map_or(before, |day| day.max(before))
    }

    /// Returns the stored close, if it is of the previous session.
    fn stored_previous_close(&self) -> Option<Close> {
        let (day, close) = self.stored?;
        Close::of(close).filter(|_| day == self.previous_session())
    }

    /// Whether a sent previous close is in the shares from before the split.
    fn is_unadjusted(&self, sent: Close, split: Ratio) -> bool {
        // By ratio, x is nearer to 1 than to the split if x² is on the same side of the split as 1.
        let nearer_to_one = |x: Ratio| {
            let square = x.times(x);
            if split > Ratio::ONE {
                square < split
            } else {
                square > split
            }
        };
        if let Some(stored) = self.stored_previous_close() {
            return nearer_to_one(stored.exact.over(sent.exact));
        }
        let first = self.open.and_then(Close::of).unwrap_or(self.price);
        !nearer_to_one(sent.exact.over(first.exact))
    }
}

/// Whether a price differs from a close by a fifth of it or more.
fn differ_by_a_fifth(price: Ratio, close: Ratio) -> bool {
    let compared = price.over(close).shortened();
    let (price, close) = (compared.numerator(), compared.denominator());
    (price - close).abs() * 5 >= close
}

/// Returns the last trading day before a date.
pub(crate) fn trading_day_before(date: NaiveDate) -> NaiveDate {
    let before = date.iter_days().rev().skip(1);
    let mut trading = before
        .take(LONGEST_CLOSURE)
        .filter(|day| market::is_trading_day(*day));
    trading.next().unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: &str = "2026-11-20";
    const YESTERDAY: &str = "2026-11-19";

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    fn close(text: &str) -> Close {
        Close::of(decimal(text)).expect("a price")
    }

    fn split(day: &str, ratio: &str) -> Split {
        Split {
            effective_on: date(day),
            ratio: ratio.parse().expect("a ratio"),
        }
    }

    fn inputs(
        price: &str,
        open: Option<&str>,
        sent: Option<&str>,
        stored: Option<&str>,
    ) -> ReferenceInputs {
        ReferenceInputs {
            trading_day: date(TODAY),
            price: close(price),
            open: open.map(decimal),
            previous_close: sent.map(close),
            stored: stored.map(|close| (date(YESTERDAY), decimal(close))),
        }
    }

    fn reference(inputs: &ReferenceInputs, splits: &[Split]) -> Option<String> {
        let reference = inputs.reference(splits);
        reference.map(|close| close.rounded.to_string())
    }

    #[test]
    fn a_split_adjusts_an_unadjusted_previous_close_and_keeps_an_adjusted_one() {
        for (ratio, old, new, price, open) in [
            ("10/1", "1208.88", "120.888", "129.35", "125.5"),
            ("3/2", "150", "100", "107", "106"),
            ("1/10", "0.5", "5", "5.35", "5.2"),
            ("5/4", "100", "80", "85.6", "86"),
        ] {
            let splits = [split(TODAY, ratio)];
            for stored in [None, Some(old)] {
                for (sent, open) in [
                    (old, Some(open)),
                    (new, Some(open)),
                    (old, None),
                    (new, None),
                ] {
                    let inputs = inputs(price, open, Some(sent), stored);
                    let expected = Some(new.to_owned());
                    assert_eq!(reference(&inputs, &splits), expected, "{inputs:?}");
                }
            }
            let absent = inputs(price, Some(open), None, Some(old));
            assert_eq!(reference(&absent, &splits), Some(new.to_owned()));
        }
    }

    #[test]
    fn the_stored_close_decides_even_if_the_price_moves_as_much_as_the_split() {
        // A 2:1 split, and the price doubles: the open alone would suggest an adjusted close.
        let splits = [split(TODAY, "2/1")];
        let raw = inputs("99", Some("98"), Some("100"), Some("100"));
        assert_eq!(reference(&raw, &splits).as_deref(), Some("50"));
        // A 2:1 split, and the price falls by half.
        let adjusted = inputs("25", Some("26"), Some("50"), Some("100"));
        assert_eq!(reference(&adjusted, &splits).as_deref(), Some("50"));
    }

    #[test]
    fn splits_of_other_days_are_ignored() {
        let splits = [split(YESTERDAY, "4/1"), split("2026-11-23", "10/1")];
        let sent = inputs("101", None, Some("100"), Some("100"));
        assert_eq!(reference(&sent, &splits).as_deref(), Some("100"));
        let absent = inputs("101", None, None, Some("100"));
        assert_eq!(reference(&absent, &splits).as_deref(), Some("100"));
    }

    #[test]
    fn an_old_stored_close_is_divided_by_every_split_since() {
        let mut absent = inputs("101", None, None, None);
        absent.stored = Some((date("2026-11-02"), decimal("3000")));
        let splits = [
            split("2026-11-02", "7/1"),
            split("2026-11-10", "3/2"),
            split(TODAY, "20/1"),
        ];
        assert_eq!(reference(&absent, &splits).as_deref(), Some("100"));
    }

    #[test]
    fn a_split_on_a_closed_day_applies_to_the_next_session() {
        let mut monday = inputs("121", None, Some("1208.88"), None);
        monday.trading_day = date("2026-11-23");
        let splits = [split("2026-11-21", "10/1")];
        assert_eq!(reference(&monday, &splits).as_deref(), Some("120.888"));
    }

    #[test]
    fn a_difference_of_a_fifth_suggests_a_split() {
        for (price, open, sent, stored, expected) in [
            ("80", None, Some("100"), None, true),
            ("80.01", None, Some("100"), None, false),
            ("120", None, Some("100"), None, true),
            ("119.99", None, Some("100"), None, false),
            ("50", None, None, Some("100"), true),
            ("101", None, Some("100"), Some("1000"), true),
            ("88", Some("80"), Some("100"), None, true),
            ("88", Some("81"), Some("100"), None, false),
            ("50", None, None, None, false),
        ] {
            let inputs = inputs(price, open, sent, stored);
            assert_eq!(inputs.suggests_split(&[]), expected, "{inputs:?}");
        }
        let known = [split(TODAY, "10/1")];
        assert!(!inputs("121", None, Some("1208.88"), Some("1208.88")).suggests_split(&known));
        let mut old = inputs("101", None, Some("100"), None);
        old.stored = Some((date("2026-11-02"), decimal("1000")));
        assert!(!old.suggests_split(&[]));
    }
}
