//! HTTP/1.1 servers: listeners, connections with timeouts, and the server of metrics and health.
//!
//! `api` serves its clients through [`listener`], and both programs serve `/metrics`, `/livez` and
//! `/readyz` through [`metrics_server`].

mod connection;
pub mod listener;
pub mod metrics_server;
mod protocol_error;
mod timeout_stream;

#[cfg(test)]
mod tests;
