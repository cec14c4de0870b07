//! The holder of the streams is killed again and again.

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};
use testkit::TestDatabaseUrl;

use super::{acknowledged_writes::AcknowledgedWrites, database::PRICES};
use crate::{
    client::Client,
    kraken::{Kraken, POLLED},
    product::Home,
};

/// Number of kills.
const KILLS: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_kills_of_the_holder_never_open_two_streams_and_lose_no_price() {
    let kraken = Kraken::open().await;
    let variables = kraken.settings(&[
        ("PROVIDER", "kraken"),
        ("DEFAULT_SYMBOLS", "BTC/USD,ETH/USD"),
    ]);
    let home = Home::new(TestDatabaseUrl::migrated_postgres().await);
    let mut product = home.start(&variables).await;
    let mut client = Client::graphql(&product, json!({})).await;
    client.subscribe("p", PRICES, json!({})).await;
    let mut received: Vec<Value> = Vec::new();
    let _trading = kraken.trade();
    for kill in 0..KILLS {
        kraken.is_streaming(&product).await;
        // Each connection stores prices before its holder is killed.
        let count = received.len() + 10;
        while received.len() < count {
            received.push(client.next("p").await["data"]["priceUpdates"].take());
        }
        let standby = home.tracker(&variables);
        let is_standing_by = |event: &Value| {
            let message = event["message"].as_str()?;
            message.contains("standing by").then_some(())
        };
        standby.logged("standing by", is_standing_by).await;
        let mut holder = product.tracker.replace(standby).expect("a tracker");
        // At a different moment of the work in flight each time.
        tokio::time::sleep(Duration::from_millis((kill * 37 % 100) as u64)).await;
        holder.kill();
    }
    kraken.is_streaming(&product).await;
    if let Some(mut last) = product.tracker.take() {
        last.signal("TERM");
        assert_eq!(last.ended().await, Some(0));
    }
    assert_eq!(
        kraken.stream.most_open(),
        1,
        "two trackers streamed at once"
    );

    let database = home.database.connect().await;
    let writes = AcknowledgedWrites::read(&database).await;
    while received.len() < writes.prices.len() {
        received.push(client.next("p").await["data"]["priceUpdates"].take());
    }
    writes.assert_feed_is_complete();
    writes.assert_alerts_match_prices();
    writes.assert_received(&received, "prices");
    // Every trade has a price of its own.
    let polled = POLLED.parse().expect("a price");
    let mut times: HashMap<_, usize> = HashMap::new();
    for row in writes.prices.iter().filter(|row| row.price != polled) {
        *times.entry((row.stock_id, row.price)).or_default() += 1;
    }
    let doubled: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(doubled.is_empty(), "trades are stored twice: {doubled:?}");
    assert!(times.len() > 5 * KILLS && !writes.alerts.is_empty());
}
