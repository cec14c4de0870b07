//! The feed as the database has it.

use entity::{
    Batch, Position,
    table::{feed, feed_head},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::{Followed, writer::HEAD};
use crate::Store;

/// The most batches read at once.
const PAGE: u64 = 256;

/// What follows `position`.
pub(super) async fn follow(store: &Store, position: Position) -> Result<Followed, DbErr> {
    let rows = rows(store, position.seq).await?;
    let pruned = |row: &feed::Model| row.after_seq > position.seq;
    if rows.first().is_some_and(pruned) {
        return end(store).await.map(Followed::Lost);
    }
    batches(position.epoch, &rows).map(Followed::Batches)
}

/// What is kept of what follows the place `seq`.
pub(super) async fn kept_after(store: &Store, epoch: i64, seq: i64) -> Result<Vec<Batch>, DbErr> {
    batches(epoch, &rows(store, seq).await?)
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

/// At most a page of rows.
async fn rows(store: &Store, seq: i64) -> Result<Vec<feed::Model>, DbErr> {
    feed::Entity::find()
        .filter(feed::Column::Seq.gt(seq))
        .order_by_asc(feed::Column::Seq)
        .limit(PAGE)
        .all(store.database.read())
        .await
}

fn batches(epoch: i64, rows: &[feed::Model]) -> Result<Vec<Batch>, DbErr> {
    rows.iter().map(|row| batch(epoch, row)).collect()
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
