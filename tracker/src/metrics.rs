//! Prometheus metrics of polling, ingest and alerts, named `stock_tracker_<name>_<unit>[_total]`.
//!
//! `current_price` has exactly the tracked symbols, because it is read from one map when scraped.
//! In one-process mode, `api` serves these metrics too.

mod label;
mod stream;

use std::{collections::HashMap, sync::Arc, time::Duration};

use entity::{AlertKind, Decimal, Iterable, Symbol, Timestamp, WebhookFormat};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, Meter},
};
use parking_lot::{Mutex, MutexGuard};
use runtime::metrics::seconds;
use store::delivery::QueueCounts;
use tokio::time::Instant;

pub use self::{
    label::{BudgetWindow, CallOutcome, Endpoint},
    stream::{MessageOutcome, StreamMetrics},
};

/// Histogram bounds of the number of quotes in a batch.
const QUOTES: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// The prices of tracked symbols that have one.
type Prices = Arc<Mutex<HashMap<Symbol, f64>>>;

/// When the active tracker last wrote its heartbeat.
type Written = Arc<Mutex<Option<Instant>>>;

/// Instruments of polling, ingest and alerts. Clones share their state.
#[derive(Clone, Debug)]
pub struct TrackerMetrics {
    api_calls: Counter<u64>,
    api_call_duration: Histogram<f64>,
    alerts_triggered: Counter<u64>,
    ingest_batch_size: Histogram<u64>,
    ingest_duration: Histogram<f64>,
    provider_budget_left: Gauge<u64>,
    stale_symbols: Gauge<u64>,
    deliveries_attempted: Counter<u64>,
    /// Those of streams.
    pub streams: StreamMetrics,
    queue: Arc<Mutex<Option<DeliveryQueue>>>,
    prices: Prices,
    written: Written,
}

/// The numbers of deliveries and webhooks when they were last counted.
#[derive(Clone, Copy, Debug)]
struct DeliveryQueue {
    pending: u64,
    disabled: u64,
    failing: Duration,
}

impl TrackerMetrics {
    /// Creates the instruments. The calls of `providers` start at 0.
    pub fn new(meter: &Meter, providers: &[&'static str]) -> Self {
        let metrics = Self {
            api_calls: meter
                .u64_counter("api_calls")
                .with_description("Calls to providers.")
                .build(),
            api_call_duration: seconds(
                meter,
                "api_call_duration",
                "Duration of calls to providers.",
            ),
            alerts_triggered: meter
                .u64_counter("alerts_triggered")
                .with_description("Alerts that fired.")
                .build(),
            ingest_batch_size: meter
                .u64_histogram("ingest_batch_size")
                .with_description("Quotes in an ingested batch.")
                .with_boundaries(QUOTES.to_vec())
                .build(),
            ingest_duration: seconds(
                meter,
                "ingest_duration",
                "Time from receiving a batch to its commit.",
            ),
            provider_budget_left: meter
                .u64_gauge("provider_budget_left")
                .with_description("Requests left in the provider's quota, by window.")
                .build(),
            stale_symbols: meter
                .u64_gauge("stale_symbols")
                .with_description(
                    "Tracked symbols that have no price, or one that may be out of date.",
                )
                .build(),
            deliveries_attempted: meter
                .u64_counter("deliveries_attempted")
                .with_description("Attempts to deliver an alert to a webhook, by outcome.")
                .build(),
            streams: StreamMetrics::new(meter),
            queue: Arc::default(),
            prices: Prices::default(),
            written: Written::default(),
        };
        metrics.observe_deliveries(meter);
        metrics.observe_prices(meter);
        metrics.observe_writing(meter);
        metrics.start_at_zero(providers);
        metrics
    }

    /// Records a call to a provider.
    pub fn provider_called(
        &self,
        provider: &'static str,
        endpoint: Endpoint,
        outcome: CallOutcome,
        took: Duration,
    ) {
        let [provider, endpoint, outcome] = call(provider, endpoint, outcome);
        self.api_call_duration
            .record(took.as_secs_f64(), &[provider.clone(), endpoint.clone()]);
        self.api_calls.add(1, &[provider, endpoint, outcome]);
    }

    /// Records a new price of a tracked symbol.
    pub fn price_recorded(&self, symbol: &Symbol, price: Decimal) {
        // Parsing the shortest text of a decimal returns the nearest float.
        let price = price.to_string().parse().unwrap_or(f64::NAN);
        self.prices().insert(symbol.clone(), price);
    }

    /// Removes the price of an untracked symbol.
    pub fn symbol_untracked(&self, symbol: &Symbol) {
        self.prices().remove(symbol);
    }

    /// Records that this process is the active tracker and wrote its heartbeat now, or is about to.
    pub fn tracking_written(&self) {
        *self.written() = Some(Instant::now());
    }

    /// Records that this process has stopped being the active tracker: removes its prices and stale
    /// symbols.
    pub fn tracking_stopped(&self) {
        self.prices().clear();
        *self.written() = None;
        *self.queue.lock() = None;
        self.stale_counted(0);
    }

    /// Records a committed alert.
    pub fn alert_triggered(&self, kind: AlertKind) {
        self.alerts_triggered.add(1, &[alert(kind)]);
    }

    /// Records attempts to deliver a number of alerts with one message.
    pub fn deliveries_attempted(&self, format: WebhookFormat, delivered: bool, alerts: usize) {
        let alerts = u64::try_from(alerts).unwrap_or(u64::MAX);
        self.deliveries_attempted
            .add(alerts, &delivery(format, delivered));
    }

    /// Records the numbers of deliveries and webhooks.
    pub fn deliveries_counted(&self, counts: QueueCounts, now: Timestamp) {
        *self.queue.lock() = Some(DeliveryQueue {
            pending: u64::try_from(counts.pending).unwrap_or_default(),
            disabled: u64::try_from(counts.disabled).unwrap_or_default(),
            failing: counts
                .failing_since
                .map_or(Duration::ZERO, |since| now.since(since)),
        });
    }

    /// Records that a batch of `quotes` was committed in `took`.
    pub fn batch_ingested(&self, quotes: usize, took: Duration) {
        self.ingest_batch_size
            .record(u64::try_from(quotes).unwrap_or(u64::MAX), &[]);
        self.ingest_duration.record(took.as_secs_f64(), &[]);
    }

    /// Records the remaining budget of a provider.
    pub fn budget_counted(&self, provider: &'static str, window: BudgetWindow, left: u64) {
        let labels = [
            KeyValue::new("provider", provider),
            KeyValue::new("window", window.as_str()),
        ];
        self.provider_budget_left.record(left, &labels);
    }

    /// Records the number of stale tracked symbols.
    pub fn stale_counted(&self, symbols: usize) {
        self.stale_symbols
            .record(u64::try_from(symbols).unwrap_or(u64::MAX), &[]);
    }

    fn prices(&self) -> MutexGuard<'_, HashMap<Symbol, f64>> {
        self.prices.lock()
    }

    fn written(&self) -> MutexGuard<'_, Option<Instant>> {
        self.written.lock()
    }

    fn observe_deliveries(&self, meter: &Meter) {
        let queue = |metrics: &Self| *metrics.queue.lock();
        let metrics = self.clone();
        let _ = meter
            .u64_observable_gauge("deliveries_pending")
            .with_description("Deliveries that wait for their first attempt or a retry.")
            .with_callback(move |observer| {
                if let Some(queue) = queue(&metrics) {
                    observer.observe(queue.pending, &[]);
                }
            })
            .build();
        let metrics = self.clone();
        let _ = meter
            .u64_observable_gauge("webhooks_disabled")
            .with_description("Webhooks that are disabled because the receiver answered 410 Gone.")
            .with_callback(move |observer| {
                if let Some(queue) = queue(&metrics) {
                    observer.observe(queue.disabled, &[]);
                }
            })
            .build();
        let metrics = self.clone();
        let _ = meter
            .f64_observable_gauge("webhook_failing")
            .with_unit("s")
            .with_description("Time since the first failed attempt of the webhook that has failed longest; 0 if none fails.")
            .with_callback(move |observer| {
                if let Some(queue) = queue(&metrics) {
                    observer.observe(queue.failing.as_secs_f64(), &[]);
                }
            })
            .build();
    }

    fn observe_writing(&self, meter: &Meter) {
        let metrics = self.clone();
        let _ = meter
            .f64_observable_gauge("write_age")
            .with_unit("s")
            .with_description("Time since the active tracker last wrote its heartbeat.")
            .with_callback(move |observer| {
                if let Some(written) = *metrics.written() {
                    observer.observe(written.elapsed().as_secs_f64(), &[]);
                }
            })
            .build();
    }

    fn observe_prices(&self, meter: &Meter) {
        let prices = Arc::clone(&self.prices);
        // The meter provider owns the instrument; dropping the handle has no effect.
        let _ = meter
            .f64_observable_gauge("current_price")
            .with_description("The newest price of a tracked symbol.")
            .with_callback(move |observer| {
                for (symbol, price) in &*prices.lock() {
                    observer.observe(*price, &[KeyValue::new("symbol", symbol.to_string())]);
                }
            })
            .build();
    }

    fn start_at_zero(&self, providers: &[&'static str]) {
        for provider in providers {
            for endpoint in Endpoint::ALL {
                for outcome in CallOutcome::ALL {
                    self.api_calls.add(0, &call(provider, endpoint, outcome));
                }
            }
        }
        for kind in AlertKind::all() {
            self.alerts_triggered.add(0, &[alert(kind)]);
        }
        for format in WebhookFormat::iter() {
            for delivered in [true, false] {
                self.deliveries_attempted
                    .add(0, &delivery(format, delivered));
            }
        }
        self.stale_symbols.record(0, &[]);
    }
}

fn call(provider: &'static str, endpoint: Endpoint, outcome: CallOutcome) -> [KeyValue; 3] {
    [
        KeyValue::new("provider", provider),
        KeyValue::new("endpoint", endpoint.as_str()),
        KeyValue::new("outcome", outcome.as_str()),
    ]
}

fn delivery(format: WebhookFormat, delivered: bool) -> [KeyValue; 2] {
    let outcome = if delivered { "delivered" } else { "failed" };
    [
        KeyValue::new("format", format.name().to_lowercase()),
        KeyValue::new("outcome", outcome),
    ]
}

fn alert(kind: AlertKind) -> KeyValue {
    KeyValue::new("kind", kind.name())
}

#[cfg(test)]
mod tests;
