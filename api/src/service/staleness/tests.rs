//! Tests of the condition of stocks at given times, over GraphQL and REST.

use std::time::Duration;

use axum::extract::State;
use entity::{ProviderState, Symbol};
use runtime::{clock::ManualClock, lifecycle::Lifecycle, metrics::Metrics, random::Random};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use store::{Seed, Store, provider::ProviderStatus};
use testkit::TestDatabase;
use tracker::metrics::TrackerMetrics;
use tracker::{
    ingest::{Ingest, QuoteBatch},
    quote::{PreviousClose, Quote},
};

use super::*;
use crate::{
    graphql::{SchemaOptions, schema},
    live::{BacklogLimits, Hub},
    quote_board::QuoteBoard,
    rest,
    service::BuildInfo,
};

/// A database that tracks AAPL and IBM, and a clock.
struct Fixture {
    database: TestDatabase,
    store: Store,
    clock: ManualClock,
}

impl Fixture {
    async fn new(database: TestDatabase, now: &str) -> Self {
        let clock = ManualClock::at(at(now));
        let store = Store::new((*database).clone(), clock.shared());
        let seed = Seed {
            epoch: 7,
            alert_threshold: entity::Decimal::from_int(5),
            symbols: ["AAPL", "IBM"].map(symbol).into(),
        };
        store::seed(&store, &seed).await.expect("seeded");
        Self {
            database,
            store,
            clock,
        }
    }

    /// Stores a price of a trading day.
    async fn quote(&self, provider: &'static str, of: &str, day: &str) {
        let metrics = TrackerMetrics::new(&Metrics::new("", "").meter(), &[]);
        let quote = Quote {
            previous_close: PreviousClose::None,
            ..Quote::new(
                symbol(of),
                entity::Decimal::from_int(100),
                day.parse().expect("a date"),
            )
        };
        let answers = QuoteBatch {
            provider,
            quotes: vec![quote],
            ..QuoteBatch::default()
        };
        let ingest = Ingest::new(self.store.clone(), metrics);
        let stored = ingest.ingest(answers).await.expect("stored");
        assert_eq!(stored.prices, 1);
    }

    /// Stores the status of an active provider.
    async fn provider(&self, name: &'static str, effective_interval: Option<Duration>) {
        let status = ProviderStatus {
            name,
            rank: 0,
            state: ProviderState::Ok,
            effective_interval,
            note: None,
            terms: None,
            per_second: None,
            per_minute: None,
            per_day: None,
        };
        let configured = provider::configure(&self.store, &[status]).await;
        configured.expect("the status is stored");
    }

    /// Whether a stock is stale at this time, its freshness and its note.
    async fn condition(
        &self,
        service: &Service,
        of: &str,
        now: &str,
    ) -> (bool, String, Option<String>) {
        self.clock.set(at(now));
        service.health.database_answered();
        service.hub.mark_read();
        let options = SchemaOptions {
            introspection: false,
            suggestions: false,
        };
        let query = format!("{{ stock(symbol: \"{of}\") {{ stale freshness note }} }}");
        let answer = schema(service.clone(), options).execute(query).await;
        let answer = serde_json::to_value(&answer).expect("JSON");
        let stock = &answer["data"]["stock"];
        let listed = rest::stocks(State(service.clone())).await;
        let listed = listed.unwrap_or_else(|_| panic!("a list")).0;
        let listed = serde_json::to_value(&listed).expect("JSON");
        let listed = listed
            .as_array()
            .and_then(|all| all.iter().find(|it| it["symbol"] == of));
        let listed = listed.expect("listed");
        let fields = |stock: &Value| json!([stock["stale"], stock["freshness"]]);
        assert_eq!(fields(stock), fields(listed), "{answer} {listed}");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let stale = stock["stale"]
            .as_bool()
            .unwrap_or_else(|| panic!("{answer}"));
        (
            stale,
            text(&stock["freshness"]).expect("a name"),
            text(&stock["note"]),
        )
    }

    /// Creates a service over the current data.
    async fn service(&self) -> Service {
        let lifecycle = Lifecycle::without_signals(Duration::ZERO, Random::seeded(1));
        let health = runtime::health::Health::new(lifecycle.shutdown());
        let (board, position) = QuoteBoard::load(&self.store).await.expect("the tables");
        let build = BuildInfo {
            version: "",
            revision: None,
            started_at: self.clock.shared().now(),
        };
        let hub = Hub::new(position, BacklogLimits::default());
        let hours = PollingHours::Market;
        Service::new(self.store.clone(), board, hub, health, hours, build)
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn symbol(text: &str) -> Symbol {
    text.parse().expect("a symbol")
}

fn condition(stale: bool, freshness: &str, note: Option<&str>) -> (bool, String, Option<String>) {
    (stale, freshness.to_owned(), note.map(str::to_owned))
}

testkit::on_both_databases! {
    async fn freshness_counts_sessions(database) {
        let fixture = Fixture::new(database, "2026-11-24T20:00:00Z").await;
        fixture.quote("test", "AAPL", "2026-11-24").await;
        let service = fixture.service().await;
        let old = "the newest price is of 2026-11-24";
        for (now, expected) in [
            ("2026-11-24T20:00:00Z", condition(false, "CURRENT", None)),
            ("2026-11-25T14:29:59Z", condition(false, "CURRENT", None)),
            // A day behind in an open session.
            ("2026-11-25T20:00:00Z", condition(false, "PREVIOUS_SESSION", None)),
            // Thanksgiving, then an early close.
            ("2026-11-26T20:00:00Z", condition(false, "PREVIOUS_SESSION", None)),
            ("2026-11-27T14:30:00Z", condition(true, "OLD", Some(old))),
        ] {
            assert_eq!(fixture.condition(&service, "AAPL", now).await, expected, "{now}");
        }
        let priceless = fixture.condition(&service, "IBM", "2026-11-25T20:00:00Z").await;
        assert_eq!(priceless, condition(true, "NONE", Some("no price yet")));
    }

    async fn a_stock_that_no_provider_serves_has_a_note(database) {
        let fixture = Fixture::new(database, "2026-11-24T20:00:00Z").await;
        fixture.quote("test", "AAPL", "2026-11-24").await;
        let insert = "INSERT INTO unserved_stocks (stock_id) SELECT id FROM stocks";
        let inserted = fixture.database.write().execute_unprepared(insert).await;
        inserted.expect("stored");
        let service = fixture.service().await;
        let now = "2026-11-24T20:00:00Z";
        // Its last price is still current.
        assert_eq!(fixture.condition(&service, "AAPL", now).await, condition(false, "CURRENT", None));
        let note = "no configured provider serves it, so it is not polled";
        let unserved = fixture.condition(&service, "IBM", now).await;
        assert_eq!(unserved, condition(true, "NONE", Some(note)));
    }

    async fn three_answers_without_a_price_make_a_stock_stale(database) {
        let now = "2026-11-24T20:00:00Z";
        let fixture = Fixture::new(database, now).await;
        fixture.provider("live", Some(Duration::from_mins(5))).await;
        fixture.quote("test", "AAPL", "2026-11-24").await;
        let service = fixture.service().await;
        assert_eq!(fixture.condition(&service, "AAPL", now).await, condition(false, "CURRENT", None));
        for _ in 0..3 {
            let counted = stock::count_unpriced_answers(fixture.database.write(), &[1]);
            counted.await.expect("counted");
        }
        let note = "no price in the last 3 answers; polled hourly, then daily";
        let stale = fixture.condition(&service, "AAPL", "2026-11-24T20:00:02Z").await;
        assert_eq!(stale, condition(true, "CURRENT", Some(note)));
    }

    async fn a_stock_without_answers_in_an_open_market_is_stale(database) {
        let fixture = Fixture::new(database, "2026-11-24T20:00:00Z").await;
        fixture.provider("live", Some(Duration::from_mins(5))).await;
        fixture.quote("test", "AAPL", "2026-11-24").await;
        let service = fixture.service().await;
        let note = "no answer with a price for 3 polling intervals";
        for (now, expected) in [
            ("2026-11-24T20:15:00Z", condition(false, "CURRENT", None)),
            ("2026-11-24T20:15:01Z", condition(true, "CURRENT", Some(note))),
            ("2026-11-24T21:00:00Z", condition(false, "CURRENT", None)),
        ] {
            assert_eq!(fixture.condition(&service, "AAPL", now).await, expected, "{now}");
        }
    }

    async fn a_replay_is_measured_in_its_days_until_it_ends(database) {
        let now = "2026-11-24T20:00:00Z";
        let fixture = Fixture::new(database, now).await;
        fixture.provider(REPLAY, Some(Duration::from_secs(1))).await;
        fixture.quote(REPLAY, "IBM", "2008-01-14").await;
        fixture.quote(REPLAY, "AAPL", "2008-01-17").await;
        let service = fixture.service().await;
        let old = "the newest price is of 2008-01-14";
        assert_eq!(fixture.condition(&service, "AAPL", now).await, condition(false, "CURRENT", None));
        assert_eq!(fixture.condition(&service, "IBM", now).await, condition(true, "OLD", Some(old)));
        fixture.provider(REPLAY, None).await;
        let later = "2026-11-24T20:01:00Z";
        assert_eq!(fixture.condition(&service, "IBM", later).await, condition(false, "OLD", None));
    }
}
