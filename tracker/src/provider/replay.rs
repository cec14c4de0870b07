//! The replay provider: plays recorded daily prices, one trading day per poll.
//!
//! Each pass plays the file from its first day. All dates are shifted by whole weeks past the
//! previous pass, so trading days keep rising and weekdays stay. When the years run out, a pass
//! restarts at the dates of the file ([`QuoteProvider::restarts_at`]). The replay loop stores the
//! position in the transaction that stores the day's prices.

mod company;
mod cursor;
mod dataset;
mod error;
mod file;
mod row;
mod split;
mod warning;

use std::{borrow::Cow, time::Duration};

use async_trait::async_trait;
use chrono::NaiveDate;
use entity::{Symbol, SymbolMatch};
use parking_lot::{Mutex, MutexGuard};
use runtime::config::{ProviderName, ReplaySettings};

use self::{
    cursor::{ReplayCursor, ReplayPosition},
    dataset::Dataset,
};
pub use self::{error::ReplayError, row::RowError};
use crate::provider::{
    Pacing, Poll, PollError, PositionError, QuoteProvider, SymbolList, search::matching,
};

/// Replays a file of daily prices.
#[derive(Debug)]
pub struct Replay {
    dataset: Dataset,
    every: Option<Duration>,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    cursor: ReplayCursor,
    /// The position in the database once all replayed days are stored.
    stored: Option<String>,
}

impl Replay {
    /// Reads the whole file. The first poll replays its first day.
    ///
    /// # Errors
    /// The file cannot be read, a row is invalid, or no day is left to replay.
    pub fn new(settings: &ReplaySettings) -> Result<Self, ReplayError> {
        let dataset = if let Some(path) = &settings.file {
            file::read(path)?.dataset(settings.from)?
        } else {
            let mut dataset = file::bundled()?.dataset(settings.from)?;
            dataset.set_companies(company::bundled);
            dataset
        };
        let progress = Progress {
            cursor: ReplayCursor::new(&dataset, settings.repeat),
            stored: None,
        };
        let pause = settings.speed.pause();
        Ok(Self {
            dataset,
            every: (!pause.is_zero()).then_some(pause),
            progress: Mutex::new(progress),
        })
    }

    /// The dates of the first and the last replayed day in the file, before any shift.
    pub fn days(&self) -> (NaiveDate, NaiveDate) {
        (self.dataset.first(), self.dataset.last())
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // The cursor moves by whole days, so the state is valid even if a holder of the lock
        // panicked.
        self.progress.lock()
    }

    /// The error for a symbol that has no bar on the current day.
    fn missing_bar(&self, symbol: &Symbol) -> PollError {
        if self.dataset.knows(symbol) {
            PollError::NoQuote
        } else {
            PollError::UnknownSymbol
        }
    }
}

#[async_trait]
impl QuoteProvider for Replay {
    fn name(&self) -> &'static str {
        ProviderName::Replay.as_str()
    }

    fn pacing(&self) -> Pacing {
        Pacing::SelfPaced {
            every: self.every,
            interval: self.every.unwrap_or_default(),
        }
    }

    fn knows(&self, symbol: &Symbol) -> Option<bool> {
        Some(self.dataset.knows(symbol))
    }

    /// Replays the next trading day.
    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        let mut progress = self.progress();
        let day = progress.cursor.advance(&self.dataset);
        let position = day.map(|day| ReplayPosition::after(day, &self.dataset).to_string());
        let follows = match &position {
            Some(position) => progress.stored.replace(position.clone()),
            None => None,
        };
        drop(progress);
        let answers = symbols
            .iter()
            .map(|symbol| {
                let quote = day.and_then(|day| self.dataset.quote(day, symbol));
                let answer = quote.ok_or_else(|| self.missing_bar(symbol));
                (symbol.clone(), answer)
            })
            .collect();
        Poll {
            answers,
            position,
            follows,
        }
    }

    fn list(&self) -> Option<&dyn SymbolList> {
        Some(self)
    }

    fn note(&self) -> Option<String> {
        let progress = self.progress();
        let last_played = progress.cursor.last_played();
        let has_ended = progress.cursor.is_finished() && last_played.is_some();
        let ended = if has_ended { "ended " } else { "" };
        let date = last_played.map_or(self.dataset.first(), |day| self.dataset.date(day));
        Some(format!("replay of historical prices, {ended}{date}"))
    }

    fn resume(&self, position: Option<&str>) -> Result<(), PositionError> {
        let mut progress = self.progress();
        let Progress { cursor, stored } = &mut *progress;
        *stored = position.map(str::to_owned);
        let Some(position) = position else {
            cursor.rewind();
            return Ok(());
        };
        let position: ReplayPosition = position.parse().inspect_err(|_| cursor.restart())?;
        if let Some(day) = position.day(&self.dataset) {
            cursor.seek(day, &self.dataset);
            return Ok(());
        }
        cursor.start_after(position.trading_day(), &self.dataset);
        Err(PositionError::OtherData)
    }

    fn restarts_at(&self) -> Option<NaiveDate> {
        let restarts = self.progress().cursor.restarts();
        restarts.then(|| self.dataset.first())
    }

    fn is_finished(&self) -> bool {
        self.progress().cursor.is_finished()
    }
}

impl SymbolList for Replay {
    fn find(&self, text: &str) -> Vec<SymbolMatch> {
        matching(self.dataset.symbols().map(Cow::Owned), text)
    }
}
