//! The interface to market-data providers: [`QuoteProvider`] returns a result per symbol.
//!
//! A provider sends at most one request per poll, does not retry and does not log. The poller
//! decides when to poll, when to retry and when to fail over, by the [`PollError`].

mod alpaca;
mod alpha_vantage;
mod client;
mod field;
mod finnhub;
mod history;
mod http;
mod json;
mod kraken;
mod pacing;
mod poll;
mod poll_error;
mod quote_numbers;
mod replay;
mod search;
mod shape;
mod simulated;
mod splits;
mod stream;
#[cfg(test)]
mod testing;
mod twelve_data;

use async_trait::async_trait;
use chrono::NaiveDate;
use entity::{Symbol, SymbolMatch};

pub use self::{
    alpaca::Alpaca,
    alpha_vantage::AlphaVantage,
    client::ClientError,
    finnhub::Finnhub,
    history::{DailyBar, DailyHistory},
    kraken::Kraken,
    pacing::{DayZone, Pacing, PollCost, RequestBudget},
    poll::{Answers, Poll},
    poll_error::PollError,
    replay::{Replay, ReplayError, RowError},
    search::{SymbolList, SymbolSearch},
    simulated::Simulated,
    splits::ShareSplits,
    stream::{
        DayFigures, Frame, Ping, StreamAddress, StreamEvent, StreamLimits, StreamPrice,
        StreamProtocol, StreamSession, TradeId, handshake_refused,
    },
    twelve_data::TwelveData,
};

/// A source of quotes.
#[async_trait]
pub trait QuoteProvider: Send + Sync {
    /// The name of the provider in settings, metrics and stored prices, such as `alphavantage`.
    fn name(&self) -> &'static str;

    /// When to poll the provider, and its rate limits.
    fn pacing(&self) -> Pacing;

    /// Whether the provider has quotes of a symbol, by its notation and the provider's list, or
    /// `None` if that takes a request.
    fn knows(&self, symbol: &Symbol) -> Option<bool>;

    /// Whether the provider has quotes of a symbol, or may have them.
    fn serves(&self, symbol: &Symbol) -> bool {
        self.knows(symbol) != Some(false)
    }

    /// Whether one request can contain both symbols, as far as [`Pacing::symbols_per_request`]
    /// allows more than one. Symbols that can share a request with the same symbol can share one
    /// with each other.
    fn shares_request(&self, _symbol: &Symbol, _other: &Symbol) -> bool {
        true
    }

    /// The symbols that are tracked when the provider is used for the first time.
    fn tracks(&self) -> Vec<Symbol> {
        Vec::new()
    }

    /// Sends one request for at most [`Pacing::symbols_per_request`] symbols, which may change over
    /// time. Returns one answer for each of them; a self-paced provider may return none or several.
    async fn poll(&self, symbols: &[Symbol]) -> Poll;

    /// The daily history, if the provider has one.
    fn history(&self) -> Option<&dyn DailyHistory> {
        None
    }

    /// Share splits, if the provider reports them.
    fn splits(&self) -> Option<&dyn ShareSplits> {
        None
    }

    /// The search for symbols, if the provider has one that takes a request.
    fn search(&self) -> Option<&dyn SymbolSearch> {
        None
    }

    /// The list of all symbols, if the provider sends one.
    fn list(&self) -> Option<&dyn SymbolList> {
        None
    }

    /// The protocol of the stream, if the provider has one.
    fn stream(&self) -> Option<&dyn StreamProtocol> {
        None
    }

    /// What the provider allows with its free plan, for operators.
    fn terms(&self) -> Option<&'static str> {
        None
    }

    /// The setting of the API key, named in the error about a rejected key, such as
    /// `ALPHA_VANTAGE_API_KEY`.
    fn key_setting(&self) -> Option<&'static str> {
        None
    }

    /// A note for clients if the prices are not live, such as `replay of historical prices,
    /// 2006-05-11`, or if the provider cannot work as configured.
    fn note(&self) -> Option<String> {
        None
    }

    /// Continues after a stored position of an earlier poll ([`Poll::position`]), or at the start
    /// without one. Called before the first poll, and again after the answers of a poll were not
    /// committed.
    ///
    /// # Errors
    /// The position cannot be followed. The provider then starts at the beginning.
    fn resume(&self, _position: Option<&str>) -> Result<(), PositionError> {
        Ok(())
    }

    /// The first trading day of the next poll, if that poll goes back to days that earlier polls
    /// may have covered. The stored candles of this day and later ones must then be deleted.
    fn restarts_at(&self) -> Option<NaiveDate> {
        None
    }

    /// Whether the provider has no more quotes. Further polls return [`PollError::NoQuote`].
    fn is_finished(&self) -> bool {
        false
    }
}

/// Why a provider cannot continue at a stored position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// The text is not a position of this program.
    #[error("the stored position is invalid; the prices start at the beginning")]
    Invalid,
    /// The position belongs to other data or another first day.
    #[error(
        "the stored position belongs to other data, settings or another first day; the prices start at the beginning, with later dates"
    )]
    OtherData,
}
