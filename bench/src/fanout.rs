//! The cost of delivering prices to many subscribers, beside a bare broadcaster.
//!
//! This process stores the prices in PostgreSQL as a tracker does. `api` follows the feed, so its
//! CPU time is that of reading the feed, executing the subscription and sending.

use std::{net::SocketAddr, time::Duration};

use testkit::TestDatabaseUrl;
use tokio::time::{Instant, interval, sleep};

use crate::{
    Effort,
    background::Background,
    broadcaster::Broadcaster,
    product::{Database, Product},
    provider::Provider,
    report::{Report, number, table},
    rows::{Writer, symbol},
    subscriber::{Received, Subscribers},
    usage::Usage,
};

/// The number of stocks of a subscription, and of prices in a transaction under saturation.
pub(crate) const BURST: u32 = 4;
/// Messages a second to all subscribers together, in the steady phase.
const DELIVERIES: u32 = 10_000;

/// How fast prices are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// This many a second.
    Steady(u32),
    /// As many as all subscribers receive: at most two bursts are not yet delivered.
    Saturated,
}

const HEADER: [&str; 9] = [
    "subscribers",
    "pace",
    "deliveries/s",
    "CPU µs",
    "bare deliveries/s",
    "bare CPU µs",
    "ratio of CPU",
    "KiB a subscriber",
    "bare KiB",
];

/// The number of subscribers from which their memory is measured. That of fewer is less than how
/// much the memory of the process varies.
const MIN_FOR_MEMORY: u32 = 1_000;

/// The measured cost of one server.
struct Cost {
    /// Messages a second.
    rate: f64,
    /// Microseconds of CPU time per message.
    cpu: f64,
    /// KiB of resident memory per subscriber.
    memory: f64,
}

/// Measures all numbers of subscribers.
pub(crate) async fn measure(
    database: &Database,
    provider: &Provider,
    effort: Effort,
    report: &mut Report,
) {
    let mut rows = Vec::new();
    for &count in effort.subscribers {
        for (name, pace) in [
            ("steady", Pace::Steady(DELIVERIES / count)),
            ("saturated", Pace::Saturated),
        ] {
            let product = Product::start_api(database, provider).await;
            let (ours, size) = of_product(&product, database, count, pace, effort).await;
            drop(product);
            let bare = of_broadcaster(&Broadcaster::start(size, pace), count, effort).await;
            let operation = format!("delivery to {count} subscribers, {name}");
            report.compare(operation, "µs CPU", ours.cpu, bare.cpu);
            let has_memory = count >= MIN_FOR_MEMORY;
            if has_memory && pace != Pace::Saturated {
                let operation = format!("memory of each of {count} subscribers");
                report.compare(operation, "KiB", ours.memory, bare.memory);
            }
            let figures = [
                ours.rate,
                ours.cpu,
                bare.rate,
                bare.cpu,
                ours.cpu / bare.cpu,
            ];
            let memory = [ours.memory, bare.memory].map(|kib| {
                if has_memory {
                    number(kib)
                } else {
                    "–".to_owned()
                }
            });
            let texts = [count.to_string(), name.to_owned()];
            let figures = figures.map(number);
            rows.push(texts.into_iter().chain(figures).chain(memory).collect());
        }
    }
    report.section("fanout", &table(&HEADER, &rows));
}

/// Measures `api`. Also returns the size of its messages.
async fn of_product(
    product: &Product,
    database: &Database,
    count: u32,
    pace: Pace,
    effort: Effort,
) -> (Cost, usize) {
    let (process, address) = product.target();
    let alone = memory_after_warm_up(process, address).await;
    let mut subscribers = connect(address, count).await;
    subscribers.settle().await;
    let received = subscribers.received().clone();
    let url = database.url.as_str().to_owned();
    let publishing = Background::run(publish(url, pace, received, count));
    let cost = cost(process, alone, &mut subscribers, count, effort).await;
    drop(publishing);
    (cost, subscribers.received().size())
}

async fn of_broadcaster(server: &Broadcaster, count: u32, effort: Effort) -> Cost {
    let (process, address) = (server.process.id(), server.address);
    let alone = memory_after_warm_up(process, address).await;
    let mut subscribers = connect(address, count).await;
    cost(process, alone, &mut subscribers, count, effort).await
}

/// The resident memory without subscribers, but with everything that is allocated once.
async fn memory_after_warm_up(process: u32, address: SocketAddr) -> f64 {
    drop(connect(address, 20).await);
    sleep(Duration::from_millis(500)).await;
    Usage::of(process).resident
}

async fn connect(address: SocketAddr, count: u32) -> Subscribers {
    let symbols: Vec<String> = (0..BURST)
        .map(|at| format!("{:?}", symbol(at).as_str()))
        .collect();
    let subscription = format!(
        "subscription {{ priceUpdates(symbols: [{}], mode: ALL) {{ symbol price previousClose \
         change changePercent volume recordedAt cursor }} }}",
        symbols.join(", ")
    );
    Subscribers::connect(address, count, &subscription, |_message: &[u8]| {}).await
}

async fn cost(
    process: u32,
    alone: f64,
    subscribers: &mut Subscribers,
    count: u32,
    effort: Effort,
) -> Cost {
    sleep(effort.warm_up).await;
    let (before, begun) = (Usage::of(process), Instant::now());
    let received = subscribers.received().count();
    sleep(effort.measured).await;
    let received = subscribers.received().count() - received;
    let (after, elapsed) = (Usage::of(process), begun.elapsed());
    subscribers.check();
    let received = f64::from(u32::try_from(received).expect("fewer than 2^32 messages"));
    assert!(received > 0.0, "no price was delivered");
    Cost {
        rate: received / elapsed.as_secs_f64(),
        cpu: (after.cpu - before.cpu) / received * 1e6,
        memory: (after.resident - alone) / f64::from(count),
    }
}

/// Stores prices of the subscribed stocks.
async fn publish(url: String, pace: Pace, received: Received, subscribers: u32) {
    let mut writer = Writer::new(TestDatabaseUrl::connect_to(&url).await);
    match pace {
        Pace::Steady(rate) => {
            let mut due = interval(Duration::from_secs(1) / rate);
            loop {
                due.tick().await;
                writer.write(1, BURST).await;
            }
        }
        Pace::Saturated => {
            let before = received.count();
            let burst = u64::from(BURST) * u64::from(subscribers);
            let mut expected = 0;
            loop {
                while received.count() - before + burst < expected {
                    sleep(Duration::from_millis(1)).await;
                }
                writer.write(BURST, BURST).await;
                expected += burst;
            }
        }
    }
}
