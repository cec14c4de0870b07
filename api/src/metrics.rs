//! Metrics of requests, connections and deliveries.

mod observer;

use std::time::Duration;

use axum::http::{Method, StatusCode};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, Meter, UpDownCounter},
};

use runtime::metrics::seconds;
use transport::{Kind, Outcome, Reason};

pub(crate) use self::observer::{TransportMetrics, measure_request};

/// A protocol that delivers live events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LiveProtocol {
    /// The plain WebSocket at `/ws`.
    PlainWebSocket,
    /// A protocol of GraphQL subscriptions.
    GraphQl(transport::Protocol),
}

impl LiveProtocol {
    fn as_str(self) -> &'static str {
        match self {
            Self::PlainWebSocket => "ws",
            Self::GraphQl(protocol) => protocol.as_str(),
        }
    }
}

/// Instruments of requests, connections and deliveries. Clones share their state.
#[derive(Clone, Debug)]
pub(crate) struct ServeMetrics {
    websocket_clients: UpDownCounter<i64>,
    http_request_duration: Histogram<f64>,
    graphql_operation_duration: Histogram<f64>,
    feed_lag: Gauge<f64>,
    deliveries: Counter<u64>,
    conflated: Counter<u64>,
    subscribers_closed: Counter<u64>,
}

/// Counts one client until it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectedClient {
    clients: UpDownCounter<i64>,
    protocol: LiveProtocol,
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
                .with_description("Clients connected for live events.")
                .build(),
            http_request_duration: seconds(
                meter,
                "http_request_duration",
                "How long requests take to answer.",
            ),
            graphql_operation_duration: seconds(
                meter,
                "graphql_operation_duration",
                "How long GraphQL operations take; of subscriptions, their start.",
            ),
            feed_lag: meter
                .f64_gauge("feed_lag")
                .with_unit("s")
                .with_description("How far this process is behind the committed feed.")
                .build(),
            deliveries: counter("deliveries", "Events handed to clients."),
            conflated: counter(
                "conflated",
                "Events that a newer one of the symbol replaced.",
            ),
            subscribers_closed: counter(
                "subscribers_closed",
                "Subscribers that are gone: subscriptions of GraphQL, connections of the plain WebSocket.",
            ),
        };
        metrics.start_at_zero();
        metrics
    }

    /// Records a connected client, which is counted until the returned value is dropped.
    #[must_use = "the client is counted for as long as this lives"]
    pub(crate) fn client_connected(&self, protocol: LiveProtocol) -> ConnectedClient {
        self.websocket_clients.add(1, &[label(protocol)]);
        ConnectedClient {
            clients: self.websocket_clients.clone(),
            protocol,
        }
    }

    /// Records a connected client, where a [`ConnectedClient`] cannot be held. Each call requires
    /// one call of [`client_departed`](Self::client_departed).
    pub(crate) fn client_arrived(&self, protocol: LiveProtocol) {
        self.websocket_clients.add(1, &[label(protocol)]);
    }

    /// Records that a client disconnected.
    pub(crate) fn client_departed(&self, protocol: LiveProtocol) {
        self.websocket_clients.add(-1, &[label(protocol)]);
    }

    /// Records that the connection of a subscriber closed.
    pub(crate) fn subscriber_closed(&self, protocol: LiveProtocol, reason: Reason) {
        let labels = [label(protocol), KeyValue::new("reason", reason.as_str())];
        self.subscribers_closed.add(1, &labels);
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

    /// Records the end of a GraphQL operation, or the start of a subscription.
    pub(crate) fn operation_ended(&self, operation: Kind, outcome: Outcome, took: Duration) {
        let labels = [
            KeyValue::new("operation", operation.as_str()),
            KeyValue::new("outcome", outcome.as_str()),
        ];
        self.graphql_operation_duration
            .record(took.as_secs_f64(), &labels);
    }

    /// Records how long after its recording an entry of the feed was processed; zero at the end of
    /// the feed.
    pub(crate) fn feed_followed(&self, lag: Duration) {
        self.feed_lag.record(lag.as_secs_f64(), &[]);
    }

    /// Records events delivered to clients.
    pub(crate) fn events_delivered(&self, protocol: LiveProtocol, events: u64) {
        self.deliveries.add(events, &[label(protocol)]);
    }

    /// Records events that were replaced by newer ones before a slow client received them.
    pub(crate) fn events_conflated(&self, protocol: LiveProtocol, events: u64) {
        self.conflated.add(events, &[label(protocol)]);
    }

    fn start_at_zero(&self) {
        let graphql = transport::Protocol::ALL.map(LiveProtocol::GraphQl);
        for protocol in graphql.into_iter().chain([LiveProtocol::PlainWebSocket]) {
            let label = label(protocol);
            self.websocket_clients.add(0, std::slice::from_ref(&label));
            self.deliveries.add(0, std::slice::from_ref(&label));
            self.conflated.add(0, std::slice::from_ref(&label));
            for reason in Reason::ALL {
                let labels = [label.clone(), KeyValue::new("reason", reason.as_str())];
                self.subscribers_closed.add(0, &labels);
            }
        }
        self.feed_lag.record(0.0, &[]);
    }
}

impl Drop for ConnectedClient {
    fn drop(&mut self) {
        self.clients.add(-1, &[label(self.protocol)]);
    }
}

fn label(protocol: LiveProtocol) -> KeyValue {
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
