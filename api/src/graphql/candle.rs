//! A candle.

use async_graphql::Object;

use super::{
    row::columns,
    scalar::{DateTime, Decimal, Int64},
};
use crate::service::ToldCandle;

/// What a stock's prices did in a stretch of time.
#[derive(Clone)]
pub(crate) struct CandleObject(pub(super) ToldCandle);

/// What a stock's prices did in a stretch of the market's time. There is none for a stretch without a price.
#[Object(name = "Candle")]
impl CandleObject {
    /// When it begins; a day's is its session's open.
    fn start(&self) -> DateTime {
        DateTime(self.0.candle.start)
    }

    /// When it ends; a day's is its session's close.
    fn end(&self) -> DateTime {
        DateTime(self.0.end)
    }

    /// Its first price; a day's is the session's, where the provider gives it.
    fn open(&self) -> Decimal {
        Decimal(self.0.candle.open)
    }

    /// Its highest price; a day's is the session's, where the provider gives it.
    fn high(&self) -> Decimal {
        Decimal(self.0.candle.high)
    }

    /// Its lowest price; a day's is the session's, where the provider gives it.
    fn low(&self) -> Decimal {
        Decimal(self.0.candle.low)
    }

    /// Its last price.
    fn close(&self) -> Decimal {
        Decimal(self.0.candle.close)
    }

    /// Shares traded: a day's are the session's, otherwise by how much those grew between prices; null if unknown.
    fn volume(&self) -> Option<Int64> {
        self.0.candle.volume.map(Int64)
    }

    /// How many prices were stored in it; 0 if only the provider knows of its day.
    fn count(&self) -> i32 {
        self.0.candle.count
    }

    /// Whether it is as it will stay: a later one has a price, or its session has ended and its last price is known.
    fn r#final(&self) -> bool {
        self.0.is_final
    }
}

columns!(CandleObject {
    start,
    end,
    open,
    high,
    low,
    close,
    volume,
    count,
    r#final
});
