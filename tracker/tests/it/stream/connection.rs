//! Connections: silence, garbage, closes and the loss of the lease are distinguished.

use std::{process::Command, time::Duration};

use entity::ProviderState;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use testkit::{StreamDialect, TestDatabase};
use tracker::provider::{Ping, QuoteProvider, StreamLimits};

use super::provider::{BTC, DIALECTS, Stage};

/// The session of the lease.
const HOLDER: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// A stopped process of PostgreSQL, which continues when this is dropped.
struct Stopped(i32);

impl Stopped {
    async fn holder_of(database: &TestDatabase) -> Self {
        let query = Statement::from_string(DbBackend::Postgres, HOLDER);
        let row = database.read().query_one_raw(query).await;
        let row = row.expect("an answer").expect("a session");
        let stopped = Self(row.try_get("", "pid").expect("a process"));
        stopped.signal("-STOP");
        stopped
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.0.to_string()])
            .status();
        assert!(sent.expect("kill").success());
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}

impl Stage {
    async fn is_in_state(&self, state: ProviderState) -> bool {
        let row = self.world.provider(self.provider.name()).await;
        row.is_some_and(|row| row.state == state)
    }

    /// Waits for a second connection that has subscribed these names.
    async fn connected_again(&self, names: &[&str]) {
        self.world
            .until("another connection", async || self.server.attempts() == 2)
            .await;
        self.subscribed(names).await;
    }

    fn has_logged(&self, text: &str) -> bool {
        !self.world.journal.lines(&["WARN", text]).is_empty()
    }
}

#[tokio::test]
async fn prices_are_streamed_and_the_state_says_so() {
    for (dialect, symbol, _) in DIALECTS {
        let stage = Stage::new(dialect, &[symbol]).await;
        let running = stage.track_subscribed(&[symbol]).await;
        stage.trade(symbol, "101.5").await;
        stage.trade(symbol, "102").await;
        stage.noted("streaming 1 symbol").await;
        assert!(stage.is_in_state(ProviderState::Streaming).await);
        let name = stage.provider.name();
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
async fn each_provider_has_its_limits() {
    let ping = |seconds, text| {
        let every = Duration::from_secs(seconds);
        Some(Ping { every, text })
    };
    for (dialect, slots, rate, silence, ping) in [
        (
            StreamDialect::Kraken,
            None,
            Some(10),
            10,
            ping(5, Some(r#"{"method":"ping"}"#)),
        ),
        (StreamDialect::Finnhub, Some(50), Some(20), 150, None),
        (StreamDialect::Alpaca, Some(30), None, 15, ping(10, None)),
    ] {
        let stage = Stage::new(dialect, &[]).await;
        let protocol = stage.provider.stream().expect("a stream");
        let limits = StreamLimits {
            slots,
            frames_per_second: rate,
            silence: Duration::from_secs(silence),
            ping,
        };
        assert_eq!(protocol.limits(), limits, "{dialect:?}");
    }
}

#[tokio::test]
async fn a_silent_connection_is_replaced() {
    for (dialect, symbol, _) in DIALECTS {
        let stage = Stage::new(dialect, &[symbol]).await;
        let running = stage.track_subscribed(&[symbol]).await;
        let silence = stage.provider.stream().expect("a stream").limits().silence;
        stage.server.behave(|it| it.deaf = true);
        let line = format!("nothing was received for {} s", silence.as_secs());
        stage.until_elapsed(&line, || stage.has_logged(&line)).await;
        stage.server.behave(|it| it.deaf = false);
        stage.reconnected(2, &[symbol]).await;
        stage.trade(symbol, "101").await;
        running.stop().await;
    }
}

#[tokio::test]
async fn pings_keep_a_quiet_connection_open() {
    for (dialect, symbol, _) in DIALECTS {
        let stage = Stage::new(dialect, &[symbol]).await;
        // Finnhub sends the pings itself.
        let is_pinged = dialect == StreamDialect::Finnhub;
        stage.server.behave(|it| it.heartbeats = is_pinged);
        let running = stage.track_subscribed(&[symbol]).await;
        let silence = stage.provider.stream().expect("a stream").limits().silence;
        let quiet = tokio::time::Instant::now();
        stage
            .until_elapsed("the silence has passed", || quiet.elapsed() > silence * 2)
            .await;
        assert_eq!((stage.server.attempts(), stage.server.open()), (1, 1));
        stage.trade(symbol, "101").await;
        running.stop().await;
    }
}

#[tokio::test]
async fn garbage_is_skipped_and_a_hundred_messages_of_it_close_the_connection() {
    for (dialect, symbol, _) in DIALECTS {
        let stage = Stage::new(dialect, &[symbol]).await;
        let running = stage.track_subscribed(&[symbol]).await;
        for _ in 0..99 {
            stage.server.send("{\"channel\":");
        }
        stage.trade(symbol, "101").await;
        for _ in 0..99 {
            stage.server.send("garbage");
        }
        stage.trade(symbol, "102").await;
        assert_eq!(stage.server.attempts(), 1);
        assert_eq!(stage.count("malformed"), 198);
        for _ in 0..100 {
            stage.server.send("7");
        }
        stage.reconnected(2, &[symbol]).await;
        assert!(stage.has_logged("100 malformed messages in a row"));
        stage.trade(symbol, "103").await;
        running.stop().await;
    }
}

#[tokio::test]
async fn a_closed_connection_is_opened_again() {
    for (dialect, symbol, _) in DIALECTS {
        let stage = Stage::new(dialect, &[symbol]).await;
        let running = stage.track_subscribed(&[symbol]).await;
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
            stage.reconnected(attempts, &[symbol]).await;
            if let Some(code) = code {
                assert!(stage.has_logged(&format!("the provider closed with code {code}")));
            }
            stage.trade(symbol, price).await;
            assert_eq!(stage.server.attempts(), attempts);
        }
        let name = stage.provider.name();
        let reconnects = format!("stock_tracker_stream_reconnects_total{{provider=\"{name}\"}}");
        assert_eq!(stage.metric(&reconnects).as_deref(), Some("5"));
        running.stop().await;
    }
}

#[tokio::test]
async fn a_close_is_described_while_the_stream_is_down() {
    let stage = Stage::new(StreamDialect::Kraken, &[BTC]).await;
    let running = stage.track_subscribed(&[BTC]).await;
    // The delays grow, so that the last one is much longer than a note takes to be written.
    for attempts in 2..=6 {
        stage.server.close(1008);
        stage.reconnected(attempts, &[BTC]).await;
    }
    stage.server.close(1008);
    stage
        .noted("the stream is down: the provider closed with code 1008")
        .await;
    running.stop().await;
}

#[tokio::test]
async fn messages_are_counted_by_what_they_are() {
    let heartbeat = r#"{"channel":"heartbeat"}"#;
    let unsupported = r#"{"error":"Currency pair not supported BTC/USD","method":"subscribe","success":false,"symbol":"BTC/USD"}"#;
    let too_many = r#"{"type":"error","msg":"Subscribing to too many symbols"}"#;
    let halt = r#"[{"T":"s","S":"AAPL","sc":"H","sm":"Trading Halt"}]"#;
    let failure = r#"[{"T":"error","code":500,"msg":"internal error"}]"#;
    let frames: [&[(&str, &str)]; 3] = [
        &[
            ("heartbeat", heartbeat),
            ("heartbeat", r#"{"method":"pong"}"#),
            ("control", r#"{"channel":"instrument"}"#),
            ("refused", unsupported),
        ],
        &[
            ("heartbeat", r#"{"type":"ping"}"#),
            ("control", r#"{"type":"news"}"#),
            ("refused", too_many),
        ],
        &[("control", halt), ("refused", failure)],
    ];
    for ((dialect, symbol, _), frames) in DIALECTS.into_iter().zip(frames) {
        let stage = Stage::new(dialect, &[symbol]).await;
        let running = stage.track_subscribed(&[symbol]).await;
        stage.trade(symbol, "101").await;
        for (outcome, frame) in frames {
            // The stand-in sends nothing by itself any more, except answers to pings.
            let before = stage.count(outcome);
            stage.server.send(*frame);
            stage
                .world
                .until(frame, async || stage.count(outcome) > before)
                .await;
        }
        let others = ["price", "dropped", "malformed"].map(|it| stage.count(it));
        assert_eq!(others, [1, 0, 0]);
        assert_eq!(stage.count("refused"), 1);
        running.stop().await;
    }
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
    running.stop().await;
    stage.connected_again(&[BTC]).await;
    stage.trade(BTC, "103").await;
    standby.stop().await;
}

#[tokio::test]
async fn a_holder_that_cannot_prove_its_lease_closes_its_connection() {
    let database = TestDatabase::postgres().await;
    let stage = Stage::on(database, StreamDialect::Kraken, &[BTC]).await;
    let running = stage.track_subscribed(&[BTC]).await;
    let stopped = Stopped::holder_of(&stage.world.database).await;
    stage
        .world
        .until("a closed socket", async || stage.server.open() == 0)
        .await;
    assert!(stage.has_logged("the lease cannot be proven, the stream is closed"));
    assert_eq!(stage.server.attempts(), 1);
    drop(stopped);
    stage.connected_again(&[BTC]).await;
    stage.trade(BTC, "101").await;
    running.stop().await;
}

#[tokio::test]
async fn a_new_holder_waits_if_the_old_one_did_not_sign_off() {
    let stage = Stage::new(StreamDialect::Kraken, &[BTC]).await;
    let killed = stage.track_subscribed(&[BTC]).await;
    drop(killed);
    stage
        .world
        .until("a closed socket", async || stage.server.open() == 0)
        .await;
    let started = std::time::Instant::now();
    let running = stage.track();
    stage.connected_again(&[BTC]).await;
    assert!(started.elapsed() >= Duration::from_secs(5));
    running.stop().await;
}
