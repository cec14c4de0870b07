//! The interface to providers that return daily history besides quotes. Candles are backfilled from
//! it.

use async_trait::async_trait;
use chrono::NaiveDate;
use entity::{Decimal, Symbol};

use super::PollError;

/// The prices of one session, not adjusted for splits. All are greater than 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyBar {
    /// The trading day.
    pub trading_day: NaiveDate,
    /// The first price.
    pub open: Decimal,
    /// The highest price.
    pub high: Decimal,
    /// The lowest price.
    pub low: Decimal,
    /// The last price.
    pub close: Decimal,
    /// The number of traded shares, if known.
    pub volume: Option<i64>,
}

/// A provider that returns daily history.
#[async_trait]
pub trait DailyHistory: Send + Sync {
    /// Sends one request for the latest sessions of a symbol. They come in any order and may
    /// include the current one.
    async fn bars(&self, symbol: &Symbol) -> Result<Vec<DailyBar>, PollError>;
}
