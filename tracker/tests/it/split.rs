//! Tests of share splits: a price that suggests one is held from alerts until it is known, and no
//! split fires an alert.

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::NaiveDate;
use entity::{
    Decimal, Direction, Event, Ratio, Split, Symbol, Timestamp,
    table::{held_price, split},
};
use market::{PollingHours, is_trading_day};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use runtime::{clock::SharedClock, config::ReplaySpeed};
use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder};
use tokio::{runtime::Handle, sync::Notify, task::block_in_place};
use tracker::{
    ingest::{IngestReport, QuoteBatch},
    provider::{Pacing, Poll, PollError, QuoteProvider, ShareSplits},
    quote::{PreviousClose, Quote, Unrounded},
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::query_param};

use crate::{
    fixture::{World, alpha_vantage, at, date, decimal, quote, symbol},
    replay::replay,
    script::Script,
};

const TODAY: &str = "2026-11-20";
const YESTERDAY: &str = "2026-11-19";
const SECOND: Duration = Duration::from_secs(1);

type Reported = Box<dyn Fn(&Symbol) -> Result<Vec<Split>, PollError> + Send + Sync>;

/// A scripted provider that also reports splits.
struct Splitting {
    script: Arc<Script>,
    reported: Mutex<Reported>,
    requested: Mutex<Vec<(Timestamp, String)>>,
    held: AtomicBool,
    go: Notify,
    clock: SharedClock,
}

impl Splitting {
    fn new(world: &World, script: Script) -> Arc<Self> {
        Arc::new(Self {
            script: script.shared(),
            reported: Mutex::new(Box::new(|_| Ok(Vec::new()))),
            requested: Mutex::default(),
            held: AtomicBool::new(false),
            go: Notify::new(),
            clock: world.clock.shared(),
        })
    }

    fn report(
        &self,
        reported: impl Fn(&Symbol) -> Result<Vec<Split>, PollError> + Send + Sync + 'static,
    ) {
        *self.reported.lock().expect("a lock") = Box::new(reported);
    }

    /// Delays responses to requests for splits until [`respond`](Self::respond).
    fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    fn respond(&self) {
        self.held.store(false, Ordering::SeqCst);
        self.go.notify_waiters();
    }

    fn requested(&self) -> Vec<String> {
        let requested = self.requested.lock().expect("a lock");
        requested.iter().map(|(_, symbol)| symbol.clone()).collect()
    }

    fn list(self: &Arc<Self>) -> Vec<Arc<dyn QuoteProvider>> {
        vec![Arc::clone(self) as Arc<dyn QuoteProvider>]
    }
}

#[async_trait]
impl QuoteProvider for Splitting {
    fn name(&self) -> &'static str {
        self.script.name()
    }

    fn pacing(&self) -> Pacing {
        self.script.pacing()
    }

    fn knows(&self, symbol: &Symbol) -> Option<bool> {
        self.script.knows(symbol)
    }

    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        self.script.poll(symbols).await
    }

    fn splits(&self) -> Option<&dyn ShareSplits> {
        Some(self)
    }
}

#[async_trait]
impl ShareSplits for Splitting {
    async fn splits(&self, symbol: &Symbol) -> Result<Vec<Split>, PollError> {
        let go = self.go.notified();
        self.requested
            .lock()
            .expect("a lock")
            .push((self.clock.now(), symbol.to_string()));
        if self.held.load(Ordering::SeqCst) {
            go.await;
        }
        (self.reported.lock().expect("a lock"))(symbol)
    }
}

fn split(day: &str, ratio: &str) -> Split {
    Split {
        effective_on: date(day),
        ratio: ratio.parse().expect("a ratio"),
    }
}

/// A quote of today with a previous close.
fn against(close: Option<&str>, price: &str) -> Quote {
    let previous_close = close.map_or(PreviousClose::Absent, |close| {
        PreviousClose::Sent(decimal(close))
    });
    Quote {
        previous_close,
        ..quote("AAPL", price)
    }
}

fn yesterday(price: &str) -> Quote {
    Quote {
        trading_day: date(YESTERDAY),
        previous_close: PreviousClose::None,
        ..quote("AAPL", price)
    }
}

/// Stores a quote of a provider that reports splits.
async fn store(world: &World, quote: Quote) -> IngestReport {
    let answers = QuoteBatch {
        provider: "test",
        quotes: vec![quote],
        reports_splits: true,
        ..QuoteBatch::default()
    };
    world.ingest().ingest(answers).await.expect("quote stored")
}

async fn release(world: &World, reported: &[Split]) -> usize {
    let id = world.stock("AAPL").await.expect("a stock").id;
    let released = world.ingest().release(id, Some(("test", reported))).await;
    released.expect("prices released")
}

async fn held(world: &World) -> usize {
    let rows = held_price::Entity::find().all(world.database.read()).await;
    rows.expect("held prices").len()
}

async fn splits(world: &World) -> Vec<String> {
    let rows = split::Entity::find()
        .order_by_asc(split::Column::StockId)
        .order_by_asc(split::Column::EffectiveOn);
    let rows = rows.all(world.database.read()).await.expect("splits");
    rows.iter()
        .map(|row| {
            let split::Model {
                stock_id,
                effective_on,
                numerator,
                denominator,
                source,
                ..
            } = row;
            format!("{stock_id} {effective_on} {numerator}/{denominator} {source}")
        })
        .collect()
}

async fn splits_known(world: &World) -> usize {
    splits(world).await.len()
}

/// Returns the alerts as direction and multiple, in feed order.
async fn fired(world: &World) -> Vec<String> {
    let alerts = world.alerts().await;
    let fired = alerts.iter().map(|row| match row.direction {
        Direction::Up => format!("UP {}", row.threshold),
        Direction::Down => format!("DOWN {}", row.threshold),
    });
    fired.collect()
}

/// Returns the previous closes of the stored prices, in feed order.
async fn closes(world: &World) -> Vec<String> {
    let prices = world.prices().await;
    prices
        .iter()
        .filter_map(|row| row.previous_close.map(|close| close.to_string()))
        .collect()
}

testkit::on_both_databases! {
    async fn a_price_that_suggests_a_split_is_published_and_held_until_the_split_is_known(database) {
        let world = World::new(database, &["AAPL"]).await;
        let first = IngestReport { prices: 1, held: 1, ..IngestReport::default() };
        assert_eq!(store(&world, against(Some("1208.88"), "121.79")).await, first);
        assert_eq!((world.price_texts().await, world.events().await.0.len()), (vec!["121.79".to_owned()], 1));
        // The next price is held too.
        assert_eq!(store(&world, against(Some("1208.88"), "123")).await, first);
        assert_eq!((held(&world).await, fired(&world).await.len()), (2, 0));
        assert_eq!(release(&world, &[split(TODAY, "10/1"), split("2021-07-20", "4/1")]).await, 0);
        assert_eq!((held(&world).await, fired(&world).await.len()), (0, 0));
        assert_eq!(splits(&world).await, ["1 2021-07-20 4/1 test", "1 2026-11-20 10/1 test"]);
        // Later prices are compared with the adjusted close. A repeated price corrects the stored
        // close.
        for price in ["123", "123", "127"] {
            store(&world, against(Some("1208.88"), price)).await;
        }
        assert_eq!(closes(&world).await, ["1208.88", "1208.88", "120.888", "120.888"]);
        assert_eq!(fired(&world).await, ["UP 5"]);
        let alert = world.alerts().await.remove(0);
        assert_eq!((alert.reference_price, alert.fired_at), (Some(decimal("120.888")), None));
    }

    async fn a_split_fires_no_alert_and_a_move_beyond_it_does(database) {
        let world = World::new(database, &["AAPL", "IBM"]).await;
        for (of, ratio, old, new, price, calm) in [
            ("AAPL", "10/1", "1208.88", "120.888", "129.35016", "121.79"),
            ("IBM", "3/2", "150", "100", "107", "101"),
            ("GE", "1/10", "0.5", "5", "5.35", "5.1"),
        ] {
            for (index, sent) in [Some(old), Some(new), None].into_iter().enumerate() {
                for stored in [true, false] {
                    if sent.is_none() && !stored {
                        continue;
                    }
                    let of = format!("{of}{index}{}", if stored { "S" } else { "" });
                    world.add(&of).await;
                    let before = world.alerts().await.len();
                    let named = |quote: Quote| Quote { symbol: symbol(&of), open: Some(decimal(calm)), ..quote };
                    if stored {
                        store(&world, named(yesterday(old))).await;
                    }
                    store(&world, named(against(sent, calm))).await;
                    let id = world.stock(&of).await.expect("a stock").id;
                    let known = [split(TODAY, ratio)];
                    let released = world.ingest().release(id, Some(("test", &known[..]))).await;
                    assert_eq!(released.expect("prices released"), 0, "{of} {ratio} {sent:?}");
                    assert_eq!(world.alerts().await.len(), before, "{of} {ratio} {sent:?}");
                    store(&world, named(against(sent, price))).await;
                    let alerts = world.alerts().await;
                    let alert = alerts.last().expect("an alert");
                    let last = (alerts.len(), alert.threshold, alert.direction, alert.reference_price);
                    let expected = (before + 1, decimal("5"), Direction::Up, Some(decimal(new)));
                    assert_eq!(last, expected, "{of} {ratio} {sent:?}");
                    assert_eq!(alert.change_percent, Some(decimal("7")), "{of} {ratio} {sent:?}");
                }
            }
        }
    }

    async fn a_held_crash_fires_with_its_price_time_at_the_end_of_the_feed(database) {
        let world = World::new(database, &["AAPL", "IBM"]).await;
        store(&world, against(Some("100"), "50.1")).await;
        world.clock.advance(SECOND * 5);
        store(&world, against(Some("100"), "44")).await;
        world.clock.advance(SECOND * 5);
        world.store(vec![quote("IBM", "106")]).await;
        world.clock.advance(SECOND * 5);
        assert_eq!(release(&world, &[]).await, 2);
        assert_eq!(fired(&world).await, ["UP 5", "DOWN 45", "DOWN 55"]);
        let (alerts, prices) = (world.alerts().await, world.prices().await);
        let causes = [&prices[0], &prices[1]];
        for (alert, price) in alerts[1..].iter().zip(causes) {
            assert_eq!((alert.price, alert.triggered_at), (price.price, price.recorded_at));
            assert_eq!(alert.fired_at, Some(world.store.clock.now()));
        }
        let last = world.feed().await.pop().expect("a batch");
        let [Event::AlertFired { alert: first }, Event::AlertFired { alert: second }, Event::StockChanged { stock, .. }] =
            &last.events[..]
        else {
            panic!("{last:?}");
        };
        assert_eq!((first.id, second.id), (alerts[1].id, alerts[2].id));
        assert!(first.seq > prices[2].seq && first.recorded_at() == last.end.recorded_at);
        assert_eq!(stock.alert_count, 2);
        assert_eq!(world.stock("AAPL").await, Some(stock.clone()));
        // Neither a second release nor the same price fires again.
        assert_eq!(release(&world, &[]).await, 0);
        store(&world, against(Some("100"), "44")).await;
        assert_eq!(fired(&world).await.len(), 3);
    }

    async fn without_a_provider_of_splits_nothing_is_held(database) {
        let world = World::new(database, &["AAPL"]).await;
        assert_eq!(world.store(vec![against(Some("100"), "50")]).await.held, 0);
        assert_eq!(fired(&world).await, ["DOWN 50"]);
    }

    async fn percentages_are_computed_unrounded_even_for_a_held_price(database) {
        let world = World::new(database, &["AAPL"]).await;
        let tiny = |price: &str, close: &str| Quote {
            unrounded: Some(Unrounded {
                price: Ratio::parse_decimal(price).expect("a price"),
                previous_close: Ratio::parse_decimal(close).ok(),
            }),
            price: Decimal::parse_rounded(price).expect("a price"),
            previous_close: PreviousClose::Sent(Decimal::parse_rounded(close).expect("a price")),
            ..quote("AAPL", "1")
        };
        assert_eq!(store(&world, tiny("0.0000000151", "0.0000000149")).await.held, 0);
        assert_eq!(fired(&world).await.len(), 0);
        let next = Quote { trading_day: date("2026-11-23"), ..tiny("0.0000000151", "0.000000022") };
        assert_eq!(store(&world, next).await.held, 1);
        release(&world, &[]).await;
        // By 31.4 percent. Rounded, both prices would be equal.
        assert_eq!(fired(&world).await, ["DOWN 30"]);
    }

    async fn a_suspected_split_is_requested_immediately(database) {
        let world = World::new(database, &["AAPL"]).await;
        let provider = Splitting::new(&world, Script::new("live", world.clock.shared()).with_budget(Some(60), Some(25)));
        provider.report(|_| Ok(vec![split(TODAY, "10/1")]));
        provider.script.answer(|_| Ok(against(Some("1208.88"), "121.79")));
        let running = world.track(provider.list());
        world.until_after(SECOND, "it is released", async || {
            world.prices().await.len() == 1 && held(&world).await == 0
        }).await;
        running.stop().await;
        assert_eq!(provider.requested(), ["AAPL"]);
        assert_eq!(fired(&world).await.len(), 0);
        let counted = r#"api_calls_total{endpoint="splits",outcome="ok",provider="live"} 1"#;
        assert!(world.metrics.text().contains(counted), "{}", world.metrics.text());
        // The request for splits counts against the quota.
        assert_eq!(world.provider("live").await.map(|row| row.day_used), Some(2));
    }

    async fn alpha_vantage_reports_the_split_behind_an_unadjusted_previous_close(database) {
        let world = World::new(database, &["NVDA"]).await;
        let server = MockServer::start().await;
        let json = |body: serde_json::Value| ResponseTemplate::new(200).set_body_json(body);
        let splits = serde_json::json!({"symbol": "NVDA", "data": [
            {"effective_date": TODAY, "split_factor": "10.0000"},
            {"effective_date": "2021-07-20", "split_factor": "4.0000"},
        ]});
        let quote = serde_json::json!({"Global Quote": {
            "01. symbol": "NVDA", "02. open": "120.3700", "03. high": "123.1000", "04. low": "117.0100",
            "05. price": "121.7900", "06. volume": "1000", "07. latest trading day": TODAY,
            "08. previous close": "1208.8800",
        }});
        for (function, body) in [("SPLITS", splits), ("GLOBAL_QUOTE", quote)] {
            let requested = query_param("function", function);
            Mock::given(requested).respond_with(json(body)).mount(&server).await;
        }
        let client = alpha_vantage(&server.uri(), "RECORDEDKEY00001", (60, 25), SECOND * 10);
        let provider = Arc::new(client.expect("a client"));
        let running = world.track(vec![provider]);
        world.until_after(SECOND, "the splits", async || splits_known(&world).await == 2).await;
        world.until_after(SECOND * 10, "the next poll", async || world.prices().await.len() == 2).await;
        running.stop().await;
        assert_eq!(closes(&world).await, ["1208.88", "120.888"]);
        assert_eq!((held(&world).await, fired(&world).await.len()), (0, 0));
    }

    async fn the_next_tracker_releases_the_held_prices_of_a_killed_one(database) {
        let world = World::new(database, &[]).await;
        for (of, known, expected) in [
            ("SPLT", vec![split(TODAY, "10/1")], vec![]),
            ("CRSH", vec![], vec!["DOWN 85"]),
        ] {
            world.add(of).await;
            let provider = Splitting::new(&world, Script::new("live", world.clock.shared()));
            provider.script.answer(|of| Ok(Quote { symbol: of.clone(), ..against(Some("1208.88"), "121.79") }));
            provider.report(move |_| Ok(known.clone()));
            provider.hold();
            let killed = world.track(provider.list());
            world.until("the splits are requested", async || provider.requested().len() == 1).await;
            drop(killed);
            let recorded = world.prices().await.last().expect("a price").recorded_at;
            assert_eq!(held(&world).await, 1);
            world.clock.advance(SECOND * 10);
            provider.respond();
            let running = world.track(provider.list());
            world.until("it is released", async || held(&world).await == 0).await;
            running.stop().await;
            assert_eq!(fired(&world).await, expected);
            let late = world.alerts().await.into_iter().all(|alert| {
                alert.triggered_at == recorded && alert.fired_at > Some(recorded)
            });
            assert!(late);
            world.untrack(of).await;
        }
    }

    async fn a_price_is_held_for_a_minute_at_most(database) {
        let world = World::new(database, &["AAPL"]).await;
        let provider = Splitting::new(&world, Script::new("live", world.clock.shared()));
        provider.script.answer(|_| Ok(against(Some("100"), "50")));
        provider.report(|_| Err(PollError::RateLimited { wait: SECOND * 2 }));
        let running = world.track(provider.list());
        world.until_after(SECOND, "it fires", async || fired(&world).await == ["DOWN 50"]).await;
        running.stop().await;
        let alert = world.alerts().await.remove(0);
        let waited = alert.fired_at.expect("later").since(alert.triggered_at);
        assert!(waited >= Duration::from_mins(1), "{waited:?}");
        assert!(provider.requested().len() > 1);
    }

    async fn a_hanging_request_does_not_extend_the_hold(database) {
        let world = World::new(database, &["AAPL"]).await;
        let provider = Splitting::new(&world, Script::new("live", world.clock.shared()));
        provider.script.answer(|_| Ok(against(Some("100"), "50")));
        provider.hold();
        let running = world.track(provider.list());
        world.until("the splits are requested", async || provider.requested().len() == 1).await;
        world.until_after(SECOND * 10, "it fires", async || !fired(&world).await.is_empty()).await;
        assert_eq!(provider.requested().len(), 1);
        provider.respond();
        running.stop().await;
        assert_eq!(fired(&world).await, ["DOWN 50"]);
    }

    async fn a_provider_that_cannot_report_splits_does_not_delay_an_alert(database) {
        let world = World::new(database, &[]).await;
        for (index, error) in [
            PollError::NotEntitled,
            PollError::UnknownSymbol,
            PollError::BudgetSpent,
            PollError::Timeout,
        ].into_iter().enumerate() {
            let of = format!("CRSH{index}");
            world.add(&of).await;
            let provider = Splitting::new(&world, Script::new("live", world.clock.shared()));
            provider.script.answer(|of| Ok(Quote { symbol: of.clone(), ..against(Some("100"), "50") }));
            provider.report(move |_| Err(error.clone()));
            let running = world.track(provider.list());
            world.until("it fires", async || fired(&world).await.len() == index + 1).await;
            running.stop().await;
            world.untrack(&of).await;
        }
    }

    async fn an_exhausted_quota_does_not_delay_an_alert(database) {
        let world = World::new(database, &["AAPL"]).await;
        let provider = Splitting::new(&world, Script::new("live", world.clock.shared()).with_budget(None, Some(2)));
        provider.script.answer(|_| Ok(against(Some("100"), "50")));
        // One request for the scheduled poll and one for the splits.
        let running = world.track_at(PollingHours::Always, provider.list());
        world.until("it fires", async || fired(&world).await == ["DOWN 50"]).await;
        running.stop().await;
        let used = world.provider("live").await.map(|row| row.day_used);
        assert_eq!(used, Some(2));
    }

    async fn splits_are_requested_once_a_day_from_half_of_the_reserve(database) {
        let symbols = ["AAPL", "GOOG", "IBM"];
        let world = World::new(database, &symbols).await;
        // With 40 requests a day, half of the reserve is 2.
        let provider = Splitting::new(&world, Script::new("live", world.clock.shared()).with_budget(None, Some(40)));
        let mut running = world.track_with_history(PollingHours::Always, provider.list());
        let requested = async |times| provider.requested().len() == times;
        world.until_after(SECOND * 10, "two are requested", async || requested(2).await).await;
        let hours = async |until: &str| world.store.clock.now() >= at(until);
        world.until_after(SECOND * 60, "hours pass", async || hours("2026-11-20T22:00:00Z").await).await;
        assert_eq!(provider.requested(), ["AAPL", "GOOG"]);
        // A restart does not request them again.
        running.stop().await;
        running = world.track_with_history(PollingHours::Always, provider.list());
        world.until_after(SECOND * 60, "hours pass", async || hours("2026-11-21T04:50:00Z").await).await;
        assert_eq!(provider.requested(), ["AAPL", "GOOG"]);
        // At midnight in New York, the remaining symbol is next.
        world.until_after(SECOND * 60, "a day passes", async || provider.requested().len() >= 4).await;
        running.stop().await;
        assert_eq!(provider.requested()[..4], ["AAPL", "GOOG", "IBM", "AAPL"]);
    }

    async fn a_replay_records_the_splits_of_its_file(database) {
        let world = World::new(database, &["AAPL", "MSFT"]).await;
        for (from, expected) in [
            ("2003-02-13", "2 2003-02-18 2/1 replay"),
            ("2005-02-24", "1 2005-02-28 2/1 replay"),
        ] {
            let running = world.track(replay(from, ReplaySpeed::Max));
            world.until("the split", async || splits(&world).await.contains(&expected.to_owned())).await;
            drop(running);
            assert_eq!(fired(&world).await.iter().filter(|it| it.contains("50")).count(), 0);
            let reset = world.database.write().execute_unprepared("UPDATE providers SET position = NULL");
            reset.await.expect("reset the position");
        }
    }

    async fn a_random_walk_with_splits_fires_the_alerts_of_the_adjusted_walk(database) {
        let world = World::new(database, &["AAPL"]).await;
        let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
        let step = (
            900..1_100_i64,
            proptest::option::weighted(0.3, prop_oneof![Just((10, 1)), Just((3, 2)), Just((1, 10)), Just((2, 1)), Just((7, 1))]),
            0..3_u8,
            any::<bool>(),
        );
        let walks = proptest::collection::vec(step, 2..12);
        let count = Cell::new(0);
        let run = TestRunner::new(config).run(&walks, |walk| {
            count.set(count.get() + 1);
            let (seen, expected) = block_in_place(|| Handle::current().block_on(walked(&world, count.get(), &walk)));
            prop_assert_eq!(seen, expected);
            Ok(())
        });
        run.expect("every walk");
    }
}

type Step = (i64, Option<(i64, i64)>, u8, bool);

/// Stores a walk with one price a day, whose previous close is unadjusted, adjusted, or absent.
/// Returns the alerts that fired and the expected ones.
async fn walked(world: &World, run: usize, walk: &[Step]) -> (Vec<String>, Vec<String>) {
    let of = format!("W{run}");
    world.add(&of).await;
    let id = world.stock(&of).await.expect("a stock").id;
    let before = fired(world).await.len();
    let mut day: NaiveDate = date("2026-01-02");
    let (mut raw, mut expected) = (Decimal::from_int(1_000), Vec::new());
    for (index, (thousandths, split, sent, known_before)) in walk.iter().enumerate() {
        let (new, old) = split.filter(|_| index > 0).unwrap_or((1, 1));
        let ratio = Ratio::new(new.into(), old.into()).expect("a ratio");
        let adjusted = ratio.divide(raw).expect("a price");
        let price = adjusted
            .checked_ratio(*thousandths, 1_000)
            .expect("a price");
        let previous_close = match (index, sent) {
            (0, _) => PreviousClose::None,
            (_, 0) => PreviousClose::Sent(raw),
            (_, 1) => PreviousClose::Sent(adjusted),
            _ => PreviousClose::Absent,
        };
        let known = [Split {
            effective_on: day,
            ratio,
        }];
        let known = &known[..usize::from(ratio != Ratio::ONE)];
        if *known_before {
            let stored = world.ingest().release(id, Some(("test", known))).await;
            stored.expect("quote stored");
        }
        let quote = Quote {
            symbol: symbol(&of),
            price,
            previous_close,
            trading_day: day,
            ..quote("AAPL", "1")
        };
        store(world, quote).await;
        let released = world.ingest().release(id, Some(("test", known))).await;
        released.expect("prices released");
        if index > 0 {
            // An adjusted close is rounded by the provider; otherwise the division is exact.
            let exact = |units: i128| {
                let close = i128::from(raw.units()) * i128::from(old);
                let rounded = i128::from(adjusted.units()) * i128::from(new);
                (
                    units * i128::from(new),
                    if *sent == 1 { rounded } else { close },
                )
            };
            let (price, close) = exact(price.units().into());
            let multiple = (price - close).abs() * 100 / (close * 5) * 5;
            let way = if price > close { "UP" } else { "DOWN" };
            if multiple > 0 {
                expected.push(format!("{way} {multiple}"));
            }
        }
        raw = price;
        day = day
            .iter_days()
            .skip(1)
            .find(|day| is_trading_day(*day))
            .expect("a day");
    }
    (fired(world).await.split_off(before), expected)
}
