//! Tests of failures: retries within the quota, and symbols without a price.

use std::{borrow::Cow, sync::Arc, time::Duration};

use entity::{PollOutcome, ProviderState, Symbol, Timestamp};
use runtime::random::Random;
use sea_orm::{ConnectionTrait, DbBackend};
use store::poll_request::{PollRequest, submit};
use tracker::provider::PollError;

use crate::{
    fixture::{World, at, quote, symbol},
    script::Script,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

fn upstream(wait: Option<Duration>) -> PollError {
    PollError::Upstream {
        reason: Cow::Borrowed("HTTP 503"),
        wait,
    }
}

fn no_price() -> PollError {
    PollError::NoPrice {
        reason: Cow::Borrowed("it is not above 0"),
    }
}

fn malformed() -> PollError {
    PollError::Malformed {
        reason: Cow::Borrowed("not a JSON object"),
    }
}

/// A provider with a quota per day and none per minute.
fn free(world: &World, per_day: u32) -> Arc<Script> {
    let script = Script::new("live", world.clock.shared());
    script.with_budget(None, Some(per_day)).shared()
}

/// Returns when a symbol was requested.
fn times(script: &Script, of: &str) -> Vec<Timestamp> {
    let contains = |(_, symbols): &(Timestamp, Vec<Symbol>)| symbols.contains(&symbol(of));
    let calls = script.calls();
    calls
        .iter()
        .filter(|call| contains(call))
        .map(|(at, _)| *at)
        .collect()
}

fn gaps(times: &[Timestamp]) -> Vec<Duration> {
    times
        .windows(2)
        .map(|pair| pair[1].since(pair[0]))
        .collect()
}

async fn unpriced(world: &World, of: &str) -> i32 {
    world
        .stock(of)
        .await
        .map_or(-1, |stock| stock.unpriced_answers)
}

/// Advances the clock by `time`, in steps.
async fn pass(world: &World, time: Duration, step: Duration) {
    let until = world.store.clock.now().after(time);
    world
        .until_after(step, "time passes", async || {
            world.store.clock.now() >= until
        })
        .await;
}

testkit::on_both_databases! {
    async fn an_outage_over_ten_restarts_costs_few_requests_and_then_all_symbols_are_polled(database) {
        let world = World::new(database, &["A", "B", "C", "D"]).await;
        let script = free(&world, 25);
        script.fail(upstream(None));
        let running = world.track(vec![script.clone()]);
        pass(&world, MINUTE * 6, SECOND * 2).await;
        assert!((3..=5).contains(&script.calls().len()), "{:?}", script.calls());
        running.stop().await;
        for _ in 0..10 {
            let running = world.track(vec![script.clone()]);
            pass(&world, MINUTE, SECOND).await;
            running.stop().await;
        }
        // One poll per symbol, and less than a tenth of the day in retries.
        assert!(script.calls().len() <= 6, "{:?}", script.calls());
        assert!(world.provider("live").await.is_some_and(|row| row.day_retries <= 2));

        script.answer(|of| Ok(quote(of.as_str(), "101")));
        let _running = world.track(vec![script.clone()]);
        // The interval is 86 400 s × 4 / 22.
        pass(&world, HOUR * 5, MINUTE).await;
        assert_eq!(world.prices().await.len(), 4, "{:?}", script.calls());
    }

    async fn due_symbols_are_polled_immediately_when_the_provider_recovers(database) {
        let world = World::new(database, &["A", "B", "C", "D", "E", "F"]).await;
        let script = Script::new("live", world.clock.shared()).shared();
        script.fail(PollError::Timeout);
        let _running = world.track(vec![script.clone()]);
        world.until_after(SECOND, "the breaker is open", async || script.calls().len() >= 4).await;
        let failed = world.store.clock.now();
        script.answer(|of| Ok(quote(of.as_str(), "101")));
        let all = async || world.prices().await.len() == 6;
        world.until_after(SECOND, "all have a price", all).await;
        let took = world.store.clock.now().since(failed);
        assert!(took < MINUTE * 3, "{took:?}");
    }

    async fn all_symbols_share_the_retries_of_a_failing_provider(database) {
        let symbols = ["A", "B", "C", "D", "E", "F", "G", "H"];
        let world = World::new(database, &symbols).await;
        let script = Script::new("live", world.clock.shared()).shared();
        script.fail(malformed());
        let _running = world.track(vec![script.clone()]);
        pass(&world, MINUTE * 20, SECOND * 3).await;
        // Every 5 minutes: one scheduled poll per symbol and two retries.
        let calls = script.calls().len();
        assert!((10..=50).contains(&calls), "{calls}: {:?}", script.calls());
        let requested = script.polls();
        assert!(symbols.iter().all(|of| requested.contains_key(&symbol(of))), "{requested:?}");
    }

    async fn a_retry_after_of_a_failing_provider_is_honored_for_at_most_an_hour(database) {
        let world = World::new(database, &["A"]).await;
        let script = Script::new("live", world.clock.shared()).shared();
        script.fail(upstream(Some(HOUR * 3)));
        let _running = world.track(vec![script.clone()]);
        world.until_after(MINUTE, "it is polled again", async || script.calls().len() == 2).await;
        let gap = gaps(&times(&script, "A"))[0];
        assert!(gap >= HOUR && gap < HOUR * 2, "{gap:?}");
    }

    async fn a_symbol_for_which_a_batch_is_rejected_is_soon_polled_alone(database) {
        let symbols: Vec<String> = (0..16).map(|index| format!("S{index}")).collect();
        let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
        let world = World::new(database, &symbols).await;
        let script = Script::new("live", world.clock.shared())
            .with_max_symbols(16)
            .with_rejected(&["S5"])
            .shared();
        let _running = world.track(vec![script.clone()]);
        // The clock does not move: nothing waits for an interval or for a backoff.
        world.until("all others have a price", async || world.prices().await.len() == 15).await;
        world.until("it is unknown", async || unpriced(&world, "S5").await == 1).await;
        let calls = script.calls();
        let mut sizes: Vec<usize> = calls.iter().map(|(_, symbols)| symbols.len()).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 1, 2, 2, 4, 4, 8, 8, 16]);
        let works = async || {
            let row = world.provider("live").await;
            row.is_some_and(|row| row.state == ProviderState::Ok)
        };
        world.until("the provider works", works).await;
        // Then it is polled alone, like any symbol that is unknown, and the others together.
        let before = script.polls_of("S0");
        let unknown = async || unpriced(&world, "S5").await == 3;
        world.until_after(SECOND * 5, "it is unknown three times", unknown).await;
        let again = async || script.polls_of("S0") >= before + 3;
        world.until_after(SECOND * 5, "the others are polled again", again).await;
        let later = &script.calls()[calls.len()..];
        let with = |of: &str, symbols: &[Symbol]| symbols.len() > 1 && symbols.contains(&symbol(of));
        assert!(!later.iter().any(|(_, symbols)| with("S5", symbols)), "{later:?}");
        assert!(later.iter().any(|(_, symbols)| with("S0", symbols)), "{later:?}");
    }

    async fn a_symbol_without_a_price_is_polled_as_planned_then_hourly_then_daily(database) {
        let world = World::new(database, &["AAPL", "DEAD"]).await;
        let script = Script::new("live", world.clock.shared()).shared();
        script.answer(|of| match of.as_str() {
            "DEAD" => Err(no_price()),
            of => Ok(quote(of, "100")),
        });
        let mut running = world.track(vec![script.clone()]);
        world.until_after(SECOND * 5, "three answers", async || unpriced(&world, "DEAD").await == 3).await;
        let stale = async || world.metrics.text().contains("stock_tracker_stale_symbols 1");
        world.until("it is stale", stale).await;
        for _ in 0..3 {
            running.stop().await;
            running = world.track(vec![script.clone()]);
            pass(&world, HOUR * 9, MINUTE).await;
        }
        pass(&world, HOUR * 25, MINUTE * 2).await;
        let requested = times(&script, "DEAD");
        let (polls, begun) = (gaps(&requested), requested[0]);
        let (planned, rare) = polls.split_at(2);
        assert!(planned.iter().all(|gap| (MINUTE * 5..MINUTE * 12).contains(gap)), "{polls:?}");
        let daily = rare.iter().filter(|gap| **gap >= HOUR * 24).count();
        assert!((1..=2).contains(&daily), "{polls:?}");
        assert!(rare.iter().all(|gap| *gap >= HOUR), "{polls:?}");
        let in_a_day = requested.iter().filter(|at| at.since(begun) < HOUR * 24).count();
        assert!((18..=27).contains(&in_a_day), "{polls:?}");
        let others = gaps(&times(&script, "AAPL"));
        assert!(others.iter().all(|gap| *gap < MINUTE * 30), "{others:?}");
        let warned = || world.journal.lines(&["WARN", "no price for the symbol", "DEAD"]).len();
        assert_eq!(warned(), 1);

        // A refresh polls immediately, and a price restores the normal interval.
        let before = script.polls_of("DEAD");
        assert_eq!(world.request("DEAD", false).await.0, PollOutcome::Failed);
        assert_eq!(script.polls_of("DEAD"), before + 1);
        script.answer(|of| Ok(quote(of.as_str(), "102")));
        assert_eq!(world.request("DEAD", false).await.0, PollOutcome::Answered);
        assert_eq!(unpriced(&world, "DEAD").await, 0);
        let again = world.journal.lines(&["INFO", "has a price again", "DEAD"]).len();
        assert_eq!((warned(), again), (1, 1));
        let before = script.polls_of("DEAD");
        let polled = async || script.polls_of("DEAD") >= before + 2;
        world.until_after(SECOND * 5, "it is polled as planned", polled).await;
        running.stop().await;
    }

    async fn tracking_again_and_a_new_provider_restore_a_symbol_without_a_price(database) {
        let world = World::new(database, &["DEAD"]).await;
        let script = Script::new("live", world.clock.shared()).shared();
        script.fail(PollError::UnknownSymbol);
        let running = world.track(vec![script.clone()]);
        let three = async || unpriced(&world, "DEAD").await == 3;
        world.until_after(SECOND * 5, "three answers", three).await;
        world.untrack("DEAD").await;
        world.add("DEAD").await;
        assert_eq!(unpriced(&world, "DEAD").await, 0);
        world.until("it is polled at once", async || script.polls_of("DEAD") == 4).await;
        world.until_after(SECOND * 5, "three answers", three).await;
        running.stop().await;

        let other = Script::new("other", world.clock.shared()).shared();
        world.clock.advance(MINUTE * 5);
        let _running = world.track(vec![other.clone()]);
        world.until("the other has its price", async || world.price_texts().await == ["100"]).await;
    }

    async fn a_malformed_response_for_only_one_symbol_counts_as_one_without_a_price(database) {
        let world = World::new(database, &["AAPL", "ODD"]).await;
        let script = Script::new("live", world.clock.shared()).shared();
        script.answer(|of| match of.as_str() {
            "ODD" => Err(malformed()),
            of => Ok(quote(of, "100")),
        });
        let _running = world.track(vec![script.clone()]);
        let dead = async || unpriced(&world, "ODD").await == 3;
        world.until_after(SECOND * 5, "it has no price", dead).await;
        let requested = script.polls_of("ODD");
        pass(&world, MINUTE * 50, SECOND * 30).await;
        assert!(script.polls_of("ODD") <= requested + 1, "{:?}", times(&script, "ODD"));
        let others = gaps(&times(&script, "AAPL"));
        assert!(others.iter().all(|gap| *gap < MINUTE * 9), "{others:?}");
    }

    async fn a_symbol_that_the_plan_excludes_is_not_requested_at_each_restart(database) {
        let world = World::new(database, &["LON", "AAPL"]).await;
        let script = free(&world, 25);
        script.answer(|of| match of.as_str() {
            "LON" => Err(PollError::NotEntitled),
            of => Ok(quote(of, "100")),
        });
        for _ in 0..10 {
            let running = world.track(vec![script.clone()]);
            pass(&world, SECOND * 20, SECOND).await;
            running.stop().await;
        }
        assert!(script.polls_of("LON") <= 3, "{:?}", script.calls());
        assert_eq!(script.polls_of("AAPL"), 1);
    }

    async fn a_day_of_failures_and_restarts_stays_within_the_quota(database) {
        let world = World::new(database, &["A", "B", "C", "DEAD"]).await;
        let begun = at("2026-11-20T05:00:00Z");
        world.clock.set(begun);
        let per_day = 100;
        let script = free(&world, per_day);
        let outage = (begun.after(HOUR * 7), begun.after(HOUR * 8));
        let (clock, random) = (world.clock.clone(), Random::seeded(5));
        script.answer(move |of| {
            let now = runtime::clock::Clock::now(&clock);
            let one_of = |n: u32| random.below(SECOND * n) < SECOND;
            if (outage.0..outage.1).contains(&now) || one_of(15) {
                return Err(upstream(None));
            }
            match of.as_str() {
                "DEAD" => Err(PollError::UnknownSymbol),
                _ if one_of(30) => Err(PollError::RateLimited { wait: SECOND * 2 }),
                of => Ok(quote(of, "100")),
            }
        });
        let random = Random::seeded(6);
        let end = begun.after(HOUR * 24).before(SECOND);
        while world.store.clock.now() < end {
            let running = world.track(vec![script.clone()]);
            let left = end.since(world.store.clock.now());
            let lives = HOUR + random.below(HOUR * 4);
            pass(&world, lives.min(left), MINUTE).await;
            running.stop().await;
        }
        let calls: Vec<_> = script.calls().into_iter().filter(|(at, _)| *at < end).collect();
        assert!(calls.len() <= 100, "{}", calls.len());
        // 86 400 s × 3 … 4 / 90.
        let (shortest, longest) = (SECOND * 2_880, SECOND * 3_840);
        let mut retries = 0;
        for of in ["A", "B", "C", "DEAD"] {
            let gaps = gaps(&times(&script, of));
            retries += gaps.iter().filter(|gap| **gap < shortest).count();
            if of != "DEAD" {
                // The outage may delay one poll.
                let late = gaps.iter().filter(|gap| **gap > longest + MINUTE * 25).count();
                assert!(late <= 1, "{of}: {gaps:?}");
                assert!(gaps.len() >= 18, "{of}: {gaps:?}");
            }
        }
        assert!(retries <= 10, "{retries}: {calls:?}");
        let row = world.provider("live").await.expect("its row");
        assert!(row.day_used <= 100 && row.day_retries < 10, "{row:?}");
    }
}

/// Requests a refresh while another session locks `table`.
async fn refresh_over_a_lock(table: &str) {
    let world = World::new(testkit::TestDatabase::postgres().await, &["AAPL"]).await;
    let script = Script::new("live", world.clock.shared()).shared();
    let _running = world.track(vec![script.clone()]);
    world
        .until("it polls", async || world.prices().await.len() == 1)
        .await;
    script.answer(|of| Ok(quote(of.as_str(), "101")));
    let other = world.database.begin_write().await.expect("a transaction");
    assert_eq!(other.get_database_backend(), DbBackend::Postgres);
    let lock = format!(
        "SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"
    );
    other.execute_unprepared(&lock).await.expect("lock");
    let request = PollRequest {
        symbol: symbol("AAPL"),
        track: false,
        name: None,
    };
    let answer = submit(&world.store, request)
        .await
        .expect("request submitted");
    let outcome = answer.map(|answer| answer.outcome);
    assert_eq!(outcome, Some(PollOutcome::DatabaseUnavailable), "{table}");
    other.rollback().await.expect("unlock");
    let stored = async || world.request("AAPL", false).await.0 == PollOutcome::Answered;
    world.until("it is refreshed", stored).await;
    assert_eq!(
        world.price_texts().await.last().map(String::as_str),
        Some("101")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_while_a_table_is_locked_reports_an_unavailable_database() {
    let tables = [
        "stocks",
        "stock_prices",
        "quotes",
        "feed_head",
        "providers",
        "poll_requests",
    ];
    futures_util::future::join_all(tables.map(refresh_over_a_lock)).await;
}
