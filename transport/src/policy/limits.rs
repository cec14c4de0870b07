//! Limits of the transports, with their defaults.
//!
//! Everything that a client controls has a limit here.

use std::time::Duration;

use crate::document::budget::QueryBudget;

/// Limits in bytes, counts and time.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Maximum size of an HTTP request body, in bytes.
    pub body_bytes: usize,
    /// Timeout for the body, from the end of the request's head.
    pub body_timeout: Duration,
    /// Limits of the document.
    pub budget: QueryBudget,
    /// Approximate size of the cache of documents that were executed, in bytes. They are not parsed
    /// and validated again. 0 disables the cache.
    pub prepared_bytes: usize,
    /// Timeout of a query or mutation, and of the start of a subscription.
    pub execution_timeout: Duration,
    /// Maximum size of a WebSocket message, in bytes.
    pub message_bytes: usize,
    /// Timeout for `connection_init`, from the upgrade.
    pub init_timeout: Duration,
    /// Interval of WebSocket pings and of comments in event streams.
    pub heartbeat_interval: Duration,
    /// A WebSocket is closed if its peer sends no byte for this long.
    pub idle_timeout: Duration,
    /// A WebSocket is closed if its peer accepts no byte of a write for this long.
    pub write_timeout: Duration,
    /// How long a closed WebSocket is kept open for the peer to receive the close code.
    pub close_timeout: Duration,
    /// Replaces `close_timeout` during a shutdown. Also the timeout for queries and mutations that
    /// are running when the shutdown begins.
    pub drain_timeout: Duration,
    /// Maximum number of concurrent operations on one WebSocket.
    pub operations_per_socket: usize,
    /// Maximum number of WebSockets and event streams from one address.
    pub connections_per_address: usize,
    /// Maximum number of WebSockets and event streams.
    pub connections: usize,
    /// Reading from a WebSocket pauses at this number of unsent replies.
    pub pending_replies: usize,
    /// A WebSocket is closed as overloaded at this size of unsent replies, in bytes.
    pub unsent_bytes: usize,
    /// Maximum number of frames that a WebSocket sends before it flushes.
    pub frames_per_flush: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            body_timeout: Duration::from_secs(10),
            budget: QueryBudget::default(),
            prepared_bytes: 16 << 20,
            execution_timeout: Duration::from_secs(10),
            message_bytes: 1 << 20,
            init_timeout: Duration::from_secs(10),
            heartbeat_interval: Duration::from_secs(12),
            idle_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(5),
            operations_per_socket: 100,
            connections_per_address: 10_000,
            connections: 100_000,
            pending_replies: 256,
            unsent_bytes: 8 << 20,
            frames_per_flush: 128,
        }
    }
}
