//! Every bound of the transports, in one place, with its default.
//!
//! Invariant: nothing that a peer controls is without a bound here. Read by every transport, set
//! by whoever builds one.

use std::time::Duration;

use crate::document::budget::Budget;

/// Bounds in bytes, counts and time.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of an HTTP request body.
    pub body_bytes: usize,
    /// From the request's head to the end of its body.
    pub body_deadline: Duration,
    /// How large an operation may be.
    pub budget: Budget,
    /// How long a query or mutation may run, and a subscription may take to start.
    pub execution_deadline: Duration,
    /// Bytes of a WebSocket message.
    pub message_bytes: usize,
    /// From the upgrade to `connection_init`.
    pub init_deadline: Duration,
    /// Between the pings of a WebSocket, and between the comments of an event stream.
    pub heartbeat: Duration,
    /// How long a WebSocket may be without any byte from its peer.
    pub silence: Duration,
    /// How long a WebSocket may have bytes to write of which its peer takes none.
    pub write_deadline: Duration,
    /// How long a closed WebSocket is kept for its peer to notice.
    pub close_deadline: Duration,
    /// When the server goes away: how long a WebSocket is kept for the queries and mutations that
    /// run on it, then for its peer to take what is left, then for it to notice.
    pub departure_deadline: Duration,
    /// Operations at a time on one WebSocket.
    pub operations_per_socket: usize,
    /// WebSockets and event streams at a time from one address.
    pub clients_per_address: usize,
    /// WebSockets and event streams at a time in all.
    pub clients: usize,
    /// Unsent answers of a WebSocket beyond which nothing more is read from it.
    pub replies_per_socket: usize,
    /// Bytes of unsent answers beyond which a WebSocket is closed as overloaded.
    pub unsent_bytes: usize,
    /// Frames of a WebSocket after which it is flushed even if more are ready.
    pub frames_per_flush: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            body_deadline: Duration::from_secs(10),
            budget: Budget::default(),
            execution_deadline: Duration::from_secs(10),
            message_bytes: 1 << 20,
            init_deadline: Duration::from_secs(10),
            heartbeat: Duration::from_secs(12),
            silence: Duration::from_secs(30),
            write_deadline: Duration::from_secs(30),
            close_deadline: Duration::from_secs(5),
            departure_deadline: Duration::from_secs(5),
            operations_per_socket: 100,
            clients_per_address: 10_000,
            clients: 100_000,
            replies_per_socket: 256,
            unsent_bytes: 8 << 20,
            frames_per_flush: 128,
        }
    }
}
