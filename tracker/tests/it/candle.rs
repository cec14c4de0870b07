//! Candles, compared with a simple implementation that builds them from the stored prices.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DurationRound, NaiveDate, TimeDelta};
use entity::{
    CandleInterval, Decimal, Timestamp,
    table::{candle, stock_price},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use runtime::config::ReplaySpeed;
use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder};
use tokio::{runtime::Handle, task::block_in_place};
use tracker::{ingest::QuoteBatch, quote::Quote};

use crate::{
    expected_replay::expected_replay,
    fixture::{World, at, date, decimal, quote},
    replay::{ALL, end, replay},
};

/// Open, high, low, close, volume and count.
type CandleValues = (Decimal, Decimal, Decimal, Decimal, Option<i64>, i32);

/// A random quote.
#[derive(Clone, Debug)]
struct Tick {
    stock: bool,
    day: u32,
    /// Seconds since the start of the trading day in UTC.
    time: Option<u32>,
    price: i32,
    session: [Option<i32>; 3],
    volume: Option<i64>,
    other_provider: bool,
    pause: u64,
}

fn ticks() -> impl Strategy<Value = Vec<Tick>> {
    let tick = (
        any::<bool>(),
        prop_oneof![Just(19_u32), Just(20), Just(20), Just(23)],
        // 04:00 to 20:00 in New York, half of them within a quarter of an hour.
        proptest::option::weighted(0.8, prop_oneof![32_400..90_000_u32, 57_600..58_500_u32]),
        90..110_i32,
        proptest::array::uniform3(proptest::option::weighted(0.3, 80..120_i32)),
        proptest::option::weighted(0.7, 0..1000_i64),
        proptest::bool::weighted(0.1),
        0..100_u64,
    );
    let tick = tick.prop_map(
        |(stock, day, time, price, session, volume, other_provider, pause)| Tick {
            stock,
            day,
            time,
            price,
            session,
            volume,
            other_provider,
            pause,
        },
    );
    // Mostly in order, as real quotes are. Of late ones, those without a time are stored.
    proptest::collection::vec(tick, 1..50).prop_map(|mut ticks| {
        ticks.sort_by_key(|tick| (tick.day, tick.price % 3, tick.time));
        ticks
    })
}

async fn store(world: &World, tick: &Tick) {
    world.clock.advance(Duration::from_secs(tick.pause));
    let [open, high, low] = tick.session.map(|it| it.map(Decimal::from_int));
    let day = date(&format!("2026-11-{}", tick.day));
    let quote = Quote {
        price: Decimal::from_int(tick.price),
        open,
        high,
        low,
        volume: tick.volume,
        trading_day: day,
        market_time: tick
            .time
            .map(|time| Timestamp::start_of(day).after(Duration::from_secs(time.into()))),
        ..quote(if tick.stock { "AAPL" } else { "IBM" }, "1")
    };
    let answers = QuoteBatch {
        provider: if tick.other_provider { "other" } else { "test" },
        quotes: vec![quote],
        ..QuoteBatch::default()
    };
    world.ingest().ingest(answers).await.expect("it is stored");
}

async fn stored(world: &World) -> BTreeMap<(i32, i64, Timestamp), CandleValues> {
    let rows = candle::Entity::find().all(world.database.read()).await;
    let values = |row: candle::Model| {
        let key = (row.minutes.minutes(), row.stock_id, row.start);
        let values = (
            row.open, row.high, row.low, row.close, row.volume, row.count,
        );
        (key, values)
    };
    rows.expect("candles").into_iter().map(values).collect()
}

/// Builds the candles from the stored prices.
async fn naive(world: &World) -> BTreeMap<(i32, i64, Timestamp), CandleValues> {
    let rows = stock_price::Entity::find().order_by_asc(stock_price::Column::Seq);
    let rows = rows.all(world.database.read()).await.expect("prices");
    let mut buckets: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        for minutes in [1, 5, 15, 60] {
            let start = row.market_time.to_utc();
            let start = start.duration_trunc(TimeDelta::minutes(minutes.into()));
            let start = Timestamp::from(start.expect("a start"));
            buckets
                .entry((minutes, row.stock_id, start))
                .or_default()
                .push(index);
        }
        let open = at(&format!("{}T14:30:00Z", row.trading_day));
        buckets
            .entry((1440, row.stock_id, open))
            .or_default()
            .push(index);
    }
    let growth = |index: usize| {
        let row = &rows[index];
        let before = rows[..index]
            .iter()
            .rfind(|it| it.stock_id == row.stock_id)?;
        let same = before.trading_day == row.trading_day && before.provider == row.provider;
        let growth = row.volume? - before.volume?;
        (same && growth >= 0).then_some(growth)
    };
    let build = |(key, indices): ((i32, i64, Timestamp), Vec<usize>)| {
        let day = key.0 == 1440;
        let all: Vec<&stock_price::Model> = indices.iter().map(|index| &rows[*index]).collect();
        let first = all
            .iter()
            .min_by_key(|row| (row.market_time, row.seq))
            .expect("one");
        let last = all
            .iter()
            .max_by_key(|row| (row.market_time, row.seq))
            .expect("one");
        if !day {
            let grown: Vec<i64> = indices.iter().filter_map(|index| growth(*index)).collect();
            let values = (
                first.price,
                all.iter().map(|row| row.price).max().expect("one"),
                all.iter().map(|row| row.price).min().expect("one"),
                last.price,
                (!grown.is_empty()).then(|| grown.iter().sum()),
                i32::try_from(all.len()).expect("a few"),
            );
            return (key, values);
        }
        // Values that were the newest by market time when they arrived take precedence.
        let newest = |place: usize| {
            all[..place]
                .iter()
                .all(|row| row.market_time <= all[place].market_time)
        };
        let last_of = |has: fn(&stock_price::Model) -> bool| {
            (0..all.len())
                .rev()
                .find(|place| newest(*place) && has(all[*place]))
        };
        let first_of =
            |has: fn(&stock_price::Model) -> bool| (0..all.len()).find(|place| has(all[*place]));
        let open = last_of(|row| row.open.is_some()).or(first_of(|row| row.open.is_some()));
        let volume = last_of(|row| row.volume.is_some()).or(first_of(|row| row.volume.is_some()));
        let open = open.map_or(first.price, |place| all[place].open.expect("an open"));
        let (high, low) = range(&all);
        let values = (
            open,
            high,
            low,
            last.price,
            volume.and_then(|place| all[place].volume),
            i32::try_from(all.len()).expect("a few"),
        );
        (key, values)
    };
    buckets.into_iter().map(build).collect()
}

/// High and low of a day. After each price they are the newest values that came with an open,
/// widened to contain the prices since and the open.
fn range(rows: &[&stock_price::Model]) -> (Decimal, Decimal) {
    let mut range: Option<(Decimal, Decimal)> = None;
    for (place, row) in rows.iter().enumerate() {
        let newest = |place: usize| {
            let before = &rows[..place];
            before
                .iter()
                .all(|before| before.market_time <= rows[place].market_time)
        };
        let so_far = 0..=place;
        let counts = |place: &usize| newest(*place) && rows[*place].open.is_some();
        let with_open = so_far.clone().rfind(counts);
        let with_open =
            with_open.or_else(|| so_far.clone().find(|place| rows[*place].open.is_some()));
        let first = rows[so_far]
            .iter()
            .min_by_key(|row| (row.market_time, row.seq))
            .expect("one");
        let open = with_open.map_or(first.price, |place| rows[place].open.expect("an open"));
        let (high, low) = (
            row.high.unwrap_or(row.price).max(row.price),
            row.low.unwrap_or(row.price).min(row.price),
        );
        let (was_high, was_low) = range.unwrap_or((high, low));
        let is_session = row.open.is_some();
        let replaces = |value: Option<Decimal>| value.is_some() && is_session && newest(place);
        let high = if replaces(row.high) {
            high
        } else {
            was_high.max(high)
        };
        let low = if replaces(row.low) {
            low
        } else {
            was_low.min(low)
        };
        range = Some((high.max(open), low.min(open)));
    }
    range.expect("one")
}

async fn clear(world: &World, tables: &[&str]) {
    for table in tables {
        let deleted = format!("DELETE FROM {table}");
        let deleted = world.database.write().execute_unprepared(&deleted);
        deleted.await.expect("delete");
    }
}

testkit::on_both_databases! {
    async fn candles_match_the_stored_prices_and_a_rebuild_yields_the_same(database) {
        let world = World::new(database, &["AAPL", "IBM"]).await;
        let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
        let run = TestRunner::new(config).run(&ticks(), |ticks| {
            let (written, expected, again) = block_in_place(|| Handle::current().block_on(async {
                clear(&world, &["candles", "quotes", "stock_prices"]).await;
                for tick in &ticks {
                    store(&world, tick).await;
                }
                let written = stored(&world).await;
                clear(&world, &["candles"]).await;
                let tracker = world.track(Vec::new());
                world.until("candles", async || !stored(&world).await.is_empty()).await;
                tracker.stop().await;
                (written, naive(&world).await, stored(&world).await)
            }));
            prop_assert!(!written.is_empty());
            for (open, high, low, close, ..) in written.values() {
                prop_assert!(low <= open.min(close) && open.max(close) <= high);
            }
            prop_assert_eq!(&written, &expected);
            prop_assert_eq!(&again, &expected);
            Ok(())
        });
        run.expect("all cases pass");
    }

    async fn early_and_late_trades_belong_to_their_trading_day(database) {
        let world = World::new(database, &["AAPL"]).await;
        let trade = |price, time| Quote { market_time: Some(at(time)), ..quote("AAPL", price) };
        world.store(vec![trade("101", "2026-11-20T09:15:00Z")]).await;
        world.store(vec![trade("102", "2026-11-20T20:59:59Z")]).await;
        // 19:30 in New York, which is tomorrow in UTC.
        world.store(vec![trade("103", "2026-11-21T00:30:00Z")]).await;
        let days = days(&world).await;
        let values = (decimal("101"), decimal("103"), decimal("101"), decimal("103"), None, 3);
        assert_eq!(days, [(date("2026-11-20"), values)]);
        let hours = stored(&world).await.into_keys().filter(|key| key.0 == 60);
        let starts: Vec<String> = hours.map(|(_, _, start)| start.to_string()).collect();
        assert_eq!(starts, ["2026-11-20T09:00:00Z", "2026-11-20T20:00:00Z", "2026-11-21T00:00:00Z"]);
    }

    async fn a_candle_contains_its_open_and_close_even_if_its_quote_does_not(database) {
        let world = World::new(database, &["AAPL", "IBM"]).await;
        let with_session = |of, price, open, high, low| Quote {
            open: Some(decimal(open)),
            high: Some(decimal(high)),
            low: Some(decimal(low)),
            ..quote(of, price)
        };
        world.store(vec![with_session("AAPL", "105", "102.5", "103", "102")]).await;
        world.store(vec![with_session("IBM", "100", "102.5", "101", "102")]).await;
        let values: Vec<_> = stored(&world).await.into_iter()
            .filter(|(key, _)| key.0 == 1440)
            .map(|(_, (open, high, low, close, ..))| [open, high, low, close].map(|it| it.to_string()))
            .collect();
        assert_eq!(values, [["102.5", "105", "102", "105"], ["102.5", "102.5", "100", "100"]]);
        // The next quote is consistent and replaces high and low.
        world.store(vec![with_session("AAPL", "103", "102.5", "104", "101")]).await;
        let day = stored(&world).await.into_iter().find(|(key, _)| key.0 == 1440).expect("a day").1;
        assert_eq!((day.1, day.2, day.3), (decimal("104"), decimal("101"), decimal("103")));
        // High and low without an open may be of a part of the session.
        let part = Quote { open: None, ..with_session("AAPL", "103.2", "103", "103.5", "103") };
        world.store(vec![part]).await;
        let day = stored(&world).await.into_iter().find(|(key, _)| key.0 == 1440).expect("a day").1;
        assert_eq!((day.1, day.2, day.3), (decimal("104"), decimal("101"), decimal("103.2")));
    }

    async fn a_late_price_does_not_replace_the_close(database) {
        let world = World::new(database, &["AAPL"]).await;
        // The market time is ahead of our clock, which dates prices without a market time.
        let timed = Quote { market_time: Some(at("2026-11-20T17:00:40Z")), ..quote("AAPL", "101") };
        world.store(vec![timed]).await;
        world.store(vec![quote("AAPL", "99")]).await;
        let values = (decimal("99"), decimal("101"), decimal("99"), decimal("101"), None, 2);
        let candles: Vec<CandleValues> = stored(&world).await.into_values().collect();
        assert_eq!(candles, vec![values; 5]);
    }

    async fn the_daily_candle_of_a_replay_is_the_row_of_the_file(database) {
        let world = World::new(database, &ALL).await;
        let tracker = world.track(replay("2012-05-01", ReplaySpeed::Max));
        end(&world).await;
        tracker.stop().await;
        let symbols = world.stocks().await.into_iter().map(|row| (row.id, row.symbol.to_string()));
        let symbols: BTreeMap<i64, String> = symbols.collect();
        let (rows, _) = expected_replay(date("2012-05-01"));
        let expected: Vec<_> = rows
            .into_iter()
            .map(|row| (row.day, row.symbol, row.open, row.high, row.low, row.close, row.volume))
            .collect();
        let mut candles: Vec<_> = stored(&world)
            .await
            .into_iter()
            .filter(|(key, _)| key.0 == CandleInterval::OneDay.minutes())
            .map(|((_, stock, start), (open, high, low, close, volume, count))| {
                assert_eq!(count, 1);
                let [open, high, low] = [open, high, low].map(|it| Some(it.to_string()));
                let day = start.to_utc().date_naive();
                (day, symbols[&stock].clone(), open, high, low, close.to_string(), volume)
            })
            .collect();
        candles.sort();
        assert_eq!(candles.len(), expected.len());
        assert_eq!(candles, expected);
    }
}

/// The daily candles, by date.
async fn days(world: &World) -> Vec<(NaiveDate, CandleValues)> {
    let all = stored(world).await.into_iter();
    all.filter(|(key, _)| key.0 == CandleInterval::OneDay.minutes())
        .map(|((_, _, start), values)| (start.to_utc().date_naive(), values))
        .collect()
}
