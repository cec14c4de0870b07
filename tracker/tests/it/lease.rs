//! One tracker polls, the others stand by: on PostgreSQL, where there may be many.

use std::{collections::HashSet, time::Duration};

use sea_orm::{ConnectionTrait, EntityTrait};
use store::lease::Lease;
use testkit::TestDatabase;
use tracker::{
    budget::{self, Purpose, ReserveOutcome},
    provider::{Budget, DayZone},
};

use crate::{
    fixture::{World, quote},
    script::Script,
};

/// Ends the session of whoever holds the lock, as a cut connection does.
const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_locks \
    WHERE locktype = 'advisory' AND granted AND database = \
    (SELECT oid FROM pg_database WHERE datname = current_database())";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_trackers_one_polls_and_the_other_takes_over() {
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
async fn a_tracker_that_is_cut_off_stops_and_somebody_polls_again() {
    let world = World::new(TestDatabase::postgres().await, &["AAPL"]).await;
    let one = Script::new("one", world.clock.shared()).shared();
    let other = Script::new("other", world.clock.shared()).shared();
    let _first = world.track(vec![one.clone()]);
    world
        .until("the first polls", async || one.calls().len() == 1)
        .await;
    let _second = world.track(vec![other.clone()]);
    let total = || one.calls().len() + other.calls().len();
    for round in 2..5 {
        one.answer(move |of| Ok(quote(of.as_str(), &round.to_string())));
        other.answer(move |of| Ok(quote(of.as_str(), &round.to_string())));
        world
            .database
            .write()
            .execute_unprepared(CUT)
            .await
            .expect("it is cut");
        let minute = Duration::from_mins(1);
        world
            .until_after(minute, "somebody polls", async || total() >= round)
            .await;
    }
    // Whoever polled, nothing was asked closer than the plan says.
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
    // It heals by itself: warned of once each time, in words of ours.
    let lost = world.journal.lines(&["WARN", "lost the lease"]);
    assert!(!lost.is_empty() && lost.len() <= 3, "{lost:?}");
    assert_eq!(world.journal.lines(&["ERROR"]), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_live_lock_nothing_is_charged() {
    let world = World::new(TestDatabase::postgres().await, &[]).await;
    let budget = Budget {
        per_minute: Some(5),
        per_day: Some(25),
        day: DayZone::Utc,
    };
    let script = Script::new("live", world.clock.shared())
        .with_budget(Some(5), Some(25))
        .shared();
    // Its row is made by the first who tracks with it.
    let running = world.track(vec![script]);
    world
        .until("its row", async || world.provider("live").await.is_some())
        .await;
    running.stop().await;

    let lease = Lease::take(&world.database).await.expect("it is free");
    let now = world.store.clock.now();
    let reserve =
        async || budget::reserve(&lease, "live", budget, Purpose::Scheduled, &[], now).await;
    assert!(matches!(reserve().await, Ok(ReserveOutcome::Reserved(_))));
    world
        .database
        .write()
        .execute_unprepared(CUT)
        .await
        .expect("it is cut");
    for _ in 0..3 {
        assert!(
            reserve().await.is_err(),
            "the connection is never made again"
        );
    }
    tokio::time::timeout(Duration::from_secs(30), lease.lost())
        .await
        .expect("the loss is noticed");
    let calls = entity::table::provider_call::Entity::find()
        .all(world.database.read())
        .await;
    assert_eq!(calls.expect("the calls").len(), 1);
}
