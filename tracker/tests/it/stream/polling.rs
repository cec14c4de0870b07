//! What is polled, and when sockets are open at all.

use std::time::Duration;

use market::PollingHours;
use testkit::{StreamDialect, StreamServer};
use tracker::StreamSettings;

use super::provider::{BTC, DIALECTS, STREAMS, Stage, Streaming, elapse};
use crate::fixture::at;

const MINUTE: Duration = Duration::from_mins(1);

impl Stage {
    /// Waits for another poll and moves the clock.
    async fn polled_again(&self) {
        let polls = self.provider.polled().len();
        self.world
            .until_after(MINUTE, "another poll", async || {
                self.provider.polled().len() > polls
            })
            .await;
    }
}

/// Gives a stream the time to connect or to close.
async fn wait() {
    for _ in 0..8 {
        elapse(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn a_refused_symbol_is_polled_while_the_others_are_streamed() {
    for (dialect, good, bad) in [
        (StreamDialect::Kraken, BTC, "ETH/USD"),
        (StreamDialect::Alpaca, "AAPL", "MSFT"),
    ] {
        let stage = Stage::new(dialect, &[good, bad]).await;
        stage.server.behave(|it| it.unknown.push(bad.to_owned()));
        let running = stage.track_subscribed(&[good]).await;
        stage.noted("streaming 1 symbol").await;
        assert_eq!(stage.count("refused"), 1);
        stage.trade(good, "101").await;
        let polls = stage.provider.polled().len();
        stage
            .world
            .until_after(MINUTE, "another poll", async || {
                let polled = stage.provider.polled();
                polled[polls..].iter().any(|it| it == bad)
            })
            .await;
        // It is requested again later.
        stage.server.behave(|it| it.unknown.clear());
        stage
            .world
            .until_after(MINUTE, "another request", async || {
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
    for (dialect, symbol, _) in DIALECTS {
        let stage = Stage::new(dialect, &[symbol]).await;
        stage.server.behave(|it| it.heartbeats = true);
        let running = stage.track_subscribed(&[symbol]).await;
        assert_eq!(stage.provider.polled(), [symbol]);
        stage.polled_again().await;
        assert_eq!((stage.server.attempts(), stage.server.open()), (1, 1));
        running.stop().await;
    }
}

#[tokio::test]
async fn a_streamed_symbol_is_not_polled() {
    for (dialect, symbol, _) in DIALECTS {
        let stage = Stage::new(dialect, &[symbol]).await;
        let running = stage.track_subscribed(&[symbol]).await;
        for minute in 1..12 {
            stage.world.clock.advance(MINUTE);
            stage.trade(symbol, &format!("10{minute}")).await;
        }
        assert_eq!(stage.provider.polled(), [symbol]);
        running.stop().await;
    }
}

#[tokio::test]
async fn without_streams_prices_are_polled() {
    let streams = StreamSettings {
        enabled: false,
        ..STREAMS
    };
    for (dialect, symbol, _) in DIALECTS {
        let stage = Stage::new(dialect, &[symbol]).await;
        let running = stage.track_at(PollingHours::Always, streams);
        stage.seeded(1).await;
        stage.polled_again().await;
        wait().await;
        assert_eq!(stage.server.attempts(), 0);
        running.stop().await;
    }
}

#[tokio::test]
async fn while_a_stream_is_down_its_symbols_are_polled() {
    for (dialect, symbol, _) in DIALECTS {
        for (status, note) in [
            (503, "the stream is down: HTTP 503"),
            (402, "the stream is refused: HTTP 402"),
        ] {
            let stage = Stage::new(dialect, &[symbol]).await;
            stage.server.behave(|it| it.refuse = Some((503, None)));
            let running = stage.track();
            stage.seeded(1).await;
            // It is subscribed later than polled, so that it does not count as silent below.
            stage.world.clock.advance(4 * MINUTE);
            stage.server.behave(|it| it.refuse = None);
            stage.subscribed(&[symbol]).await;
            assert_eq!(stage.provider.polled(), [symbol]);

            stage.server.behave(|it| it.refuse = Some((status, None)));
            stage.server.close(1001);
            stage.noted(note).await;
            stage.world.clock.advance(2 * MINUTE);
            stage
                .world
                .until("another poll", async || stage.provider.polled().len() == 2)
                .await;
            stage.polled_again().await;
            running.stop().await;
        }
    }
}

#[tokio::test]
async fn fallbacks_are_polled_and_never_streamed() {
    let stage = Stage::new(StreamDialect::Finnhub, &["AAPL"]).await;
    let other = StreamServer::start(StreamDialect::Alpaca).await;
    let fallback = Streaming::new(StreamDialect::Alpaca, &other, "S3CRET");
    let track = || {
        let providers: [std::sync::Arc<dyn tracker::provider::QuoteProvider>; 2] =
            [stage.provider.clone(), fallback.clone()];
        stage.world.track_streams(STREAMS, providers.into())
    };
    let running = track();
    stage.subscribed(&["AAPL"]).await;
    stage.trade("AAPL", "101").await;
    running.stop().await;

    // The first provider refuses its stream, and then also polls.
    stage.server.behave(|it| it.refuse = Some((401, None)));
    let running = track();
    stage.noted("the stream is refused: HTTP 401").await;
    stage.provider.fail("AAPL");
    stage
        .world
        .until_after(MINUTE, "a poll of the fallback", async || {
            !fallback.polled().is_empty()
        })
        .await;
    wait().await;
    assert_eq!(other.attempts(), 0);
    running.stop().await;
}

#[tokio::test]
async fn sockets_with_shares_only_are_open_in_the_polling_window_only() {
    for (dialect, symbol, _) in DIALECTS {
        let stage = Stage::new(dialect, &[symbol]).await;
        let set = |text| stage.world.clock.set(at(text));
        // 19:59 in New York, on a Friday.
        set("2026-11-21T00:59:00Z");
        let running = stage.track_at(PollingHours::Market, STREAMS);
        stage.subscribed(&[symbol]).await;
        stage.seeded(1).await;
        wait().await;
        let sockets = || (stage.server.attempts(), stage.server.open());
        assert_eq!(sockets(), (1, 1));
        set("2026-11-21T01:00:00Z");
        if dialect == StreamDialect::Kraken {
            // Pairs are traded at any hour.
            for time in ["2026-11-22T17:00:00Z", "2026-11-23T09:00:00Z"] {
                wait().await;
                assert_eq!(sockets(), (1, 1));
                set(time);
            }
        } else {
            stage
                .until_elapsed("a closed socket", || sockets() == (1, 0))
                .await;
            for time in ["2026-11-22T17:00:00Z", "2026-11-23T08:59:59Z"] {
                set(time);
                wait().await;
                assert_eq!(sockets(), (1, 0));
            }
            // 04:00 on the next trading day.
            set("2026-11-23T09:00:00Z");
            stage.reconnected(2, &[symbol]).await;
            assert_eq!(sockets(), (2, 1));
        }
        running.stop().await;
    }
}
