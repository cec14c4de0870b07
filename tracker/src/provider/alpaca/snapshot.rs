//! Parses the response to `/v2/stocks/snapshots`: an object with a snapshot per symbol.
//!
//! ```json
//! {"AAPL":{"latestTrade":{"t":"2021-05-03T14:48:06.563Z","p":133.4201,"c":["@"]},
//!     "dailyBar":{"t":"2021-05-03T04:00:00Z","o":132.04,"h":134.07,"l":131.83,"c":133.42,
//!     "v":25846800},
//!     "prevDailyBar":{"t":"2021-04-30T04:00:00Z","c":131.46}}}
//! ```

use std::{borrow::Cow, collections::HashMap};

use chrono::NaiveDate;
use entity::{Symbol, Timestamp};
use market::trading_day;
use serde::Deserialize;

use super::condition;
use crate::{
    provider::{
        PollError, field,
        json::{self, Value},
        quote_numbers::QuoteNumbers,
        shape,
    },
    quote::Quote,
};

#[derive(Deserialize)]
struct Snapshot<'a> {
    #[serde(borrow, rename = "latestTrade")]
    latest_trade: Option<Trade<'a>>,
    #[serde(borrow, rename = "dailyBar")]
    daily_bar: Option<Bar<'a>>,
    #[serde(borrow, rename = "prevDailyBar")]
    previous_bar: Option<Bar<'a>>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow, rename = "t")]
    time: Value<'a>,
    #[serde(borrow, rename = "p")]
    price: Value<'a>,
    #[serde(borrow, rename = "c")]
    conditions: Value<'a>,
}

/// A bar of a trading day.
#[derive(Deserialize)]
pub(super) struct Bar<'a> {
    #[serde(borrow, rename = "t")]
    time: Value<'a>,
    #[serde(borrow, rename = "o")]
    pub(super) open: Value<'a>,
    #[serde(borrow, rename = "h")]
    pub(super) high: Value<'a>,
    #[serde(borrow, rename = "l")]
    pub(super) low: Value<'a>,
    #[serde(borrow, rename = "c")]
    close: Value<'a>,
    #[serde(borrow, rename = "v")]
    pub(super) volume: Value<'a>,
}

impl Bar<'_> {
    pub(super) fn day(&self) -> Option<NaiveDate> {
        field::rfc3339(json::text(self.time).as_deref()).map(trading_day)
    }
}

/// The snapshots of a response, by the names of the symbols.
#[derive(Debug)]
pub(super) struct Snapshots<'a>(HashMap<Cow<'a, str>, Value<'a>>);

impl<'a> Snapshots<'a> {
    /// Parses a response.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, PollError> {
        json::response(body).map(Self)
    }

    /// Returns the quote of a symbol. A trade that does not move the last price is replaced by the
    /// close of the day's bar, without a time.
    ///
    /// # Errors
    /// The symbol is missing or `null`, which means that it is unknown, or has no valid price.
    pub(super) fn quote(&self, symbol: &Symbol) -> Result<Quote, PollError> {
        let raw = self
            .0
            .get(shape::dotted(symbol).as_str())
            .copied()
            .flatten();
        let raw = raw.ok_or(PollError::UnknownSymbol)?;
        let snapshot = serde_json::from_str(raw.get())
            .map_err(|_| PollError::malformed("a snapshot is not an object of bars"))?;
        quote(symbol, &snapshot)
    }
}

fn quote(symbol: &Symbol, snapshot: &Snapshot<'_>) -> Result<Quote, PollError> {
    let daily = snapshot.daily_bar.as_ref();
    let trade = snapshot
        .latest_trade
        .as_ref()
        .filter(|trade| trade.moves_last());
    let traded_at = trade.and_then(Trade::at);
    let (price, day) = match (trade, daily) {
        (Some(trade), _) => {
            let at = traded_at.ok_or_else(|| PollError::no_price("the time is invalid"))?;
            (json::text(trade.price), trading_day(at))
        }
        (None, Some(daily)) => {
            let day = daily.day();
            let day = day.ok_or_else(|| PollError::no_price("the trading day is invalid"))?;
            (json::text(daily.close), day)
        }
        (None, None) => return Err(PollError::NoQuote),
    };
    let daily = daily.filter(|bar| bar.day() == Some(day));
    // Before the first trade of a session, the day's bar is still that of the session before.
    let bars = [snapshot.daily_bar.as_ref(), snapshot.previous_bar.as_ref()];
    let previous = bars.into_iter().flatten();
    let previous = previous.filter(|bar| bar.day().is_some_and(|bar| bar < day));
    let previous = previous.max_by_key(|bar| bar.day());
    let numbers = QuoteNumbers {
        price,
        previous_close: previous.and_then(|bar| json::text(bar.close)),
        open: daily.and_then(|bar| json::text(bar.open)),
        high: daily.and_then(|bar| json::text(bar.high)),
        low: daily.and_then(|bar| json::text(bar.low)),
        volume: daily.and_then(|bar| json::text(bar.volume)),
    };
    Ok(Quote {
        market_time: traded_at,
        ..numbers.quote(symbol, day)?
    })
}

impl Trade<'_> {
    fn at(&self) -> Option<Timestamp> {
        field::rfc3339(json::text(self.time).as_deref())
    }

    fn moves_last(&self) -> bool {
        condition::moves_last(&conditions(self.conditions))
    }
}

/// Parses the conditions of a trade.
pub(super) fn conditions(value: Value<'_>) -> Vec<Cow<'_, str>> {
    let codes = value.and_then(json::list).unwrap_or_default();
    let codes = codes.into_iter();
    codes.filter_map(|code| json::text(Some(code))).collect()
}
