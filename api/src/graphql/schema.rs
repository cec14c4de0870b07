//! Builds the GraphQL schema and its SDL.

use async_graphql::{SDLExportOptions, SchemaBuilder};
use transport::Types;

use super::{
    loader::batcher, mutation::Mutation, query::Query, scalar::CustomScalars,
    subscription::SubscriptionRoot,
};
use crate::service::Service;

/// The GraphQL schema.
pub(crate) type Schema = async_graphql::Schema<Query, Mutation, SubscriptionRoot>;

/// Settings of the schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SchemaOptions {
    /// Whether clients can query the schema itself.
    pub(crate) introspection: bool,
    /// Whether the error of an unknown name suggests similar names.
    pub(crate) suggestions: bool,
}

/// Builds the schema over a service.
pub(crate) fn schema(service: Service, options: SchemaOptions) -> Schema {
    builder(service, options).finish()
}

/// The builder of [`schema`].
pub(super) fn builder(
    service: Service,
    options: SchemaOptions,
) -> SchemaBuilder<Query, Mutation, SubscriptionRoot> {
    let mut builder = Schema::build(Query, Mutation, SubscriptionRoot)
        .data(batcher(service.clone()))
        .data(service);
    if !options.introspection {
        builder = builder.disable_introspection();
    }
    if !options.suggestions {
        builder = builder.disable_suggestions();
    }
    builder
}

/// Returns the schema's types, with which the transport validates documents.
pub(crate) fn types() -> Types {
    let types = Types::from_sdl(&sdl()).expect("the generated schema text parses");
    types.with_scalars(CustomScalars)
}

/// Returns the schema as SDL, the content of `schema.graphql`.
pub fn sdl() -> String {
    let schema = Schema::build(Query, Mutation, SubscriptionRoot).finish();
    let mut text = schema.sdl_with_options(
        SDLExportOptions::new()
            .sorted_fields()
            .sorted_enum_items()
            .include_specified_by(),
    );
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}
