//! What every transport shares, and the one way in which operations are run.
//!
//! Invariant: an operation costs its deadline at most, and a panic costs its operation only.
//! Called by HTTP, event streams and WebSockets alike, so that no rule holds on one and not on
//! the others.

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
    document::{Operation, Rejection},
    fault::{self, code},
    observer::{Kind, Observer, Unobserved},
    policy::connections::Census,
    policy::drain::Drain,
    policy::guard::Guard,
    policy::limits::Limits,
    service::{Outcome, Reply, Service, Subscription},
};

/// A page for people, made from a request's head.
pub(crate) type Page = Arc<dyn Fn(&Parts) -> Response + Send + Sync>;

/// The parts of a [`Transport`](crate::Transport).
#[derive(Clone)]
pub(crate) struct Room<S> {
    pub(crate) service: S,
    pub(crate) limits: Limits,
    pub(crate) types: Option<Types>,
    pub(crate) documents: Documents,
    pub(crate) guard: Guard,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) page: Option<Page>,
    pub(crate) drain: Drain,
    pub(crate) tasks: TaskTracker,
    pub(crate) census: Census,
}

impl<S: Service> Room<S> {
    /// With nothing but defaults around the service.
    pub(crate) fn new(service: S) -> Self {
        Self {
            service,
            limits: Limits::default(),
            types: None,
            documents: Documents::default(),
            guard: Guard::default(),
            observer: Arc::new(Unobserved),
            page: None,
            drain: Drain::default(),
            tasks: TaskTracker::new(),
            census: Census::default(),
        }
    }

    /// Finds a request's document, reads it and judges it.
    pub(crate) fn prepare(&self, params: Params) -> Result<Operation, Rejection> {
        let started = Instant::now();
        let (request, keep) = params
            .into_request(&self.documents)
            .map_err(|fault| Rejection {
                errors: vec![fault.error()],
                kind: None,
            })?;
        let prepared = Operation::prepare(request, keep, &self.limits.budget, self.types.as_ref());
        if let Err(Rejection {
            kind: Some(kind), ..
        }) = &prepared
        {
            self.observe(*kind, Outcome::Refused, started);
        }
        prepared
    }

    /// Runs a query or mutation to its end, or to its deadline.
    pub(crate) async fn execute(&self, operation: Operation, viewer: S::Viewer) -> Reply {
        let Operation {
            request,
            kind,
            keep,
        } = operation;
        let started = Instant::now();
        let work = async { self.service.execute(request, viewer).await };
        let reply = match self.bounded(work).await {
            Ok(reply) => reply,
            Err(error) => Reply::refused(vec![error]),
        };
        if reply.outcome != Outcome::Refused {
            self.keep(keep);
        }
        self.observe(kind, reply.outcome, started);
        reply
    }

    /// Starts a subscription.
    pub(crate) async fn subscribe(
        &self,
        operation: Operation,
        viewer: S::Viewer,
    ) -> Result<Subscription, Vec<ServerError>> {
        let Operation {
            request,
            kind,
            keep,
        } = operation;
        let started = Instant::now();
        let work = async { self.service.subscribe(request, viewer).await };
        let subscription = self
            .bounded(work)
            .await
            .unwrap_or_else(|error| Err(vec![error]));
        let outcome = if subscription.is_ok() {
            self.keep(keep);
            Outcome::Ok
        } else {
            Outcome::Refused
        };
        self.observe(kind, outcome, started);
        subscription
    }

    /// The future's value, or the error of a deadline or a panic.
    async fn bounded<T>(&self, work: impl Future<Output = T> + Send) -> Result<T, ServerError> {
        let deadline = self.limits.execution_deadline;
        match timeout(deadline, AssertUnwindSafe(work).catch_unwind()).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => {
                tracing::error!("an operation panicked");
                Err(self.service.defect())
            }
            Err(_) => Err(fault::error(
                code::TIMEOUT,
                "the operation took longer than it may",
            )),
        }
    }

    /// It ran, so it is valid.
    fn keep(&self, document: Option<(Hash, Arc<str>)>) {
        if let Some((hash, text)) = document {
            self.documents.keep(hash, text);
        }
    }

    fn observe(&self, kind: Kind, outcome: Outcome, started: Instant) {
        self.observer
            .operation_finished(kind, outcome, started.elapsed());
    }
}
