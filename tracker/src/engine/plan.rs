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
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter};
use store::Store;

use super::desk::{Desk, bounded};
use crate::{
    market::Market,
    schedule::{Expected, Quoted},
};

/// What is tracked, and when it was last answered for.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// By symbol: when a provider last answered for it.
    pub(super) stocks: BTreeMap<Symbol, Option<Timestamp>>,
    /// How many of them each market has.
    pub(super) markets: BTreeMap<Market, u32>,
    /// By symbol: how many answers in a row gave no price.
    unpriced: BTreeMap<Symbol, u32>,
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
        self.markets.clear();
        for row in &rows {
            *self.markets.entry(Market::of(&row.symbol)).or_default() += 1;
        }
        self.unpriced = rows
            .iter()
            .map(|row| {
                let answers = u32::try_from(row.unpriced_answers).unwrap_or_default();
                (row.symbol.clone(), answers)
            })
            .collect();
        self.stocks = rows
            .into_iter()
            .map(|row| (row.symbol, row.answered_at))
            .collect();
        Ok(())
    }

    /// The tracked symbols, in order.
    pub(super) fn symbols(&self) -> Vec<Symbol> {
        self.stocks.keys().cloned().collect()
    }

    /// Notes an answer before the database's word of it is read.
    pub(super) fn answered(&mut self, symbol: &Symbol, now: Timestamp) {
        if let Some(answered_at) = self.stocks.get_mut(symbol) {
            *answered_at = Some(now);
        }
    }

    /// Notes a price before the database's word of it is read.
    pub(super) fn quoted(&mut self, symbol: &Symbol) {
        if self.stocks.contains_key(symbol) {
            self.priced.insert(symbol.clone());
        }
    }

    /// Whether a symbol has ever had a price.
    pub(super) fn has_price(&self, symbol: &Symbol) -> bool {
        self.priced.contains(symbol)
    }

    /// Shows the latest prices and how many symbols are stale. `expected` is told the newest trading day
    /// of all prices.
    pub(super) async fn observe_once(
        &mut self,
        desk: &Desk,
        expected: impl FnOnce(Option<NaiveDate>) -> Expected,
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
    fn stale(&self, latest: &[Price], expected: &Expected) -> usize {
        let days: BTreeMap<&Symbol, NaiveDate> = latest
            .iter()
            .map(|price| (&price.symbol, price.trading_day))
            .collect();
        let is_stale = |(symbol, answered_at): &(&Symbol, &Option<Timestamp>)| {
            let quoted = Quoted {
                market: Market::of(symbol),
                newest_day: days.get(symbol).copied(),
                answered_at: **answered_at,
                unpriced_answers: self.unpriced.get(*symbol).copied().unwrap_or_default(),
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
