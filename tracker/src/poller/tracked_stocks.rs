//! The tracked stocks, as the database has them.
//!
//! One invariant: the database alone says what is tracked; what is here is its latest word, read again when the feed
//! grows and every second. Both loops look at it, and tell the metrics what they see.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::NaiveDate;
use entity::{Price, Symbol, Timestamp, table::stock};
use market::{Market, PollingHours, QuoteStatus, StalenessContext};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter};
use store::Store;

use super::context::{Desk, bounded};
use crate::schedule::PlannedSymbol;

/// What decides when a tracked symbol is polled next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tracked {
    /// The market of the stock.
    pub(super) market: Market,
    /// When a provider last answered for it.
    pub(super) answered_at: Option<Timestamp>,
    /// When the plan last asked for it.
    pub(super) asked_at: Option<Timestamp>,
    /// How many answers in a row had no price.
    pub(super) unpriced_answers: i32,
}

/// The tracked symbols.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) stocks: BTreeMap<Symbol, Tracked>,
    ids: Vec<i64>,
    /// Those that have a price, which the metrics show.
    priced: BTreeSet<Symbol>,
}

impl Plan {
    /// Reads it anew.
    pub(super) async fn reload(&mut self, store: &Store) -> Result<(), DbErr> {
        let reading = stock::Entity::find()
            .filter(stock::Column::Tracked.eq(true))
            .all(store.database.read());
        let rows = bounded(reading).await?;
        self.ids = rows.iter().map(|row| row.id).collect();
        self.stocks = rows
            .into_iter()
            .map(|row| {
                let tracked = Tracked {
                    market: Market::of(&row.symbol),
                    answered_at: row.answered_at,
                    asked_at: row.asked_at,
                    unpriced_answers: row.unpriced_answers,
                };
                (row.symbol, tracked)
            })
            .collect();
        Ok(())
    }

    /// The tracked symbols, in order.
    pub(super) fn symbols(&self) -> Vec<Symbol> {
        self.stocks.keys().cloned().collect()
    }

    /// Returns what each symbol takes of the budget, by the time for which it is polled on a day.
    pub(super) fn load(&self, hours: PollingHours) -> Vec<PlannedSymbol> {
        let symbols = self.stocks.values().map(|tracked| PlannedSymbol {
            polled: hours.per_day(tracked.market),
            unpriced_answers: tracked.unpriced_answers,
        });
        symbols.collect()
    }

    /// Notes an answer before the row is read again.
    pub(super) fn answered(&mut self, symbol: &Symbol, priced: bool, now: Timestamp) {
        if let Some(tracked) = self.stocks.get_mut(symbol) {
            tracked.answered_at = Some(now);
            // The row has the exact number.
            tracked.unpriced_answers = if priced {
                0
            } else {
                tracked.unpriced_answers.max(1)
            };
        }
    }

    /// Notes a request of the plan before the row is read again.
    pub(super) fn asked(&mut self, symbol: &Symbol, at: Timestamp) {
        if let Some(tracked) = self.stocks.get_mut(symbol) {
            tracked.asked_at = tracked.asked_at.max(Some(at));
        }
    }

    /// Shows the latest prices and how many symbols are stale. `expected` takes the newest trading
    /// day of all prices.
    pub(super) async fn observe_once(
        &mut self,
        desk: &Desk,
        expected: impl FnOnce(Option<NaiveDate>) -> StalenessContext,
    ) -> Result<(), DbErr> {
        let reading = store::price::latest(desk.store.database.read(), &self.ids);
        let latest = bounded(reading).await?;
        let priced: BTreeSet<Symbol> = latest.iter().map(|price| price.symbol.clone()).collect();
        let stale = self.stale(
            &latest,
            &expected(latest.iter().map(|it| it.trading_day).max()),
        );
        desk.metrics.stale_counted(stale);
        for price in latest {
            desk.metrics.price_recorded(&price.symbol, price.price);
        }
        for gone in self.priced.difference(&priced) {
            desk.metrics.symbol_untracked(gone);
        }
        self.priced = priced;
        Ok(())
    }

    /// How many symbols are stale.
    fn stale(&self, latest: &[Price], expected: &StalenessContext) -> usize {
        let days: BTreeMap<&Symbol, NaiveDate> = latest
            .iter()
            .map(|price| (&price.symbol, price.trading_day))
            .collect();
        let is_stale = |(symbol, tracked): &(&Symbol, &Tracked)| {
            let quoted = QuoteStatus {
                market: tracked.market,
                newest_day: days.get(symbol).copied(),
                answered_at: tracked.answered_at,
                unpriced_answers: tracked.unpriced_answers,
            };
            quoted.stale_reason(expected).is_some()
        };
        self.stocks.iter().filter(is_stale).count()
    }
}

/// A look at something that is not worth taking more often.
#[derive(Debug)]
pub(super) struct Every {
    period: Duration,
    last: Option<tokio::time::Instant>,
}

impl Every {
    pub(super) fn new(period: Duration) -> Self {
        Self { period, last: None }
    }

    /// Whether it is time again; if so, the period begins anew.
    pub(super) fn is_due(&mut self) -> bool {
        let now = tokio::time::Instant::now();
        let due = self
            .last
            .is_none_or(|last| now.duration_since(last) >= self.period);
        if due {
            self.last = Some(now);
        }
        due
    }
}
