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
    document::params::Params,
    document::persisted::{Documents, Hash},
    document::validation::Types,
    document::{PreparedOperation, Rejection},
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

/// The state of a [`Transport`](crate::Transport).
#[derive(Clone)]
pub(crate) struct TransportContext<S> {
    pub(crate) service: S,
    pub(crate) limits: Limits,
    pub(crate) types: Option<Types>,
    pub(crate) documents: Documents,
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
        Self {
            service,
            limits: Limits::default(),
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
    pub(crate) fn prepare(&self, params: Params) -> Result<PreparedOperation, Rejection> {
        let started = Instant::now();
        let (request, keep) = params
            .into_request(&self.documents)
            .map_err(|error| Rejection {
                errors: vec![error.to_server_error()],
                kind: None,
            })?;
        let prepared =
            PreparedOperation::prepare(request, keep, &self.limits.budget, self.types.as_ref());
        if let Err(Rejection {
            kind: Some(kind), ..
        }) = &prepared
        {
            self.observe(*kind, OperationOutcome::Refused, started);
        }
        prepared
    }

    /// Executes a query or mutation.
    pub(crate) async fn execute(&self, operation: PreparedOperation, viewer: S::Viewer) -> Reply {
        let PreparedOperation {
            request,
            kind,
            keep,
        } = operation;
        let started = Instant::now();
        let work = async { self.service.execute(request, viewer).await };
        let reply = match self.with_timeout(work).await {
            Ok(reply) => reply,
            Err(error) => Reply::refused(vec![error]),
        };
        if reply.outcome != OperationOutcome::Refused {
            self.persist(keep);
        }
        self.observe(kind, reply.outcome, started);
        reply
    }

    /// Starts a subscription.
    pub(crate) async fn subscribe(
        &self,
        operation: PreparedOperation,
        viewer: S::Viewer,
    ) -> Result<SubscriptionStream, Vec<ServerError>> {
        let PreparedOperation {
            request,
            kind,
            keep,
        } = operation;
        let started = Instant::now();
        let work = async { self.service.subscribe(request, viewer).await };
        let subscription = self
            .with_timeout(work)
            .await
            .unwrap_or_else(|error| Err(vec![error]));
        let outcome = if subscription.is_ok() {
            self.persist(keep);
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

    /// Persists a document that was executed, and therefore is valid.
    fn persist(&self, document: Option<(Hash, Arc<str>)>) {
        if let Some((hash, text)) = document {
            self.documents.keep(hash, text);
        }
    }

    fn observe(&self, kind: OperationKind, outcome: OperationOutcome, started: Instant) {
        self.observer
            .operation_finished(kind, outcome, started.elapsed());
    }
}
