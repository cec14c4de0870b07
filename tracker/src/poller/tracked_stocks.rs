//! The tracked stocks, as last read from the database.
//!
//! Both loops reload them when the feed has grown, and update the metrics of prices and staleness
//! from them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::NaiveDate;
use entity::{Position, Price, Symbol, Timestamp};
use market::{Market, QuoteStatus, StalenessContext};
use store::{Store, priority, stock};
use tokio::time::Instant;

use super::context::{PollContext, with_timeout};

/// Maximum time between two reads if the feed does not grow. What a subscriber follows is not part
/// of the feed, and `api` writes it as often.
const MAX_AGE: Duration = Duration::from_secs(10);

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
    /// The end of the feed before they were read, and when.
    read_at: Option<(Position, Instant)>,
    latest: LatestPrices,
    /// The symbols whose price the metrics show.
    priced: BTreeSet<Symbol>,
}

/// The latest prices, as last read from the database.
#[derive(Debug, Default)]
struct LatestPrices {
    /// The end of the feed before they were read.
    read_at: Option<Position>,
    /// The ids of the stocks that were read.
    stocks: Vec<i64>,
    prices: Vec<Price>,
}

impl LatestPrices {
    /// Reads the prices of `stocks`, unless they were read at this end of the feed.
    async fn reload(
        &mut self,
        store: &Store,
        stocks: &[i64],
        end: Option<Position>,
    ) -> Result<(), store::Error> {
        if end.is_none() || self.read_at != end || self.stocks != stocks {
            self.prices = with_timeout(store::price::latest(store.database.read(), stocks)).await?;
            self.stocks = stocks.to_vec();
            self.read_at = end;
        }
        Ok(())
    }
}

impl TrackedStocks {
    /// Reads them from the database, unless they were read recently and the feed has not grown.
    pub(super) async fn reload(&mut self, store: &Store) -> Result<(), store::Error> {
        let end = with_timeout(store::feed::end(store)).await?;
        let is_current =
            |(read_at, at): (Position, Instant)| read_at == end && at.elapsed() < MAX_AGE;
        if self.read_at.is_some_and(is_current) {
            return Ok(());
        }
        self.read_at = None;
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
        self.read_at = Some((end, Instant::now()));
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
            tracked.unpriced_answers = if priced {
                0
            } else {
                tracked.unpriced_answers.max(1)
            };
        }
        if !priced {
            // The exact number is in the row, which is not part of the feed.
            self.read_at = None;
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
        let end = self.read_at.map(|(end, _)| end);
        self.latest.reload(&context.store, &self.ids, end).await?;
        let latest = &self.latest.prices;
        let priced: BTreeSet<Symbol> = latest.iter().map(|price| price.symbol.clone()).collect();
        let stale = self.count_stale(
            latest,
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
    last: Option<Instant>,
}

impl Throttle {
    pub(super) fn new(period: Duration) -> Self {
        Self { period, last: None }
    }

    /// Whether the period is over; if so, the next one begins.
    pub(super) fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = self
            .last
            .is_none_or(|last| now.duration_since(last) >= self.period);
        if due {
            self.last = Some(now);
        }
        due
    }
}
