//! The cost of lists: CPU time per response, with the list writer and with async-graphql, in turns.
//! in turns.
//!
//! `cargo bench -p api --features bench --bench list`

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::{fs, hint::black_box, time::Duration};

use api::sample::{Resolver, SampleSchema, Shape};
use testkit::TestDatabase;

const SHAPE: Shape = Shape {
    stocks: 10,
    prices: 100,
    alerts: 5,
    candles: 200,
};
const DOCUMENTS: [(&str, &str); 5] = [
    (
        "100 prices, nothing told",
        "{ history(symbol: \"S1\", first: 100) { pageInfo { hasNextPage } } }",
    ),
    (
        "100 prices x 8 fields",
        "{ history(symbol: \"S1\", first: 100) { nodes {
           symbol price previousClose change changePercent volume marketTime recordedAt } } }",
    ),
    (
        "200 candles x 8 fields",
        "{ candles(symbol: \"S1\", interval: ONE_DAY) {
           start end open high low close volume final } }",
    ),
    (
        "10 stocks x 20 prices x 5 alerts, nothing told",
        "{ stocks { nodes { history(first: 20) { pageInfo { hasNextPage } }
           alerts(first: 5) { pageInfo { hasNextPage } } } } }",
    ),
    (
        "10 stocks x 20 prices x 5 alerts",
        "{ stocks { nodes { symbol name
           history(first: 20) { nodes { price change changePercent volume recordedAt } }
           alerts(first: 5) { nodes { message direction threshold triggeredAt } } } } }",
    ),
];
const ROUNDS: usize = 15;
const ANSWERS: u32 = 40;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let database = TestDatabase::sqlite().await;
    let sample = SampleSchema::fill((*database).clone(), SHAPE).await;
    println!(
        "{:48} {:>12} {:>12} {:>7}",
        "CPU per answer", "one pass", "library", "ratio"
    );
    for (name, document) in DOCUMENTS {
        let mut spent = [Vec::new(), Vec::new()];
        for round in 0..=ROUNDS {
            for (resolver, spent) in [Resolver::OnePass, Resolver::Library]
                .into_iter()
                .zip(&mut spent)
            {
                let before = cpu();
                for _ in 0..ANSWERS {
                    black_box(sample.body(document, resolver).await);
                }
                // The first round warms up.
                if round > 0 {
                    spent.push(cpu().saturating_sub(before) / ANSWERS);
                }
            }
        }
        let [one_pass, library] = spent.map(|mut rounds| {
            rounds.sort_unstable();
            rounds[rounds.len() / 2]
        });
        let ratio = library.as_secs_f64() / one_pass.as_secs_f64();
        println!("{name:48} {one_pass:>12.1?} {library:>12.1?} {ratio:>7.2}");
    }
}

/// What this process's threads have had of the CPU, as Linux counts it.
fn cpu() -> Duration {
    let threads = fs::read_dir("/proc/self/task").expect("Linux");
    let nanos = threads.map(|thread| {
        let path = thread.expect("a thread").path().join("schedstat");
        let text = fs::read_to_string(path).unwrap_or_default();
        let spent = text
            .split_whitespace()
            .next()
            .and_then(|it| it.parse().ok());
        spent.unwrap_or(0)
    });
    Duration::from_nanos(nanos.sum())
}
