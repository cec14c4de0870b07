//! The tracker's side: quotes, and the rows that they become.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use entity::{
    Candle, CandleInterval, Price,
    table::{alert_rule, feed},
};
use market::candle_start;
use runtime::{clock::ManualClock, metrics::Metrics};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, Statement};
use store::Store;
use testkit::{SeededRandom, TestDatabase};
use tracker::{
    ingest::{Ingest, QuoteBatch},
    metrics::TrackerMetrics,
    quote::{PreviousClose, Quote},
};

use super::{
    STOCKS,
    shared::{self, hundredths, row, today},
};

/// The number of rules per stock. Few of them are within reach.
const RULES: i64 = 10;

pub(super) struct World {
    /// Keeps the database.
    _database: TestDatabase,
    pub(super) store: Store,
    clock: ManualClock,
    ingest: Ingest,
    random: SeededRandom,
    /// The price of each stock in hundredths.
    prices: Vec<i64>,
    next: usize,
    /// The position of the feed.
    seq: i64,
}

/// What a batch wrote.
pub(super) struct Rows {
    pub(super) prices: Vec<Price>,
    pub(super) candles: Vec<Candle>,
    pub(super) feed: feed::Model,
}

impl World {
    pub(super) async fn new(database: TestDatabase) -> Self {
        let (store, clock) = shared::seeded(&database, STOCKS).await;
        #[expect(clippy::disallowed_methods, reason = "a task, as in the program")]
        tokio::spawn(store.database.clone().run_checkpoints());
        let metrics = TrackerMetrics::new(&Metrics::new("", "").meter(), &[]);
        let world = Self {
            _database: database,
            ingest: Ingest::new(store.clone(), metrics),
            store,
            clock,
            random: SeededRandom::new(1),
            prices: (0..STOCKS).map(|_| 10_000).collect(),
            next: 0,
            seq: 0,
        };
        world.write_rules().await;
        world
    }

    async fn write_rules(&self) {
        let mut random = SeededRandom::new(2);
        let rows =
            (0..STOCKS * RULES).map(|id| row(&shared::rule(&mut random, id, 1 + id % STOCKS)));
        let written = alert_rule::Entity::insert_many(rows)
            .exec_without_returning(self.store.database.write())
            .await;
        written.expect("write the rules");
    }

    /// The next quotes, of all stocks in turn.
    pub(super) fn quotes(&mut self, count: usize) -> Vec<Quote> {
        (0..count)
            .map(|_| {
                let stock = self.next % self.prices.len();
                self.next += 1;
                let step = self.random.choose(&[-3, -2, -1, 1, 2, 3]);
                let price = (self.prices[stock] + step).clamp(9_900, 10_100);
                // A repeated price would not be stored.
                self.prices[stock] = if price == self.prices[stock] {
                    price - 5 * step
                } else {
                    price
                };
                quote(stock + 1, self.prices[stock])
            })
            .collect()
    }

    /// Stores a batch.
    pub(super) async fn ingest(&mut self, quotes: Vec<Quote>) {
        self.clock.advance(Duration::from_millis(500));
        let count = quotes.len();
        let batch = QuoteBatch {
            provider: "bench",
            quotes,
            ..QuoteBatch::default()
        };
        let report = self.ingest.ingest(batch).await.expect("store the batch");
        assert_eq!(report.prices, count);
    }

    /// Reads what the batches since the last call wrote.
    pub(super) async fn new_rows(&mut self) -> Vec<Rows> {
        let connection = self.store.database.read();
        let query = |text: String| Statement::from_string(connection.get_database_backend(), text);
        let text = format!(
            "SELECT stocks.symbol, {} FROM stock_prices JOIN stocks ON stocks.id = stock_id \
             WHERE seq > {} ORDER BY seq",
            Price::COLUMNS,
            self.seq
        );
        let prices = Price::find_by_statement(query(text)).all(connection).await;
        let prices = prices.expect("prices");
        let candles = query("SELECT * FROM candles".to_owned());
        let candles = Candle::find_by_statement(candles).all(connection).await;
        let candles: HashMap<_, _> = candles
            .expect("candles")
            .into_iter()
            .map(|it| ((it.interval, it.stock_id, it.start), it))
            .collect();
        let feed = feed::Entity::find()
            .filter(feed::Column::Seq.gt(self.seq))
            .order_by_asc(feed::Column::Seq)
            .all(connection)
            .await;
        let rows = feed.expect("a feed").into_iter().map(|feed| {
            let within = |price: &&Price| price.seq > feed.after_seq && price.seq <= feed.seq;
            let prices: Vec<Price> = prices.iter().filter(within).cloned().collect();
            let keys: BTreeSet<_> = prices
                .iter()
                .flat_map(|price| {
                    CandleInterval::ALL
                        .map(|interval| (interval, price.stock_id, candle_start(interval, price)))
                })
                .collect();
            // They are read after the last batch. Each batch changes them, because SQLite does not
            // write a row that stays the same.
            let candle = |key| Candle {
                closed_at: feed.recorded_at,
                ..candles[key].clone()
            };
            let candles = keys.iter().map(candle).collect();
            Rows {
                prices,
                candles,
                feed,
            }
        });
        let rows: Vec<Rows> = rows.collect();
        self.seq = rows.last().map_or(self.seq, |rows| rows.feed.seq);
        rows
    }
}

fn quote(stock: usize, price: i64) -> Quote {
    Quote {
        previous_close: PreviousClose::Sent(hundredths(10_000)),
        open: Some(hundredths(10_000)),
        high: Some(hundredths(10_100)),
        low: Some(hundredths(9_900)),
        volume: Some(1_000_000),
        ..Quote::new(
            format!("S{stock}").parse().expect("a symbol"),
            hundredths(price),
            today(),
        )
    }
}
