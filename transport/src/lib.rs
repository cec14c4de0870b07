//! GraphQL over HTTP, Server-Sent Events and WebSocket, for any async-graphql schema.
//!
//! Invariant: knows nothing of what it serves. An application implements [`Service`], puts a
//! [`Transport`] around it and mounts its router; limits, guard, counting and draining are parts of
//! the transport, the same for every protocol.
//!
//! ```no_run
//! use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
//! use transport::{Plain, Transport};
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
//! let router = Transport::new(Plain(schema)).router("/graphql");
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! axum::serve(listener, router).await
//! # }
//! ```

mod context;
mod document;
mod fault;
mod http;
mod observer;
mod policy;
mod router;
mod service;
mod ws;

pub use self::{
    document::budget::{Arguments, Budget, Introspection, ListSizes, PageSizes},
    document::persisted::Documents,
    document::validation::{Scalars, Types},
    fault::{Fault, code, error_body},
    observer::{Kind, Observer, Protocol, Reason, Unobserved},
    policy::connections::{Census, ClientAddress, Seat},
    policy::drain::Drain,
    policy::guard::{AllowList, Guard},
    policy::heartbeat::{Beat, Heartbeat},
    policy::limits::Limits,
    router::Transport,
    service::schema::Plain,
    service::{End, Event, Item, LastEventId, Outcome, Reply, Service, Subscription},
    ws::close_code,
};
