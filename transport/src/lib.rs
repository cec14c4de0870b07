//! GraphQL over HTTP, Server-Sent Events and WebSocket, for any async-graphql schema.
//!
//! Independent of the application: it implements [`Service`] (or uses [`SchemaService`]), wraps it
//! in a [`Transport`] and mounts the transport's router. Limits, host and origin checks, metrics
//! and shutdown work alike for all protocols.
//!
//! - `document`: parses and validates a request before it is executed.
//! - `http`, `ws`: the protocols.
//! - `policy`: connection limit, host and origin checks, drain, heartbeat, credentials.
//!
//! ```no_run
//! use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
//! use transport::{SchemaService, Transport};
//!
//! struct Query;
//!
//! #[Object]
//! impl Query {
//!     async fn hello(&self) -> &str {
//!         "world"
//!     }
//! }
//!
//! # async fn serve() -> std::io::Result<()> {
//! let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
//! let router = Transport::new(SchemaService(schema)).router("/graphql");
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! axum::serve(listener, router).await
//! # }
//! ```

mod context;
mod document;
mod error;
mod http;
mod observer;
mod policy;
mod router;
mod service;
mod ws;

pub use tokio_tungstenite::tungstenite::Utf8Bytes;

pub use self::{
    document::{
        budget::{Arguments, IntrospectionBudget, ListSizes, PageSizes, QueryBudget},
        persisted::Documents,
        prepared::PreparedDocument,
        validation::{Scalars, Types},
    },
    error::{RequestError, code, error_body},
    http::accepts,
    observer::{CloseReason, NoopObserver, Observer, OperationKind, OperationOutcome, Protocol},
    policy::{
        connections::{ClientAddress, ConnectionLimiter, ConnectionPermit},
        credentials::{authorization, bearer_token},
        drain::Drain,
        guard::{AllowList, Guard},
        limits::Limits,
    },
    router::Transport,
    service::{
        End, Item, LastEventId, Reply, Service, SubscriptionEvent, SubscriptionStream,
        schema::SchemaService,
    },
    ws::{Handshake, PushServer, Writers},
};
