//! A stored price.

use chrono::NaiveDate;
use sea_orm::{ActiveValue::Set, FromQueryResult};
use serde::{Deserialize, Serialize};

use crate::{Decimal, Symbol, Timestamp};

/// One price of one stock, as recorded: what `stock_prices` and `quotes` hold, and what the feed tells.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult, Serialize, Deserialize)]
pub struct Price {
    /// The stock's row.
    pub stock_id: i64,
    /// The stock's ticker.
    pub symbol: Symbol,
    /// Its place in the feed.
    pub seq: i64,
    /// Last traded price.
    pub price: Decimal,
    /// The previous session's close, restated for splits since; `None` if nobody knows it.
    pub previous_close: Option<Decimal>,
    /// The session's first price.
    pub open: Option<Decimal>,
    /// The session's highest price so far.
    pub high: Option<Decimal>,
    /// The session's lowest price so far.
    pub low: Option<Decimal>,
    /// Shares traded in the session so far.
    pub volume: Option<i64>,
    /// The session's date.
    pub trading_day: NaiveDate,
    /// The market's clock: as sent, or the session's close if only a date was.
    pub market_time: Timestamp,
    /// Whether the provider sent `market_time`, rather than only a date.
    pub market_time_sent: bool,
    /// When it was stored, by our clock.
    pub recorded_at: Timestamp,
    /// Who gave it.
    pub provider: String,
}

impl Price {
    /// What `stock_prices` and `quotes` have in common, which is all but the symbol.
    pub const COLUMNS: &str = "stock_id, recorded_at, seq, price, previous_close, open, high, low, volume, \
        trading_day, market_time, market_time_sent, provider";

    /// By how much the price differs from the previous close.
    pub fn change(&self) -> Option<Decimal> {
        self.price.checked_sub(self.previous_close?)
    }

    /// By how many percent the price differs from the previous close, to 4 decimals. Computed from the stored numbers,
    /// which are rounded to 8 decimals; alerts compare them as they were sent.
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
