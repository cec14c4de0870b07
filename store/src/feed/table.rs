//! Reads the feed from the tables `feed` and `feed_head`.

use entity::{
    Batch, Event, Position, Timestamp,
    table::{feed, feed_head},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QueryResult, QuerySelect,
    sqlx::{self, postgres::PgListener},
};

use super::{FeedUpdate, doorbell::ENTRIES, entry::FeedEntry, writer::HEAD};
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

/// Returns the end of the feed, read over the connection for notifications.
pub(super) async fn notified_end(listener: &mut PgListener) -> Result<Position, Error> {
    let text = "SELECT epoch, seq, recorded_at FROM feed_head WHERE id = $1";
    let row = sqlx::query(text).bind(HEAD).fetch_one(listener).await?;
    let row = QueryResult::from(row);
    Ok(Position {
        epoch: row.try_get("", "epoch")?,
        seq: row.try_get("", "seq")?,
        recorded_at: row.try_get("", "recorded_at")?,
    })
}

/// Returns the entries after `position`, read over the connection for notifications: unlike one of
/// the pool, it is not checked after each use. `None` if the feed does not continue at `position`,
/// or if the entries are more than the doorbell keeps for followers.
pub(super) async fn notified_entries(
    listener: &mut PgListener,
    position: Position,
) -> Result<Option<Vec<FeedEntry>>, Error> {
    let text = "SELECT seq, after_seq, recorded_at, \
                (SELECT epoch FROM feed_head WHERE id = $1) AS epoch, \
                CASE WHEN seq = $2 THEN '[]' ELSE events END AS events \
                FROM feed WHERE seq >= $2 ORDER BY seq LIMIT $3";
    let limit = i64::try_from(ENTRIES + 2).unwrap_or(i64::MAX);
    let query = sqlx::query(text).bind(HEAD).bind(position.seq).bind(limit);
    let rows = query.fetch_all(listener).await?;
    let rows: Vec<FeedRow> = rows
        .into_iter()
        .map(|row| FeedRow::from_query_result(&row.into(), ""))
        .collect::<Result<_, _>>()?;
    let mut batches = batches(&rows)?.into_iter();
    let mut after = position;
    if batches.next().is_none_or(|own| own.end != position) || batches.len() > ENTRIES {
        return Ok(None);
    }
    let entries = batches.map(|batch| FeedEntry {
        after: std::mem::replace(&mut after, batch.end),
        batch,
    });
    Ok(Some(entries.collect()))
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

#[cfg(test)]
pub(super) mod tests {
    use sea_orm::sqlx::{Executor, PgPool};
    use testkit::TestDatabase;

    use super::*;

    const EPOCH: i64 = 7;

    pub(crate) fn position(seq: i64) -> Position {
        Position {
            epoch: EPOCH,
            seq,
            recorded_at: Timestamp::from_micros(seq * 10),
        }
    }

    /// Creates a database with an empty feed.
    pub(crate) async fn empty_feed() -> (TestDatabase, PgPool) {
        let database = TestDatabase::postgres().await;
        database.migrate().await.expect("tables");
        let pool = database.postgres_pool().expect("PostgreSQL").clone();
        let head = "INSERT INTO feed_head (id, epoch, seq, recorded_at) VALUES (1, 7, 0, 0)";
        pool.execute(head).await.expect("a head");
        (database, pool)
    }

    /// An entry of one event after the one at `after`.
    pub(crate) fn entry(after: i64, seq: i64) -> FeedEntry {
        FeedEntry {
            after: position(after),
            batch: Batch {
                end: position(seq),
                events: vec![Event::SplitsChanged { seq, stock_id: 1 }],
            },
        }
    }

    /// Adds an entry of one event after the one at `after`, and notifies without it.
    pub(crate) async fn append(pool: &PgPool, after: i64, seq: i64) {
        let events = serde_json::to_string(&entry(after, seq).batch.events).expect("JSON");
        let text = "WITH head AS (UPDATE feed_head SET seq = $1, recorded_at = $1 * 10) \
                    INSERT INTO feed (seq, after_seq, recorded_at, events) VALUES ($1, $2, $1 * 10, $3) \
                    RETURNING pg_notify('stock_tracker_feed', '')";
        let insert = sqlx::query(text).bind(seq).bind(after).bind(events);
        insert.execute(pool).await.expect("an entry");
    }

    #[tokio::test]
    async fn entries_are_read_over_the_connection_for_notifications() {
        let (_database, pool) = empty_feed().await;
        let pool = &pool;
        let mut listener = PgListener::connect_with(pool).await.expect("a connection");
        append(pool, 0, 1).await;
        let end = notified_end(&mut listener).await.expect("the end");
        assert_eq!(end, position(1));
        let read = notified_entries(&mut listener, end).await.expect("a read");
        assert_eq!(read, Some(Vec::new()));

        append(pool, 1, 2).await;
        append(pool, 2, 4).await;
        let read = notified_entries(&mut listener, end).await.expect("a read");
        assert_eq!(read, Some(vec![entry(1, 2), entry(2, 4)]));

        // A position of another feed.
        let other = Position { epoch: 8, ..end };
        let read = notified_entries(&mut listener, other)
            .await
            .expect("a read");
        assert_eq!(read, None);
        // Too many entries.
        for seq in 5..21 {
            append(pool, seq - 1, seq).await;
        }
        let read = notified_entries(&mut listener, end).await.expect("a read");
        assert_eq!(read, None);
        let read = notified_entries(&mut listener, position(4)).await;
        assert_eq!(read.expect("a read").map(|it| it.len()), Some(ENTRIES));
        // A position that was pruned.
        pool.execute("DELETE FROM feed WHERE seq <= 4")
            .await
            .expect("pruned");
        let read = notified_entries(&mut listener, position(4)).await;
        assert_eq!(read.expect("a read"), None);
    }
}
