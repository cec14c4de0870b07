//! Reads the feed from the tables `feed` and `feed_head`.

use entity::{
    Batch, Event, Position, Timestamp,
    table::{feed, feed_head},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::{FeedUpdate, writer::HEAD};
use crate::{Error, Store, sql::Sql};

/// Maximum number of batches per read.
const MAX_BATCHES: u64 = 256;

/// Returns the batches after `position`. Also checks the row at `position`, if it exists: in a feed
/// that was replaced, the position may belong to a different event.
pub(super) async fn follow(store: &Store, position: Position) -> Result<FeedUpdate, Error> {
    let mut rows = rows(store.database.read(), position.seq).await?;
    let Some(first) = rows.first() else {
        let end = end(store).await?;
        // Position 0 has no row. Rows may have been added since the query.
        let has_grown = (end.epoch, position.seq) == (position.epoch, 0) && end.seq > 0;
        return Ok(if end == position || has_grown {
            FeedUpdate::Batches(Vec::new())
        } else {
            FeedUpdate::Replaced(end)
        });
    };
    let has_own_row = first.seq == position.seq;
    let follows = if has_own_row {
        first.recorded_at == position.recorded_at
    } else {
        first.after_seq >= position.seq
    };
    if !follows || first.epoch != position.epoch {
        return end(store).await.map(FeedUpdate::Replaced);
    }
    if first.after_seq > position.seq {
        return end(store).await.map(FeedUpdate::Lost);
    }
    rows.drain(..usize::from(has_own_row));
    batches(&rows).map(FeedUpdate::Batches)
}

/// Whether a page has the maximum number of batches, so that more may follow.
pub(super) fn is_full_page(batches: &[Batch]) -> bool {
    // The row at the position that was read last is not among them.
    u64::try_from(batches.len()).is_ok_and(|count| count >= MAX_BATCHES)
}

/// Returns the batches after `seq` that are not pruned.
pub(super) async fn kept_after(store: &Store, seq: i64) -> Result<Vec<Batch>, Error> {
    let mut rows = rows(store.database.read(), seq).await?;
    rows.retain(|row| row.seq > seq);
    batches(&rows)
}

/// Returns the events after `seq`, as seen by a transaction. `None` if some are pruned, or if they
/// are more than one read returns.
pub(super) async fn events_after(
    connection: &impl ConnectionTrait,
    seq: i64,
) -> Result<Option<Vec<Event>>, Error> {
    let rows = rows(connection, seq).await?;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Ok(None);
    };
    let is_complete = first.seq == seq || first.after_seq <= seq;
    if !is_complete || last.seq < end_within(connection).await?.seq {
        return Ok(None);
    }
    let later: Vec<FeedRow> = rows.into_iter().filter(|row| row.seq > seq).collect();
    let batches = batches(&later)?;
    Ok(Some(
        batches.into_iter().flat_map(|batch| batch.events).collect(),
    ))
}

/// Whether the feed contains `position`. A pruned position counts as contained; the last row is
/// never pruned.
pub async fn has(store: &Store, position: Position) -> Result<bool, Error> {
    let within: Option<(i64, Timestamp)> = feed::Entity::find()
        .select_only()
        .columns([feed::Column::AfterSeq, feed::Column::RecordedAt])
        .filter(feed::Column::Seq.gte(position.seq))
        .order_by_asc(feed::Column::Seq)
        .into_tuple()
        .one(store.database.read())
        .await?;
    Ok(match within {
        Some((after_seq, recorded_at)) => {
            after_seq >= position.seq || recorded_at == position.recorded_at
        }
        None => position.seq == 0,
    })
}

/// Returns the end of the feed.
pub async fn end(store: &Store) -> Result<Position, Error> {
    end_within(store.database.read()).await
}

/// Returns the end of the feed as seen by a transaction.
pub(crate) async fn end_within(connection: &impl ConnectionTrait) -> Result<Position, Error> {
    let head = feed_head::Entity::find_by_id(HEAD)
        .one(connection)
        .await?
        .ok_or(Error::MissingRow("row in feed_head".into()))?;
    Ok(Position {
        epoch: head.epoch,
        seq: head.seq,
        recorded_at: head.recorded_at,
    })
}

/// A row with the epoch of its feed.
#[derive(FromQueryResult)]
struct FeedRow {
    seq: i64,
    after_seq: i64,
    recorded_at: Timestamp,
    events: String,
    epoch: i64,
}

/// Returns at most a page of rows, preceded by the row at `seq`, if it exists, without its events.
async fn rows(connection: &impl ConnectionTrait, seq: i64) -> Result<Vec<FeedRow>, Error> {
    let text = format!(
        "SELECT seq, after_seq, recorded_at, (SELECT epoch FROM feed_head WHERE id = {HEAD}) AS epoch, \
         CASE WHEN seq = "
    );
    let sql = Sql::new(connection, text)
        .bind(seq)
        .push(" THEN '[]' ELSE events END AS events FROM feed WHERE seq >= ")
        .bind(seq)
        .push(&format!(" ORDER BY seq LIMIT {}", MAX_BATCHES + 1));
    Ok(FeedRow::find_by_statement(sql.statement())
        .all(connection)
        .await?)
}

fn batches(rows: &[FeedRow]) -> Result<Vec<Batch>, Error> {
    rows.iter().map(batch).collect()
}

fn batch(row: &FeedRow) -> Result<Batch, Error> {
    let events = serde_json::from_str(&row.events).map_err(|source| Error::MalformedFeed {
        seq: row.seq,
        source,
    })?;
    Ok(Batch {
        end: Position {
            epoch: row.epoch,
            seq: row.seq,
            recorded_at: row.recorded_at,
        },
        events,
    })
}
