//! Prometheus metrics of requests, connections and deliveries.
//!
//! Prometheus reads each metric as `stock_tracker_<name>_<unit>[_total]`.

mod observer;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::http::{Method, StatusCode};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, Meter, UpDownCounter},
};

use runtime::metrics::seconds;
use transport::{CloseReason, Protocol};

pub(crate) use self::observer::measure_request;

/// Instruments of requests, connections and deliveries. Clones share their state.
#[derive(Clone, Debug)]
pub(crate) struct ServeMetrics {
    websocket_clients: UpDownCounter<i64>,
    http_request_duration: Histogram<f64>,
    graphql_operation_duration: Histogram<f64>,
    feed_lag: Gauge<f64>,
    deliveries: EventCounts,
    conflated: EventCounts,
    subscribers_closed: Counter<u64>,
}

impl ServeMetrics {
    /// Creates the instruments; counters start at 0.
    pub(crate) fn new(meter: &Meter) -> Self {
        let counter = |name: &'static str, help: &'static str| {
            meter.u64_counter(name).with_description(help).build()
        };
        let metrics = Self {
            websocket_clients: meter
                .i64_up_down_counter("websocket_clients")
                .with_description("Open WebSockets and event streams.")
                .build(),
            http_request_duration: seconds(
                meter,
                "http_request_duration",
                "Time from a request to its response; for streams, until they start.",
            ),
            graphql_operation_duration: seconds(
                meter,
                "graphql_operation_duration",
                "Duration of GraphQL operations; for subscriptions, the time until they start.",
            ),
            feed_lag: meter
                .f64_gauge("feed_lag")
                .with_unit("s")
                .with_description("Delay of this process behind the committed feed.")
                .build(),
            deliveries: EventCounts::new(meter, "deliveries", "Events sent to clients."),
            conflated: EventCounts::new(
                meter,
                "conflated",
                "Events that a newer one of the same symbol replaced before they were sent.",
            ),
            subscribers_closed: counter(
                "subscribers_closed",
                "Ended GraphQL subscriptions and connections to /ws, by reason.",
            ),
        };
        metrics.start_at_zero();
        metrics
    }

    /// Records a response. `route` is the template of the router, never the path of the request.
    pub(crate) fn request_answered(
        &self,
        route: &str,
        method: &Method,
        status: StatusCode,
        took: Duration,
    ) {
        let labels = [
            KeyValue::new("route", route.to_owned()),
            KeyValue::new("method", method_label(method)),
            KeyValue::new("status", i64::from(status.as_u16())),
        ];
        self.http_request_duration
            .record(took.as_secs_f64(), &labels);
    }

    /// Records the time from the recording of a feed entry to its processing; zero at the end of
    /// the feed.
    pub(crate) fn feed_followed(&self, lag: Duration) {
        self.feed_lag.record(lag.as_secs_f64(), &[]);
    }

    fn start_at_zero(&self) {
        for protocol in Protocol::ALL {
            let label = protocol_label(*protocol);
            self.websocket_clients.add(0, std::slice::from_ref(&label));
            for reason in CloseReason::ALL {
                let labels = [label.clone(), KeyValue::new("reason", reason.as_str())];
                self.subscribers_closed.add(0, &labels);
            }
        }
        self.feed_lag.record(0.0, &[]);
    }
}

/// A counter of events, by protocol. An instrument with labels would take longer than the rest of a
/// delivery, so it only reads these numbers.
#[derive(Clone, Debug)]
struct EventCounts(Arc<[AtomicU64; Protocol::ALL.len()]>);

impl EventCounts {
    fn new(meter: &Meter, name: &'static str, help: &'static str) -> Self {
        let counts = Self(Arc::default());
        let observed = counts.clone();
        // The meter provider owns the instrument; dropping the handle has no effect.
        let _ = meter
            .u64_observable_counter(name)
            .with_description(help)
            .with_callback(move |observer| {
                for protocol in Protocol::ALL {
                    let count = observed.of(*protocol).load(Ordering::Relaxed);
                    observer.observe(count, &[protocol_label(*protocol)]);
                }
            })
            .build();
        counts
    }

    fn add(&self, protocol: Protocol, events: u64) {
        self.of(protocol).fetch_add(events, Ordering::Relaxed);
    }

    fn of(&self, protocol: Protocol) -> &AtomicU64 {
        &self.0[protocol as usize]
    }
}

fn protocol_label(protocol: Protocol) -> KeyValue {
    KeyValue::new("protocol", protocol.as_str())
}

/// Returns the label of a method. Unknown methods share one value, because clients choose them.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests;
