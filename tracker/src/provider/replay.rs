//! Replay: recorded daily prices, told one trading day at a time.
//!
//! Each pass plays the file from its first day with all dates moved by whole weeks past the pass before, so that trading
//! days go forward and weekdays stay. When the years run out, a pass restarts at the file's own dates
//! ([`QuoteProvider::restarts_at`]). One poll is one trading day and one batch; the loop stores the position with the
//! day's prices.

mod company;
mod error;
mod file;
mod position;
mod reel;
mod row;
mod split;
mod tape;
mod warning;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::NaiveDate;
use entity::Symbol;
use runtime::config::{ProviderName, ReplaySettings};

pub use self::{error::ReplayError, row::RowError};
use self::{position::Position, reel::Reel, tape::Tape};
use crate::provider::{Pace, Poll, PollError, PositionError, QuoteProvider};

/// The name of the replay among the providers.
pub const REPLAY: &str = ProviderName::Replay.as_str();

/// A file of daily prices that is being told.
#[derive(Debug)]
pub struct Replay {
    tape: Tape,
    every: Option<Duration>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    reel: Reel,
    /// The position that is stored if all that was told is.
    stored: Option<String>,
}

impl Replay {
    /// Reads the file whole; tells nothing yet.
    ///
    /// # Errors
    /// The file cannot be read, a row of it is bad, or no day is left to tell.
    pub fn new(settings: &ReplaySettings) -> Result<Self, ReplayError> {
        let tape = if let Some(path) = &settings.file {
            file::read(path)?.tape(settings.from)?
        } else {
            let mut tape = file::bundled()?.tape(settings.from)?;
            tape.name(company::bundled);
            tape
        };
        let state = State {
            reel: Reel::new(&tape, settings.repeat),
            stored: None,
        };
        let pause = settings.speed.pause();
        Ok(Self {
            tape,
            every: (!pause.is_zero()).then_some(pause),
            state: Mutex::new(state),
        })
    }

    /// The dates of the file's first day to be told and of its last, before any pass moves them.
    pub fn days(&self) -> (NaiveDate, NaiveDate) {
        (self.tape.first(), self.tape.last())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A day is told whole or not at all, so a panic elsewhere leaves the state in order.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is said of a symbol that has no bar now.
    fn silence(&self, symbol: &Symbol) -> PollError {
        if self.tape.knows(symbol) {
            PollError::NoQuote
        } else {
            PollError::UnknownSymbol
        }
    }
}

#[async_trait]
impl QuoteProvider for Replay {
    fn name(&self) -> &'static str {
        REPLAY
    }

    fn pace(&self) -> Pace {
        Pace::Driven { every: self.every }
    }

    fn knows(&self, symbol: &Symbol) -> Option<bool> {
        Some(self.tape.knows(symbol))
    }

    /// Tells the next trading day, and moves on.
    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        let mut state = self.state();
        let now = state.reel.advance(&self.tape);
        let position = now.map(|frame| Position::of(&self.tape, frame).to_string());
        let follows = match &position {
            Some(position) => state.stored.replace(position.clone()),
            None => None,
        };
        drop(state);
        let answers = symbols
            .iter()
            .map(|symbol| {
                let quote = now.and_then(|frame| self.tape.quote(frame, symbol));
                (symbol.clone(), quote.ok_or_else(|| self.silence(symbol)))
            })
            .collect();
        Poll {
            answers,
            position,
            follows,
        }
    }

    fn note(&self) -> Option<String> {
        let state = self.state();
        let (word, frame) = match (state.reel.finished(), state.reel.told()) {
            (true, Some(told)) => ("ended ", Some(told)),
            (_, told) => ("", told),
        };
        let day = frame.map_or(self.tape.first(), |frame| self.tape.date(frame));
        Some(format!("replay of historical prices, {word}{day}"))
    }

    fn resume(&self, position: Option<&str>) -> Result<(), PositionError> {
        let mut state = self.state();
        let State { reel, stored } = &mut *state;
        *stored = position.map(str::to_owned);
        let Some(position) = position else {
            reel.rewind();
            return Ok(());
        };
        let position: Position = position.parse().inspect_err(|_| reel.restart())?;
        if let Some(frame) = position.frame(&self.tape) {
            reel.wind_to(frame, &self.tape);
            return Ok(());
        }
        reel.begin_after(position.told(), &self.tape);
        Err(PositionError::Elsewhere)
    }

    fn restarts_at(&self) -> Option<NaiveDate> {
        self.state().reel.restarts().then(|| self.tape.first())
    }

    fn finished(&self) -> bool {
        self.state().reel.finished()
    }
}
