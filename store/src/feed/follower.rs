//! Reads the feed as it grows.
//!
//! One invariant: every batch is handed out once, in order, whether a bell rang or not; an error loses nothing, the
//! next read goes on from the same place. What was pruned before it could be read is never passed over in silence: a row
//! says which one came before it, and the last one is never pruned. Nor is a feed passed over that is another than
//! before: every look sees the place that was read last.

use entity::{Batch, Position};
use sea_orm::DbErr;

use super::{
    source::{FeedSource, TableSource},
    stream::StreamSource,
};
use crate::Store;

/// What a look at the feed found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// The batches since the last read, at most a page of them; none when the feed has not grown.
    Batches(Vec<Batch>),
    /// Some of what came since was pruned: this follower was away for too long. It goes on from this place, where the
    /// feed ended just now; what came before is in the tables.
    Lost(Position),
    /// The database has another feed than the one that was followed: one that was restored, that another took the place
    /// of, or that lacks the end of what was read. This goes on from where it ends; what was read does not count there.
    Replaced(Position),
}

/// Somebody who reads the feed from a place onwards.
pub struct FeedFollower {
    store: Store,
    source: Box<dyn FeedSource>,
    position: Position,
}

impl FeedFollower {
    /// Follows from a place onwards.
    pub fn after(store: Store, position: Position) -> Self {
        let table = TableSource::new(store.clone());
        let source: Box<dyn FeedSource> = match &store.stream {
            None => Box::new(table),
            Some(stream) => Box::new(StreamSource::new(stream.clone(), table, position.epoch)),
        };
        Self {
            store,
            source,
            position,
        }
    }

    /// What is followed.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What has been read so far.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Waits until it is time to look again.
    pub async fn wait(&mut self) {
        self.source.wait().await;
    }

    /// Reads on.
    pub async fn read_once(&mut self) -> Result<Followed, DbErr> {
        let followed = self.source.read(self.position).await?;
        match &followed {
            Followed::Lost(position) => self.position = *position,
            Followed::Replaced(position) => *self = Self::after(self.store.clone(), *position),
            Followed::Batches(batches) => {
                if let Some(last) = batches.last() {
                    self.position = last.end;
                }
            }
        }
        Ok(followed)
    }
}
