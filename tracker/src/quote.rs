//! A quote of a provider, before it is stored.
//!
//! The price of a [`Quote`] is above 0 and the one that the provider sent, to 8 decimals. Fields
//! that the provider did not send, or that are invalid, are absent.

use chrono::NaiveDate;
use entity::{Decimal, Ratio, Symbol, Timestamp};

/// A quote of one symbol, not yet compared with the stored prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The ticker that was requested.
    pub symbol: Symbol,
    /// The last traded price, above 0.
    pub price: Decimal,
    /// The close of the previous session.
    pub previous_close: PreviousClose,
    /// The first price of the session, above 0.
    pub open: Option<Decimal>,
    /// The highest price of the session so far, above 0.
    pub high: Option<Decimal>,
    /// The lowest price of the session so far, above 0.
    pub low: Option<Decimal>,
    /// The shares traded in the session so far, 0 or more.
    pub volume: Option<i64>,
    /// The date of the session; for United States markets, the date in New York.
    pub trading_day: NaiveDate,
    /// The time of the trade, if the provider sent more than a date. Otherwise it is derived by
    /// [`Market::market_time`](market::Market::market_time).
    pub market_time: Option<Timestamp>,
    /// The name of the company, if sent.
    pub name: Option<String>,
    /// The ISO 4217 code of the currency, if sent.
    pub currency: Option<String>,
    /// The exchange, if sent.
    pub exchange: Option<String>,
    /// The exact numbers, if they have more than 8 decimals.
    pub unrounded: Option<Unrounded>,
    /// The split on the trading day, in new shares per old share, if the provider reports splits
    /// with its quotes. The previous close is already adjusted for it.
    pub split: Option<Ratio>,
}

impl Quote {
    /// Creates a quote with a price only.
    pub fn new(symbol: Symbol, price: Decimal, trading_day: NaiveDate) -> Self {
        Self {
            symbol,
            price,
            previous_close: PreviousClose::Absent,
            open: None,
            high: None,
            low: None,
            volume: None,
            trading_day,
            market_time: None,
            name: None,
            currency: None,
            exchange: None,
            unrounded: None,
            split: None,
        }
    }
}

/// The exact numbers from which percentages are computed, before they are rounded to 8 decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unrounded {
    /// The price.
    pub price: Ratio,
    /// The close of the previous session, if sent.
    pub previous_close: Option<Ratio>,
}

/// The close of the session before that of a quote. On the day of a split, providers send it in old
/// or in new shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreviousClose {
    /// The close that the provider sent, above 0.
    Sent(Decimal),
    /// Not sent, or invalid. The last stored close of an earlier day is used.
    Absent,
    /// The quote has no previous close, because the provider sent 0 or a replay begins. It has no
    /// change and fires no alert.
    None,
}
