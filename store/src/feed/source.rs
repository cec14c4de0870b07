//! The sources that a follower reads the feed from: the database table, or a NATS stream.
//!
//! Both return the content of the table, in order, without gaps, and only committed rows.
//! [`super::FeedFollower`] reads from one of them.

use async_trait::async_trait;
use entity::Position;

use super::{FeedUpdate, Topic, TopicSubscription, table};
use crate::{Error, Store};

/// A source of the feed for one follower.
#[async_trait]
pub(crate) trait FeedSource: Send {
    /// Waits until there may be new batches, for at most a second.
    async fn wait(&mut self);

    /// Returns the batches after `position` that are available; none if the feed has not grown.
    async fn read(&mut self, position: Position) -> Result<FeedUpdate, Error>;
}

/// Reads the table, woken by the doorbell.
pub(crate) struct TableSource {
    store: Store,
    notifications: TopicSubscription,
}

impl TableSource {
    /// Creates a source that receives all notifications from now on.
    pub(crate) fn new(store: Store) -> Self {
        let notifications = store.doorbell.subscribe(Topic::Feed);
        Self {
            store,
            notifications,
        }
    }
}

#[async_trait]
impl FeedSource for TableSource {
    async fn wait(&mut self) {
        self.notifications.notified().await;
    }

    async fn read(&mut self, position: Position) -> Result<FeedUpdate, Error> {
        table::follow(&self.store, position).await
    }
}
