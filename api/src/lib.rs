//! Serves stocks, prices and alerts over GraphQL, REST and WebSocket.
//!
//! The surfaces [`graphql`], [`rest`] and [`ws`] call one [`service`]. It answers from memory
//! ([`quote_board`], [`live`]), which follows the feed of committed events, or reads the database.
//! [`console`] serves web pages that use the surfaces. [`startup`] runs the program; on SQLite it
//! includes the tracker.

mod auth;
mod console;
mod etag;
mod graphql;
mod limits;
mod live;
mod metrics;
mod problem;
mod quote_board;
mod rest;
mod routes;
mod service;
pub mod startup;
mod ws;

pub use graphql::sdl;
pub use rest::openapi;
