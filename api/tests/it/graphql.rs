//! GraphQL, by its own rules.

mod candle;
mod connection;
mod fence;
mod mutation;
mod node;
mod query;
mod schema;
mod subscription;
