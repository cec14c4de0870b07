//! Serves stocks, prices and alerts over GraphQL, REST and WebSocket.
//!
//! One invariant: what is served was committed: the feed is followed ([`hub`], [`board`]), the rest is read; every surface
//! ([`graphql`], [`rest`], [`socket`]) asks one [`service`]. The program of this name runs it, on SQLite with a tracker inside.

mod access;
mod board;
mod graphql;
mod hub;
mod observe;
pub mod program;
mod rest;
mod server;
mod service;
mod ws;

#[cfg(feature = "bench")]
pub use graphql::sample;
pub use graphql::sdl;
pub use rest::openapi;
