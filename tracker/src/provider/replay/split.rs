//! Detects share splits as jumps of the ratio of the close to the adjusted close.
//!
//! A printed price stands for an interval: 2.15 for all values from 2.145 to 2.155. A jump is a
//! split if the intervals of both columns allow a ratio n:m of whole numbers up to [`LARGEST_TERM`]
//! that differs from 1 by a fifth or more. If several ratios are possible, the one with the
//! smallest terms counts. If the intervals also allow that nothing jumped, no split is detected.
//! Smaller jumps are dividends. All arithmetic is exact, on whole numbers.

use entity::Decimal;

use crate::provider::field;

/// The largest number of shares on either side of a split.
const LARGEST_TERM: i64 = 20;
/// Six significant digits. Further digits are noise of binary floating point: 65.45999908447266 is
/// 65.46.
const SIGNIFICANT: i128 = 1_000_000;
/// The number 1 in units of 1e-8.
const ONE: i128 = 100_000_000;

/// A price as it is written in the file, with the precision of its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrittenPrice {
    price: Decimal,
    /// The place value of the last written digit that is not noise, in units of 1e-8.
    step: i128,
    /// The place value of the last significant digit in the same units, which is the minimum of
    /// `step`.
    finest: i128,
}

/// A row's close and adjusted close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closes {
    pub(super) close: WrittenPrice,
    pub(super) adjusted: WrittenPrice,
}

/// The ratio of a split: `new` shares for `old` shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SplitRatio {
    /// Shares after.
    pub(super) new: i64,
    /// Shares before.
    pub(super) old: i64,
}

impl WrittenPrice {
    /// Parses a price greater than 0.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let price = field::other_price(Some(text))?;
        let units = i128::from(price.units());
        let written = ONE / 10_i128.pow(Decimal::written_digits(text));
        let mut finest = 1;
        while units / finest >= SIGNIFICANT {
            finest *= 10;
        }
        let mut step = finest.max(written);
        if finest > written {
            let rounded = round(units, finest);
            while rounded % (step * 10) == 0 {
                step *= 10;
            }
        }
        Some(Self {
            price,
            step,
            finest,
        })
    }

    /// The price.
    pub(super) fn price(self) -> Decimal {
        self.price
    }

    /// Returns the bounds of the values that this price may stand for, in units of half of 1e-8.
    /// Trailing zeros are often left out, so the precision is that of the more precise of this
    /// price and the `other` row's.
    fn bounds(self, other: Self) -> (i128, i128) {
        let step = self.finest.max(self.step.min(other.step));
        let twice = 2 * round(self.price.units().into(), step);
        ((twice - step).max(1), twice + step)
    }
}

impl SplitRatio {
    /// Returns the split between two rows of a stock.
    pub(super) fn between(before: Closes, after: Closes) -> Option<Self> {
        let jump = Jump::between(before, after)?;
        if jump.allows(1, 1) {
            return None;
        }
        ratios()
            .filter(|split| (split.new - split.old).abs() * 5 >= split.old)
            .find(|split| jump.allows(split.new, split.old))
    }

    /// Restates a price before the split in shares after it.
    pub(super) fn restate(self, price: Decimal) -> Option<Decimal> {
        price.checked_ratio(self.old, self.new)
    }
}

/// The bounds of (close / adjusted before) / (close / adjusted after), each a fraction.
struct Jump {
    least: (i128, i128),
    greatest: (i128, i128),
}

impl Jump {
    /// Returns `None` if the products exceed 128 bits, which those of real prices do not.
    fn between(before: Closes, after: Closes) -> Option<Self> {
        let close = before.close.bounds(after.close);
        let adjusted = before.adjusted.bounds(after.adjusted);
        let close_after = after.close.bounds(before.close);
        let adjusted_after = after.adjusted.bounds(before.adjusted);
        let product = |left: i128, right: i128| {
            let product = left.checked_mul(right)?;
            // Leaves room for the terms of a ratio.
            product.checked_mul(LARGEST_TERM.into()).and(Some(product))
        };
        Some(Self {
            least: (
                product(close.0, adjusted_after.0)?,
                product(adjusted.1, close_after.1)?,
            ),
            greatest: (
                product(close.1, adjusted_after.1)?,
                product(adjusted.0, close_after.0)?,
            ),
        })
    }

    /// Whether the bounds allow the ratio `new / old`.
    fn allows(&self, new: i64, old: i64) -> bool {
        let (new, old) = (i128::from(new), i128::from(old));
        old * self.least.0 <= new * self.least.1 && new * self.greatest.1 <= old * self.greatest.0
    }
}

/// Returns all ratios in lowest terms except 1:1, in ascending order of the sum of their terms.
fn ratios() -> impl Iterator<Item = SplitRatio> {
    (3..=2 * LARGEST_TERM).flat_map(|sum| {
        (1..sum).filter_map(move |old| {
            let new = sum - old;
            let lowest = new.max(old) <= LARGEST_TERM && gcd(new, old) == 1;
            lowest.then_some(SplitRatio { new, old })
        })
    })
}

/// Returns the greatest common divisor.
fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Rounds a positive number to the nearest multiple of `step`.
fn round(units: i128, step: i128) -> i128 {
    (units + step / 2) / step * step
}

#[cfg(test)]
mod tests;
