//! Where a follower reads the feed.
//!
//! One invariant: whichever way it comes, the feed is the table's: in order, without a gap, nothing that is not
//! committed. [`super::FeedFollower`] reads one of these; the database is one, a NATS stream the other.

use async_trait::async_trait;
use entity::Position;
use sea_orm::DbErr;

use super::{Bell, Followed, Listening, table};
use crate::Store;

/// One follower's way to the feed.
#[async_trait]
pub(crate) trait FeedSource: Send {
    /// Waits until reading may bring something, for a second at most.
    async fn wait(&mut self);

    /// What follows `position`, as much as is at hand; no batches if the feed has not grown.
    async fn read(&mut self, position: Position) -> Result<Followed, DbErr>;
}

/// The feed's table, and the doorbell that says when to look.
pub(crate) struct TableSource {
    store: Store,
    bell: Listening,
}

impl TableSource {
    /// Hears every ring from now on.
    pub(crate) fn new(store: Store) -> Self {
        let bell = store.doorbell.listen(Bell::Feed);
        Self { store, bell }
    }
}

#[async_trait]
impl FeedSource for TableSource {
    async fn wait(&mut self) {
        self.bell.rung().await;
    }

    async fn read(&mut self, position: Position) -> Result<Followed, DbErr> {
        table::follow(&self.store, position).await
    }
}
