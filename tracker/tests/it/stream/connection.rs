//! Connections: silence, garbage, refusals, closes and evictions are told apart.

use std::time::Duration;

use entity::ProviderState;
use testkit::{StreamDialect, TestDatabase};

use super::provider::Stage;

const BTC: &str = "BTC/USD";
const ETH: &str = "ETH/USD";

impl Stage {
    /// Waits until the server has seen a number of attempts to connect.
    async fn attempted(&self, attempts: usize) {
        self.world
            .until("another connection", async || {
                self.server.attempts() >= attempts
            })
            .await;
    }

    async fn is_in_state(&self, state: ProviderState) -> bool {
        let row = self.world.provider(self.provider_name()).await;
        row.is_some_and(|row| row.state == state)
    }

    fn provider_name(&self) -> &'static str {
        tracker::provider::QuoteProvider::name(&*self.provider)
    }
}

#[tokio::test]
async fn prices_are_streamed_and_the_state_says_so() {
    for (dialect, symbol) in [
        (StreamDialect::Kraken, BTC),
        (StreamDialect::Finnhub, "AAPL"),
        (StreamDialect::Alpaca, "AAPL"),
    ] {
        let stage = Stage::new(dialect, &[symbol]).await;
        let running = stage.track_subscribed(&[symbol]).await;
        stage.trade(symbol, "101.5").await;
        stage.trade(symbol, "102").await;
        stage.noted("streaming 1 symbol").await;
        assert!(stage.is_in_state(ProviderState::Streaming).await);
        let name = stage.provider_name();
        let connected = format!("stock_tracker_stream_connected{{provider=\"{name}\"}}");
        assert_eq!(stage.metric(&connected).as_deref(), Some("1"));
        let count = format!("stock_tracker_tick_age_seconds_count{{provider=\"{name}\"}}");
        stage
            .world
            .until("the age of both prices", async || {
                stage.metric(&count).as_deref() == Some("2")
            })
            .await;
        running.stop().await;
        assert_eq!(stage.metric(&connected).as_deref(), Some("0"));
        stage
            .world
            .until("a closed socket", async || stage.server.open() == 0)
            .await;
    }
}

#[tokio::test]
async fn a_late_confirmation_delays_no_price() {
    let stage = Stage::new(StreamDialect::Kraken, &[BTC]).await;
    stage.server.behave(|it| it.hold_acks = true);
    let running = stage.track_subscribed(&[BTC]).await;
    stage.trade(BTC, "101").await;
    stage.server.behave(|it| it.hold_acks = false);
    stage.trade(BTC, "102").await;
    assert_eq!(stage.server.attempts(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_refused_symbol_is_polled_while_the_others_are_streamed() {
    for (dialect, good, bad) in [
        (StreamDialect::Kraken, BTC, ETH),
        (StreamDialect::Alpaca, "AAPL", "MSFT"),
    ] {
        let stage = Stage::new(dialect, &[good, bad]).await;
        stage.server.behave(|it| it.unknown.push(bad.to_owned()));
        let running = stage.track_subscribed(&[good]).await;
        stage.noted("streaming 1 symbol").await;
        stage.trade(good, "101").await;
        let polls = stage.provider.polled().len();
        stage
            .world
            .until_after(Duration::from_mins(1), "another poll", async || {
                let polled = stage.provider.polled();
                polled[polls..].iter().any(|it| it == bad)
            })
            .await;
        // It is requested again later.
        stage.server.behave(|it| it.unknown.clear());
        stage
            .world
            .until_after(Duration::from_mins(1), "another request", async || {
                stage.server.subscribed() == [good, bad]
            })
            .await;
        stage.trade(bad, "55").await;
        assert_eq!(stage.server.attempts(), 1);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_symbol_that_is_silent_although_heartbeats_come_is_polled() {
    let stage = Stage::new(StreamDialect::Kraken, &[BTC]).await;
    stage.server.behave(|it| it.heartbeats = true);
    let running = stage.track_subscribed(&[BTC]).await;
    assert_eq!(stage.provider.polled(), [BTC]);
    stage
        .world
        .until_after(Duration::from_mins(1), "another poll", async || {
            stage.provider.polled().len() > 1
        })
        .await;
    assert_eq!((stage.server.attempts(), stage.server.open()), (1, 1));
    running.stop().await;
}

#[tokio::test]
async fn a_streamed_symbol_is_not_polled() {
    let stage = Stage::new(StreamDialect::Kraken, &[BTC]).await;
    let running = stage.track_subscribed(&[BTC]).await;
    for minute in 1..12 {
        stage.world.clock.advance(Duration::from_mins(1));
        stage.trade(BTC, &format!("10{minute}")).await;
    }
    assert_eq!(stage.provider.polled(), [BTC]);
    running.stop().await;
}

#[tokio::test]
async fn a_silent_connection_is_replaced() {
    let stage = Stage::new(StreamDialect::Kraken, &[BTC]).await;
    let running = stage.track_subscribed(&[BTC]).await;
    stage.server.behave(|it| it.deaf = true);
    stage.noted("nothing was received for 10 s").await;
    stage.server.behave(|it| it.deaf = false);
    stage.attempted(2).await;
    stage.subscribed(&[BTC]).await;
    stage.trade(BTC, "101").await;
    running.stop().await;
}

#[tokio::test]
async fn garbage_is_skipped_and_a_hundred_messages_of_it_close_the_connection() {
    let stage = Stage::new(StreamDialect::Kraken, &[BTC]).await;
    let running = stage.track_subscribed(&[BTC]).await;
    for _ in 0..99 {
        stage.server.send("{\"channel\":");
    }
    stage.trade(BTC, "101").await;
    for _ in 0..99 {
        stage.server.send("garbage");
    }
    stage.trade(BTC, "102").await;
    assert_eq!(stage.server.attempts(), 1);
    for _ in 0..100 {
        stage.server.send("[]");
    }
    stage.attempted(2).await;
    stage.subscribed(&[BTC]).await;
    stage.trade(BTC, "103").await;
    running.stop().await;
}

#[tokio::test]
async fn a_lower_limit_streams_what_fits() {
    for dialect in [StreamDialect::Finnhub, StreamDialect::Alpaca] {
        let stage = Stage::new(dialect, &["AAPL", "IBM", "MSFT"]).await;
        stage.server.behave(|it| it.slots = Some(2));
        let running = stage.track();
        stage.noted("streaming 2 symbols").await;
        stage.seeded(3).await;
        stage
            .world
            .until("two subscriptions", async || {
                stage.server.subscribed().len() == 2
            })
            .await;
        let streamed = stage.server.subscribed();
        stage.trade(&streamed[0], "101").await;
        stage.trade(&streamed[1], "102").await;
        assert_eq!(stage.server.attempts(), 1);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_refused_handshake_is_final_unless_it_may_pass() {
    for status in [401, 451] {
        let stage = Stage::new(StreamDialect::Finnhub, &["AAPL"]).await;
        stage.server.behave(|it| it.refuse = Some((status, None)));
        let running = stage.track();
        stage
            .noted(&format!("the stream is refused: HTTP {status}"))
            .await;
        stage.stored("100").await;
        assert_eq!(stage.server.attempts(), 1);
        running.stop().await;
    }
    for (status, wait) in [(429, Some(1)), (503, None)] {
        let stage = Stage::new(StreamDialect::Finnhub, &["AAPL"]).await;
        stage.server.behave(|it| it.refuse = Some((status, wait)));
        let running = stage.track();
        stage
            .noted(&format!("the stream is down: HTTP {status}"))
            .await;
        stage.server.behave(|it| it.refuse = None);
        stage.subscribed(&["AAPL"]).await;
        stage.trade("AAPL", "101").await;
        running.stop().await;
    }
}

#[tokio::test]
async fn a_rejected_key_is_final() {
    let stage = Stage::with_secret(StreamDialect::Alpaca, &["AAPL"], "wrong").await;
    let running = stage.track();
    stage.noted("the stream is refused: error 402").await;
    stage.stored("100").await;
    assert_eq!((stage.server.attempts(), stage.server.open()), (1, 0));
    let refused = "stock_tracker_stream_refused{provider=\"alpaca\"}";
    assert_eq!(stage.metric(refused).as_deref(), Some("1"));
    running.stop().await;
    assert_eq!(stage.metric(refused).as_deref(), Some("0"));
}

#[tokio::test]
async fn a_closed_connection_is_opened_again() {
    let stage = Stage::new(StreamDialect::Kraken, &[BTC]).await;
    let running = stage.track_subscribed(&[BTC]).await;
    let mut attempts = 1;
    for (price, code) in [
        ("101", Some(1000)),
        ("102", Some(1001)),
        ("103", Some(1008)),
        ("104", Some(1013)),
        ("105", None),
    ] {
        match code {
            Some(code) => stage.server.close(code),
            None => stage.server.reset(),
        }
        attempts += 1;
        stage.attempted(attempts).await;
        stage.subscribed(&[BTC]).await;
        stage.trade(BTC, price).await;
        assert_eq!(stage.server.attempts(), attempts);
    }
    let reconnects = "stock_tracker_stream_reconnects_total{provider=\"kraken\"}";
    assert_eq!(stage.metric(reconnects).as_deref(), Some("5"));
    running.stop().await;
}

#[tokio::test]
async fn an_eviction_is_told_apart_and_waits() {
    let stage = Stage::new(StreamDialect::Alpaca, &["AAPL"]).await;
    let running = stage.track_subscribed(&["AAPL"]).await;
    stage.server.behave(|it| it.evict = true);
    // Another process with the same key.
    let other = testkit::stream_connection(&stage.server).await;
    stage.noted("another connection uses the key").await;
    assert_eq!(stage.server.attempts(), 2);
    drop(other);
    running.stop().await;
}

#[tokio::test]
async fn maintenance_is_no_failure() {
    let stage = Stage::new(StreamDialect::Kraken, &[BTC]).await;
    let running = stage.track_subscribed(&[BTC]).await;
    let status = |system: &str| {
        format!(r#"{{"channel":"status","type":"update","data":[{{"system":"{system}"}}]}}"#)
    };
    stage.server.send(status("maintenance"));
    stage.noted("the stream is paused: maintenance").await;
    stage.server.send(status("online"));
    stage.noted("streaming 1 symbol").await;
    stage.trade(BTC, "101").await;
    assert_eq!(stage.server.attempts(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_standby_connects_after_the_holder_signed_off() {
    let stage = Stage::on(
        TestDatabase::postgres().await,
        StreamDialect::Kraken,
        &[BTC],
    )
    .await;
    let running = stage.track_subscribed(&[BTC]).await;
    stage.trade(BTC, "101").await;
    // Another tracker stands by and opens no socket, until the first one signs off.
    let standby = stage.track();
    stage.trade(BTC, "102").await;
    assert_eq!((stage.server.attempts(), stage.server.open()), (1, 1));
    let stopped = std::time::Instant::now();
    running.stop().await;
    stage.attempted(2).await;
    assert!(stopped.elapsed() < Duration::from_mins(1));
    stage.subscribed(&[BTC]).await;
    stage.trade(BTC, "103").await;
    standby.stop().await;
}
