//! Stocks with prices and alerts, stored by the tracker's own code.

use std::time::Duration;

use chrono::NaiveDate;
use entity::{
    AlertKind, AlertRule, Decimal, PriceBasis, Symbol, Timestamp, Trigger, table::backfill,
};
use runtime::{
    clock::{Clock, ManualClock, SharedClock, SystemClock},
    metrics::Metrics,
};
use sea_orm::{ActiveValue::Set, EntityTrait};
use store::{
    Seed, Store, database::Database, feed::FeedTransaction, retention::create_partitions, rule,
    seed, stock,
};
use tracker::{
    ingest::{Ingest, QuoteBatch},
    metrics::TrackerMetrics,
    quote::{PreviousClose, Quote},
};

/// The number of stocks.
pub(crate) const STOCKS: u32 = 100;
/// The number of prices of each stock that queries read.
pub(crate) const PRICES: u32 = 1_000;
/// Every price of this period that rises above [`LEVEL`] fires an alert: 50 for 1,000 prices.
const PERIOD: u32 = 20;
const LEVEL: i64 = 10_010;
const MINUTE: Duration = Duration::from_mins(1);

/// Stores prices of all stocks in turn.
pub(crate) struct Writer {
    store: Store,
    ingest: Ingest,
    /// The number of prices so far.
    written: u32,
}

impl Writer {
    pub(crate) fn new(database: Database) -> Self {
        Self::with_clock(database, SystemClock::shared())
    }

    fn with_clock(database: Database, clock: SharedClock) -> Self {
        let store = Store::new(database, clock);
        let metrics = TrackerMetrics::new(&Metrics::new("", "").meter(), &[]);
        Self {
            ingest: Ingest::new(store.clone(), metrics),
            store,
            written: 0,
        }
    }

    /// Stores a price of each of the next `count` stocks in one transaction.
    pub(crate) async fn write(&mut self, count: u32, stocks: u32) {
        let now = self.store.clock.now();
        let quotes = (self.written..self.written + count).map(|at| quote(at, stocks, now));
        let batch = QuoteBatch {
            provider: "bench",
            quotes: quotes.collect(),
            ..QuoteBatch::default()
        };
        let report = self.ingest.ingest(batch).await.expect("store the prices");
        assert_eq!(report.prices, count as usize, "every price is new");
        self.written += count;
    }
}

/// Fills an empty database with `prices` of each stock, one a minute until now, and alerts.
pub(crate) async fn fill(database: Database, prices: u32) {
    let now = SystemClock.now();
    let clock = ManualClock::at(now.before(MINUTE * prices));
    let mut writer = Writer::with_clock(database, clock.shared());
    let store = writer.store.clone();
    let first = Seed {
        epoch: 7,
        alert_threshold: Decimal::from_int(5),
        symbols: (0..STOCKS).map(symbol).collect(),
    };
    seed(&store, &first).await.expect("seed the store");
    create_partitions(&store).await.expect("create partitions");
    set_rules(&store).await;
    for _ in 0..prices {
        writer.write(STOCKS, STOCKS).await;
        clock.advance(MINUTE);
    }
    clock.set(now);
    create_partitions(&store).await.expect("create partitions");
    skip_backfill(&store).await;
}

/// The symbol of a stock.
pub(crate) fn symbol(at: u32) -> Symbol {
    format!("S{:03}", at + 1).parse().expect("a symbol")
}

/// The date in New York, except for an hour of a summer day.
pub(crate) fn trading_day(now: Timestamp) -> NaiveDate {
    const HOURS_BEHIND: Duration = Duration::from_hours(5);
    let local = now.before(HOURS_BEHIND).micros();
    let local = chrono::DateTime::from_timestamp_micros(local);
    local.expect("a time").date_naive()
}

/// The price of a turn, in hundredths.
fn hundredths(turn: u32) -> i64 {
    let at = turn % PERIOD;
    LEVEL + if at == 0 { 1 } else { -i64::from(at) }
}

/// The quote of a turn, which differs from all others in its volume.
fn quote(at: u32, stocks: u32, now: Timestamp) -> Quote {
    let price = |hundredths: i64| Decimal::from_units(hundredths * 1_000_000);
    let (stock, turn) = (at % stocks, at / stocks);
    let last = price(hundredths(turn));
    Quote {
        previous_close: PreviousClose::Sent(price(10_000)),
        open: Some(price(10_000)),
        high: Some(price(LEVEL + 1)),
        low: Some(price(9_900)),
        volume: Some(now.micros() + i64::from(at)),
        name: Some(format!("Stock number {}", stock + 1)),
        currency: Some("USD".to_owned()),
        exchange: Some("NYSE".to_owned()),
        ..Quote::new(symbol(stock), last, trading_day(now))
    }
}

/// Creates a rule of each stock that fires each time the price rises above [`LEVEL`].
async fn set_rules(store: &Store) {
    let mut feed = FeedTransaction::begin(store).await.expect("begin");
    let ids: Vec<i64> = (1..=i64::from(STOCKS)).collect();
    let stocks = stock::by_ids(feed.connection(), &ids).await;
    for stock in stocks.expect("read the stocks") {
        let now = feed.recorded_at();
        let threshold = Decimal::from_units(LEVEL * 1_000_000);
        let rule = AlertRule {
            id: 0,
            stock_id: Some(stock.id),
            symbol: Some(stock.symbol),
            is_default: false,
            name: None,
            note: None,
            kind: AlertKind::PriceAbove,
            threshold,
            base: None,
            basis: PriceBasis::Last,
            window_seconds: None,
            hold_seconds: 0,
            trigger: Trigger::EveryTime,
            rearm_percent: Decimal::from_int(0),
            cooldown_seconds: 0,
            enabled: true,
            expires_at: None,
            created_at: now,
            updated_at: None,
            set_threshold: Some(threshold),
            level_day: Some(trading_day(now)),
            start_seq: 0,
            start_at: now,
            deleted: false,
        };
        rule::create(&mut feed, rule).await.expect("create a rule");
    }
    feed.commit().await.expect("commit");
}

/// Marks the daily history of all stocks as requested, so that it is not requested meanwhile.
async fn skip_backfill(store: &Store) {
    let now = store.clock.now();
    let done = (1..=i64::from(STOCKS)).map(|stock_id| backfill::ActiveModel {
        stock_id: Set(stock_id),
        done_at: Set(Some(now)),
        failures: Set(0),
        next_at: Set(now),
    });
    let written = backfill::Entity::insert_many(done)
        .exec_without_returning(store.database.write())
        .await;
    written.expect("write the rows");
}
