//! Reads the feed as it grows.
//!
//! One invariant: every batch is handed out once, in order, whether a bell rang or not; an error loses nothing, the
//! next read goes on from the same place. What was pruned before it could be read is never passed over in silence: a row
//! says which one came before it, and the last one is never pruned.

use entity::{
    Batch, Position,
    table::{feed, feed_head},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::{Bell, Listening, writer::HEAD};
use crate::Store;

/// The most batches read at once.
const PAGE: u64 = 256;

/// What a look at the feed found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// The batches since the last read, at most a page of them; none when the feed has not grown.
    Batches(Vec<Batch>),
    /// Some of what came since was pruned: this follower was away for too long. It goes on from this place, where the
    /// feed ended just now; what came before is in the tables.
    Lost(Position),
}

/// Somebody who reads the feed from a place onwards.
pub struct FeedFollower {
    store: Store,
    bell: Listening,
    position: Position,
}

impl FeedFollower {
    /// Follows from a place onwards.
    pub fn after(store: Store, position: Position) -> Self {
        let bell = store.doorbell.listen(Bell::Feed);
        Self {
            store,
            bell,
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
        self.bell.rung().await;
    }

    /// Reads on.
    pub async fn read_once(&mut self) -> Result<Followed, DbErr> {
        let rows = feed::Entity::find()
            .filter(feed::Column::Seq.gt(self.position.seq))
            .order_by_asc(feed::Column::Seq)
            .limit(PAGE)
            .all(self.store.database.read())
            .await?;
        if rows
            .first()
            .is_some_and(|row| row.after_seq > self.position.seq)
        {
            self.position = end(&self.store).await?;
            return Ok(Followed::Lost(self.position));
        }
        let batches = rows
            .into_iter()
            .map(|row| batch(self.position.epoch, &row))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(last) = batches.last() {
            self.position = last.end;
        }
        Ok(Followed::Batches(batches))
    }
}

/// Where the feed ends.
pub async fn end(store: &Store) -> Result<Position, DbErr> {
    end_within(store.database.read()).await
}

/// Where the feed ends for a transaction.
pub(crate) async fn end_within(connection: &impl ConnectionTrait) -> Result<Position, DbErr> {
    let head = feed_head::Entity::find_by_id(HEAD)
        .one(connection)
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("the feed's head".to_owned()))?;
    Ok(Position {
        epoch: head.epoch,
        seq: head.seq,
        recorded_at: head.recorded_at,
    })
}

fn batch(epoch: i64, row: &feed::Model) -> Result<Batch, DbErr> {
    let events = serde_json::from_str(&row.events)
        .map_err(|error| DbErr::Custom(format!("feed entry {} is unreadable: {error}", row.seq)))?;
    Ok(Batch {
        end: Position {
            epoch,
            seq: row.seq,
            recorded_at: row.recorded_at,
        },
        events,
    })
}
