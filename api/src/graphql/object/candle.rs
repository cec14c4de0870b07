//! The GraphQL type `Candle`: open, high, low and close of an interval.

use async_graphql::Object;

use crate::graphql::{
    output::columns,
    scalar::{DateTime, Decimal, Int64},
};
use crate::service::CandleDetails;

/// The GraphQL type `Candle`.
#[derive(Clone)]
pub(crate) struct CandleObject(pub(in crate::graphql) CandleDetails);

/// The open, high, low and close of a stock's prices within an interval of market time. An interval
/// without a price has no candle.
#[Object(name = "Candle")]
impl CandleObject {
    /// The start of the interval, inclusive. For `ONE_DAY`, the open of the session.
    fn start(&self) -> DateTime {
        DateTime(self.0.candle.start)
    }

    /// The end of the interval, exclusive. For `ONE_DAY`, the close of the session.
    fn end(&self) -> DateTime {
        DateTime(self.0.end)
    }

    /// The first price of the interval. For `ONE_DAY`, the opening price of the session if the
    /// provider sends it.
    fn open(&self) -> Decimal {
        Decimal(self.0.candle.open)
    }

    /// The highest price of the interval. For `ONE_DAY`, the session's high if the provider sends
    /// it.
    fn high(&self) -> Decimal {
        Decimal(self.0.candle.high)
    }

    /// The lowest price of the interval. For `ONE_DAY`, the session's low if the provider sends it.
    fn low(&self) -> Decimal {
        Decimal(self.0.candle.low)
    }

    /// The last price of the interval.
    fn close(&self) -> Decimal {
        Decimal(self.0.candle.close)
    }

    /// The number of shares traded, if known. For `ONE_DAY`, the session's volume; otherwise the
    /// increase of the session's volume between prices.
    fn volume(&self) -> Option<Int64> {
        self.0.candle.volume.map(Int64)
    }

    /// The number of recorded prices in the interval. 0 if the candle comes from the provider's
    /// daily history.
    fn count(&self) -> i32 {
        self.0.candle.count
    }

    /// Whether the candle is complete: a later interval has a price, or the session has ended and
    /// its last price is known.
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
