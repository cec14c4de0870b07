//! A store over a database of a test's own.

use std::sync::Arc;

use chrono::NaiveDate;
use entity::{Decimal, Price, Symbol, Timestamp, table::stock_price};
use runtime::{clock::ManualClock, testing::TestDatabase};
use sea_orm::EntityTrait;
use store::{Seed, Store, seed};

/// A seeded store that tracks `symbols`, and the clock that it records with.
pub(crate) async fn store(database: &TestDatabase, symbols: &[&str]) -> (Store, ManualClock) {
    database
        .migrate()
        .await
        .expect("the database takes its tables");
    let clock = ManualClock::at(Timestamp::from_micros(1_000_000));
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

/// Stores a price of `stock` at place `seq`, recorded `seq / 3` microseconds after 1970, so that places share instants.
pub(crate) async fn record(store: &Store, stock: i64, seq: i64) {
    let price = Price {
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
        recorded_at: Timestamp::from_micros(seq / 3),
        provider: "test".to_owned(),
    };
    let row = stock_price::ActiveModel::from(&price);
    let written = stock_price::Entity::insert(row).exec_without_returning(store.database.write());
    written.await.expect("the price is stored");
}

/// A store and what outlives a task.
pub(crate) fn shared(store: &Store) -> Arc<Store> {
    Arc::new(store.clone())
}
