//! The interface to providers that return share splits besides quotes.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::NaiveDate;
use entity::{Ratio, Split, Symbol};

use super::PollError;

/// A provider that returns share splits.
#[async_trait]
pub trait ShareSplits: Send + Sync {
    /// Sends one request for the past and announced splits of a symbol. They come in any order, at
    /// most one per day.
    async fn splits(&self, symbol: &Symbol) -> Result<Vec<Split>, PollError>;
}

/// Returns the splits of a response in order of their days. Of two on a day, the later one counts.
/// Ratios of 1 are left out.
pub(super) fn in_order(splits: impl Iterator<Item = (NaiveDate, Ratio)>) -> Vec<Split> {
    let splits: BTreeMap<NaiveDate, Ratio> = splits.collect();
    let splits = splits.into_iter().map(|(effective_on, ratio)| Split {
        effective_on,
        ratio,
    });
    splits.filter(|split| split.ratio != Ratio::ONE).collect()
}
