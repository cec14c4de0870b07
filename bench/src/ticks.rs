//! From the answer of the provider to each of 1,000 subscribers, beside a bare broadcaster that
//! sends frames of the same size at the same rate.

use std::{net::SocketAddr, sync::Arc};

use runtime::clock::{Clock, SystemClock};
use tokio::time::sleep;

use crate::{
    Effort,
    broadcaster::Broadcaster,
    fanout::Pace,
    latency::Latencies,
    product::Product,
    refresh::Refreshes,
    report::{Report, Rows, number},
    subscriber::Subscribers,
};

const SUBSCRIBERS: u32 = 1_000;
/// Prices a second.
const RATE: u32 = 100;
const SUBSCRIPTION: &str = "subscription { priceUpdates(mode: ALL) { symbol price change \
                            changePercent recordedAt volume } }";

pub(crate) const HEADER: [&str; 9] = [
    "database",
    "prices/s",
    "deliveries/s",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "bare p50 ms",
    "bare p99 ms",
    "ratio of p99",
];

/// Measures the times at which each subscriber receives each price.
pub(crate) async fn measure(
    product: &Product,
    effort: Effort,
    report: &mut Report,
    rows: &mut Rows,
) {
    let (mut ours, mut bare) = (Latencies::default(), Latencies::default());
    let mut rate = 0.0;
    for _ in 0..effort.rounds {
        let mut clients = Clients::connect(product.address).await;
        clients.subscribers.settle().await;
        let prices = Refreshes::start(product.address, RATE).await;
        ours.append(clients.measure(effort).await);
        rate += prices.end() / f64::from(effort.rounds);
        let server = Broadcaster::start(clients.subscribers.received().size(), Pace::Steady(RATE));
        drop(clients);
        let mut clients = Clients::connect(server.address).await;
        bare.append(clients.measure(effort).await);
    }
    let deliveries =
        f64::from(ours.count()) / f64::from(effort.rounds) / effort.measured.as_secs_f64();
    let [p50, p95, p99] = ours.percentiles();
    let [bare_p50, _, bare_p99] = bare.percentiles();
    let figures = [
        rate,
        deliveries,
        p50,
        p95,
        p99,
        bare_p50,
        bare_p99,
        p99 / bare_p99,
    ];
    rows.push(
        std::iter::once(product.database.to_owned())
            .chain(figures.map(number))
            .collect(),
    );
    for (percentile, ours, bare) in [("p50", p50, bare_p50), ("p99", p99, bare_p99)] {
        let operation = format!(
            "provider's answer to {SUBSCRIBERS} subscribers, {percentile}, {}",
            product.database
        );
        report.compare(operation, "ms", ours, bare);
    }
}

/// Subscribers that record when they receive each price.
struct Clients {
    subscribers: Subscribers,
    latencies: Arc<parking_lot::Mutex<Latencies>>,
}

impl Clients {
    async fn connect(address: SocketAddr) -> Self {
        let latencies = Arc::new(parking_lot::Mutex::new(Latencies::default()));
        let sink = Arc::clone(&latencies);
        let on_message = move |message: &[u8]| {
            if let Some(sent) = volume(message) {
                let micros = SystemClock.now().micros() - sent;
                // The prices at the start of a subscription may be old.
                sink.lock()
                    .push_micros(u32::try_from(micros).unwrap_or(u32::MAX));
            }
        };
        let subscribers =
            Subscribers::connect(address, SUBSCRIBERS, SUBSCRIPTION, on_message).await;
        Self {
            subscribers,
            latencies,
        }
    }

    async fn measure(&mut self, effort: Effort) -> Latencies {
        sleep(effort.warm_up).await;
        *self.latencies.lock() = Latencies::default();
        sleep(effort.measured).await;
        let measured = std::mem::take(&mut *self.latencies.lock());
        self.subscribers.check();
        measured
    }
}

/// The time at which the provider or the broadcaster sent a price.
fn volume(message: &[u8]) -> Option<i64> {
    const FIELD: &[u8] = br#""volume":"#;
    let start = message.windows(FIELD.len()).rposition(|it| it == FIELD)? + FIELD.len();
    let digits = message[start..]
        .split(|byte| !byte.is_ascii_digit())
        .next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_volume_is_found() {
        let message = br#"{"type":"next","payload":{"data":{"priceUpdates":{"volume":17}}}}"#;
        assert_eq!(volume(message), Some(17));
        assert_eq!(volume(br#"{"volume":null}"#), None);
    }
}
