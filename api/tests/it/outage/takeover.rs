//! A standby tracker takes over when the active one is killed or suspended.

use std::time::Duration;

use entity::table::provider;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use testkit::TestDatabaseUrl;
use tokio::time::Instant;

use super::{
    acknowledged_writes::AcknowledgedWrites,
    database::{Market, PRICES},
};
use crate::{
    client::Client,
    exchange::Exchange,
    process::{Process, until},
    product::{Home, polling},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_tracker_takes_over_from_a_killed_and_a_suspended_one() {
    let exchange = Exchange::open().await;
    let market = Market::open(&exchange);
    let home = Home::new(TestDatabaseUrl::migrated_postgres().await);
    let (url, variables) = (exchange.url(), [("DEFAULT_SYMBOLS", "AAPL,IBM")]);
    let mut product = home.track(&exchange, &variables).await;
    let mut client = Client::graphql(&product, json!({})).await;
    client.subscribe("p", PRICES, json!({})).await;
    let mut received = Vec::new();
    let standby = async || {
        let standby = home.tracker(&polling(&url, &variables));
        logged(&standby, "standing by").await;
        standby
    };
    for _ in 0..3 {
        let next = standby().await;
        let mut first = product.tracker.replace(next).expect("tracked");
        first.kill();
        let killed = Instant::now();
        polls_on(&exchange, &product.last_words()).await;
        println!("polled again {:?} after a kill", killed.elapsed());
        assert!(
            killed.elapsed() < Duration::from_secs(8),
            "{:?}",
            killed.elapsed()
        );
        received.push(client.next("p").await["data"]["priceUpdates"].take());
    }
    // The server terminates the session of a suspended machine; only then may another tracker poll.
    let next = standby().await;
    let sleeper = product.tracker.replace(next).expect("tracked");
    sleeper.signal("STOP");
    let slept = Instant::now();
    polls_on(&exchange, &product.last_words()).await;
    println!("polled again {:?} after it fell asleep", slept.elapsed());
    received.push(client.next("p").await["data"]["priceUpdates"].take());
    sleeper.signal("CONT");
    logged(&sleeper, "lost the lease").await;
    polls_on(&exchange, &sleeper.last_words()).await;
    received.push(client.next("p").await["data"]["priceUpdates"].take());
    // The resumed tracker can take over again.
    if let Some(mut next) = product.tracker.take() {
        next.kill();
    }
    polls_on(&exchange, &sleeper.last_words()).await;
    let count = received.len() + 20;
    while received.len() < count {
        received.push(client.next("p").await["data"]["priceUpdates"].take());
    }
    drop((market, sleeper));
    let database = home.database.connect().await;
    let writes = AcknowledgedWrites::read(&database).await;
    writes.assert_feed_is_complete();
    writes.assert_alerts_match_prices();
    writes.assert_received(&received[2..], "prices");
    // Every request of either tracker was charged before it was sent.
    let rows = provider::Entity::find().all(database.read()).await;
    let charged: i32 = rows
        .expect("providers")
        .iter()
        .map(|row| row.day_used)
        .sum();
    let asked = exchange.asked_in_all();
    assert!(
        usize::try_from(charged).is_ok_and(|it| asked <= it),
        "{asked} of {charged}"
    );
}

/// Waits for a new poll, not counting those in flight.
async fn polls_on(exchange: &Exchange, words: &str) {
    let asked = exchange.asked_in_all();
    let more = async || (exchange.asked_in_all() > asked + 2).then_some(());
    until("a tracker polls", || words.to_owned(), more).await;
}

/// Waits for a line of the log that contains these words.
pub(super) async fn logged(process: &Process, words: &str) {
    let find = |event: &Value| event["message"].as_str()?.contains(words).then_some(());
    process.logged(words, find).await;
}
