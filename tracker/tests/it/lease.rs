//! Tests of the lease on PostgreSQL: one tracker polls while the others stand by.

use std::{collections::HashSet, time::Duration};

use sea_orm::{ConnectionTrait, EntityTrait};
use store::lease::Lease;
use testkit::TestDatabase;
use tracker::{
    budget::{self, Purpose, ReserveOutcome},
    provider::RequestBudget,
};

use crate::{
    fixture::{World, quote},
    script::Script,
};

/// Ends the session that holds the lock, like a broken connection.
const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_locks \
    WHERE locktype = 'advisory' AND granted AND database = \
    (SELECT oid FROM pg_database WHERE datname = current_database())";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_trackers_polls_and_the_other_takes_over() {
    let world = World::new(TestDatabase::postgres().await, &["AAPL"]).await;
    let one = Script::new("one", world.clock.shared()).shared();
    let other = Script::new("other", world.clock.shared()).shared();
    let first = world.track(vec![one.clone()]);
    world
        .until("the first polls", async || one.calls().len() == 1)
        .await;
    let second = world.track(vec![other.clone()]);
    let minutes = Duration::from_mins(1);
    world
        .until_after(minutes, "the first polls on", async || {
            one.calls().len() == 3
        })
        .await;
    assert_eq!(other.calls().len(), 0);
    first.stop().await;
    world
        .until_after(minutes, "the second polls", async || {
            other.calls().len() == 2
        })
        .await;
    assert_eq!(one.calls().len(), 3);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tracker_that_loses_its_session_stops_and_polling_continues() {
    let world = World::new(TestDatabase::postgres().await, &["AAPL"]).await;
    let one = Script::new("one", world.clock.shared()).shared();
    let other = Script::new("other", world.clock.shared()).shared();
    let _first = world.track(vec![one.clone()]);
    // A poll whose answer is not stored is repeated without waiting for the interval.
    world
        .until("the first price is stored", async || {
            !world.prices().await.is_empty()
        })
        .await;
    let _second = world.track(vec![other.clone()]);
    for round in 2..5 {
        let price = round.to_string();
        let answer = price.clone();
        one.answer(move |of| Ok(quote(of.as_str(), &answer)));
        let answer = price.clone();
        other.answer(move |of| Ok(quote(of.as_str(), &answer)));
        world
            .database
            .write()
            .execute_unprepared(CUT)
            .await
            .expect("session ended");
        let minute = Duration::from_mins(1);
        world
            .until_after(minute, "a tracker polls", async || {
                world.price_texts().await.contains(&price)
            })
            .await;
    }
    // No two polls are closer than the interval, whichever tracker sent them.
    let mut calls: Vec<_> = one.calls().into_iter().chain(other.calls()).collect();
    calls.sort();
    let apart = |pair: &[(entity::Timestamp, _)]| pair[1].0.since(pair[0].0);
    assert!(
        calls
            .windows(2)
            .all(|pair| apart(pair) >= Duration::from_mins(5)),
        "{calls:?}"
    );
    let polled: HashSet<_> = world
        .prices()
        .await
        .into_iter()
        .map(|row| row.provider)
        .collect();
    assert!(!polled.is_empty());
    // Each loss is logged once as a warning.
    let lost = world.journal.lines(&["WARN", "lost the lease"]);
    assert!(!lost.is_empty() && lost.len() <= 3, "{lost:?}");
    assert_eq!(world.journal.lines(&["ERROR"]), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tracker_that_takes_the_lease_again_reads_what_another_changed() {
    let world = World::new(TestDatabase::postgres().await, &["AAPL"]).await;
    let script = Script::new("live", world.clock.shared()).shared();
    let running = world.track(vec![script.clone()]);
    world
        .until("a price is stored", async || {
            !world.prices().await.is_empty()
        })
        .await;
    // Another tracker may fill in candles without an entry in the feed.
    let losses = || world.journal.lines(&["lost the lease"]).len();
    let before = losses();
    for statement in ["UPDATE candles SET count = 10", CUT] {
        let executed = world.database.write().execute_unprepared(statement).await;
        executed.expect("executed");
    }
    world
        .until("the lease is lost", async || losses() > before)
        .await;
    script.answer(|of| Ok(quote(of.as_str(), "101")));
    world
        .until_after(
            Duration::from_mins(1),
            "the second price is stored",
            async || world.prices().await.len() == 2,
        )
        .await;
    running.stop().await;
    let candles = world.daily_candles().await;
    let counts: Vec<i32> = candles.iter().map(|candle| candle.count).collect();
    assert_eq!(counts, [11]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_lock_nothing_is_reserved() {
    let world = World::new(TestDatabase::postgres().await, &[]).await;
    let budget = RequestBudget {
        per_minute: Some(5),
        per_day: Some(25),
        ..RequestBudget::UNLIMITED
    };
    let script = Script::new("live", world.clock.shared())
        .with_budget(Some(5), Some(25))
        .shared();
    // The first tracker inserts the row of the provider.
    let running = world.track(vec![script]);
    world
        .until("its row", async || world.provider("live").await.is_some())
        .await;
    running.stop().await;

    let lease = Lease::take(&world.database).await.expect("lease taken");
    let now = world.store.clock.now();
    let reserve =
        async || budget::reserve(&lease, "live", budget, Purpose::Scheduled, 1..=1, &[], now).await;
    assert!(matches!(reserve().await, Ok(ReserveOutcome::Reserved(_))));
    world
        .database
        .write()
        .execute_unprepared(CUT)
        .await
        .expect("session ended");
    for _ in 0..3 {
        assert!(reserve().await.is_err(), "the connection is never reopened");
    }
    tokio::time::timeout(Duration::from_secs(30), lease.lost())
        .await
        .expect("loss detected");
    let calls = entity::table::provider_call::Entity::find()
        .all(world.database.read())
        .await;
    assert_eq!(calls.expect("calls read").len(), 1);
}
