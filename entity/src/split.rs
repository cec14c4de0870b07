//! A share split.

use chrono::NaiveDate;

use crate::Ratio;

/// A split of one stock: from its effective day on, `ratio` shares stand for each old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The first trading day with prices in new shares.
    pub effective_on: NaiveDate,
    /// New shares per old share: 10 for 10:1, 3/2 for 3:2, 1/10 for a reverse split.
    pub ratio: Ratio,
}

impl Split {
    /// The ratio of all `splits` that are effective after one day, up to and including another. `None` without any.
    pub fn between(splits: &[Self], after: NaiveDate, until: NaiveDate) -> Option<Ratio> {
        splits
            .iter()
            .filter(|split| split.effective_on > after && split.effective_on <= until)
            .map(|split| split.ratio)
            .reduce(Ratio::times)
    }
}
