//! A stand-in for Kraken: the REST API, as far as a tracker of two pairs uses it, and the stream.

use std::{sync::Arc, time::Duration};

use runtime::clock::{Clock, SystemClock};
use testkit::{StreamDialect, StreamServer};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::{CancellationToken, DropGuard};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

use crate::{process::until, product::Product};

/// The pairs that it lists.
pub(crate) const PAIRS: [&str; 2] = ["BTC/USD", "ETH/USD"];
/// The polled price of both pairs. No trade has it.
pub(crate) const POLLED: &str = "100.5";
const LIST: &str = r#"{"error":[],"result":{
    "XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","status":"online"},
    "XETHZUSD":{"altname":"ETHUSD","wsname":"ETH/USD","status":"online"}}}"#;
const TICKER: &str = r#"{"error":[],"result":{
    "XXBTZUSD":{"c":["100.50000","1"],"l":["90.0","90.0"],"h":["110.0","110.0"],"o":"100.0"},
    "XETHZUSD":{"c":["100.50000","1"],"l":["90.0","90.0"],"h":["110.0","110.0"],"o":"100.0"}}}"#;
/// Time between two trades of a pair.
const TRADE_INTERVAL: Duration = Duration::from_millis(40);

/// The servers.
pub(crate) struct Kraken {
    _rest: MockServer,
    rest_url: String,
    pub(crate) stream: Arc<StreamServer>,
    stream_url: String,
}

impl Kraken {
    /// Starts the servers.
    pub(crate) async fn open() -> Self {
        let rest = MockServer::start().await;
        for (endpoint, body) in [("/0/public/AssetPairs", LIST), ("/0/public/Ticker", TICKER)] {
            let response = ResponseTemplate::new(200).set_body_raw(body, "application/json");
            let mock = Mock::given(path(endpoint)).respond_with(response);
            mock.mount(&rest).await;
        }
        let stream = Arc::new(StreamServer::start(StreamDialect::Kraken).await);
        Self {
            rest_url: rest.uri(),
            _rest: rest,
            stream_url: stream.url().to_string(),
            stream,
        }
    }

    /// Settings of a program that polls and streams the pairs, beside `more`.
    pub(crate) fn settings<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut settings = vec![
            ("KRAKEN_URL", self.rest_url.as_str()),
            ("KRAKEN_STREAM_URL", self.stream_url.as_str()),
            ("KRAKEN_PER_SECOND", "1000"),
            ("KRAKEN_PER_MINUTE", "60000"),
            ("STREAM_INTERVAL", "100ms"),
        ];
        settings.extend_from_slice(more);
        settings
    }

    /// Sends trades of both pairs until the guard is dropped. Their prices are within 12 percent of
    /// the open of the day, and none is sent twice.
    #[expect(
        clippy::disallowed_methods,
        reason = "the task ends with the test and nothing waits for it"
    )]
    pub(crate) fn trade(&self) -> DropGuard {
        let (stream, over) = (Arc::clone(&self.stream), CancellationToken::new());
        let guard = over.clone().drop_guard();
        tokio::spawn(over.run_until_cancelled_owned(async move {
            let mut ticks = interval(TRADE_INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for number in 0_u32.. {
                ticks.tick().await;
                let price = format!("{}.{number:06}", 88 + number / 10 % 25);
                let millis = SystemClock.now().to_utc().timestamp_millis();
                for pair in PAIRS {
                    stream.trade(pair, &[(&price, millis)]);
                }
            }
        }));
        guard
    }

    /// Waits for a stream of both pairs.
    pub(crate) async fn is_streaming(&self, product: &Product) {
        let is_streaming = async || {
            let subscribed = self.stream.open() == 1 && self.stream.subscribed() == PAIRS;
            subscribed.then_some(())
        };
        until("a stream", || product.last_words(), is_streaming).await;
    }
}
