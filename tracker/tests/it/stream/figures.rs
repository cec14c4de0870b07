//! Figures of the session: a provider's own requests and stream together.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use entity::table::stock_price;
use runtime::config::{AlpacaSettings, FinnhubSettings, Secret};
use testkit::{StreamDialect, StreamServer, TestDatabase};
use tracker::provider::{Alpaca, Finnhub, QuoteProvider};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{path, query_param},
};

use super::provider::STREAMS;
use crate::fixture::{NOON, Running, World, at};

const TIMEOUT: Duration = Duration::from_secs(5);

/// A tracker of AAPL at noon, whose provider's requests are answered.
struct Session {
    world: World,
    server: StreamServer,
    _api: MockServer,
    running: Running,
}

impl Session {
    async fn of(dialect: StreamDialect, endpoint: &str, parameter: &str, answer: String) -> Self {
        let world = World::new(TestDatabase::sqlite().await, &["AAPL"]).await;
        let server = StreamServer::start(dialect).await;
        let api = MockServer::start().await;
        Mock::given(path(endpoint))
            .and(query_param(parameter, "AAPL"))
            .respond_with(ResponseTemplate::new(200).set_body_string(answer))
            .mount(&api)
            .await;
        let (url, stream_url) = (api.uri().parse().expect("a URL"), server.url());
        let limit = NonZeroU32::new(60).expect("more than 0");
        let secret = || Some(Secret::new("S3CRET"));
        let provider: Arc<dyn QuoteProvider> = if dialect == StreamDialect::Alpaca {
            let settings = AlpacaSettings {
                api_key_id: secret(),
                api_secret_key: secret(),
                url,
                stream_url,
                per_second: limit,
                per_minute: limit,
                stream_symbols: 30,
            };
            let clock = world.clock.shared();
            Arc::new(Alpaca::new(&settings, TIMEOUT, clock).expect("a provider"))
        } else {
            let settings = FinnhubSettings {
                api_key: secret(),
                url,
                stream_url,
                per_second: limit,
                per_minute: limit,
                stream_symbols: 50,
            };
            Arc::new(Finnhub::new(&settings, TIMEOUT).expect("a provider"))
        };
        let running = world.track_streams(STREAMS, vec![provider]);
        let session = Self {
            world,
            server,
            _api: api,
            running,
        };
        let subscribed = async || session.server.subscribed() == ["AAPL"];
        session.world.until("the subscription", subscribed).await;
        session
    }

    /// Waits for a price and returns it: the previous close, the open, the high, the low and the
    /// volume.
    async fn figures(&self, price: &str) -> ([Option<String>; 4], Option<i64>) {
        let newest = async || self.world.prices().await.pop();
        let is_newest = |row: stock_price::Model| row.price.to_string() == price;
        self.world
            .until(price, async || newest().await.is_some_and(is_newest))
            .await;
        let row = newest().await.expect("a price");
        let prices = [row.previous_close, row.open, row.high, row.low];
        (prices.map(|it| it.map(|it| it.to_string())), row.volume)
    }

    /// The number of dropped messages of Alpaca.
    fn dropped(&self) -> Option<u64> {
        let text = self.world.metrics.text();
        let line = "stock_tracker_stream_messages_total{outcome=\"dropped\",provider=\"alpaca\"} ";
        let mut lines = text.lines();
        lines.find_map(|it| it.strip_prefix(line)?.parse().ok())
    }
}

fn some<const N: usize>(texts: [&str; N]) -> [Option<String>; N] {
    texts.map(|it| Some(it.to_owned()))
}

/// A trade of Alpaca at noon.
fn trade(id: u32, price: &str, size: u32, condition: &str) -> String {
    format!(
        r#"[{{"T":"t","i":{id},"S":"AAPL","x":"V","p":{price},"s":{size},"t":"{NOON}","c":["{condition}"],"z":"C"}}]"#
    )
}

#[tokio::test]
async fn the_volume_of_alpaca_is_that_of_the_snapshot_and_each_trade_once() {
    let snapshot = r#"{"AAPL":{
        "latestTrade":{"t":"2026-11-20T16:59:00Z","x":"D","p":133.42,"s":145,"c":["@"],"i":1},
        "dailyBar":{"t":"2026-11-20T05:00:00Z","o":132.04,"h":134.07,"l":131.83,"c":133.42,"v":1000},
        "prevDailyBar":{"t":"2026-11-19T05:00:00Z","o":1,"h":2,"l":1,"c":131.46,"v":9}}}"#;
    let endpoint = "/v2/stocks/snapshots";
    let session = Session::of(
        StreamDialect::Alpaca,
        endpoint,
        "symbols",
        snapshot.to_owned(),
    )
    .await;
    let before = some(["131.46", "132.04", "134.07", "131.83"]);
    assert_eq!(
        session.figures("133.42").await,
        (before.clone(), Some(1_000))
    );

    session.server.send(trade(2, "134", 10, "@"));
    assert_eq!(session.figures("134").await, (before.clone(), Some(1_010)));
    // Repeated, also with another price; then an odd lot and a correction.
    session.server.send(trade(2, "134", 10, "@"));
    session.server.send(trade(2, "200", 10, "@"));
    session.server.send(trade(3, "300", 1, "I"));
    let correction =
        r#"[{"T":"c","S":"AAPL","x":"V","oi":2,"op":134,"os":10,"ci":9,"cp":400,"cs":10}]"#;
    session.server.send(correction);
    session.server.send(trade(4, "133", 5, "@"));
    assert_eq!(session.figures("133").await, (before, Some(1_016)));
    assert_eq!(session.dropped(), Some(4));

    let bar = r#"[{"T":"d","S":"AAPL","o":132.1,"h":140,"l":130,"c":133,"v":5000,"t":"2026-11-20T05:00:00Z"}]"#;
    session.server.send(bar);
    session.server.send(trade(5, "135", 7, "@"));
    let replaced = some(["131.46", "132.1", "140", "130"]);
    assert_eq!(session.figures("135").await, (replaced, Some(5_007)));
    let stored = session.world.price_texts().await;
    for moved in ["200", "300", "400"] {
        assert!(!stored.contains(&moved.to_owned()), "{stored:?}");
    }
    session.running.stop().await;
}

#[tokio::test]
async fn the_quote_of_finnhub_has_the_previous_close_and_no_volume() {
    let seconds = at(NOON).micros() / 1_000_000 - 60;
    let quote = format!(
        r#"{{"c":182.63,"d":1.85,"dp":1.02,"h":183.12,"l":180.97,"o":181.05,"pc":180.78,"t":{seconds}}}"#
    );
    let session = Session::of(StreamDialect::Finnhub, "/api/v1/quote", "symbol", quote).await;
    let seed = some(["180.78", "181.05", "183.12", "180.97"]);
    assert_eq!(session.figures("182.63").await, (seed, None));
    let millis = at(NOON).micros() / 1_000;
    session.server.trade("AAPL", &[("184", millis)]);
    let traded = some(["180.78", "181.05", "184", "180.97"]);
    assert_eq!(session.figures("184").await, (traded, None));
    session.running.stop().await;
}
