//! Tests of alert rules: live evaluation, the naive evaluator and dry runs agree.

mod bundled;
mod comparison;
mod dry_runs;
mod history;
mod markets;
mod random_rule;
mod settings;
mod trial;

use std::{ops::Range, panic::AssertUnwindSafe};

use futures_util::{FutureExt, StreamExt, stream};
use testkit::TestDatabase;

use self::{comparison::Counts, history::History};

/// The seeds of the random histories.
const SEEDS: Range<u64> = 0..20;
/// Runs one seed again: `RULES_SEED=17 cargo test -p api random_histories`.
const ONLY: Option<&str> = option_env!("RULES_SEED");

async fn run(seed: u64, database: TestDatabase) -> Counts {
    let history = History::run(seed, database).await;
    comparison::check(&history).await
}

async fn run_all(database: impl AsyncFn() -> TestDatabase) {
    let only: Option<u64> = ONLY.map(|seed| seed.parse().expect("RULES_SEED is a number"));
    let seeds = only.map_or(SEEDS, |seed| seed..seed + 1);
    let runs = seeds.map(|seed| {
        let database = &database;
        async move {
            let run = AssertUnwindSafe(Box::pin(run(seed, database().await))).catch_unwind();
            run.await.unwrap_or_else(|_| panic!("seed {seed} failed"))
        }
    });
    let mut total = Counts::default();
    let mut runs = stream::iter(runs).buffer_unordered(4);
    while let Some(counts) = runs.next().await {
        total.add(counts);
    }
    println!("{total:?}");
    if only.is_none() {
        // The histories are only worth something if much happens in them.
        assert!(total.rules > 2_000 && total.alerts > 4_000, "{total:?}");
        assert!(total.dry_runs > 500 && total.dry_firings > 500, "{total:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_fire_like_the_naive_evaluator_and_the_dry_run_on_sqlite() {
    run_all(TestDatabase::sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_fire_like_the_naive_evaluator_and_the_dry_run_on_postgresql() {
    run_all(TestDatabase::postgres).await;
}
