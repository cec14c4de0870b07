//! Metrics hooks of the transports, and the label values for them.

use std::time::Duration;

/// Receives the events of the transports. Every method does nothing by default and must not block.
pub trait Observer: Send + Sync + 'static {
    /// A query or mutation was answered, a subscription started, or an operation was rejected after
    /// it was parsed. `elapsed` is the time since then.
    fn operation_finished(
        &self,
        kind: OperationKind,
        outcome: OperationOutcome,
        elapsed: Duration,
    ) {
        let _ = (kind, outcome, elapsed);
    }

    /// A WebSocket or an event stream was opened.
    fn client_connected(&self, protocol: Protocol) {
        let _ = protocol;
    }

    /// A WebSocket or an event stream was closed. Called once for each connection.
    fn client_disconnected(&self, protocol: Protocol) {
        let _ = protocol;
    }

    /// An event was handed to the connection of a subscription. The `missed` events before it were
    /// skipped.
    fn event_delivered(&self, protocol: Protocol, missed: u64) {
        let _ = (protocol, missed);
    }

    /// A started subscription ended.
    fn subscription_closed(&self, protocol: Protocol, reason: CloseReason) {
        let _ = (protocol, reason);
    }
}

/// An observer that does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoopObserver;

impl Observer for NoopObserver {}

/// The type of a GraphQL operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// A query.
    Query,
    /// A mutation.
    Mutation,
    /// A subscription.
    Subscription,
}

impl OperationKind {
    /// All values.
    pub const ALL: &[Self] = &[Self::Query, Self::Mutation, Self::Subscription];

    /// The value of the metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }
}

/// The outcome of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationOutcome {
    /// Executed without errors.
    Ok,
    /// Executed, with errors.
    Errors,
    /// Not executed: a syntax, validation, limit or authentication error.
    Refused,
}

impl OperationOutcome {
    /// All values.
    pub const ALL: &[Self] = &[Self::Ok, Self::Errors, Self::Refused];

    /// The value of the metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Errors => "error",
            Self::Refused => "refused",
        }
    }
}

/// The protocol of a long-lived connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// A WebSocket that only sends, without a GraphQL subprotocol.
    Ws,
    /// The WebSocket subprotocol of the npm package `graphql-ws`.
    GraphqlTransportWs,
    /// The WebSocket subprotocol of the npm package `subscriptions-transport-ws`.
    GraphqlWs,
    /// Server-Sent Events, one operation in each response.
    Sse,
}

impl Protocol {
    /// All values.
    pub const ALL: &[Self] = &[
        Self::Ws,
        Self::GraphqlTransportWs,
        Self::GraphqlWs,
        Self::Sse,
    ];

    /// The value of the metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::GraphqlTransportWs => "graphql_transport_ws",
            Self::GraphqlWs => "graphql_ws",
            Self::Sse => "sse",
        }
    }
}

/// Why a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Its events ended.
    Complete,
    /// The client ended it.
    Unsubscribed,
    /// The connection ended.
    Disconnected,
    /// The client was too slow.
    Overloaded,
    /// The source of its events was replaced, for example by a restored database.
    Replaced,
    /// The client sent nothing, or accepted nothing, for too long.
    IdleTimeout,
    /// The client violated the protocol.
    ProtocolError,
    /// The server is shutting down.
    GoingAway,
}

impl CloseReason {
    /// All values.
    pub const ALL: &[Self] = &[
        Self::Complete,
        Self::Unsubscribed,
        Self::Disconnected,
        Self::Overloaded,
        Self::Replaced,
        Self::IdleTimeout,
        Self::ProtocolError,
        Self::GoingAway,
    ];

    /// The value of the metric label. Several reasons share the label `left`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete | Self::Unsubscribed | Self::Disconnected => "left",
            Self::Overloaded => "overload",
            Self::Replaced => "replaced",
            Self::IdleTimeout => "silent",
            Self::ProtocolError => "protocol",
            Self::GoingAway => "shutdown",
        }
    }
}
