//! HTTP/1.1 servers: listeners, connections with timeouts, and the server of metrics and health;
//! and the header `Retry-After`, for clients.
//!
//! `api` serves its clients through [`listener`], and both programs serve `/metrics`, `/livez` and
//! `/readyz` through [`metrics_server`].

mod connection;
pub mod listener;
pub mod metrics_server;
mod protocol_error;
mod retry_after;
mod timeout_stream;

pub use retry_after::retry_after;

#[cfg(test)]
mod tests;
