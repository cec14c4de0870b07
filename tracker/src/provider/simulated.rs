//! The simulated provider: random prices of many symbols at a fixed rate, to show and to measure
//! load.
//!
//! Prices are numbered from 0, and go through the symbols in turn. The n-th price is a function of
//! the seed and n, and n is stored in the transaction that stores its batch, so a restart continues
//! with the next one. The symbols are of a market that is always open, so that prices come at any
//! hour of any day.

mod walk;

use std::{borrow::Cow, collections::HashSet, time::Duration};

use async_trait::async_trait;
use entity::{Symbol, SymbolMatch, Timestamp};
use market::Market;
use parking_lot::Mutex;
use runtime::{
    clock::SharedClock,
    config::{ProviderName, SimulatedSettings},
};

use self::walk::Walk;
use super::{Pacing, Poll, PositionError, QuoteProvider, SymbolList, search::matching};
use crate::quote::Quote;

/// The time between two batches, unless the rate is lower.
const BATCH_INTERVAL: Duration = Duration::from_millis(100);
/// Maximum number of prices in a batch.
const MAX_BATCH: u64 = 10_000;
/// Prices that are later than this are never sent, such as those of a suspended machine.
const MAX_LAG: Duration = Duration::from_secs(10);
const MICROS: u128 = 1_000_000;

/// A provider of random prices.
pub struct Simulated {
    symbols: Vec<SymbolMatch>,
    /// Prices per second.
    rate: u32,
    seed: u64,
    clock: SharedClock,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    /// The number of the next price.
    next: u64,
    /// A price and its time, from which the times of later ones are counted.
    anchor: Option<(u64, Timestamp)>,
    /// The position in the database once all batches are stored.
    stored: Option<String>,
}

impl Simulated {
    /// Creates the provider. The first poll returns the first price.
    pub fn new(settings: &SimulatedSettings, clock: SharedClock) -> Self {
        let symbols = settings.symbols().map(|symbol| SymbolMatch {
            name: Some(format!("Simulated {}", &symbol.as_str()[3..])),
            symbol,
            kind: Some("Simulation".to_owned()),
            exchange: Some("Simulation".to_owned()),
            currency: Some("USD".to_owned()),
        });
        Self {
            symbols: symbols.collect(),
            rate: settings.rate.get(),
            seed: settings.seed,
            clock,
            progress: Mutex::default(),
        }
    }

    /// Returns the n-th price.
    fn quote(&self, number: u64, at: Timestamp) -> Quote {
        let count = u64::try_from(self.symbols.len()).unwrap_or(u64::MAX);
        let (index, step) = (number % count, number / count);
        let simulated = &self.symbols[usize::try_from(index).unwrap_or(0)];
        let price = Walk::new(self.seed, index).price(step);
        let day = Market::of(&simulated.symbol).day_of(at);
        Quote {
            market_time: Some(at),
            name: simulated.name.clone(),
            currency: simulated.currency.clone(),
            exchange: simulated.exchange.clone(),
            ..Quote::new(simulated.symbol.clone(), price, day)
        }
    }

    /// Returns the numbers and times of the prices that are due.
    fn due(&self, progress: &mut Progress, now: Timestamp) -> Vec<(u64, Timestamp)> {
        let rate = u128::from(self.rate);
        let lag = |(first, at): (u64, Timestamp)| {
            let elapsed = now.since(at).as_micros() * rate / MICROS;
            let due = first.saturating_add(u64::try_from(elapsed).unwrap_or(u64::MAX));
            (at <= now).then(|| due.saturating_add(1).saturating_sub(progress.next))
        };
        let max_lag = u128::from(MAX_LAG.as_secs()) * rate;
        let lagging = progress.anchor.and_then(lag);
        let lagging = lagging.filter(|lag| u128::from(*lag) <= max_lag.max(1));
        let (anchor, due) = match (progress.anchor, lagging) {
            (Some(anchor), Some(due)) => (anchor, due),
            // The first prices, a suspended machine, or a clock that was set.
            _ => ((progress.next, now), 1),
        };
        progress.anchor = Some(anchor);
        let (first, at) = anchor;
        let numbers = progress.next..progress.next + due.min(MAX_BATCH);
        progress.next = numbers.end;
        let time_of = |number: u64| {
            let micros = u128::from(number - first) * MICROS / rate;
            at.after(Duration::from_micros(
                u64::try_from(micros).unwrap_or(u64::MAX),
            ))
        };
        numbers.map(|number| (number, time_of(number))).collect()
    }

    fn position(&self, next: u64) -> String {
        format!("{} {} {next}", self.seed, self.symbols.len())
    }
}

#[async_trait]
impl QuoteProvider for Simulated {
    fn name(&self) -> &'static str {
        ProviderName::Simulated.as_str()
    }

    fn pacing(&self) -> Pacing {
        let per_price = Duration::from_secs(1) / self.rate;
        let symbols = u64::try_from(self.symbols.len()).unwrap_or(u64::MAX);
        Pacing::SelfPaced {
            every: Some(per_price.max(BATCH_INTERVAL)),
            interval: Duration::from_secs(symbols) / self.rate,
        }
    }

    fn knows(&self, symbol: &Symbol) -> Option<bool> {
        let order = |it: &SymbolMatch| {
            let (known, wanted) = (it.symbol.as_str(), symbol.as_str());
            // `SIM10000` comes after `SIM9999`.
            known
                .len()
                .cmp(&wanted.len())
                .then_with(|| known.cmp(wanted))
        };
        Some(self.symbols.binary_search_by(order).is_ok())
    }

    fn tracks(&self) -> Vec<Symbol> {
        self.symbols.iter().map(|it| it.symbol.clone()).collect()
    }

    fn list(&self) -> Option<&dyn SymbolList> {
        Some(self)
    }

    /// Returns the prices that are due since the last poll. A symbol may have none or several.
    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        let mut progress = self.progress.lock();
        let due = self.due(&mut progress, self.clock.now());
        if due.is_empty() {
            return Poll::answered(Vec::new());
        }
        let position = self.position(progress.next);
        let follows = progress.stored.replace(position.clone());
        drop(progress);
        let wanted: HashSet<&Symbol> = symbols.iter().collect();
        let quotes = due.into_iter().map(|(number, at)| self.quote(number, at));
        Poll {
            answers: quotes
                .filter(|quote| wanted.contains(&quote.symbol))
                .map(|quote| (quote.symbol.clone(), Ok(quote)))
                .collect(),
            position: Some(position),
            follows,
        }
    }

    fn note(&self) -> Option<String> {
        Some("simulated prices".to_owned())
    }

    fn resume(&self, position: Option<&str>) -> Result<(), PositionError> {
        let mut progress = self.progress.lock();
        *progress = Progress {
            stored: position.map(str::to_owned),
            ..Progress::default()
        };
        let Some(position) = position else {
            return Ok(());
        };
        let data = self.position(0);
        let data = data.strip_suffix('0').unwrap_or(&data);
        let next = position
            .strip_prefix(data)
            .ok_or(PositionError::OtherData)?;
        let next: u64 = next.parse().map_err(|_| PositionError::Invalid)?;
        progress.next = next;
        Ok(())
    }
}

impl SymbolList for Simulated {
    fn find(&self, text: &str) -> Vec<SymbolMatch> {
        matching(self.symbols.iter().map(Cow::Borrowed), text)
    }
}
