//! Deletes old rows of the feed.
//!
//! The deleted rows are a prefix of the feed; at least the last row is kept.

use entity::{Timestamp, table::feed};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};

use crate::{Error, Store};
use runtime::config::RetentionSettings;

/// Maximum number of rows deleted at once, which bounds how long writers wait.
const BATCH: usize = 500;

#[derive(FromQueryResult)]
struct PrunableRow {
    seq: i64,
    recorded_at: Timestamp,
}

/// Deletes a batch of rows that are older than the retention period. Returns whether more
/// remain.
pub async fn prune_feed(store: &Store, retention: RetentionSettings) -> Result<bool, Error> {
    let horizon = store.clock.now().before(retention.feed);
    let mut oldest = feed::Entity::find()
        .select_only()
        .columns([feed::Column::Seq, feed::Column::RecordedAt])
        .order_by_asc(feed::Column::Seq)
        .limit(BATCH as u64 + 1)
        .into_model::<PrunableRow>()
        .all(store.database.read())
        .await?;
    // This may be the last row of the feed.
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
