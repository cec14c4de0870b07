//! The trades of one symbol on one trading day.

use std::collections::{HashSet, VecDeque};

use chrono::NaiveDate;
use entity::{Decimal, Ratio, Symbol, Timestamp};
use market::Market;

use super::Trade;
use crate::{
    provider::{DayFigures, StreamPrice, TradeId},
    quote::{PreviousClose, Quote, Unrounded},
};

/// The number of the newest trades that are recognized when they are repeated.
const KNOWN_TRADES: usize = 4096;

/// A trading day.
#[derive(Debug)]
pub(super) struct Day {
    date: NaiveDate,
    market: Market,
    seed: Option<Quote>,
    last: Option<Last>,
    open: Option<Decimal>,
    high: Option<Decimal>,
    low: Option<Decimal>,
    /// The volume that the provider sent last, without the trades since.
    volume: Option<i64>,
    /// The traded quantity since then.
    traded: Decimal,
    /// Whether every trade since then has a size and an identity.
    is_countable: bool,
    known: HashSet<TradeId>,
    order: VecDeque<TradeId>,
}

/// The last price by market time.
#[derive(Debug)]
struct Last {
    price: Decimal,
    exact: Option<Ratio>,
    traded_at: Timestamp,
    /// The market time, if the provider sent it.
    market_time: Option<Timestamp>,
}

impl Day {
    pub(super) fn new(date: NaiveDate, market: Market) -> Self {
        Self {
            date,
            market,
            seed: None,
            last: None,
            open: None,
            high: None,
            low: None,
            volume: None,
            traded: Decimal::ZERO,
            is_countable: true,
            known: HashSet::new(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn date(&self) -> NaiveDate {
        self.date
    }

    pub(super) fn is_seeded(&self) -> bool {
        self.seed.is_some()
    }

    /// Takes the previous close and the figures of a polled quote.
    pub(super) fn seed(&mut self, quote: &Quote) {
        self.open = quote.open.or(self.open);
        self.include(quote.high);
        self.include(quote.low);
        self.set_volume(quote.volume);
        self.seed = Some(quote.clone());
    }

    /// Adds a trade. Returns what became of it, whether the quote has changed, and whether the day
    /// has a seed.
    pub(super) fn trade(
        &mut self,
        trade: &StreamPrice,
        traded_at: Timestamp,
    ) -> (Trade, bool, bool) {
        let is_seeded = self.is_seeded();
        if trade.trade.is_some_and(|id| !self.remember(id)) {
            return (Trade::Dropped("repeated"), false, is_seeded);
        }
        self.count(trade);
        if !trade.moves_last {
            return (Trade::Counted, false, is_seeded);
        }
        let before = (self.high, self.low);
        self.include(Some(trade.price));
        let last = self.last.as_ref();
        if last.is_some_and(|last| last.traded_at > traded_at) {
            return (Trade::Counted, before != (self.high, self.low), is_seeded);
        }
        self.last = Some(Last {
            price: trade.price,
            exact: trade.exact,
            traded_at,
            market_time: trade.market_time.map(|_| traded_at),
        });
        (Trade::Moved, true, is_seeded)
    }

    /// Replaces the figures by those of the provider. Returns whether the quote has changed.
    pub(super) fn replace(&mut self, figures: &DayFigures) -> bool {
        let before = (self.open, self.high, self.low);
        self.open = figures.open.or(self.open);
        self.high = figures.high.or(self.high);
        self.low = figures.low.or(self.low);
        self.set_volume(figures.volume);
        self.last.is_some() && before != (self.open, self.high, self.low)
    }

    /// Returns the quote, if there is a price.
    pub(super) fn quote(&self, symbol: &Symbol) -> Option<Quote> {
        let last = self.last.as_ref()?;
        let seed = self.seed.as_ref();
        let exact_close = seed
            .and_then(|seed| seed.unrounded)
            .and_then(|exact| exact.previous_close);
        let exact_price = last.exact.or_else(|| {
            exact_close?;
            Ratio::from_decimal(last.price)
        });
        let quote = Quote::new(symbol.clone(), last.price, self.date);
        Some(Quote {
            previous_close: self.previous_close(),
            open: self.open,
            high: self.high,
            low: self.low,
            volume: self.volume(),
            market_time: last.market_time,
            currency: seed.and_then(|seed| seed.currency.clone()),
            exchange: seed.and_then(|seed| seed.exchange.clone()),
            unrounded: exact_price.map(|price| Unrounded {
                price,
                previous_close: exact_close.or_else(|| match self.previous_close() {
                    PreviousClose::Sent(close) => Ratio::from_decimal(close),
                    PreviousClose::Absent | PreviousClose::None => None,
                }),
            }),
            ..quote
        })
    }

    /// Returns the previous close of the seed. A United States share without one has none, because
    /// the stored close may be from before a split.
    fn previous_close(&self) -> PreviousClose {
        let sent = self.seed.as_ref().map(|seed| seed.previous_close);
        match sent {
            Some(close @ (PreviousClose::Sent(_) | PreviousClose::None)) => close,
            Some(PreviousClose::Absent) | None if self.market.is_always_open() => {
                PreviousClose::Absent
            }
            Some(PreviousClose::Absent) | None => PreviousClose::None,
        }
    }

    /// Returns the volume of the session, if the provider sends it and every trade since is known.
    fn volume(&self) -> Option<i64> {
        let has_volume = !self.market.is_always_open() && self.is_countable;
        let volume = self.volume.filter(|_| has_volume)?;
        let traded = Decimal::parse_whole_rounded(&self.traded.to_string()).ok()?;
        volume.checked_add(traded)
    }

    fn set_volume(&mut self, volume: Option<i64>) {
        if volume.is_some() {
            self.volume = volume;
            self.traded = Decimal::ZERO;
            self.is_countable = true;
        }
    }

    fn count(&mut self, trade: &StreamPrice) {
        let size = trade.size.filter(|_| trade.trade.is_some());
        let units = size.and_then(|size| self.traded.units().checked_add(size.units()));
        match units {
            Some(units) => self.traded = Decimal::from_units(units),
            None => self.is_countable = false,
        }
    }

    fn include(&mut self, price: Option<Decimal>) {
        if let Some(price) = price {
            self.high = Some(self.high.map_or(price, |high| high.max(price)));
            self.low = Some(self.low.map_or(price, |low| low.min(price)));
        }
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.known.len().max(self.order.len())
    }

    /// Remembers a trade. Returns whether it was unknown.
    fn remember(&mut self, id: TradeId) -> bool {
        if !self.known.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > KNOWN_TRADES
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}
