//! Randomized test: subscribers lose no event.
//!
//! Many clients with random behaviour use the real schema, service, hub and database. The oracle
//! compares what each received with what is stored in the end. Limits are small, so that few events
//! overflow the hub, a page and a slow client.

mod client;
mod world;

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, StreamExt, stream};
use testkit::{SeededRandom, TestDatabase};

use self::{client::Client, world::World};

/// Number of seeds on SQLite.
const SEEDS: u64 = 1000;
/// Fewer seeds on PostgreSQL, where creating a database takes longer.
const SEEDS_ON_POSTGRESQL: u64 = 12;
/// Runs one seed again: `SUBSCRIBERS_SEED=17 cargo test -p api subscribers_lose_nothing`.
const ONLY: Option<&str> = option_env!("SUBSCRIBERS_SEED");

#[derive(Debug, Default)]
struct Lived {
    prices: usize,
    alerts: usize,
    heard: usize,
    snapshots: usize,
    missed: u64,
    resumed: usize,
    overloaded: usize,
}

async fn live(seed: u64, database: TestDatabase) -> Lived {
    let mut random = SeededRandom::new(seed);
    let world = Arc::new(World::open(database).await);
    let clients: Vec<_> = (0..random.between(4, 8))
        .map(|_| Client::draw(&world, random.split()))
        .collect();
    let hearing = stream::iter(clients)
        .map(Client::live)
        .buffer_unordered(usize::MAX)
        .collect::<Vec<_>>();
    let writing = world.write(random.split());
    let (heard, ()) = world
        .until_over(Box::pin(async { tokio::join!(hearing, writing) }))
        .await;
    let tables = world.tables();
    let mut lived = Lived::default();
    (lived.prices, lived.alerts) = tables.counts();
    for (selection, sessions) in heard {
        if let Err(error) = tables.check(&selection, &sessions) {
            let sessions: String = sessions.iter().map(ToString::to_string).collect();
            panic!("seed {seed}: {error}\n{selection:?}\n{sessions}{tables:?}");
        }
        lived.resumed += sessions.iter().filter(|it| it.after.is_some()).count();
        lived.overloaded += sessions.iter().filter(|it| it.is_overloaded()).count();
        for heard in sessions.iter().flat_map(|session| &session.received) {
            lived.heard += 1;
            lived.snapshots += usize::from(heard.snapshot);
            lived.missed += heard.missed;
        }
    }
    lived
}

async fn live_all(seeds: u64, database: impl AsyncFn() -> TestDatabase) {
    let only: Option<u64> = ONLY.map(|seed| seed.parse().expect("SUBSCRIBERS_SEED is a number"));
    let seeds = only.map_or(0..seeds, |seed| seed..seed + 1);
    let lives = seeds.clone().map(|seed| {
        let database = &database;
        async move {
            let life = AssertUnwindSafe(Box::pin(live(seed, database().await))).catch_unwind();
            life.await.unwrap_or_else(|_| panic!("seed {seed} failed"))
        }
    });
    let mut total = Lived::default();
    let mut lives = stream::iter(lives).buffer_unordered(4);
    while let Some(lived) = lives.next().await {
        total.prices += lived.prices;
        total.alerts += lived.alerts;
        total.heard += lived.heard;
        total.snapshots += lived.snapshots;
        total.missed += lived.missed;
        total.resumed += lived.resumed;
        total.overloaded += lived.overloaded;
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
    let template = world::Template::make().await;
    live_all(SEEDS, async || template.copy().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_lose_nothing_on_postgresql() {
    live_all(SEEDS_ON_POSTGRESQL, async || {
        let database = TestDatabase::postgres().await;
        world::seed(&database).await;
        database
    })
    .await;
}
