//! Tests of what is stored for a batch of quotes, on both databases.

use std::{
    cell::Cell,
    sync::{Arc, Mutex},
    time::Duration,
};

use entity::{Decimal, Direction, Event, table::feed};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use store::Store;
use tokio::{runtime::Handle, task::block_in_place};
use tracker::{
    ingest::{Ingest, IngestReport, QuoteBatch},
    quote::{PreviousClose, Quote},
};

use crate::fixture::{World, at, date, decimal, quote};

/// Returns the alerts as (direction, multiple), in the order in which they fired.
async fn fired(world: &World) -> Vec<(Direction, String)> {
    let alerts = world.alerts().await;
    let fired = alerts
        .iter()
        .map(|row| (row.direction, row.threshold.to_string()));
    fired.collect()
}

fn up(multiple: &str) -> (Direction, String) {
    (Direction::Up, multiple.to_owned())
}

fn down(multiple: &str) -> (Direction, String) {
    (Direction::Down, multiple.to_owned())
}

testkit::on_both_databases! {
    async fn a_price_that_returns_to_an_earlier_value_is_stored_again(database) {
        let world = World::new(database, &["AAPL"]).await;
        for price in ["100", "101", "100"] {
            assert_eq!(world.store(vec![quote("AAPL", price)]).await.prices, 1);
        }
        assert_eq!(world.price_texts().await, ["100", "101", "100"]);
        let (published, _) = world.events().await;
        let rows = world.prices().await;
        assert_eq!(
            published.iter().map(|price| price.seq).collect::<Vec<_>>(),
            rows.iter().map(|row| row.seq).collect::<Vec<_>>(),
        );
    }

    async fn a_repeated_quote_is_not_stored_and_counts_as_an_answer(database) {
        let world = World::new(database, &["AAPL"]).await;
        world.store(vec![quote("AAPL", "100")]).await;
        let first = world.stock("AAPL").await.and_then(|stock| stock.answered_at);
        world.clock.advance(Duration::from_mins(5));
        assert_eq!(world.store(vec![quote("AAPL", "100")]).await, IngestReport::default());
        assert_eq!(world.price_texts().await, ["100"]);
        assert_eq!(world.feed().await.len(), 1);
        let second = world.stock("AAPL").await.and_then(|stock| stock.answered_at);
        assert_eq!((first, second), (Some(at("2026-11-20T17:00:00Z")), Some(world.store.clock.now())));
    }

    async fn a_batch_of_stocks_in_memory_reads_only_the_end_of_the_feed(database) {
        let world = World::new(database, &["AAPL", "MSFT"]).await;
        let reads = Arc::new(Mutex::new(Vec::new()));
        let mut observed = (*world.database).clone();
        let seen = Arc::clone(&reads);
        observed.observe_statements(move |statement| {
            if statement.starts_with("SELECT") {
                seen.lock().expect("no test panicked").push(statement.to_owned());
            }
        });
        let ingest = Ingest::new(Store::new(observed, world.clock.shared()), world.counted.clone());
        let store = async |prices: [&str; 2]| {
            let quotes = vec![quote("AAPL", prices[0]), quote("MSFT", prices[1])];
            let batch = QuoteBatch { provider: "test", quotes, ..QuoteBatch::default() };
            assert_eq!(ingest.ingest(batch).await.expect("it is stored").prices, 2);
            // All candles but the daily one are new.
            world.clock.advance(Duration::from_hours(1));
            std::mem::take(&mut *reads.lock().expect("no test panicked"))
        };
        let only_end = |reads: &[String]| reads.iter().all(|read| read.contains(" FROM feed_head "));
        assert!(!only_end(&store(["100", "101"]).await), "nothing was in memory");
        // On PostgreSQL the first batch creates a partition, and the next one reads its name.
        store(["101", "102"]).await;
        for prices in [["102", "103"], ["101", "102"]] {
            let reads = store(prices).await;
            assert!(reads.len() == 1 && only_end(&reads), "{reads:?}");
        }
        world.untrack("MSFT").await;
        world.add("MSFT").await;
        let reads = store(["103", "101"]).await;
        assert!(!only_end(&reads), "{reads:?}");
    }

    async fn a_clock_that_is_set_back_keeps_the_order_of_prices_and_answers_have_its_time(database) {
        let world = World::new(database, &["AAPL"]).await;
        world.clock.advance(Duration::from_mins(10));
        world.store(vec![quote("AAPL", "100")]).await;
        let ahead = world.store.clock.now();
        world.clock.set(at("2026-11-20T17:00:00Z"));
        for price in ["101", "101"] {
            world.store(vec![quote("AAPL", price)]).await;
            let answered = world.stock("AAPL").await.and_then(|stock| stock.answered_at);
            assert_eq!(answered, Some(at("2026-11-20T17:00:00Z")));
        }
        let recorded: Vec<_> = world.prices().await.iter().map(|row| row.recorded_at).collect();
        assert_eq!(recorded, [ahead, ahead]);
    }

    async fn a_pair_is_compared_with_the_last_price_of_the_day_before_else_with_the_open(database) {
        let world = World::new(database, &["BTC/USD"]).await;
        let of = |price, day, sent: Option<&str>| Quote {
            previous_close: sent.map_or(PreviousClose::Absent, |sent| PreviousClose::Sent(decimal(sent))),
            open: sent.map(decimal),
            ..Quote::new("BTC/USD".parse().expect("a symbol"), decimal(price), date(day))
        };
        for (price, day, sent, previous_close) in [
            // Nothing is stored.
            ("100", "2026-11-10", None, None),
            // It is known later.
            ("101", "2026-11-10", Some("99"), Some("99")),
            ("102", "2026-11-11", Some("101.5"), Some("101")),
            // As the whole day is.
            ("103", "2026-11-11", None, Some("101")),
            // The last stored price is of two days before.
            ("104", "2026-11-13", Some("102.5"), Some("102.5")),
            ("105", "2026-11-13", None, Some("102.5")),
            ("106", "2026-11-15", None, None),
        ] {
            assert_eq!(world.store(vec![of(price, day, sent)]).await.prices, 1, "{price}");
            let stored = world.prices().await.pop().expect("a price");
            assert_eq!(stored.previous_close, previous_close.map(decimal), "{price}");
        }
        // A provider that sends 0 has no previous close, as for shares.
        let none = Quote {
            previous_close: PreviousClose::None,
            ..of("107", "2026-11-16", None)
        };
        world.store(vec![none]).await;
        assert_eq!(world.prices().await.pop().expect("a price").previous_close, None);
    }

    async fn the_figures_of_a_pair_include_the_prices_of_the_day(database) {
        let world = World::new(database, &["BTC/USD"]).await;
        let of = |price, day| Quote::new("BTC/USD".parse().expect("a symbol"), decimal(price), date(day));
        let sent = Quote {
            open: Some(decimal("95")),
            high: Some(decimal("120")),
            low: Some(decimal("90")),
            ..of("101", "2026-11-10")
        };
        for (quote, figures) in [
            (of("100", "2026-11-10"), ["100", "100", "100"]),
            (of("110", "2026-11-10"), ["100", "110", "100"]),
            (sent, ["95", "120", "90"]),
            (of("80", "2026-11-10"), ["95", "120", "80"]),
            (of("81", "2026-11-11"), ["81", "81", "81"]),
        ] {
            let text = format!("{quote:?}");
            for stored in [1, 0] {
                // The second is repeated.
                assert_eq!(world.store(vec![quote.clone()]).await.prices, stored, "{text}");
            }
            let row = world.prices().await.pop().expect("a price");
            assert_eq!([row.open, row.high, row.low], figures.map(|it| Some(decimal(it))), "{text}");
        }
    }

    async fn an_older_quote_is_dropped_and_reported(database) {
        let world = World::new(database, &["AAPL"]).await;
        let timed = |price, time| Quote { market_time: Some(at(time)), ..quote("AAPL", price) };
        world.store(vec![timed("101", "2026-11-20T16:00:00Z")]).await;
        let yesterday = Quote { trading_day: date("2026-11-19"), ..quote("AAPL", "99") };
        let dropped = IngestReport { older: 1, ..IngestReport::default() };
        assert_eq!(world.store(vec![yesterday]).await, dropped);
        assert_eq!(world.store(vec![timed("102", "2026-11-20T15:59:59Z")]).await, dropped);
        assert_eq!(world.store(vec![timed("103", "2026-11-20T16:00:01Z")]).await.prices, 1);
        assert_eq!(world.price_texts().await, ["101", "103"]);
    }

    async fn a_jump_fires_once_at_the_highest_multiple_in_each_direction(database) {
        let world = World::new(database, &["AAPL"]).await;
        let mut expected = Vec::new();
        for (price, fires) in [
            ("104.99999999", None),
            ("105", Some(up("5"))),
            ("109", None),
            ("103", None),
            ("106", None),
            ("117", Some(up("15"))),
            ("111", None),
            ("119.99999999", None),
            ("120", Some(up("20"))),
            ("95.00000001", None),
            ("95", Some(down("5"))),
            ("88", Some(down("10"))),
            ("121", None),
        ] {
            world.store(vec![quote("AAPL", price)]).await;
            expected.extend(fires);
            assert_eq!(fired(&world).await, expected, "after {price}");
        }
        // The rule can fire again on another day.
        world.store(vec![Quote { trading_day: date("2026-11-23"), ..quote("AAPL", "105") }]).await;
        expected.push(up("5"));
        assert_eq!(fired(&world).await, expected);
        let alerts = i64::try_from(expected.len()).expect("a few");
        assert_eq!(world.stock("AAPL").await.map(|stock| stock.alert_count), Some(alerts));
    }

    async fn an_alert_follows_its_price_in_the_feed_and_equals_its_row(database) {
        let world = World::new(database, &["AAPL"]).await;
        world.store(vec![quote("AAPL", "106.5")]).await;
        let batch = world.feed().await.remove(0);
        let [Event::QuoteRecorded { price, stock }, Event::AlertFired { alert }] =
            &batch.events[..]
        else {
            panic!("{batch:?}");
        };
        assert_eq!((price.seq, alert.seq, batch.end.seq), (1, 2, 2));
        assert_eq!(stock.alert_count, 1);
        let row = world.alerts().await.remove(0);
        assert_eq!((alert.id, alert.triggered_at), (row.id, row.triggered_at));
        assert_eq!(row.triggered_at, price.recorded_at);
        assert_eq!(row.change_percent, Some(decimal("6.5")));
        assert_eq!(alert.message(), "AAPL rose 6.5% to 106.5");
    }

    async fn concurrent_writers_and_repeats_fire_each_alert_once(database) {
        let world = World::new(database, &["AAPL", "MSFT"]).await;
        let prices = ["105", "112", "117", "94", "89", "120"];
        let writer = async || {
            // Writers share only the database.
            let ingest = world.ingest();
            for price in prices.into_iter().chain(prices) {
                let quotes = vec![quote("AAPL", price), quote("MSFT", price)];
                let answers = QuoteBatch { provider: "test", quotes, ..QuoteBatch::default() };
                ingest.ingest(answers).await.expect("batch stored");
            }
        };
        tokio::join!(writer(), writer(), writer());
        for of in ["AAPL", "MSFT"] {
            let id = world.stock(of).await.expect("a stock").id;
            let mut alerts: Vec<_> = world.alerts().await;
            alerts.retain(|row| row.stock_id == id);
            let mut distinct: Vec<_> = alerts
                .iter()
                .map(|row| (row.direction == Direction::Up, row.threshold))
                .collect();
            distinct.sort();
            let fired = distinct.len();
            distinct.dedup();
            assert_eq!(distinct.len(), fired, "{alerts:?}");
            for highest in [(true, decimal("20")), (false, decimal("10"))] {
                assert!(distinct.contains(&highest), "{distinct:?}");
            }
        }
        // Positions have no gaps, and their times never decrease.
        let feed = world.feed().await;
        let seqs: Vec<i64> = feed.iter().flat_map(|batch| &batch.events).map(Event::seq).collect();
        assert!(seqs.iter().copied().eq(1..=i64::try_from(seqs.len()).expect("a few")));
        assert!(feed.is_sorted_by_key(|batch| batch.end.recorded_at));
    }

    async fn an_absent_previous_close_is_replaced_by_the_last_stored_close(database) {
        let world = World::new(database, &["AAPL"]).await;
        let on = |day, price| Quote {
            previous_close: PreviousClose::Absent,
            trading_day: date(day),
            ..quote("AAPL", price)
        };
        world.store(vec![on("2026-11-18", "90")]).await;
        world.store(vec![on("2026-11-18", "100")]).await;
        world.store(vec![on("2026-11-20", "104")]).await;
        world.store(vec![on("2026-11-20", "105")]).await;
        let closes: Vec<_> = world.prices().await.iter().map(|row| row.previous_close).collect();
        let hundred = Some(decimal("100"));
        assert_eq!(closes, [None, None, hundred, hundred]);
        assert_eq!(fired(&world).await, [up("5")]);
        let none = Quote { previous_close: PreviousClose::None, ..on("2026-11-23", "200") };
        world.store(vec![none]).await;
        assert_eq!(world.prices().await[4].previous_close, None);
        assert_eq!(fired(&world).await.len(), 1);
    }

    async fn a_live_quote_of_an_old_session_is_stored_without_alerts(database) {
        let world = World::new(database, &["A", "B", "C", "D.T"]).await;
        let on = |of, day| Quote { trading_day: date(day), ..quote(of, "106") };
        let store = async |sessions, position: Option<&str>, quotes| {
            let ingest = world.ingest().with_alert_max_age(sessions);
            let position = position.map(str::to_owned);
            let answers = QuoteBatch { provider: "test", quotes, position, ..QuoteBatch::default() };
            ingest.ingest(answers).await.expect("batch stored")
        };
        // It is Friday noon: Thursday is one session ago, Wednesday two.
        let old = store(Some(1), None, vec![on("A", "2026-11-18"), on("B", "2022-10-27")]).await;
        assert_eq!((old.prices, old.alerts), (2, 0));
        let recent = store(Some(1), None, vec![on("A", "2026-11-19"), on("C", "2026-11-20")]).await;
        assert_eq!((recent.prices, recent.alerts), (2, 2));
        assert_eq!(store(Some(0), None, vec![on("D.T", "2026-11-18")]).await.alerts, 0);
        assert_eq!(store(None, None, vec![on("D.T", "2026-11-19")]).await.alerts, 1);
        // The limit does not apply to replays.
        assert_eq!(store(Some(1), Some("1"), vec![on("B", "2022-10-28")]).await.alerts, 1);
    }

    async fn the_market_time_of_a_date_is_the_close_only_of_known_markets(database) {
        let world = World::new(database, &["AAPL", "BTC/USD", "TSCO.LON"]).await;
        let on = |of, day| Quote { trading_day: date(day), ..quote(of, "100") };
        for of in ["AAPL", "BTC/USD", "TSCO.LON"] {
            world.store(vec![on(of, "2026-11-19")]).await;
        }
        let times: Vec<_> = world.prices().await.iter().map(|row| row.market_time.to_string()).collect();
        assert_eq!(times, ["2026-11-19T21:00:00Z", "2026-11-19T23:59:59.999999Z", "2026-11-20T17:00:00Z"]);
    }

    async fn a_quote_of_an_untracked_symbol_is_not_stored(database) {
        let world = World::new(database, &["AAPL", "MSFT"]).await;
        world.untrack("MSFT").await;
        let batches = world.feed().await.len();
        let quotes = vec![quote("MSFT", "105"), quote("NVDA", "105")];
        assert_eq!(world.store(quotes).await, IngestReport::default());
        assert_eq!((world.prices().await.len(), world.alerts().await.len()), (0, 0));
        assert_eq!(world.feed().await.len(), batches);
        assert!(world.stock("NVDA").await.is_none());
        assert_eq!(world.stock("MSFT").await.and_then(|stock| stock.answered_at), None);
    }

    async fn a_quote_fills_in_missing_details_of_its_stock(database) {
        let world = World::new(database, &["AAPL"]).await;
        let named = |name: &str, price| Quote {
            name: Some(name.to_owned()),
            currency: Some("USD".to_owned()),
            ..quote("AAPL", price)
        };
        world.store(vec![named("Apple Inc.", "100")]).await;
        world.store(vec![named("Another", "101")]).await;
        let stock = world.stock("AAPL").await.expect("a stock");
        assert_eq!(stock.name.as_deref(), Some("Apple Inc."));
        assert_eq!(stock.currency.as_deref(), Some("USD"));
    }

    async fn a_price_is_stored_without_losing_a_digit(database) {
        let world = World::new(database, &["AAPL"]).await;
        let config = Config { cases: 96, failure_persistence: None, ..Config::default() };
        let any = prop_oneof![1..=i64::MAX, 1..=1_000_000_i64, (1..=922_337_i64).prop_map(|n| n * 100_000_000)];
        let day = Cell::new(date("2000-01-01"));
        let run = TestRunner::new(config).run(&(any.clone(), any), |(units, other)| {
            let (price, open) = (Decimal::from_units(units), Decimal::from_units(other));
            let quote = Quote { price, open: Some(open), ..quote("AAPL", "1") };
            let stored = block_in_place(|| Handle::current().block_on(async {
                day.set(day.get().succ_opt().expect("a day"));
                world.store(vec![Quote { trading_day: day.get(), ..quote }]).await;
                let row = world.prices().await.pop().expect("a row");
                let published = published(&world, row.seq).await;
                (row, published)
            }));
            let (row, published) = stored;
            prop_assert_eq!(row.price.to_string(), price.to_string());
            prop_assert_eq!(row.open.map(|it| it.to_string()), Some(open.to_string()));
            prop_assert_eq!(published, [price.to_string(), open.to_string()]);
            Ok(())
        });
        run.expect("every price");
    }
}

/// Returns a price and its open as texts from the JSON of the feed.
async fn published(world: &World, seq: i64) -> [String; 2] {
    let row = feed::Entity::find()
        .filter(feed::Column::Seq.gte(seq))
        .one(world.database.read());
    let row = row.await.expect("the feed").expect("an entry");
    let json: serde_json::Value = serde_json::from_str(&row.events).expect("JSON");
    let price = &json[0]["data"]["price"];
    ["price", "open"].map(|field| price[field].as_str().expect("a text").to_owned())
}
