//! The value type of a share split.

use chrono::NaiveDate;

use crate::Ratio;

/// A split of a stock: from its effective day on, each old share is `ratio` new shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The first trading day with prices in new shares.
    pub effective_on: NaiveDate,
    /// New shares per old share: 10 for 10:1, 3/2 for 3:2, 1/10 for a reverse split.
    pub ratio: Ratio,
}

impl Split {
    /// Returns the combined ratio of the `splits` that are effective after one day and up to
    /// another, inclusive. `None` without such a split.
    pub fn between(splits: &[Self], after: NaiveDate, until: NaiveDate) -> Option<Ratio> {
        splits
            .iter()
            .filter(|split| split.effective_on > after && split.effective_on <= until)
            .map(|split| split.ratio)
            .reduce(Ratio::times)
    }
}
