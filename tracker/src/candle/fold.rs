//! One price into one candle.
//!
//! One invariant: what a provider says of the whole session counts for the day, and only there; of a shorter stretch
//! nobody says anything, so its prices make it, and its volume is what the session's grew by.
//!
//! Open and close go by the market's time, and among equal times by arrival. Of the session's open, high, low and volume
//! the newest word counts; prices without such a word widen the day. A high or low that contradicts the price beside it,
//! or the open, is widened to contain it: low ≤ open, close ≤ high. A growth of volume counts where it was seen: a
//! stretch without a price has no candle, so what was traded in it shows in the next one, and the volumes of candles add
//! up to the session's.

use entity::{Candle, CandleInterval, Decimal, Price};
use store::candle::CandleKey;

/// The candle of `key` with one more price; `before` is the price that the stock had before.
pub(super) fn fold(
    candle: Option<Candle>,
    key: CandleKey,
    price: &Price,
    before: Option<&Price>,
) -> Candle {
    let session = key.interval == CandleInterval::OneDay;
    let said = |value: Option<Decimal>| value.filter(|_| session);
    let (high, low) = (
        said(price.high).map(|high| high.max(price.price)),
        said(price.low).map(|low| low.min(price.price)),
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
            opened_at: said(price.open).is_none().then_some(price.market_time),
            closed_at: price.market_time,
            open: said(price.open).unwrap_or(price.price),
            high: high.unwrap_or(price.price),
            low: low.unwrap_or(price.price),
            close: price.price,
            volume,
            count: 1,
        });
    };
    let newest = price.market_time >= candle.closed_at;
    match (said(price.open), candle.opened_at) {
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
        Some(high) if newest => high,
        high => candle.high.max(high.unwrap_or(price.price)),
    };
    candle.low = match low {
        Some(low) if newest => low,
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

/// By how much the session's volume grew since the price before, if one provider said both.
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
