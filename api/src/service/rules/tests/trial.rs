//! Judges a history of quotes, rules and splits twice: by trackers over a database, and by the
//! naive evaluator over the prices that they stored.

mod alerts;
mod changes;
mod sessions;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use alerting::{Firing, Sample};
use chrono::NaiveDate;
use entity::{Candle, Decimal, Price, Split, Stock, Symbol, Timestamp};
use market::{Market, PollingHours};
use runtime::{
    clock::ManualClock, health::Health, lifecycle::Lifecycle, metrics::Metrics, random::Random,
};
use store::{
    Seed, Store, candle, feed::FeedTransaction, held_price, price, price::Recorded, split,
};
use testkit::{NaiveRules, TestDatabase};
use tracker::{
    ingest::{Ingest, IngestReport, QuoteBatch},
    metrics::TrackerMetrics,
    quote::Quote,
};

pub(super) use self::alerts::AlertColumns;
use self::sessions::{Sessions, add_session, average};
use super::super::{NewRule, RuleTest};
use crate::{
    live::{BacklogLimits, Hub},
    quote_board::QuoteBoard,
    service::{BuildInfo, Error, Service},
};

/// The provider of all quotes.
pub(super) const PROVIDER: &str = "test";

/// A firing of the naive evaluator.
#[derive(Clone, Debug)]
pub(super) struct Fired {
    /// The price.
    pub(super) sample: Sample,
    pub(super) firing: Firing,
}

/// The trackers, the naive evaluator, and the service of the dry runs.
pub(super) struct Trial {
    pub(super) database: TestDatabase,
    pub(super) store: Store,
    pub(super) clock: ManualClock,
    pub(super) service: Service,
    pub(super) naive: NaiveRules,
    /// The firings of the naive evaluator, in order.
    pub(super) fired: Vec<Fired>,
    pub(super) stocks: Vec<Stock>,
    /// Two trackers, each with rules in memory.
    trackers: [Ingest; 2],
    active: usize,
    /// The close and volume of each session, by stock.
    sessions: HashMap<i64, Sessions>,
    /// The recorded splits, by stock.
    splits: HashMap<i64, Vec<Split>>,
    /// The prices that wait for their release, by stock.
    held: BTreeMap<i64, Vec<Price>>,
    /// Rules that were deleted, whose alerts have no rule any more.
    deleted: HashSet<i64>,
}

impl Trial {
    /// A database that tracks `symbols`, and a clock.
    pub(super) async fn new(database: TestDatabase, symbols: &[&str], now: Timestamp) -> Self {
        let clock = ManualClock::at(now);
        let store = Store::new((*database).clone(), clock.shared());
        let seed = Seed {
            epoch: 7,
            alert_threshold: Decimal::from_int(5),
            symbols: symbols
                .iter()
                .map(|text| text.parse().expect("a symbol"))
                .collect(),
        };
        store::seed(&store, &seed).await.expect("seed the store");
        let service = service(&store).await;
        let stocks = service.quoted_stocks().into_iter().map(|(stock, _)| stock);
        Self {
            stocks: stocks.collect(),
            trackers: [tracker(&store), tracker(&store)],
            database,
            store,
            clock,
            service,
            naive: NaiveRules::default(),
            fired: Vec::new(),
            active: 0,
            sessions: HashMap::new(),
            splits: HashMap::new(),
            held: BTreeMap::new(),
            deleted: HashSet::new(),
        }
    }

    async fn begin(&self) -> FeedTransaction {
        self.clock.advance(Duration::from_secs(1));
        FeedTransaction::begin(&self.store).await.expect("begin")
    }

    /// The splits of a stock.
    pub(super) fn splits(&self, stock: i64) -> Vec<Split> {
        self.splits.get(&stock).cloned().unwrap_or_default()
    }

    async fn read_splits(&mut self, stock: i64) {
        let splits = split::all(self.store.database.read(), stock).await;
        let splits = splits.expect("splits");
        self.naive.set_splits(stock, splits.clone());
        self.splits.insert(stock, splits);
    }

    /// Whether a rule has fired.
    pub(super) fn has_fired(&self, rule: i64) -> bool {
        self.fired.iter().any(|fired| fired.firing.rule == rule)
    }

    /// Continues with the other tracker.
    pub(super) async fn take_over(&mut self) {
        self.active = 1 - self.active;
        drop(self.trackers[self.active].pause().await);
    }

    /// Restarts the tracker.
    pub(super) fn restart(&mut self) {
        self.trackers[self.active] = tracker(&self.store);
    }

    /// Stores a batch, whose transaction fails the first time if `fails`.
    pub(super) async fn ingest(&mut self, batch: QuoteBatch, fails: bool) -> IngestReport {
        self.clock.advance(Duration::from_secs(1));
        let tracker = self.trackers[self.active].clone();
        if fails {
            let broken = [("feed", "feed_away"), ("feed_away", "feed")];
            let [away, back] =
                broken.map(|(from, to)| format!("ALTER TABLE {from} RENAME TO {to}"));
            self.database.execute(&away).await.expect("rename");
            let failed = tracker.ingest(batch.clone()).await;
            self.database.execute(&back).await.expect("rename");
            if let Ok(report) = failed {
                assert_eq!(report.prices, 0, "nothing is stored without the feed");
            }
        }
        let with_split = batch.quotes.iter().filter(|quote| quote.split.is_some());
        let reported: Vec<Symbol> = with_split.map(|quote| quote.symbol.clone()).collect();
        let report = tracker.ingest(batch).await.expect("store the batch");
        let ids: Vec<i64> = self.stocks.iter().map(|stock| stock.id).collect();
        let connection = self.store.database.read();
        let mut new = price::latest(connection, &ids).await.expect("prices");
        new.retain(|price| {
            let seen = self.naive.newest(price.stock_id).map(|newest| newest.seq);
            let held = self.held.get(&price.stock_id).and_then(|held| held.last());
            Some(price.seq) > seen.max(held.map(|held| held.seq))
        });
        new.sort_unstable_by_key(|price| price.seq);
        assert_eq!(new.len(), report.prices);
        for price in new {
            if reported.contains(&price.symbol) {
                self.read_splits(price.stock_id).await;
            }
            let waits = report.held > 0 || self.held.contains_key(&price.stock_id);
            if waits && self.is_held(price.stock_id).await {
                let waiting = self.held.entry(price.stock_id).or_default();
                waiting.push(price.clone());
            } else {
                self.judge(&price);
            }
            let sessions = self.sessions.entry(price.stock_id).or_default();
            add_session(sessions, price.trading_day, price.market_time, price.volume);
        }
        report
    }

    async fn is_held(&self, stock: i64) -> bool {
        let held = held_price::by_stock(self.store.database.read(), stock).await;
        !held.expect("held prices").is_empty()
    }

    /// The stocks with held prices.
    pub(super) fn held(&self) -> Vec<i64> {
        self.held.keys().copied().collect()
    }

    /// Releases the held prices of a stock, perhaps with its splits.
    pub(super) async fn release(&mut self, stock: i64, reported: Option<Split>) {
        self.clock.advance(Duration::from_secs(1));
        let reported = reported.as_ref().map(std::slice::from_ref);
        let reported = reported.map(|splits| (PROVIDER, splits));
        let tracker = self.trackers[self.active].clone();
        let released = tracker.release(stock, reported).await;
        released.expect("release the prices");
        self.read_splits(stock).await;
        for price in self.held.remove(&stock).unwrap_or_default() {
            self.judge(&price);
        }
    }

    /// Writes candles of sessions before the first price.
    pub(super) async fn write_candles(&mut self, candles: &[Candle]) {
        let feed = self.begin().await;
        let written = candle::write(feed.connection(), candles).await;
        written.expect("write the candles");
        feed.commit().await.expect("commit");
    }

    /// Adds the volume of a session before the first price.
    pub(super) fn add_session(&mut self, stock: i64, day: NaiveDate, volume: Option<i64>) {
        let sessions = self.sessions.entry(stock).or_default();
        add_session(sessions, day, Timestamp::MIN, volume);
    }

    fn judge(&mut self, price: &Price) {
        let splits = self.splits(price.stock_id);
        let sessions = self.sessions.get(&price.stock_id);
        let session = Market::of(&price.symbol).session(price.trading_day);
        let sample = Sample {
            average_volume: sessions
                .and_then(|sessions| average(sessions, price.trading_day, &splits)),
            ..Sample::new(price, session.start)
        };
        let firings = self.naive.evaluate(&sample);
        self.fired.extend(firings.into_iter().map(|firing| Fired {
            sample: sample.clone(),
            firing,
        }));
    }
}

/// A service over the current data.
pub(super) async fn service(store: &Store) -> Service {
    let lifecycle = Lifecycle::without_signals(Duration::ZERO, Random::seeded(1));
    let health = Health::new(lifecycle.shutdown());
    let (board, position) = QuoteBoard::load(store).await.expect("the tables");
    let build = BuildInfo {
        version: "",
        revision: None,
        started_at: store.clock.now(),
    };
    let hub = Hub::new(position, BacklogLimits::default());
    let hours = PollingHours::Always;
    Service::new(store.clone(), board, hub, health, hours, build)
}

/// Maximum number of attempts of a dry run.
const ATTEMPTS: usize = 20;

/// Runs a dry run over a database that is always up.
pub(super) async fn dry_run(
    service: &Service,
    new: NewRule,
    range: Recorded,
) -> Result<RuleTest, Error> {
    let keep_alive = async || {
        loop {
            service.health.database_answered();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    for _ in 0..ATTEMPTS {
        let test = tokio::select! {
            biased;
            () = keep_alive() => unreachable!("it never ends"),
            test = service.test_rule(new.clone(), range) => test,
        };
        // A busy machine can delay the answers for so long that the database seems to be away.
        if !matches!(test, Err(Error::Unavailable { .. })) {
            return test;
        }
    }
    panic!("the database seemed to be away {ATTEMPTS} times");
}

fn tracker(store: &Store) -> Ingest {
    let metrics = TrackerMetrics::new(&Metrics::new("", "").meter(), &[]);
    Ingest::new(store.clone(), metrics)
}
/// A batch of the test's provider.
pub(super) fn batch(quotes: Vec<Quote>, reports_splits: bool) -> QuoteBatch {
    QuoteBatch {
        provider: PROVIDER,
        quotes,
        reports_splits,
        ..QuoteBatch::default()
    }
}
