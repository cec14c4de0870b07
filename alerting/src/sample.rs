//! A price as the evaluator sees it.

use chrono::NaiveDate;
use entity::{Decimal, Price, Timestamp};

use crate::AverageVolume;

/// A stored price of one stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The stock.
    pub stock: i64,
    /// The position in the feed. Increases from sample to sample.
    pub seq: i64,
    /// When the price was stored.
    pub recorded_at: Timestamp,
    /// The time in the market.
    pub market_time: Timestamp,
    /// The date of the session.
    pub trading_day: NaiveDate,
    /// When the session opened.
    pub session_open: Timestamp,
    /// The price.
    pub price: Decimal,
    /// The close of the previous session.
    pub previous_close: Option<Decimal>,
    /// The first price of the session.
    pub open: Option<Decimal>,
    /// The highest price of the session so far.
    pub high: Option<Decimal>,
    /// The lowest price of the session so far.
    pub low: Option<Decimal>,
    /// The number of shares traded in the session so far.
    pub volume: Option<i64>,
    /// The volume of the sessions before, if it was read.
    pub average_volume: Option<AverageVolume>,
}

impl Sample {
    /// Creates the sample of a stored price, without the average volume.
    pub fn new(price: &Price, session_open: Timestamp) -> Self {
        Self {
            stock: price.stock_id,
            seq: price.seq,
            recorded_at: price.recorded_at,
            market_time: price.market_time,
            trading_day: price.trading_day,
            session_open,
            price: price.price,
            previous_close: price.previous_close,
            open: price.open,
            high: price.high,
            low: price.low,
            volume: price.volume,
            average_volume: None,
        }
    }
}
