//! The server side of the test: a database, a writer of random prices, and the follower.

use std::{fs, path::PathBuf, sync::OnceLock, time::Duration};

use entity::{Decimal, Position, Symbol};
use market::PollingHours;
use runtime::{
    clock::SystemClock, config::Secret, health::Health, lifecycle::Lifecycle, metrics::Metrics,
    random::Random,
};
use store::{
    Seed, Store,
    feed::{FeedFollower, FeedTransaction},
};
use testkit::{SeededRandom, TestDatabase, TestDatabaseUrl, oracle::Oracle};
use tokio::sync::watch;
use tracker::{
    ingest::{Ingest, QuoteBatch},
    metrics::TrackerMetrics,
    quote::{PreviousClose, Quote},
};

use crate::{
    auth::{AccessTokens, RateLimit},
    graphql::{Executor, SchemaOptions, schema},
    live::{BacklogLimits, Hub, follow},
    metrics::ServeMetrics,
    quote_board::QuoteBoard,
    service::{BuildInfo, Service},
};

/// The symbols. The last one is tracked later.
pub(super) const SYMBOLS: [&str; 5] = ["AAPL", "BRK.A", "GOOG", "IBM", "MSFT"];
const TRACKED: [&str; 4] = ["AAPL", "BRK.A", "GOOG", "IBM"];
/// The prices vary around these, against a previous close of 100.
const DOLLARS: [u32; 9] = [100, 100, 100, 89, 94, 106, 111, 117, 123];
/// Timeout of one seed on a busy machine.
const SEED_TIMEOUT: Duration = Duration::from_mins(2);
const LIMITS: BacklogLimits = BacklogLimits {
    retained: 12,
    max_events: 6,
    max_bytes: 1 << 20,
    page: 3,
};

pub(super) struct Simulation {
    store: Store,
    board: QuoteBoard,
    health: Health,
    pub(super) hub: Hub,
    pub(super) executor: Executor,
    /// Number of batches written; `None` when the writer has finished.
    written: watch::Sender<Option<usize>>,
    /// The stored rows, read at the end.
    oracle: OnceLock<Oracle>,
    pub(super) metrics: ServeMetrics,
    // Removes the database on drop.
    database: TestDatabase,
}

/// A seeded SQLite file, copied for each seed.
pub(super) struct Template {
    path: PathBuf,
    _url: TestDatabaseUrl,
}

impl Template {
    pub(super) async fn make() -> Self {
        let database = TestDatabase::sqlite().await;
        seed(&database).await;
        let url = TestDatabaseUrl::sqlite();
        let path = path(&url);
        database.copy_to(&path).await;
        Self { path, _url: url }
    }

    pub(super) async fn copy(&self) -> TestDatabase {
        let url = TestDatabaseUrl::sqlite();
        fs::copy(&self.path, path(&url)).expect("copied");
        TestDatabase::connect(url).await
    }
}

fn path(url: &TestDatabaseUrl) -> PathBuf {
    let path = url.as_str().trim_start_matches("sqlite://");
    path.split('?').next().expect("a path").into()
}

pub(super) async fn seed(database: &TestDatabase) {
    let seed = Seed {
        epoch: 7,
        alert_threshold: Decimal::from_int(5),
        symbols: TRACKED.iter().map(|text| symbol(text)).collect(),
    };
    let store = Store::new((*database).clone(), SystemClock::shared());
    store::seed(&store, &seed).await.expect("seeded");
}

fn symbol(text: &str) -> Symbol {
    text.parse().expect("a symbol")
}

impl Simulation {
    /// Creates a server with small limits, which few events exceed.
    pub(super) async fn open(database: TestDatabase) -> Self {
        let store = Store::new((*database).clone(), SystemClock::shared());
        let lifecycle = Lifecycle::without_signals(Duration::ZERO, Random::seeded(1));
        let health = Health::new(lifecycle.shutdown());
        health.database_answered();
        let (board, position) = QuoteBoard::load(&store).await.expect("the tables");
        let hub = Hub::new(position, LIMITS);
        let build = BuildInfo {
            version: "",
            revision: None,
            started_at: store.clock.now(),
        };
        let service = Service::new(
            store.clone(),
            board.clone(),
            hub.clone(),
            health.clone(),
            PollingHours::Always,
            build,
        );
        let options = SchemaOptions {
            introspection: false,
            suggestions: false,
        };
        let access = AccessTokens::new(Secret::new("admin"), None);
        Self {
            executor: Executor::new(
                schema(service.clone(), options),
                service,
                access,
                RateLimit::new(None),
            ),
            store,
            board,
            health,
            hub,
            written: watch::Sender::new(Some(0)),
            oracle: OnceLock::new(),
            metrics: ServeMetrics::new(&Metrics::new("", "").meter()),
            database,
        }
    }

    /// Returns the end of the feed.
    pub(super) async fn end(&self) -> Position {
        store::feed::end(&self.store).await.expect("the feed")
    }

    /// Runs `work` while the follower runs.
    pub(super) async fn until_done<T>(&self, work: impl Future<Output = T>) -> T {
        let follower = FeedFollower::after(self.store.clone(), self.hub.position());
        let following = follow(
            follower,
            self.board.clone(),
            self.hub.clone(),
            self.store.clock.clone(),
            self.metrics.clone(),
        );
        let probing = self.health.clone().probe(self.store.database.clone());
        let worked = async {
            tokio::select! {
                worked = work => worked,
                () = following => unreachable!("the follower does not end"),
                () = probing => unreachable!("the probe does not end"),
            }
        };
        let worked = tokio::time::timeout(SEED_TIMEOUT, worked).await;
        worked.expect("all clients finish in time")
    }

    /// Returns a receiver of the number of batches written so far.
    pub(super) fn written(&self) -> watch::Receiver<Option<usize>> {
        self.written.subscribe()
    }

    /// Writes random prices of several trading days.
    pub(super) async fn write(&self, mut random: SeededRandom) {
        let metrics = TrackerMetrics::new(&Metrics::new("", "").meter(), &[]);
        let ingest = Ingest::new(self.store.clone(), metrics);
        let start: chrono::NaiveDate = "2026-11-02".parse().expect("a date");
        let (mut day, mut cents) = (0, 0);
        let mut quote = |random: &mut SeededRandom, of: &str, dollars: &[u32], day: u64| {
            // All prices differ; some differ enough to fire alerts.
            cents += 1;
            let price = format!("{}.{cents:04}", random.choose(dollars));
            quote(of, &price, start + chrono::Days::new(day))
        };
        for batch in 1..=random.between(6, 16) {
            if random.percent(25) {
                self.track_or_untrack(&mut random).await;
            }
            if random.percent(30) {
                day += 1;
            }
            let of = SYMBOLS
                .into_iter()
                .filter(|_| random.percent(60))
                .collect::<Vec<_>>();
            let quotes = of
                .into_iter()
                .map(|of| quote(&mut random, of, &DOLLARS, day));
            let quotes = quotes.collect();
            let batch_of_quotes = QuoteBatch {
                // Prices that suggest a split are held, and their alerts fire later.
                reports_splits: random.percent(50),
                ..quote_batch(quotes)
            };
            ingest.ingest(batch_of_quotes).await.expect("stored");
            if random.percent(40) {
                self.release(&ingest).await;
            }
            self.written.send_replace(Some(batch));
            // Bursts, and pauses in which clients catch up.
            if random.percent(30) {
                let end = self.end().await;
                while self.hub.position() != end {
                    tokio::time::sleep(Duration::from_micros(200)).await;
                }
                for _ in 0..random.between(0, 20) {
                    tokio::task::yield_now().await;
                }
            }
        }
        // The last batch has a new price of every symbol.
        for of in SYMBOLS {
            self.track(of, true).await;
        }
        let quotes = SYMBOLS.map(|of| quote(&mut random, of, &[123], day + 1));
        ingest
            .ingest(quote_batch(quotes.into()))
            .await
            .expect("stored");
        self.release(&ingest).await;
        let oracle = Oracle::read(&self.database, &TRACKED).await;
        assert!(self.oracle.set(oracle).is_ok(), "it is written once");
        self.written.send_replace(None);
    }

    /// Releases all held prices, so that their alerts fire.
    async fn release(&self, ingest: &Ingest) {
        let held = store::held_price::stocks(self.database.read()).await;
        for stock in held.expect("an answer") {
            let released = ingest.release(stock.stock_id, None).await;
            released.expect("released");
        }
    }

    async fn track_or_untrack(&self, random: &mut SeededRandom) {
        self.track(random.choose(&SYMBOLS), random.percent(60))
            .await;
    }

    async fn track(&self, of: &str, tracks: bool) {
        let mut feed = FeedTransaction::begin(&self.store).await.expect("the feed");
        if tracks {
            store::stock::track(&mut feed, &symbol(of), None)
                .await
                .expect("tracked");
        } else {
            store::stock::untrack(&mut feed, &symbol(of))
                .await
                .expect("untracked");
        }
        feed.commit().await.expect("committed");
    }

    /// Returns the stored rows, after the writer has finished.
    pub(super) fn oracle(&self) -> &Oracle {
        self.oracle.get().expect("a finished writer")
    }
}

fn quote_batch(quotes: Vec<Quote>) -> QuoteBatch {
    QuoteBatch {
        provider: "test",
        quotes,
        ..QuoteBatch::default()
    }
}

fn quote(of: &str, price: &str, trading_day: chrono::NaiveDate) -> Quote {
    Quote {
        previous_close: PreviousClose::Sent(Decimal::from_int(100)),
        volume: Some(1000),
        ..Quote::new(symbol(of), price.parse().expect("a price"), trading_day)
    }
}
