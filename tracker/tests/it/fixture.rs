//! A database, a clock and a tracker, for tests of everything that stores.
//!
//! Tests wait for a state, with a deadline, and never for a duration.

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use delivery::Sender;
use entity::{
    Alert, Batch, CandleInterval, Decimal, Event, PollOutcome, Price, Stock, Symbol, Timestamp,
    table::{alert, candle, feed, provider, stock, stock_price},
};
use market::PollingHours;
use runtime::{
    clock::ManualClock,
    config::{AlphaVantageSettings, DeliverySettings, RetentionSettings, SearchSettings, Secret},
    metrics::Metrics,
    random::Random,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use store::{
    Seed, Store,
    feed::{FeedTransaction, Topic},
    poll_request::{PollRequest, PollResponse, submit},
};
use testkit::TestDatabase;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::instrument::WithSubscriber;
use tracker::metrics::TrackerMetrics;
use tracker::{
    PollSettings, Providers, StreamSettings, Tracker,
    ingest::{Ingest, IngestReport, QuoteBatch},
    provider::{AlphaVantage, ClientError, QuoteProvider},
    quote::{PreviousClose, Quote},
};

use crate::journal::Journal;

/// How long a test waits for a state: enough for a whole replay on a busy machine.
const DEADLINE: Duration = Duration::from_mins(3);

/// The pause between two steps of the clock, on an idle machine.
const PAUSE: Duration = Duration::from_millis(20);
/// The timeout of the query that measures how busy the machine is.
const MAX_QUERY: Duration = Duration::from_millis(50);

/// Noon in New York on a Friday.
pub(crate) const NOON: &str = "2026-11-20T17:00:00Z";

/// Longer than most tests take.
const RETENTION: RetentionSettings = RetentionSettings {
    ticks: Duration::from_hours(90 * 24),
    feed: Duration::from_hours(24),
    deliveries: Duration::from_hours(30 * 24),
};

/// Prices are polled only.
const NO_STREAMS: StreamSettings = StreamSettings {
    enabled: false,
    interval: Duration::from_secs(1),
};

/// The default limits.
pub(crate) const SEARCHES: SearchSettings = SearchSettings {
    per_minute: 5,
    cache: Duration::from_hours(24),
};

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) store: Store,
    pub(crate) clock: ManualClock,
    pub(crate) metrics: Metrics,
    pub(crate) counted: TrackerMetrics,
    /// The log of its trackers.
    pub(crate) journal: Journal,
}

/// A running tracker. Dropping this kills it; [`stop`](Self::stop) shuts it down gracefully.
pub(crate) struct Running {
    task: tokio::task::JoinHandle<()>,
    stopping: CancellationToken,
    killing: DropGuard,
}

impl Running {
    /// Kills it, and waits until it has ended.
    pub(crate) async fn kill(self) {
        drop(self.killing);
        let ended = tokio::time::timeout(DEADLINE, self.task).await;
        ended.expect("end in time").expect("no panic");
    }

    /// Shuts it down as a signal does, and waits for it.
    pub(crate) async fn stop(self) {
        self.stopping.cancel();
        let ended = tokio::time::timeout(DEADLINE, self.task).await;
        ended.expect("end in time").expect("no panic");
    }
}

pub(crate) fn symbol(text: &str) -> Symbol {
    text.parse().expect("a symbol")
}

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

pub(crate) fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// A client for the service at `url`, with a plan of requests per minute and per day.
pub(crate) fn alpha_vantage(
    url: &str,
    key: &str,
    limits: (u32, u32),
    timeout: Duration,
) -> Result<AlphaVantage, ClientError> {
    AlphaVantage::new(&alpha_vantage_settings(url, key, limits), timeout)
}

/// The settings of [`alpha_vantage`].
pub(crate) fn alpha_vantage_settings(
    url: &str,
    key: &str,
    (per_minute, per_day): (u32, u32),
) -> AlphaVantageSettings {
    let limit = |requests| NonZeroU32::new(requests).expect("more than 0");
    AlphaVantageSettings {
        api_key: Some(Secret::new(key)),
        url: url.parse().expect("a URL"),
        per_second: limit(per_minute.div_ceil(60)),
        per_minute: limit(per_minute),
        per_day: limit(per_day),
        bulk: false,
    }
}

/// A quote of 2026-11-20 against a previous close of 100.
pub(crate) fn quote(of: &str, price: &str) -> Quote {
    Quote {
        previous_close: PreviousClose::Sent(decimal("100")),
        ..Quote::new(symbol(of), decimal(price), date("2026-11-20"))
    }
}

impl World {
    /// An empty database that tracks `symbols`, at noon.
    pub(crate) async fn new(database: TestDatabase, symbols: &[&str]) -> Self {
        let clock = ManualClock::at(at(NOON));
        let store = Store::new(database.clone(), clock.shared());
        let seed = Seed {
            epoch: 7,
            alert_threshold: decimal("5"),
            symbols: symbols.iter().map(|text| symbol(text)).collect(),
        };
        store::seed(&store, &seed).await.expect("seed the store");
        let metrics = Metrics::new("", "");
        let counted = TrackerMetrics::new(&metrics.meter(), &[]);
        Self {
            database,
            store,
            clock,
            metrics,
            counted,
            journal: Journal::default(),
        }
    }

    pub(crate) fn ingest(&self) -> Ingest {
        Ingest::new(self.store.clone(), self.counted.clone())
    }

    /// Stores quotes as one batch of a provider.
    pub(crate) async fn store(&self, quotes: Vec<Quote>) -> IngestReport {
        let answers = QuoteBatch {
            provider: "test",
            quotes,
            ..QuoteBatch::default()
        };
        self.ingest().ingest(answers).await.expect("it is stored")
    }

    /// Runs a tracker that polls every 5 minutes at any hour.
    pub(crate) fn track(&self, providers: Vec<Arc<dyn QuoteProvider>>) -> Running {
        self.track_at(PollingHours::Always, providers)
    }

    /// Like [`track`](Self::track), at these hours.
    pub(crate) fn track_at(
        &self,
        hours: PollingHours,
        providers: Vec<Arc<dyn QuoteProvider>>,
    ) -> Running {
        self.track_by(hours, false, NO_STREAMS, providers)
    }

    /// Like [`track_at`](Self::track_at), and also requests past sessions and splits.
    pub(crate) fn track_with_history(
        &self,
        hours: PollingHours,
        providers: Vec<Arc<dyn QuoteProvider>>,
    ) -> Running {
        self.track_by(hours, true, NO_STREAMS, providers)
    }

    fn track_by(
        &self,
        hours: PollingHours,
        history: bool,
        streams: StreamSettings,
        providers: Vec<Arc<dyn QuoteProvider>>,
    ) -> Running {
        let settings = PollSettings {
            update_interval: Duration::from_mins(5),
            hours,
            alert_max_age: Some(1),
            history,
            streams,
            search: SEARCHES,
        };
        let tracker = Tracker::new(
            self.store.clone(),
            Providers::new(providers),
            settings,
            RETENTION,
            self.counted.clone(),
            Random::seeded(11),
        );
        self.run(tracker)
    }

    /// Runs a tracker that polls at any hour and streams.
    pub(crate) fn track_streams(
        &self,
        streams: StreamSettings,
        providers: Vec<Arc<dyn QuoteProvider>>,
    ) -> Running {
        self.track_streams_at(PollingHours::Always, streams, providers)
    }

    /// Like [`track_streams`](Self::track_streams), at these hours.
    pub(crate) fn track_streams_at(
        &self,
        hours: PollingHours,
        streams: StreamSettings,
        providers: Vec<Arc<dyn QuoteProvider>>,
    ) -> Running {
        self.track_by(hours, false, streams, providers)
    }

    /// Runs a tracker that only sends alerts to webhooks, also on this machine.
    pub(crate) fn deliver(&self) -> Running {
        let settings = PollSettings {
            update_interval: Duration::from_mins(5),
            hours: PollingHours::Always,
            alert_max_age: None,
            history: false,
            streams: NO_STREAMS,
            search: SEARCHES,
        };
        let delivery = DeliverySettings {
            allow_private: true,
            max_concurrent: 64,
            smtp: None,
        };
        let sender = Sender::new(&delivery).expect("a sender");
        let tracker = Tracker::new(
            self.store.clone(),
            Providers::new(Vec::new()),
            settings,
            RETENTION,
            self.counted.clone(),
            Random::seeded(11),
        );
        self.run(tracker.with_deliveries(sender, delivery))
    }

    fn run(&self, tracker: Tracker) -> Running {
        let (stopping, killed) = (CancellationToken::new(), CancellationToken::new());
        let (stop, kill) = (stopping.clone(), killed.clone());
        #[expect(clippy::disallowed_methods, reason = "the test ends it")]
        let task = tokio::spawn(
            async move {
                kill.run_until_cancelled(Box::pin(tracker.run(stop))).await;
            }
            .with_subscriber(self.journal.clone()),
        );
        Running {
            task,
            stopping,
            killing: killed.drop_guard(),
        }
    }

    /// Waits for a state.
    pub(crate) async fn until(&self, what: &str, state: impl AsyncFnMut() -> bool) {
        self.until_after(Duration::ZERO, what, state).await;
    }

    /// Waits for a state and moves the clock by `step` at each check.
    pub(crate) async fn until_after(
        &self,
        step: Duration,
        what: &str,
        mut state: impl AsyncFnMut() -> bool,
    ) {
        let waiting = async {
            while !state().await {
                self.clock.advance(step);
                self.store.doorbell.ring(Topic::Feed);
                self.pause().await;
            }
        };
        let waited = tokio::time::timeout(DEADLINE, waiting).await;
        waited.unwrap_or_else(|_| panic!("never: {what}"));
    }

    /// Pauses ten times as long as a query takes, but at least [`PAUSE`], so that the clock does
    /// not run ahead of the tracker on a busy machine.
    async fn pause(&self) {
        let begun = Instant::now();
        let query = stock::Entity::find().all(self.database.read());
        // The database may be unreachable.
        let _ = tokio::time::timeout(MAX_QUERY, query).await;
        tokio::time::sleep(PAUSE.max(begun.elapsed() * 10)).await;
    }

    /// All prices, in the order in which they were recorded.
    pub(crate) async fn prices(&self) -> Vec<stock_price::Model> {
        let rows = stock_price::Entity::find().order_by_asc(stock_price::Column::Seq);
        rows.all(self.database.read()).await.expect("prices")
    }

    /// All prices as text, in the order in which they were recorded.
    pub(crate) async fn price_texts(&self) -> Vec<String> {
        let prices = self.prices().await;
        prices.iter().map(|row| row.price.to_string()).collect()
    }

    /// The daily candles, oldest first.
    pub(crate) async fn daily_candles(&self) -> Vec<candle::Model> {
        let rows = candle::Entity::find()
            .filter(candle::Column::Minutes.eq(CandleInterval::OneDay))
            .order_by_asc(candle::Column::Start);
        rows.all(self.database.read()).await.expect("candles")
    }

    pub(crate) async fn alerts(&self) -> Vec<alert::Model> {
        let rows = alert::Entity::find().order_by_asc(alert::Column::Seq);
        rows.all(self.database.read()).await.expect("alerts")
    }

    pub(crate) async fn stock(&self, of: &str) -> Option<Stock> {
        let found = store::stock::by_symbol(self.database.read(), &symbol(of)).await;
        found.expect("an answer")
    }

    pub(crate) async fn stocks(&self) -> Vec<stock::Model> {
        let rows = stock::Entity::find().all(self.database.read()).await;
        rows.expect("stocks")
    }

    pub(crate) async fn provider(&self, name: &str) -> Option<provider::Model> {
        let row = provider::Entity::find_by_id(name).one(self.database.read());
        row.await.expect("an answer")
    }

    /// All batches of the feed.
    pub(crate) async fn feed(&self) -> Vec<Batch> {
        let rows = feed::Entity::find().order_by_asc(feed::Column::Seq);
        let rows = rows.all(self.database.read()).await.expect("the feed");
        rows.into_iter()
            .map(|row| Batch {
                end: entity::Position {
                    epoch: 7,
                    seq: row.seq,
                    recorded_at: row.recorded_at,
                },
                events: serde_json::from_str(&row.events).expect("events"),
            })
            .collect()
    }

    /// The prices and alerts of the feed.
    pub(crate) async fn events(&self) -> (Vec<Price>, Vec<Alert>) {
        let (mut prices, mut alerts) = (Vec::new(), Vec::new());
        for event in self.feed().await.into_iter().flat_map(|batch| batch.events) {
            match event {
                Event::QuoteRecorded { price, .. } => prices.push(price),
                Event::AlertFired { alert } => alerts.push(alert),
                Event::AlertChanged { .. }
                | Event::StockChanged { .. }
                | Event::RuleChanged { .. }
                | Event::SplitsChanged { .. } => {}
            }
        }
        (prices, alerts)
    }

    /// Tracks another stock without a poll request.
    pub(crate) async fn add(&self, of: &str) {
        let mut feed = FeedTransaction::begin(&self.store).await.expect("a turn");
        let tracked = store::stock::track(&mut feed, &symbol(of), None).await;
        tracked.expect("track the stock");
        feed.commit().await.expect("commit");
    }

    pub(crate) async fn untrack(&self, of: &str) {
        let mut feed = FeedTransaction::begin(&self.store).await.expect("a turn");
        let untracked = store::stock::untrack(&mut feed, &symbol(of)).await;
        untracked.expect("untrack the stock");
        feed.commit().await.expect("commit");
    }

    /// Requests a poll as `api` does, and waits for the response. The clock stands still meanwhile.
    pub(crate) async fn request(&self, of: &str, track: bool) -> (PollOutcome, Option<u32>) {
        let answer = self.response(of, track).await;
        (answer.outcome, answer.retry_after)
    }

    /// Like [`request`](Self::request), with the whole response.
    pub(crate) async fn response(&self, of: &str, track: bool) -> PollResponse {
        let request = PollRequest {
            symbol: symbol(of),
            track,
            name: None,
        };
        let answer = submit(&self.store, request).await;
        let answer = answer.expect("submit the request");
        answer.expect("a response in time")
    }
}
