//! Randomized test: every subscriber receives all of its events.
//!
//! Many clients with random behaviour use the real schema, service, hub and database. The oracle
//! compares what each received with what is stored in the end. Limits are small, so that few events
//! overflow the hub, a page and a slow client.

mod client;
mod simulation;

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, StreamExt, stream};
use testkit::{SeededRandom, TestDatabase};

use self::{client::Client, simulation::Simulation};

/// Number of seeds on SQLite.
const SEEDS: u64 = 1000;
/// Fewer seeds on PostgreSQL, where creating a database takes longer.
const SEEDS_ON_POSTGRESQL: u64 = 12;
/// Runs one seed again: `SUBSCRIBERS_SEED=17 cargo test -p api subscribers_lose_nothing`.
const ONLY: Option<&str> = option_env!("SUBSCRIBERS_SEED");

#[derive(Debug, Default)]
/// Counts of what happened in a simulation.
struct Coverage {
    prices: usize,
    alerts: usize,
    received: usize,
    snapshots: usize,
    missed: u64,
    resumed: usize,
    overloaded: usize,
}

async fn run(seed: u64, database: TestDatabase) -> Coverage {
    let mut random = SeededRandom::new(seed);
    let simulation = Arc::new(Simulation::open(database).await);
    let clients: Vec<_> = (0..random.between(4, 8))
        .map(|_| Client::draw(&simulation, random.split()))
        .collect();
    let reading = stream::iter(clients)
        .map(Client::run)
        .buffer_unordered(usize::MAX)
        .collect::<Vec<_>>();
    let writing = simulation.write(random.split());
    let (clients, ()) = simulation
        .until_done(Box::pin(async { tokio::join!(reading, writing) }))
        .await;
    let oracle = simulation.oracle();
    let mut coverage = Coverage::default();
    (coverage.prices, coverage.alerts) = oracle.counts();
    for (selection, sessions) in clients {
        if let Err(error) = oracle.check(&selection, &sessions) {
            let sessions: String = sessions.iter().map(ToString::to_string).collect();
            panic!("seed {seed}: {error}\n{selection:?}\n{sessions}{oracle:?}");
        }
        coverage.resumed += sessions.iter().filter(|it| it.after.is_some()).count();
        coverage.overloaded += sessions.iter().filter(|it| it.is_overloaded()).count();
        for received in sessions.iter().flat_map(|session| &session.received) {
            coverage.received += 1;
            coverage.snapshots += usize::from(received.snapshot);
            coverage.missed += received.missed;
        }
    }
    coverage
}

async fn run_all(seeds: u64, database: impl AsyncFn() -> TestDatabase) {
    let only: Option<u64> = ONLY.map(|seed| seed.parse().expect("SUBSCRIBERS_SEED is a number"));
    let seeds = only.map_or(0..seeds, |seed| seed..seed + 1);
    let runs = seeds.clone().map(|seed| {
        let database = &database;
        async move {
            let run = AssertUnwindSafe(Box::pin(run(seed, database().await))).catch_unwind();
            run.await.unwrap_or_else(|_| panic!("seed {seed} failed"))
        }
    });
    let mut total = Coverage::default();
    let mut runs = stream::iter(runs).buffer_unordered(4);
    while let Some(coverage) = runs.next().await {
        total.prices += coverage.prices;
        total.alerts += coverage.alerts;
        total.received += coverage.received;
        total.snapshots += coverage.snapshots;
        total.missed += coverage.missed;
        total.resumed += coverage.resumed;
        total.overloaded += coverage.overloaded;
    }
    println!("{total:?}");
    if only.is_none() {
        // Checks that the seeds cover what the test is about.
        let count = seeds.end;
        assert!(total.resumed as u64 > count, "{total:?}");
        assert!(
            total.missed > count && total.snapshots as u64 > count,
            "{total:?}"
        );
        assert!(total.overloaded as u64 > count / 20, "{total:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_lose_nothing() {
    let template = simulation::Template::make().await;
    run_all(SEEDS, async || template.copy().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_lose_nothing_on_postgresql() {
    run_all(SEEDS_ON_POSTGRESQL, async || {
        let database = TestDatabase::postgres().await;
        simulation::seed(&database).await;
        database
    })
    .await;
}
