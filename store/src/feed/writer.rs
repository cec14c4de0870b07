//! Appends to the feed.
//!
//! Positions are assigned while the row of `feed_head` is locked, until the commit. The order of
//! positions is therefore the order of commits, and `recorded_at` never decreases along it, even if
//! the clock steps backwards.

use entity::{Batch, Event, Position, Timestamp};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};

use super::{Doorbell, Topic, entry::FeedEntry};
use crate::{
    Error, Store,
    partition::Partitions,
    sql::{Sql, execute_all},
};

/// The id of the only row of `feed_head`.
pub(crate) const HEAD: i32 = 1;

/// A transaction that appends its events to the feed. Rolls back if dropped without
/// [`commit`](Self::commit).
pub struct FeedTransaction {
    transaction: DatabaseTransaction,
    doorbell: Doorbell,
    partitions: Partitions,
    /// The end of the feed before this transaction.
    head: Position,
    seq: i64,
    now: Timestamp,
    recorded_at: Timestamp,
    events: Vec<Event>,
    /// The statements that are executed with the entry of the feed, or by
    /// [`execute_deferred`](Self::execute_deferred).
    deferred: Vec<Sql>,
}

impl FeedTransaction {
    /// Begins a transaction. Waits for other writers, because only one may write at a time.
    pub async fn begin(store: &Store) -> Result<Self, Error> {
        let transaction = store.database.begin_write().await?;
        // SQLite ignores row locks and does not need them: a write transaction is the only writer.
        let is_postgres = transaction.get_database_backend() == DbBackend::Postgres;
        let lock = if is_postgres { " FOR UPDATE" } else { "" };
        let text = format!("SELECT epoch, seq, recorded_at FROM feed_head WHERE id = {HEAD}{lock}");
        let head = transaction
            .query_one_raw(Sql::new(&transaction, text).statement())
            .await?
            .ok_or(Error::MissingRow("row in feed_head".into()))?;
        let head = Position {
            epoch: head.try_get_by_index(0)?,
            seq: head.try_get_by_index(1)?,
            recorded_at: head.try_get_by_index(2)?,
        };
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
            deferred: Vec::new(),
        })
    }

    /// The time of the clock when the transaction began. [`recorded_at`](Self::recorded_at) may be
    /// later, if the clock stepped backwards.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The time at which everything in this transaction is recorded.
    pub fn recorded_at(&self) -> Timestamp {
        self.recorded_at
    }

    /// The end of the feed before this transaction.
    pub fn start(&self) -> Position {
        self.head
    }

    /// Returns the events after `seq` up to this transaction. `None` if some are pruned, or if they
    /// are many.
    pub async fn events_after(&self, seq: i64) -> Result<Option<Vec<Event>>, Error> {
        if seq == self.head.seq {
            return Ok(Some(Vec::new()));
        }
        super::table::events_after(&self.transaction, seq).await
    }

    /// The connection to write with.
    pub fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Executes a statement on commit, in one round trip with the entry of the feed. Deferred
    /// statements must write different rows, and the transaction must not read what they write
    /// unless it [executes](Self::execute_deferred) them before.
    pub(crate) fn defer(&mut self, sql: Sql) {
        self.deferred.push(sql);
    }

    /// Executes the deferred statements now.
    pub async fn execute_deferred(&mut self) -> Result<(), Error> {
        let deferred = std::mem::take(&mut self.deferred);
        execute_all(&self.transaction, deferred)
            .await
            // The partition of the prices may be missing.
            .inspect_err(|_| self.partitions.forget())
    }

    /// Creates the partition for the prices of this transaction.
    pub(crate) async fn prepare_partition(&self) -> Result<(), Error> {
        self.partitions
            .prepare(&self.transaction, self.recorded_at)
            .await
    }

    /// Returns the next position in the feed. An event with this position must be
    /// [pushed](Self::push).
    pub fn next_seq(&mut self) -> i64 {
        self.seq += 1;
        self.seq
    }

    /// Adds an event, which is published on commit, in the order of positions.
    pub fn push(&mut self, event: Event) {
        debug_assert!(
            event.seq() <= self.seq,
            "the position of an event was returned by `next_seq`"
        );
        self.events.push(event);
    }

    /// Commits and wakes the followers. Returns the new end of the feed.
    pub async fn commit(mut self) -> Result<Position, Error> {
        let position = Position {
            epoch: self.head.epoch,
            seq: self.seq,
            recorded_at: self.recorded_at,
        };
        if self.events.is_empty() {
            self.execute_deferred().await?;
            self.transaction.commit().await?;
            return Ok(position);
        }
        // Clients that resume skip what comes before their cursor.
        self.events.sort_by_key(Event::seq);
        let events = serde_json::to_string(&self.events).map_err(Error::Serialize)?;
        let (transaction, after) = (&self.transaction, self.head);
        let text = "INSERT INTO feed (seq, after_seq, recorded_at, events) VALUES ";
        let is_postgres = transaction.get_database_backend() == DbBackend::Postgres;
        let payload = is_postgres.then(|| FeedEntry::payload(after, position, &events));
        let row = vec![
            position.seq.into(),
            after.seq.into(),
            position.recorded_at.into(),
            events.into(),
        ];
        let insert = Sql::new(transaction, text).bind_row(row);
        let mut update = Sql::new(transaction, "UPDATE feed_head SET seq = ")
            .bind(position.seq)
            .push(", recorded_at = ")
            .bind(position.recorded_at)
            .push(&format!(" WHERE id = {HEAD}"));
        // The other processes are notified when this transaction commits.
        if let Some(payload) = payload {
            update = update
                .push(&format!(
                    " RETURNING pg_notify('{}', ",
                    Topic::Feed.channel()
                ))
                .bind(payload)
                .push(")");
        }
        self.deferred.extend([insert, update]);
        self.execute_deferred().await?;
        self.transaction.commit().await?;
        self.doorbell.announce(FeedEntry {
            after,
            batch: Batch {
                end: position,
                events: self.events,
            },
        });
        Ok(position)
    }
}
