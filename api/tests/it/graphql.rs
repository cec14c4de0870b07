//! GraphQL, by its own rules.

mod connection;
mod mutation;
mod node;
mod query;
mod schema;
mod subscription;
