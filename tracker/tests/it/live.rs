//! The poll loop with Alpha Vantage, against a mock server with recorded responses.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

use entity::{PollOutcome, ProviderState, Timestamp};
use runtime::{
    clock::SharedClock,
    config::{Secret, TwelveDataSettings},
};
use tracker::provider::{AlphaVantage, QuoteProvider, TwelveData};
use wiremock::{
    Mock, MockServer, Request, Respond, ResponseTemplate,
    matchers::{path, query_param},
};

use crate::fixture::{World, alpha_vantage, alpha_vantage_settings};

const KEY: &str = "RECORDEDKEY00001";
const SECOND: Duration = Duration::from_secs(1);

/// A recorded response.
macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("../fixtures/alpha_vantage/", $name, ".json"))
    };
}

/// The mock server. It sends the response that was set last.
struct MockService {
    server: MockServer,
    body: Arc<Mutex<ResponseTemplate>>,
    calls: Arc<Mutex<Vec<(Timestamp, String)>>>,
}

struct Answering {
    body: Arc<Mutex<ResponseTemplate>>,
    calls: Arc<Mutex<Vec<(Timestamp, String)>>>,
    clock: SharedClock,
}

impl Respond for Answering {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let symbol = request.url.query_pairs().find(|(name, _)| name == "symbol");
        let symbol = symbol
            .map(|(_, value)| value.into_owned())
            .expect("a symbol");
        self.calls
            .lock()
            .expect("a lock")
            .push((self.clock.now(), symbol));
        self.body.lock().expect("a lock").clone()
    }
}

impl MockService {
    async fn start(world: &World, body: &str) -> Self {
        let body = Arc::new(Mutex::new(ok(body)));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let answering = Answering {
            body: body.clone(),
            calls: calls.clone(),
            clock: world.clock.shared(),
        };
        let server = MockServer::start().await;
        Mock::given(wiremock::matchers::any())
            .respond_with(answering)
            .mount(&server)
            .await;
        Self {
            server,
            body,
            calls,
        }
    }

    fn answer(&self, response: ResponseTemplate) {
        *self.body.lock().expect("a lock") = response;
    }

    fn calls(&self) -> Vec<Timestamp> {
        self.calls
            .lock()
            .expect("a lock")
            .iter()
            .map(|(at, _)| *at)
            .collect()
    }

    fn provider(&self, per_minute: u32, per_day: u32) -> Vec<Arc<dyn QuoteProvider>> {
        self.provider_within(SECOND * 10, per_minute, per_day)
    }

    fn provider_within(
        &self,
        timeout: Duration,
        per_minute: u32,
        per_day: u32,
    ) -> Vec<Arc<dyn QuoteProvider>> {
        let client = alpha_vantage(&self.server.uri(), KEY, (per_minute, per_day), timeout);
        vec![Arc::new(client.expect("a client"))]
    }
}

fn ok(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.to_owned(), "application/json")
}

async fn state(world: &World) -> Option<ProviderState> {
    world.provider("alphavantage").await.map(|row| row.state)
}

testkit::on_both_databases! {
    async fn a_recorded_quote_is_stored_digit_for_digit(database) {
        let world = World::new(database, &["MSFT"]).await;
        let service = MockService::start(&world, recorded!("quote")).await;
        let running = world.track(service.provider(5, 25));
        world.until("it is stored", async || world.prices().await.len() == 1).await;
        for line in [
            "stock_tracker_provider_budget_left{provider=\"alphavantage\",window=\"day\"} 24",
            "stock_tracker_provider_budget_left{provider=\"alphavantage\",window=\"minute\"} 4",
            "stock_tracker_current_price{symbol=\"MSFT\"} 112.13",
        ] {
            world.until(line, async || world.metrics.text().contains(line)).await;
        }
        running.stop().await;
        let row = world.prices().await.remove(0);
        let text = |decimal: Option<entity::Decimal>| decimal.map(|it| it.to_string());
        assert_eq!(row.price.to_string(), "112.13");
        assert_eq!(text(row.previous_close).as_deref(), Some("112.79"));
        assert_eq!(text(row.open).as_deref(), Some("112.63"));
        assert_eq!(text(row.high).as_deref(), Some("113.17"));
        assert_eq!(text(row.low).as_deref(), Some("110.64"));
        assert_eq!(row.volume, Some(29_062_853));
        assert_eq!(row.trading_day.to_string(), "2018-10-05");
        assert_eq!(row.market_time.to_string(), "2018-10-05T20:00:00Z");
        assert!(!row.market_time_sent);
        assert_eq!(row.provider, "alphavantage");
        assert!(!world.metrics.text().contains(KEY));
    }

    async fn failures_of_every_kind_back_off_and_recover(database) {
        let world = World::new(database, &["MSFT"]).await;
        let service = MockService::start(&world, "<html>not what was promised</html>").await;
        let _running = world.track(service.provider(60, 1_000));
        world.until_after(SECOND, "failing", async || {
            state(&world).await == Some(ProviderState::Failing)
        }).await;
        for failure in [
            ResponseTemplate::new(503),
            ResponseTemplate::new(200).set_body_string("{"),
            ok(recorded!("unknown_notice")),
        ] {
            let before = service.calls().len();
            service.answer(failure);
            world.until_after(SECOND, "it is polled again", async || service.calls().len() > before).await;
        }
        assert!(world.prices().await.is_empty());
        service.answer(ok(recorded!("quote")));
        world.until_after(SECOND, "it recovers", async || world.price_texts().await == ["112.13"]).await;
        world.until("its state is ok", async || state(&world).await == Some(ProviderState::Ok)).await;
    }

    async fn a_day_that_the_service_reports_as_exhausted_stops_polls_across_restarts(database) {
        let world = World::new(database, &["MSFT", "AAPL", "IBM"]).await;
        let service = MockService::start(&world, recorded!("daily")).await;
        let running = world.track(service.provider(60, 25));
        let exhausted = async || state(&world).await == Some(ProviderState::BudgetSpent);
        world.until("the day is exhausted", exhausted).await;
        let sent = service.calls().len();
        assert!(sent <= 3, "{sent}");
        let row = world.provider("alphavantage").await.expect("its row");
        assert_eq!(row.day_used, 25);
        running.stop().await;
        let _running = world.track(service.provider(60, 25));
        for _ in 0..5 {
            world.clock.advance(Duration::from_hours(2));
            world.until("the status is written", async || {
                let row = world.provider("alphavantage").await;
                row.is_some_and(|row| row.updated_at == world.store.clock.now())
            }).await;
        }
        assert_eq!(service.calls().len(), sent);
        let (outcome, again) = world.request("MSFT", false).await;
        assert_eq!((outcome, again), (PollOutcome::RateLimited, Some(2 * 3_600)));
        service.answer(ok(recorded!("quote")));
        world.until_after(SECOND * 600, "a new day", async || !world.prices().await.is_empty()).await;
        assert!(service.calls()[sent] >= crate::fixture::at("2026-11-21T05:00:00Z"));
    }

    async fn a_rejected_burst_delays_the_next_poll_but_does_not_exhaust_the_day(database) {
        let world = World::new(database, &["MSFT"]).await;
        let service = MockService::start(&world, recorded!("burst")).await;
        let _running = world.track(service.provider(60, 25));
        world.until("it is polled", async || service.calls().len() == 1).await;
        service.answer(ok(recorded!("quote")));
        world.until_after(SECOND / 2, "it is polled again", async || world.price_texts().await == ["112.13"]).await;
        let calls = service.calls();
        let waited = calls[1].since(calls[0]);
        assert!((SECOND..SECOND * 10).contains(&waited), "{waited:?}");
    }

    async fn a_refused_key_stops_polls(database) {
        let world = World::new(database, &["MSFT", "AAPL", "IBM"]).await;
        let service = MockService::start(&world, recorded!("invalid_key")).await;
        let _running = world.track(service.provider(60, 25));
        let refused = async || state(&world).await == Some(ProviderState::Refused);
        world.until_after(SECOND, "it is refused", refused).await;
        let note = world.provider("alphavantage").await.and_then(|row| row.note).expect("a note");
        assert!(note.starts_with("the key is refused (ALPHA_VANTAGE_API_KEY)"), "{note}");
        let sent = service.calls().len();
        assert!(sent <= 3, "{sent}");
        let refused = world.response("MSFT", false).await;
        assert_eq!(refused.outcome, PollOutcome::Failed);
        assert_eq!(refused.reason.as_deref(), Some("the provider alphavantage refused the key"));
        // The key is tried again an hour after it was refused.
        let seconds = refused.retry_after.expect("seconds");
        assert!((1..=3_600).contains(&seconds), "{seconds}");
        assert_eq!(service.calls().len(), sent);
    }

    async fn all_providers_that_refuse_the_key_are_named(database) {
        let world = World::new(database, &["MSFT"]).await;
        let service = MockService::start(&world, recorded!("invalid_key")).await;
        let other = MockServer::start().await;
        Mock::given(path("/quote"))
            .respond_with(ResponseTemplate::new(401).set_body_string(r#"{"code":401,"status":"error"}"#))
            .mount(&other)
            .await;
        let limit = NonZeroU32::new(60).expect("more than 0");
        let settings = TwelveDataSettings {
            api_key: Some(Secret::new(KEY)),
            url: other.uri().parse().expect("a URL"),
            per_second: limit,
            per_minute: limit,
            per_day: limit,
        };
        let second = TwelveData::new(&settings, SECOND * 10).expect("a client");
        let mut providers = service.provider(60, 25);
        providers.push(Arc::new(second));
        let _running = world.track(providers);
        let refused = async || {
            let row = world.provider("twelvedata").await;
            row.is_some_and(|row| row.state == ProviderState::Refused)
        };
        world.until_after(SECOND, "both refuse", refused).await;
        let refused = world.response("MSFT", false).await;
        assert_eq!(refused.outcome, PollOutcome::Failed);
        let both = "the provider alphavantage refused the key; the provider twelvedata refused the key";
        assert_eq!(refused.reason.as_deref(), Some(both));
        let seconds = refused.retry_after.expect("seconds");
        assert!((1..=3_600).contains(&seconds), "{seconds}");
    }

    async fn artificial_data_is_treated_as_missing_from_the_plan(database) {
        let world = World::new(database, &["MSFT", "AAPL"]).await;
        let service = MockService::start(&world, recorded!("artificial_quote")).await;
        let _running = world.track(service.provider(60, 25));
        let refused = async || state(&world).await == Some(ProviderState::Refused);
        world.until_after(SECOND, "it is refused", refused).await;
        let note = world.provider("alphavantage").await.and_then(|row| row.note);
        assert_eq!(note.as_deref(), Some("the plan does not include quotes"));
        let excluded = world.response("MSFT", false).await;
        assert_eq!(excluded.reason.as_deref(), Some("the plan of alphavantage does not include the symbol"));
        assert!(excluded.retry_after.is_some_and(|seconds| (1..=3_600).contains(&seconds)), "{excluded:?}");
        assert_eq!(service.calls().len(), 2);
        assert!(world.prices().await.is_empty());
    }

    async fn a_plan_without_bulk_requests_is_logged_once_and_shown(database) {
        let world = World::new(database, &["IBM", "MSFT"]).await;
        let server = MockServer::start().await;
        Mock::given(query_param("function", "REALTIME_BULK_QUOTES"))
            .respond_with(ok(recorded!("premium")))
            .mount(&server)
            .await;
        for symbol in ["IBM", "MSFT"] {
            let quote = recorded!("quote").replace("MSFT", symbol);
            Mock::given(query_param("function", "GLOBAL_QUOTE"))
                .and(query_param("symbol", symbol))
                .respond_with(ok(&quote))
                .mount(&server)
                .await;
        }
        let mut settings = alpha_vantage_settings(&server.uri(), KEY, (60, 1_000));
        settings.bulk = true;
        let provider = AlphaVantage::new(&settings, SECOND * 10).expect("a client");
        let _running = world.track(vec![Arc::new(provider)]);
        let stored = async || world.prices().await.len() == 2;
        world.until_after(SECOND, "both are stored", stored).await;
        let note = "the plan does not include ALPHA_VANTAGE_BULK, so each symbol takes a request";
        let shown = async || {
            let row = world.provider("alphavantage").await;
            row.is_some_and(|row| row.state == ProviderState::Ok && row.note.as_deref() == Some(note))
        };
        world.until("it is shown", shown).await;
        let before = server.received_requests().await.map_or(0, |requests| requests.len());
        let again = async || {
            let requests = server.received_requests().await;
            requests.is_some_and(|requests| requests.len() >= before + 2)
        };
        world.until_after(SECOND * 5, "both are polled again", again).await;
        let warned = world.journal.lines(&["WARN", note]);
        assert_eq!(warned.len(), 1, "{warned:?}");
    }

    async fn a_service_that_hangs_is_failing_after_three_timeouts(database) {
        let world = World::new(database, &["MSFT", "AAPL", "IBM"]).await;
        let service = MockService::start(&world, recorded!("quote")).await;
        service.answer(ok(recorded!("quote")).set_delay(Duration::from_mins(1)));
        let provider = service.provider_within(Duration::from_millis(200), 60, 1_000);
        let _running = world.track(provider);
        let failing = async || state(&world).await == Some(ProviderState::Failing);
        world.until_after(SECOND, "it is failing", failing).await;
        let note = world.provider("alphavantage").await.and_then(|row| row.note);
        assert_eq!(note.as_deref(), Some("request timed out"));
    }

    async fn an_unknown_symbol_is_not_tracked_and_a_known_one_is_refreshed(database) {
        let world = World::new(database, &["MSFT"]).await;
        let service = MockService::start(&world, recorded!("quote")).await;
        let _running = world.track(service.provider(60, 25));
        world.until("it is stored", async || world.prices().await.len() == 1).await;
        service.answer(ok(recorded!("unknown_symbol")));
        world.clock.advance(SECOND * 2);
        assert_eq!(world.request("NOPE", true).await.0, PollOutcome::UnknownSymbol);
        assert_eq!(world.stocks().await.len(), 1);
        service.answer(ok(&recorded!("quote").replace("112.1300", "112.1301")));
        world.clock.advance(SECOND * 2);
        assert_eq!(world.request("MSFT", false).await, (PollOutcome::Answered, None));
        assert_eq!(world.price_texts().await, ["112.13", "112.1301"]);
    }
}
