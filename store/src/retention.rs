//! Deletes data that is older than its retention period.
//!
//! Every deletion is recorded: deleting a price stores its position (`quotes.pruned_seq`,
//! `feed_head.pruned_seq`), so that an older cursor is known to have expired. The last row of the
//! feed is kept, so that a follower detects what it missed. The newest price of each stock is kept
//! in `quotes`, and alerts are kept. Called by the active tracker.

mod feed;
mod price;

pub use self::{
    feed::prune_feed,
    price::{PruneCursor, prune_prices},
};
use crate::{Error, Store, feed::FeedTransaction, partition};

/// Creates the partitions for the coming months, so that writers do not have to.
pub async fn create_partitions(store: &Store) -> Result<(), Error> {
    let feed = FeedTransaction::begin(store).await?;
    partition::create_ahead(feed.connection(), feed.recorded_at()).await?;
    feed.commit().await?;
    Ok(())
}
