//! Records the events of the transports, and measures HTTP requests.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use opentelemetry::KeyValue;
use tokio::time::Instant;
use tracing::Instrument;
use transport::{CloseReason, Observer, OperationKind, OperationOutcome, Protocol};

use super::{ServeMetrics, protocol_label};

impl Observer for ServeMetrics {
    fn operation_finished(
        &self,
        kind: OperationKind,
        outcome: OperationOutcome,
        elapsed: Duration,
    ) {
        let labels = [
            KeyValue::new("operation", kind.as_str()),
            KeyValue::new("outcome", outcome.as_str()),
        ];
        self.graphql_operation_duration
            .record(elapsed.as_secs_f64(), &labels);
    }

    fn client_connected(&self, protocol: Protocol) {
        self.websocket_clients.add(1, &[protocol_label(protocol)]);
    }

    fn client_disconnected(&self, protocol: Protocol) {
        self.websocket_clients.add(-1, &[protocol_label(protocol)]);
    }

    fn event_delivered(&self, protocol: Protocol, missed: u64) {
        self.deliveries.add(protocol, 1);
        if missed > 0 {
            self.conflated.add(protocol, missed);
        }
    }

    fn subscription_closed(&self, protocol: Protocol, reason: CloseReason) {
        let reason = KeyValue::new("reason", reason.as_str());
        let labels = [protocol_label(protocol), reason];
        self.subscribers_closed.add(1, &labels);
    }
}

/// Middleware that measures and traces each request. The label is the template of the route.
pub(crate) async fn measure_request(
    State(metrics): State<Arc<ServeMetrics>>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = route.as_ref().map_or("unknown", MatchedPath::as_str);
    // The names follow OpenTelemetry's conventions for HTTP servers.
    let span = tracing::debug_span!(
        "request",
        otel.name = format_args!("{method} {route}"),
        otel.kind = "server",
        http.request.method = %method,
        http.route = route,
        http.response.status_code = tracing::field::Empty,
    );
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    metrics.request_answered(route, &method, response.status(), started.elapsed());
    response
}
