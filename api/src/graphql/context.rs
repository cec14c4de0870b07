//! Values that resolvers find in a request's context.

use std::sync::Arc;

use async_graphql::{Context, ContextBase, Result};
use entity::AlertRule;

use super::loader::{AllRules, Batcher, ServiceLoader};
use crate::service::Service;

/// Returns the service that the schema was built over.
pub(super) fn service<'a, T>(ctx: &ContextBase<'a, T>) -> Result<&'a Service> {
    ctx.data::<Service>()
}

/// Returns the batching loader of the schema.
pub(super) fn batcher<'a>(ctx: &Context<'a>) -> Result<&'a Batcher<ServiceLoader>> {
    ctx.data::<Batcher<ServiceLoader>>()
}

/// Reads all alert rules, once for all objects that need them at the same time.
pub(super) async fn all_rules(ctx: &Context<'_>) -> Result<Arc<Vec<AlertRule>>> {
    Ok(batcher(ctx)?.load_one(AllRules).await?.unwrap_or_default())
}
