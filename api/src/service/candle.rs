//! Candles, as they are told.
//!
//! One invariant: a range is bounded, and a candle says whether it is final by what is known when it is read.

use std::collections::HashMap;

use entity::{Candle, CandleInterval, Timestamp};
use market::{FinalityContext, Market, candle_end, is_final};
use store::candle::CandleRange;

use super::{Error, PageSize, Service};

/// How many candles are told at once.
pub(crate) const CANDLES: PageSize = PageSize {
    default: 200,
    most: 1000,
};

/// A candle with what its row does not say.
#[derive(Clone, Debug)]
pub(crate) struct ToldCandle {
    /// The row.
    pub(crate) candle: Candle,
    /// When it ends.
    pub(crate) end: Timestamp,
    /// Whether it is as it will stay.
    pub(crate) is_final: bool,
}

/// The range that a client asks for.
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
    /// The newest candles of a range, the oldest first, by stock; nothing of stocks that have none.
    pub(crate) async fn candles(
        &self,
        stocks: &[i64],
        range: CandleRange,
    ) -> Result<HashMap<i64, Vec<ToldCandle>>, Error> {
        let connection = self.store.database.read();
        let read = self
            .read(|| store::candle::newest(connection, stocks, range))
            .await?;
        let now = self.store.clock.now();
        let known = self.stocks_by_id(stocks);
        let told = read.into_iter().map(|(stock, candles)| {
            let market = known
                .get(&stock)
                .map_or(Market::Us, |it| Market::of(&it.symbol));
            let context = FinalityContext {
                market,
                newest: candles.newest,
                answered_at: candles.answered_at,
                now,
            };
            let tell = |candle: Candle| ToldCandle {
                end: candle_end(market, candle.interval, candle.start),
                is_final: is_final(&candle, context),
                candle,
            };
            (stock, candles.rows.into_iter().map(tell).collect())
        });
        Ok(told.collect())
    }
}
