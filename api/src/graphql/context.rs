//! Values that resolvers find in a request's context.

use std::sync::Arc;

use async_graphql::{Context, ContextBase, Guard, Result, Value, value};
use parking_lot::Mutex;
use store::symbol_search::SkippedProvider;

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

/// The providers that the searches of a request skipped. The executor adds them to the
/// `extensions` of the response.
#[derive(Clone, Debug, Default)]
pub(super) struct SearchReport(Arc<Mutex<Vec<SkippedProvider>>>);

impl SearchReport {
    /// Adds the providers that a search of the request skipped.
    pub(super) fn add(ctx: &Context<'_>, skipped: Vec<SkippedProvider>) {
        if let Some(Self(all)) = ctx.data_opt::<Self>() {
            let mut all = all.lock();
            for provider in skipped {
                if !all.contains(&provider) {
                    all.push(provider);
                }
            }
        }
    }

    /// Returns the value of `extensions.search`, or `None` if no provider was skipped.
    pub(super) fn extension(&self) -> Option<Value> {
        let skipped: Vec<Value> = self
            .0
            .lock()
            .iter()
            .map(|it| value!({"provider": it.provider.clone(), "reason": it.reason.clone()}))
            .collect();
        (!skipped.is_empty()).then(|| value!({"skipped": skipped}))
    }
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
