//! Adds one price to one candle.
//!
//! The open, high, low and volume of a session as sent by the provider apply to the daily candle
//! only. A shorter candle is built from its prices, and its volume is the growth of the session's
//! volume.
//!
//! Open and close are ordered by market time, then by arrival. Of the session's open, high, low and
//! volume the newest value counts. Prices without an open widen the daily candle: their high and
//! low are absent, or of a part of the session, such as since the start of a stream. A high or low
//! that does not contain the price or the open is widened: low ≤ open, close ≤ high. Growth of
//! volume counts in the candle of the price that shows it. An interval without a price has no
//! candle, so its volume is part of the next candle, and volumes add up to that of the session.

use entity::{Candle, CandleInterval, Decimal, Price};
use store::candle::CandleKey;

/// Returns the candle of `key` with `price` added. `before` is the previous price of the stock.
pub(super) fn fold(
    candle: Option<Candle>,
    key: CandleKey,
    price: &Price,
    before: Option<&Price>,
) -> Candle {
    let session = key.interval == CandleInterval::OneDay;
    let of_session = |value: Option<Decimal>| value.filter(|_| session);
    let (high, low) = (
        of_session(price.high).map(|high| high.max(price.price)),
        of_session(price.low).map(|low| low.min(price.price)),
    );
    let volume = if session {
        price.volume
    } else {
        growth(price, before)
    };
    let Some(mut candle) = candle else {
        return containing_open(Candle {
            stock_id: key.stock_id,
            interval: key.interval,
            start: key.start,
            opened_at: of_session(price.open)
                .is_none()
                .then_some(price.market_time),
            closed_at: price.market_time,
            open: of_session(price.open).unwrap_or(price.price),
            high: high.unwrap_or(price.price),
            low: low.unwrap_or(price.price),
            close: price.price,
            volume,
            count: 1,
        });
    };
    let newest = price.market_time >= candle.closed_at;
    let replaces = newest && price.open.is_some();
    match (of_session(price.open), candle.opened_at) {
        (Some(open), known) if newest || known.is_some() => {
            candle.open = open;
            candle.opened_at = None;
        }
        (None, Some(at)) if price.market_time < at => {
            candle.open = price.price;
            candle.opened_at = Some(price.market_time);
        }
        _ => {}
    }
    candle.high = match high {
        Some(high) if replaces => high,
        high => candle.high.max(high.unwrap_or(price.price)),
    };
    candle.low = match low {
        Some(low) if replaces => low,
        low => candle.low.min(low.unwrap_or(price.price)),
    };
    candle.volume = match (session, newest) {
        (true, true) => volume.or(candle.volume),
        (true, false) => candle.volume.or(volume),
        (false, _) => sum(candle.volume, volume),
    };
    if newest {
        candle.close = price.price;
        candle.closed_at = price.market_time;
    }
    candle.count = candle.count.saturating_add(1);
    containing_open(candle)
}

/// Widens a candle to contain its open.
fn containing_open(mut candle: Candle) -> Candle {
    candle.high = candle.high.max(candle.open);
    candle.low = candle.low.min(candle.open);
    candle
}

/// Returns the growth of the session's volume since the previous price, if both are of one
/// provider.
fn growth(price: &Price, before: Option<&Price>) -> Option<i64> {
    let before =
        before.filter(|it| it.trading_day == price.trading_day && it.provider == price.provider)?;
    let growth = price.volume?.checked_sub(before.volume?)?;
    (growth >= 0).then_some(growth)
}

fn sum(known: Option<i64>, more: Option<i64>) -> Option<i64> {
    match (known, more) {
        (Some(known), Some(more)) => Some(known.saturating_add(more)),
        (known, more) => known.or(more),
    }
}
