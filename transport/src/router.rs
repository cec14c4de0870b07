//! A transport, put together and mounted.
//!
//! Invariant: one [`Transport`] is one set of limits and counts, however many routes it has. Built
//! by the application at start.

use std::sync::Arc;

use axum::{Router, extract::Request, response::Response, routing::any};
use http::request::Parts;
use tokio_util::task::TaskTracker;
use tower_http::{
    CompressionLevel,
    compression::{CompressionLayer, DefaultPredicate, Predicate, predicate::SizeAbove},
};

use crate::{
    context::Room,
    document::{persisted::Documents, validation::Types},
    http::Door,
    observer::Observer,
    policy::{connections::Census, drain::Drain, guard::Guard, limits::Limits},
    service::Service,
};

/// Bytes from which compressing an answer is worth its time.
const COMPRESSED: u16 = 1024;

/// GraphQL on a path, by every protocol.
#[derive(Clone)]
pub struct Transport<S> {
    room: Room<S>,
}

impl<S: Service> Transport<S> {
    /// Serves that service, to loopback names only, within default limits.
    pub fn new(service: S) -> Self {
        Self {
            room: Room::new(service),
        }
    }

    /// Other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.room.limits = limits;
        self
    }

    /// Judges operations and their variables against those types before they are executed, where
    /// the library's own validation falls short. They must be of the schema that executes.
    #[must_use]
    pub fn with_types(mut self, types: Types) -> Self {
        self.room.types = Some(types);
        self
    }

    /// Other documents that may be named.
    #[must_use]
    pub fn with_documents(mut self, documents: Documents) -> Self {
        self.room.documents = documents;
        self
    }

    /// Other hosts and origins.
    #[must_use]
    pub fn with_guard(mut self, guard: Guard) -> Self {
        self.room.guard = guard;
        self
    }

    /// Tells an observer what happens.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer) -> Self {
        self.room.observer = Arc::new(observer);
        self
    }

    /// Answers a browser that opens the path without a query.
    #[must_use]
    pub fn with_page(mut self, page: impl Fn(&Parts) -> Response + Send + Sync + 'static) -> Self {
        self.room.page = Some(Arc::new(page));
        self
    }

    /// Counts its clients among others.
    #[must_use]
    pub fn with_census(mut self, census: Census) -> Self {
        self.room.census = census;
        self
    }

    /// Sends WebSockets and event streams off on a signal.
    #[must_use]
    pub fn with_drain(mut self, drain: Drain) -> Self {
        self.room.drain = drain;
        self
    }

    /// Runs WebSockets on that tracker, so that a shutdown can wait for them: axum does not.
    #[must_use]
    pub fn with_tasks(mut self, tasks: TaskTracker) -> Self {
        self.room.tasks = tasks;
        self
    }

    /// Routes for `path` (HTTP, event streams, WebSocket) and `path/ws` (WebSocket). They guard
    /// themselves: put no [`Guard::protect`] around them.
    pub fn router(self, path: &str) -> Router {
        let room = Arc::new(self.room);
        let socket = Arc::clone(&room);
        Router::new()
            .route(
                path,
                any(move |request: Request| {
                    let room = Arc::clone(&room);
                    async move { crate::http::serve(&room, Door::All, request).await }
                }),
            )
            .route(
                &format!("{path}/ws"),
                any(move |request: Request| {
                    let room = Arc::clone(&socket);
                    async move { crate::http::serve(&room, Door::Socket, request).await }
                }),
            )
            .layer(compression())
    }
}

impl<S> std::fmt::Debug for Transport<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("limits", &self.room.limits)
            .finish_non_exhaustive()
    }
}

/// Answers worth it are compressed; event streams never are, since that would hold events back.
fn compression() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(DefaultPredicate::new().and(SizeAbove::new(COMPRESSED)))
}
