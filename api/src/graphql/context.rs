//! Values that resolvers find in a request's context.

use async_graphql::{Context, ContextBase, Result};

use super::loader::{Batcher, ServiceLoader};
use crate::service::Service;

/// Returns the service that the schema was built over.
pub(super) fn service<'a, T>(ctx: &ContextBase<'a, T>) -> Result<&'a Service> {
    ctx.data::<Service>()
}

/// Returns the batching loader of the schema.
pub(super) fn batcher<'a>(ctx: &Context<'a>) -> Result<&'a Batcher<ServiceLoader>> {
    ctx.data::<Batcher<ServiceLoader>>()
}
