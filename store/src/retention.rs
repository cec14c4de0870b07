//! Forgets what is older than the settings keep.
//!
//! One invariant: nothing goes in silence. With a price its place is noted (`quotes.pruned_seq`, `feed_head.pruned_seq`), so
//! that a cursor before it is known to have expired; the last row of the feed stays, so that a follower finds out what
//! it missed; the newest price of a stock stays in `quotes`; alerts stay. The active tracker calls this.

mod feed;
mod price;

use std::time::Duration;

use sea_orm::DbErr;

pub use self::{
    feed::prune_feed,
    price::{Looked, prune_prices},
};
use crate::{Store, feed::FeedTransaction, partition};

/// How long what is kept, counted from when it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Prices.
    pub ticks: Duration,
    /// The feed's rows.
    pub feed: Duration,
}

/// Makes room for the prices to come, so that whoever writes them finds it there.
pub async fn make_room(store: &Store) -> Result<(), DbErr> {
    let feed = FeedTransaction::begin(store).await?;
    partition::create_ahead(feed.connection(), feed.recorded_at()).await?;
    feed.commit().await?;
    Ok(())
}
