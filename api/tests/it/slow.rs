//! Slow clients: timeouts of reading requests and of writing responses.

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
async fn a_slow_client_cannot_keep_a_connection() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let product = home
        .start(&[
            ("LIMIT_HEAD_TIME", "1s"),
            ("LIMIT_BODY_TIME", "1s"),
            ("LIMIT_INIT_TIME", "1s"),
        ])
        .await;
    for listener in [product.address, product.metrics] {
        // Byte by byte: the head of the request is never complete.
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
    // A missing body gets an error, and so does a socket without `connection_init`.
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
async fn an_event_stream_that_is_not_read_is_ended() {
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
    // Prices arrive as fast as they can be stored, until the buffers of the connection are full.
    until(
        "it is given up",
        || product.last_words(),
        async || clients(" 0").await,
    )
    .await;
    drop(connection);
}

/// A replay file of many stocks that rise and fall, so that there are many events at once.
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
        // They are not closed as idle either.
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
    // The buffers of the connections have to fill before anything is queued.
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
    // At this point sixty stocks have had twenty events each, none of which was written.
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
