//! GraphQL, by its own rules.

mod authorization;
mod candle;
mod connection;
mod mutation;
mod node;
mod query;
mod schema;
mod subscription;
