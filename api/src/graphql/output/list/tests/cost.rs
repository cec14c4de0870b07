//! Measures the CPU time of responses with lists, alternately with list plans and without.
//!
//! `cargo test --release -p api -- --ignored --nocapture lists_cost`

use std::{fs, hint::black_box, time::Duration};

use testkit::{TestDatabase, sample_rows::Shape};

use crate::graphql::fixture::{Resolver, SampleSchema};

const SHAPE: Shape = Shape {
    stocks: 10,
    prices: 100,
    alerts: 5,
    candles: 200,
};
const DOCUMENTS: [(&str, &str); 5] = [
    (
        "100 prices, no output",
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
        "10 stocks x 20 prices x 5 alerts, no output",
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
const RESPONSES: u32 = 40;

#[tokio::test]
#[ignore = "measures, and proves nothing"]
async fn lists_cost_cpu_time() {
    let database = TestDatabase::sqlite().await;
    let sample = SampleSchema::fill((*database).clone(), SHAPE).await;
    println!(
        "{:48} {:>12} {:>12} {:>7}",
        "CPU per response", "list plan", "library", "ratio"
    );
    for (name, document) in DOCUMENTS {
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..=ROUNDS {
            for (resolver, times) in Resolver::ALL.into_iter().zip(&mut times) {
                let before = cpu_time();
                for _ in 0..RESPONSES {
                    black_box(sample.body(document, resolver).await);
                }
                // The first round warms up.
                if round > 0 {
                    times.push(cpu_time().saturating_sub(before) / RESPONSES);
                }
            }
        }
        let [list_plan, library] = times.map(|mut times| {
            times.sort_unstable();
            times[times.len() / 2]
        });
        let ratio = library.as_secs_f64() / list_plan.as_secs_f64();
        println!("{name:48} {list_plan:>12.1?} {library:>12.1?} {ratio:>7.2}");
    }
}

/// The CPU time of this process's threads, as Linux counts it.
fn cpu_time() -> Duration {
    let threads = fs::read_dir("/proc/self/task").expect("this is Linux");
    let nanos = threads.map(|thread| {
        let path = thread.expect("a thread").path().join("schedstat");
        let text = fs::read_to_string(path).unwrap_or_default();
        let time = text
            .split_whitespace()
            .next()
            .and_then(|it| it.parse().ok());
        time.unwrap_or(0)
    });
    Duration::from_nanos(nanos.sum())
}
