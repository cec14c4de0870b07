//! The tracked stocks, as last read from the database.
//!
//! Both loops reload them whenever the feed has a new entry, at least every second, and update the
//! metrics of prices and staleness from them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::NaiveDate;
use entity::{Price, Symbol, Timestamp};
use market::{Market, QuoteStatus, StalenessContext};
use store::{Store, priority, stock};

use super::context::{PollContext, with_timeout};

/// What the next poll of a tracked stock depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct TrackedStock {
    pub(super) market: Market,
    /// When a provider last answered for it.
    pub(super) answered_at: Option<Timestamp>,
    /// When a scheduled poll for it was last sent.
    pub(super) requested_at: Option<Timestamp>,
    /// The number of consecutive answers without a price.
    pub(super) unpriced_answers: i32,
    /// Whether it has a rule or a subscriber, so that its polls come first.
    pub(super) preferred: bool,
}

/// The tracked stocks.
#[derive(Debug, Default)]
pub(super) struct TrackedStocks {
    pub(super) stocks: BTreeMap<Symbol, TrackedStock>,
    ids: Vec<i64>,
    /// The symbols whose price the metrics show.
    priced: BTreeSet<Symbol>,
}

impl TrackedStocks {
    /// Reads them from the database.
    pub(super) async fn reload(&mut self, store: &Store) -> Result<(), store::Error> {
        let rows = with_timeout(stock::tracked_rows(store.database.read())).await?;
        let priorities = priority::priorities(store.database.read(), store.clock.now());
        let preferred: BTreeSet<Symbol> = with_timeout(priorities)
            .await?
            .into_iter()
            .filter_map(|stock| stock.preferred.then_some(stock.symbol))
            .collect();
        self.ids = rows.iter().map(|row| row.id).collect();
        self.stocks = rows
            .into_iter()
            .map(|row| {
                let tracked = TrackedStock {
                    market: Market::of(&row.symbol),
                    answered_at: row.answered_at,
                    requested_at: row.requested_at,
                    unpriced_answers: row.unpriced_answers,
                    preferred: preferred.contains(&row.symbol),
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

    /// Records an answer until the row is read again.
    pub(super) fn record_answer(&mut self, symbol: &Symbol, priced: bool, now: Timestamp) {
        if let Some(tracked) = self.stocks.get_mut(symbol) {
            tracked.answered_at = Some(now);
            // The exact number is in the row.
            tracked.unpriced_answers = if priced {
                0
            } else {
                tracked.unpriced_answers.max(1)
            };
        }
    }

    /// Records a scheduled poll until the row is read again.
    pub(super) fn record_poll(&mut self, symbol: &Symbol, at: Timestamp) {
        if let Some(tracked) = self.stocks.get_mut(symbol) {
            tracked.requested_at = tracked.requested_at.max(Some(at));
        }
    }

    /// Updates the metrics of the latest prices and of stale symbols. `expected` is given the
    /// newest trading day of all prices, and `interval` is the polling interval of a symbol.
    pub(super) async fn update_metrics(
        &mut self,
        context: &PollContext,
        expected: impl FnOnce(Option<NaiveDate>) -> StalenessContext,
        interval: impl Fn(&Symbol) -> Option<Duration>,
    ) -> Result<(), store::Error> {
        let reading = store::price::latest(context.store.database.read(), &self.ids);
        let latest = with_timeout(reading).await?;
        let priced: BTreeSet<Symbol> = latest.iter().map(|price| price.symbol.clone()).collect();
        let stale = self.count_stale(
            &latest,
            expected(latest.iter().map(|it| it.trading_day).max()),
            interval,
        );
        context.metrics.stale_counted(stale);
        for price in latest {
            context.metrics.price_recorded(&price.symbol, price.price);
        }
        for gone in self.priced.difference(&priced) {
            context.metrics.symbol_untracked(gone);
        }
        self.priced = priced;
        Ok(())
    }

    fn count_stale(
        &self,
        latest: &[Price],
        expected: StalenessContext,
        interval: impl Fn(&Symbol) -> Option<Duration>,
    ) -> usize {
        let days: BTreeMap<&Symbol, NaiveDate> = latest
            .iter()
            .map(|price| (&price.symbol, price.trading_day))
            .collect();
        let is_stale = |(symbol, tracked): &(&Symbol, &TrackedStock)| {
            let quoted = QuoteStatus {
                market: tracked.market,
                newest_day: days.get(symbol).copied(),
                answered_at: tracked.answered_at,
                unpriced_answers: tracked.unpriced_answers,
            };
            let expected = StalenessContext {
                interval: interval(symbol),
                ..expected
            };
            quoted.stale_reason(&expected).is_some()
        };
        self.stocks.iter().filter(is_stale).count()
    }
}

/// Limits how often something is done.
#[derive(Debug)]
pub(super) struct Throttle {
    period: Duration,
    last: Option<tokio::time::Instant>,
}

impl Throttle {
    pub(super) fn new(period: Duration) -> Self {
        Self { period, last: None }
    }

    /// Whether the period is over; if so, the next one begins.
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
