//! Simulated prices: the walks, the pace, restarts, and days at the ends of calendars.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use chrono::NaiveDate;
use entity::{CandleInterval, Decimal, Timestamp, table::stock_price};
use runtime::config::SimulatedSettings;
use store::candle::{CandleRange, newest};
use tracker::provider::{PositionError, QuoteProvider, Simulated};

use crate::fixture::{World, at, symbol};

const MILLISECOND: Duration = Duration::from_millis(1);

fn settings(symbols: u32, rate: u32, seed: u64) -> SimulatedSettings {
    let number = |number| NonZeroU32::new(number).expect("more than 0");
    SimulatedSettings {
        symbols: number(symbols),
        rate: number(rate),
        seed,
    }
}

pub(crate) fn simulated(
    world: &World,
    symbols: u32,
    rate: u32,
    seed: u64,
) -> Arc<dyn QuoteProvider> {
    let settings = settings(symbols, rate, seed);
    Arc::new(Simulated::new(&settings, world.clock.shared()))
}

/// The symbol and the price of each row.
async fn texts(world: &World) -> Vec<(i64, String)> {
    let rows = world.prices().await.into_iter();
    rows.map(|row| (row.stock_id, row.price.to_string()))
        .collect()
}

async fn next_number(world: &World) -> usize {
    let row = world.provider("simulated").await.expect("a row");
    let position = row.position.expect("a position");
    let next = position.rsplit(' ').next().expect("a number");
    next.parse().expect("a number")
}

testkit::on_both_databases! {
    async fn the_same_seed_gives_the_same_prices_and_a_restart_continues(database) {
        let world = World::new(database, &[]).await;
        let running = world.track(vec![simulated(&world, 5, 10, 7)]);
        let some = async || world.prices().await.len() >= 23;
        world.until_after(MILLISECOND * 100, "prices", some).await;
        // Killed, so that a batch may be lost.
        drop(running);
        let running = world.track(vec![simulated(&world, 5, 10, 7)]);
        let more = async || world.prices().await.len() >= 61;
        world.until_after(MILLISECOND * 100, "more prices", more).await;
        running.stop().await;
        let stored = texts(&world).await;
        assert_eq!(next_number(&world).await, stored.len());
        let expected = Simulated::new(&settings(5, 10, 7), world.clock.shared());
        let symbols = expected.tracks();
        let mut ids = Vec::new();
        for symbol in &symbols {
            ids.push(world.stock(symbol.as_str()).await.expect("it is tracked").id);
        }
        let mut prices = Vec::new();
        while prices.len() < stored.len() {
            let poll = expected.poll(&symbols).await;
            prices.extend(poll.answers.into_iter().map(|(of, quote)| {
                let id = ids[symbols.iter().position(|it| *it == of).expect("a symbol")];
                (id, quote.expect("a quote").price.to_string())
            }));
            world.clock.advance(MILLISECOND * 100);
        }
        prices.truncate(stored.len());
        assert_eq!(stored, prices, "neither a gap nor a double");
        let quote = world.stock("SIM0003").await.expect("a stock");
        assert_eq!((quote.name.as_deref(), quote.currency.as_deref()), (Some("Simulated 0003"), Some("USD")));
    }

    async fn the_rate_is_held_also_by_few_symbols(database) {
        let world = World::new(database, &[]).await;
        let running = world.track(vec![simulated(&world, 3, 1_000, 1)]);
        world.until("it has begun", async || !world.prices().await.is_empty()).await;
        let begun = world.prices().await[0].market_time;
        let after = async || world.store.clock.now().since(begun) >= Duration::from_secs(5);
        world.until_after(MILLISECOND * 250, "5 seconds", after).await;
        let caught_up = async || world.prices().await.len() > 5_000;
        world.until("the last prices", caught_up).await;
        running.stop().await;
        let rows = world.prices().await;
        let now = world.store.clock.now();
        let expected = now.since(begun).as_millis() + 1;
        assert_eq!(rows.len() as u128, expected);
        let times: Vec<Timestamp> = rows.iter().map(|row| row.market_time).collect();
        assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) == MILLISECOND), "evenly spaced");
    }

    async fn a_tracker_that_takes_over_neither_repeats_nor_skips_a_price(database) {
        let world = World::new(database, &[]).await;
        let mut tracked = 0;
        for _ in 0..5 {
            let running = world.track(vec![simulated(&world, 4, 20, 3)]);
            tracked += 17;
            let some = async || world.prices().await.len() >= tracked;
            world.until_after(MILLISECOND * 100, "prices", some).await;
            drop(running);
        }
        let rows = world.prices().await;
        // The stocks are in the order of their symbols.
        for (number, row) in rows.iter().enumerate() {
            assert_eq!(row.stock_id, rows[number % 4].stock_id, "{number}");
        }
        world.until("the position", async || next_number(&world).await == world.prices().await.len()).await;
    }

    async fn an_untracked_symbol_stays_untracked_and_costs_the_others_nothing(database) {
        let world = World::new(database, &["AAPL"]).await;
        let running = world.track(vec![simulated(&world, 3, 30, 1)]);
        world.until_after(MILLISECOND * 100, "prices", async || world.prices().await.len() > 9).await;
        world.untrack("SIM0002").await;
        running.stop().await;
        let before = world.prices().await.len();
        let _running = world.track(vec![simulated(&world, 3, 30, 1)]);
        let more = async || world.prices().await.len() > before + 20;
        world.until_after(MILLISECOND * 100, "more prices", more).await;
        let untracked = world.stock("SIM0002").await.expect("a stock");
        assert!(!untracked.tracked);
        let rows = world.prices().await;
        assert!(rows[before..].iter().all(|row| row.stock_id != untracked.id));
        assert!(world.stock("AAPL").await.expect("a stock").tracked);
        let row = world.provider("simulated").await.expect("a row");
        assert_eq!((row.note.as_deref(), row.effective_interval), (Some("simulated prices"), Some(100_000)));
    }

    async fn each_utc_day_has_its_candle_at_the_ends_of_calendars(database) {
        let world = World::new(database, &[]).await;
        for (from, to) in [
            // The early close after Thanksgiving, Christmas, and New Year.
            ("2026-11-26T22:00:00Z", "2026-11-29T01:00:00Z"),
            ("2026-12-24T22:30:00Z", "2026-12-27T00:00:00Z"),
            ("2026-12-31T22:00:00Z", "2027-01-02T02:00:00Z"),
            // Daylight saving time begins.
            ("2027-03-13T22:00:00Z", "2027-03-15T03:00:00Z"),
        ] {
            let (from, to) = (at(from), at(to));
            world.clock.advance(from.since(world.store.clock.now()));
            // A step at this rate takes 100 ms; each has one price, because the clock is advanced
            // by more than the provider catches up on.
            let running = world.track(vec![simulated(&world, 2, 10, 5)]);
            let mut stored = 0;
            let ended = async || {
                let prices = world.prices().await;
                let newest = prices.last().map(|row| row.market_time);
                if newest == Some(world.store.clock.now()) && prices.len() != stored {
                    stored = prices.len();
                    world.clock.advance(Duration::from_mins(50));
                }
                newest >= Some(to)
            };
            world.until("the end", ended).await;
            running.stop().await;
            let mut rows = world.prices().await;
            rows.retain(|row| row.market_time >= from);
            check_days(&world, &rows).await;
        }
    }
}

/// Compares the stored days and daily candles with those of the prices.
async fn check_days(world: &World, rows: &[stock_price::Model]) {
    let mut days: BTreeMap<(i64, NaiveDate), Vec<Decimal>> = BTreeMap::new();
    for row in rows {
        assert_eq!(row.trading_day, row.market_time.to_utc().date_naive());
        let prices = days.entry((row.stock_id, row.trading_day)).or_default();
        prices.push(row.price);
    }
    assert!(days.len() >= 4, "{days:?}");
    for ((stock, day), prices) in &days {
        let yesterday = day
            .pred_opt()
            .and_then(|before| days.get(&(*stock, before)));
        let first = rows
            .iter()
            .find(|row| (row.stock_id, row.trading_day) == (*stock, *day));
        let close = yesterday.and_then(|prices| prices.last().copied());
        assert_eq!(first.expect("a row").previous_close, close, "{day}");
        let range = CandleRange {
            interval: CandleInterval::OneDay,
            from: Some(Timestamp::start_of(*day)),
            to: Timestamp::start_of(*day).after(MILLISECOND).into(),
            limit: 2,
        };
        let candles = newest(world.database.read(), &[*stock], range)
            .await
            .expect("candles");
        let candle = &candles[stock].rows[0];
        assert_eq!(candle.start, Timestamp::start_of(*day));
        let span = (prices.iter().min().copied(), prices.iter().max().copied());
        let of_day = rows
            .iter()
            .rfind(|row| (row.stock_id, row.trading_day) == (*stock, *day));
        let last = of_day.expect("a row");
        assert_eq!((last.low, last.high), span, "{day}");
        if yesterday.is_some() {
            assert_eq!(last.open, prices.first().copied(), "{day}");
        }
        assert_eq!((Some(candle.low), Some(candle.high)), span, "{day}");
        assert_eq!(Some(candle.close), prices.last().copied(), "{day}");
        if yesterday.is_some() {
            assert_eq!(Some(candle.open), prices.first().copied(), "{day}");
            assert_eq!(usize::try_from(candle.count), Ok(prices.len()), "{day}");
        }
    }
}

#[tokio::test]
async fn a_position_of_another_seed_or_of_other_symbols_is_not_followed() {
    let clock = runtime::clock::ManualClock::at(at(crate::fixture::NOON));
    let open = |symbols, seed| Simulated::new(&settings(symbols, 10, seed), clock.shared());
    let simulated = open(3, 7);
    let poll = simulated.poll(&simulated.tracks()).await;
    assert_eq!(
        (poll.position.as_deref(), poll.follows.as_deref()),
        (Some("7 3 1"), None)
    );
    assert_eq!(open(3, 7).resume(Some("7 3 1")), Ok(()));
    for position in ["8 3 1", "7 4 1"] {
        assert_eq!(
            simulated.resume(Some(position)),
            Err(PositionError::OtherData),
            "{position}"
        );
    }
    for position in ["", "7 3", "7 3 x", "7 3 -1"] {
        assert!(simulated.resume(Some(position)).is_err(), "{position}");
    }
    // It begins again, and replaces the other position.
    assert_eq!(
        simulated.resume(Some("8 3 100")),
        Err(PositionError::OtherData)
    );
    let poll = simulated.poll(&simulated.tracks()).await;
    assert_eq!(
        (poll.position.as_deref(), poll.follows.as_deref()),
        (Some("7 3 1"), Some("8 3 100"))
    );
}

#[test]
fn the_symbols_are_numbered_and_found() {
    let clock = runtime::clock::ManualClock::at(at(crate::fixture::NOON));
    let simulated = Simulated::new(&settings(10_001, 10, 7), clock.shared());
    let symbols = simulated.tracks();
    assert_eq!(
        (symbols[0].as_str(), symbols[10_000].as_str()),
        ("SIM0001", "SIM10001")
    );
    for (of, known) in [
        ("SIM0001", true),
        ("SIM10001", true),
        ("SIM10002", false),
        ("SIM1", false),
        ("SIM", false),
        ("AAPL", false),
    ] {
        assert_eq!(simulated.knows(&symbol(of)), Some(known), "{of}");
    }
    let found = simulated.list().expect("a list").find("simulated 0001");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].symbol.as_str(), "SIM0001");
}
