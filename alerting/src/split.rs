//! Adjusts prices for splits.

use chrono::NaiveDate;
use entity::{Decimal, Split};

/// Converts a price of the trading day `from` to the shares of the trading day `to`: divides it by
/// each split that is effective after `from` and up to `to`, in order, rounding half away from zero
/// to 8 decimals each time. `None` if it leaves the range of prices.
///
/// `splits` must be sorted by day.
pub fn adjust(splits: &[Split], price: Decimal, from: NaiveDate, to: NaiveDate) -> Option<Decimal> {
    let effective = splits
        .iter()
        .filter(|split| split.effective_on > from && split.effective_on <= to);
    let mut price = Some(price);
    for split in effective {
        price = price.and_then(|price| split.ratio.divide(price));
    }
    price.filter(|price| *price > Decimal::ZERO)
}
