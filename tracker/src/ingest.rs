//! Stores quotes in batches: prices, candles, alerts and their feed entry, in one transaction.
//!
//! Repeated and late quotes are detected by comparison with the latest price under the feed's lock.
//! The result therefore does not depend on which process polls, how often, or how many quotes are
//! in a batch.

mod cached;
mod closes;
mod compare;
mod current;
mod default_rule;
mod details;
mod group;
mod held;
mod inputs;
mod rules;
mod writer;

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use entity::{Alert, Price, Stock, Symbol};
use market::is_unpriced;
use store::{
    Store,
    feed::FeedTransaction,
    provider,
    stock::{self, Details},
};
use tokio::sync::{MutexGuard, Notify};

use self::{
    cached::Cached,
    current::CurrentState,
    group::CommitQueue,
    rules::LiveRules,
    writer::{BatchWriter, Committing},
};
use crate::{metrics::TrackerMetrics, quote::Quote};

/// Maximum time for which a price is held from alerts, while the splits of its stock are requested.
const MAX_HOLD: Duration = Duration::from_mins(1);

/// Quotes of a provider, which are stored in one transaction: the result of a poll, or several
/// messages of a stream.
#[derive(Clone, Debug, Default)]
pub struct QuoteBatch {
    /// The provider that was polled.
    pub provider: &'static str,
    /// The quotes, in the order in which they arrived. A symbol may have several.
    pub quotes: Vec<Quote>,
    /// The symbols for which the provider returned no price.
    pub quoteless: Vec<Symbol>,
    /// The symbols that the provider knows, although it was not polled for them.
    pub confirmed: Vec<Symbol>,
    /// A stock to track, and its name. The provider knows its symbol.
    pub track: Option<(Symbol, Option<String>)>,
    /// The position of a replay after this batch.
    pub position: Option<String>,
    /// The position of a replay before this batch ([`crate::provider::Poll::follows`]). Nothing is
    /// stored if the stored position is another.
    pub follows: Option<String>,
    /// Whether a provider reports splits. If so, a price that suggests an unknown split is held
    /// from alerts.
    pub reports_splits: bool,
}

impl QuoteBatch {
    /// Whether the batch is of a replay. Only a replay has positions. Its days are independent of
    /// the clock.
    fn is_replayed(&self) -> bool {
        self.position.is_some()
    }
}

/// What was stored of a [`QuoteBatch`], and of those that were stored in the same transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IngestReport {
    /// The number of new prices.
    pub prices: usize,
    /// The number of alerts that fired.
    pub alerts: usize,
    /// The number of quotes that were dropped because they are older than the stored price.
    pub older: usize,
    /// Whether nothing was stored because another tracker has replayed the same days.
    pub superseded: bool,
    /// The number of new prices that are held from alerts.
    pub held: usize,
}

/// Stores quotes. Clones share their state.
#[derive(Clone)]
pub struct Ingest {
    store: Store,
    metrics: TrackerMetrics,
    alert_max_age: Option<u32>,
    rules: Arc<Cached<LiveRules>>,
    current: Arc<Cached<CurrentState>>,
    queue: Arc<CommitQueue>,
    alerts_fired: Arc<Notify>,
}

impl Ingest {
    /// Creates an ingest without a limit on the age of quotes that fire alerts.
    pub fn new(store: Store, metrics: TrackerMetrics) -> Self {
        Self {
            store,
            metrics,
            alert_max_age: None,
            rules: Arc::default(),
            current: Arc::default(),
            queue: Arc::default(),
            alerts_fired: Arc::default(),
        }
    }

    /// Prevents alerts for live quotes that are more than this many sessions old.
    #[must_use]
    pub fn with_alert_max_age(mut self, sessions: Option<u32>) -> Self {
        self.alert_max_age = sessions;
        self
    }

    /// Stores a batch, with others that wait at the same time. After an error, nothing of it is
    /// stored.
    #[tracing::instrument(level = "debug", skip_all, fields(provider = batch.provider))]
    pub async fn ingest(&self, batch: QuoteBatch) -> Result<IngestReport, store::Error> {
        // The future is large.
        let store = |batch: Arc<QuoteBatch>| Box::pin(self.store_batch(batch));
        self.queue.store(batch, store).await
    }

    /// Waits for the batch that is being stored, and lets no other begin while the guard is held.
    /// The batches after it read again what they are compared with.
    pub async fn pause(&self) -> MutexGuard<'_, ()> {
        let turn = self.queue.turn().await;
        self.current.forget();
        turn
    }

    async fn store_batch(&self, batch: Arc<QuoteBatch>) -> Result<IngestReport, store::Error> {
        let started = Instant::now();
        let mut feed = FeedTransaction::begin(&self.store).await?;
        let replayed = batch.is_replayed();
        if replayed && provider::position(feed.connection(), batch.provider).await? != batch.follows
        {
            return Ok(IngestReport {
                superseded: true,
                ..IngestReport::default()
            });
        }
        track(&mut feed, &batch).await?;
        let quoted = || batch.quotes.iter().map(|quote| &quote.symbol);
        let unquoted = batch.quoteless.iter().chain(&batch.confirmed);
        let symbols = quoted().chain(unquoted).collect();
        let rules = LiveRules::take(&self.rules, &feed).await?;
        let mut current = CurrentState::take(&self.current, &feed, &rules);
        if let Some((symbol, _)) = &batch.track {
            current.stocks.remove(symbol);
        }
        current.load(&feed, &symbols).await?;
        let with_price = current.tracked(quoted());
        let without_price = current.tracked(&batch.quoteless);
        let answered = current.set_answered(&symbols, feed.now());
        let quoted_ids: HashSet<i64> = with_price.iter().map(|stock| stock.id).collect();
        let (priced, others): (Vec<i64>, Vec<i64>) =
            answered.into_iter().partition(|id| quoted_ids.contains(id));
        stock::set_answered(&mut feed, &priced, &others);
        let counted: Vec<i64> = without_price.iter().map(|stock| stock.id).collect();
        stock::count_unpriced_answers(feed.connection(), &counted).await?;
        current.count_unpriced_answers(&with_price, &without_price);
        let writer = BatchWriter::new(&batch, self.alert_max_age, current, rules);
        let (rules, current, committing) = writer.write(&mut feed).await?;
        if let Some(position) = &batch.position {
            provider::set_position(feed.connection(), batch.provider, position).await?;
        }
        let end = feed.commit().await?;
        self.rules.put(rules, end);
        self.current.put(current, end);
        let Committing {
            report,
            prices,
            alerts,
        } = committing;
        self.metrics
            .batch_ingested(report.prices, started.elapsed());
        self.committed(&alerts);
        log_committed(&prices, &alerts);
        if !replayed {
            log_unpriced(batch.provider, &with_price, &without_price);
        }
        Ok(report)
    }

    /// Counts committed alerts and wakes their delivery.
    fn committed(&self, alerts: &[Alert]) {
        for alert in alerts {
            self.metrics.alert_triggered(alert.kind);
        }
        if !alerts.is_empty() {
            self.alerts_fired.notify_one();
        }
    }

    /// Is notified when alerts were committed.
    pub(crate) fn alerts_fired(&self) -> Arc<Notify> {
        Arc::clone(&self.alerts_fired)
    }
}

/// Tracks the stock that the batch is to track. Its row is written once, with the details from its
/// quote.
async fn track(feed: &mut FeedTransaction, batch: &QuoteBatch) -> Result<(), store::Error> {
    let Some((symbol, name)) = &batch.track else {
        return Ok(());
    };
    let quote = batch.quotes.iter().find(|quote| quote.symbol == *symbol);
    let details = quote.map(|quote| Details {
        name: quote.name.clone(),
        currency: quote.currency.clone(),
        exchange: quote.exchange.clone(),
    });
    stock::track_answered(feed, symbol, name.clone(), details.unwrap_or_default()).await?;
    Ok(())
}

/// Logs what was committed.
fn log_committed(prices: &[Price], fired: &[Alert]) {
    for price in prices {
        let Price {
            symbol,
            price,
            trading_day,
            provider,
            ..
        } = price;
        tracing::debug!(%symbol, %price, %trading_day, provider, "price stored");
    }
    for alert in fired {
        let Alert {
            id,
            symbol,
            trading_day,
            threshold,
            ..
        } = alert;
        tracing::info!(id, %symbol, %trading_day, %threshold, "{}", alert.message());
    }
}

/// Logs the symbols that are polled less often from now on because they have no price, and those
/// that are polled as planned again.
fn log_unpriced(provider: &str, priced: &[Stock], unpriced: &[Stock]) {
    for Stock { symbol, .. } in priced.iter().filter(|it| is_unpriced(it.unpriced_answers)) {
        tracing::info!(provider, %symbol, "symbol has a price again: polled as planned");
    }
    for stock in unpriced {
        let (symbol, answers) = (&stock.symbol, stock.unpriced_answers + 1);
        if is_unpriced(answers) && !is_unpriced(stock.unpriced_answers) {
            tracing::warn!(provider, %symbol, answers, "no price for the symbol: polled hourly, later daily");
        }
    }
}
