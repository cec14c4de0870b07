//! Stores prices with and without rules, and loads rules, with a SQLite file.

use std::time::{Duration, Instant};

use entity::table::alert_rule;
use runtime::{clock::ManualClock, metrics::Metrics};
use sea_orm::EntityTrait;
use store::Store;
use testkit::{SeededRandom, TestDatabase};
use tracker::{
    ingest::{Ingest, QuoteBatch},
    metrics::TrackerMetrics,
    quote::{PreviousClose, Quote},
};

use super::{
    median,
    shared::{self, hundredths, micros, row, today},
};

/// The number of prices that are stored with and without rules, alternately.
const PRICES: usize = 400;
const STOCKS: i64 = 1_000;

struct World {
    /// Keeps the file.
    _database: TestDatabase,
    store: Store,
    clock: ManualClock,
    ingest: Ingest,
}

impl World {
    /// A database with `count` rules of the first `stocks` stocks.
    async fn new(count: usize, stocks: i64) -> Self {
        let database = TestDatabase::sqlite().await;
        let (store, clock) = shared::seeded(&database, STOCKS).await;
        let world = Self {
            _database: database,
            ingest: ingest(&store),
            store,
            clock,
        };
        world.write_rules(count, stocks).await;
        world
    }

    async fn write_rules(&self, count: usize, stocks: i64) {
        /// SQLite allows 32,766 parameters per statement.
        const CHUNK: usize = 1_000;
        let mut random = SeededRandom::new(1);
        let transaction = self.store.database.begin_write().await.expect("begin");
        for first in (0..count).step_by(CHUNK) {
            let rows = (first..count.min(first + CHUNK)).map(|at| {
                let id = i64::try_from(at).expect("a count");
                row(&shared::rule(&mut random, id, 1 + id % stocks))
            });
            let written = alert_rule::Entity::insert_many(rows);
            let written = written.exec_without_returning(&transaction).await;
            written.expect("write the rules");
        }
        transaction.commit().await.expect("commit");
    }

    /// Stores a price of the first stock. Returns how long it takes.
    async fn store(&self, ingest: &Ingest, price: i64) -> Duration {
        self.clock.advance(Duration::from_secs(1));
        let batch = QuoteBatch {
            provider: "bench",
            quotes: vec![quote(price)],
            ..QuoteBatch::default()
        };
        let begun = Instant::now();
        let report = ingest.ingest(batch).await.expect("store the price");
        assert_eq!(report.prices, 1);
        begun.elapsed()
    }
}

fn ingest(store: &Store) -> Ingest {
    let metrics = TrackerMetrics::new(&Metrics::new("", "").meter(), &[]);
    Ingest::new(store.clone(), metrics)
}

fn quote(price: i64) -> Quote {
    Quote {
        previous_close: PreviousClose::Sent(hundredths(10_000)),
        ..Quote::new("S1".parse().expect("a symbol"), hundredths(price), today())
    }
}

/// Compares the time to store a price with `count` rules of its stock and without rules.
pub(super) async fn store_prices(count: usize) {
    let (with, without) = (World::new(count, 1).await, World::new(0, 1).await);
    let mut took = [Vec::new(), Vec::new()];
    let mut random = SeededRandom::new(2);
    let mut price = 10_000;
    for at in 0..PRICES + PRICES / 4 {
        price += random.choose(&[-3, -2, -1, 1, 2, 3]);
        price = price.clamp(9_900, 10_100);
        for (world, took) in [&with, &without].into_iter().zip(&mut took) {
            let elapsed = world.store(&world.ingest, price).await;
            // The first ones load the rules and warm up.
            if at >= PRICES / 4 {
                took.push(elapsed);
            }
        }
    }
    let [with, without] = took.map(|took| micros(median(took)));
    println!("| rules of the stock | µs a stored price | without rules | ratio |");
    println!("|-------------------:|------------------:|--------------:|------:|");
    println!(
        "| {count} | {with:.0} | {without:.0} | {:.2} |",
        with / without
    );
}

/// Measures the first price of a tracker that takes over `count` rules of many stocks.
pub(super) async fn load_rules(count: usize) {
    let world = World::new(count, STOCKS).await;
    let before = resident();
    let taken_over = ingest(&world.store);
    let took = world.store(&taken_over, 10_000).await;
    let grown = resident() - before;
    let next = world.store(&taken_over, 10_001).await;
    println!("| rules loaded | seconds | MiB | bytes a rule | next price, µs |");
    println!("|-------------:|--------:|----:|-------------:|---------------:|");
    #[expect(clippy::cast_precision_loss, reason = "a count of rules")]
    let per_rule = grown * 1024.0 * 1024.0 / count as f64;
    let seconds = took.as_secs_f64();
    println!(
        "| {count} | {seconds:.2} | {grown:.0} | {per_rule:.0} | {:.0} |",
        micros(next)
    );
}

/// The resident memory of this process in MiB.
fn resident() -> f64 {
    const PAGES_PER_MIB: f64 = 256.0;
    let statm = std::fs::read_to_string("/proc/self/statm").expect("the memory of this process");
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    pages.expect("a number of pages") / PAGES_PER_MIB
}
