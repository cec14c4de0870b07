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

/// What memory answers.
const HELD: &str = r#"{ stocks { nodes { symbol stale latestPrice { price } history(first: 2) { nodes { price } } alertRules { id } } totalCount }
    stock(symbol: "IBM") { stale } history(symbol: "IBM", first: 3) { nodes { price } } }"#;
/// What only the database answers.
const STORED: &str = "{ alerts(first: 1) { totalCount nodes { id } } }";
pub(super) const PRICES: &str = "subscription($after: Cursor) { priceUpdates(after: $after, mode: ALL) { symbol price recordedAt cursor stock { stale } } }";
/// A database that came back is used within this time.
pub(super) const SOON: Duration = Duration::from_secs(5);
/// What an answer may take, whatever happens: what is not known to be away is waited for, on a busy machine.
const BOUND: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_is_outlived_in_memory_and_used_again_at_once() {
    let mut server = TestServer::start().await;
    let exchange = Exchange::open().await;
    let market = Market::open(&exchange);
    let home = Home::new(server.url());
    let mut product = home
        .track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL,IBM")])
        .await;
    let priced = |data: &Value| data["history"]["nodes"][2].is_object().then_some(());
    product.until_data("it is tracked", HELD, priced).await;
    let mut client = Client::graphql(&product, json!({})).await;
    client.subscribe("p", PRICES, json!({})).await;
    let load = Load::begin(&product);
    let mut told = Vec::new();

    for how in [Stop::Fast, Stop::Immediate, Stop::Killed] {
        let before = told.len();
        hear(&mut client, &mut told, before + 3).await;
        let stopped = Instant::now();
        server.stop(how).await;
        says_stale(&product).await;
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
        until("it is used again", || product.last_words(), current).await;
        let used = back.elapsed();
        // The subscription that stayed open goes on, and the tracker goes on.
        let heard = told.len();
        hear(&mut client, &mut told, heard + 1).await;
        println!(
            "{how:?}: used again after {used:?}, told on after {:?}",
            back.elapsed()
        );
        assert!(used < SOON, "{how:?}: {used:?}");
        assert!(product.api.is_alive());
        assert!(product.tracker.as_mut().is_some_and(Process::is_alive));
    }
    let heard = told.len();
    hear(&mut client, &mut told, heard + 2).await;
    drop(market);
    load.end().await;
    let ledger = AcknowledgedWrites::read(&home.database.connect().await).await;
    ledger.is_unbroken();
    ledger.has_its_alerts();
    // The first two are the snapshot.
    ledger.was_told(&told[2..], "prices");
}

/// Waits until the subscription has told so much.
pub(super) async fn hear(client: &mut Client, told: &mut Vec<Value>, count: usize) {
    while told.len() < count {
        told.push(client.next("p").await["data"]["priceUpdates"].take());
    }
}

async fn says_stale(product: &Product) {
    let stale = async || {
        let answer = bounded(product.graphql(HELD, json!({}))).await.json();
        (answer["extensions"]["stale"] == true).then_some(())
    };
    until("it says that it is stale", || product.last_words(), stale).await;
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
    ] {
        let answer = bounded(product.get(path)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let age: u64 = answer.header("age").parse().expect("an age");
        assert!((2..60).contains(&age), "{age}");
    }
    // The first was asked before the outage, and told then that nothing is stale; nobody has asked for the second.
    let anew = "subscription { priceUpdates { stock { stale tracked } } }";
    for text in [PRICES, anew] {
        let mut late = Client::graphql(product, json!({})).await;
        late.subscribe("l", text, json!({})).await;
        let first = late.next("l").await;
        assert_eq!(first["data"]["priceUpdates"]["stock"]["stale"], true);
        assert_eq!(first["extensions"]["delivery"]["snapshot"], true);
    }
    // None of this waited for anything.
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
    let answer = bounded(product.get("/api/v1/alerts")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "2"));
    assert_eq!(answer.header("age"), "");
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

/// Nothing hangs.
pub(super) async fn bounded<T>(answer: impl Future<Output = T>) -> T {
    timeout(BOUND, answer)
        .await
        .expect("it is answered in time")
}

/// Moves prices for as long as it is held: AAPL to and fro, IBM up and up through multiples of the alert's threshold.
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

/// Clients that ask all the time, and never wait long.
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
                    // Memory never fails; the rest says so in words.
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

    /// Every client was answered, again and again.
    pub(super) async fn end(mut self) {
        self.ending.cancel();
        while let Some(client) = self.clients.join_next().await {
            assert!(client.expect("no answer was wrong") > 10);
        }
    }
}
