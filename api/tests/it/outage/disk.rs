//! A database whose disk is full.

use std::{fs, path::Path};

use entity::Timestamp;
use runtime::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use testkit::{TestDatabaseUrl, TestDisk, TestServer};
use tokio::time::Instant;

use super::{
    acknowledged_writes::AcknowledgedWrites,
    database::{PRICES, SOON, bounded, receive},
};
use crate::{
    client::Client,
    process::until,
    product::{ADMIN, Home, Product},
};

/// Space for the tables and some seconds of a fast replay.
const DISK: u32 = 48;
const HELD: &str = "{ stocks { nodes { symbol latestPrice { price recordedAt } } } }";
const STORED: &str = r#"{ alerts(first: 3) { nodes { id message } } candles(symbol: "IBM", interval: ONE_DAY, first: 3) { close } }"#;
const UNTRACK: &str = r#"mutation { untrackStock(input: {symbol: "MSFT"}) { stock { tracked } } }"#;
const TRACK: &str = r#"mutation { trackStock(input: {symbol: "MSFT"}) { stock { tracked } } }"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_reported_and_survived_on_sqlite() {
    let disk = TestDisk::mount(DISK);
    let url = |folder: &Path| format!("sqlite://{}/stocks.db?mode=rwc", folder.display());
    let mut home = Home::new(TestDatabaseUrl::external(url(disk.mount_point())));
    home.entrance = disk.command_prefix();
    let received = is_reported_and_survived(&disk, &home).await;
    let copy = home.folder.path();
    let copied = fs::copy(disk.path().join("stocks.db"), copy.join("stocks.db"));
    copied.expect("one file after it is closed");
    is_whole(TestDatabaseUrl::external(url(copy)), &received).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_reported_and_survived_on_postgresql() {
    let disk = TestDisk::mount(DISK);
    let server = TestServer::start().await;
    let home = Home::new(server.url_on(&disk).await);
    let received = is_reported_and_survived(&disk, &home).await;
    is_whole(home.database, &received).await;
}

/// Fills the disk and frees it again. Returns the events that a subscriber received.
async fn is_reported_and_survived(disk: &TestDisk, home: &Home) -> Vec<Value> {
    let variables = [("REPLAY_SPEED", "20"), ("ADMIN_TOKEN", ADMIN)];
    let mut product = home.start(&variables).await;
    let mut client = Client::graphql(&product, json!({})).await;
    client.subscribe("p", PRICES, json!({})).await;
    let mut received = Vec::new();
    receive(&mut client, &mut received, 40).await;

    disk.fill();
    let waits =
        |event: &Value| (event["message"] == "failed to store prices, retrying").then_some(());
    let tracking = product.tracker.as_ref().unwrap_or(&product.api);
    tracking.logged("prices cannot be stored", waits).await;
    cannot_write(&product).await;
    reads_succeed(&product).await;
    is_degraded(&product).await;
    assert_eq!(bounded(product.get("/readyz")).await.status, 200);

    disk.free();
    let (freed, freed_at) = (Instant::now(), SystemClock.now());
    let stored = async || {
        let answer = bounded(product.graphql(HELD, json!({}))).await.data();
        let nodes = answer["stocks"]["nodes"].as_array().cloned();
        let recorded = |node: &Value| node["latestPrice"]["recordedAt"].as_str()?.parse().ok();
        let mut recorded = nodes.iter().flatten().filter_map(recorded);
        recorded.any(|at: Timestamp| at > freed_at).then_some(())
    };
    until("prices are stored again", || product.last_words(), stored).await;
    let back = freed.elapsed();
    assert!(back < SOON, "{back:?}");
    let again = async || {
        bounded(mutates(&product, TRACK))
            .await
            .is_ok()
            .then_some(())
    };
    until("writes succeed again", || product.last_words(), again).await;
    let well = async || {
        let health = bounded(product.get("/api/v1/health")).await;
        (health.json()["status"] == "ok").then_some(())
    };
    until(
        "the health check is ok again",
        || product.last_words(),
        well,
    )
    .await;
    let count = received.len();
    receive(&mut client, &mut received, count + 40).await;

    assert!(product.api.is_alive());
    product.api.signal("TERM");
    assert_eq!(product.api.ended().await, Some(0));
    if let Some(tracker) = &mut product.tracker {
        tracker.signal("TERM");
        assert_eq!(tracker.ended().await, Some(0));
    }
    received
}

async fn is_whole(place: TestDatabaseUrl, received: &[Value]) {
    let writes = AcknowledgedWrites::read(&place.connect().await).await;
    writes.assert_feed_is_complete();
    writes.assert_alerts_match_prices();
    // The first four may be the snapshot.
    writes.assert_received(&received[4..], "prices");
}

/// Runs a mutation. Returns its error if it fails.
async fn mutates(product: &Product, mutation: &str) -> Result<(), Value> {
    let answer = product.admin(mutation, json!({})).await;
    match answer.json().get("errors") {
        None => Ok(()),
        Some(_) => Err(answer.error()),
    }
}

/// Waits until writes fail: the last pages may have space for a few more.
async fn cannot_write(product: &Product) {
    let refused = async || {
        for mutation in [UNTRACK, TRACK] {
            if let Err(error) = bounded(mutates(product, mutation)).await {
                return Some(error);
            }
        }
        None
    };
    let error = until("a write fails", || product.last_words(), refused).await;
    assert_eq!(error["extensions"]["code"], "UNAVAILABLE", "{error}");
    assert_eq!(error["message"], "the database's disk is full");
    assert_eq!(error["extensions"]["retryAfter"], 2);
}

async fn reads_succeed(product: &Product) {
    for query in [HELD, STORED] {
        let answer = bounded(product.graphql(query, json!({}))).await.json();
        assert!(answer.get("errors").is_none(), "{answer}");
    }
    for path in ["/api/v1/stocks", "/api/v1/stocks/IBM/history"] {
        assert_eq!(bounded(product.get(path)).await.status, 200, "{path}");
    }
}

async fn is_degraded(product: &Product) {
    let degraded = async || {
        let health = bounded(product.get("/api/v1/health")).await;
        assert_eq!(health.status, 200, "{}", health.text);
        let health = health.json();
        (health["status"] == "degraded").then_some(health)
    };
    let health = until(
        "the health check is degraded",
        || product.last_words(),
        degraded,
    )
    .await;
    let tracker = health["checks"]["tracker"].as_str().expect("a check");
    assert!(tracker.starts_with("no heartbeat for "), "{health}");
}
