//! Records what the transports and the router report.

use std::time::Duration;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use tokio::time::Instant;
use tracing::Instrument;
use transport::{Kind, Observer, Outcome, Protocol, Reason};

use super::{LiveProtocol, ServeMetrics};

/// Records the events of the GraphQL transports.
pub(crate) struct TransportMetrics(pub(crate) ServeMetrics);

impl Observer for TransportMetrics {
    fn operation_finished(&self, kind: Kind, outcome: Outcome, elapsed: Duration) {
        self.0.operation_ended(kind, outcome, elapsed);
    }

    fn client_arrived(&self, protocol: Protocol) {
        self.0.client_arrived(LiveProtocol::GraphQl(protocol));
    }

    fn client_departed(&self, protocol: Protocol) {
        self.0.client_departed(LiveProtocol::GraphQl(protocol));
    }

    fn event_delivered(&self, protocol: Protocol, missed: u64) {
        let protocol = LiveProtocol::GraphQl(protocol);
        self.0.events_delivered(protocol, 1);
        if missed > 0 {
            self.0.events_conflated(protocol, missed);
        }
    }

    fn subscriber_closed(&self, protocol: Protocol, reason: Reason) {
        self.0
            .subscriber_closed(LiveProtocol::GraphQl(protocol), reason);
    }
}

/// Middleware that measures and traces each request. The label is the template of the route.
pub(crate) async fn measure_request(
    State(metrics): State<ServeMetrics>,
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
