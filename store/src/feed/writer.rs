//! Appends to the feed.
//!
//! One invariant: positions are given out under the lock of the head's row, which is held until the commit; so the
//! order of positions is the order of commits, and `recorded_at` never decreases along it, even when a clock does.

use entity::{
    Event, Position, Timestamp,
    table::{feed, feed_head},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QuerySelect,
};

use super::{Bell, Doorbell};
use crate::{Store, partition::Partitions};

/// The id of the head's only row.
pub(crate) const HEAD: i32 = 1;

/// A transaction that tells of what it writes. Dropped without [`commit`](Self::commit), it leaves nothing behind.
pub struct FeedTransaction {
    transaction: DatabaseTransaction,
    doorbell: Doorbell,
    partitions: Partitions,
    head: feed_head::Model,
    seq: i64,
    now: Timestamp,
    recorded_at: Timestamp,
    events: Vec<Event>,
}

impl FeedTransaction {
    /// Begins, and waits for its turn: one writes at a time.
    pub async fn begin(store: &Store) -> Result<Self, DbErr> {
        let transaction = store.database.begin_write().await?;
        // SQLite knows no row locks and needs none: the transaction is its only writer from the start.
        let head = feed_head::Entity::find_by_id(HEAD)
            .lock_exclusive()
            .one(&transaction)
            .await?
            .ok_or_else(|| DbErr::RecordNotFound("the feed's head".to_owned()))?;
        let now = store.clock.now();
        let recorded_at = now.max(head.recorded_at);
        Ok(Self {
            transaction,
            doorbell: store.doorbell.clone(),
            partitions: store.partitions.clone(),
            seq: head.seq,
            head,
            now,
            recorded_at,
            events: Vec::new(),
        })
    }

    /// What the clock said when the transaction began; what it records may be later, if a clock was set back.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The instant of everything that this transaction records.
    pub fn recorded_at(&self) -> Timestamp {
        self.recorded_at
    }

    /// The connection to write with.
    pub fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Makes room for the prices that this transaction records.
    pub(crate) async fn prepare(&self) -> Result<(), DbErr> {
        self.partitions
            .prepare(&self.transaction, self.recorded_at)
            .await
    }

    /// Says that what this transaction was to record could not be.
    pub(crate) fn unprepare(&self) {
        self.partitions.forget();
    }

    /// The next place in the feed; an event with it must be [pushed](Self::push).
    pub fn next_seq(&mut self) -> i64 {
        self.seq += 1;
        self.seq
    }

    /// Tells of something, once committed.
    pub fn push(&mut self, event: Event) {
        debug_assert!(
            event.seq() <= self.seq,
            "an event is told at a place that was given out"
        );
        self.events.push(event);
    }

    /// Commits, and wakes whoever follows. Answers where the feed ends now.
    pub async fn commit(self) -> Result<Position, DbErr> {
        let position = Position {
            epoch: self.head.epoch,
            seq: self.seq,
            recorded_at: self.recorded_at,
        };
        if self.events.is_empty() {
            self.transaction.commit().await?;
            return Ok(position);
        }
        let events = serde_json::to_string(&self.events)
            .map_err(|error| DbErr::Custom(format!("events do not serialise: {error}")))?;
        let row = feed::ActiveModel {
            seq: Set(self.seq),
            after_seq: Set(self.head.seq),
            recorded_at: Set(self.recorded_at),
            events: Set(events),
        };
        feed::Entity::insert(row)
            .exec_without_returning(&self.transaction)
            .await?;
        let mut head = self.head.into_active_model();
        head.seq = Set(self.seq);
        head.recorded_at = Set(self.recorded_at);
        head.update(&self.transaction).await?;
        Doorbell::announce(&self.transaction, Bell::Feed).await?;
        self.transaction.commit().await?;
        self.doorbell.ring(Bell::Feed);
        Ok(position)
    }
}
