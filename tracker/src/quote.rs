//! What a provider says of one symbol at one time.
//!
//! One invariant: a [`Quote`] has a price above 0 that the provider really sent, exact to 8 decimals; whatever else it
//! sent and could not be read is absent, never guessed. Providers make quotes, ingest stores them.

use chrono::NaiveDate;
use entity::{Decimal, Ratio, Symbol, Timestamp};

/// One answer about one symbol, not yet compared with what is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The ticker, as asked for.
    pub symbol: Symbol,
    /// Last traded price, above 0.
    pub price: Decimal,
    /// The close of the session before.
    pub previous_close: PreviousClose,
    /// The session's first price, above 0.
    pub open: Option<Decimal>,
    /// The session's highest price so far, above 0.
    pub high: Option<Decimal>,
    /// The session's lowest price so far, above 0.
    pub low: Option<Decimal>,
    /// Shares traded in the session so far, 0 or more.
    pub volume: Option<i64>,
    /// The session's date, New York's for United States markets.
    pub trading_day: NaiveDate,
    /// The market's clock as sent; `None` when only a date was, and then
    /// [`Market::market_time`](market::Market::market_time) gives it.
    pub market_time: Option<Timestamp>,
    /// The company's name, if this answer tells it.
    pub name: Option<String>,
    /// ISO 4217 code of the price's currency, if this answer tells it.
    pub currency: Option<String>,
    /// Where it trades, if this answer tells it.
    pub exchange: Option<String>,
    /// The numbers as sent, if 8 decimals do not hold them.
    pub unrounded: Option<Unrounded>,
    /// A split that is effective on the trading day and that the previous close is already adjusted for, if the
    /// provider reports splits with its quotes. It is new shares per old share.
    pub split: Option<Ratio>,
}

/// The numbers of a quote that percentages are computed from, before they are rounded to 8 decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unrounded {
    /// The price.
    pub price: Ratio,
    /// The close of the session before, if it was sent.
    pub previous_close: Option<Ratio>,
}

/// The close of the session before a quote's. On the day of a split, providers send it in old or in new shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreviousClose {
    /// As the provider says; above 0.
    Sent(Decimal),
    /// It said nothing readable: the last stored close of an earlier day serves.
    Absent,
    /// There is none (it said 0, or a replay begins here): no change and no alert.
    None,
}
