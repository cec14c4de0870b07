//! The value type of a stored price.

use chrono::NaiveDate;
use sea_orm::{ActiveValue::Set, FromQueryResult};
use serde::{Deserialize, Serialize};

use crate::{Decimal, Symbol, Timestamp};

/// A price of one stock, as recorded in `stock_prices`, `quotes` and the feed.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult, Serialize, Deserialize)]
pub struct Price {
    /// The id of the stock.
    pub stock_id: i64,
    /// The ticker of the stock.
    pub symbol: Symbol,
    /// The position in the feed.
    pub seq: i64,
    /// The last traded price.
    pub price: Decimal,
    /// The close of the previous session, adjusted for later splits; `None` if unknown.
    pub previous_close: Option<Decimal>,
    /// The first price of the session.
    pub open: Option<Decimal>,
    /// The highest price of the session so far.
    pub high: Option<Decimal>,
    /// The lowest price of the session so far.
    pub low: Option<Decimal>,
    /// Number of shares traded in the session so far.
    pub volume: Option<i64>,
    /// The date of the session.
    pub trading_day: NaiveDate,
    /// The time in the market: as sent by the provider, or the close of the session if it sent a
    /// date only.
    pub market_time: Timestamp,
    /// Whether the provider sent `market_time`, not only a date.
    pub market_time_sent: bool,
    /// When the price was stored, by our clock.
    pub recorded_at: Timestamp,
    /// The name of the provider.
    pub provider: String,
}

impl Price {
    /// The common columns of `stock_prices` and `quotes`: all except the symbol.
    pub const COLUMNS: &str = "stock_id, recorded_at, seq, price, previous_close, open, high, low, volume, \
        trading_day, market_time, market_time_sent, provider";

    /// The difference from the previous close.
    pub fn change(&self) -> Option<Decimal> {
        self.price.checked_sub(self.previous_close?)
    }

    /// The difference from the previous close in percent, to 4 decimals. Computed from the stored
    /// numbers, which are rounded to 8 decimals; alerts compare them as they were sent.
    pub fn change_percent(&self) -> Option<Decimal> {
        self.price.percent_from(self.previous_close?)
    }
}

impl From<&Price> for crate::table::stock_price::ActiveModel {
    fn from(price: &Price) -> Self {
        Self {
            stock_id: Set(price.stock_id),
            recorded_at: Set(price.recorded_at),
            seq: Set(price.seq),
            price: Set(price.price),
            previous_close: Set(price.previous_close),
            open: Set(price.open),
            high: Set(price.high),
            low: Set(price.low),
            volume: Set(price.volume),
            trading_day: Set(price.trading_day),
            market_time: Set(price.market_time),
            market_time_sent: Set(price.market_time_sent),
            provider: Set(price.provider.clone()),
        }
    }
}
