//! Candles, as they are told.
//!
//! One invariant: a range is bounded, and a candle says whether it is final by what is known when it is read.

use std::collections::HashMap;

use entity::{Candle, CandleInterval, Timestamp};
use store::candle::CandleRange;
use tracker::{
    candle::{Around, end, is_final},
    market::Market,
};

use super::{Error, PageSize, Service};

/// How many candles are told at once.
pub(crate) const CANDLES: PageSize = PageSize {
    default: 200,
    most: 1000,
};

/// A candle with what its row does not say.
#[derive(Clone, Debug)]
pub(crate) struct CandleDetails {
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
    ) -> Result<HashMap<i64, Vec<CandleDetails>>, Error> {
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
            let around = Around {
                market,
                newest: candles.newest,
                answered_at: candles.answered_at,
                now,
            };
            let tell = |candle: Candle| CandleDetails {
                end: end(market, candle.interval, candle.start),
                is_final: is_final(&candle, around),
                candle,
            };
            (stock, candles.rows.into_iter().map(tell).collect())
        });
        Ok(told.collect())
    }
}
