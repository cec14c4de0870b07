//! The sources that a follower reads the feed from: the database table, or a NATS stream.
//!
//! Both return the content of the table, in order, without gaps, and only committed rows.
//! [`super::FeedFollower`] reads from one of them.

use std::sync::Arc;

use async_trait::async_trait;
use entity::{Batch, Position};
use tokio::{
    sync::broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    time::timeout,
};

use super::{FeedUpdate, doorbell::POLL_INTERVAL, entry::FeedEntry, table};
use crate::{Error, Store};

/// A source of the feed for one follower.
#[async_trait]
pub(crate) trait FeedSource: Send {
    /// Waits until there may be new batches, for at most a second.
    async fn wait(&mut self);

    /// Returns the batches after `position` that are available; none if the feed has not grown.
    async fn read(&mut self, position: Position) -> Result<FeedUpdate, Error>;
}

/// Receives entries with the doorbell, and reads the table where it has none.
///
/// The table is read at the start, after each notification without an entry, after an entry that
/// does not follow the last one, and after each second without notifications.
pub(crate) struct TableSource {
    store: Store,
    notifications: Receiver<Option<Arc<FeedEntry>>>,
    received: Vec<Arc<FeedEntry>>,
    /// Whether to read the table next.
    read_table_next: bool,
}

impl TableSource {
    /// Creates a source that receives all notifications from now on.
    pub(crate) fn new(store: Store) -> Self {
        let notifications = store.doorbell.entries();
        Self {
            store,
            notifications,
            received: Vec::new(),
            read_table_next: true,
        }
    }

    /// Receives what has already arrived.
    fn receive_available(&mut self) {
        loop {
            match self.notifications.try_recv() {
                Ok(Some(entry)) => self.received.push(entry),
                Ok(None) | Err(TryRecvError::Lagged(_)) => self.read_table_next = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    /// Returns the received batches that follow `position`.
    fn take_batches(&mut self, position: Position) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        for entry in self.received.drain(..) {
            let end = batches.last().map_or(position, |batch| batch.end);
            if entry.after == end {
                batches.push(entry.batch.clone());
            } else if entry.batch.end != end {
                // The table contains all batches that are missing here.
                self.read_table_next = true;
                break;
            }
        }
        batches
    }
}

#[async_trait]
impl FeedSource for TableSource {
    async fn wait(&mut self) {
        if self.read_table_next || !self.received.is_empty() {
            return;
        }
        match timeout(POLL_INTERVAL, self.notifications.recv()).await {
            Ok(Ok(Some(entry))) => self.received.push(entry),
            Ok(Ok(None) | Err(RecvError::Lagged(_))) | Err(_) => self.read_table_next = true,
            // The sender was dropped. Polling continues at the same interval.
            Ok(Err(RecvError::Closed)) => {
                tokio::time::sleep(POLL_INTERVAL).await;
                self.read_table_next = true;
            }
        }
    }

    async fn read(&mut self, position: Position) -> Result<FeedUpdate, Error> {
        self.receive_available();
        if !self.read_table_next {
            let batches = self.take_batches(position);
            if !batches.is_empty() || !self.read_table_next {
                return Ok(FeedUpdate::Batches(batches));
            }
        }
        // The table contains what was received.
        self.received.clear();
        let update = table::follow(&self.store, position).await?;
        // There may be more than one page.
        self.read_table_next = match &update {
            FeedUpdate::Batches(batches) => table::is_full_page(batches),
            FeedUpdate::Lost(_) | FeedUpdate::Replaced(_) => true,
        };
        Ok(update)
    }
}
