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
        let connection = TcpStream::connect(listener).await.expect("connected");
        let (mut reading, mut writing) = connection.into_split();
        let sending = async {
            while writing.write_all(b"GET /livez?").await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let mut response = Vec::new();
        let closed = async {
            let _ = reading.read_to_end(&mut response).await;
        };
        timeout(PATIENCE, async { tokio::join!(sending, closed) })
            .await
            .expect("closed in time");
        assert!(response.is_empty(), "{response:?}");
    }
    // A missing body gets an error, and so does a socket without `connection_init`.
    let mut connection = TcpStream::connect(product.address)
        .await
        .expect("connected");
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    connection.write_all(head.as_bytes()).await.expect("sent");
    let mut response = String::new();
    let read = timeout(PATIENCE, connection.read_to_string(&mut response)).await;
    read.expect("closed in time").expect("a response");
    assert!(
        response.starts_with("HTTP/1.1 408 ") && response.contains("TIMEOUT"),
        "{response}"
    );
    let silent = Client::modern(&product, &[]).await.expect("accepted");
    assert_eq!(silent.closed().await, 4408);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_stream_that_is_not_read_is_closed() {
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
    connection.write_all(head.as_bytes()).await.expect("sent");
    let mut first = [0; 12];
    connection.read_exact(&mut first).await.expect("a response");
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
        "the stream is counted",
        || product.last_words(),
        async || clients(" 1").await,
    )
    .await;
    // Prices arrive as fast as they can be stored, until the buffers of the connection are full.
    until(
        "the stream is closed",
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
async fn slow_clients_that_need_every_event_are_closed_with_1013_without_delaying_others() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let file = home.folder.path().join("days.csv");
    fs::write(&file, many_days()).expect("written");
    let symbols: Vec<String> = STOCKS.map(|stock| format!("S{stock}")).collect();
    let variables = [
        ("REPLAY_FILE", file.to_str().expect("a path")),
        ("REPLAY_SPEED", "max"),
        ("DEFAULT_SYMBOLS", &symbols.join(",")),
        ("LIMIT_BACKLOG", "500"),
    ];
    let product = home.start(&variables).await;
    let all =
        "subscription { priceUpdates(mode: ALL) { symbol price recordedAt marketTime cursor } }";
    let latest = "subscription { priceUpdates(symbols: [\"S100\"]) { symbol price } }";
    let plain = Client::narrow(&product, "/ws", &[]).await;
    let mut graphql = Client::narrow(&product, "/graphql", &[MODERN])
        .await
        .expect("accepted");
    graphql.init(json!({})).await;
    graphql.receive().await;
    graphql.subscribe("p", all, json!({})).await;
    let legacy = [("sec-websocket-protocol", "graphql-ws")];
    let other = Client::open(&product, "/graphql", &legacy).await;
    let mut other = other.expect("accepted");
    other.init(json!({})).await;
    let started = json!({"type": "start", "id": "o", "payload": {"query": latest}});
    other.send(&started).await;
    let receive_more = async |other: &mut Client| {
        for _ in 0..20 {
            let message = other.receive().await;
            assert_ne!(message["type"], "error", "{message}");
        }
    };
    // The buffers of the connections have to fill before anything is queued.
    let plain_closed = async || {
        receive_more(&mut other).await;
        let closed = "subscribers_closed_total{protocol=\"ws\",reason=\"overload\"} 1";
        let metrics = scraped(product.metrics).await;
        metrics.contains(closed).then_some(())
    };
    until(
        "the plain WebSocket is closed",
        || product.last_words(),
        plain_closed,
    )
    .await;
    let delivered = async || {
        let metrics = scraped(product.metrics).await;
        let series = "stock_tracker_deliveries_total{protocol=\"graphql_transport_ws\"} ";
        let count = metrics.lines().find_map(|line| line.strip_prefix(series));
        count.expect("a count").to_owned()
    };
    // Since the last count, sixty stocks had twenty events each, and none was written.
    let stopped = async || {
        let before = delivered().await;
        receive_more(&mut other).await;
        (delivered().await == before).then_some(())
    };
    until("deliveries stop", || product.last_words(), stopped).await;
    for client in [graphql, plain.expect("accepted")] {
        assert_eq!(client.closed().await, 1013);
    }
    receive_more(&mut other).await;
}
