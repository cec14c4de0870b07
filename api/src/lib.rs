//! Serves stocks, prices and alerts over GraphQL, REST and WebSocket.
//!
//! One invariant: what is served was committed: the feed is followed ([`live`], [`quote_board`]), the rest is read; every surface
//! ([`graphql`], [`rest`], [`socket`]) asks one [`service`]. The program of this name runs it, on SQLite with a tracker inside.

mod auth;
mod graphql;
mod limits;
mod live;
mod metrics;
mod problem;
mod quote_board;
mod rest;
mod routes;
mod service;
mod socket;
pub mod startup;

#[cfg(feature = "bench")]
pub use graphql::sample;
pub use graphql::sdl;
pub use rest::openapi;
