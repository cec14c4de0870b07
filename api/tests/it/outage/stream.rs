//! The holder of the streams is killed again and again.

use std::{collections::HashMap, iter, time::Duration};

use serde_json::{Value, json};
use testkit::{FaultProxy, NetworkFault, TestDatabaseUrl};
use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use super::{acknowledged_writes::AcknowledgedWrites, database::PRICES, takeover::logged};
use crate::{
    client::Client,
    kraken::{Kraken, POLLED},
    process::{Process, until},
    product::Home,
};

/// Number of kills.
const KILLS: usize = 30;
/// How long a tracker waits before it streams, unless the former holder signed off.
const TAKEOVER_DELAY: Duration = Duration::from_secs(5);

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
    // Reads while the test waits for something else, or the server would close the connection.
    let (sender, mut prices) = mpsc::unbounded_channel();
    let mut reading = JoinSet::new();
    reading.spawn(async move {
        while sender
            .send(client.next("p").await["data"]["priceUpdates"].take())
            .is_ok()
        {}
    });
    let mut received: Vec<Value> = Vec::new();
    let _trading = kraken.trade();
    kraken.is_streaming(&product).await;
    for kill in 0..KILLS {
        // Each connection stores prices before its holder is killed.
        received.extend(iter::from_fn(|| prices.try_recv().ok()));
        let count = received.len() + 10;
        while received.len() < count {
            received.push(prices.recv().await.expect("a price"));
        }
        let standby = standing_by(&home, &variables).await;
        let mut holder = product.tracker.replace(standby).expect("a tracker");
        // At a different moment of the work in flight each time.
        tokio::time::sleep(Duration::from_millis((kill * 37 % 100) as u64)).await;
        let attempts = kraken.stream.attempts();
        holder.kill();
        let killed = Instant::now();
        let connected = async || (kraken.stream.attempts() > attempts).then_some(());
        until("a connection", || product.last_words(), connected).await;
        assert!(killed.elapsed() >= TAKEOVER_DELAY, "{:?}", killed.elapsed());
        kraken.is_streaming(&product).await;
    }
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
        received.push(prices.recv().await.expect("a price"));
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_without_a_database_closes_its_stream_before_another_opens_one() {
    let kraken = Kraken::open().await;
    let variables = kraken.settings(&[
        ("PROVIDER", "kraken"),
        ("DEFAULT_SYMBOLS", "BTC/USD,ETH/USD"),
    ]);
    let home = Home::new(TestDatabaseUrl::migrated_postgres().await);
    let (proxy, detour) = FaultProxy::for_database(home.database.as_str()).await;
    let mut partitioned = variables.clone();
    partitioned.push(("DATABASE_URL", &detour));
    let product = home.start(&partitioned).await;
    let _trading = kraken.trade();
    kraken.is_streaming(&product).await;
    let standby = standing_by(&home, &variables).await;
    proxy.inject(NetworkFault::Swallow);
    let report = || format!("{}\n{}", product.last_words(), standby.last_words());
    let closed = async || (kraken.stream.open() == 0).then_some(());
    until("the stream is closed", report, closed).await;
    let taken_over = async || (kraken.stream.open() == 1).then_some(());
    until("the standby streams", report, taken_over).await;
    proxy.inject(NetworkFault::None);
    let holder = product.tracker.as_ref().expect("a tracker");
    logged(holder, "lost the lease").await;
    assert_eq!(kraken.stream.most_open(), 1);
}

async fn standing_by(home: &Home, variables: &[(&str, &str)]) -> Process {
    let standby = home.tracker(variables);
    logged(&standby, "standing by").await;
    standby
}
