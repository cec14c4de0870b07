//! Reads the feed as it grows.
//!
//! Every batch is returned once, in order, whether or not a notification arrives. After an error,
//! the next read continues at the same position. Rows that were pruned before they were read are
//! detected: each row stores the position of its predecessor, and the last row is never pruned. A
//! feed that was replaced by another one is detected too, because every read checks the row at the
//! last position.

use entity::{Batch, Position};

use super::{
    source::{FeedSource, TableSource},
    stream::StreamSource,
};
use crate::{Error, Store};

/// The result of reading the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedUpdate {
    /// The batches since the last read, at most one page; empty if the feed has not grown.
    Batches(Vec<Batch>),
    /// Some batches were pruned before they were read. The follower continues at this position, the
    /// current end of the feed; earlier events are in the tables.
    Lost(Position),
    /// The database has a different feed than before: it was restored, replaced, or has lost rows
    /// that were read. The follower continues at this position, its end; earlier positions are not
    /// valid in it.
    Replaced(Position),
}

/// Reads the feed from a position onwards.
pub struct FeedFollower {
    store: Store,
    source: Box<dyn FeedSource>,
    position: Position,
}

impl FeedFollower {
    /// Creates a follower that starts after `position`.
    pub fn after(store: Store, position: Position) -> Self {
        let source: Box<dyn FeedSource> = match &store.stream {
            None => Box::new(TableSource::new(store.clone())),
            Some(stream) => {
                let stream = stream.clone();
                Box::new(StreamSource::new(stream, store.clone(), position.epoch))
            }
        };
        Self {
            store,
            source,
            position,
        }
    }

    /// The store that is followed.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The position up to which the feed was read.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Waits until the feed may have grown.
    pub async fn wait(&mut self) {
        self.source.wait().await;
    }

    /// Reads the next batches.
    pub async fn read_once(&mut self) -> Result<FeedUpdate, Error> {
        let update = self.source.read(self.position).await?;
        match &update {
            FeedUpdate::Lost(position) => self.position = *position,
            FeedUpdate::Replaced(position) => *self = Self::after(self.store.clone(), *position),
            FeedUpdate::Batches(batches) => {
                if let Some(last) = batches.last() {
                    self.position = last.end;
                }
            }
        }
        Ok(update)
    }
}
