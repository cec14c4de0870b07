//! Tests of the GraphQL API: its schema, lists, errors, mutations and subscriptions.

mod authorization;
mod candle;
mod connection;
mod mutation;
mod node;
mod query;
mod schema;
mod subscription;
