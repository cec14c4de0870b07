//! Builds a [`Transport`] and its routes.
//!
//! All routes of a transport share its limits and counts.

use std::sync::Arc;

use axum::{Router, extract::Request, response::Response, routing::any};
use http::request::Parts;
use tokio_util::task::TaskTracker;
use tower_http::{
    CompressionLevel,
    compression::{CompressionLayer, DefaultPredicate, Predicate, predicate::SizeAbove},
};

use crate::{
    context::TransportContext,
    document::{persisted::Documents, prepared::PreparedDocuments, validation::Types},
    http::RouteKind,
    observer::Observer,
    policy::{connections::ConnectionLimiter, drain::Drain, guard::Guard, limits::Limits},
    service::Service,
};

/// Minimum size of a compressed response, in bytes.
const MIN_COMPRESSED: u16 = 1024;

/// Serves GraphQL over all protocols.
pub struct Transport<S: Service> {
    context: TransportContext<S>,
}

impl<S: Service> Transport<S> {
    /// Creates a transport with default limits that accepts loopback host names only.
    pub fn new(service: S) -> Self {
        Self {
            context: TransportContext::new(service),
        }
    }

    /// Sets the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.context.prepared = PreparedDocuments::new(limits.prepared_bytes);
        self.context.limits = limits;
        self
    }

    /// Validates operations and variables against these types where async-graphql's validation is
    /// incomplete. The types must be those of the schema that executes.
    #[must_use]
    pub fn with_types(mut self, types: Types) -> Self {
        self.context.types = Some(types);
        self
    }

    /// Sets the persisted documents.
    #[must_use]
    pub fn with_documents(mut self, documents: Documents) -> Self {
        self.context.documents = documents;
        self
    }

    /// Sets the allowed hosts and origins.
    #[must_use]
    pub fn with_guard(mut self, guard: Guard) -> Self {
        self.context.guard = guard;
        self
    }

    /// Sets the observer.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer) -> Self {
        self.context.observer = Arc::new(observer);
        self
    }

    /// Sets an HTML page for browsers that open the path without a query.
    #[must_use]
    pub fn with_page(mut self, page: impl Fn(&Parts) -> Response + Send + Sync + 'static) -> Self {
        self.context.page = Some(Arc::new(page));
        self
    }

    /// Shares a connection limit with other servers.
    #[must_use]
    pub fn with_connection_limiter(mut self, connections: ConnectionLimiter) -> Self {
        self.context.connections = connections;
        self
    }

    /// Closes WebSockets and event streams on a signal.
    #[must_use]
    pub fn with_drain(mut self, drain: Drain) -> Self {
        self.context.drain = drain;
        self
    }

    /// Runs WebSockets on this tracker, so that a shutdown can wait for them; axum does not.
    #[must_use]
    pub fn with_tasks(mut self, tasks: TaskTracker) -> Self {
        self.context.tasks = tasks;
        self
    }

    /// Creates routes for `path` (HTTP, event streams, WebSocket) and `path/ws` (WebSocket). They
    /// check hosts and origins; do not apply [`Guard::protect`] to them.
    pub fn router(self, path: &str) -> Router {
        let context = Arc::new(self.context);
        let socket = Arc::clone(&context);
        Router::new()
            .route(
                path,
                any(move |request: Request| {
                    let context = Arc::clone(&context);
                    async move { crate::http::serve(&context, RouteKind::All, request).await }
                }),
            )
            .route(
                &format!("{path}/ws"),
                any(move |request: Request| {
                    let context = Arc::clone(&socket);
                    async move { crate::http::serve(&context, RouteKind::WebSocketOnly, request).await }
                }),
            )
            .layer(compression())
    }
}

impl<S: Service> std::fmt::Debug for Transport<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("limits", &self.context.limits)
            .finish_non_exhaustive()
    }
}

/// Compresses responses, except event streams: compression would delay events.
fn compression() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(DefaultPredicate::new().and(SizeAbove::new(MIN_COMPRESSED)))
}
