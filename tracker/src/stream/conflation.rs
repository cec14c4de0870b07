//! Conflation: reduces the trades of a stream to at most one quote per symbol and interval.
//!
//! The first price of a quiet symbol is due at once. Further prices are due at the end of the
//! interval, when the last one by market time is returned. The high, the low and the volume of the
//! session include every trade. Memory is bounded by the number of symbols, whatever the rate of
//! trades.
//!
//! The trades of a day are combined with a polled quote of that day, the seed: its previous close
//! and the figures of the session so far.

mod day;

use std::{collections::HashMap, time::Duration};

use chrono::NaiveDate;
use entity::{Symbol, Timestamp};
use market::Market;
use tokio::time::Instant;

use self::day::Day;
use crate::{
    provider::{DayFigures, StreamPrice},
    quote::Quote,
};

/// How long the first prices of a day wait for the seed.
const SEED_WAIT: Duration = Duration::from_secs(5);

/// What became of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trade {
    /// It moved the last price.
    Moved,
    /// It changed at most the figures of the session, such as a late trade or an odd lot.
    Counted,
    /// It has no effect.
    Dropped(&'static str),
}

/// The conflation of the symbols of one stream.
#[derive(Debug)]
pub(crate) struct Conflation {
    interval: Duration,
    symbols: HashMap<Symbol, SymbolPrices>,
    /// No symbol is due before this time.
    next: Option<Instant>,
}

/// The prices of one symbol.
#[derive(Debug, Default)]
struct SymbolPrices {
    day: Option<Day>,
    /// When the quote is due, if it has changed since it was returned.
    due: Option<Instant>,
    /// When a quote was returned last.
    returned_at: Option<Instant>,
}

impl Conflation {
    /// Creates a conflation without symbols.
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            symbols: HashMap::new(),
            next: None,
        }
    }

    /// Combines the trades with a polled quote. A quote of another day than that of `now` is
    /// ignored.
    pub(crate) fn seed(&mut self, quote: &Quote, now: Timestamp, at: Instant) {
        let market = Market::of(&quote.symbol);
        if quote.trading_day != market.day_of(now) {
            return;
        }
        let prices = self.symbols.entry(quote.symbol.clone()).or_default();
        let Some(day) = prices.begin(quote.trading_day, market) else {
            return;
        };
        day.seed(quote);
        if prices.due.is_some() {
            prices.change(at, self.interval, Duration::ZERO);
            self.next = earlier(self.next, prices.due);
        }
    }

    /// Whether a symbol has a seed of the current day.
    pub(crate) fn is_seeded(&self, symbol: &Symbol, now: Timestamp) -> bool {
        let today = Market::of(symbol).day_of(now);
        let prices = self.symbols.get(symbol);
        let day = prices.and_then(|prices| prices.day.as_ref());
        day.is_some_and(|day| day.date() == today && day.is_seeded())
    }

    /// Adds a trade. A trade without a market time, or with one after `now`, is traded now.
    pub(crate) fn trade(&mut self, trade: &StreamPrice, now: Timestamp, at: Instant) -> Trade {
        let market = Market::of(&trade.symbol);
        let traded_at = trade.market_time.map_or(now, |time| time.min(now));
        let date = market.day_of(traded_at);
        if date < market.day_of(now) {
            return Trade::Dropped("of an earlier day");
        }
        let prices = self.symbols.entry(trade.symbol.clone()).or_default();
        let Some(day) = prices.begin(date, market) else {
            return Trade::Dropped("of an earlier day");
        };
        let (outcome, is_changed, is_seeded) = day.trade(trade, traded_at);
        if is_changed {
            let wait = if is_seeded { Duration::ZERO } else { SEED_WAIT };
            let wait = prices.returned_at.map_or(wait, |_| Duration::ZERO);
            prices.change(at, self.interval, wait);
            self.next = earlier(self.next, prices.due);
        }
        outcome
    }

    /// Replaces the figures of the session. Returns whether they are of the current day.
    pub(crate) fn replace_figures(&mut self, figures: &DayFigures, at: Instant) -> bool {
        let Some(prices) = self.symbols.get_mut(&figures.symbol) else {
            return false;
        };
        let Some(day) = prices.day.as_mut() else {
            return false;
        };
        if day.date() != figures.trading_day {
            return false;
        }
        if day.replace(figures) {
            prices.change(at, self.interval, Duration::ZERO);
            self.next = earlier(self.next, prices.due);
        }
        true
    }

    /// Returns the quotes that are due, at most one per symbol.
    pub(crate) fn due(&mut self, at: Instant) -> Vec<Quote> {
        if self.next.is_none_or(|next| next > at) {
            return Vec::new();
        }
        let mut quotes = Vec::new();
        self.next = None;
        for (symbol, prices) in &mut self.symbols {
            if prices.due.is_some_and(|due| due <= at) {
                prices.due = None;
                let day = prices.day.as_ref();
                if let Some(quote) = day.and_then(|day| day.quote(symbol)) {
                    prices.returned_at = Some(at);
                    quotes.push(quote);
                }
            }
            self.next = earlier(self.next, prices.due);
        }
        quotes
    }

    /// Returns when the next quote is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.next
    }

    /// Returns when the last quote is due.
    pub(crate) fn last_due(&self) -> Option<Instant> {
        self.symbols.values().filter_map(|prices| prices.due).max()
    }

    /// Removes the symbols for which `keep` is false.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Symbol) -> bool) {
        self.symbols.retain(|symbol, _| keep(symbol));
    }
}

impl SymbolPrices {
    /// Returns a day, which begins if it is later than the current one. `None` if it is earlier.
    fn begin(&mut self, date: NaiveDate, market: Market) -> Option<&mut Day> {
        if self.day.as_ref().is_none_or(|day| day.date() < date) {
            self.day = Some(Day::new(date, market));
            self.due = None;
            self.returned_at = None;
        }
        self.day.as_mut().filter(|day| day.date() == date)
    }

    /// Records that the quote has changed. It is due after `wait` and at the end of the interval.
    fn change(&mut self, at: Instant, interval: Duration, wait: Duration) {
        let end = self.returned_at.map_or(at, |returned| returned + interval);
        let due = end.max(at + wait);
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }
}

/// Returns the earlier of two times, of which either may be absent.
fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    a.into_iter().chain(b).min()
}

#[cfg(test)]
mod tests;
