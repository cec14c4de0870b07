//! Tests of the GraphQL API: its schema, lists, errors, mutations and subscriptions.

mod authorization;
mod candle;
mod connection;
mod mutation;
mod node;
mod query;
mod rule;
mod schema;
mod subscription;
