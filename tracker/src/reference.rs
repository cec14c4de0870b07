//! Which close a price is compared with: the previous session's, in the shares that trade on the price's day.
//!
//! A provider sends the previous close of a split day either in old shares or already adjusted, and does not say which.
//! Ours decides: the close that we stored for the session before is in old shares, so that the previous close is in old
//! shares if it is nearer to that one than to that one divided by the split. Without a stored close, the session's open
//! decides: the previous close is in old shares if the open is nearer to it divided by the split than to it as sent.
//! "Nearer" is by ratio.

use chrono::NaiveDate;
use entity::{Decimal, Ratio, Split, table::held_price};

/// More days in a row than the market has ever been closed for since 1950.
const LONGEST_CLOSURE: usize = 10;

/// What a provider said of a price and the close before, and what is stored of earlier days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The session's date.
    pub trading_day: NaiveDate,
    /// The price.
    pub price: Close,
    /// The session's open.
    pub open: Option<Decimal>,
    /// The previous close as sent.
    pub previous_close: Option<Close>,
    /// The last stored close of an earlier day, and that day.
    pub stored: Option<(NaiveDate, Decimal)>,
}

/// A price, rounded and exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// Rounded to 8 decimals.
    pub rounded: Decimal,
    /// As sent.
    pub exact: Ratio,
}

impl Close {
    /// A price that 8 decimals hold; `None` unless it is above 0.
    pub fn of(price: Decimal) -> Option<Self> {
        let exact = Ratio::from_decimal(price)?;
        Some(Self {
            rounded: price,
            exact,
        })
    }

    /// In new shares after a split. `None` where it is rounded to 0 or leaves the range of prices.
    pub fn divided(self, split: Ratio) -> Option<Self> {
        let rounded = split
            .divide(self.rounded)
            .filter(|it| *it > Decimal::ZERO)?;
        let exact = self.exact.over(split);
        Some(Self { rounded, exact })
    }
}

impl Sample {
    /// The sample of a held price.
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

    /// The close that the price is compared with.
    pub fn reference(&self, splits: &[Split]) -> Option<Close> {
        let Some(sent) = self.previous_close else {
            let (day, close) = self.stored?;
            let close = Close::of(close)?;
            return match Split::between(splits, day, self.trading_day) {
                Some(split) => close.divided(split),
                None => Some(close),
            };
        };
        match Split::between(splits, self.session_before(), self.trading_day) {
            Some(split) if self.is_in_old_shares(sent, split) => sent.divided(split),
            _ => Some(sent),
        }
    }

    /// Whether an unknown split would explain the price: the price or the open differs by a fifth or more from the
    /// previous close, or the price from the stored close of the session before.
    pub fn suggests_split(&self, splits: &[Split]) -> bool {
        let reference = self.reference(splits);
        let day = self.session_before();
        let stored = self.stored_before().and_then(|close| {
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

    /// The session whose close is the previous close: the one that a close is stored of, or the calendar's.
    fn session_before(&self) -> NaiveDate {
        let before = trading_day_before(self.trading_day);
        let stored = self.stored.map(|(day, _)| day);
        stored
            .filter(|day| *day < self.trading_day)
            .map_or(before, |day| day.max(before))
    }

    /// The stored close, if it is of the session before.
    fn stored_before(&self) -> Option<Close> {
        let (day, close) = self.stored?;
        Close::of(close).filter(|_| day == self.session_before())
    }

    fn is_in_old_shares(&self, sent: Close, split: Ratio) -> bool {
        // x is nearer to 1 than to the split, by ratio, if x² is on 1's side of it.
        let nearer_to_one = |x: Ratio| {
            let square = x.times(x);
            if split > Ratio::ONE {
                square < split
            } else {
                square > split
            }
        };
        if let Some(stored) = self.stored_before() {
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

/// The trading day before a date.
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

    fn sample(price: &str, open: Option<&str>, sent: Option<&str>, stored: Option<&str>) -> Sample {
        Sample {
            trading_day: date(TODAY),
            price: close(price),
            open: open.map(decimal),
            previous_close: sent.map(close),
            stored: stored.map(|close| (date(YESTERDAY), decimal(close))),
        }
    }

    fn reference(sample: &Sample, splits: &[Split]) -> Option<String> {
        let reference = sample.reference(splits);
        reference.map(|close| close.rounded.to_string())
    }

    #[test]
    fn a_split_adjusts_a_previous_close_in_old_shares_and_leaves_an_adjusted_one() {
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
                    let sample = sample(price, open, Some(sent), stored);
                    let expected = Some(new.to_owned());
                    assert_eq!(reference(&sample, &splits), expected, "{sample:?}");
                }
            }
            let absent = sample(price, Some(open), None, Some(old));
            assert_eq!(reference(&absent, &splits), Some(new.to_owned()));
        }
    }

    #[test]
    fn the_stored_close_decides_even_against_a_large_move() {
        // Two for one, and the price doubles: by its open alone it would look as if nothing had happened.
        let splits = [split(TODAY, "2/1")];
        let raw = sample("99", Some("98"), Some("100"), Some("100"));
        assert_eq!(reference(&raw, &splits).as_deref(), Some("50"));
        // Two for one, and the price falls by half.
        let adjusted = sample("25", Some("26"), Some("50"), Some("100"));
        assert_eq!(reference(&adjusted, &splits).as_deref(), Some("50"));
    }

    #[test]
    fn splits_of_other_days_do_not_count() {
        let splits = [split(YESTERDAY, "4/1"), split("2026-11-23", "10/1")];
        let sent = sample("101", None, Some("100"), Some("100"));
        assert_eq!(reference(&sent, &splits).as_deref(), Some("100"));
        let absent = sample("101", None, None, Some("100"));
        assert_eq!(reference(&absent, &splits).as_deref(), Some("100"));
    }

    #[test]
    fn an_old_stored_close_is_divided_by_every_split_since() {
        let mut absent = sample("101", None, None, None);
        absent.stored = Some((date("2026-11-02"), decimal("3000")));
        let splits = [
            split("2026-11-02", "7/1"),
            split("2026-11-10", "3/2"),
            split(TODAY, "20/1"),
        ];
        assert_eq!(reference(&absent, &splits).as_deref(), Some("100"));
    }

    #[test]
    fn a_split_that_takes_effect_on_a_closed_day_counts_for_the_next_session() {
        let mut monday = sample("121", None, Some("1208.88"), None);
        monday.trading_day = date("2026-11-23");
        let splits = [split("2026-11-21", "10/1")];
        assert_eq!(reference(&monday, &splits).as_deref(), Some("120.888"));
    }

    #[test]
    fn a_fifth_suggests_a_split() {
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
            let sample = sample(price, open, sent, stored);
            assert_eq!(sample.suggests_split(&[]), expected, "{sample:?}");
        }
        let known = [split(TODAY, "10/1")];
        assert!(!sample("121", None, Some("1208.88"), Some("1208.88")).suggests_split(&known));
        let mut old = sample("101", None, Some("100"), None);
        old.stored = Some((date("2026-11-02"), decimal("1000")));
        assert!(!old.suggests_split(&[]));
    }
}
