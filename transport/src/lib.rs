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

mod budget;
mod census;
mod document;
mod drain;
mod fault;
mod guard;
mod heartbeat;
mod http;
mod limit;
mod observer;
mod params;
mod persisted;
mod plain;
mod room;
mod root;
mod router;
mod service;
mod socket;
mod validation;

pub use self::{
    budget::{Arguments, Budget, Introspection, ListSizes, PageSizes},
    census::{Census, ClientAddress, Seat},
    drain::Drain,
    fault::{Fault, code, error_body},
    guard::{AllowList, Guard},
    heartbeat::{Beat, Heartbeat},
    limit::Limits,
    observer::{Kind, Observer, Protocol, Reason, Unobserved},
    persisted::Documents,
    plain::Plain,
    router::Transport,
    service::{End, Event, Item, LastEventId, Outcome, Reply, Service, Subscription},
    socket::close_code,
    validation::{Scalars, Types},
};
