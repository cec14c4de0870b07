//! The seam to market-data providers: symbols in, a result per symbol out.
//!
//! One invariant: a provider makes at most one request per [`QuoteProvider::poll`], never repeats one by itself and
//! logs nothing. When to ask, whom to ask instead and how long to wait is the loop's, which reads it off [`PollError`].

mod alpha_vantage;
mod field;
mod history;
mod http;
mod pace;
mod poll;
mod poll_error;
mod replay;
mod splits;

use async_trait::async_trait;
use chrono::NaiveDate;
use entity::Symbol;

pub use self::{
    alpha_vantage::{AlphaVantage, AlphaVantageError},
    history::{Bar, DailyHistory},
    pace::{Budget, DayZone, Pace},
    poll::Poll,
    poll_error::PollError,
    replay::{REPLAY, Replay, ReplayError, RowError},
    splits::ShareSplits,
};

/// Something that can be asked for quotes.
#[async_trait]
pub trait QuoteProvider: Send + Sync {
    /// Its name in settings, metrics and stored prices (`alphavantage`).
    fn name(&self) -> &'static str;

    /// How often it may be asked.
    fn pace(&self) -> Pace;

    /// Whether it knows a symbol, as far as that can be told without asking: `None` if it must be asked.
    fn knows(&self, symbol: &Symbol) -> Option<bool>;

    /// Asks once. At most [`Pace::symbols_per_request`] symbols; every one of them gets exactly one answer.
    async fn poll(&self, symbols: &[Symbol]) -> Poll;

    /// The sessions of the past, if it tells them.
    fn history(&self) -> Option<&dyn DailyHistory> {
        None
    }

    /// Share splits, if the provider reports them.
    fn splits(&self) -> Option<&dyn ShareSplits> {
        None
    }

    /// The setting that holds its key, for whoever has to mend a refused one (`ALPHA_VANTAGE_API_KEY`).
    fn key_setting(&self) -> Option<&'static str> {
        None
    }

    /// What a person should know before taking its prices for today's (`replay of historical prices, 2006-05-11`).
    fn note(&self) -> Option<String> {
        None
    }

    /// Goes on after a position that was stored with the answers of an earlier poll ([`Poll::position`]); without one,
    /// begins at the beginning. Called before the first poll, and again whenever answers were not committed after all.
    ///
    /// # Errors
    /// The position cannot be followed. The provider has then begun at its beginning, as the error tells.
    fn resume(&self, _position: Option<&str>) -> Result<(), PositionError> {
        Ok(())
    }

    /// The first trading day of the next poll, if that poll begins again at days that earlier polls may have told. What
    /// those polls left for this day and later ones has to give way.
    fn restarts_at(&self) -> Option<NaiveDate> {
        None
    }

    /// Whether it has told everything it ever will. It still answers, with [`PollError::NoQuote`].
    fn finished(&self) -> bool {
        false
    }
}

/// Why a stored position is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// Not a position that this program wrote.
    #[error("the stored position is unreadable: starting at the beginning")]
    Unreadable,
    /// A position in other data, or under another beginning.
    #[error(
        "the stored position belongs to other data or another first day: starting at the beginning, later than what was told"
    )]
    Elsewhere,
}
