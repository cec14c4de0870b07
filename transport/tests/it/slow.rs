//! Peers that do not read or do not send.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::StreamExt;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_util::task::TaskTracker;
use transport::Limits;

use crate::{app::App, client::Client};

fn impatient() -> Limits {
    Limits {
        heartbeat_interval: Duration::from_millis(50),
        idle_timeout: Duration::from_millis(300),
        write_timeout: Duration::from_millis(300),
        close_timeout: Duration::from_millis(100),
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_peer_that_sends_nothing_times_out() {
    let app = App::limited(impatient()).await;
    let mut client = Client::ready(&app).await;
    client.subscribe("a", "subscription { silence }").await;
    // The client is not polled from here on, so it answers no ping.
    app.log
        .wait_for("graphql_transport_ws closed: IdleTimeout")
        .await;
    app.log.wait_for("graphql_transport_ws departed").await;
}

#[tokio::test]
async fn a_peer_that_sends_but_does_not_read_times_out() {
    let app = App::limited(impatient()).await;
    let mut client = Client::ready(&app).await;
    client
        .subscribe("a", "subscription { flood(bytes: 100000) }")
        .await;
    let (mut sink, _unread) = client.socket.split();
    let talking = TaskTracker::new().spawn(async move {
        use futures_util::SinkExt;
        let pong = json!({"type": "pong"}).to_string();
        while sink.send(pong.clone().into()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    app.log
        .wait_for("graphql_transport_ws closed: IdleTimeout")
        .await;
    app.log.wait_for("graphql_transport_ws departed").await;
    talking.await.expect("the connection is gone");
}

#[tokio::test]
async fn a_peer_that_does_not_read_blocks_neither_its_operations_nor_other_clients() {
    let app = App::start().await;
    let mut stalled = Client::ready(&app).await;
    stalled
        .subscribe("a", "subscription { flood(bytes: 100000) }")
        .await;
    app.log
        .wait_for("graphql_transport_ws delivered, missed 0")
        .await;
    // The mutation completes whether the peer is blocked already or not.
    stalled.subscribe("b", "mutation { increment }").await;
    app.log.wait_for("mutation ok").await;
    assert_eq!(app.counter.0.load(Ordering::SeqCst), 1);
    let mut other = Client::ready(&app).await;
    other.subscribe("a", "{ value }").await;
    assert_eq!(other.receive().await["payload"]["data"]["value"], 1);
    assert_eq!(other.receive().await["type"], "complete");
}

#[tokio::test]
async fn reading_stops_when_too_many_replies_are_unsent() {
    let app = App::limited(Limits {
        pending_replies: 8,
        ..Limits::default()
    })
    .await;
    let mut client = Client::ready(&app).await;
    for _ in 0..1000 {
        client.send(&json!({"type": "ping"})).await;
    }
    for _ in 0..1000 {
        assert_eq!(
            client.receive().await["type"],
            "pong",
            "read again once it reads"
        );
    }
    client.send_text("x").await;
    assert_eq!(client.closed_eventually().await, 4400);
}

#[tokio::test]
async fn reading_stops_when_too_many_pongs_are_unsent() {
    // More than the buffers of both sides.
    const PINGS: usize = 64 << 20;
    /// A masked ping with a payload of 125 bytes.
    const PING_SIZE: usize = 131;
    let app = App::start().await;
    let mut client = Client::open_small(&app, "graphql-transport-ws").await;
    client.init().await;
    let mut ping = [b'x'; PING_SIZE];
    ping[..6].copy_from_slice(&[0x89, 0xfd, 0, 0, 0, 0]);
    let pings = ping.repeat(1000);
    let stream = client.socket.get_mut();
    let (mut sent, mut rest) = (0, &pings[..]);
    // A write waits only when the server stops reading.
    while let Ok(written) = timeout(Duration::from_secs(2), stream.write(rest)).await {
        let written = written.expect("open");
        (sent, rest) = (sent + written, &rest[written..]);
        if rest.is_empty() {
            rest = &pings;
        }
        assert!(sent < PINGS, "the server keeps pongs without bound");
    }
    // It reads again once the client reads.
    let (mut reader, mut writer) = stream.split();
    let rest_of_ping = &rest[..rest.len() % PING_SIZE];
    let mut answers = vec![0; (sent + rest_of_ping.len()) / PING_SIZE * (PING_SIZE - 4)];
    let (wrote, read) = tokio::join!(
        writer.write_all(rest_of_ping),
        reader.read_exact(&mut answers)
    );
    wrote.expect("open");
    read.expect("a pong for each ping");
    client.send_text("x").await;
    assert_eq!(client.closed_eventually().await, 4400);
}
