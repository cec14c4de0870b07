//! Events that are sent to many WebSockets.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, future::join_all};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::task::TaskTracker;
use transport::{Observer, Protocol};

use crate::{app::App, client::Client};

const MODERN: &str = "graphql-transport-ws";
const LEGACY: &str = "graphql-ws";

/// Starts the operation `Broadcast`.
async fn subscribe(client: &mut Client, id: &str) {
    let start = match client.protocol.as_deref() {
        Some(LEGACY) => "start",
        _ => "subscribe",
    };
    let payload = json!({
        "query": "subscription Broadcast { silence }",
        "operationName": "Broadcast",
    });
    client
        .send(&json!({"type": start, "id": id, "payload": payload}))
        .await;
}

/// Waits until `count` subscriptions of `Broadcast` have started.
async fn all_started(app: &App, count: usize) {
    let started = async {
        while app.broadcast.receiver_count() < count {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    let started = tokio::time::timeout(std::time::Duration::from_secs(10), started).await;
    started.expect("the subscriptions start");
}

/// Sends an event to all subscriptions.
fn publish(app: &App, number: usize, size: usize) {
    let body = json!({"data": {"n": number, "padding": "x".repeat(size)}});
    app.broadcast
        .send(Bytes::from(body.to_string()))
        .expect("a subscription");
}

/// The number of an event.
fn number(message: &Value) -> usize {
    let number = message["payload"]["data"]["n"].as_u64();
    usize::try_from(number.unwrap_or_else(|| panic!("not an event: {message}"))).expect("small")
}

async fn receives_in_order(client: &mut Client, numbers: std::ops::Range<usize>) {
    for expected in numbers {
        assert_eq!(number(&client.receive().await), expected);
    }
}

fn delivered(app: &App) -> usize {
    let lines = app.log.lines();
    lines
        .iter()
        .filter(|line| line.contains("delivered"))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_does_not_read_delays_no_other_and_loses_nothing() {
    // More than the buffers of both sides.
    const EVENTS: usize = 200;
    const SIZE: usize = 100_000;
    let app = App::start().await;
    let mut slow = Client::open_small(&app, MODERN).await;
    slow.init().await;
    subscribe(&mut slow, "slow").await;
    let mut others = [Client::ready(&app).await, Client::ready(&app).await];
    for other in &mut others {
        subscribe(other, "a").await;
    }
    all_started(&app, 3).await;
    for number in 0..EVENTS {
        publish(&app, number, SIZE);
    }
    join_all(
        others
            .iter_mut()
            .map(|other| receives_in_order(other, 0..EVENTS)),
    )
    .await;
    assert!(delivered(&app) < 3 * EVENTS, "the slow client is blocked");
    receives_in_order(&mut slow, 0..EVENTS).await;
    assert_eq!(delivered(&app), 3 * EVENTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_stay_in_order_while_clients_pause_and_send() {
    const EVENTS: usize = 400;
    let app = App::start().await;
    let tasks = TaskTracker::new();
    let mut clients = Vec::new();
    for at in 0..16 {
        let mut client = Client::open_small(&app, [MODERN, LEGACY][at % 2]).await;
        if client.protocol.as_deref() == Some(MODERN) {
            client.init().await;
        }
        subscribe(&mut client, &at.to_string()).await;
        clients.push(tasks.spawn(run_client(client, at, EVENTS)));
    }
    all_started(&app, 16).await;
    for number in 0..EVENTS {
        // Most events fit into the buffers, some do not.
        publish(&app, number, if number % 7 == 0 { 60_000 } else { 100 });
        if number % 3 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for client in clients {
        client.await.expect("a client that receives everything");
    }
    assert_eq!(delivered(&app), 16 * EVENTS);
}

/// Receives the events `0..events`. Sends pings in between, and sometimes reads nothing.
async fn run_client(mut client: Client, at: usize, events: usize) {
    let is_modern = client.protocol.as_deref() == Some(MODERN);
    let (mut next, mut pings, mut answered_messages, mut answered_frames) = (0, 0, 0, 0);
    while next < events || answered_messages < pings || answered_frames < pings {
        let message = client.socket.next().await.expect("open").expect("a frame");
        match message {
            Message::Pong(payload) => {
                assert_eq!(payload, answered_frames.to_string());
                answered_frames += 1;
            }
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                match message["type"].as_str() {
                    Some("connection_ack" | "ka") => {}
                    Some("pong") => {
                        assert_eq!(message["payload"]["n"], answered_messages);
                        answered_messages += 1;
                    }
                    _ => {
                        assert_eq!(number(&message), next);
                        assert_eq!(message["id"], at.to_string());
                        next += 1;
                        if next % 8 == at % 8 {
                            ping(&mut client, is_modern, pings).await;
                            pings += 1;
                            answered_messages += usize::from(!is_modern);
                        }
                        if next % 64 == at {
                            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                        }
                    }
                }
            }
            Message::Ping(_) => {}
            other => panic!("unexpected {other:?}"),
        }
    }
}

/// Sends a ping frame and, in the modern subprotocol, a ping message.
async fn ping(client: &mut Client, is_modern: bool, number: usize) {
    let frame = Message::Ping(number.to_string().into());
    client.socket.send(frame).await.expect("sent");
    if is_modern {
        let message = json!({"type": "ping", "payload": {"n": number}});
        client.send(&message).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_sent_after_the_client_has_unsubscribed() {
    let app = App::start().await;
    let mut client = Client::ready(&app).await;
    let mut other = Client::ready(&app).await;
    subscribe(&mut other, "a").await;
    for round in 0..50 {
        subscribe(&mut client, "a").await;
        all_started(&app, 2).await;
        publish(&app, 2 * round, 10);
        assert_eq!(number(&client.receive().await), 2 * round);
        client.send(&json!({"type": "complete", "id": "a"})).await;
        client.send(&json!({"type": "ping"})).await;
        assert_eq!(client.receive().await["type"], "pong");
        publish(&app, 2 * round + 1, 10);
        client.send(&json!({"type": "ping"})).await;
        assert_eq!(client.receive().await["type"], "pong");
        while app.broadcast.receiver_count() > 1 {
            tokio::task::yield_now().await;
        }
    }
    receives_in_order(&mut other, 0..100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shutdown_between_events_closes_with_1001() {
    let app = App::start().await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = Client::ready(&app).await;
        subscribe(&mut client, "a").await;
        clients.push(client);
    }
    all_started(&app, 8).await;
    app.drain.cancel();
    let mut published = 0;
    while app.broadcast.receiver_count() > 0 {
        if app.broadcast.len() < 1000 {
            let body = json!({"data": {"n": published}}).to_string();
            published += usize::from(app.broadcast.send(body.into()).is_ok());
        }
        tokio::task::yield_now().await;
    }
    for client in &mut clients {
        let mut next = 0;
        let code = loop {
            match client.socket.next().await.expect("open").expect("a frame") {
                Message::Text(text) => {
                    let message = serde_json::from_str(&text).expect("JSON");
                    assert_eq!(number(&message), next);
                    next += 1;
                }
                Message::Close(frame) => break u16::from(frame.expect("a code").code),
                _ => {}
            }
        };
        assert_eq!(code, 1001);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_of_a_client_that_has_gone_reach_no_other() {
    const ROUNDS: usize = 50;
    let app = App::start().await;
    let mut remaining = Vec::new();
    for at in 0..8 {
        let mut client = Client::ready(&app).await;
        subscribe(&mut client, &format!("remaining {at}")).await;
        remaining.push(client);
    }
    for round in 0..ROUNDS {
        let mut leaving = Vec::new();
        for _ in 0..8 {
            let mut client = Client::ready(&app).await;
            subscribe(&mut client, "leaving").await;
            leaving.push(client);
        }
        all_started(&app, 16).await;
        publish(&app, 2 * round, 10);
        for (at, client) in remaining.iter_mut().enumerate() {
            let message = client.receive().await;
            assert_eq!(message["id"], format!("remaining {at}"));
            assert_eq!(number(&message), 2 * round);
        }
        // The system resets a connection that is closed with unread data.
        drop(leaving);
        publish(&app, 2 * round + 1, 10);
        for (at, client) in remaining.iter_mut().enumerate() {
            let message = client.receive().await;
            assert_eq!(message["id"], format!("remaining {at}"));
            assert_eq!(number(&message), 2 * round + 1);
        }
        while app.broadcast.receiver_count() > 8 {
            tokio::task::yield_now().await;
        }
    }
}

/// Panics at each event of the legacy subprotocol, and counts the connected clients.
#[derive(Clone, Default)]
struct Panicking(Arc<AtomicUsize>);

impl Observer for Panicking {
    fn client_connected(&self, _: Protocol) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn client_disconnected(&self, _: Protocol) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn event_delivered(&self, protocol: Protocol, _: u64) {
        assert_ne!(protocol, Protocol::GraphqlWs);
    }
}

#[tokio::test]
async fn a_panic_ends_only_its_socket() {
    let observer = Panicking::default();
    let app = App::start_with(transport::Limits::default(), false, |transport| {
        transport.with_observer(observer.clone())
    })
    .await;
    let mut legacy = Client::open(&app, LEGACY, &[]).await.expect("open");
    subscribe(&mut legacy, "a").await;
    let mut modern = Client::ready(&app).await;
    subscribe(&mut modern, "a").await;
    all_started(&app, 2).await;
    publish(&app, 0, 10);
    publish(&app, 1, 10);
    receives_in_order(&mut modern, 0..2).await;
    while let Some(Ok(message)) = legacy.socket.next().await {
        assert!(!message.to_string().contains("payload"), "{message}");
    }
    assert_eq!(observer.0.load(Ordering::Relaxed), 1);
}
