//! Peers that take nothing, or say nothing.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::StreamExt;
use serde_json::json;
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
async fn a_peer_that_says_nothing_is_given_up() {
    let app = App::limited(impatient()).await;
    let mut client = Client::ready(&app).await;
    client.subscribe("a", "subscription { silence }").await;
    // Nobody polls the client from here on, so it answers no ping.
    app.log
        .wait_for("graphql_transport_ws closed: IdleTimeout")
        .await;
    app.log.wait_for("graphql_transport_ws departed").await;
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_given_up_though_it_talks() {
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
async fn a_stalled_peer_stops_neither_its_own_messages_nor_anybody_else() {
    let app = App::start().await;
    let mut stalled = Client::ready(&app).await;
    stalled
        .subscribe("a", "subscription { flood(bytes: 100000) }")
        .await;
    app.log
        .wait_for("graphql_transport_ws delivered, missed 0")
        .await;
    // Whether it is stuck by now or soon: its mutation runs to its end all the same.
    stalled.subscribe("b", "mutation { increment }").await;
    app.log.wait_for("mutation ok").await;
    assert_eq!(app.counter.0.load(Ordering::SeqCst), 1);
    let mut other = Client::ready(&app).await;
    other.subscribe("a", "{ value }").await;
    assert_eq!(other.hear().await["payload"]["data"]["value"], 1);
    assert_eq!(other.hear().await["type"], "complete");
}

#[tokio::test]
async fn a_peer_that_only_asks_is_not_read_for_ever() {
    let app = App::limited(Limits {
        pending_replies: 8,
        ..Limits::default()
    })
    .await;
    let mut client = Client::ready(&app).await;
    for _ in 0..1000 {
        client.say(&json!({"type": "ping"})).await;
    }
    for _ in 0..1000 {
        assert_eq!(
            client.hear().await["type"],
            "pong",
            "read again once it reads"
        );
    }
    client.say_text("x").await;
    assert_eq!(client.closed_at_last().await, 4400);
}
