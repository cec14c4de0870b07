//! Values that resolvers find in a request's context.

use async_graphql::{Context, ContextBase, Guard, Result};

use super::loader::{Batcher, ServiceLoader};
use crate::{
    auth::Viewer,
    service::{Error, Service},
};

/// Returns the service that the schema was built over.
pub(super) fn service<'a, T>(ctx: &ContextBase<'a, T>) -> Result<&'a Service> {
    ctx.data::<Service>()
}

/// Returns the batching loader of the schema.
pub(super) fn batcher<'a>(ctx: &Context<'a>) -> Result<&'a Batcher<ServiceLoader>> {
    ctx.data::<Batcher<ServiceLoader>>()
}

/// Rejects requests without the admin token.
pub(super) struct Admin;

impl Guard for Admin {
    async fn check(&self, ctx: &Context<'_>) -> Result<()> {
        require_admin(ctx)
    }
}

/// Fails without the admin token.
pub(super) fn require_admin(ctx: &Context<'_>) -> Result<()> {
    match ctx.data_opt::<Viewer>() {
        Some(Viewer::Admin) => Ok(()),
        _ => Err(Error::Unauthenticated.into()),
    }
}
