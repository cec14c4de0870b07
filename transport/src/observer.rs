//! What an application can count of its transports.
//!
//! Invariant: an observer only looks; nothing waits for it and nothing changes by it. Called by
//! the transports, implemented by the application's telemetry.

use std::time::Duration;

use crate::service::Outcome;

/// Told of what happens on the wire. Every method does nothing unless overridden.
pub trait Observer: Send + Sync + 'static {
    /// An operation was answered or refused; of a subscription, its start was. `elapsed` counts
    /// from when it had been read.
    fn operation_finished(&self, kind: Kind, outcome: Outcome, elapsed: Duration) {
        let _ = (kind, outcome, elapsed);
    }

    /// A WebSocket was accepted, or an event stream began.
    fn client_arrived(&self, protocol: Protocol) {
        let _ = protocol;
    }

    /// It is gone. Every arrival has one departure.
    fn client_departed(&self, protocol: Protocol) {
        let _ = protocol;
    }

    /// An event of a subscription was handed to the connection; `missed` before it were skipped.
    fn event_delivered(&self, protocol: Protocol, missed: u64) {
        let _ = (protocol, missed);
    }

    /// A started subscription ended.
    fn subscriber_closed(&self, protocol: Protocol, reason: Reason) {
        let _ = (protocol, reason);
    }
}

/// Counts nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// What kind of operation a document's chosen operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Reads.
    Query,
    /// Writes.
    Mutation,
    /// Is told.
    Subscription,
}

impl Kind {
    /// The label of a metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }
}

/// A protocol that carries subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The WebSocket subprotocol of npm `graphql-ws`.
    GraphqlTransportWs,
    /// The WebSocket subprotocol of npm `subscriptions-transport-ws`.
    GraphqlWs,
    /// Server-Sent Events, one operation a response.
    Sse,
}

impl Protocol {
    /// All protocols.
    pub const ALL: [Self; 3] = [Self::GraphqlTransportWs, Self::GraphqlWs, Self::Sse];

    /// The label of a metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GraphqlTransportWs => "graphql_transport_ws",
            Self::GraphqlWs => "graphql_ws",
            Self::Sse => "sse",
        }
    }
}

/// Why a subscription is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It had nothing more to tell.
    Complete,
    /// The client said that it wants no more.
    Unsubscribed,
    /// The connection ended.
    Disconnected,
    /// The client was too far behind.
    Overloaded,
    /// The source of the events was replaced.
    Replaced,
    /// Nothing was heard of the client, or nothing could be written to it, for too long.
    Silent,
    /// The client broke the protocol.
    Misbehaved,
    /// The server is going away.
    GoingAway,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::Complete,
        Self::Unsubscribed,
        Self::Disconnected,
        Self::Overloaded,
        Self::Replaced,
        Self::Silent,
        Self::Misbehaved,
        Self::GoingAway,
    ];

    /// The label of a metric. Several reasons share one.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete | Self::Unsubscribed | Self::Disconnected => "left",
            Self::Overloaded => "overload",
            Self::Replaced => "replaced",
            Self::Silent => "silent",
            Self::Misbehaved => "protocol",
            Self::GoingAway => "shutdown",
        }
    }
}
