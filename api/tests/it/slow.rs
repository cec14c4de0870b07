//! Clients that are slow on purpose.

use std::{fs, time::Duration};

use serde_json::json;
use testkit::TestDatabaseUrl;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    client::{Client, MODERN, narrow},
    observe::scraped,
    process::{PATIENCE, until},
    product::Home,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_keeps_a_connection_by_being_slow() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let product = home
        .start(&[
            ("LIMIT_HEAD_TIME", "1s"),
            ("LIMIT_BODY_TIME", "1s"),
            ("LIMIT_INIT_TIME", "1s"),
        ])
        .await;
    for listener in [product.address, product.metrics] {
        // Drop by drop: something always comes, the head never does.
        let connection = TcpStream::connect(listener).await.expect("it listens");
        let (mut reading, mut writing) = connection.into_split();
        let dripping = async {
            while writing.write_all(b"GET /livez?").await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let mut said = Vec::new();
        let closed = async {
            let _ = reading.read_to_end(&mut said).await;
        };
        timeout(PATIENCE, async { tokio::join!(dripping, closed) })
            .await
            .expect("it is closed");
        assert!(said.is_empty(), "{said:?}");
    }
    // A body that does not come is told so, as is a socket without an introduction.
    let mut connection = TcpStream::connect(product.address)
        .await
        .expect("it listens");
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    connection
        .write_all(head.as_bytes())
        .await
        .expect("it is sent");
    let mut said = String::new();
    let read = timeout(PATIENCE, connection.read_to_string(&mut said)).await;
    read.expect("it is closed").expect("it is told");
    assert!(
        said.starts_with("HTTP/1.1 408 ") && said.contains("TIMEOUT"),
        "{said}"
    );
    let silent = Client::modern(&product, &[]).await.expect("it is let in");
    assert_eq!(silent.closed().await, 4408);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_stream_that_nobody_reads_is_ended() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let product = home
        .start(&[("LIMIT_WRITE_TIME", "1s"), ("REPLAY_SPEED", "max")])
        .await;
    let mut connection = narrow(product.address).await;
    let large: Vec<_> = (0..90).map(|n| format!("a{n}: cursor")).collect();
    let query = format!("subscription {{ priceUpdates {{ {} }} }}", large.join(" "));
    let body = json!({"query": query}).to_string();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection
        .write_all(head.as_bytes())
        .await
        .expect("it is sent");
    let mut first = [0; 12];
    connection.read_exact(&mut first).await.expect("it begins");
    assert_eq!(&first, b"HTTP/1.1 200");
    let clients = async |wanted: &str| {
        let url = format!("http://{}/metrics", product.metrics);
        let text = crate::answer::browser()
            .get(url)
            .send()
            .await
            .ok()?
            .text()
            .await
            .ok()?;
        let line = text.lines().find(|it| {
            it.starts_with("stock_tracker_websocket_clients") && it.contains("\"sse\"")
        })?;
        line.ends_with(wanted).then_some(())
    };
    until(
        "it is counted",
        || product.last_words(),
        async || clients(" 1").await,
    )
    .await;
    // Prices come as fast as they can be stored, until the connection holds no more.
    until(
        "it is given up",
        || product.last_words(),
        async || clients(" 0").await,
    )
    .await;
    drop(connection);
}

/// A file of many stocks that rise and fall, so that much is told at once.
fn many_days() -> String {
    let first: chrono::NaiveDate = "2008-01-01".parse().expect("a date");
    let days = first.iter_days().take(400).enumerate();
    let rows = days.flat_map(|(day, date)| {
        let price = if day.is_multiple_of(2) { 100 } else { 110 };
        STOCKS.map(move |stock| {
            format!("S{stock},{date},{price},{price},{price},{price},1000,{price}\n")
        })
    });
    let header = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\n".to_owned();
    header + &rows.collect::<String>()
}

const STOCKS: std::ops::Range<u32> = 100..160;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_nothing_and_may_not_skip_is_let_go_with_1013_and_nobody_else_notices() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let file = home.folder.path().join("days.csv");
    fs::write(&file, many_days()).expect("it is written");
    let symbols: Vec<String> = STOCKS.map(|stock| format!("S{stock}")).collect();
    let variables = [
        ("REPLAY_FILE", file.to_str().expect("a path")),
        ("REPLAY_SPEED", "max"),
        ("DEFAULT_SYMBOLS", &symbols.join(",")),
        ("LIMIT_BACKLOG", "500"),
        // Nor are they let go for being silent.
        ("LIMIT_SILENCE", "10m"),
    ];
    let product = home.start(&variables).await;
    let all =
        "subscription { priceUpdates(mode: ALL) { symbol price recordedAt marketTime cursor } }";
    let latest = "subscription { priceUpdates(symbols: [\"S100\"]) { symbol price } }";
    let plain = Client::narrow(&product, "/ws", &[]).await;
    let mut graphql = Client::narrow(&product, "/graphql", &[MODERN])
        .await
        .expect("it is let in");
    graphql.init(json!({})).await;
    graphql.hear().await;
    graphql.subscribe("p", all, json!({})).await;
    let legacy = [("sec-websocket-protocol", "graphql-ws")];
    let other = Client::open(&product, "/graphql", &legacy).await;
    let mut other = other.expect("it is let in");
    other.init(json!({})).await;
    let started = json!({"type": "start", "id": "o", "payload": {"query": latest}});
    other.say(&started).await;
    let hear_on = async |other: &mut Client| {
        for _ in 0..20 {
            let told = other.hear().await;
            assert_ne!(told["type"], "error", "{told}");
        }
    };
    // All that the connections hold has to be filled before anything waits.
    let plain_closed = async || {
        hear_on(&mut other).await;
        let closed = "subscribers_closed_total{protocol=\"ws\",reason=\"overload\"} 1";
        let told = scraped(product.metrics).await;
        told.contains(closed).then_some(())
    };
    until("ws is let go", || product.last_words(), plain_closed).await;
    let delivered = async || {
        let told = scraped(product.metrics).await;
        let series = "stock_tracker_deliveries_total{protocol=\"graphql_transport_ws\"} ";
        let count = told.lines().find_map(|line| line.strip_prefix(series));
        count.expect("it is counted").to_owned()
    };
    // What is told of one stock twenty times has then been told of sixty, and nothing of it was written.
    let stands = async || {
        let before = delivered().await;
        hear_on(&mut other).await;
        (delivered().await == before).then_some(())
    };
    until("nothing is written", || product.last_words(), stands).await;
    for client in [graphql, plain.expect("it is let in")] {
        assert_eq!(client.closed().await, 1013);
    }
    hear_on(&mut other).await;
}
