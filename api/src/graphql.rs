//! The GraphQL API: its schema, and the execution of operations.
//!
//! Resolvers only translate between the schema and [`Service`](crate::service::Service), which
//! holds the rules.

#![expect(
    clippy::unused_async,
    reason = "the library's macros make every field a future"
)]

mod argument;
mod context;
mod enums;
mod exec;
#[cfg(test)]
mod fixture;
mod json;
mod loader;
mod mutation;
mod object;
mod plan;
mod query;
mod scalar;
mod schema;
mod subscription;

pub(crate) use exec::Executor;
pub use schema::sdl;
pub(crate) use schema::{SchemaOptions, schema, types};
