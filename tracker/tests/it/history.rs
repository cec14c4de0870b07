//! Tests of backfilling daily history over HTTP, from a mock server with recorded responses.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use entity::{
    Symbol,
    table::{backfill, candle},
};
use market::PollingHours;
use sea_orm::EntityTrait;
use tracker::{
    provider::{DailyBar, QuoteProvider},
    quote::Quote,
};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{any, query_param},
};

use crate::{
    fixture::{Running, World, alpha_vantage, at, date, decimal, quote},
    script::Script,
};

const SERIES: &str = include_str!("../fixtures/alpha_vantage/series.json");
const QUOTE: &str = include_str!("../fixtures/alpha_vantage/quote.json");
const DAILY: &str = "TIME_SERIES_DAILY";
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// A mock of the provider and its current response to requests for history.
struct Service {
    server: MockServer,
    history: Arc<Mutex<String>>,
}

impl Service {
    /// Quotes every symbol, and returns `history` with the requested symbol.
    async fn start(history: &str) -> Self {
        let server = MockServer::start().await;
        let history = Arc::new(Mutex::new(history.to_owned()));
        let body = history.clone();
        let series = move |request: &Request| {
            let body = body
                .lock()
                .expect("a lock")
                .replace("MSFT", &symbol_of(request));
            ResponseTemplate::new(200).set_body_raw(body, "application/json")
        };
        let quoted = |request: &Request| {
            let body = QUOTE
                .replace("MSFT", &symbol_of(request))
                .replace("2018-10-05", "2013-03-01");
            ResponseTemplate::new(200).set_body_raw(body, "application/json")
        };
        let mock = Mock::given(query_param("function", DAILY)).respond_with(series);
        mock.mount(&server).await;
        Mock::given(any()).respond_with(quoted).mount(&server).await;
        Self { server, history }
    }

    fn set_history(&self, history: &str) {
        history.clone_into(&mut self.history.lock().expect("a lock"));
    }

    fn track(&self, world: &World, hours: PollingHours, per_minute: u32, per_day: u32) -> Running {
        let client = alpha_vantage(
            &self.server.uri(),
            "RECORDEDKEY00001",
            (per_minute, per_day),
            SECOND * 10,
        );
        let provider: Arc<dyn QuoteProvider> = Arc::new(client.expect("a client"));
        world.track_with_history(hours, vec![provider])
    }

    /// Returns the symbols whose history was requested, in order.
    async fn backfilled(&self) -> Vec<String> {
        let requests = self
            .server
            .received_requests()
            .await
            .expect("requests are recorded");
        let daily = requests.iter().filter(|request| {
            let mut pairs = request.url.query_pairs();
            pairs.any(|(name, value)| name == "function" && value == DAILY)
        });
        daily.map(symbol_of).collect()
    }

    /// Returns the number of all requests.
    async fn requests(&self) -> usize {
        self.server
            .received_requests()
            .await
            .expect("requests are recorded")
            .len()
    }
}

fn symbol_of(request: &Request) -> String {
    let mut pairs = request.url.query_pairs();
    let symbol = pairs.find(|(name, _)| name == "symbol");
    symbol
        .map(|(_, value)| value.into_owned())
        .expect("a symbol")
}

/// Returns the daily candles: start, open, high, low, close, volume and count.
async fn days(world: &World) -> Vec<String> {
    let rows = world.daily_candles().await.into_iter();
    rows.map(|row| {
        let candle::Model {
            start,
            open,
            high,
            low,
            close,
            volume,
            count,
            ..
        } = row;
        let volume = volume.unwrap_or(-1);
        format!("{start} {open} {high} {low} {close} {volume} {count}")
    })
    .collect()
}

async fn backfills(world: &World) -> Vec<backfill::Model> {
    let rows = backfill::Entity::find().all(world.database.read()).await;
    rows.expect("backfills")
}

async fn done(world: &World) -> usize {
    let rows = backfills(world).await;
    rows.iter().filter(|row| row.done_at.is_some()).count()
}

testkit::on_both_databases! {
    async fn history_is_requested_once_and_fills_in_only_daily_candles(database) {
        let world = World::new(database, &["MSFT"]).await;
        // A session with a single stored price, which the provider knows completely.
        let seen = Quote { trading_day: date("2013-02-28"), ..quote("MSFT", "27.9") };
        world.store(vec![seen]).await;
        let service = Service::start(SERIES).await;
        let running = service.track(&world, PollingHours::Always, 5, 25);
        world.until_after(SECOND, "history filled in", async || done(&world).await == 1).await;
        let expected = [
            "2013-02-27T14:30:00Z 27.42 28 27.33 27.81 36394700 0",
            "2013-02-28T14:30:00Z 27.88 27.97 27.74 27.8 35840200 1",
            "2013-03-01T14:30:00Z 27.72 27.98 27.52 27.95 34849700 0",
        ];
        assert_eq!(days(&world).await, expected);
        // Only the polled price is stored and published.
        assert_eq!((world.prices().await.len(), world.events().await.0.len()), (1, 1));
        let counted = r#"api_calls_total{endpoint="daily",outcome="ok",provider="alphavantage"} 1"#;
        assert!(world.metrics.text().contains(counted), "{}", world.metrics.text());
        running.stop().await;

        // Neither a restart nor a new day requests it again.
        let running = service.track(&world, PollingHours::Always, 5, 25);
        let polled = service.requests().await;
        world.until_after(MINUTE, "polls go on", async || service.requests().await > polled + 2).await;
        running.stop().await;
        assert_eq!(service.backfilled().await, ["MSFT"]);
        assert_eq!(days(&world).await[..2], expected[..2]);
    }

    async fn a_price_after_its_session_was_filled_in_changes_the_new_candle(database) {
        let world = World::new(database, &["AAPL"]).await;
        let provider = Script::new("scripted", world.clock.shared()).shared();
        let quoted = |price: &'static str| move |_: &Symbol| {
            Ok(Quote { trading_day: date("2026-11-19"), ..quote("AAPL", price) })
        };
        provider.answer(quoted("100"));
        let running = world.track_with_history(PollingHours::Always, vec![provider.clone()]);
        world.until_after(SECOND, "it is polled", async || world.prices().await.len() == 1).await;
        provider.set_history(vec![DailyBar {
            trading_day: date("2026-11-19"),
            open: decimal("90"),
            high: decimal("120"),
            low: decimal("80"),
            close: decimal("95"),
            volume: Some(1_000),
        }]);
        let filled_in = async || done(&world).await == 1;
        world.until_after(MINUTE, "history filled in", filled_in).await;
        assert_eq!(days(&world).await, ["2026-11-19T14:30:00Z 90 120 80 95 1000 1"]);
        provider.answer(quoted("101"));
        world.until_after(SECOND, "it is polled", async || world.prices().await.len() == 2).await;
        running.stop().await;
        assert_eq!(days(&world).await, ["2026-11-19T14:30:00Z 90 120 80 101 1000 2"]);
    }

    async fn a_session_that_has_not_ended_is_not_filled_in(database) {
        let world = World::new(database, &["MSFT"]).await;
        world.clock.set(at("2013-03-01T20:00:00Z"));
        let service = Service::start(SERIES).await;
        let running = service.track(&world, PollingHours::Market, 5, 25);
        world.until_after(SECOND, "history filled in", async || done(&world).await == 1).await;
        running.stop().await;
        assert_eq!(days(&world).await, [
            "2013-02-27T14:30:00Z 27.42 28 27.33 27.81 36394700 0",
            "2013-02-28T14:30:00Z 27.88 27.97 27.74 27.8 35840200 0",
            "2013-03-01T14:30:00Z 112.63 113.17 110.64 112.13 29062853 1",
        ]);
    }

    async fn failures_back_off_and_survive_a_restart(database) {
        let world = World::new(database, &["MSFT"]).await;
        let service = Service::start("<html>").await;
        let running = service.track(&world, PollingHours::Market, 5, 100);
        let failed = async |times| {
            let rows = backfills(&world).await;
            rows.first().is_some_and(|row| row.failures >= times)
        };
        world.until_after(SECOND, "it fails", async || failed(2).await).await;
        running.stop().await;
        let requested = service.backfilled().await.len();
        let next_at = backfills(&world).await[0].next_at;
        // Polls continue, and the provider stays OK.
        assert_eq!(world.provider("alphavantage").await.map(|row| row.state), Some(entity::ProviderState::Ok));
        assert!(world.store.clock.now() < next_at);

        service.set_history(SERIES);
        let running = service.track(&world, PollingHours::Market, 5, 100);
        world.until_after(SECOND, "history filled in", async || done(&world).await == 1).await;
        running.stop().await;
        assert!(world.store.clock.now() >= next_at);
        assert_eq!(service.backfilled().await.len(), requested + 1);
        assert_eq!(backfills(&world).await[0].failures, 0);
    }

    async fn history_takes_at_most_a_tenth_of_a_day_from_polling(database) {
        let symbols = ["AAPL", "GOOG", "IBM", "MSFT", "NVDA"];
        let world = World::new(database, &symbols).await;
        // The day begins: polling needs everything above the reserve.
        world.clock.set(at("2026-11-20T05:00:00Z"));
        let service = Service::start(SERIES).await;
        let running = service.track(&world, PollingHours::Always, 60, 25);
        let day = async || {
            let now = world.store.clock.now();
            now >= at("2026-11-20T12:00:00Z") && service.backfilled().await.len() >= 3
        };
        world.until_after(MINUTE, "hours pass", day).await;
        assert_eq!(service.backfilled().await, ["AAPL", "GOOG", "IBM"]);
        let all = async || done(&world).await == symbols.len();
        world.until_after(MINUTE * 5, "the others are filled in", all).await;
        running.stop().await;
        assert_eq!(service.backfilled().await, symbols);
    }

    async fn a_refused_history_is_not_requested_again_for_a_day(database) {
        let world = World::new(database, &["MSFT"]).await;
        let premium = include_str!("../fixtures/alpha_vantage/premium.json");
        let service = Service::start(premium).await;
        let running = service.track(&world, PollingHours::Market, 5, 25);
        world.until_after(SECOND, "it is refused", async || backfills(&world).await.len() == 1).await;
        running.stop().await;
        let row = backfills(&world).await.remove(0);
        assert_eq!((row.done_at, row.failures), (None, 1));
        let wait = row.next_at.since(world.store.clock.now());
        assert!(wait > Duration::from_hours(23) && wait <= Duration::from_hours(24), "{wait:?}");
        assert_eq!(world.provider("alphavantage").await.map(|row| row.state), Some(entity::ProviderState::Ok));
    }
}
