//! Executes operations: queries and mutations one by one, subscriptions in groups.

mod canonical;
mod executor;
mod feed_handle;
mod group;
mod mask;

pub(crate) use executor::Executor;
pub(super) use feed_handle::FeedHandle;
