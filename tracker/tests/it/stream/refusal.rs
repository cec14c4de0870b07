//! Refusals, evictions, lower limits, and the delays before a connection is opened again.

use std::time::Duration;

use testkit::StreamDialect;
use tokio::time::Instant;

use super::provider::{DIALECTS, Stage};

const SECOND: Duration = Duration::from_secs(1);

/// Checks that delays are between a half of these seconds and all of them.
fn check_delays(delays: &[Duration], max: &[u32]) {
    assert_eq!(delays.len(), max.len(), "{delays:?}");
    for (delay, max) in delays.iter().zip(max) {
        let max = SECOND * *max;
        assert!((max / 2..=max).contains(delay), "{delay:?} of {max:?}");
    }
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
    for (dialect, symbol, _) in DIALECTS {
        for status in [401, 451] {
            let stage = Stage::new(dialect, &[symbol]).await;
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
            let stage = Stage::new(dialect, &[symbol]).await;
            stage.server.behave(|it| it.refuse = Some((status, wait)));
            let running = stage.track();
            stage
                .noted(&format!("the stream is down: HTTP {status}"))
                .await;
            stage.server.behave(|it| it.refuse = None);
            stage.subscribed(&[symbol]).await;
            stage.trade(symbol, "101").await;
            running.stop().await;
        }
    }
}

#[tokio::test]
async fn the_wait_that_a_refusal_requests_is_kept() {
    for (dialect, symbol, _) in DIALECTS {
        for status in [429, 503] {
            let stage = Stage::new(dialect, &[symbol]).await;
            let wait = 4;
            stage
                .server
                .behave(|it| it.refuse = Some((status, Some(wait))));
            let started = Instant::now();
            let running = stage.track();
            stage
                .until_elapsed("a refusal", || !stage.delays().is_empty())
                .await;
            stage.server.behave(|it| it.refuse = None);
            stage.reconnected(2, &[symbol]).await;
            let wait = SECOND * wait;
            assert!(started.elapsed() >= wait);
            assert_eq!(stage.delays(), [wait]);
            running.stop().await;
        }
    }
}

#[tokio::test]
async fn only_a_price_resets_the_delays() {
    for (dialect, symbol, _) in DIALECTS {
        let stage = Stage::new(dialect, &[symbol]).await;
        let running = stage.track_subscribed(&[symbol]).await;
        for attempts in 2..=6 {
            let closed = Instant::now();
            stage.server.close(1001);
            stage.reconnected(attempts, &[symbol]).await;
            let delays = stage.delays();
            assert!(delays.last().is_some_and(|it| closed.elapsed() >= *it));
        }
        check_delays(&stage.delays(), &[1, 2, 4, 8, 16]);
        stage.trade(symbol, "101").await;
        stage.server.close(1001);
        stage.reconnected(7, &[symbol]).await;
        check_delays(&stage.delays()[5..], &[1]);
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
async fn an_eviction_is_distinguished_and_waits() {
    let stage = Stage::new(StreamDialect::Alpaca, &["AAPL"]).await;
    let running = stage.track_subscribed(&["AAPL"]).await;
    stage.server.behave(|it| it.evict = true);
    // Another process with the same key.
    let other = testkit::stream_connection(&stage.server).await;
    stage.noted("another connection uses the key").await;
    assert_eq!(stage.server.attempts(), 2);
    drop(other);
    stage.reconnected(3, &["AAPL"]).await;
    let _other = testkit::stream_connection(&stage.server).await;
    stage
        .until_elapsed("another eviction", || stage.delays().len() == 2)
        .await;
    assert_eq!(stage.delays(), [SECOND * 60, SECOND * 300]);
    assert_eq!(stage.server.attempts(), 4);
    running.stop().await;
}

#[tokio::test]
async fn a_second_connection_that_ends_both_is_a_failure_with_growing_delays() {
    let stage = Stage::new(StreamDialect::Finnhub, &["AAPL"]).await;
    let running = stage.track_subscribed(&["AAPL"]).await;
    stage.server.behave(|it| it.evict = true);
    for attempts in [3, 5, 7, 9] {
        // Another process with the same key.
        let other = testkit::stream_connection(&stage.server).await;
        stage.reconnected(attempts, &["AAPL"]).await;
        drop(other);
    }
    check_delays(&stage.delays(), &[1, 2, 4, 8]);
    assert_eq!(stage.server.most_open(), 2);
    stage.trade("AAPL", "101").await;
    running.stop().await;
}
