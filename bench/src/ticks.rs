//! From the answer of the provider to each of 1,000 subscribers.

use std::sync::Arc;

use runtime::clock::{Clock, SystemClock};
use tokio::time::sleep;

use crate::{
    Effort,
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

pub(crate) const HEADER: [&str; 6] = [
    "database",
    "prices/s",
    "deliveries/s",
    "p50 ms",
    "p95 ms",
    "p99 ms",
];

/// Measures the times at which each subscriber receives each price.
pub(crate) async fn measure(
    product: &Product,
    effort: Effort,
    report: &mut Report,
    rows: &mut Rows,
) {
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
    let mut subscribers =
        Subscribers::connect(product.address, SUBSCRIBERS, SUBSCRIPTION, on_message).await;
    subscribers.settle().await;
    let prices = Refreshes::start(product.address, RATE).await;
    sleep(effort.warm_up).await;
    *latencies.lock() = Latencies::default();
    sleep(effort.measured).await;
    let measured = std::mem::take(&mut *latencies.lock());
    let rate = prices.end();
    subscribers.check();
    let deliveries = f64::from(measured.count()) / effort.measured.as_secs_f64();
    let [p50, p95, p99] = measured.percentiles();
    let figures = [rate, deliveries, p50, p95, p99].map(number);
    rows.push(
        std::iter::once(product.database.to_owned())
            .chain(figures)
            .collect(),
    );
    report.figure(
        format!(
            "provider's answer to {SUBSCRIBERS} subscribers, {}",
            product.database
        ),
        format!("p50 {} ms, p99 {} ms", number(p50), number(p99)),
    );
}

/// The time at which the provider sent a price.
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
