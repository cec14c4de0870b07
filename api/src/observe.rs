//! Counts what the transports report, in the words of the metrics.
//!
//! One invariant: every client that arrived is counted until it departs.

use std::time::Duration;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use runtime::metric::{CloseReason, OperationKind, OperationOutcome, Protocol, ServeMetrics};
use tokio::time::Instant;
use tracing::Instrument;
use transport::{CloseReason as Reason, OperationKind as Kind, OperationOutcome as Outcome};

/// The transports' observer.
pub(crate) struct Counted(ServeMetrics);

impl Counted {
    /// Counts into `metrics`.
    pub(crate) fn new(metrics: ServeMetrics) -> Self {
        Self(metrics)
    }
}

impl transport::Observer for Counted {
    fn operation_finished(&self, kind: Kind, outcome: Outcome, elapsed: Duration) {
        let kind = match kind {
            Kind::Query => OperationKind::Query,
            Kind::Mutation => OperationKind::Mutation,
            Kind::Subscription => OperationKind::Subscription,
        };
        let outcome = match outcome {
            Outcome::Ok => OperationOutcome::Ok,
            Outcome::Errors => OperationOutcome::Error,
            Outcome::Refused => OperationOutcome::Refused,
        };
        self.0.operation_ended(kind, outcome, elapsed);
    }

    fn client_connected(&self, of: transport::Protocol) {
        self.0.client_arrived(protocol(of));
    }

    fn client_disconnected(&self, of: transport::Protocol) {
        self.0.client_departed(protocol(of));
    }

    fn event_delivered(&self, of: transport::Protocol, missed: u64) {
        self.0.events_delivered(protocol(of), 1);
        if missed > 0 {
            self.0.events_conflated(protocol(of), missed);
        }
    }

    fn subscription_closed(&self, of: transport::Protocol, reason: Reason) {
        let reason = match reason {
            Reason::Complete | Reason::Unsubscribed | Reason::Disconnected => CloseReason::Left,
            Reason::Overloaded => CloseReason::Overload,
            Reason::Replaced => CloseReason::Replaced,
            Reason::IdleTimeout => CloseReason::Silent,
            Reason::ProtocolError => CloseReason::Protocol,
            Reason::GoingAway => CloseReason::Shutdown,
        };
        self.0.subscriber_closed(protocol(of), reason);
    }
}

fn protocol(of: transport::Protocol) -> Protocol {
    match of {
        transport::Protocol::Ws => Protocol::Ws,
        transport::Protocol::GraphqlTransportWs => Protocol::GraphqlTransportWs,
        transport::Protocol::GraphqlWs => Protocol::GraphqlWs,
        transport::Protocol::Sse => Protocol::Sse,
    }
}

/// Middleware: counts and traces every request by its route's template.
pub(crate) async fn count_request(
    State(metrics): State<ServeMetrics>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = route.as_ref().map_or("unknown", MatchedPath::as_str);
    // Named as OpenTelemetry's conventions for HTTP servers name it.
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
