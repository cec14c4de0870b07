//! Forgets the feed's old rows.
//!
//! One invariant: what goes is a run from the beginning that leaves at least the last row.

use entity::{Timestamp, table::feed};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};

use super::Retention;
use crate::Store;

/// The most rows that go at once; those who write wait no longer than that takes.
const BATCH: usize = 500;

#[derive(FromQueryResult)]
struct Row {
    seq: i64,
    recorded_at: Timestamp,
}

/// Drops a batch of what is older than the feed is kept. Answers whether there is more.
pub async fn prune_feed(store: &Store, retention: Retention) -> Result<bool, DbErr> {
    let horizon = store.clock.now().before(retention.feed);
    let mut oldest = feed::Entity::find()
        .select_only()
        .columns([feed::Column::Seq, feed::Column::RecordedAt])
        .order_by_asc(feed::Column::Seq)
        .limit(BATCH as u64 + 1)
        .into_model::<Row>()
        .all(store.database.read())
        .await?;
    // The last one may be the feed's last.
    oldest.pop();
    let old = oldest.partition_point(|row| row.recorded_at < horizon);
    let Some(last) = old.checked_sub(1).and_then(|at| oldest.get(at)) else {
        return Ok(false);
    };
    feed::Entity::delete_many()
        .filter(feed::Column::Seq.lte(last.seq))
        .exec(store.database.write())
        .await?;
    Ok(old == BATCH)
}
