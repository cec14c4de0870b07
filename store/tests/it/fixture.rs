//! Stores for tests, and prices to record in them.

use std::sync::Arc;

use chrono::NaiveDate;
use entity::{Decimal, Event, Position, Price, Symbol, Timestamp};
use runtime::clock::ManualClock;
use store::{Seed, Store, feed::FeedTransaction, seed};
use testkit::TestDatabase;

/// Creates a seeded store that tracks `symbols`, and its clock.
pub(crate) async fn store(database: &TestDatabase, symbols: &[&str]) -> (Store, ManualClock) {
    database
        .migrate()
        .await
        .expect("the database takes its tables");
    let clock = ManualClock::at(BEGIN);
    let store = Store::new((**database).clone(), clock.shared());
    let first = Seed {
        epoch: 7,
        alert_threshold: Decimal::from_int(5),
        symbols: symbols.iter().map(|text| symbol(text)).collect(),
    };
    seed(&store, &first).await.expect("the store is seeded");
    (store, clock)
}

pub(crate) fn symbol(text: &str) -> Symbol {
    text.parse().expect("a symbol")
}

/// The time at which the clock of a test starts.
pub(crate) const BEGIN: Timestamp = Timestamp::from_micros(1_000_000);

/// The time at which [`record`] stores the price at position `seq`: three positions share one.
pub(crate) fn instant(seq: i64) -> Timestamp {
    Timestamp::from_micros(BEGIN.micros() + seq / 3)
}

/// Stores a price of `stock` at the next position of the feed, which is `seq`.
pub(crate) async fn record(store: &Store, clock: &ManualClock, stock: i64, seq: i64) {
    clock.set(instant(seq));
    let place = record_now(store, stock).await;
    assert_eq!((place.seq, place.recorded_at), (seq, instant(seq)));
}

/// Stores a price of `stock` and returns its position.
pub(crate) async fn record_now(store: &Store, stock: i64) -> Position {
    let mut feed = FeedTransaction::begin(store).await.expect("a turn");
    let price = price(stock, feed.next_seq(), feed.recorded_at());
    let written = store::price::record(&mut feed, &[&price], &[]).await;
    written.expect("the price is stored");
    let known = store::stock::by_ids(feed.connection(), &[stock]).await;
    let stock = known.expect("an answer").pop().expect("a stock");
    feed.push(Event::QuoteRecorded { price, stock });
    feed.commit().await.expect("commit")
}

/// Returns a price of `stock`.
pub(crate) fn price(stock: i64, seq: i64, recorded_at: Timestamp) -> Price {
    Price {
        stock_id: stock,
        symbol: symbol("UNUSED"),
        seq,
        price: Decimal::from_units(seq),
        previous_close: None,
        open: None,
        high: None,
        low: None,
        volume: None,
        trading_day: NaiveDate::from_ymd_opt(2026, 11, 20).expect("a date"),
        market_time: Timestamp::from_micros(0),
        market_time_sent: false,
        recorded_at,
        provider: "test".to_owned(),
    }
}

/// A store for tasks of a test.
pub(crate) fn shared(store: &Store) -> Arc<Store> {
    Arc::new(store.clone())
}
