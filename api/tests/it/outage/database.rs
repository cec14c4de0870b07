//! A PostgreSQL server that stops and comes back under load.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Stop, TestServer};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::acknowledged_writes::AcknowledgedWrites;
use crate::{
    answer::{Answer, browser},
    client::Client,
    exchange::Exchange,
    process::{Process, until},
    product::{Home, Product},
};

/// Answered from memory.
const HELD: &str = r#"{ stocks { nodes { symbol stale latestPrice { price } history(first: 2) { nodes { price } } alertRules { id }
    alerts(first: 1) { nodes { id } } } totalCount } alerts(first: 1) { totalCount nodes { id } }
    stock(symbol: "IBM") { stale } history(symbol: "IBM", first: 3) { nodes { price } } }"#;
/// Answered by the database only.
pub(super) const STORED: &str =
    r#"{ candles(symbol: "IBM", interval: ONE_DAY, first: 1) { close } }"#;
pub(super) const PRICES: &str = "subscription($after: Cursor) { priceUpdates(after: $after, mode: ALL) { symbol price recordedAt cursor stock { stale } } }";
/// Time within which a database that came back must be used.
pub(super) const SOON: Duration = Duration::from_secs(5);
/// Maximum time of a response in any case, on a busy machine: until the database is known to be
/// away, requests wait for it.
const BOUND: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_down_memory_answers_and_recovery_is_immediate() {
    let mut server = TestServer::start().await;
    let exchange = Exchange::open().await;
    let market = Market::open(&exchange);
    let home = Home::new(server.url());
    let mut product = home
        .track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL,IBM")])
        .await;
    let priced = |data: &Value| data["history"]["nodes"][2].is_object().then_some(());
    product
        .until_data("the stock has three prices", HELD, priced)
        .await;
    let mut client = Client::graphql(&product, json!({})).await;
    client.subscribe("p", PRICES, json!({})).await;
    let load = Load::begin(&product);
    let mut received = Vec::new();

    for how in [Stop::Fast, Stop::Immediate, Stop::Killed] {
        let before = received.len();
        receive(&mut client, &mut received, before + 3).await;
        let stopped = Instant::now();
        server.stop(how).await;
        is_reported_stale(&product).await;
        println!("{how:?}: stale after {:?}", stopped.elapsed());
        memory_answers(&product).await;
        the_rest_is_unavailable(&product).await;

        server.start_again().await;
        let back = Instant::now();
        let current = async || {
            let answer = bounded(product.graphql(HELD, json!({}))).await.json();
            let fresh = answer["data"]["stock"]["stale"] == false;
            let stored = bounded(product.graphql(STORED, json!({}))).await.json();
            (fresh && answer.get("extensions").is_none() && stored.get("errors").is_none())
                .then_some(())
        };
        until(
            "the database is used again",
            || product.last_words(),
            current,
        )
        .await;
        let used = back.elapsed();
        // The open subscription and the tracker continue.
        let count = received.len();
        receive(&mut client, &mut received, count + 1).await;
        println!(
            "{how:?}: used again after {used:?}, events again after {:?}",
            back.elapsed()
        );
        assert!(used < SOON, "{how:?}: {used:?}");
        assert!(product.api.is_alive());
        assert!(product.tracker.as_mut().is_some_and(Process::is_alive));
    }
    let count = received.len();
    receive(&mut client, &mut received, count + 2).await;
    drop(market);
    load.end().await;
    let writes = AcknowledgedWrites::read(&home.database.connect().await).await;
    writes.assert_feed_is_complete();
    writes.assert_alerts_match_prices();
    // The first two are the snapshot.
    writes.assert_received(&received[2..], "prices");
}

/// Receives this many events.
pub(super) async fn receive(client: &mut Client, received: &mut Vec<Value>, count: usize) {
    while received.len() < count {
        received.push(client.next("p").await["data"]["priceUpdates"].take());
    }
}

async fn is_reported_stale(product: &Product) {
    let stale = async || {
        let answer = bounded(product.graphql(HELD, json!({}))).await.json();
        (answer["extensions"]["stale"] == true).then_some(())
    };
    until("responses are stale", || product.last_words(), stale).await;
}

async fn memory_answers(product: &Product) {
    let asked = Instant::now();
    let answer = bounded(product.graphql(HELD, json!({}))).await;
    assert_eq!(answer.json()["extensions"], json!({"stale": true}));
    let mut data = answer.json();
    assert!(data.get("errors").is_none(), "{data}");
    let data = data["data"].take();
    assert_eq!(data["stocks"]["totalCount"], 2);
    for stock in data["stocks"]["nodes"].as_array().expect("a list") {
        assert_eq!(stock["stale"], true, "{data}");
        assert_eq!(
            stock["history"]["nodes"][0]["price"],
            stock["latestPrice"]["price"]
        );
        assert_eq!(stock["alertRules"].as_array().map(Vec::len), Some(1));
    }
    for path in [
        "/api/v1/stocks",
        "/api/v1/stocks/ibm",
        "/api/v1/stocks/IBM/history?limit=2",
        "/api/v1/stocks/IBM/alerts?limit=1",
        "/api/v1/alerts?limit=1",
    ] {
        let answer = bounded(product.get(path)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let age: u64 = answer.header("age").parse().expect("an age");
        assert!((2..60).contains(&age), "{age}");
    }
    // The first was requested before the outage, when nothing was stale; the second was not.
    let anew = "subscription { priceUpdates { stock { stale tracked } } }";
    for text in [PRICES, anew] {
        let mut late = Client::graphql(product, json!({})).await;
        late.subscribe("l", text, json!({})).await;
        let first = late.next("l").await;
        assert_eq!(first["data"]["priceUpdates"]["stock"]["stale"], true);
        assert_eq!(first["extensions"]["delivery"]["snapshot"], true);
    }
    // None of these waited.
    assert!(
        asked.elapsed() < Duration::from_secs(3),
        "{:?}",
        asked.elapsed()
    );
}

async fn the_rest_is_unavailable(product: &Product) {
    let track = r#"mutation { trackStock(input: {symbol: "AAPL"}) { stock { id } } }"#;
    for answer in [
        bounded(product.graphql(STORED, json!({}))).await,
        bounded(product.admin(track, json!({}))).await,
    ] {
        let error = answer.error();
        assert_eq!(error["extensions"]["code"], "UNAVAILABLE", "{error}");
        assert_eq!(error["extensions"]["retryAfter"], 2);
        assert_eq!(error["message"], "the database is unavailable");
        assert!(
            answer.json().get("extensions").is_none(),
            "nothing was answered"
        );
    }
    let health = bounded(product.get("/api/v1/health")).await;
    assert_eq!(
        (health.status, &health.json()["status"]),
        (503, &json!("down"))
    );
    assert_eq!(health.header("retry-after"), "2");
    assert_eq!(bounded(product.get("/readyz")).await.status, 503);
    assert_eq!(bounded(product.get("/livez")).await.status, 200);
    let status = bounded(product.graphql("{ status { database { up } } }", json!({}))).await;
    assert_eq!(status.json()["data"]["status"]["database"]["up"], false);
}

/// Fails if a response takes too long.
pub(super) async fn bounded<T>(answer: impl Future<Output = T>) -> T {
    timeout(BOUND, answer).await.expect("a response in time")
}

/// Changes prices until dropped: AAPL up and down, IBM up through multiples of the threshold.
pub(super) struct Market {
    _closing: DropGuard,
}

impl Market {
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    pub(super) fn open(exchange: &Exchange) -> Self {
        let closing = CancellationToken::new();
        let (closed, exchange) = (closing.clone(), exchange.clone());
        let moving = async move {
            for step in 0_u32.. {
                exchange.quote("AAPL", &format!("{}", 100 + step % 20), "110");
                exchange.quote(
                    "IBM",
                    &format!("{}.{:02}", 100 + step / 10, step % 100),
                    "100",
                );
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
        };
        tokio::spawn(async move { closed.run_until_cancelled(moving).await });
        Self {
            _closing: closing.drop_guard(),
        }
    }
}

/// Clients that send requests continuously, and must never wait long.
pub(super) struct Load {
    clients: JoinSet<usize>,
    ending: CancellationToken,
}

impl Load {
    pub(super) fn begin(product: &Product) -> Self {
        let ending = CancellationToken::new();
        let mut clients = JoinSet::new();
        for of in [HELD, STORED, "", ""] {
            let ending = ending.clone();
            let (graphql, rest) = (product.url("/graphql"), product.url("/api/v1/stocks"));
            clients.spawn(async move {
                let browser = browser();
                let mut answered = 0;
                while !ending.is_cancelled() {
                    let request = match of {
                        "" => browser.request(Method::GET, &rest),
                        query => browser.post(&graphql).json(&json!({"query": query})),
                    };
                    let answer = bounded(Answer::to(request)).await;
                    // Memory never fails. Everything else may be unavailable.
                    let unavailable = answer.text.contains("UNAVAILABLE");
                    assert!(answer.status == 200, "{} {}", answer.status, answer.text);
                    let held = answer.text.contains("\"errors\"") && !unavailable;
                    assert!(!held && (of == STORED || !unavailable), "{}", answer.text);
                    answered += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                answered
            });
        }
        Self { clients, ending }
    }

    /// Asserts that every client got many responses.
    pub(super) async fn end(mut self) {
        self.ending.cancel();
        while let Some(client) = self.clients.join_next().await {
            assert!(client.expect("no answer was wrong") > 10);
        }
    }
}
