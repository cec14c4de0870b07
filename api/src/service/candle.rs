//! Reads candles, with the end and the finality of each.

use std::collections::HashMap;

use entity::{Candle, CandleInterval, Timestamp};
use market::{FinalityContext, Market, candle_end, is_final};
use store::candle::CandleRange;

use super::{Error, PageSize, Service};

/// The page size of candles.
pub(crate) const CANDLES: PageSize = PageSize {
    default: 200,
    most: 1000,
};

/// A candle, with values that are not stored.
#[derive(Clone, Debug)]
pub(crate) struct CandleDetails {
    /// The stored candle.
    pub(crate) candle: Candle,
    /// When it ends.
    pub(crate) end: Timestamp,
    /// Whether the candle will not change any more.
    pub(crate) is_final: bool,
}

/// Validates the arguments of a range of candles.
pub(crate) fn candle_range(
    interval: CandleInterval,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    first: Option<i32>,
) -> Result<CandleRange, Error> {
    super::ordered(from, to)?;
    let limit = match first {
        None => CANDLES.default,
        Some(first) => CANDLES.bounded("first", first)?,
    };
    Ok(CandleRange {
        interval,
        from,
        to,
        limit,
    })
}

impl Service {
    /// Returns the newest candles of the range, oldest first, by stock. Stocks without candles are
    /// omitted.
    pub(crate) async fn candles(
        &self,
        stocks: &[i64],
        range: CandleRange,
    ) -> Result<HashMap<i64, Vec<CandleDetails>>, Error> {
        let connection = self.store.database.read();
        let read = self
            .read(|| store::candle::newest(connection, stocks, range))
            .await?;
        let now = self.store.clock.now();
        let known = self.stocks_by_id(stocks);
        let details = read.into_iter().map(|(stock, candles)| {
            let market = known
                .get(&stock)
                .map_or(Market::Us, |it| Market::of(&it.symbol));
            let context = FinalityContext {
                market,
                newest: candles.newest,
                answered_at: candles.answered_at,
                now,
            };
            let describe = |candle: Candle| CandleDetails {
                end: candle_end(market, candle.interval, candle.start),
                is_final: is_final(&candle, context),
                candle,
            };
            (stock, candles.rows.into_iter().map(describe).collect())
        });
        Ok(details.collect())
    }
}
