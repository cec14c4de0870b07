//! The GraphQL API: the schema, and how its operations are run.
//!
//! One invariant: resolvers only translate; what is true and what is allowed is the service's to say.

#![expect(
    clippy::unused_async,
    reason = "the library's macros make every field a future"
)]

mod alert;
mod batch;
mod candle;
mod canonical;
mod connection;
mod executor;
mod fault;
mod group;
mod json;
mod kind;
mod loader;
mod mutation;
mod node;
mod plain;
mod price;
mod query;
mod row;
mod rule;
mod run;
#[cfg(feature = "bench")]
pub mod sample;
#[cfg(all(test, not(feature = "bench")))]
mod sample;
mod scalar;
mod status;
mod stock;
mod subscription;

use async_graphql::{ContextBase, Result};
use transport::Types;

pub(crate) use executor::Executor;

use crate::service::Service;

/// The schema.
pub(crate) type Schema =
    async_graphql::Schema<query::Query, mutation::Mutation, subscription::Subscription>;

/// What of the schema can be set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SchemaOptions {
    /// Whether clients may ask for the schema itself.
    pub(crate) introspection: bool,
    /// Whether an error names what resembles a name that the schema does not have.
    pub(crate) suggestions: bool,
}

/// The schema over a service.
pub(crate) fn schema(service: Service, options: SchemaOptions) -> Schema {
    let mut builder = Schema::build(query::Query, mutation::Mutation, subscription::Subscription)
        .data(loader::loader(service.clone()))
        .data(service);
    if !options.introspection {
        builder = builder.disable_introspection();
    }
    if !options.suggestions {
        builder = builder.disable_suggestions();
    }
    builder.finish()
}

/// The types of the schema, for validation where the library's falls short.
pub(crate) fn types() -> Types {
    let types = Types::from_sdl(&sdl()).expect("the schema's own text is readable");
    types.with_scalars(scalar::CustomScalars)
}

/// The schema's text, as `schema.graphql` has it.
pub fn sdl() -> String {
    let schema =
        Schema::build(query::Query, mutation::Mutation, subscription::Subscription).finish();
    let mut text = schema.sdl_with_options(
        async_graphql::SDLExportOptions::new()
            .sorted_fields()
            .sorted_enum_items()
            .include_specified_by(),
    );
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The service of a context.
fn service<'a, T>(ctx: &ContextBase<'a, T>) -> Result<&'a Service> {
    ctx.data::<Service>()
}
