//! Converts quotes to prices, and collects what their reference prices are determined from.

use chrono::NaiveDate;
use entity::{Decimal, Price, Ratio};
use market::Market;
use store::feed::FeedTransaction;

use crate::{
    quote::{PreviousClose, Quote},
    reference::{Close, ReferenceInputs},
};

/// Collects the inputs of a quote's reference price. `None` for a price of 0, which no provider
/// sends.
pub(super) fn reference_inputs(
    quote: &Quote,
    latest: Option<&Price>,
    stored: Option<&(NaiveDate, Decimal)>,
) -> Option<ReferenceInputs> {
    let close = |rounded: Decimal, exact: Option<Ratio>| {
        let close = Close::of(rounded)?;
        Some(Close {
            exact: exact.unwrap_or(close.exact),
            ..close
        })
    };
    let unrounded = quote.unrounded;
    let same_day = latest.filter(|latest| latest.trading_day == quote.trading_day);
    let (previous_close, stored) = match quote.previous_close {
        PreviousClose::Sent(sent) => (
            close(sent, unrounded.and_then(|it| it.previous_close)),
            stored,
        ),
        PreviousClose::None => (None, None),
        // The first quote of a day determines the previous close of the whole day.
        PreviousClose::Absent => match same_day {
            Some(latest) => match latest.previous_close {
                Some(known) => (Close::of(known), stored),
                None => (None, None),
            },
            None => (None, stored),
        },
    };
    Some(ReferenceInputs {
        trading_day: quote.trading_day,
        price: close(quote.price, unrounded.map(|it| it.price))?,
        open: quote.open,
        previous_close,
        stored: stored.copied(),
    })
}

/// Converts a quote to a price that has no position in the feed yet.
pub(super) fn price_of(
    quote: &Quote,
    stock_id: i64,
    reference: Option<Close>,
    provider: &str,
    feed: &FeedTransaction,
) -> Price {
    let recorded_at = feed.recorded_at();
    let market_time = || Market::of(&quote.symbol).market_time(quote.trading_day, recorded_at);
    Price {
        stock_id,
        symbol: quote.symbol.clone(),
        seq: 0,
        price: quote.price,
        previous_close: reference.map(|close| close.rounded),
        open: quote.open,
        high: quote.high,
        low: quote.low,
        volume: quote.volume,
        trading_day: quote.trading_day,
        market_time: quote.market_time.unwrap_or_else(market_time),
        market_time_sent: quote.market_time.is_some(),
        recorded_at,
        provider: provider.to_owned(),
    }
}
