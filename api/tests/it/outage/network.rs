//! An `api` whose connection to the database is slow, breaks, or swallows everything.

use std::time::Duration;

use serde_json::json;
use testkit::{FaultProxy, NetworkFault, TestDatabaseUrl};

use super::{
    acknowledged_writes::AcknowledgedWrites,
    database::{Load, Market, PRICES, STORED, bounded},
};
use crate::{
    client::Client,
    exchange::Exchange,
    process::until,
    product::{Home, Product},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_was_cut_off_catches_up_without_a_gap_and_never_hangs() {
    let exchange = Exchange::open().await;
    let market = Market::open(&exchange);
    let mut home = Home::new(TestDatabaseUrl::migrated_postgres().await);
    let (mut proxy, detour) = FaultProxy::for_database(home.database.as_str()).await;
    home.detour = Some(detour);
    let product = home
        .track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL,IBM")])
        .await;
    let mut client = Client::graphql(&product, json!({})).await;
    client.subscribe("p", PRICES, json!({})).await;
    let mut received = Vec::new();
    let load = Load::begin(&product);
    receive(&mut client, &mut received, 4).await;

    // High latency only delays events. A response time of a second would count as away.
    proxy.inject(NetworkFault::Delay(Duration::from_millis(100)));
    receive(&mut client, &mut received, 4).await;
    proxy.inject(NetworkFault::None);
    settled(&product).await;

    // Reset.
    proxy.cut().await;
    away(&product).await;
    proxy.restore().await;
    receive(&mut client, &mut received, 4).await;
    settled(&product).await;

    // Half open, twice: existing connections never carry anything again, without an error.
    for _ in 0..2 {
        proxy.inject(NetworkFault::Swallow);
        away(&product).await;
        proxy.inject(NetworkFault::None);
        receive(&mut client, &mut received, 4).await;
        settled(&product).await;
    }
    drop(market);
    load.end().await;
    let writes = AcknowledgedWrites::read(&home.database.connect().await).await;
    writes.assert_feed_is_complete();
    writes.assert_received(&received[2..], "prices");
}

async fn receive(client: &mut Client, received: &mut Vec<serde_json::Value>, more: usize) {
    for _ in 0..more {
        received.push(client.next("p").await["data"]["priceUpdates"].take());
    }
}

/// Waits until the outage is detected and reported.
async fn away(product: &Product) {
    let away = async || {
        let answer = bounded(product.get("/api/v1/stocks")).await;
        assert_eq!(answer.status, 200);
        (!answer.header("age").is_empty()).then_some(())
    };
    until("the outage is detected", || product.last_words(), away).await;
    let stored = bounded(product.graphql(STORED, json!({}))).await;
    assert_eq!(stored.code(), "UNAVAILABLE");
}

/// Waits until the database is used again.
async fn settled(product: &Product) {
    let settled = async || {
        let stored = bounded(product.graphql(STORED, json!({}))).await.json();
        let held = bounded(product.get("/api/v1/stocks")).await;
        (stored.get("errors").is_none() && held.header("age").is_empty()).then_some(())
    };
    until(
        "the database is used again",
        || product.last_words(),
        settled,
    )
    .await;
}
