//! The state shared by all protocols, and the execution of operations.
//!
//! An operation is bounded by its timeout, and a panic fails only that operation.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::ServerError;
use axum::response::Response;
use futures_util::FutureExt;
use http::request::Parts;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use crate::{
    document::Rejection,
    document::params::Params,
    document::persisted::{Documents, Hash},
    document::prepared::{Operation, PreparedDocument, PreparedDocuments},
    document::validation::Types,
    error::{self, code},
    observer::{NoopObserver, Observer, OperationKind, OperationOutcome},
    policy::connections::ConnectionLimiter,
    policy::drain::Drain,
    policy::guard::Guard,
    policy::limits::Limits,
    service::{Reply, Service, SubscriptionStream},
    ws::Writers,
};

/// Creates an HTML page for the head of a request.
pub(crate) type Page = Arc<dyn Fn(&Parts) -> Response + Send + Sync>;

/// A request whose operation can be executed.
#[derive(Debug)]
pub(crate) struct PreparedRequest<P> {
    pub(crate) operation: Operation<P>,
    /// The hash to persist the document under once it was executed.
    keep: Option<Hash>,
}

/// The state of a [`Transport`](crate::Transport).
pub(crate) struct TransportContext<S: Service> {
    pub(crate) service: S,
    pub(crate) limits: Limits,
    pub(crate) types: Option<Types>,
    pub(crate) documents: Documents,
    pub(crate) prepared: PreparedDocuments<S::Plan>,
    pub(crate) guard: Guard,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) page: Option<Page>,
    pub(crate) drain: Drain,
    pub(crate) tasks: TaskTracker,
    pub(crate) writers: Writers,
    pub(crate) connections: ConnectionLimiter,
}

impl<S: Service> TransportContext<S> {
    /// Creates the state with defaults.
    pub(crate) fn new(service: S) -> Self {
        let limits = Limits::default();
        Self {
            service,
            prepared: PreparedDocuments::new(limits.prepared_bytes),
            limits,
            types: None,
            documents: Documents::default(),
            guard: Guard::default(),
            observer: Arc::new(NoopObserver),
            page: None,
            drain: Drain::default(),
            tasks: TaskTracker::new(),
            writers: Writers::default(),
            connections: ConnectionLimiter::default(),
        }
    }

    /// Resolves, parses and validates the document of a request.
    pub(crate) fn prepare(&self, params: Params) -> Result<PreparedRequest<S::Plan>, Rejection> {
        let started = Instant::now();
        let (request, keep) = params
            .into_request(&self.documents)
            .map_err(|error| Rejection {
                errors: vec![error.to_server_error()],
                kind: None,
            })?;
        let prepared = request.prepare(&self.prepared, &self.limits.budget, self.types.as_ref());
        if let Err(Rejection {
            kind: Some(kind), ..
        }) = &prepared
        {
            self.observe(*kind, OperationOutcome::Refused, started);
        }
        let operation = prepared?;
        Ok(PreparedRequest { operation, keep })
    }

    /// Executes a query or mutation.
    pub(crate) async fn execute(
        &self,
        request: PreparedRequest<S::Plan>,
        viewer: S::Viewer,
    ) -> Reply {
        let PreparedRequest { operation, keep } = request;
        let (kind, is_cached) = (operation.kind(), operation.is_cached);
        let prepared = Arc::clone(&operation.prepared);
        let started = Instant::now();
        let work = async {
            if is_cached {
                let planned = self.service.execute_plan(&prepared, &operation.variables);
                if let Some(reply) = planned.await {
                    return reply;
                }
            }
            let request = operation.into_request();
            self.service.execute(request, viewer).await
        };
        let reply = match self.with_timeout(work).await {
            Ok(reply) => reply,
            Err(error) => Reply::refused(vec![error]),
        };
        if reply.outcome != OperationOutcome::Refused {
            self.keep(keep, &prepared, is_cached);
        }
        self.observe(kind, reply.outcome, started);
        reply
    }

    /// Starts a subscription.
    pub(crate) async fn subscribe(
        &self,
        request: PreparedRequest<S::Plan>,
        viewer: S::Viewer,
    ) -> Result<SubscriptionStream, Vec<ServerError>> {
        let PreparedRequest { operation, keep } = request;
        let (kind, is_cached) = (operation.kind(), operation.is_cached);
        let prepared = Arc::clone(&operation.prepared);
        let started = Instant::now();
        let request = operation.into_request();
        let work = async { self.service.subscribe(request, viewer).await };
        let subscription = self
            .with_timeout(work)
            .await
            .unwrap_or_else(|error| Err(vec![error]));
        let outcome = if subscription.is_ok() {
            self.keep(keep, &prepared, is_cached);
            OperationOutcome::Ok
        } else {
            OperationOutcome::Refused
        };
        self.observe(kind, outcome, started);
        subscription
    }

    /// Awaits `work`. Fails on a timeout or a panic.
    async fn with_timeout<T>(
        &self,
        work: impl Future<Output = T> + Send,
    ) -> Result<T, ServerError> {
        let limit = self.limits.execution_timeout;
        match timeout(limit, AssertUnwindSafe(work).catch_unwind()).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => {
                tracing::error!("operation panicked");
                Err(self.service.internal_error())
            }
            Err(_) => Err(error::coded(code::TIMEOUT, "the operation timed out")),
        }
    }

    /// Keeps a document that was executed, and therefore is valid.
    fn keep(&self, hash: Option<Hash>, prepared: &Arc<PreparedDocument<S::Plan>>, is_cached: bool) {
        if let Some(hash) = hash {
            self.documents.keep(hash, prepared.text());
        }
        if !is_cached {
            self.prepared.put(prepared);
        }
    }

    fn observe(&self, kind: OperationKind, outcome: OperationOutcome, started: Instant) {
        self.observer
            .operation_finished(kind, outcome, started.elapsed());
    }
}
