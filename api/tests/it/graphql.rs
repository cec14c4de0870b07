//! GraphQL, by its own rules.

mod connection;
mod fence;
mod mutation;
mod node;
mod query;
mod schema;
mod subscription;
