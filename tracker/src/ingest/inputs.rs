//! Converts quotes to prices, and collects what their reference prices are determined from.
//!
//! A market that is always open has no official close and no official figures of a day. The
//! previous close is then the last price of the UTC day before, and the day's open, high and low
//! include every price of the day.

use chrono::NaiveDate;
use entity::{Decimal, Price, Ratio};
use market::Market;
use store::feed::FeedTransaction;

use crate::{
    quote::{PreviousClose, Quote},
    reference::{Close, ReferenceInputs},
};

/// Collects the inputs of a quote's reference price. If the figures of the day [are
/// folded](is_folded), the last price of the day before is the previous close. `None` for a price
/// of 0, which no provider sends.
pub(super) fn reference_inputs(
    quote: &Quote,
    latest: Option<&Price>,
    stored: Option<&(NaiveDate, Decimal)>,
    is_folded: bool,
) -> Option<ReferenceInputs> {
    let close = |rounded: Decimal, exact: Option<Ratio>| {
        let close = Close::of(rounded)?;
        Some(Close {
            exact: exact.unwrap_or(close.exact),
            ..close
        })
    };
    let unrounded = quote.unrounded;
    let sent_close = |sent| close(sent, unrounded.and_then(|it| it.previous_close));
    let same_day = latest.filter(|latest| latest.trading_day == quote.trading_day);
    // Known since the first price of the day, or the last price of the day before.
    let folded = || {
        let known = same_day.and_then(|latest| latest.previous_close);
        let yesterday = stored.filter(|(day, _)| Some(*day) == quote.trading_day.pred_opt());
        known
            .or(yesterday.map(|(_, price)| *price))
            .and_then(Close::of)
    };
    let (previous_close, stored) = match quote.previous_close {
        PreviousClose::None => (None, None),
        PreviousClose::Sent(sent) if is_folded => {
            // If they are equal, the sent one has all digits.
            let (folded, sent) = (folded(), sent_close(sent));
            let differs = |it: &Close| sent.is_none_or(|sent| sent.rounded != it.rounded);
            (folded.filter(differs).or(sent), None)
        }
        PreviousClose::Absent if is_folded => {
            let open = || quote.open.and_then(Close::of);
            (folded().or_else(open), None)
        }
        PreviousClose::Sent(sent) => (sent_close(sent), stored),
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

/// Whether the figures of the day are folded from its prices. A replay has those of its rows, and
/// the previous close; a simulation has neither.
pub(super) fn is_folded(quote: &Quote, replayed: bool) -> bool {
    let is_row = replayed && quote.previous_close != PreviousClose::Absent;
    !is_row && Market::of(&quote.symbol).is_always_open()
}

/// Adds the prices of the day before this one to its figures: the first price is the open unless
/// the provider sent one.
pub(super) fn fold_figures(price: &mut Price, latest: Option<&Price>) {
    let latest = latest.filter(|latest| latest.trading_day == price.trading_day);
    let (open, high, low) = latest.map_or((None, None, None), |it| (it.open, it.high, it.low));
    price.open = price.open.or(open).or(Some(price.price));
    price.high = [price.high, high, Some(price.price)]
        .into_iter()
        .flatten()
        .max();
    price.low = [price.low, low, Some(price.price)]
        .into_iter()
        .flatten()
        .min();
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
