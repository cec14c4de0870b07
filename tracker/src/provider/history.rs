//! What some providers can tell beside quotes: the sessions of the past.
//!
//! One invariant: as with quotes, one request at most, and nothing that the provider did not say. The engine asks once
//! for each stock.

use async_trait::async_trait;
use chrono::NaiveDate;
use entity::{Decimal, Symbol};

use super::PollError;

/// One session, as it was traded. Prices are above 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The session's date.
    pub trading_day: NaiveDate,
    /// Its first price.
    pub open: Decimal,
    /// Its highest price.
    pub high: Decimal,
    /// Its lowest price.
    pub low: Decimal,
    /// Its last price.
    pub close: Decimal,
    /// Shares traded, if told.
    pub volume: Option<i64>,
}

/// Something that can be asked for the sessions of the past.
#[async_trait]
pub trait DailyHistory: Send + Sync {
    /// Asks once for the latest sessions of a symbol, in any order, the running one perhaps among them.
    async fn bars(&self, symbol: &Symbol) -> Result<Vec<Bar>, PollError>;
}
