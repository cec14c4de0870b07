//! Executes operations: queries and mutations alone, subscriptions in groups that share responses.

mod canonical;
mod executor;
mod feed_handle;
mod group;
mod mask;

pub(crate) use executor::Executor;
pub(super) use feed_handle::FeedHandle;
